"""What is known of the world outside the sdist, by dotted path: built-ins, the standard library, setuptools, torch.

A path without an entry is an opaque value: its attributes and calls are opaque or unknown too. The entries stand in
tables, one per module of ours, so that what is modelled can be read at a glance.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping

from envcompose.analyse.machine import Machine, shorten
from envcompose.analyse.values import Instance, Opaque, Value

Handler = Callable[[Machine, list[Value], dict[str, Value], Value], Value]
Known = Callable[[Machine], Value]

CALLS: dict[str, Handler] = {}
"""What calling a dotted path gives. Filled by the `library_*` modules."""
ATTRIBUTES: dict[str, Known] = {}
"""What reading a dotted path gives, where it is a plain value."""
METHODS: dict[tuple[str, str], Handler] = {}
"""Methods of records of outside classes, by class path and name; the record is the first argument."""
INHERITED: dict[str, Handler] = {}
"""Methods that every command of setuptools has; the command is the first argument."""
CLASSES: dict[str, Callable[[Machine, Instance], None]] = {}
"""Outside classes: what happens when an object of one of their subclasses in the sdist was made."""
INITIALISERS: dict[str, Handler] = {}
"""Outside classes: their `__init__`, called by a subclass in the sdist; the object is the first argument."""
ALIASES: dict[str, str] = {}
"""Other paths of the same thing: compatibility modules, re-exports, vendored copies."""

COMMAND = re.compile(r"\bcommand\b|Command$|BuildExtension$|\b(?:build|install|bdist|sdist|egg_info|develop)\w*$")
"""Classes of setuptools' commands, also as others re-export or extend them."""
BUILTIN_NAMES = frozenset(dir(builtins))


def builtin(machine: Machine, name: str) -> Value:
    """Give a built-in name, or an unknown value for a name that nothing defines."""
    if name in BUILTIN_NAMES:
        return Opaque(f"builtins.{name}")
    return machine.unknown(name)


def resolve(path: str) -> str:
    """Give the path under which the tables know a thing."""
    if path in ALIASES:
        return ALIASES[path]
    head, dot, _ = path.rpartition(".")
    while dot:
        if head in ALIASES:
            return f"{ALIASES[head]}.{path[len(head) + 1 :]}"
        head, dot, _ = head.rpartition(".")
    return path


def attribute(machine: Machine, owner: str, name: str) -> Value:
    """Give an attribute of an outside thing."""
    path = resolve(f"{owner}.{name}" if owner else name)
    if path.startswith("torch."):
        machine.touched_torch = True
    known = ATTRIBUTES.get(path)
    if known is not None:
        return known(machine)
    return Opaque(path) if len(path) < 200 else machine.unknown(path[:160])


def call(machine: Machine, path: str, arguments: list[Value], keywords: dict[str, Value], node: Value) -> Value:
    """Call an outside thing."""
    handler = CALLS.get(resolve(path))
    if handler is not None:
        return handler(machine, arguments, keywords, node)
    return machine.unknown(node if isinstance(node, str) else shorten(node))


def instance_method(cls: str, name: str) -> Handler | None:
    """Give a method of a record of an outside class."""
    return METHODS.get((cls, name))


def inherited_method(bases: list[str], name: str) -> Handler | None:
    """Give a method that an object of a class of the sdist has by its bases from outside."""
    method = INHERITED.get(name)
    return method if method is not None and any(COMMAND.search(base) for base in bases) else None


def initialiser(path: str) -> Handler:
    """Give the `__init__` of an outside class; one that is not known does nothing."""
    return INITIALISERS.get(resolve(path), _nothing)


def _nothing(machine: Machine, arguments: list[Value], keywords: dict[str, Value], node: Value) -> Value:
    return None


def instantiated(machine: Machine, made: Instance, bases: list[str]) -> None:
    """Tell that an object of a class of the sdist with outside bases was made."""
    for base in bases:
        handler = CLASSES.get(resolve(base))
        if handler is not None:
            handler(machine, made)
            return


def calls(table: Mapping[str, Handler]) -> None:
    """Add a table of calls."""
    CALLS.update(table)
