"""Both layers to one solution: conda is solved, its twins pin PyPI, PyPI's bounds hold conda, until nothing changes.

pixi solves conda first, pins every PyPI twin at conda's version, then solves PyPI, and never goes back. This goes back:
what the closure asks of a twin becomes a constraint of the next conda solve (design.md, "Two layers, one solution").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from packaging.version import InvalidVersion, Version

from envcompose.model.composition import CondaDependency, SystemLayer
from envcompose.model.record import CondaAnswer, CondaQuestion, CondaRecord, VirtualPackage
from envcompose.model.solution import CondaSolution
from envcompose.model.values import dataclass
from envcompose.ports import CondaSolver, NameMap
from envcompose.resolve.virtual import target_virtuals
from envcompose.search.conda_conflict import Conflict, find_conflict

MOST_ROUNDS = 8
"""How many conda solves one candidate may take before the layers count as not agreeing."""

DRIVER = "__cuda"
PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Why the layers of a candidate do not come together, and the rule that says so."""

    why: str
    rule: str
    words: str = ""
    """The solver's own words, for the trace."""
    names: frozenset[str] = frozenset()
    """The conda packages whose lines are in conflict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """What conda provides of PyPI: a record for each PyPI name, and the conda dependency that each record comes with."""

    records: Mapping[str, CondaRecord]
    brought_by: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What the fixed point is: the system layer with all its constraints, and its solution."""

    system: SystemLayer
    solution: CondaSolution
    twins: Twins


PlanLayer = Callable[[Twins | None], SystemLayer]
"""The system layer of the closure at hand, given the twins that are known (None: by tables)."""


class Layers:
    """Solves the conda layer of candidates, and carries bounds and versions between the layers."""

    def __init__(
        self,
        solver: CondaSolver,
        names: NameMap,
        *,
        channels: Sequence[str],
        subdir: str,
        glibc: str,
        as_of: str | None = None,
        driver_first: bool = False,
    ) -> None:
        self._solver = solver
        self._names = names
        self._channels = tuple(channels)
        self._subdir = subdir
        self._glibc = glibc
        self._driver_first = driver_first
        # A day counts whole, as on the package index: what came before the next one.
        self._before = None if as_of is None else (date.fromisoformat(as_of) + timedelta(days=1)).isoformat()
        self._pythons: dict[str, str] = {}
        self._conflicts: list[Conflict] = []

    @property
    def names_by_tables(self) -> bool:
        """Does it rest on our own table which conda packages stand for PyPI's?"""
        return self._names.by_tables

    def question(self, system: SystemLayer) -> CondaQuestion:
        """What the solver is asked about a system layer."""
        return CondaQuestion(
            specs=tuple(_match_spec(dependency) for dependency in system.dependencies),
            constraints=tuple(_match_spec(dependency) for dependency in system.constraints),
            channels=system.channels,
            subdir=self._subdir,
            virtual=self.virtual(system),
            exclude_newer=self._before,
        )

    def python(self, minor: str) -> str:
        """The full version of the interpreter that the channels have for a minor release, that itself where they have none.

        Only a first guess: what else is asked for may hold an older one.
        """
        if minor not in self._pythons:
            question = CondaQuestion(
                specs=(f"{PYTHON} {minor}.*",),
                constraints=(),
                channels=self._channels,
                subdir=self._subdir,
                virtual=target_virtuals(self._subdir, glibc=self._glibc, cuda=None),
                exclude_newer=self._before,
            )
            records = self._solver.solve(question).records or ()
            self._pythons[minor] = next((one.version for one in records if one.name == PYTHON), minor)
        return self._pythons[minor]

    def virtual(self, system: SystemLayer) -> tuple[VirtualPackage, ...]:
        """The virtual packages of the target: `__cuda` only where a conda package asks for it."""
        return target_virtuals(self._subdir, glibc=self._glibc, cuda=system.driver if system.needs_driver else None)

    def solve(self, system: SystemLayer) -> tuple[SystemLayer, CondaAnswer]:
        """Solve a layer; a package that asks for a driver gets the one that the target states.

        Where the user states a driver, builds that ask for one are looked for first. The platform declares a driver
        only where something in the solution asks for it, so that machines without a GPU can install the rest.
        """
        if self._driver_first and system.driver and not system.needs_driver:
            answer = self._solver.solve(self.question(replace(system, needs_driver=True)))
            if answer.records is not None:
                return replace(system, needs_driver=_asks_for_driver(answer.records)), answer
        answer = self._solver.solve(self.question(system))
        if answer.records is None and not system.needs_driver and system.driver and DRIVER in answer.words:
            system = replace(system, needs_driver=True)
            answer = self._solver.solve(self.question(system))
        return system, answer

    def join(self, plan: PlanLayer, known: Twins | None) -> Joined | Clash:
        """Solve conda under the bounds of a closure, with every twin that the solution turns out to have.

        `plan` makes the layer of that closure; `known` are the twins of an earlier round, whose bounds are held from
        the start. The closure is not resolved again here: the caller compares the twins' versions with those that it
        was resolved with.
        """
        twins = known
        for conflict in self._conflicts:
            if conflict.applies_to(plan(twins)):
                return _clash(conflict)
        for rounds in range(1, MOST_ROUNDS + 1):
            system, answer = self.solve(plan(twins))
            if answer.records is None:
                conflict = find_conflict(system, answer.words, lambda layer: self.solve(layer)[1])
                self._conflicts.append(conflict)
                return _clash(conflict)
            found = self._twins(answer.records)
            twins = Twins(
                records={**(twins.records if twins else {}), **found},
                brought_by=_bringers([dependency.name for dependency in system.dependencies], answer.records),
            )
            planned = replace(plan(twins), needs_driver=system.needs_driver)
            if _asked(planned) == _asked(system):
                return Joined(
                    system=planned, solution=self._solution(planned, answer.records, found, rounds), twins=twins
                )
        return Clash(
            why=f"conda's packages and the bounds on them do not agree within {MOST_ROUNDS} rounds", rule="layers-agree"
        )

    def _twins(self, records: Sequence[CondaRecord]) -> dict[str, CondaRecord]:
        """PyPI names with the record that stands for each; a record whose version PEP 440 cannot read stands for none."""
        found: dict[str, CondaRecord] = {}
        for record in records:
            if version_of(record) is not None:
                found |= {name: record for name in self._names.pypi_names(record)}
        return found

    def _solution(
        self, system: SystemLayer, records: tuple[CondaRecord, ...], twins: Mapping[str, CondaRecord], rounds: int
    ) -> CondaSolution:
        return CondaSolution(
            records=records,
            provides=dict(sorted(twins.items())),
            pypi_names={record.url: self._names.pypi_names(record) for record in records},
            channels=system.channels,
            virtual=self.virtual(system),
            names_source=self._names.source,
            names_by_tables=self._names.by_tables,
            rounds=rounds,
        )


def _asks_for_driver(records: Sequence[CondaRecord]) -> bool:
    return any(text.split()[0] == DRIVER for record in records for text in record.depends)


def _clash(conflict: Conflict) -> Clash:
    names = frozenset(line.name for line in conflict.lines)
    return Clash(why=conflict.told(), rule="conda-solves", words=conflict.words, names=names)


def versions_of(twins: Mapping[str, CondaRecord]) -> dict[str, Version]:
    """The version at which each twin pins the PyPI resolve."""
    return {name: version for name, record in twins.items() if (version := version_of(record)) is not None}


def _match_spec(dependency: CondaDependency) -> str:
    channel = f"{dependency.channel}::" if dependency.channel else ""
    return f"{channel}{dependency.name} {dependency.spec}".strip()


def version_of(record: CondaRecord) -> Version | None:
    """A record's version as PyPI has it; None where PEP 440 cannot read it."""
    try:
        return Version(record.version)
    except InvalidVersion:
        return None


def _asked(system: SystemLayer) -> tuple[tuple[tuple[str, str, str | None], ...], ...]:
    """The question in a layer, without its reasons."""
    return tuple(
        tuple((line.name, line.spec, line.channel) for line in lines)
        for lines in (system.dependencies, system.constraints)
    )


def _bringers(roots: Sequence[str], records: Sequence[CondaRecord]) -> dict[str, str]:
    """For each record the first of the roots that it comes with, by conda name."""
    needs = {record.name: [text.split()[0].rpartition("::")[2] for text in record.depends] for record in records}
    found: dict[str, str] = {}
    for root in sorted(roots):
        waiting = [root]
        while waiting:
            name = waiting.pop()
            if name in needs and name not in found:
                found[name] = root
                waiting += needs[name]
    return found
