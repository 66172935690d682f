"""Who requires a package: the shortest way from what the user asked for, for each that requires it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from packaging.utils import canonicalize_name

from envcompose.model.composition import Composition, Package
from envcompose.model.explanation import Chain, Link
from envcompose.model.facts import Facts
from envcompose.model.intent import StackRequest
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import UserRequirement
from envcompose.resolve.closure import USER


def chains_to(composition: Composition, facts: Facts, name: str) -> tuple[Chain, ...]:
    """One chain for each requirer of a distribution, shortest first, exact pins before bounds, then by name."""
    ways = _Ways(composition, facts)
    package = ways.packages[name]
    chains = [chain for requirer in _requirers(package) if (chain := ways.through(requirer, package)) is not None]
    return tuple(sorted(chains, key=_order))


def asked_as(composition: Composition, facts: Facts, name: str) -> StackRequest | UserRequirement | None:
    """What the user asked of a distribution, with their own words and their place; None where nobody asked for it."""
    intent = composition.intent
    for request in intent.stacks:
        if canonicalize_name(facts.stacks[request.name].distribution) == name:
            return request
    return next((user for user in intent.reading.requirements if user.name == name), None)


def specifiers_of(package: Package, requirer: str) -> str:
    """What one requirer asks of a package, its several requirements joined."""
    texts = [specifier for name, specifier in package.requirers if name == requirer and specifier]
    return ",".join(dict.fromkeys(texts))


def way_between(starts: Sequence[str], records: Sequence[CondaRecord], name: str) -> tuple[Link, ...]:
    """A shortest way through conda records from one of the starts to a record that some of them bring.

    Each link holds what the one before it asks of it. Where no start leads there, the record stands alone.
    """
    by_name = {record.name: record for record in records}
    before: dict[str, tuple[str, str] | None] = dict.fromkeys(start for start in starts if start in by_name)
    waiting = list(before)
    while waiting and name not in before:
        here = waiting.pop(0)
        for other, spec in sorted(depends_of(by_name[here]).items()):
            if other in by_name and other not in before:
                before[other] = (here, spec)
                waiting.append(other)
    links: list[Link] = []
    at: tuple[str, str] | None = (name, "")
    while at is not None:
        step = before.get(at[0])
        spec = step[1] if step is not None else ""
        links.insert(0, Link(name=at[0], version=by_name[at[0]].version, extras=(), specifier=spec))
        at = step
    return tuple(links)


def depends_of(record: CondaRecord) -> dict[str, str]:
    """What a conda record depends on, each with the spec of its version."""
    found = {}
    for text in record.depends:
        name, _, spec = text.partition(" ")
        found[name.rpartition("::")[2]] = spec.strip()
    return found


def _requirers(package: Package) -> list[str]:
    """Each requirer once; a package that names itself (through an extra) does not require itself."""
    return [name for name in dict.fromkeys(name for name, _ in package.requirers) if name != package.name]


class _Ways:
    """Shortest ways from the user to every distribution, by a walk in breadth."""

    def __init__(self, composition: Composition, facts: Facts) -> None:
        self.packages: Mapping[str, Package] = {package.name: package for package in composition.packages}
        self._composition = composition
        self._facts = facts
        self._before = self._walked()

    def through(self, requirer: str, package: Package) -> Chain | None:
        """The shortest way to a package whose last step is this requirer; None where it leads through the package itself."""
        names = [package.name] if requirer == USER else [*self._way_to(requirer), package.name]
        if package.name in names[:-1]:
            return None
        asked = asked_as(self._composition, self._facts, names[0])
        links = [self._link(names[0], _specifier(asked))]
        links += [self._link(name, specifiers_of(self.packages[name], before)) for before, name in pairwise(names)]
        if asked is None:
            return Chain(asked=None, origin=None, links=tuple(links))
        return Chain(asked=asked.text, origin=asked.origin, links=tuple(links))

    def _link(self, name: str, specifier: str) -> Link:
        package = self.packages[name]
        return Link(name=name, version=package.version, extras=package.extras, specifier=specifier)

    def _way_to(self, name: str) -> list[str]:
        way = [name]
        while (before := self._before.get(way[0])) is not None:
            way.insert(0, before)
        return way

    def _walked(self) -> dict[str, str | None]:
        """For each distribution the one before it on a shortest way; None for what the user asked for."""
        required: dict[str, list[str]] = {}
        for package in self.packages.values():
            for requirer in _requirers(package):
                required.setdefault(requirer, []).append(package.name)
        waiting = sorted(name for name, package in self.packages.items() if package.requested)
        before: dict[str, str | None] = dict.fromkeys(waiting)
        while waiting:
            name = waiting.pop(0)
            for other in sorted(required.get(name, ())):
                if other not in before:
                    before[other] = name
                    waiting.append(other)
        return before


def _specifier(asked: StackRequest | UserRequirement | None) -> str:
    """The user's own bound: the search's choice of a release is none."""
    if asked is None:
        return ""
    return str(asked.specifier if isinstance(asked, StackRequest) else asked.requirement.specifier)


def _order(chain: Chain) -> tuple[int, bool, bool, str]:
    last = chain.links[-1].specifier
    requirer = chain.requirer
    return len(chain.links), not last.startswith("=="), not last, requirer.name if requirer else ""
