"""What is told of an infeasible intent beside its reasons: the conflict, and the repairs with their commands."""

from __future__ import annotations

from collections.abc import Sequence

from envcompose.model.composition import Composition, Package
from envcompose.model.decision import CompileClass
from envcompose.model.repair import Change, Conflict, Edit, Part, Repair, Repairs
from envcompose.read.secrets import mask_secrets
from envcompose.write.words import COMPILE_WORDS, STANDING_WORDS, compiled_packages, download_words

MOST_TROUBLE = 3
"""How many changed intents that could not be judged are told."""


def conflict_sentence(conflict: Conflict) -> str:
    """What conflicts, in one sentence without a full stop."""
    seem = "" if conflict.minimal else "seem to be what "
    given = f" with {_joined(conflict.given)}" if conflict.given else ""
    if len(conflict.parts) == 1:
        return f"{conflict.parts[0]} {seem.replace('seem', 'seems')}cannot be had{given}"
    return f"{_joined(conflict.parts)} {seem}cannot hold together{given}"


def _joined(parts: Sequence[Part]) -> str:
    *most, last = [str(part) for part in parts]
    return f"{', '.join(most)} and {last}" if most else last


def change_words(change: Change) -> str:
    """One change: what it was and what it becomes."""
    if change.after is None:
        before = change.before or change.name
        names_itself = change.name in before
        what = before if names_itself else change.name if before in change.name else f"{change.name} {before}"
        return f"{what} left out"
    if change.before is None:
        return f"{change.name} {change.after}"
    if change.before == change.after:
        return f"{change.name} {change.after} left to the rules"
    return f"{change.name} {change.before} -> {change.after}"


def outcome_words(composition: Composition) -> str:
    """What a repair gives, in short: the subject, torch and Python."""
    torch, stack = composition.torch, composition.stack
    parts = [stack.replace("==", " ")] if stack else []
    parts += [f"torch {torch.locked_version}", f"CUDA {torch.line}"] if torch is not None else []
    return ", ".join([*parts, f"Python {composition.target.python}"])


def cost_words(repair: Repair) -> str:
    """What a repair costs: what its changes count, the download, and what compiles."""
    compiled = ", ".join(_compiled(package) for package in compiled_packages(repair.composition)) or "nothing"
    return f"{repair.cost}; download {download_words(repair.composition)}; compiles {compiled}"


def _compiled(package: Package) -> str:
    is_long = package.artifact.compile is CompileClass.LONG
    return f"{package.name} ({COMPILE_WORDS[CompileClass.LONG].removeprefix('compiles ')})" if is_long else package.name


def edit_words(edit: Edit) -> str:
    """One line to edit by hand."""
    before = mask_secrets(edit.before)
    return (
        f"take out {edit.origin}: {before}" if edit.after is None else f"edit {edit.origin}: {before} -> {edit.after}"
    )


def repair_lines(number: int, repair: Repair) -> list[str]:
    """A repair as lines: what changes and what that gives, what it costs, lines to edit, and the command alone on a line."""
    changes = ", ".join(change_words(change) for change in repair.changes)
    return [
        f"  {number}. {changes}: {outcome_words(repair.composition)}",
        f"     cost {cost_words(repair)}; {STANDING_WORDS[repair.standing]}",
        *(f"     {edit_words(edit)}" for edit in repair.edits),
        f"     {repair.command}",
    ]


def closing_lines(repairs: Repairs, *, effort: int) -> list[str]:
    """What is to be known of the list of repairs."""
    solves = f"{repairs.solves} {'solve' if repairs.solves == 1 else 'solves'}"
    if repairs.complete:
        return [f"({solves}; nothing nearer composes)" if repairs.repairs else f"({solves}; nothing near composes)"]
    lines = [f"  not judged: {text}" for text in repairs.trouble[:MOST_TROUBLE]]
    if not repairs.trouble:
        lines.append(f"  the same command with --effort {2 * effort} looks further")
    return [f"incomplete: not everything near was tried ({solves})", *lines]


def heading(repairs: Repairs) -> str:
    """The line above the repairs."""
    if not repairs.repairs:
        return "no repair was found"
    return "repairs, nearest first; each was solved:"


def parts_packages(parts: Sequence[Part]) -> tuple[str, ...]:
    """The distributions that a conflict is about, sorted."""
    return tuple(sorted({part.package for part in parts if part.package is not None}))
