"""A settled candidate as a solution: both layers with every URL and hash, or why the lock cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envcompose.decide.manifest_needs import reads_lock
from envcompose.errors import EnvcomposeError
from envcompose.model.composition import Composition, PypiDependency
from envcompose.model.decision import Artifact
from envcompose.model.intent import ArtifactKind, Intent
from envcompose.model.message import Level, Message
from envcompose.model.solution import LockedDistribution, Solution
from envcompose.resolve.closure import Member
from envcompose.resolve.locked import Source, index_source, locked
from envcompose.search.settled import Settled

UNREAD = "comes from a source that is not read here"
OWN_LINES = "your own lines in pixi.toml ask for more than was composed"

BUILT = (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION)


def solution_of(best: Settled, intent: Intent, lines: Sequence[PypiDependency], default_index: str) -> Solution | None:
    """Both layers of a candidate that was joined; None where the conda layer stands by tables."""
    if best.joined is None:
        return None
    entries: list[LockedDistribution] = []
    lacking: list[str] = []
    if not reads_lock(intent):
        lacking.append(f"pixi {intent.wishes.requires_pixi}, which --requires-pixi admits, does not read it")
    index = intent.wishes.index or intent.reading.indexes.index_url or default_index
    for name, member in sorted(best.closure.members.items()):
        artifact = best.artifacts[name]
        if artifact.kind in (ArtifactKind.CONDA, ArtifactKind.TASK):
            continue
        source = _source(member, artifact, index)
        if isinstance(source, str):
            lacking.append(source)
        elif not _is_project(intent, name):
            entries.append(locked(member, best.universe, source))
    project = _project(intent, lines)
    if isinstance(project, str):
        lacking.append(project)
    elif project is not None:
        entries.append(project)
    return Solution(
        conda=best.joined.solution,
        distributions=None if lacking else tuple(entries),
        default_index=default_index,
        main_index=index,
        lacking=tuple(lacking),
        beyond_pixi=tuple(_beyond_pixi(best)),
    )


def lock_messages(solution: Solution | None) -> tuple[Message, ...]:
    """Why there is no lock, or who can write it again."""
    if solution is None:
        return ()
    if solution.lacking:
        text = f"no pixi.lock is written: {'; '.join(solution.lacking)}"
        hint = "pixi locks it by itself at the first `pixi install`"
        if any(UNREAD in reason for reason in solution.lacking):
            hint = "envcompose lock reads such sources"
        elif any(OWN_LINES in reason for reason in solution.lacking):
            hint = "envcompose lock writes one for all lines of pixi.toml"
        return (Message(code="no-lock", level=Level.WARNING, text=text, hint=hint),)
    if solution.beyond_pixi:
        text = f"pixi alone cannot lock this again: {'; '.join(solution.beyond_pixi)}"
        return (Message(code="pixi-cannot-lock", level=Level.NOTE, text=text, hint="envcompose lock, after a change"),)
    return ()


def without_lock(composition: Composition, reasons: Sequence[str], *, unfit: str | None = None) -> Composition:
    """The composition without its lock, which pixi would refuse for these reasons.

    `unfit` is what speaks against the one that is there already, None where there is none.
    """
    lacking = tuple(f"pixi would not take it: {reason}" for reason in reasons)
    if unfit is not None:
        lacking = (*lacking, f"the one that is there no longer fits: {unfit}")
    solution = _unlocked(composition, lacking)
    return replace(composition, solution=solution, messages=(*lock_messages(solution), *composition.messages))


def with_refused_manifest(composition: Composition, error: EnvcomposeError) -> Composition:
    """The composition without its lock, because pixi does not read its manifest; the error names the line of the user's."""
    message = Message(
        code="no-lock",
        level=Level.WARNING,
        text=f"no pixi.lock is written: {error.sentence}",
        file=error.file,
        line=error.line,
        hint="; ".join(error.hints) or None,
    )
    return replace(
        composition, solution=_unlocked(composition, (error.sentence,)), messages=(message, *composition.messages)
    )


def with_kept_lock(composition: Composition) -> Composition:
    """The composition, of which it is told that the lock that is there stays."""
    text = "pixi.lock stays as it is: it holds what your own lines in pixi.toml ask for too"
    message = Message(code="lock-kept", level=Level.NOTE, text=text)
    return replace(composition, messages=(message, *composition.messages))


def _unlocked(composition: Composition, lacking: tuple[str, ...]) -> Solution:
    assert composition.solution is not None
    return replace(composition.solution, distributions=None, lacking=lacking)


def _source(member: Member, artifact: Artifact, index: str) -> Source | str:
    """Where the lock takes a distribution from, or why that is not known."""
    file = member.release.file
    if artifact.url is None:
        return f"the file of {member.name} {member.version} is not known: {artifact.why}"
    if artifact.kind is ArtifactKind.PREBUILT or artifact.rule == "as-given":
        if not artifact.url.startswith(("http://", "https://")):
            return f"{member.name} {UNREAD}"
        bare = artifact.url.partition("#")[0]
        # The hash that the user gave with the address.
        own = file.sha256 if file is not None and file.url == bare else None
        return Source(url=bare, sha256=artifact.sha256 or own, index=None)
    if file is None:
        return f"the file of {member.name} {member.version} is not known"
    found = index_source(file, index)
    if artifact.url != file.url:
        # The sdist was asked for where the closure was resolved with the wheel, or the other way round.
        return Source(url=artifact.url, sha256=artifact.sha256, index=found.index)
    return found


def _is_project(intent: Intent, name: str) -> bool:
    return intent.reading.project is not None and intent.reading.project.normalized == name


def _project(intent: Intent, lines: Sequence[PypiDependency]) -> LockedDistribution | str | None:
    project = intent.reading.project
    if project is None or not any(line.path for line in lines):
        return None
    if project.requires_dist is None:
        return f"the requirements of {project.name} itself are computed by its build, and were not followed to the end"
    return LockedDistribution(
        name=project.normalized,
        location="./" if project.path == "." else project.path,
        version=None,
        sha256=None,
        index=None,
        requires_dist=project.requires_dist,
        requires_python=project.requires_python,
        from_source=True,
    )


def _beyond_pixi(best: Settled) -> list[str]:
    """What pixi could not have locked by itself (facts: pixi.md §2.3), one reason each."""
    found = []
    for name, artifact in sorted(best.artifacts.items()):
        analysis = best.analyses.get(name)
        if artifact.kind not in BUILT or analysis is None:
            continue
        on_conda = best.torch is not None and "torch" in best.provided
        if artifact.kind is ArtifactKind.NO_ISOLATION and not analysis.static_for_uv and not on_conda:
            found.append(f"the metadata of {name} need a build that imports torch")
        elif artifact.kind is ArtifactKind.NO_ISOLATION and analysis.follows_torch and not on_conda:
            found.append(f"the requirements of {name} follow the torch that is installed")
    return found
