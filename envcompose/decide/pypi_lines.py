"""Which distributions the manifest names, and how: the rest is the lock's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from packaging.requirements import Requirement

from envcompose.model.composition import PypiDependency
from envcompose.model.decision import Artifact
from envcompose.model.intent import ArtifactKind, IndexOptions, ProjectFolder
from envcompose.model.names import canonical_name
from envcompose.model.requirement import UserRequirement
from envcompose.model.target import Layer, TorchChoice
from envcompose.model.values import dataclass
from envcompose.resolve.closure import Closure, Member
from envcompose.resolve.metadata import active_requirements, header_values
from envcompose.resolve.partners import PARTNERS
from envcompose.resolve.universe import TargetUniverse

SHORT_WORDS = {
    ArtifactKind.CONDA: "from conda",
    ArtifactKind.WHEEL: "a wheel of the index",
    ArtifactKind.PREBUILT: "the project's own release wheel, by tables",
    ArtifactKind.SDIST: "its sdist, built isolated",
    ArtifactKind.NO_ISOLATION: "its sdist, built against this torch",
    ArtifactKind.TASK: "built by a task",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiPlan:
    """What the lines are made from."""

    closure: Closure
    artifacts: Mapping[str, Artifact]
    compiled: frozenset[str]
    known: frozenset[str]
    """Names that have a recipe."""
    torch: TorchChoice | None
    island: frozenset[str]
    universe: TargetUniverse
    environment: Mapping[str, str]
    indexes: IndexOptions
    project: ProjectFolder | None
    direct: Mapping[str, UserRequirement]
    """The user's direct references by name."""


def pypi_lines(plan: PypiPlan) -> tuple[PypiDependency, ...]:
    """What the user named, the torch island and everything compiled from source, each pinned, sorted by name.

    A package that a task installs is not named, and neither is an extra that brings it: its other requirements are.
    """
    tasks = {name for name, artifact in plan.artifacts.items() if artifact.kind is ArtifactKind.TASK}
    lines: dict[str, PypiDependency] = {}
    for name, member in sorted(plan.closure.members.items()):
        why = _reason(plan, member)
        if why is None or _is_elsewhere(plan, name, tasks):
            continue
        lines[name] = _line(plan, member, why)
        for extra in _extras_with(plan, member, tasks):
            lines[name] = replace(lines[name], extras=tuple(e for e in lines[name].extras if e != extra))
            lines |= {
                other: line for other, line in _instead_of(plan, member, extra, tasks).items() if other not in lines
            }
    for name in sorted(tasks):
        for requirement in plan.closure.members[name].requires:
            other = plan.closure.members.get(canonical_name(requirement.name))
            if other is not None and other.name not in lines and not _is_elsewhere(plan, other.name, tasks):
                # The task installs with --no-deps, so what it needs must be in the lock.
                lines[other.name] = _line(plan, other, f"required by {name}, which a task installs")
    if plan.project is not None:
        extras = tuple(sorted(plan.project.extras))
        lines[canonical_name(plan.project.name)] = PypiDependency(
            name=canonical_name(plan.project.name),
            path=plan.project.path,
            editable=True,
            extras=extras,
            why="the project itself, editable",
        )
    return tuple(lines[name] for name in sorted(lines))


def _is_elsewhere(plan: PypiPlan, name: str, tasks: set[str]) -> bool:
    return name in tasks or plan.artifacts[name].kind is ArtifactKind.CONDA or _is_project(plan, name)


def _is_project(plan: PypiPlan, name: str) -> bool:
    return plan.project is not None and canonical_name(plan.project.name) == name


def _reason(plan: PypiPlan, member: Member) -> str | None:
    """Why the manifest pins a package; None where it is the lock's business."""
    if member.requested:
        return "asked for"
    telling = member.name in plan.known or plan.artifacts[member.name].kind is not ArtifactKind.WHEEL
    extra = _asked_extra(plan, member.name) if telling else None
    if extra is not None:
        return f"the extra {extra}"
    if member.version.is_prerelease and _has_final(plan, member):
        return "a pre-release, which pixi takes only where it is named"
    if member.name in plan.island:
        return "links torch"
    if plan.torch is not None and plan.torch.layer is Layer.PYPI and member.name in ("triton", *PARTNERS):
        return "belongs to this torch"
    if member.name in plan.compiled:
        return "compiled from source"
    return None


def _has_final(plan: PypiPlan, member: Member) -> bool:
    """Are there final releases too? Then uv and pixi take a pre-release only where it is asked for directly."""
    offered = plan.universe.releases(member.name) or {}
    return any(not release.version.is_prerelease for release in offered.values())


def _asked_extra(plan: PypiPlan, name: str) -> str | None:
    """The extra of something asked for that brings a package, as `axolotl[deepspeed]`."""
    for requirer, _ in plan.closure.members[name].required_by:
        member = plan.closure.members.get(requirer)
        if member is None or not member.requested:
            continue
        for extra in member.extras:
            if any(canonical_name(requirement.name) == name for requirement in _of_extra(plan, member, extra)):
                return f"{requirer}[{extra}]"
    return None


def _line(plan: PypiPlan, member: Member, why: str) -> PypiDependency:
    artifact = plan.artifacts[member.name]
    user = plan.direct.get(member.name)
    if user is not None:
        return _direct(user, member)
    line = PypiDependency(name=member.name, extras=member.extras, why=f"{why}; {SHORT_WORDS[artifact.kind]}")
    if artifact.kind is ArtifactKind.PREBUILT:
        return replace(line, url=artifact.url)
    index = _index_of(plan, member.name)
    # The index's own builds carry a local label; `==2.9.1` takes them, and reads better in review.
    if index is not None:
        line = replace(line, why=f"{why}; a wheel of this index")
    return replace(line, specifier=f"=={member.version.public}", index=index)


def _index_of(plan: PypiPlan, name: str) -> str | None:
    torch = plan.torch
    if torch is not None and torch.layer is Layer.PYPI and torch.index is not None and name in ("torch", *PARTNERS):
        return torch.index
    return dict(plan.indexes.pinned).get(name)


def _direct(user: UserRequirement, member: Member) -> PypiDependency:
    """A direct reference as pixi writes it (facts: pixi.md §1.4)."""
    url = user.requirement.url or ""
    base = PypiDependency(name=member.name, extras=member.extras, why="you named its source", editable=user.editable)
    bare, _, fragment = url.partition("#")
    subdirectory = next((part[13:] for part in fragment.split("&") if part.startswith("subdirectory=")), None)
    if bare.startswith("git+"):
        address = bare[4:]
        head, at, rev = address.rpartition("@")
        has_rev = bool(at) and "/" not in rev and head.count("/") > 2
        return replace(base, git=head if has_rev else address, rev=rev if has_rev else None, subdirectory=subdirectory)
    if bare.startswith("file:") or "://" not in bare:
        return replace(base, path=bare.removeprefix("file://").removeprefix("file:"))
    return replace(base, url=url if not subdirectory else bare, subdirectory=subdirectory, editable=False)


def _extras_with(plan: PypiPlan, member: Member, tasks: set[str]) -> list[str]:
    """The extras of a package that bring something which a task installs."""
    found = []
    for extra in member.extras:
        brought = {canonical_name(requirement.name) for requirement in _of_extra(plan, member, extra)}
        if brought & tasks:
            found.append(extra)
    return found


def _instead_of(plan: PypiPlan, member: Member, extra: str, tasks: set[str]) -> dict[str, PypiDependency]:
    """The other requirements of an extra that cannot be named, as lines of their own."""
    lines: dict[str, PypiDependency] = {}
    for requirement in _of_extra(plan, member, extra):
        name = canonical_name(requirement.name)
        other = plan.closure.members.get(name)
        if other is not None and name not in tasks and plan.artifacts[name].kind is not ArtifactKind.CONDA:
            lines[name] = _line(plan, other, f"from {member.name}[{extra}], which also brings what a task installs")
    return lines


def _of_extra(plan: PypiPlan, member: Member, extra: str) -> list[Requirement]:
    """The requirements that only this extra brings."""
    texts = [
        text
        for text in header_values(plan.universe.metadata_of(member.release), "Requires-Dist")
        if "extra" in text.partition(";")[2]
    ]
    return active_requirements(texts, (extra,), plan.environment)
