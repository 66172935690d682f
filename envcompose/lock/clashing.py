"""Which lines of a manifest leave PyPI no solution, and what leads from one to the other.

The metadata alone tell most of it, and fast. Where they do not, the resolver is asked about some of the lines at a time
until none of those that are left can be left out; the metadata then say what they can about just these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.errors import EnvcomposeError
from envcompose.lock.fewest import fewest
from envcompose.lock.goals import Goal
from envcompose.lock.join import Disagreed
from envcompose.lock.pypi_half import Beside, PypiHalf, requirement_of
from envcompose.lock.unfit import runs_on
from envcompose.manifest.workspace import CondaWish, PypiWish
from envcompose.model.values import dataclass
from envcompose.resolve.clash import Bounds, Clash, Line, find_clash
from envcompose.resolve.metadata import header_values
from envcompose.search.layers import version_of

MOST_ASKED = 40
"""How often the resolver is asked which lines it takes to clash; what is left then is told, only not the fewest."""

_ABOUT_FEW = Bounds(releases=40, read=160)
"""How far the metadata are looked into where only a few lines are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clashing:
    """Lines that no solution fulfils together, and facts that lead from one to the other, where metadata show them.

    `overrides` are those of the lines that say what is asked of a name, whatever metadata say.
    `name` is what no release is left of, where that is known, and `missing` says that no index has such a project.
    `wanted` is the requirement that none of its releases satisfies, where it is one alone.
    """

    wishes: tuple[PypiWish, ...]
    conda: tuple[CondaWish, ...]
    facts: tuple[str, ...]
    overrides: tuple[PypiWish, ...] = ()
    name: str | None = None
    missing: bool = False
    wanted: Requirement | None = None


def clashing(lost: Disagreed, half: PypiHalf, goal: Goal) -> Clashing | None:
    """The lines, or None where the resolver takes all of them when it is asked again."""
    return _Search(lost, half, goal).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What a conda line of the manifest asks of a name that conda provides, and the versions that this leaves out."""

    name: str
    wish: CondaWish
    left_out: tuple[Version, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Override:
    """A line that overrides what is asked of a name. Without it the name is asked for in any version."""

    wish: PypiWish


_Element = PypiWish | _Held | _Override


class _Search:
    def __init__(self, lost: Disagreed, half: PypiHalf, goal: Goal) -> None:
        self._lost = lost
        self._half = half
        self._conda = (*goal.dependencies, *goal.constraints)
        self._own = {
            name: version for name, record in (lost.twins or {}).items() if (version := version_of(record)) is not None
        }
        self._held = self._spoken_of()
        self._releases = Releases(half, self._own, frozenset(wish.name for wish in half.overrides))

    def run(self) -> Clashing | None:
        elements: tuple[_Element, ...] = (*self._half.wishes, *self._held, *self._overrides())
        clash = self._by_metadata(elements, Bounds())
        if clash is not None:
            return self._told([elements[number] for number in sorted(clash.lines)], clash)
        few = fewest(elements, self._is_refused, most=MOST_ASKED)
        if not few:
            return None
        clash = (
            self._of_overrides([one for one in few if isinstance(one, _Override)])
            or self._by_metadata(few, _ABOUT_FEW)
            or self._by_metadata(few, _ABOUT_FEW, by_newest=True)
        )
        return self._told(few, clash)

    def _overrides(self) -> list[_Override]:
        """The lines that override what is asked of a name, where they ask for versions."""
        return [_Override(wish=wish) for wish in self._half.overrides if wish.version is not None]

    def _of_overrides(self, overrides: Sequence[_Override]) -> Clash | None:
        """The first override that no release satisfies. What releases require is not looked into: the names that they
        require may be overridden too.
        """
        releases = Releases(self._half, self._own, frozenset())
        for one in overrides:
            line = Line(number=0, requirement=requirement_of(one.wish))
            clash = find_clash([line], releases, self._half.interpreter.markers, bounds=Bounds(releases=0, read=0))
            if clash is not None:
                self._releases.missing |= releases.missing
                return clash
        return None

    def _spoken_of(self) -> tuple[_Held, ...]:
        """The conda lines about names of which the resolver spoke."""
        found = []
        for name, record in sorted((self._lost.twins or {}).items()):
            wishes = [wish for wish in self._conda if wish.name == record.name and wish.spec.version is not None]
            if name not in self._lost.words or not wishes:
                continue
            versions = self._half.releases(name)
            for wish in wishes:
                left_out = tuple(version for version in versions if not _admits(wish, version))
                found.append(_Held(name=name, wish=wish, left_out=left_out))
        return tuple(found)

    def _by_metadata(self, elements: Sequence[_Element], bounds: Bounds, *, by_newest: bool = False) -> Clash | None:
        lines = [_line(number, one) for number, one in enumerate(elements) if not isinstance(one, _Override)]
        return find_clash(lines, self._releases, self._half.interpreter.markers, by_newest=by_newest, bounds=bounds)

    def _is_refused(self, elements: Sequence[_Element]) -> bool:
        """Does the resolver find nothing for some of the lines, where the others are not asked for?"""
        dropped = [one.wish for one in self._held if one not in elements]
        freed = frozenset(one.wish.name for one in self._overrides() if one not in elements)
        wishes = [one for one in elements if isinstance(one, PypiWish)]

        def choices(name: str) -> list[Version]:
            return self._choices(name, dropped)

        return self._half.refuses(wishes, Beside(loose=frozenset(self._own), choices=choices), freed=freed)

    def _choices(self, name: str, dropped: Sequence[CondaWish]) -> list[Version]:
        """The versions at which conda could provide a name if some of its lines were not there."""
        record = (self._lost.twins or {})[name]
        lines = [wish for wish in self._conda if wish.name == record.name and wish not in dropped]
        refused = self._lost.refused.get(name, frozenset())
        known = {one for one in self._half.releases(name) if all(_admits(wish, one) for wish in lines)}
        return sorted({*known, self._own[name]} - refused)

    def _told(self, elements: Sequence[_Element], clash: Clash | None) -> Clashing:
        return Clashing(
            wishes=tuple(one for one in elements if isinstance(one, PypiWish)),
            conda=tuple(one.wish for one in elements if isinstance(one, _Held)),
            overrides=tuple(one.wish for one in elements if isinstance(one, _Override)),
            facts=clash.facts if clash is not None else (),
            name=None if clash is None else clash.name,
            missing=clash is not None and clash.name in self._releases.missing,
            wanted=None if clash is None else clash.wanted,
        )


def _admits(wish: CondaWish, version: Version) -> bool:
    return replace(wish.spec, build=None).admits(str(version), "")


def _line(number: int, one: PypiWish | _Held) -> Line:
    if isinstance(one, PypiWish):
        return Line(number=number, requirement=requirement_of(one))
    left_out = ",".join(f"!={version}" for version in one.left_out)
    return Line(number=number, requirement=Requirement(one.name + left_out), bound=True)


class Releases:
    """See resolve.clash.Releases: those of the index, and the versions at which conda provides a name.

    What is built without isolation and follows the installed torch has requirements that are known for sure only where
    the torch is; what the manifest overrides is not what the metadata say.
    """

    def __init__(self, half: PypiHalf, twins: Mapping[str, Version], overridden: frozenset[str]) -> None:
        self._half = half
        self._twins = twins
        self._overridden = overridden
        self._torch = half.known_torch(Beside(pinned=twins))
        self._universe = half.universe(Beside(), self._torch)
        self.missing: set[str] = set()
        """Names that were asked for, and that no index has."""

    def versions(self, name: str) -> Iterable[Version] | None:
        """See resolve.clash.Releases."""
        if name in self._half.direct:
            return None
        found = self._universe.releases(name)
        if found is None and name not in self._twins:
            self.missing.add(name)
        python = self._half.interpreter.full
        shown = [
            release.version
            for release in (found or {}).values()
            if release.file is None or runs_on(release.file, python)
        ]
        known = [*shown, *([self._twins[name]] if name in self._twins else [])]
        # What there is none of is missing whatever is asked of it.
        return None if known and name in self._overridden else known

    def requires(self, name: str, version: Version) -> Sequence[Sequence[str]] | None:
        """See resolve.clash.Releases."""
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
