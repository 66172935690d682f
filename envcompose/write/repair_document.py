"""Repairs and conflicts in the JSON document (design.md, "The JSON")."""

from __future__ import annotations

from typing import Any

from envcompose.model.message import Level, Message
from envcompose.model.repair import Conflict, Repair, Repairs
from envcompose.write.repair_words import conflict_sentence, cost_words, parts_packages

Document = dict[str, Any]


def repair_document(repair: Repair) -> Document:
    """One entry of `repairs`; `edits` are lines of the user's files to change before the command is run."""
    return {
        "id": repair.id,
        "changes": [{"name": one.name, "from": one.before, "to": one.after} for one in repair.changes],
        "edits": [
            {"file": edit.origin.file, "line": edit.origin.line, "from": edit.before, "to": edit.after}
            for edit in repair.edits
        ],
        "cost": cost_words(repair),
        "standing": repair.standing.value,
        "command": repair.command,
    }


def repair_messages(repairs: Repairs) -> tuple[Message, ...]:
    """What is to be said beside the repairs themselves: the conflict, and whether something may be missing."""
    found = [] if repairs.conflict is None else [_conflict(repairs.conflict)]
    if not repairs.complete:
        reasons = "; ".join(repairs.trouble) or f"the bound was met after {repairs.solves} solves"
        text = f"the repairs are incomplete: {reasons}"
        found.append(Message(code="repairs-incomplete", level=Level.WARNING, text=text))
    return tuple(found)


def _conflict(conflict: Conflict) -> Message:
    """A conflict as a message; it stands at the first of its lines that is in a file."""
    place = next((part.origin for part in conflict.parts if part.origin is not None and part.origin.file), None)
    return Message(
        code="conflict",
        level=Level.NOTE,
        text="\n".join((conflict_sentence(conflict), *conflict.why)),
        file=place.file if place is not None else None,
        line=place.line if place is not None else None,
        packages=parts_packages(conflict.parts),
    )
