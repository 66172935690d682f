"""The closure: what a resolver's pins mean, traced from the user's requirements through the metadata."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.model.names import canonical_name
from envcompose.model.values import dataclass
from envcompose.resolve.metadata import active_requirements, header_values
from envcompose.resolve.universe import Release, TargetUniverse

USER = ""
"""The requirer's name of what the user or the stack asks for directly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One distribution of the closure, at its one version.

    `required_by` holds every requirer and its requirement, sorted; the user's own have the requirer USER.
    """

    name: str
    version: Version
    release: Release
    extras: tuple[str, ...]
    requires: tuple[Requirement, ...]
    required_by: tuple[tuple[str, Requirement], ...]

    @property
    def requested(self) -> bool:
        """Did the user (or the stack's name) ask for it directly?"""
        return any(requirer == USER for requirer, _ in self.required_by)

    def bounds(self) -> tuple[str, ...]:
        """The distinct specifier sets that its requirers put on it, sorted, without empty ones."""
        return tuple(
            sorted({str(requirement.specifier) for _, requirement in self.required_by if str(requirement.specifier)})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """All members by normalised name, and those whose metadata could not be followed to the end, with the reasons."""

    members: Mapping[str, Member]
    assumed: Mapping[str, tuple[str, ...]]


def trace_closure(
    pins: Mapping[str, str],
    roots: Iterable[Requirement],
    universe: TargetUniverse,
    environment: Mapping[str, str],
    *,
    overrides: Mapping[str, Requirement] | None = None,
) -> Closure:
    """Walk from the roots through the metadata of the pinned versions, with extras and markers.

    Pins that nothing reaches are left out (constraints never are reached by themselves). An override stands in for
    every requirement of its name.
    """
    walk = _Walk(
        pins={canonical_name(name): Version(version) for name, version in pins.items()},
        universe=universe,
        environment=environment,
        overrides=overrides or {},
    )
    for root in roots:
        walk.require(USER, root)
    walk.run()
    return walk.closure()


class _Walk:
    """The state of one walk: extras reached so far, and who required what."""

    def __init__(
        self,
        *,
        pins: Mapping[str, Version],
        universe: TargetUniverse,
        environment: Mapping[str, str],
        overrides: Mapping[str, Requirement],
    ) -> None:
        self._pins = pins
        self._universe = universe
        self._environment = environment
        self._overrides = overrides
        self._extras: dict[str, set[str]] = {}
        self._by: dict[str, dict[tuple[str, str], Requirement]] = {}
        self._requires: dict[str, dict[str, Requirement]] = {}
        self._waiting: deque[str] = deque()
        self._texts: dict[str, tuple[str, ...]] = {}
        self._shown: dict[int, tuple[Requirement, str]] = {}

    def _text(self, requirement: Requirement) -> str:
        """A requirement as text; the same few thousand are asked for again and again."""
        known = self._shown.get(id(requirement))
        if known is None:
            # The requirement is kept with its text, so that its id stays its own.
            known = self._shown[id(requirement)] = (requirement, str(requirement))
        return known[1]

    def require(self, requirer: str, requirement: Requirement) -> None:
        name = canonical_name(requirement.name)
        requirement = self._overrides.get(name, requirement)
        if name not in self._pins:
            return
        self._by.setdefault(name, {})[(requirer, self._text(requirement))] = requirement
        known = self._extras.get(name)
        wanted = {canonical_name(extra) for extra in requirement.extras}
        if known is None:
            self._extras[name] = set(wanted)
            self._waiting.append(name)
        elif not wanted <= known:
            known |= wanted
            self._waiting.append(name)

    def run(self) -> None:
        while self._waiting:
            name = self._waiting.popleft()
            texts = self._texts_of(name)
            for requirement in active_requirements(texts, sorted(self._extras[name]), self._environment):
                held = self._requires.setdefault(name, {})
                if self._text(requirement) not in held:
                    held[self._text(requirement)] = requirement
                    self.require(name, requirement)

    def _texts_of(self, name: str) -> tuple[str, ...]:
        if name not in self._texts:
            release = self._universe.release(name, self._pins[name])
            self._texts[name] = tuple(header_values(self._universe.metadata_of(release), "Requires-Dist"))
        return self._texts[name]

    def closure(self) -> Closure:
        members, assumed = {}, {}
        for name in sorted(self._by):
            release = self._universe.release(name, self._pins[name])
            members[name] = Member(
                name=name,
                version=self._pins[name],
                release=release,
                extras=tuple(sorted(self._extras[name])),
                requires=tuple(self._requires.get(name, {}).values()),
                required_by=tuple(
                    sorted(
                        ((requirer, requirement) for (requirer, _), requirement in self._by[name].items()),
                        key=lambda pair: (pair[0], self._text(pair[1])),
                    )
                ),
            )
            if release.from_sdist:
                reading = self._universe.reading_of(release)
                if not reading.complete:
                    assumed[name] = reading.incomplete
        return Closure(members=members, assumed=assumed)
