"""The PyPI half of a solve: the closure of the manifest's requirements beside what conda provides.

A source distribution that is built without isolation is read with the torch that the environment will hold: it is
resolved, the torch is seen, and what follows torch is read again, until the torch stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.errors import EnvcomposeError
from envcompose.lock.direct import UNKNOWN, Direct, DirectReader
from envcompose.lock.goals import Goal
from envcompose.lock.indexes import ManifestIndex
from envcompose.lock.places import Place, place_of_url, place_of_wish
from envcompose.manifest.workspace import PypiOrigin, PypiWish
from envcompose.model.analysis import Analysis
from envcompose.model.distribution import PackageFile
from envcompose.model.foreign import foreign_requirement
from envcompose.model.values import dataclass
from envcompose.ports import Answer, Question, Resolver
from envcompose.read.secrets import mask_secrets
from envcompose.resolve.closure import Closure, Member, trace_closure
from envcompose.resolve.metadata import active_requirements
from envcompose.resolve.universe import TORCH, Release, TargetUniverse, stub

MOST_READINGS = 4
"""How often requirements that follow the installed torch are read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiFound:
    """A closure, the universe that it was found in, and the torch that unisolated builds were read with."""

    closure: Closure
    universe: TargetUniverse
    roots: tuple[Requirement, ...]
    direct: Mapping[str, Direct]
    torch: str | None
    analyses: Mapping[str, Analysis]


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiRefused:
    """There is no closure: the resolver's `words`, or what there is to tell where it was not the resolver that refused."""

    words: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What a closure is resolved for: the environment of markers, and the tags that wheels may have, with their ranks."""

    markers: Mapping[str, str]
    ranks: Mapping[str, int]

    @property
    def minor(self) -> str:
        """The Python minor, such as `3.12`."""
        return self.markers["python_version"]

    @property
    def full(self) -> str:
        """The whole version."""
        return self.markers["python_full_version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What conda provides of PyPI: `pinned` versions, and names of which one of the `choices` may still be taken."""

    pinned: Mapping[str, Version] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    choices: Callable[[str], Sequence[Version]] = lambda name: ()
    preferred: Mapping[str, str] = field(default_factory=dict)


class _Replaced(Mapping[str, Sequence[Release]]):
    """What stands in for pages of an index: stand-ins for conda's packages (a version each, no dependencies, no
    extras), made when they are asked for, and what comes from no index.
    """

    def __init__(self, beside: Beside, direct: Mapping[str, Direct]) -> None:
        self._beside = beside
        self._direct = direct

    def __getitem__(self, name: str) -> Sequence[Release]:
        if name in self._beside.pinned:
            return [stub(name, self._beside.pinned[name])]
        if name in self._beside.loose:
            return [stub(name, version) for version in self._beside.choices(name)]
        return [self._direct[name].release]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._beside.pinned, *self._beside.loose, *self._direct})

    def __len__(self) -> int:
        return len(set(self))


class PypiHalf:
    """Resolves PyPI for one goal and one interpreter; `kept` are versions of an earlier lock, preferred where they fit."""

    def __init__(
        self,
        goal: Goal,
        resolver: Resolver,
        index: ManifestIndex,
        reader: DirectReader,
        interpreter: Interpreter,
        *,
        kept: Mapping[str, str] | None = None,
        manifest: str = "the manifest",
    ) -> None:
        self._goal = goal
        self._resolver = resolver
        self._index = index
        self._interpreter = interpreter
        self._kept = dict(kept or {})
        self.wishes = tuple(wish for wish in goal.pypi if _holds(wish, interpreter.markers))
        self._roots = tuple(requirement_of(wish) for wish in self.wishes)
        self._overrides = {
            name: requirement_of(wish)
            for name, wish in goal.options.dependency_overrides.items()
            if _holds(wish, interpreter.markers)
        }
        isolation = goal.options.no_build_isolation
        self._unisolated = None if isinstance(isolation, bool) and isolation else frozenset(isolation or ())
        index.direct = reader
        self._direct = _Directs(reader, index, interpreter.markers, manifest).all_of(
            (*self.wishes, *goal.options.dependency_overrides.values())
        )

    @property
    def interpreter(self) -> Interpreter:
        """What is resolved for."""
        return self._interpreter

    @property
    def direct(self) -> Mapping[str, Direct]:
        """What comes from no index, by name."""
        return self._direct

    @property
    def overrides(self) -> tuple[PypiWish, ...]:
        """What the manifest asks of names whatever metadata say, where its markers hold."""
        return tuple(self._goal.options.dependency_overrides[name] for name in self._overrides)

    def releases(self, name: str) -> list[Version]:
        """The versions that an index has of a project; none where it has none."""
        return sorted({file.version for file in self.files(name) or ()})

    def files(self, name: str) -> Sequence[PackageFile] | None:
        """What an index has of a project, fitting or not; None where no index has it."""
        return self._index.project(name)

    def has_index(self, name: str) -> bool:
        """Is an index asked for a project, and not find-links alone?"""
        return self._index.has_index(name)

    def left_out(self, wanted: Requirement) -> list[str]:
        """What the manifest's options leave out of what would satisfy a requirement, in words; nothing where some is left."""
        name = str(canonicalize_name(wanted.name))
        if any(wanted.specifier.contains(version, prereleases=True) for version in self.releases(name)):
            return []
        files = self._index.left_out(name)
        options = [option for file, option in files if wanted.specifier.contains(file.version, prereleases=True)]
        return [f"{option} leaves out what there is of {wanted}" for option in dict.fromkeys(options)]

    def resolve(self, beside: Beside) -> PypiFound | PypiRefused:
        """The closure beside what conda provides; the torch of unisolated builds is the closure's own."""
        torch = self.known_torch(beside)
        seen: set[str | None] = set()
        for _ in range(MOST_READINGS):
            seen.add(torch)
            universe = self.universe(beside, torch)
            answer = self._asked(self._roots, universe, beside)
            if answer.pins is None:
                other = None if torch is not None else self._torch_without_builds(beside)
                if other is None or other in seen:
                    return PypiRefused(words=answer.words)
                torch = other
                continue
            found = self._found(answer, universe, torch)
            now = _torch_of(found)
            if now == torch or not self._follows(found) or now in seen:
                # What does not follow torch reads the same beside any; only its order may be that of a build.
                return replace(found, universe=self.universe(beside, now), torch=now)
            torch = now
        return PypiRefused(told="what follows the installed torch asks for another torch each time that it is read")

    def refuses(self, wishes: Sequence[PypiWish], beside: Beside, *, freed: frozenset[str] = frozenset()) -> bool:
        """Does the resolver find nothing for some of the wishes alone? Overrides of `freed` names admit all versions."""
        roots = [requirement_of(wish) for wish in wishes]
        torch = self.known_torch(beside)
        if self._asked(roots, self.universe(beside, torch), beside, freed).pins is not None:
            return False
        other = None if torch is not None else self._torch_without_builds(beside)
        return other is None or self._asked(roots, self.universe(beside, other), beside, freed).pins is None

    def known_torch(self, beside: Beside) -> str | None:
        """The torch that can only be this one: conda's, or the one that the manifest pins."""
        if TORCH in beside.pinned:
            return beside.pinned[TORCH].public
        for requirement in self._roots:
            if canonicalize_name(requirement.name) == TORCH:
                pins = [one.version for one in requirement.specifier if one.operator == "==" and "*" not in one.version]
                if pins:
                    return Version(pins[0]).public
        return None

    def _torch_without_builds(self, beside: Beside) -> str | None:
        """The torch of what is left when everything that is built without isolation is left out."""
        unisolated = self._unisolated
        if not unisolated:
            return None
        roots = [root for root in self._roots if canonicalize_name(root.name) not in unisolated]
        universe = self.universe(beside, None)
        answer = self._asked(roots, universe, beside)
        version = None if answer.pins is None else answer.pins.get(TORCH)
        return None if version is None else Version(version).public

    def universe(self, beside: Beside, torch: str | None) -> TargetUniverse:
        """What the resolver is shown beside conda's packages and, where builds see it, this torch."""
        return TargetUniverse(
            self._index,
            python=self._interpreter.minor,
            glibc="",
            replaced=_Replaced(beside, self._direct),
            installed_torch=torch,
            implied=None,
            unisolated=self._unisolated,
            ranks=self._interpreter.ranks,
        )

    def _asked(
        self,
        roots: Sequence[Requirement],
        universe: TargetUniverse,
        beside: Beside,
        freed: frozenset[str] = frozenset(),
    ) -> Answer:
        question = Question(
            requirements=tuple(f"{_named(root)}{root.specifier}" for root in roots),
            constraints=(),
            overrides=tuple(
                _named(one) + ("" if name in freed else str(one.specifier)) for name, one in self._overrides.items()
            ),
            python=self._interpreter.full,
            glibc="",
            subdir=self._goal.platform.subdir,
            prereleases=self._goal.views[0].prerelease_mode.value,
            strategy=self._goal.strategy.value,
            preferences={**self._kept, **beside.preferred},
        )
        return self._resolver.resolve(question, universe)

    def _found(self, answer: Answer, universe: TargetUniverse, torch: str | None) -> PypiFound:
        closure = trace_closure(
            answer.pins or {}, self._roots, universe, self._interpreter.markers, overrides=self._overrides
        )
        wheels = {name for name, one in self._direct.items() if one.place.is_wheel}
        built = {
            name: member for name, member in closure.members.items() if member.release.from_sdist and name not in wheels
        }
        return PypiFound(
            closure=closure,
            universe=universe,
            roots=self._roots,
            direct={name: one for name, one in self._direct.items() if name in closure.members},
            torch=torch,
            analyses={name: universe.analysis_of(member.release) for name, member in built.items()},
        )

    def _follows(self, found: PypiFound) -> bool:
        """Does something that is built without isolation require other things beside another torch?"""
        return any(analysis.follows_torch and self.sees_torch(name) for name, analysis in found.analyses.items())

    def sees_torch(self, name: str) -> bool:
        """Is it built without isolation?"""
        return self._unisolated is None or name in self._unisolated

    def closure_of(self, wishes: Sequence[PypiWish], found: PypiFound) -> Mapping[str, Member]:
        """What some of the wishes alone reach of a closure."""
        roots = [requirement_of(wish) for wish in wishes if _holds(wish, self._interpreter.markers)]
        pins = {name: str(member.version) for name, member in found.closure.members.items()}
        closure = trace_closure(pins, roots, found.universe, self._interpreter.markers, overrides=self._overrides)
        return closure.members


class _Directs:
    """Reads all that comes from no index, and what its own metadata send elsewhere in turn."""

    def __init__(self, reader: DirectReader, index: ManifestIndex, markers: Mapping[str, str], manifest: str) -> None:
        self._manifest = manifest
        self._reader = reader
        self._index = index
        self._markers = markers
        self._found: dict[str, Direct] = {}

    def all_of(self, wishes: Sequence[PypiWish]) -> Mapping[str, Direct]:
        """By name; what the manifest says itself goes before what its projects say."""
        own = {wish.name for wish in wishes if wish.index is not None or wish.origin is not PypiOrigin.INDEX}
        waiting: list[tuple[Direct, tuple[str, ...]]] = []
        for wish in wishes:
            place = place_of_wish(wish)
            if place is not None and _holds(wish, self._markers):
                self._found[wish.name] = self._wanted(wish, place)
                waiting.append((self._found[wish.name], wish.extras))
        while waiting:
            direct, extras = waiting.pop()
            requirements = self._reader.requirements(direct)
            elsewhere = {str(canonicalize_name(one.name)) for one in requirements if one.url is not None}
            elsewhere |= set(direct.redirected.places)
            if elsewhere:
                bare = replace(direct.release, rewrite=partial(_without_bounds, frozenset(elsewhere)))
                self._found[direct.name] = replace(direct, release=bare)
            for requirement in active_requirements(map(str, requirements), extras, self._markers):
                name = str(canonicalize_name(requirement.name))
                if name in own or name in self._found:
                    continue
                if name in elsewhere:
                    place = direct.redirected.places.get(name) or place_of_url(requirement.url or "")
                    self._found[name] = self._sent(direct, name, place)
                    waiting.append((self._found[name], tuple(requirement.extras)))
                elif name in direct.redirected.indexes:
                    self._index.pin(name, direct.redirected.indexes[name])
        return self._found

    def _wanted(self, wish: PypiWish, place: Place) -> Direct:
        """What the manifest itself names. Raises what reading it raises, with the line that asks for it."""
        try:
            return self._reader.read(wish.name, place)
        except EnvcomposeError as error:
            where = self._manifest if wish.line is None else f"{self._manifest}, line {wish.line},"
            error.facts = (*error.facts, f"{where} asks for {mask_secrets(str(wish))}")
            error.file, error.line = self._manifest, wish.line
            raise

    def _sent(self, project: Direct, name: str, place: Place) -> Direct:
        """What a project itself names. Raises what reading it raises, with the project."""
        try:
            return self._reader.read(name, place)
        except EnvcomposeError as error:
            error.facts = (*error.facts, f"{project.name} ({project.place}) asks for {name} @ {place}")
            raise


def _without_bounds(names: frozenset[str], headers: str) -> str:
    """Headers whose requirements of these names ask for nothing but the name: the resolver is shown one release of each."""
    lines = []
    for text in headers.splitlines():
        head, colon, value = text.partition(":")
        requirement = foreign_requirement(value.strip()) if head.lower() == "requires-dist" else None
        if requirement is not None and canonicalize_name(requirement.name) in names:
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            lines.append(f"{head}{colon} {requirement.name}{extras}{marker}")
        else:
            lines.append(text)
    return "\n".join(lines) + "\n"


def _holds(wish: PypiWish, markers: Mapping[str, str]) -> bool:
    return wish.marker is None or any(wish.marker.evaluate({**markers, "extra": extra}) for extra in ("", *wish.extras))


def requirement_of(wish: PypiWish) -> Requirement:
    """A wish as a requirement without its marker, which holds; what comes from no index has no version here."""
    extras = f"[{','.join(wish.extras)}]" if wish.extras else ""
    return Requirement(f"{wish.name}{extras}{wish.version or ''}")


def _named(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}"


def _torch_of(found: PypiFound) -> str | None:
    member = found.closure.members.get(TORCH)
    return None if member is None or member.version == UNKNOWN else member.version.public
