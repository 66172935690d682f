"""Why one package is where it is, gathered from a composition: nothing is decided here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.model.composition import (
    BuildNeeds,
    Composition,
    CondaDependency,
    EnvironmentVariable,
    Package,
    PypiDependency,
    Task,
)
from envcompose.model.decision import Rejection
from envcompose.model.distribution import PackageFile
from envcompose.model.explanation import Chain, Explanation, Link
from envcompose.model.facts import Facts, RunNeed
from envcompose.model.intent import ArtifactKind
from envcompose.model.message import Message
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import Fate
from envcompose.model.target import Default
from envcompose.resolve.partners import TORCH
from envcompose.review.chains import chains_to, depends_of, way_between
from envcompose.review.pins import PYTHON, conda_pins, follows_line, newest_of, pins_of, user_lines


def explain(
    composition: Composition,
    facts: Facts,
    name: str,
    *,
    files: Sequence[PackageFile] = (),
) -> Explanation | None:
    """The explanation of a distribution, a conda package or the project itself, by its name; None where there is no such.

    `files` are the index's files of the distribution, for what is newer.
    """
    found = _Subject(composition, facts, name)
    package, dependency = found.package, found.dependency
    line = _line(composition, canonicalize_name(name) if package is None else package.name)
    if package is None and dependency is None and found.record is None and line is None:
        return None
    needs = next((n for n in composition.system.build_needs if package is not None and n.name == package.name), None)
    return Explanation(
        name=package.name if package is not None else found.conda_name,
        package=package,
        dependency=dependency,
        record=found.record,
        constraints=found.constraints(),
        line=line,
        chains=found.chains(),
        asked=_asked(composition, found),
        pins=(
            *(pins_of(composition, facts, package) if package is not None else ()),
            *(conda_pins(composition, dependency) if dependency is not None else ()),
        ),
        newest=newest_of(composition, package, files) if package is not None else None,
        build_needs=needs,
        needed_by=found.needed_by(),
        tasks=_tasks(composition, package),
        env=_environment(composition, facts, package, needs),
        defaults=_defaults(composition, facts, found),
        rejected=_rejected(composition, facts, found.names),
        messages=_messages(composition, found.names),
    )


def distribution_named(composition: Composition, facts: Facts, name: str) -> Package | None:
    """The distribution that a name means, also by its conda name."""
    word = name.strip().lower()
    wanted = TORCH if word in facts.torch_packages else canonicalize_name(word)
    found = composition.package(wanted)
    if found is not None:
        return found
    return next((package for package in composition.packages if package.conda_name == word), None)


def known_names(composition: Composition) -> tuple[str, ...]:
    """Every name that `explain` knows, sorted."""
    names = {package.name for package in composition.packages}
    names |= {dependency.name for dependency in composition.system.dependencies}
    return tuple(sorted(names | {record.name for record in records_of(composition)}))


def records_of(composition: Composition) -> tuple[CondaRecord, ...]:
    """The records of the solved conda layer; none where it stands by tables."""
    return composition.solution.conda.records if composition.solution is not None else ()


def conda_askers(composition: Composition, facts: Facts, name: str) -> tuple[str, ...]:
    """The distributions that need a conda package to be built or to run, sorted."""
    found = {needs.name for needs in composition.system.build_needs if name in needs.conda}
    for package in composition.packages:
        if any(name in need.conda for need in _run_needs(facts, package)):
            found.add(package.name)
        built = package.artifact.kind is ArtifactKind.SDIST and package.artifact.compile is not None
        if built and any(_names(package.name, line.why) for line in _lines(composition, name)):
            found.add(package.name)
    return tuple(sorted(found))


class _Subject:
    """What a name means: a distribution, a line of the conda layer, a conda record, or several of these."""

    def __init__(self, composition: Composition, facts: Facts, name: str) -> None:
        self._composition = composition
        self._facts = facts
        self._records = records_of(composition)
        word = name.strip().lower()
        self.package = distribution_named(composition, facts, word)
        wanted = self._conda_names(word)
        lines = composition.system.dependencies
        self.dependency = next((line for want in wanted for line in lines if line.name == want), None)
        self.record = next((record for want in wanted for record in self._records if record.name == want), None)
        self.conda_name = next((found.name for found in (self.dependency, self.record) if found is not None), word)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that texts may call it by."""
        own = [self.package.name] if self.package is not None else []
        conda = [self.conda_name] if self.dependency is not None or self.record is not None else []
        return tuple(dict.fromkeys([*own, *conda]))

    def _conda_names(self, word: str) -> list[str]:
        """The conda packages that a word may mean, the nearest first."""
        known = [*(line.name for line in self._composition.system.dependencies), *(r.name for r in self._records)]
        alike = [name for name in known if canonicalize_name(name) == canonicalize_name(word)]
        conda = self.package.conda_name if self.package is not None else None
        torch = self._facts.torch_packages if conda is not None and self.package and self.package.name == TORCH else ()
        return list(dict.fromkeys([word, *([conda] if conda else []), *torch, *alike]))

    def constraints(self) -> tuple[CondaDependency, ...]:
        """The lines of `[constraints]` about it, also by the conda name of its twin."""
        names = {*self.names}
        names |= {twin.conda for twin in self._facts.twins if twin.pypi in names}
        return tuple(line for line in self._composition.system.constraints if line.name in names)

    def chains(self) -> tuple[Chain, ...]:
        """From the user to it; for a conda package through the distributions that need it."""
        if self.package is not None:
            return chains_to(self._composition, self._facts, self.package.name)
        return tuple(sorted(self._conda_chains(), key=lambda chain: (len(chain.links), chain.links[0].name)))

    def _conda_chains(self) -> Iterator[Chain]:
        if self.dependency is not None:
            yield from self._line_chains(self.dependency)
        elif self.record is not None:
            lines = {line.name: line for line in self._composition.system.dependencies}
            start, *rest = way_between(sorted(lines), self._records, self.record.name)
            for chain in [*self._line_chains(lines[start.name])][:1] or [
                Chain(asked=None, origin=None, links=(start,))
            ]:
                yield replace(chain, links=(*chain.links, *rest))

    def _line_chains(self, line: CondaDependency) -> Iterator[Chain]:
        """The ways to a line of the conda layer: from the user, and through what needs it."""
        version = next((record.version for record in self._records if record.name == line.name), "")
        last = Link(name=line.name, version=version, extras=(), specifier=line.spec)
        for request in self._composition.intent.reading.conda:
            if request.name == line.name:
                text = f"{request.name} {request.spec}".strip()
                yield Chain(asked=text, origin=request.origin, links=(last,))
        for asker in conda_askers(self._composition, self._facts, line.name):
            for chain in chains_to(self._composition, self._facts, asker)[:1]:
                yield replace(chain, links=(*chain.links, last))

    def needed_by(self) -> tuple[str, ...]:
        """Who needs the conda package."""
        if self.dependency is None and self.record is None:
            return ()
        depending = [record.name for record in self._records if self.conda_name in depends_of(record)]
        return (*conda_askers(self._composition, self._facts, self.conda_name), *sorted(depending))


def _lines(composition: Composition, name: str) -> list[CondaDependency]:
    return [line for line in composition.system.dependencies if line.name == name]


def _run_needs(facts: Facts, package: Package) -> list[RunNeed]:
    recipe = facts.packages.get(package.name)
    try:
        version = Version(package.version)
    except InvalidVersion:
        return []
    return [need for need in recipe.run_needs if need.when.contains(version, prereleases=True)] if recipe else []


def _names(name: str, text: str) -> bool:
    """Does a text name a package, as a word of its own?"""
    return re.search(rf"(?<![\w.-]){_spelled(name)}(?![\w-])", text, re.IGNORECASE) is not None


def _spelled(name: str) -> str:
    """A pattern for every spelling of a normalised name (PEP 503)."""
    return re.escape(name).replace(r"\-", "[-_.]")


def _line(composition: Composition, name: str) -> PypiDependency | None:
    return next((line for line in composition.pypi if line.name == name), None)


def _asked(composition: Composition, subject: _Subject) -> tuple[Fate, ...]:
    """What became of the user's own lines about it, by whichever name they call it."""
    heads = [re.compile(rf"{_spelled(name)}(?![\w.-])", re.IGNORECASE) for name in subject.names]
    own = user_lines(composition, subject.package.name) if subject.package is not None else []
    places = {(user.text, user.origin) for _, user in own}
    return tuple(
        fate
        for fate in composition.fates
        if (fate.text, fate.origin) in places or any(head.match(fate.text.strip()) for head in heads)
    )


def _tasks(composition: Composition, package: Package | None) -> tuple[Task, ...]:
    """The tasks that build it, or offer to."""
    if package is None:
        return ()
    return tuple(
        task for task in composition.tasks if task.name in (f"build-{package.name}", f"rebuild-{package.name}")
    )


def _environment(
    composition: Composition, facts: Facts, package: Package | None, needs: BuildNeeds | None
) -> tuple[EnvironmentVariable, ...]:
    """Its own variables; where it is built in this environment, also those that belong to no other package."""
    if package is None:
        return ()
    owners: dict[str, set[str]] = {}
    for other in composition.system.build_needs:
        for key, _ in other.env:
            owners.setdefault(key, set()).add(other.name)
    for other_package in composition.packages:
        for need in _run_needs(facts, other_package):
            for key, _ in need.env:
                owners.setdefault(key, set()).add(other_package.name)
    return tuple(
        variable
        for variable in composition.system.env
        if package.name in owners.get(variable.name, ()) or (needs is not None and variable.name not in owners)
    )


def _defaults(composition: Composition, facts: Facts, subject: _Subject) -> tuple[Default, ...]:
    """What rules chose that it follows: the Python, the CUDA line, the GPUs that a build compiles for."""
    wanted = set()
    if subject.dependency is not None and subject.dependency.name == PYTHON:
        wanted.add("python")
    if subject.dependency is not None and follows_line(composition, subject.dependency):
        wanted.add("cuda")
    if subject.package is not None and subject.package.name == TORCH:
        wanted |= {"cuda", "driver"}
    if subject.package is not None and subject.package.artifact.compile is not None:
        wanted |= {"gpus", "max_jobs"}
    return tuple(default for default in composition.defaults if default.name in wanted)


def _rejected(composition: Composition, facts: Facts, names: Sequence[str]) -> tuple[Rejection, ...]:
    """Candidates that lost over it, and, for a stack, its own releases."""
    stacks = [stack.name for stack in facts.stacks.values() if canonicalize_name(stack.distribution) in names]
    words = (*names, *stacks)
    return tuple(
        entry
        for entry in composition.rejected
        if any(_names(word, entry.what) or _names(word, entry.why) for word in words)
    )


def _messages(composition: Composition, names: Sequence[str]) -> tuple[Message, ...]:
    return tuple(message for message in composition.messages if set(names) & set(message.packages))
