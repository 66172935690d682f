"""Requirements with their origins, and what became of each of them."""

from __future__ import annotations

from enum import StrEnum

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envcompose.model.values import dataclass


class OriginKind(StrEnum):
    """Where a requirement was read."""

    COMMAND_LINE = "command-line"
    FILE = "file"
    RECIPE = "recipe"
    QUESTION = "question"
    """Asked by `explain --not`, which writes nothing."""


class Outcome(StrEnum):
    """The fate of one input line (law 4: nothing is dropped in silence)."""

    KEPT = "kept"
    MERGED = "merged"
    INACTIVE = "inactive"
    REPLACED = "replaced"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Origin:
    """The place a thing was read from; `file` is relative and `line` counts from 1."""

    kind: OriginKind
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.kind is OriginKind.COMMAND_LINE:
            return "command line"
        if self.kind is OriginKind.QUESTION:
            return "the question"
        where = self.file or "recipe"
        return where if self.line is None else f"{where}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequirement:
    """One PEP 508 requirement as a user gave it.

    `text` is what was written, with secrets already taken out; `requirement` is its parsed form, whose
    `url` is set for direct references (PEP 508 `name @ url`, VCS lines, wheel files and folders).
    """

    text: str
    requirement: Requirement
    origin: Origin
    editable: bool = False
    hashes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The normalised distribution name (PEP 503)."""
        return canonicalize_name(self.requirement.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What was done about one line of the input."""

    text: str
    origin: Origin
    outcome: Outcome
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRequest:
    """One conda match spec that the user's environment.yml asks for."""

    name: str
    spec: str
    origin: Origin
    channel: str | None = None
