"""Why a manifest cannot be locked, in the words of its lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.errors import EnvcomposeError, LockInfeasible
from envcompose.lock.conda_half import version_of
from envcompose.lock.goals import Goal
from envcompose.lock.join import Disagreed
from envcompose.lock.pypi_half import Beside, PypiHalf
from envcompose.manifest.workspace import PypiWish
from envcompose.model.record import CondaRecord
from envcompose.resolve.clash import Clash, Line, find_clash
from envcompose.resolve.metadata import header_values

MOST_WORDS = 900
"""How many characters of the resolver's prose are told where nothing shorter is found."""


def infeasible(lost: Disagreed, goal: Goal, manifest: str) -> LockInfeasible:
    """The error for a goal that has no solution: the fewest lines against each other, where they can be found."""
    facts = [lost.conda.told()] if lost.conda is not None else []
    lines: list[int | None] = []
    if lost.half is not None and lost.words:
        clash = _clash(lost, lost.half)
        if clash is None:
            facts.append(_short(lost.words))
        else:
            told, lines = _told(clash, lost.half.wishes, _twins(lost), manifest)
            facts += told
    elif lost.words and not facts:
        facts.append(_short(lost.words))
    line = next((one for one in lines if one is not None), None)
    return LockInfeasible(subject=goal.label, facts=facts, file=manifest, line=line)


def _twins(lost: Disagreed) -> list[tuple[str, Version, CondaRecord]]:
    """What conda provides, in the order in which its bounds are numbered behind the manifest's lines."""
    found = [(name, version_of(record), record) for name, record in sorted((lost.twins or {}).items())]
    return [(name, version, record) for name, version, record in found if version is not None]


def _clash(lost: Disagreed, half: PypiHalf) -> Clash | None:
    wishes, twins = half.wishes, _twins(lost)
    lines = [Line(number=number, requirement=_requirement(wish)) for number, wish in enumerate(wishes)]
    lines += [
        Line(number=len(wishes) + number, requirement=Requirement(f"{name}=={version}"), bound=True)
        for number, (name, version, _) in enumerate(twins)
    ]
    releases = _Releases(half, {name: version for name, version, _ in twins})
    return find_clash(lines, releases, half.interpreter.markers)


def _requirement(wish: PypiWish) -> Requirement:
    extras = f"[{','.join(wish.extras)}]" if wish.extras else ""
    return Requirement(f"{wish.name}{extras}{wish.version or ''}")


def _told(
    clash: Clash, wishes: Sequence[PypiWish], twins: Sequence[tuple[str, Version, CondaRecord]], manifest: str
) -> tuple[list[str], list[int | None]]:
    """The clash, one fact a line, and the numbers of the manifest's lines in it."""
    told, lines = [], []
    for number in sorted(clash.lines):
        if number < len(wishes):
            wish = wishes[number]
            lines.append(wish.line)
            told.append(f"{_place(wish, manifest)} asks for {wish}")
        else:
            name, version, record = twins[number - len(wishes)]
            told.append(f"conda provides {name} {version} ({record.file_name})")
    return [*told, *clash.facts], lines


def _place(wish: PypiWish, manifest: str) -> str:
    return manifest if wish.line is None else f"{manifest}, line {wish.line},"


def _short(words: str) -> str:
    """The resolver's prose on one line."""
    text = " ".join(words.replace("╰─▶", "").replace("×", "").split())
    text = text.partition("No solution found when resolving dependencies:")[2].strip() or text
    return text if len(text) <= MOST_WORDS else text[: MOST_WORDS - 1].rpartition(" ")[0] + " …"


class _Releases:
    """See resolve.clash.Releases: those of the index, and the versions at which conda provides a name.

    What is built without isolation and follows the installed torch has no requirements that are known for sure.
    """

    def __init__(self, half: PypiHalf, twins: Mapping[str, Version]) -> None:
        self._half = half
        self._twins = twins
        self._universe = half.universe(Beside(), None)

    def versions(self, name: str) -> Iterable[Version] | None:
        """See Releases."""
        if name in self._half.direct:
            return None
        found = self._universe.releases(name)
        shown = [] if found is None else [release.version for release in found.values()]
        own = [self._twins[name]] if name in self._twins else []
        return None if found is None and not own else [*shown, *own]

    def requires(self, name: str, version: Version) -> Sequence[Sequence[str]] | None:
        """See Releases."""
        if self._twins.get(name) == version:
            return [[]]
        try:
            release = self._universe.release(name, version)
            if release.from_sdist and self._half.sees_torch(name) and self._universe.analysis_of(release).follows_torch:
                return None
            return [list(header_values(self._universe.metadata_of(release), "Requires-Dist"))]
        except (KeyError, EnvcomposeError):
            return None
