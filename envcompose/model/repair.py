"""Repairs: changes to an infeasible intent that were themselves solved, and what in the intent conflicts."""

from __future__ import annotations

from envcompose.model.composition import Composition
from envcompose.model.decision import Standing
from envcompose.model.intent import Intent
from envcompose.model.requirement import Origin, OriginKind
from envcompose.model.values import dataclass

DEFAULT_EFFORT = 16
"""How many changed intents are composed for repairs where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One fixed thing of an intent in the user's words: a line, a word, an option, or what a rule fixed by default.

    `origin` is None for what stands in no line: options say themselves where they stand.
    """

    text: str
    origin: Origin | None = None
    package: str | None = None
    """The normalised name of the distribution that it is about."""

    def __str__(self) -> str:
        in_file = self.origin is not None and self.origin.kind is OriginKind.FILE
        return f"{self.text} ({self.origin})" if in_file else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Fixed things that cannot hold together where the `given` options are kept, and the facts behind it.

    Each of the parts is needed for that, unless `minimal` is False: then some may be bystanders.
    """

    parts: tuple[Part, ...]
    given: tuple[Part, ...]
    why: tuple[str, ...]
    minimal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a repair: what was fixed, what it becomes (None: it is left out), and what that counts."""

    name: str
    before: str | None
    after: str | None
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One line of a file of the user's that a repair changes, which no command can say; `after` None takes it out."""

    origin: Origin
    before: str
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A changed intent that was solved: `cost` is the sum of its changes', `standing` the weakest of both layers.

    `command` takes it once the `edits` are made; `intent` asks for exactly what came out, and `composition` is that.
    """

    id: str
    changes: tuple[Change, ...]
    edits: tuple[Edit, ...]
    cost: int
    standing: Standing
    command: str
    intent: Intent
    composition: Composition


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """The answer to an infeasible intent: what conflicts, and at most five repairs, nearest first.

    `solves` counts the changed intents that were composed. `complete` is False where the bound on them was met, or
    where one of them could not be judged (`trouble` says why): nearer repairs may be missing then.
    """

    conflict: Conflict | None
    repairs: tuple[Repair, ...]
    solves: int
    complete: bool
    trouble: tuple[str, ...] = ()
