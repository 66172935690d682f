"""The conda half of a solve: the manifest's own lines, and the bounds that PyPI's packages put on what conda brings."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from envcompose.errors import LockNotSupported
from envcompose.lock.goals import Goal
from envcompose.manifest.match_spec import MatchSpec, render_match_spec
from envcompose.manifest.workspace import CondaWish
from envcompose.manifest.workspace_views import Cutoffs
from envcompose.model.composition import CondaDependency, SystemLayer
from envcompose.model.record import CondaAnswer, CondaQuestion, CondaRecord
from envcompose.model.values import dataclass
from envcompose.ports import CondaSolver, NameMap
from envcompose.search.conda_conflict import Conflict, find_conflict
from envcompose.search.layers import version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What PyPI asks of a conda package; it installs nothing. `pypi` is the name that PyPI knows it by."""

    name: str
    spec: str
    why: str
    pypi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaFound:
    """The records of a solution by conda name, and those that stand for PyPI names."""

    records: Mapping[str, CondaRecord]
    twins: Mapping[str, CondaRecord]

    @property
    def python(self) -> CondaRecord | None:
        """The interpreter."""
        return self.records.get("python")


class CondaHalf:
    """Solves conda for one goal; `kept` are records of an earlier lock, preferred where they fit."""

    def __init__(
        self,
        goal: Goal,
        solver: CondaSolver,
        names: NameMap | None,
        *,
        manifest: str,
        root: str,
        cutoffs: Cutoffs,
        kept: Sequence[CondaRecord] = (),
    ) -> None:
        """`root` is the address of the manifest's folder, for channels on disk."""
        self._goal = goal
        self._solver = solver
        self._names = names
        self._cutoffs = cutoffs
        self._kept = tuple(kept)
        self._lines = _layer(goal, manifest, root)

    def spec_of(self, name: str) -> list[MatchSpec]:
        """What the manifest itself asks of a conda package."""
        wishes = (*self._goal.dependencies, *self._goal.constraints)
        return [wish.spec for wish in wishes if wish.name == name]

    def solve(self, bounds: Sequence[Bound] = ()) -> CondaFound | Conflict:
        """The solution under these bounds, or the fewest lines that cannot hold together."""
        if not self._goal.dependencies:
            return CondaFound(records={}, twins={})
        layer = self._with(bounds)
        answer = self._answer(layer)
        if answer.records is None:
            return find_conflict(layer, answer.words, self._answer)
        return CondaFound(records={record.name: record for record in answer.records}, twins=self._twins(answer.records))

    def is_left_out_by_days(self, conflict: Conflict) -> bool:
        """Would the lines of a conflict have a solution if no `exclude-newer` held?"""
        days = self._cutoffs
        if days.default is None and not days.packages and not days.channels:
            return False
        layer = replace(
            self._lines,
            dependencies=tuple(line for line in self._lines.dependencies if line in conflict.lines),
            constraints=tuple(line for line in conflict.lines if line not in self._lines.dependencies),
        )
        question = self._question(layer)
        undated = replace(question, exclude_newer=None, exclude_newer_of={}, exclude_newer_in={})
        return self._solver.solve(undated).records is not None

    def _with(self, bounds: Sequence[Bound]) -> SystemLayer:
        lines = [
            CondaDependency(name=bound.name, spec=bound.spec, why=bound.why, rule="pypi-bound") for bound in bounds
        ]
        return replace(self._lines, constraints=(*self._lines.constraints, *lines))

    def _answer(self, layer: SystemLayer) -> CondaAnswer:
        return self._solver.solve(self._question(layer))

    def _question(self, layer: SystemLayer) -> CondaQuestion:
        view = self._goal.views[0]
        return CondaQuestion(
            specs=tuple(f"{line.name} {line.spec}" for line in layer.dependencies),
            constraints=tuple(f"{line.name} {line.spec}" for line in layer.constraints),
            channels=layer.channels,
            subdir=self._goal.platform.subdir,
            virtual=view.virtual,
            priority=view.channel_priority.value,
            strategy=self._goal.strategy.value,
            exclude_newer=_text(self._cutoffs.default),
            exclude_newer_of={name: _text(at) or "" for name, at in self._cutoffs.packages.items()},
            exclude_newer_in={url: _text(at) or "" for url, at in self._cutoffs.channels.items()},
            kept=self._kept,
        )

    def _twins(self, records: Sequence[CondaRecord]) -> dict[str, CondaRecord]:
        found: dict[str, CondaRecord] = {}
        for record in records:
            if self._names is not None and version_of(record) is not None:
                found |= {name: record for name in self._names.pypi_names(record)}
        return found


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def channel_address(url: str, root: str) -> str:
    """A channel's address; one on disk is seen from the manifest's folder, whose address is `root`."""
    if "://" in url:
        return url
    scheme, mark, folder = root.partition("://")
    return f"{scheme}{mark}{posixpath.normpath(posixpath.join(folder, url))}/"


def _layer(goal: Goal, manifest: str, root: str) -> SystemLayer:
    """The manifest's lines as a conda layer. Raises LockNotSupported for what is built from source."""
    for wish in (*goal.dependencies, *goal.constraints):
        if wish.source is not None:
            what = f"{wish.name}, a conda package that pixi builds from source"
            raise LockNotSupported(what=what, file=manifest, line=wish.line)
    for view in goal.views:
        if view.dev:
            what = f"[dev] ({', '.join(view.dev)}), which pixi builds from source"
            raise LockNotSupported(what=what, file=manifest, line=None)
    return SystemLayer(
        dependencies=tuple(_line(wish, manifest) for wish in goal.dependencies),
        constraints=tuple(_line(wish, manifest) for wish in goal.constraints),
        env=(),
        build_needs=(),
        needs_driver=True,
        messages=(),
        channels=tuple(channel_address(channel.url, root) for channel in goal.channels),
    )


def _line(wish: CondaWish, manifest: str) -> CondaDependency:
    place = manifest if wish.line is None else f"{manifest}, line {wish.line}"
    return CondaDependency(name=wish.name, spec=_spec_text(wish.spec), why=place, rule="manifest")


def _spec_text(spec: MatchSpec) -> str:
    """What stands behind the name in a match spec: `>=1.2 py311*` where that says it all, else in brackets."""
    version = "*" if spec.version is None else str(spec.version)
    plain = version if spec.build is None else f"{version} {spec.build.text}"
    if render_match_spec(spec) == render_match_spec(MatchSpec(name=spec.name, version=spec.version, build=spec.build)):
        return plain
    return render_match_spec(spec).removeprefix(spec.name or "*")
