"""Why a manifest cannot be locked, in the words of its lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.errors import EnvcomposeError, LockInfeasible
from envcompose.lock.conda_half import version_of
from envcompose.lock.goals import Goal
from envcompose.lock.join import Disagreed
from envcompose.lock.pypi_half import Beside, PypiHalf
from envcompose.manifest.workspace import CondaWish, PypiWish
from envcompose.model.values import dataclass
from envcompose.resolve.clash import Clash, Line, find_clash
from envcompose.resolve.metadata import header_values

DRIVER = "__cuda"
DRIVER_HINT = 'declare the driver, as in platforms = [{{ platform = "{}", cuda = "12.4" }}]'
MOST_WORDS = 900
"""How many characters of the resolver's prose are told where nothing shorter is found."""


def infeasible(lost: Disagreed, goal: Goal, manifest: str) -> LockInfeasible:
    """The error for a goal that has no solution: the fewest lines against each other, where they can be found."""
    facts = [lost.conda.told()] if lost.conda is not None else []
    lines: list[int | None] = []
    for name in lost.elsewhere:
        fact, line = _elsewhere(name, lost, manifest)
        facts.append(fact)
        lines.append(line)
    if lost.half is not None and lost.words:
        held = _held(lost, goal, lost.half)
        clash = _clash(lost, lost.half, held)
        if clash is None:
            facts.append(_short(lost.words))
        else:
            told, lines = _told(clash, lost.half.wishes, held, manifest)
            facts += told
    elif lost.words and not facts:
        facts.append(_short(lost.words))
    needs_driver = lost.conda is not None and DRIVER in lost.conda.words
    declared = any(virtual.name == DRIVER for virtual in goal.platform.virtual)
    hints = [DRIVER_HINT.format(goal.platform.subdir)] if needs_driver and not declared else []
    first = next((one for one in lines if one is not None), None)
    return LockInfeasible(subject=goal.label, facts=facts, hints=hints, file=manifest, line=first)


def _elsewhere(name: str, lost: Disagreed, manifest: str) -> tuple[str, int | None]:
    """A name that conda provides, and that is wanted from a source of its own."""
    assert lost.half is not None and lost.twins is not None
    wish = next((wish for wish in lost.half.wishes if wish.name == name and wish.location is not None), None)
    line = None if wish is None else wish.line
    who = "a project of the manifest" if wish is None else _place(line, manifest)
    place, record = lost.half.direct[name].place, lost.twins[name]
    return f"{who} wants {name} from {place}, and conda provides it ({record.file_name})", line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the manifest's conda lines ask of a name that conda provides, and the versions that this leaves."""

    name: str
    wish: CondaWish
    left_out: tuple[Version, ...]


def _held(lost: Disagreed, goal: Goal, half: PypiHalf) -> list[_Held]:
    """Such lines about names of which the resolver spoke."""
    found = []
    for name, record in sorted((lost.twins or {}).items()):
        wishes = [wish for wish in (*goal.dependencies, *goal.constraints) if wish.name == record.name]
        bounded = [wish for wish in wishes if wish.spec.version is not None]
        if name not in lost.words or not bounded:
            continue
        versions = half.releases(name)
        for wish in bounded:
            spec = replace(wish.spec, build=None)
            left_out = tuple(version for version in versions if not spec.admits(str(version), ""))
            found.append(_Held(name=name, wish=wish, left_out=left_out))
    return found


def _clash(lost: Disagreed, half: PypiHalf, held: Sequence[_Held]) -> Clash | None:
    wishes = half.wishes
    lines = [Line(number=number, requirement=_requirement(wish)) for number, wish in enumerate(wishes)]
    lines += [
        Line(
            number=len(wishes) + number,
            requirement=Requirement(one.name + ",".join(f"!={version}" for version in one.left_out)),
            bound=True,
        )
        for number, one in enumerate(held)
    ]
    twins = {
        name: version for name, record in (lost.twins or {}).items() if (version := version_of(record)) is not None
    }
    return find_clash(lines, _Releases(half, twins), half.interpreter.markers)


def _requirement(wish: PypiWish) -> Requirement:
    extras = f"[{','.join(wish.extras)}]" if wish.extras else ""
    return Requirement(f"{wish.name}{extras}{wish.version or ''}")


def _told(
    clash: Clash, wishes: Sequence[PypiWish], held: Sequence[_Held], manifest: str
) -> tuple[list[str], list[int | None]]:
    """The clash, one fact a line, and the numbers of the manifest's lines in it."""
    told, lines = [], []
    for number in sorted(clash.lines):
        if number < len(wishes):
            wish = wishes[number]
            lines.append(wish.line)
            told.append(f"{_place(wish.line, manifest)} asks for {wish}")
        else:
            of_conda = held[number - len(wishes)].wish
            lines.append(of_conda.line)
            told.append(f"{_place(of_conda.line, manifest)} asks conda for {of_conda.name} {of_conda.spec.version}")
    return [*told, *clash.facts], lines


def _place(line: int | None, manifest: str) -> str:
    return manifest if line is None else f"{manifest}, line {line},"


def _short(words: str) -> str:
    """The resolver's prose on one line."""
    text = " ".join(words.replace("╰─▶", "").replace("×", "").split())
    text = text.partition("No solution found when resolving dependencies:")[2].strip() or text
    return text if len(text) <= MOST_WORDS else text[: MOST_WORDS - 1].rpartition(" ")[0] + " …"


class _Releases:
    """See resolve.clash.Releases: those of the index, and the versions at which conda provides a name.

    What is built without isolation and follows the installed torch has requirements that are known for sure only where
    the torch is.
    """

    def __init__(self, half: PypiHalf, twins: Mapping[str, Version]) -> None:
        self._half = half
        self._twins = twins
        self._torch = half.known_torch(Beside(pinned=twins))
        self._universe = half.universe(Beside(), self._torch)

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
            unknown = self._torch is None and release.from_sdist and self._half.sees_torch(name)
            if unknown and self._universe.analysis_of(release).follows_torch:
                return None
            return [list(header_values(self._universe.metadata_of(release), "Requires-Dist"))]
        except (KeyError, EnvcomposeError):
            return None
