"""Both halves of a solve to one solution: conda first, its twins pin PyPI, and where PyPI cannot have that, back to conda.

pixi never goes back. Here names that conda provides are let loose, within what the manifest itself asks of them; what
the closure then asks of those that had to move is held while conda is solved again (design.md, "Two layers").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.decide.specs import conda_spec
from envcompose.lock.conda_half import Bound, CondaFound, CondaHalf
from envcompose.lock.pypi_half import Beside, PypiFound, PypiHalf, PypiRefused
from envcompose.manifest.match_spec import parse_match_spec
from envcompose.model.record import CondaRecord
from envcompose.model.values import dataclass
from envcompose.resolve.closure import USER, Closure, Member
from envcompose.search.conda_conflict import Conflict
from envcompose.search.layers import version_of

MOST_ROUNDS = 12
"""How many conda solves a goal may take until its layers agree."""

Pypi = Callable[[CondaRecord], PypiHalf]
"""The PyPI half for an interpreter that conda found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Both halves; `bounds` are what conda was held to beyond the manifest's own lines."""

    conda: CondaFound
    pypi: PypiFound | None
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreed:
    """Why there is no solution: conda's own conflict, or the resolver's words where conda's packages were let loose.

    `told` is what there is to say where neither of them is the reason.
    """

    conda: Conflict | None = None
    words: str = ""
    told: str = ""
    twins: Mapping[str, CondaRecord] | None = None
    half: PypiHalf | None = None
    elsewhere: tuple[str, ...] = ()
    """Names that conda provides, and that are wanted from a source of their own: pixi takes no such lock."""
    refused: Mapping[str, frozenset[Version]] = field(default_factory=dict)
    """Versions that PyPI chose of what conda provides, and that conda cannot have."""


def join(conda: CondaHalf, pypi: Pypi | None, tell: Callable[[str], None] = lambda line: None) -> Agreed | Disagreed:
    """Solve until both halves agree. Without `pypi` conda stands alone."""
    return _Join(conda, pypi, tell).run()


class _Join:
    def __init__(self, conda: CondaHalf, pypi: Pypi | None, tell: Callable[[str], None]) -> None:
        self._conda = conda
        self._pypi = pypi
        self._tell = tell
        self._bounds: dict[str, Bound] = {}
        self._refused: dict[str, set[Version]] = {}
        self._conflict: Conflict | None = None
        self._offered: dict[str, list[Version]] = {}

    def run(self) -> Agreed | Disagreed:
        lost = Disagreed(told=f"conda's packages and PyPI's bounds on them do not agree within {MOST_ROUNDS} rounds")
        for _ in range(MOST_ROUNDS):
            found = self._conda.solve(tuple(self._bounds.values()))
            if isinstance(found, Conflict):
                if not self._bounds:
                    return Disagreed(conda=self._conflict or found)
                self._learn(found)
                continue
            if self._pypi is None or found.python is None:
                return Agreed(conda=found, pypi=None)
            half = self._pypi(found.python)
            elsewhere = tuple(sorted(found.twins.keys() & half.direct.keys()))
            if elsewhere:
                return Disagreed(twins=found.twins, half=half, elsewhere=elsewhere)
            answer = half.resolve(Beside(pinned=_versions(found)))
            if isinstance(answer, PypiFound):
                return Agreed(conda=found, pypi=answer, bounds=tuple(self._bounds.values()))
            looser = self._loosened(found, half)
            if isinstance(looser, PypiRefused):
                return self._lost(looser, found, half)
            self._tell("conda is solved again under PyPI's bounds")
            self._hold(found, looser)
        return lost

    def _lost(self, refused: PypiRefused, found: CondaFound, half: PypiHalf) -> Disagreed:
        return Disagreed(
            conda=self._conflict,
            words=refused.words,
            told=refused.told,
            twins=found.twins,
            half=half,
            refused={name: frozenset(versions) for name, versions in self._refused.items()},
        )

    def _loosened(self, found: CondaFound, half: PypiHalf) -> Closure | PypiRefused:
        """A closure for which some of conda's packages have another version, or that there is none."""
        pinned = _versions(found)
        preferred = {name: str(version) for name, version in pinned.items()}

        def choices(name: str) -> list[Version]:
            return self._choices(name, found.twins[name], half)

        relaxed = half.resolve(Beside(loose=frozenset(pinned), choices=choices, preferred=preferred))
        if isinstance(relaxed, PypiRefused):
            return relaxed
        moved = {
            name
            for name, member in relaxed.closure.members.items()
            if name in pinned and member.version != pinned[name]
        }
        if not moved:
            return PypiRefused(told="the resolver refuses the very versions that it chose itself")
        # The others stay where conda has them, if they can: then nothing is asked of them.
        rest = {name: version for name, version in pinned.items() if name not in moved}
        fewer = half.resolve(Beside(pinned=rest, loose=frozenset(moved), choices=choices, preferred=preferred))
        return relaxed.closure if isinstance(fewer, PypiRefused) else fewer.closure

    def _choices(self, name: str, record: CondaRecord, half: PypiHalf) -> list[Version]:
        """The versions of a twin that may be: those of PyPI that the manifest admits, and conda's own."""
        own = version_of(record)
        specs = [replace(spec, build=None) for spec in self._conda.spec_of(record.name)]
        refused = self._refused.get(name, set())
        known = [one for one in half.releases(name) if all(spec.admits(str(one), "") for spec in specs)]
        self._offered[name] = sorted({*known, *([own] if own is not None else [])})
        return [one for one in self._offered[name] if one not in refused]

    def _hold(self, found: CondaFound, closure: Closure) -> None:
        """Hold conda to what the closure asks of the twins that moved, and go on holding those that were held."""
        pinned = _versions(found)
        for name, record in sorted(found.twins.items()):
            member = closure.members.get(name)
            if member is None or (member.version == pinned.get(name) and record.name not in self._bounds):
                continue
            spec = conda_spec(member.bounds())
            if spec != "*":
                self._bounds[record.name] = Bound(name=record.name, spec=spec, why=_asking(member, closure), pypi=name)

    def _learn(self, conflict: Conflict) -> None:
        """What PyPI chose of a twin cannot be had: its versions under that bound are offered no more."""
        self._conflict = self._conflict or conflict
        held = [line.name for line in conflict.lines if line.rule == "pypi-bound"] or list(self._bounds)[-1:]
        bound = self._bounds.pop(held[0])
        refused = self._refused.setdefault(bound.pypi, set())
        spec = parse_match_spec(f"{bound.name} {bound.spec}")
        refused |= {one for one in self._offered[bound.pypi] if spec.admits(str(one), "")}


def _versions(found: CondaFound) -> dict[str, Version]:
    """The version at which each twin pins PyPI."""
    return {name: version for name, record in found.twins.items() if (version := version_of(record)) is not None}


def _asking(member: Member, closure: Closure) -> str:
    """Who asks for a version of a twin, in a few words."""
    asking = [(requirer, requirement) for requirer, requirement in member.required_by if str(requirement.specifier)]
    shown = [_asked_by(requirer, requirement, closure) for requirer, requirement in asking[:3]]
    more = len(asking) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _asked_by(requirer: str, requirement: Requirement, closure: Closure) -> str:
    if requirer == USER:
        return f"the manifest requires {requirement}"
    other = closure.members.get(requirer)
    version = f" {other.version}" if other is not None else ""
    return f"{requirer}{version} requires {requirement.name}{requirement.specifier}"
