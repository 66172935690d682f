"""Why requirements cannot hold together, by the metadata alone: which line, through which releases, against which line.

A resolver says no with a trace of what it tried. This finds the short reason where there is one: what every release
that is left of a package requires is required, and a package of which no release is left is the clash. What it finds
is certain; what it does not find may still clash.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import combinations
from typing import Protocol

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.values import dataclass
from envcompose.resolve.metadata import active_requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far it looks: packages of which more `releases` are left are not looked into, and so many metadata are `read`."""

    releases: int = 12
    read: int = 60


MOST_STEPS = 3
"""How many facts may lead from a line to a clash: what takes more tells nobody anything."""

DEFAULT_BOUNDS = Bounds()
_LOCAL = re.compile(r"\+[\w.]+")


class Releases(Protocol):
    """What a clash is looked for in: the releases of every package, and what each of them requires."""

    def versions(self, name: str) -> Iterable[Version] | None:
        """All releases of a package that may be used, or None where nothing can be said about it."""

    def requires(self, name: str, version: Version) -> Sequence[Sequence[str]] | None:
        """The requirement texts of a release: one list for each form in which it may come, None where they are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One requirement of the user with a number of its own; a `bound` (a constraint) requires nothing by itself."""

    number: int
    requirement: Requirement
    bound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """The lines (by number) that leave no release of a package, and the facts that lead from the one to the other.

    `wanted` is the requirement that no release satisfies, where it is one alone.
    """

    name: str
    lines: frozenset[int]
    facts: tuple[str, ...]
    wanted: Requirement | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    """What narrows a package: the releases it admits, the lines it comes from, the facts on the way."""

    admits: frozenset[Version]
    requirement: Requirement
    lines: frozenset[int]
    facts: tuple[str, ...]


def find_clash(
    lines: Sequence[Line],
    releases: Releases,
    environment: Mapping[str, str],
    *,
    by_newest: bool = False,
    bounds: Bounds = DEFAULT_BOUNDS,
) -> Clash | None:
    """The first clash of these lines in this environment, or None where the metadata show none.

    Lines by URL, and packages of which nothing is known, ask for nothing. With `by_newest` the newest release speaks for
    a package of which many are left: what is found then tells why the newest does not do, and is certain of no more.
    """
    return _Narrowing(lines, releases, environment, by_newest, bounds).run()


@dataclass(slots=True)
class _Package:
    """What is known of one package: all its releases, those that are left, what narrows them, the extras asked for."""

    all: frozenset[Version]
    left: frozenset[Version]
    reasons: list[_Reason] = field(default_factory=list)
    extras: frozenset[str] = frozenset()


Asking = Sequence[tuple[Version, int, Requirement]]
"""What the releases of a package require of another, each with the number of its form."""


class _Narrowing:
    def __init__(
        self,
        lines: Sequence[Line],
        releases: Releases,
        environment: Mapping[str, str],
        by_newest: bool,
        bounds: Bounds,
    ) -> None:
        self._lines = [line for line in lines if line.requirement.url is None and _holds(line.requirement, environment)]
        self._releases = releases
        self._environment = environment
        self._by_newest = by_newest
        self._limits = bounds
        self._packages: dict[str, _Package | None] = {}
        self._read = 0
        self._waiting: deque[str] = deque()

    def run(self) -> Clash | None:
        for line in self._lines:
            clash = None if line.bound else self._require(line.requirement, frozenset({line.number}), ())
            if clash is not None:
                return clash
        while self._waiting:
            clash = self._look_into(self._waiting.popleft())
            if clash is not None:
                return clash
        return None

    def _require(self, requirement: Requirement, lines: frozenset[int], facts: tuple[str, ...]) -> Clash | None:
        package = self._package(canonicalize_name(requirement.name))
        if package is None:
            return None
        admits = _admitted(package.all, requirement.specifier)
        reason = _Reason(admits=admits, requirement=requirement, lines=lines, facts=facts)
        return self._narrow(package, reason, {canonicalize_name(extra) for extra in requirement.extras})

    def _narrow(self, package: _Package, reason: _Reason, extras: Iterable[str] = ()) -> Clash | None:
        """Take one more reason; a package that is required for the first time comes under the user's bounds too."""
        name = canonicalize_name(reason.requirement.name)
        wanted = package.extras | frozenset(extras)
        if wanted == package.extras and any(known.admits <= reason.admits for known in package.reasons):
            return None
        if not package.reasons:
            package.reasons += self._bounds(name, package)
        package.extras = wanted
        package.reasons.append(reason)
        package.left = frozenset.intersection(*(known.admits for known in package.reasons))
        if not package.left:
            return _clash(name, package)
        self._waiting.append(name)
        return None

    def _bounds(self, name: str, package: _Package) -> list[_Reason]:
        return [
            _Reason(
                admits=_admitted(package.all, line.requirement.specifier),
                requirement=line.requirement,
                lines=frozenset({line.number}),
                facts=(),
            )
            for line in self._lines
            if line.bound and canonicalize_name(line.requirement.name) == name
        ]

    def _package(self, name: str) -> _Package | None:
        if name not in self._packages:
            versions = self._releases.versions(name)
            known = None if versions is None else frozenset(versions)
            self._packages[name] = None if known is None else _Package(all=known, left=known)
        return self._packages[name]

    def _look_into(self, name: str) -> Clash | None:
        """Require what every release that is left of a package requires, in whichever form it comes."""
        package = self._packages[name]
        if package is None:
            return None
        left = package.left
        if len(left) > self._limits.releases:
            if not self._by_newest:
                return None
            left = frozenset({max(_final(left))})
        forms: set[tuple[Version, int]] = set()
        asked: dict[str, list[tuple[Version, int, Requirement]]] = {}
        for version in sorted(left):
            lists = self._forms(name, version)
            if lists is None:
                return None
            for form, texts in enumerate(lists):
                forms.add((version, form))
                for requirement in active_requirements(texts, sorted(package.extras), self._environment):
                    asked.setdefault(canonicalize_name(requirement.name), []).append((version, form, requirement))
        lines = frozenset(number for reason in package.reasons for number in reason.lines)
        facts = tuple(dict.fromkeys(fact for reason in package.reasons for fact in reason.facts))
        if len(facts) >= MOST_STEPS:
            return None
        for other, asking in asked.items():
            if other != name and {(version, form) for version, form, _ in asking} == forms:
                fact = _required(name, asking, newest=left != package.left)
                clash = self._require_any(asking, lines, (*facts, fact))
                if clash is not None:
                    return clash
        return None

    def _forms(self, name: str, version: Version) -> Sequence[Sequence[str]] | None:
        self._read += 1
        return self._releases.requires(name, version) if self._read <= self._limits.read else None

    def _require_any(self, asking: Asking, lines: frozenset[int], facts: tuple[str, ...]) -> Clash | None:
        """Require what one form or another of the releases of a package admits, whichever it will be."""
        package = self._package(canonicalize_name(asking[0][2].name))
        if package is None:
            return None
        admits: frozenset[Version] = frozenset()
        for key in {(version, form) for version, form, _ in asking}:
            own = [_admitted(package.all, one.specifier) for version, form, one in asking if (version, form) == key]
            admits |= frozenset.intersection(*own)
        shared = set.intersection(*({canonicalize_name(e) for e in one.extras} for _, _, one in asking))
        reason = _Reason(admits=admits, requirement=asking[-1][2], lines=lines, facts=facts)
        return self._narrow(package, reason, shared)


def _required(name: str, asking: Asking, *, newest: bool) -> str:
    """What the releases of a package require of another, in words."""
    versions = [version for version, _, _ in asking]
    texts = list(dict.fromkeys(f"{one.name}{one.specifier}" for _, _, one in asking))
    if min(versions) == max(versions):
        together = len({form for _, form, _ in asking}) == 1
        which = f"the newest {name} that is left, {versions[0]}," if newest else f"{name} {versions[0]}"
        return f"{which} requires {', '.join(texts) if together else ' or '.join(texts)}"
    span = f"{name} {min(versions)} to {max(versions)} require"
    return f"{span} {texts[0]}" if len(texts) == 1 else f"{span} {texts[0]} to {texts[-1]}"


def _clash(name: str, package: _Package) -> Clash:
    """The clash by the fewest reasons that leave no release, earliest first."""
    for count in (1, 2, 3):
        for some in combinations(package.reasons, count):
            if not frozenset.intersection(*(reason.admits for reason in some)):
                return _clash_of(name, package, some)
    return _clash_of(name, package, package.reasons)


def _clash_of(name: str, package: _Package, reasons: Sequence[_Reason]) -> Clash:
    facts = [fact for reason in reasons for fact in reason.facts]
    if len(reasons) == 1:
        facts.append(_no_release(name, package.all, reasons[0].requirement.specifier))
    lines = frozenset(number for reason in reasons for number in reason.lines)
    wanted = reasons[0].requirement if len(reasons) == 1 else None
    return Clash(name=name, lines=lines, facts=tuple(dict.fromkeys(facts)), wanted=wanted)


def _no_release(name: str, versions: frozenset[Version], specifier: SpecifierSet) -> str:
    if not versions:
        return f"the index has nothing of {name} that fits"
    text = f"no release of {name} with a file for this Python and platform satisfies {specifier}"
    pins = [Version(one.version) for one in specifier if one.operator == "==" and not one.version.endswith("*")]
    final = _final(versions)
    if not pins:
        return f"{text}; the newest that has one is {max(final)}"
    below = max((version for version in final if version < pins[0]), default=None)
    above = min((version for version in final if version > pins[0]), default=None)
    near = [str(version) for version in (below, above) if version is not None]
    return f"{text}; the nearest {'is' if len(near) == 1 else 'are'} {' and '.join(near)}"


def _final(versions: Iterable[Version]) -> list[Version]:
    """The versions without pre-releases, where there are others."""
    found = list(versions)
    return [version for version in found if not version.is_prerelease] or found


def _admitted(versions: Iterable[Version], specifier: SpecifierSet) -> frozenset[Version]:
    """The releases that satisfy a specifier; a local label in it asks for a build of the same release."""
    try:
        bare = SpecifierSet(_LOCAL.sub("", str(specifier)))
    except InvalidSpecifier:
        bare = specifier
    return frozenset(version for version in versions if bare.contains(version, prereleases=True))


def _holds(requirement: Requirement, environment: Mapping[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""})
