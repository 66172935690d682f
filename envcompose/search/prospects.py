"""Prospects: the candidates worth a resolve, cheapest first as far as their outlook tells (design.md, "Which candidate")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envcompose.errors import ProjectUnknown
from envcompose.model.analysis import MetadataSource
from envcompose.model.decision import Rejection
from envcompose.model.distribution import PackageFile
from envcompose.model.intent import Prefer
from envcompose.model.names import canonical_name
from envcompose.model.target import Layer, TorchChoice, admits_python, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex
from envcompose.resolve.metadata import header_values
from envcompose.search.outlook import Observer, Outlook, Stage
from envcompose.search.subject import Demand, Stack, StackRelease
from envcompose.search.torches import TORCH, describe

MOST_RELEASES = 150
"""How many of a stack's newest releases are looked at."""


_ANY = "any torch"

Failure = tuple[Outlook, TorchChoice | None, str]
"""An outlook that did not pass, with its torch and its Python."""


class Cost(NamedTuple):
    """The order of cost: the first difference decides, and less is better."""

    long_compile: int
    release: int
    known_bad: int
    other_index: int
    torch: int
    python: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A candidate: a release of the stack (None without one), the torches left to the resolver, a Python."""

    release: StackRelease | None
    torches: tuple[TorchChoice, ...]
    python: str
    cost: Cost
    outlook: Outlook
    newer_pythons: tuple[str, ...] = ()
    """What speaks against each newer Python."""
    newer_pythons_failed: bool = False
    """Was the same candidate resolved in vain on a newer Python?"""

    @property
    def label(self) -> str:
        """The candidate in the user's words."""
        torch = describe(self.torches[0]) if len(self.torches) == 1 else f"{len(self.torches)} torch releases"
        return f"{torch}, Python {self.python}" if self.torches else f"Python {self.python}"


class Scout:
    """Makes prospects for one intent, and remembers what it turned down and why."""

    def __init__(
        self,
        *,
        index: PackageIndex,
        observer: Observer,
        demand: Demand,
        stack: Stack | None,
        torches: Sequence[TorchChoice],
        pythons: Sequence[str],
        prefer: Prefer,
        locks: bool = False,
    ) -> None:
        self._index = index
        self._observer = observer
        self._demand = demand
        self._stack = stack
        self._torches = tuple(torches)
        self._pythons = tuple(pythons)
        self._prefer = prefer
        self._locks = locks
        """Is the lock written here? Then pixi need not read an isolated build's requirements."""
        self._active: dict[str, tuple[Requirement, ...]] = {}
        self._wanted: dict[tuple[Version, tuple[str, ...], str], tuple[Requirement, ...]] = {}
        self._read_already: dict[tuple[Version, str | None], StackRelease] = {}
        self._torch_versions = list(dict.fromkeys(torch.version for torch in self._torches))
        # Where the user names torch and no other stack, torch's own release is the one that should be newest.
        self._torch_first = stack is None and any(user.name == TORCH for user in demand.requirements)
        self.rejections: list[Rejection] = []
        self.subject = "these requirements" if stack is None else stack.recipe.name
        self.distribution = "" if stack is None else stack.distribution

    def prospects(self) -> Iterator[list[Prospect]]:
        """Groups of prospects, each sorted by cost; a later group is never cheaper than the best of an earlier one.

        Releases are looked at newest first until one needs no long compile, since older ones can only be dearer.
        """
        group: list[Prospect] = []
        for rank, version in enumerate(self._releases()):
            found = list(self._of_release(rank, version))
            group += found
            if any(self._prefer is Prefer.NEWEST or not prospect.cost.long_compile for prospect in found):
                yield sorted(group, key=lambda prospect: prospect.cost)
                group = []
        if group:
            yield sorted(group, key=lambda prospect: prospect.cost)

    def _releases(self) -> list[Version | None]:
        if self._stack is None:
            return [None]
        files = self._index.project(self._stack.distribution)
        if files is None:
            raise ProjectUnknown(name=self._stack.distribution, origin="the recipe")
        specifier = self._stack.specifier
        versions = {
            file.version for file in files if not file.yanked and specifier.contains(file.version, prereleases=True)
        }
        final = {version for version in versions if not version.is_prerelease}
        wanted = versions if specifier.prereleases else final or versions
        return [*sorted(wanted, reverse=True)[:MOST_RELEASES]]

    def _of_release(self, rank: int, version: Version | None) -> Iterator[Prospect]:
        """The prospects of one release: for each torch the newest Python that holds; equal ones are left to the resolver."""
        failures: list[Failure] = []
        passed: list[Prospect] = []
        for torch in self._torches or (None,):
            torch_rank = self._torch_rank(torch)
            prospect = self._of_torch(torch_rank if self._torch_first else rank, version, torch_rank, torch, failures)
            if prospect is not None:
                passed.append(prospect)
        if not passed:
            self.rejections.append(self._explain(version, failures))
        yield from _grouped(passed)

    def on_older_python(self, prospect: Prospect) -> Prospect | None:
        """The same candidate on the next older Python that holds, or None."""
        torch = prospect.torches[0] if prospect.torches else None
        ranks = (prospect.cost.release, self._torch_rank(torch))
        found = self._newest_python(prospect.release, torch, ranks, after=prospect.python, failures=[])
        if found is None:
            return None
        newer = (*prospect.newer_pythons, *found.newer_pythons)
        return replace(found, torches=prospect.torches, newer_pythons=newer, newer_pythons_failed=True)

    def without_torch(self, prospect: Prospect) -> Prospect | None:
        """The same candidate for a closure without torch, on the newest Python that holds."""
        return self._newest_python(prospect.release, None, (prospect.cost.release, 0), after=None, failures=[])

    def _torch_rank(self, torch: TorchChoice | None) -> int:
        return 0 if torch is None else self._torch_versions.index(torch.version)

    def _of_torch(
        self, rank: int, version: Version | None, torch_rank: int, torch: TorchChoice | None, failures: list[Failure]
    ) -> Prospect | None:
        release = None if version is None else self._read(version, torch)
        return self._newest_python(release, torch, (rank, torch_rank), after=None, failures=failures)

    def _newest_python(
        self,
        release: StackRelease | None,
        torch: TorchChoice | None,
        ranks: tuple[int, int],
        *,
        after: str | None,
        failures: list[Failure],
    ) -> Prospect | None:
        """The newest Python that holds; one without a long compile before a newer one with it (the order of cost)."""
        start = 0 if after is None else self._pythons.index(after) + 1
        newer: list[str] = []
        dear: Prospect | None = None
        for python_rank, python in enumerate(self._pythons[start:], start):
            outlook = self._look(release, torch, python)
            if outlook.passed:
                prospect = Prospect(
                    release=release,
                    torches=() if torch is None else (torch,),
                    python=python,
                    cost=self._cost(outlook, torch, ranks, python_rank),
                    outlook=outlook,
                    newer_pythons=tuple(newer),
                )
                if not prospect.cost.long_compile:
                    return prospect
                dear = dear or prospect
                newer.append(f"not {python}: {outlook.long_compiles[0]}")
                continue
            failures.append((outlook, torch, python))
            newer.append(f"not {python}: {outlook.why}")
            if outlook.stage in (Stage.TORCH, Stage.PARTNER, Stage.LOCK):
                return dear
        return dear

    def _cost(self, outlook: Outlook, torch: TorchChoice | None, ranks: tuple[int, int], python_rank: int) -> Cost:
        return Cost(
            long_compile=int(bool(outlook.long_compiles) and self._prefer is Prefer.PREBUILT),
            release=ranks[0],
            known_bad=len(outlook.known_bad),
            other_index=int(torch is not None and (torch.index is not None or torch.cuda != torch.line)),
            torch=ranks[1],
            python=python_rank,
        )

    def _look(self, release: StackRelease | None, torch: TorchChoice | None, python: str) -> Outlook:
        if release is not None and not _admits(release.requires_python, python):
            why = f"it needs Python {release.requires_python}"
            return Outlook(stage=Stage.NO_PYTHON, why=why, rule="requires-python")
        requirements = [*self._demanded(python)]
        if release is not None:
            requirements += self._required_by(release, python)
        # A constraint asks for nothing: it bears on what is required, and on the torch of the candidate.
        required = {TORCH, *(canonical_name(requirement.name) for requirement in requirements)}
        constraints = (user.requirement for user in self._demand.constraints if user.name in required)
        requirements += [*constraints]
        outlook = self._observer.look(requirements, torch, python)
        if outlook.passed and release is not None and release.follows_torch:
            return self._lockable(release, torch, outlook)
        return outlook

    def _demanded(self, python: str) -> tuple[Requirement, ...]:
        """What the user requires on this Python; judged once."""
        if python not in self._active:
            active = [requirement for _, requirement in self._demand.active(marker_environment(python))]
            self._active[python] = tuple(active)
        return self._active[python]

    def _required_by(self, release: StackRelease, python: str) -> tuple[Requirement, ...]:
        """The release itself and what it requires on this Python; made once, for whatever torch."""
        key = (release.version, release.requires, python)
        if key not in self._wanted:
            # An extra may name its own project again (`name[other-extra]`): that is this very release.
            own = [r for r in release.active(marker_environment(python)) if not self._is_subject(r)]
            self._wanted[key] = (*own, Requirement(f"{self.distribution}=={release.version}"))
        return self._wanted[key]

    def _is_subject(self, requirement: Requirement) -> bool:
        return self._stack is not None and canonical_name(requirement.name) == self._stack.distribution

    def _lockable(self, release: StackRelease, torch: TorchChoice | None, outlook: Outlook) -> Outlook:
        """pixi locks an isolated reading (facts: pixi.md §2.1), so that one must want the torch that is chosen."""
        if torch is None or torch.layer is Layer.SYSTEM or self._locks_with(torch):
            return outlook
        clash = self._lock_clash(release, torch)
        if clash is None:
            return outlook
        dear = "".join(f"; {text}" for text in dict.fromkeys(outlook.long_compiles))
        why = f"its requirements follow the installed torch, and read without one (as pixi locks it) it needs {clash.name}{clash.specifier}{dear}"
        return Outlook(stage=Stage.LOCK, why=why, rule="pixi-can-lock")

    def _lock_clash(self, release: StackRelease, torch: TorchChoice) -> Requirement | None:
        """What the isolated reading asks of torch, where that is not the torch chosen."""
        if not release.follows_torch:
            return None
        isolated = release.active(marker_environment(self._pythons[0]), isolated=True)
        wanted = [requirement for requirement in isolated if canonical_name(requirement.name) == TORCH]
        return next((r for r in wanted if not r.specifier.contains(torch.locked_version, prereleases=True)), None)

    def _read(self, version: Version, torch: TorchChoice | None) -> StackRelease:
        """A release as it is with this torch installed; read once, and once for all where it does not follow torch."""
        key = (version, None if torch is None else str(torch.version))
        found = self._read_already.get((version, _ANY)) or self._read_already.get(key)
        if found is None:
            found = self._read_once(version, torch)
            self._read_already[key if found.follows_torch else (version, _ANY)] = found
        return found

    def _read_once(self, version: Version, torch: TorchChoice | None) -> StackRelease:
        assert self._stack is not None
        file = _best_file(self._index.project(self._stack.distribution) or (), version)
        if file.is_wheel:
            headers = self._index.metadata(file)
            texts = tuple(header_values(headers, "Requires-Dist"))
            offered = tuple(header_values(headers, "Provides-Extra"))
            requires_python = next(header_values(headers, "Requires-Python"), file.requires_python)
            return self._release(version, texts, texts, requires_python, offered, follows=False)
        # One analysis for every torch in question: parsing costs more than reading it once more.
        versions = dict.fromkeys(str(choice.version) for choice in self._torches)
        analysis = self._index.analysis(file, torches=(None, *versions), python=self._pythons[0])
        isolated = analysis.readings[0]
        installed = None if torch is None else str(torch.version)
        chosen = next(reading for reading in analysis.readings if reading.torch == installed)
        follows = analysis.follows_torch
        source = chosen if follows and chosen.source is not MetadataSource.AS_FOUND else isolated
        return self._release(
            version,
            source.requires_dist,
            isolated.requires_dist,
            source.requires_python or file.requires_python,
            source.provides_extra,
            follows=follows,
        )

    def _release(
        self,
        version: Version,
        texts: tuple[str, ...],
        isolated: tuple[str, ...],
        requires_python: str | None,
        offered: tuple[str, ...],
        *,
        follows: bool,
    ) -> StackRelease:
        assert self._stack is not None
        extras, missing = self._stack.extras_of(offered)
        return StackRelease(
            version=version,
            requires=tuple(sorted(texts)),
            isolated=tuple(sorted(isolated)),
            requires_python=requires_python,
            extras=extras,
            missing_extras=missing,
            follows_torch=follows,
        )

    def _explain(self, version: Version | None, failures: list[Failure]) -> Rejection:
        """Why a release is out: what its newest torch that satisfies its bounds runs into, wheels before conda builds."""
        within = [failure for failure in failures if failure[0].stage > Stage.TORCH] or failures
        wheels = [failure for failure in within if failure[1] is None or failure[1].layer is Layer.PYPI] or within
        wheels = [failure for failure in wheels if self._could_lock(version, failure[1])] or wheels
        newest = wheels[0][1]
        own = [failure for failure in wheels if failure[1] == newest]
        furthest = [failure for failure in own if failure[0].stage == max(other[0].stage for other in own)]
        # Of several Pythons the reason that most of them share is the obstacle.
        shared = Counter(failure[0].why for failure in furthest)
        outlook, torch, _ = max(furthest, key=lambda failure: shared[failure[0].why])
        what = self.subject if version is None else f"{self.subject} {version}"
        return Rejection(what=what, why=self._reason(outlook, torch), rule=outlook.rule, release=version)

    def _locks_with(self, torch: TorchChoice) -> bool:
        """Is the lock written here, with this torch's file known?"""
        return self._locks and (torch.index is None or self._index.partner_index(torch.index, TORCH) is not None)

    def _could_lock(self, version: Version | None, torch: TorchChoice | None) -> bool:
        """Would pixi's isolated reading of this release go with this torch?"""
        if version is None or torch is None or torch.layer is Layer.SYSTEM or self._locks_with(torch):
            return True
        return self._lock_clash(self._read(version, torch), torch) is None

    def _reason(self, outlook: Outlook, torch: TorchChoice | None) -> str:
        why = outlook.why or ""
        if torch is None:
            return why
        if outlook.stage is Stage.TORCH:
            return f"{why}, and the newest torch for the target is {torch.locked_version}"
        told = f"torch {torch.version}" in why or outlook.stage is Stage.LOCK
        return why if told or len(self._torches) == 1 else f"{why} (with torch {torch.locked_version})"


def _grouped(prospects: list[Prospect]) -> Iterator[Prospect]:
    """Prospects that differ only in torch, where the choice needs no more than bounds, as one for the resolver to decide."""
    waiting: list[Prospect] = []
    for prospect in prospects:
        if waiting and _alike(waiting[0], prospect):
            waiting.append(prospect)
            continue
        yield from _merged(waiting)
        waiting = [prospect]
    yield from _merged(waiting)


def _alike(first: Prospect, other: Prospect) -> bool:
    free = not first.outlook.by_torch and not other.outlook.by_torch
    fixed = first.release is not None and (first.release.follows_torch or first.release != other.release)
    layers = all(
        torch.layer is Layer.PYPI and torch.index == first.torches[0].index
        for torch in (*first.torches, *other.torches)
    )
    return (
        free
        and not fixed
        and bool(first.torches)
        and layers
        and first.cost._replace(torch=0) == other.cost._replace(torch=0)
    )


def _merged(waiting: list[Prospect]) -> Iterator[Prospect]:
    if waiting:
        yield replace(waiting[0], torches=tuple(torch for prospect in waiting for torch in prospect.torches))


def _best_file(files: Sequence[PackageFile], version: Version) -> PackageFile:
    own = [file for file in files if file.version == version]
    return next((file for file in own if file.is_wheel), own[0])


@lru_cache(maxsize=4096)
def _admits(requires_python: str | None, python: str) -> bool:
    if not requires_python:
        return True
    try:
        specifier = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True
    return admits_python(specifier, python)
