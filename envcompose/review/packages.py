"""The packages of a settled candidate as a reviewer sees them, and what the verifier should expect of them."""

from __future__ import annotations

from collections.abc import Mapping

from envcompose.model.composition import CondaDependency, Package, SystemLayer
from envcompose.model.decision import Artifact, Standing
from envcompose.model.facts import Facts, Probe
from envcompose.model.intent import ArtifactKind
from envcompose.model.record import CondaRecord
from envcompose.model.target import Layer
from envcompose.ports import PackageIndex
from envcompose.resolve.closure import USER, Member
from envcompose.search.settled import Settled

_ORDER = (Standing.PROVED, Standing.BY_TABLES, Standing.ASSUMED)
Pairs = tuple[tuple[str, str], ...]


def closure_packages(
    best: Settled, pinned: frozenset[str], conda_names: Mapping[str, str], system: SystemLayer
) -> tuple[Package, ...]:
    """Every distribution of the closure by name, each with its decision and its standing."""
    # Which line stands for which distribution is known once conda was solved; before that a name is the best guess.
    provided = {} if best.joined is not None else {dependency.name: dependency for dependency in system.dependencies}
    return tuple(
        _package(best, member, pinned, conda_names, provided.get(conda_names.get(name, name)))
        for name, member in sorted(best.closure.members.items())
    )


def _package(
    best: Settled,
    member: Member,
    pinned: frozenset[str],
    conda_names: Mapping[str, str],
    provided: CondaDependency | None,
) -> Package:
    artifact = best.artifacts[member.name]
    version = str(member.version)
    record = best.provided.get(member.name)
    if provided is not None and artifact.kind is not ArtifactKind.CONDA:
        # Which version conda takes is pixi's to say, unless the bounds leave one only.
        version = provided.spec.removeprefix("==") if provided.spec.startswith("==") else ""
        artifact = _from_conda(provided)
    unread = member.release.unread and str(member.version) == "0"
    return Package(
        name=member.name,
        version="" if unread else version if record is None else record.version,
        layer=artifact.layer,
        artifact=artifact,
        extras=member.extras,
        requested=member.requested,
        required_by=tuple(sorted({requirer for requirer, _ in member.required_by if requirer != USER})),
        requirers=tuple((requirer, str(requirement.specifier)) for requirer, requirement in member.required_by),
        bounds=member.bounds(),
        index=member.release.file.index if member.release.file is not None else None,
        pinned=member.name in pinned,
        standing=_standing(best, member, artifact),
        links_torch=member.name in best.island,
        conda_name=_conda_name(member.name, record, conda_names) if artifact.layer is Layer.SYSTEM else None,
        record=record,
    )


def _conda_name(name: str, record: CondaRecord | None, conda_names: Mapping[str, str]) -> str:
    return record.name if record is not None else conda_names.get(name, name)


def _from_conda(provided: CondaDependency) -> Artifact:
    """A distribution that a conda dependency of the manifest provides: pixi pins the PyPI resolve at its version."""
    return Artifact(
        kind=ArtifactKind.CONDA,
        rule=provided.rule,
        why=f"conda provides it ({provided.name} {provided.spec}): {provided.why}",
        standing=Standing.BY_TABLES,
        evidence=provided.evidence,
    )


def _standing(best: Settled, member: Member, artifact: Artifact) -> Standing:
    """The weakest of what the package rests on (law 7)."""
    found = [artifact.standing]
    if member.name in best.by_tables:
        found.append(Standing.BY_TABLES)
    if member.name in best.closure.assumed:
        found.append(Standing.ASSUMED)
    return max(found, key=_ORDER.index)


def import_expectations(
    best: Settled, facts: Facts, index: PackageIndex, pinned: frozenset[str]
) -> tuple[Pairs, Pairs, Pairs]:
    """Import names of what the manifest pins and of the island, extension modules of what is compiled, console scripts.

    Real import names are read from the wheel's own file list or the sdist; a distribution whose names cannot be
    known is left out rather than guessed.
    """
    imports, extensions, scripts = [], [], []
    for name, member in sorted(best.closure.members.items()):
        recipe = facts.packages.get(name)
        artifact = best.artifacts[name]
        compiled = artifact.kind in (ArtifactKind.PREBUILT, ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)
        if not (name in pinned or name in best.island or compiled):
            continue
        tops, modules, commands = _names_of(best, member, index)
        named = recipe.imports if recipe and recipe.imports else tuple(_likely(name, tops))
        imports += [(name, module) for module in named]
        if compiled:
            extensions += [
                (name, module) for module in (recipe.extensions if recipe and recipe.extensions else modules)
            ]
        if name in pinned:
            scripts += [(name, command) for command in (recipe.scripts if recipe and recipe.scripts else commands)]
    return tuple(imports), tuple(extensions), tuple(scripts)


def probe_expectations(best: Settled, facts: Facts) -> tuple[tuple[str, Probe], ...]:
    """The probes of every distribution of the closure, where its recipe has one for its version."""
    return tuple(
        (name, probe)
        for name, member in sorted(best.closure.members.items())
        if name in facts.packages
        for probe in facts.packages[name].probes
        if probe.when.contains(member.version, prereleases=True)
    )


def _names_of(
    best: Settled, member: Member, index: PackageIndex
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    file = member.release.file
    if file is None:
        return (), (), ()
    if file.is_wheel:
        contents = index.contents(file)
        return (contents.top_level, (), contents.scripts) if contents is not None else ((), (), ())
    analysis = best.universe.analysis_of(member.release)
    return analysis.top_level, analysis.extension_modules, analysis.scripts


def _likely(name: str, tops: tuple[str, ...]) -> list[str]:
    """The import name that is the distribution's own, else the first that is no test or example folder."""
    own = name.replace("-", "_")
    folded = {top.lower(): top for top in tops}
    if own in folded:
        return [folded[own]]
    rest = [top for top in tops if top.lower() not in ("tests", "test", "examples", "docs", "benchmarks", "scripts")]
    return rest[:1]
