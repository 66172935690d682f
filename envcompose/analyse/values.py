"""What an expression of a setup.py can be: a plain Python value, or one of these.

Plain values (str, int, float, bool, None, bytes, list, dict, set, tuple, slices, ranges, PurePosixPath, Version) stand
for themselves. Everything that is not known is an `Unknown`, which remembers the source text that it stands for.
"""

from __future__ import annotations

import ast
import re
from dataclasses import field
from pathlib import PurePosixPath
from typing import Any

from packaging.version import Version

from envcompose.model.values import dataclass

Value = Any
"""A plain Python value of the kinds above, or one of the classes below."""

PLAIN = (str, bytes, int, float, complex, bool, type(None), PurePosixPath, Version, range, slice, re.Match)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be known. `text` says what it stands for, `truth` whether it is true if that is known."""

    text: str
    truth: bool | None = None
    place: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True)
class Choice(Unknown):
    """One of several values, each with the condition under which it holds. An ABSENT option means 'not there'."""

    options: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Opaque(Unknown):
    """Something from outside the sdist, known by its dotted path: a module, or what is reached through it."""

    @property
    def path(self) -> str:
        """The dotted path, such as 'os.path.join'."""
        return self.text


class _Absent:
    """The option of a Choice that is not there: an element that a list may lack, a name that may be unset."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
EXECUTED = "(executed)"
"""The name, impossible in Python, that marks names as the result of code that is not known."""


@dataclass(slots=True, eq=False)
class Scope:
    """Names of a module, function or class body. `outer` is where names are looked up next."""

    names: dict[str, Value]
    file: str
    outer: Scope | None = None
    module: Scope | None = None
    globals: set[str] = field(default_factory=set)
    pending: list[tuple[str, Value]] = field(default_factory=list)
    """Values returned under an undecided condition; folded into the result when the function ends."""
    is_class: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of the sdist, with the scope that it closes over and its evaluated defaults."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    defaults: tuple[Value, ...] = ()
    keyword_defaults: dict[str, Value] = field(default_factory=dict)
    kind: str = ""
    """'' for a plain function, or 'property', 'classmethod', 'staticmethod'."""


@dataclass(slots=True, eq=False)
class Class:
    """A class of the sdist. Bases that come from outside are Opaque."""

    name: str
    bases: tuple[Value, ...]
    names: dict[str, Value]
    file: str
    line: int


@dataclass(slots=True, eq=False)
class Instance:
    """An object of a class of the sdist, or a record of an Opaque class (`cls` is its dotted path then)."""

    cls: Class | str
    names: dict[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A method together with its object."""

    function: Value
    owner: Value


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """What super() gives: an object, seen from the bases of one of its classes."""

    owner: Instance
    bases: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of a plain value, by name."""

    owner: Value
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class LocalModule:
    """A module of the sdist that was evaluated."""

    name: str
    scope: Scope


@dataclass(slots=True, eq=False)
class TextFile:
    """An open member of the archive. `content` is None where the text is not kept."""

    path: str
    content: str | None
    writing: bool = False


class Raised(Exception):
    """An exception of the evaluated program. `kinds` are its class's name and its bases' names."""

    def __init__(self, kinds: tuple[str, ...], text: str = "", value: Value = None) -> None:
        super().__init__(kinds[0], text)
        self.kinds, self.text, self.value = kinds, text, value


class OutOfBudget(Exception):
    """The bounds on steps, depth or size are used up."""


def shown(value: Value) -> str:
    """Give a short text for any value: the same in every process, and cheap however large or tangled the value is."""
    if isinstance(value, Unknown):
        return value.text
    if isinstance(value, (str, PurePosixPath, Version, bool, int, float, type(None))):
        try:
            return str(value)
        except ValueError:  # An integer of too many digits.
            return "a number"
    return type(value).__name__


def paths_in(values: Value) -> list[str]:
    """Give the paths that a list or tuple holds, as texts; what is no path or not known is left out."""
    if not isinstance(values, (list, tuple)):
        return []
    return [str(value) for value in values if isinstance(value, (str, PurePosixPath))]


def is_known(value: Value) -> bool:
    """Is nothing of the value unknown, as far as its outermost level says?"""
    return not isinstance(value, Unknown)


def kinds_of(error: BaseException) -> tuple[str, ...]:
    """Name an exception's class and its bases, for `except` clauses to match."""
    return tuple(cls.__name__ for cls in type(error).__mro__ if cls is not object)


class DefaultDict(dict[Any, Any]):
    """A defaultdict of the program: its factory is one of the program's values."""

    def __init__(self, factory: Value) -> None:
        super().__init__()
        self.factory = factory

    def copy(self) -> dict[Any, Any]:
        """Give the entries as a plain dict."""
        return dict(self)
