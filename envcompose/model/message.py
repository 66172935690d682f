"""What a composition has to say beside its result."""

from __future__ import annotations

from enum import StrEnum

from envcompose.model.values import dataclass


class Level(StrEnum):
    """How much a message matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to tell the user; `code` is stable, `text` is one sentence without a full stop."""

    code: str
    level: Level
    text: str
    file: str | None = None
    line: int | None = None
    packages: tuple[str, ...] = ()
    hint: str | None = None
