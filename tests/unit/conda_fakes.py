"""A conda solver in memory: tries records newest first and goes back where that does not work out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name

from envcompose.manifest.conda_version import parse_version
from envcompose.manifest.match_spec import MatchSpec, parse_match_spec
from envcompose.model.record import CondaAnswer, CondaQuestion, CondaRecord

CHANNEL = "https://conda.example/main/"


def record(name: str, version: str, *depends: str, constrains: Sequence[str] = (), build: str = "0") -> CondaRecord:
    file_name = f"{name}-{version}-{build}.conda"
    return CondaRecord(
        name=name,
        version=version,
        build=build,
        build_number=0,
        subdir="linux-64",
        url=f"{CHANNEL}linux-64/{file_name}",
        channel=CHANNEL,
        file_name=file_name,
        sha256="0" * 64,
        depends=tuple(depends),
        constrains=tuple(constrains),
    )


class FakeCondaSolver:
    """The CondaSolver port over records in memory; `asked` holds every question."""

    def __init__(self, *records: CondaRecord) -> None:
        self._by_name: dict[str, list[CondaRecord]] = {}
        for one in records:
            self._by_name.setdefault(one.name, []).append(one)
        for found in self._by_name.values():
            found.sort(key=lambda one: parse_version(one.version), reverse=True)
        self.asked: list[CondaQuestion] = []
        self.out_of_reach: str | None = None

    def reach(self, channels: Sequence[str], subdir: str) -> str | None:
        return self.out_of_reach

    def solve(self, question: CondaQuestion) -> CondaAnswer:
        self.asked.append(question)
        virtual = {one.name: record(one.name, one.version) for one in question.virtual}
        bounds = [parse_match_spec(text) for text in question.constraints]
        wanted = [parse_match_spec(text) for text in question.specs]
        solution = next(self._solutions({}, wanted, bounds, virtual), None)
        if solution is None:
            virtual_needs = {text for found in self._by_name.values() for one in found for text in one.depends}
            told = sorted(text for text in virtual_needs if text.startswith("__"))
            return CondaAnswer(records=None, words=f"no such records; some need {', '.join(told) or 'nothing'}")
        return CondaAnswer(records=tuple(sorted(solution.values(), key=lambda one: one.url)))

    def _solutions(
        self,
        chosen: Mapping[str, CondaRecord],
        wanted: Sequence[MatchSpec],
        bounds: Sequence[MatchSpec],
        virtual: Mapping[str, CondaRecord],
    ) -> Iterator[dict[str, CondaRecord]]:
        if not wanted:
            yield dict(chosen)
            return
        spec, rest = wanted[0], wanted[1:]
        name = str(spec.name)
        if name.startswith("__"):
            if name in virtual and spec.matches(virtual[name]):
                yield from self._solutions(chosen, rest, bounds, virtual)
            return
        if name in chosen:
            if spec.matches(chosen[name]):
                yield from self._solutions(chosen, rest, bounds, virtual)
            return
        for one in self._by_name.get(name, ()):
            fits = spec.matches(one) and all(bound.matches(one) for bound in bounds if bound.name == name)
            own = [parse_match_spec(text) for text in one.constrains]
            clashes = any(str(o.name) in chosen and not o.matches(chosen[str(o.name)]) for o in own)
            if fits and not clashes:
                more = [parse_match_spec(text) for text in one.depends]
                yield from self._solutions({**chosen, name: one}, [*more, *rest], [*bounds, *own], virtual)


class SameNames:
    """The NameMap port: a record stands for the PyPI name of its own name, except for these."""

    source = "a test"
    by_tables = False

    def __init__(self, *without: str) -> None:
        self._without = without

    def pypi_names(self, record: CondaRecord) -> tuple[str, ...]:
        return () if record.name in self._without else (canonicalize_name(record.name),)
