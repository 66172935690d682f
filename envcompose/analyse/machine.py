"""The state of one evaluation: bounds, what was seen, and a journal that lets branches be tried and undone."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from envcompose.analyse.members import Members
from envcompose.analyse.signals import Signal
from envcompose.analyse.values import ABSENT, Choice, Opaque, OutOfBudget, Raised, Scope, Unknown, Value
from envcompose.model.analysis import Place, SdistTexts
from envcompose.model.values import dataclass

MAX_STEPS = 100_000
"""Three times what the largest of the real build scripts takes."""
MAX_DEPTH = 170
MAX_SIZE = 2_000_000
"""Characters of one string, or elements of one container, that an operation may make."""
MAX_TREE = 20_000
MAX_EVENTS = 5_000

ROOT = "/sdist"
"""The folder that the sdist pretends to be unpacked in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is assumed of the machine that would build."""

    torch: str | None
    """The installed torch's version, None without one, '?' for an unknown version."""
    declared: frozenset[str]
    """Distributions that build-system.requires brings; others are assumed absent where their absence is handled."""
    lenient: bool
    """Look for build needs: every import succeeds, and branches not taken are looked into as well."""
    python: tuple[int, int] = (3, 12)
    platform: str = "linux"

    @property
    def skips_build(self) -> bool:
        """Are only requirements asked for, with torch there, so that what would be compiled does not matter?"""
        return not self.lenient and self.torch is not None


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that the evaluation came across. `soft`: the program goes on without it."""

    kind: str
    subject: Value
    place: Place
    conditions: tuple[str, ...]
    soft: bool
    dead: bool = False
    """Seen in a branch that is not taken at the switches' defaults."""
    unminded: bool = False
    """Seen where the program goes on without a program that it starts."""


Expression = Callable[["Machine", Any, Scope], Value]
Statement = Callable[["Machine", Any, Scope], None]


@dataclass(slots=True, eq=False)
class Machine:
    """One evaluation. The tables say how each kind of syntax is evaluated."""

    world: World
    sdist: SdistTexts
    expressions: Mapping[type[ast.AST], Expression]
    statements: Mapping[type[ast.AST], Statement]
    members: Members
    seen: list[Seen] = field(default_factory=list)
    env: dict[str, Value] = field(default_factory=dict)
    path: list[Value] = field(default_factory=list)
    modules: dict[str, Value] = field(default_factory=dict)
    unsure_modules: set[str] = field(default_factory=set)
    """Those of `modules` that were evaluated only in a branch that may not be taken."""
    conditions: list[str] = field(default_factory=list)
    soft: int = 0
    """Depth of what is only looked into: undecided and dead branches."""
    dead: int = 0
    """Depth of dead branches that are looked into."""
    guarded: int = 0
    """Depth of try statements that handle a missing import: an import there is optional, what is built is not."""
    trying: int = 0
    """Depth of try statements with handlers."""
    unminded: int = 0
    """Depth of try statements that go on where a program that they start is missing: the build does not need it there."""
    foreign: int = 0
    """Depth of try statements that handle the absence of a program which machines in general do not have."""
    guessed: bool = False
    """Is a method evaluated without knowing what it would be called with?"""
    steps: int = 0
    depth: int = 0
    touched_torch: bool = False
    asked_torch: bool = False
    """Did torch's version, or its absence, decide anything? Where not, equal runs follow for every torch."""
    limit: int = MAX_STEPS
    """Steps after which the evaluation, or what is only looked into, ends."""
    explored: dict[int, int] = field(default_factory=dict)
    """By the identity of statements that are not taken: how often they were looked into."""
    running: dict[int, int] = field(default_factory=dict)
    """By the identity of a function's syntax: how many calls of it have not returned."""
    line: int = 0
    file: str = "setup.py"
    scope: Scope | None = None
    unsure_exits: int = 0
    """How often a loop or function was left for good under an undecided condition."""
    written: set[str] = field(default_factory=set)
    """Paths that the program writes to, which the archive need not have."""
    closed_over: list[Scope] = field(default_factory=list)
    """Scopes that functions of the program keep, and that keep them."""
    _lines: dict[str, list[str]] = field(default_factory=dict)
    """By file: its lines, once a place in it was named."""
    _journal: list[dict[int, tuple[Value, Value]]] = field(default_factory=list)

    # Evaluation.

    def evaluate(self, node: ast.expr, scope: Scope) -> Value:
        """Give an expression's value. Raises Raised for the program's own exceptions, OutOfBudget at the bounds."""
        self.steps += 1
        self.depth += 1
        if self.steps > self.limit or self.depth > MAX_DEPTH:
            self.depth -= 1
            raise OutOfBudget("steps" if self.steps > self.limit else "depth")
        try:
            handler = self.expressions.get(type(node))
            return handler(self, node, scope) if handler else self.unknown(node)
        finally:
            self.depth -= 1

    def execute(self, body: list[ast.stmt], scope: Scope) -> None:
        """Execute statements in order; control flow leaves as the signals of `statements`."""
        for node in body:
            self.steps += 1
            if self.steps > self.limit:
                raise OutOfBudget("steps")
            self.line, self.file, self.scope = node.lineno, scope.file, scope
            handler = self.statements.get(type(node))
            if handler:
                handler(self, node, scope)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count one level of calls or blocks."""
        self.depth += 4
        if self.depth > MAX_DEPTH:
            self.depth -= 4
            raise OutOfBudget("depth")
        try:
            yield
        finally:
            self.depth -= 4

    def close_over(self, scope: Scope) -> None:
        """Remember that a function keeps a scope."""
        if not self.closed_over or self.closed_over[-1] is not scope:
            self.closed_over.append(scope)

    # What is unknown.

    def unknown(self, node: ast.AST | str, truth: bool | None = None) -> Unknown:
        """Make a value that stands for a piece of source text at the present line."""
        return Unknown(node if isinstance(node, str) else shorten(node), truth, (self.file, self.line))

    def truth(self, value: Value) -> bool | None:
        """Tell whether a value is true, None where that is not known."""
        if isinstance(value, Choice):
            truths = {self.truth(option) for _, option in value.options}
            return truths.pop() if len(truths) == 1 else None
        if isinstance(value, Unknown):
            return value.truth
        if value is ABSENT:
            return False
        try:
            return bool(value)
        except Exception:
            return None

    def place(self, line: int = 0, file: str = "") -> Place:
        """Name a line of the source, the present one unless told."""
        file, line = file or self.file, line or self.line
        lines = self._lines.get(file)
        if lines is None:
            lines = self._lines[file] = self.sdist.texts.get(file, "").split("\n")
        text = lines[line - 1].strip()[:200] if 0 < line <= len(lines) else ""
        return Place(file=file, line=line, text=text)

    def see(self, kind: str, subject: Value, *, line: int = 0, soft: bool = False) -> None:
        """Record something seen at the present line, with the conditions that lead here."""
        if len(self.seen) < MAX_EVENTS:
            conditions = tuple(dict.fromkeys(self.conditions))
            soft = soft or self.soft > 0 or (kind == "import" and self.guarded > 0)
            unminded = self.unminded > 0
            self.seen.append(Seen(kind, subject, self.place(line), conditions, soft, self.dead > 0, unminded))

    # Bounds.

    def sized(self, size: int) -> None:
        """Refuse to make something larger than the bounds."""
        if size > MAX_SIZE:
            raise OutOfBudget("size")
        self.steps += size >> 7

    def weigh(self, *values: Value) -> None:
        """Refuse to compare, hash or print trees that share parts so often that walking them never ends."""
        stack, count = list(values), 0
        while stack:
            value = stack.pop()
            if isinstance(value, (list, tuple, set, frozenset)):
                stack.extend(value)
            elif isinstance(value, dict):
                stack.extend(value.keys())
                stack.extend(value.values())
            count += 1
            if count > MAX_TREE:
                raise OutOfBudget("size")
        self.steps += count >> 3

    # The journal.

    def touch(self, container: Value) -> None:
        """Remember a list, dict or set as it is, before its first change inside a branch that may be undone."""
        if self._journal and id(container) not in self._journal[-1]:
            self._journal[-1][id(container)] = (container, container.copy())

    @contextmanager
    def born(self, container: Value) -> Iterator[None]:
        """Fill a new container inside a branch: nobody outside knows it, so it stays as it is when the branch is undone."""
        journal = self._journal[-1] if self._journal else {}
        journal[id(container)] = (container, container)
        try:
            yield
        finally:
            journal.pop(id(container), None)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo, at the end, every change made inside."""
        self._journal.append({})
        try:
            yield
        finally:
            for container, before in self._journal.pop().values():
                restore(container, before)

    def branch(self, condition: str, body: Callable[[], None]) -> tuple[BaseException | None, Effects]:
        """Execute one branch under a condition, then undo it; give how it left, and what it changed."""
        self._journal.append({})
        self.conditions.append(condition)
        left: BaseException | None = None
        try:
            body()
        except (Signal, Raised) as signal:
            # Its traceback holds this frame, which holds it.
            left = signal.with_traceback(None)
        except BaseException:
            self._rollback()
            raise
        finally:
            self.conditions.pop()
        changed = self._journal.pop()
        effects: Effects = {key: (box, before, box.copy()) for key, (box, before) in changed.items()}
        for container, before in changed.values():
            restore(container, before)
        return left, effects

    def _rollback(self) -> None:
        for container, before in self._journal.pop().values():
            restore(container, before)

    def reset(self) -> None:
        """Forget the branches that were left by an error, keeping what was changed."""
        self.depth = self.soft = self.dead = self.guarded = self.trying = 0
        self.unminded = self.foreign = 0
        self.guessed = False
        self.limit = MAX_STEPS
        self.conditions.clear()
        self._journal.clear()

    def join(self, condition: str, yes: Effects, no: Effects) -> None:
        """Apply the changes of both branches; where they differ, a Choice keeps the condition."""
        for key in [*yes, *(key for key in no if key not in yes)]:
            container, before, _ = yes.get(key) or no[key]
            first = yes[key][2] if key in yes else before
            second = no[key][2] if key in no else before
            self.touch(container)
            restore(container, merge(condition, first, second))

    def apply(self, effects: Effects) -> None:
        """Apply the changes of one branch."""
        for container, _, after in effects.values():
            self.touch(container)
            restore(container, after)


Effects = dict[int, tuple[Value, Value, Value]]
"""By identity: the container, what it was before, what it was after."""


def restore(container: Value, content: Value) -> None:
    """Make a list, dict or set hold the given content, in place."""
    if isinstance(container, list):
        container[:] = content
    elif isinstance(container, (dict, set)):
        container.clear()
        container.update(content)


def merge(condition: str, first: Value, second: Value) -> Value:
    """Merge two contents of one container. Common parts stay; the rest is kept with its condition."""
    if isinstance(first, dict):
        keys = [*first, *(key for key in second if key not in first)]
        pairs = ((key, first.get(key, ABSENT), second.get(key, ABSENT)) for key in keys)
        return {key: one if one is other else choose(condition, one, other) for key, one, other in pairs}
    if isinstance(first, set):
        return first | second
    head = 0
    while head < min(len(first), len(second)) and same(first[head], second[head]):
        head += 1
    left, right = first[head:], second[head:]
    common = [value for value in left if any(same(value, other) for other in right)] if len(left) < 200 else []
    merged = list(first[:head]) + common
    merged += [choose(condition, value, ABSENT) for value in left if not any(same(value, c) for c in common)]
    merged += [choose(condition, ABSENT, value) for value in right if not any(same(value, c) for c in common)]
    return merged


def same(first: Value, second: Value) -> bool:
    """Are two values the same object or equal scalars? Never walks into containers."""
    if first is second:
        return True
    if type(first) is not type(second) or not isinstance(first, (str, int, float, bytes)):
        return False
    return bool(first == second)


def _are_builders(first: Value, second: Value) -> bool:
    """Are two values different builders of extensions, of which one compiles CUDA code and the other does not?"""
    if not isinstance(first, Opaque) or not isinstance(second, Opaque):
        return False
    names = {value.path.rpartition(".")[2] for value in (first, second)}
    return len(names) == 2 and all(name.endswith("Extension") for name in names)


def choose(condition: str, first: Value, second: Value) -> Value:
    """Give the value that is `first` under the condition and `second` otherwise."""
    if not _are_builders(first, second):
        if same(first, second) or isinstance(first, Opaque):
            # Something imported, or something in its place: both do the same where it matters.
            return first
        if isinstance(second, Opaque):
            return second
    if _count(first) + _count(second) > MAX_OPTIONS:
        return Unknown(condition)
    options = (*_options(first, condition), *_options(second, negate(condition)))
    return Choice(text=condition, options=options)


MAX_OPTIONS = 8


def condition_of(item: Value) -> str | None:
    """Say under which condition an element that a container may lack is there; None for one that is there."""
    if not isinstance(item, Choice) or all(option is not ABSENT for _, option in item.options):
        return None
    conditions = [condition for condition, option in item.options if option is not ABSENT]
    return " or ".join(conditions[:2]) or None


def choice_of(text: str, place: tuple[str, int], options: list[tuple[str, Value]]) -> Value:
    """Give the value that is one of some, each under its condition; choices among them are spread out."""
    spread: list[tuple[str, Value]] = []
    for condition, option in options:
        spread.extend(_options(option, condition))
    if len(spread) > MAX_OPTIONS or not spread:
        return Unknown(text, None, place)
    first = spread[0][1]
    if all(same(first, option) for _, option in spread[1:]):
        return first
    return Choice(text, None, place, tuple(spread))


def _count(value: Value) -> int:
    return len(value.options) if isinstance(value, Choice) else 1


def _options(value: Value, condition: str) -> tuple[tuple[str, Value], ...]:
    if isinstance(value, Choice):
        return tuple((f"{condition} and {inner}"[:200], option) for inner, option in value.options)
    return ((condition, value),)


def negate(condition: str) -> str:
    """Say the opposite of a condition."""
    if condition.startswith("no ") and " " not in condition[3:]:
        return condition[3:]
    inner = condition[4:]
    if condition.startswith("not ") and " and " not in inner and " or " not in inner:
        return inner[1:-1] if inner.startswith("(") and inner.find(")") == len(inner) - 1 else inner
    return f"not ({condition})" if " " in condition else f"not {condition}"


def shorten(node: ast.AST) -> str:
    """Give a node's source text, short enough for a message. It is kept on the node: loops ask again and again."""
    known = node.__dict__.get("_shortened")
    if isinstance(known, str):
        return known
    try:
        text = " ".join(ast.unparse(node).split())[:160]
    except (RecursionError, ValueError, AttributeError):
        text = type(node).__name__
    node.__dict__["_shortened"] = text
    return text


ADDRESS = re.compile(r"0x[0-9a-fA-F]+|\{[^}]*,[^}]*\}")
"""What differs from run to run in the texts of Python's errors: where an object lies, in which order a set is shown."""


def program_error(error: Exception) -> Raised:
    """Turn an error of a plain operation into the evaluated program's own exception."""
    from envcompose.analyse.values import kinds_of

    return Raised(kinds_of(error), ADDRESS.sub("...", str(error)[:2000])[:200])
