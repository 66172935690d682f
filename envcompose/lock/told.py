"""What there is to say about a lock: what pixi could not have done by itself, and what rests on assumptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from envcompose.lock.goals import Goal
from envcompose.lock.join import Agreed
from envcompose.lock.pypi_half import PypiFound, PypiHalf
from envcompose.lock.unbuilt import lacking
from envcompose.manifest.conda_version import parse_version
from envcompose.manifest.version_spec import parse_version_spec
from envcompose.manifest.workspace import IndexStrategy, Workspace
from envcompose.model.message import Level, Message
from envcompose.resolve.universe import TORCH

LAST_PIXI = (0, 77)
"""The last minor of pixi whose locks and rules were looked at (facts: pixi.md §9)."""


class Solved(Protocol):
    """One solve with its solution."""

    @property
    def goal(self) -> Goal:
        """What was solved."""

    @property
    def agreed(self) -> Agreed:
        """Both halves."""

    @property
    def half(self) -> PypiHalf | None:
        """Who resolved PyPI, if anything comes from there."""


def messages_of(solved: Sequence[Solved], workspace: Workspace) -> tuple[Message, ...]:
    """All messages, each once, in the order of the solves."""
    manifest = workspace.path.rpartition("/")[2]
    found: dict[tuple[str, str], Message] = {}
    for one in solved:
        for message in (*_bounds(one, manifest), *_pypi(one, manifest)):
            found.setdefault((message.code, message.text), message)
    return tuple(found.values())


def newer_pixi(workspace: Workspace, line: int | None) -> tuple[Message, ...]:
    """What to say where `requires-pixi` (on a line) admits no pixi up to the last one whose locks are known here."""
    wanted = workspace.requires_pixi
    if wanted is None:
        return ()
    spec = parse_version_spec(wanted)
    minors = range(LAST_PIXI[1], -1, -1)
    if any(spec.admits(parse_version(f"{LAST_PIXI[0]}.{minor}.{patch}")) for minor in minors for patch in range(10)):
        return ()
    last = f"{LAST_PIXI[0]}.{LAST_PIXI[1]}"
    text = f"requires-pixi {wanted} admits no pixi up to {last}, the last one whose locks and rules are known here"
    hint = "ask the pixi that is meant whether it takes the lock: pixi list --locked --no-install"
    file = workspace.path.rpartition("/")[2]
    return (Message(code="pixi-newer", level=Level.WARNING, text=text, file=file, line=line, hint=hint),)


def _bounds(one: Solved, manifest: str) -> Iterator[Message]:
    for bound in one.agreed.bounds:
        text = f"conda was held to {bound.name} {bound.spec}: {bound.why}; pixi alone could not lock this"
        hint = f'add to [constraints] of {manifest}: {bound.name} = "{bound.spec}"'
        yield Message(
            code="constraint-missing",
            level=Level.WARNING,
            text=text,
            file=manifest,
            packages=(bound.pypi,),
            hint=hint,
        )


def _pypi(one: Solved, manifest: str) -> Iterator[Message]:
    found = one.agreed.pypi
    if found is None or one.half is None:
        return
    for name, why in _beyond_pixi(one, found, one.half):
        text = f"pixi alone could not lock this: {why}"
        hint = "after a change of the manifest, run envcompose lock; pixi update and pixi add would fail or drop it"
        yield Message(code="beyond-pixi", level=Level.NOTE, text=text, file=manifest, packages=(name,), hint=hint)
    yield from lacking(one.agreed.conda, found, one.half, manifest)
    for name, reasons in sorted(found.closure.assumed.items()):
        text = f"the requirements of {name} are computed by its build, and were not followed to the end: {reasons[0]}"
        yield Message(code="metadata-assumed", level=Level.WARNING, text=text, packages=(name,))
    for name, direct in sorted(found.direct.items()):
        if direct.note is not None:
            yield Message(code="wheel-unread", level=Level.WARNING, text=direct.note, packages=(name,))
        for unread in direct.redirected.unread:
            text = f"[tool.uv.sources] of {name} names a source of {unread} that is not followed: an index serves it"
            yield Message(code="source-unread", level=Level.WARNING, text=text, packages=(name,))
        if direct.version is None:
            text = f"only its build tells the version of {name} ({direct.place}): bounds on it were not judged"
            yield Message(code="version-unknown", level=Level.WARNING, text=text, packages=(name,))
    for wish in one.half.wishes:
        member = found.closure.members.get(wish.name)
        if wish.extras and member is not None and member.release.stub:
            text = (
                f"conda provides {wish.name}, without extras: [{', '.join(wish.extras)}] asks for nothing, as in pixi"
            )
            yield Message(
                code="extras-dropped",
                level=Level.WARNING,
                text=text,
                file=manifest,
                line=wish.line,
                packages=(wish.name,),
            )
    if one.goal.options.index_strategy is IndexStrategy.UNSAFE_FIRST_MATCH:
        text = (
            "index-strategy unsafe-first-match is solved as unsafe-best-match: a later index may give a newer version"
        )
        yield Message(code="index-strategy", level=Level.WARNING, text=text, file=manifest)


def _beyond_pixi(one: Solved, found: PypiFound, half: PypiHalf) -> Iterator[tuple[str, str]]:
    """What pixi could not have locked by itself, on a clean clone (facts: pixi.md §2.3)."""
    from_conda = TORCH in one.agreed.conda.twins
    for name, analysis in sorted(found.analyses.items()):
        needs_torch = analysis.links_torch or any(
            need.required and need.distribution == TORCH for need in analysis.build_needs
        )
        if from_conda or not half.sees_torch(name):
            continue
        if not analysis.static_for_uv and needs_torch:
            yield name, f"the metadata of {name} need a build that imports torch"
        elif analysis.follows_torch:
            yield name, f"the requirements of {name} follow the torch that is installed"
