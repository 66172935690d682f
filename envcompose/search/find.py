"""The search: settle prospects best first until nothing cheaper can be left."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from envcompose.model.decision import Artifact, Rejection
from envcompose.model.intent import ArtifactKind
from envcompose.model.names import canonical_name
from envcompose.model.values import dataclass
from envcompose.search.prospects import Prospect, Scout
from envcompose.search.settle import Settler
from envcompose.search.settled import Settled

_OFFERS = re.compile(r"Python|no versions? of|following versions of|is available")
"""Words of a conflict over what is offered, which differs from one Python to another."""

_MISSING = re.compile(r"there (?:are no versions|is no version) of ([A-Za-z0-9._-]+)(?:==([^\s,]+))?")
"""Words of a conflict over a project, or one release of it, of which nothing is offered for this Python."""

MOST_SETTLED = 24
"""How many candidates are resolved before the search gives up."""

MOST_OF_RELEASE = 8
"""How many candidates of one stack release are resolved before an older release is looked at."""


LONG_COMPILE = (1,)
"""What every cost with a long compile is at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best candidate (None: infeasible), what lost and why, and whether the bound cut the search short.

    `tried` counts the candidates that were resolved.
    """

    best: Settled | None
    rejected: tuple[Rejection, ...]
    dearer: tuple[Prospect, ...]
    complete: bool
    subject: str
    tried: int = 0


def find_candidate(scout: Scout, settler: Settler, tell: Callable[[str], None] = lambda line: None) -> Found:
    """Settle prospects in the order of their cost; a settled one wins when no other can cost less."""
    search = _Search(scout, settler, tell)
    for group in scout.prospects():
        search.add(group)
        # A long compile costs more than any older release without one, and a later group may hold such a release.
        search.run(below=LONG_COMPILE)
        if search.spent:
            # Whether there is another group is not known without the work of making it.
            search.has_more = True
        if (search.best is not None and search.best.cost < LONG_COMPILE) or search.spent:
            break
    # What compiles for long is the last resort, and must not go untried because the others used the bound up.
    search.bound += MOST_OF_RELEASE
    search.run()
    return search.found()


class _Attempts:
    """What was learned from the failed candidates of one release of the stack (or of the requirements alone)."""

    def __init__(self) -> None:
        self._tries = 0
        self._said: set[str] = set()
        self._is_over = False
        self._is_about_python = False
        self.newest_python: str | None = None
        """Newer ones fail over something that no torch changes."""

    def admits(self, prospect: Prospect) -> bool:
        """Is it worth resolving this candidate? Counts it."""
        if self._is_over or (self._is_about_python and not prospect.newer_pythons_failed):
            return False
        self._tries += 1
        return self._tries <= (MOST_OF_RELEASE if prospect.release is not None else MOST_SETTLED)

    def note(self, prospect: Prospect, why: Rejection) -> bool:
        """Learn from a failure; is the same candidate worth another try on an older Python?"""
        words = why.why.partition(" (with ")[0]
        if why.of_release:
            # The same words on two Pythons: no other candidate of this release will do better. That nothing is there
            # for either of them says nothing of older ones: only the files do.
            self._is_over = words in self._said and _MISSING.search(words) is None
            self._is_about_python = True
        elif prospect.newer_pythons_failed:
            self._is_about_python, self.newest_python = False, prospect.python
        self._said.add(words)
        return not self._is_over and (
            why.of_release or _OFFERS.search(words) is not None or why.rule == "artifact-exists"
        )


class _Search:
    def __init__(self, scout: Scout, settler: Settler, tell: Callable[[str], None]) -> None:
        self._scout = scout
        self._settler = settler
        self._tell = tell
        self._heap: list[tuple[tuple[int, ...], int, Prospect]] = []
        self._counter = 0
        self._settled = 0
        self.bound = MOST_SETTLED
        self.has_more = False
        """Were groups of candidates left unseen?"""
        self._rejected: list[Rejection] = []
        self._attempts: dict[Version | None, _Attempts] = {}
        self.best: Settled | None = None

    @property
    def spent(self) -> bool:
        """Is the bound on settled candidates reached?"""
        return self._settled >= self.bound

    def add(self, prospects: list[Prospect]) -> None:
        for prospect in prospects:
            self._counter += 1
            heapq.heappush(self._heap, (tuple(prospect.cost), self._counter, prospect))

    def run(self, *, below: tuple[int, ...] | None = None) -> None:
        """Settle what is waiting, cheapest first, until nothing cheaper than the best (or than `below`) is left."""
        while self._heap and not self.spent:
            cost, _, prospect = self._heap[0]
            if (self.best is not None and tuple(self.best.cost) <= cost) or (below is not None and cost >= below):
                return
            heapq.heappop(self._heap)
            self._settle(prospect)

    def _settle(self, prospect: Prospect) -> None:
        attempts = self._attempts.setdefault(prospect.release.version if prospect.release else None, _Attempts())
        if not attempts.admits(prospect):
            return
        if attempts.newest_python is not None and Version(prospect.python) > Version(attempts.newest_python):
            older = self._scout.on_older_python(prospect)
            self.add([older] if older else [])
            return
        self._settled += 1
        self._tell(f"resolving {prospect.label}")
        outcome = self._settler.settle(prospect)
        if isinstance(outcome, Rejection):
            self._turn_down(prospect, outcome)
            return
        if outcome.torch is None and prospect.torches and prospect.cost.python > 0:
            # Nothing in the closure is torch, so no torch may keep it from a newer Python.
            bare = self._scout.without_torch(prospect)
            self.add([bare] if bare else [])
        older = self._scout.on_older_python(prospect)
        lacking = _lacking_wheels(outcome)
        if lacking:
            # The rule is the newest Python for which every compiled package has a wheel; this one stays as a last resort.
            outcome = replace(outcome, cost=outcome.cost._replace(python=outcome.cost.python + 100))
            if older is not None:
                why = f"{', '.join(lacking)} has no wheel for it, though there is one for another"
                self.add([replace(older, newer_pythons=(*older.newer_pythons, f"not {prospect.python}: {why}"))])
        if self.best is None or outcome.cost < self.best.cost:
            self.best = outcome

    def _turn_down(self, prospect: Prospect, why: Rejection) -> None:
        self._rejected.append(why)
        attempts = self._attempts[prospect.release.version if prospect.release else None]
        if attempts.note(prospect, why):
            older = self._scout.on_older_python(prospect)
            missing = _MISSING.search(why.why) if why.of_release else None
            while missing is not None and older is not None and not self._offers(missing, older.python):
                older = self._scout.on_older_python(older)
            self.add([older] if older else [])

    def _offers(self, missing: re.Match[str], python: str) -> bool:
        """Is what is missing offered for another Python?"""
        try:
            version = Version(missing[2]) if missing[2] else None
        except InvalidVersion:
            return True
        return self._settler.offers(canonical_name(missing[1]), version, python)

    def found(self) -> Found:
        dearer = tuple(prospect for _, _, prospect in sorted(self._heap, key=lambda entry: entry[:2]))
        complete = self.best is not None or not (self.has_more or (self.spent and self._heap))
        return Found(
            best=self.best,
            rejected=(*self._scout.rejections, *self._rejected),
            dearer=dearer,
            complete=complete,
            subject=self._scout.subject,
            tried=self._settled,
        )


def _lacking_wheels(settled: Settled) -> list[str]:
    """Compiled packages that would be built only because their wheels are for other Pythons."""

    def lacks(artifact: Artifact) -> bool:
        built = artifact.kind in (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)
        return (
            built and artifact.compile is not None and any(entry.rule == "wheel-fits-python" for entry in artifact.lost)
        )

    return sorted(name for name, artifact in settled.artifacts.items() if lacks(artifact))


def dear_rejections(found: Found) -> list[Rejection]:
    """Candidates that stand, but that cost more than the chosen one: one line a release, with what makes it dear."""
    best = found.best
    dear: dict[str, Rejection] = {}
    for prospect in found.dearer:
        why = _dear_why(prospect)
        if best is None or why is None or prospect.release is None:
            continue
        what = f"{found.subject} {prospect.release.version}"
        dear.setdefault(what, Rejection(what=what, why=why, rule="no-long-compile", release=prospect.release.version))
    return list(dear.values())


def _dear_why(prospect: Prospect) -> str | None:
    if prospect.outlook.long_compiles:
        return f"{prospect.outlook.long_compiles[0]}, which --prefer newest accepts"
    return prospect.outlook.known_bad[0] if prospect.outlook.known_bad else None
