"""Operations on values: joining texts, arithmetic, comparing, looking into containers. Bounded, and never surprised."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

from envcompose.analyse.machine import MAX_SIZE, Machine, choice_of, program_error, shorten
from envcompose.analyse.values import (
    ABSENT,
    EXECUTED,
    PLAIN,
    Choice,
    DefaultDict,
    Opaque,
    Raised,
    Unknown,
    Value,
)

ALWAYS_SET = frozenset({"PATH", "HOME", "USER", "PWD", "LANG", "SHELL", "TMPDIR"})
"""Environment variables that every machine has."""


def hashed(machine: Machine, values: list[Value], node: ast.AST) -> Value:
    """Make a set, ordered as Python would print it never: an unknown or unhashable element makes it unknown."""
    machine.weigh(values)
    try:
        return set(values)
    except TypeError:
        return machine.unknown(node)


def put(machine: Machine, container: dict[Value, Value], key: Value, value: Value) -> None:
    """Set a key; an unhashable key is the program's TypeError."""
    machine.weigh(key)
    try:
        hash(key)
    except TypeError as error:
        raise program_error(error) from error
    machine.touch(container)
    container[key] = value
    machine.sized(len(container))


def join_parts(machine: Machine, parts: list[Value], node: ast.AST) -> Value:
    """Concatenate texts; with one Choice among them the result is a Choice, with an Unknown it is unknown."""
    open_parts = [index for index, part in enumerate(parts) if isinstance(part, Unknown)]
    if not open_parts:
        machine.sized(sum(len(part) for part in parts))
        return "".join(parts)
    index = open_parts[0]
    choice = parts[index]
    if len(open_parts) > 1 or not isinstance(choice, Choice):
        return machine.unknown(node, truth=True if any(isinstance(p, str) and p for p in parts) else None)
    options = [
        (condition, join_parts(machine, [*parts[:index], text_of(machine, option), *parts[index + 1 :]], node))
        for condition, option in choice.options
        if option is not ABSENT
    ]
    return choice_of(shorten(node), (machine.file, machine.line), options)


def text_of(machine: Machine, value: Value) -> Value:
    """Give str(value), unknown where a part of it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, Unknown):
        return machine.unknown(value.text, truth=value.truth)
    machine.weigh(value)
    if not is_printable(value):
        return machine.unknown("str(...)", truth=True)
    return run_plain(machine, str, "str(...)", value)


def is_plain(value: Value) -> bool:
    """Is nothing of the value unknown, down to its innermost parts?"""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_plain(part) for part in value)
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(part) for key, part in value.items())
    return isinstance(value, PLAIN)


def is_printable(value: Value) -> bool:
    """Does str() of the value show nothing but what is known, in an order that is the same in every process?"""
    if isinstance(value, (list, tuple)):
        return all(is_printable(part) for part in value)
    if isinstance(value, (set, frozenset)):
        return len(value) < 2 and all(is_printable(part) for part in value)
    if isinstance(value, dict):
        return all(is_printable(key) and is_printable(part) for key, part in value.items())
    return isinstance(value, PLAIN)


def run_plain(machine: Machine, function: Callable[..., Value], node: ast.AST | str, *values: Value) -> Value:
    """Apply an operation of ours to plain values; its error becomes the program's."""
    if any(isinstance(value, Unknown) or value is ABSENT for value in values):
        return machine.unknown(node)
    try:
        return function(*values)
    except (RecursionError, MemoryError):
        return machine.unknown(node)
    except Exception as error:
        if all(isinstance(value, (*PLAIN, list, tuple, dict, set)) for value in values):
            raise program_error(error) from error
        return machine.unknown(node)


_OPERATORS: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


def operate(machine: Machine, kind: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
    """Apply a binary operator within the bounds on size."""
    if isinstance(left, list) and isinstance(right, list) and isinstance(kind, ast.Add):
        machine.sized(len(left) + len(right))
        return left + right
    if isinstance(kind, ast.Add) and (isinstance(left, list) or isinstance(right, list)):
        joined = _joined_lists(machine, left, right, node)
        if joined is not None:
            return joined
    if (isinstance(left, str) and isinstance(right, Choice)) or (isinstance(left, Choice) and isinstance(right, str)):
        return join_parts(machine, [left, right], node) if isinstance(kind, ast.Add) else machine.unknown(node)
    if isinstance(left, Unknown) or isinstance(right, Unknown) or not _bounded(machine, kind, left, right):
        return machine.unknown(node)
    if isinstance(kind, ast.Mod) and isinstance(left, (str, bytes)):
        return percent(machine, left, right, node)
    return run_plain(machine, _OPERATORS.get(type(kind), _no_operator), node, left, right)


def _joined_lists(machine: Machine, left: Value, right: Value, node: ast.AST) -> Value | None:
    """Join a list and something that is not known: what is known of the list stays, one element stands for the rest."""
    choice = left if isinstance(left, Choice) else right
    if isinstance(choice, Choice):
        first = choice is left
        options = [
            (condition, operate(machine, ast.Add(), option if first else left, right if first else option, node))
            for condition, option in choice.options
            if isinstance(option, list)
        ]
        return choice_of(choice.text, choice.place, options) if len(options) > 1 else None
    if isinstance(left, Unknown):
        return [machine.unknown(left.text), *right]
    return [*left, machine.unknown(right.text)] if isinstance(right, Unknown) else None


def _no_operator(left: Value, right: Value) -> Value:
    raise NotImplementedError


def percent(machine: Machine, template: Value, values: Value, node: ast.AST) -> Value:
    """Apply printf-style formatting, unless a width could make it huge or a part is unknown."""
    digits = "".join(c if c.isdigit() else " " for c in str(template)).split()
    machine.weigh(values)
    if any(len(run) > 3 for run in digits) or "*" in str(template) or not is_printable(values):
        return machine.unknown(node)
    return run_plain(machine, operator.mod, node, template, values)


def _bounded(machine: Machine, kind: ast.operator, left: Value, right: Value) -> bool:
    if isinstance(kind, ast.Pow):
        return (
            isinstance(left, (int, float))
            and isinstance(right, (int, float))
            and abs(right) < 64
            and abs(left) < 1 << 30
        )
    if isinstance(kind, ast.LShift):
        return isinstance(right, int) and 0 <= right < 64
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (str, bytes, list, tuple)):
            if isinstance(other, int) and isinstance(kind, ast.Mult):
                return len(one) * max(other, 0) <= MAX_SIZE
            if isinstance(other, (str, bytes, list, tuple)):
                machine.sized(len(one) + len(other))
        if isinstance(one, int) and one.bit_length() > 4096:
            return False
    return True


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Value, Value], Value]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def compare(machine: Machine, kind: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
    """Compare two values; None is told apart from everything that is known not to be None."""
    if isinstance(kind, (ast.In, ast.NotIn)):
        found = _contains(machine, left, right, node)
        return found if isinstance(kind, ast.In) or isinstance(found, Unknown) else not found
    if isinstance(kind, (ast.Is, ast.IsNot)):
        known = _identical(machine, left, right)
        return machine.unknown(node) if known is None else known is isinstance(kind, ast.Is)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        if (left is None or right is None) and isinstance(kind, (ast.Eq, ast.NotEq)):
            known = _identical(machine, left, right)
            return machine.unknown(node) if known is None else known is isinstance(kind, ast.Eq)
        return machine.unknown(node)
    machine.weigh(left, right)
    if not (is_plain(left) and is_plain(right)):
        equal = left is right
        return equal is isinstance(kind, ast.Eq) if isinstance(kind, (ast.Eq, ast.NotEq)) else machine.unknown(node)
    return run_plain(machine, _COMPARISONS[type(kind)], node, left, right)


def _identical(machine: Machine, left: Value, right: Value) -> bool | None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Unknown):
            return False if other is None and (one.truth or isinstance(one, Opaque)) else None
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left is right or (isinstance(left, (str, int)) and bool(left == right))


def _contains(machine: Machine, item: Value, container: Value, node: ast.AST) -> Value:
    if isinstance(container, Opaque) and container.path == "os.environ" and isinstance(item, str):
        machine.see("switch", (item, None))
        return item in machine.env or item in ALWAYS_SET
    if isinstance(item, Unknown) or isinstance(container, Unknown):
        return machine.unknown(node)
    machine.weigh(item)
    if isinstance(container, (list, tuple)) and any(isinstance(part, Unknown) for part in container):
        return True if item in [p for p in container if not isinstance(p, Unknown)] else machine.unknown(node)
    if isinstance(container, (str, bytes, dict, set, frozenset, list, tuple, range)):
        machine.weigh(container if isinstance(container, (list, tuple)) else None)
        return run_plain(machine, lambda a, b: b in a, node, container, item)
    return machine.unknown(node)


def _item_choice(machine: Machine, container: Value, key: Value, node: ast.AST | str) -> Value:
    """Give an item of each container, or for each key, that it may be; where there is none, it is not the one."""
    choice = container if isinstance(container, Choice) else key
    options: list[tuple[str, Value]] = []
    for condition, option in choice.options:
        if isinstance(option, (str, int, list, tuple, dict)):
            held, wanted = (option, key) if choice is container else (container, option)
            try:
                options.append((condition, get_item(machine, held, wanted, node)))
            except Raised:
                continue
    return choice_of(choice.text, choice.place, options)


def delete_item(machine: Machine, container: Value, key: Value) -> None:
    """Delete container[key] of a list or dict. A key that is not there, or cannot be one, is the program's own error."""
    machine.weigh(key)
    try:
        del container[key]
    except (LookupError, TypeError, ValueError) as error:
        raise program_error(error) from error


def _lacks(container: DefaultDict, key: Value) -> bool:
    try:
        return key not in container
    except TypeError:
        return False


def _made(machine: Machine, container: DefaultDict, key: Value, node: ast.AST | str) -> Value:
    """Make the value of a key that a defaultdict lacks, and keep it there."""
    from envcompose.analyse.calls import call_value

    value = call_value(machine, container.factory, [], {}, node)
    put(machine, container, key, value)
    return value


def _may_have(container: dict[Value, Value], key: Value) -> bool:
    """May a key that is not seen in a dict be one of those that are not known?"""
    try:
        return key not in container and any(isinstance(known, Unknown) for known in container)
    except TypeError:
        return False


def get_item(machine: Machine, container: Value, key: Value, node: ast.AST | str) -> Value:
    """Give container[key]. A missing key is the program's own KeyError or IndexError."""
    if isinstance(container, Opaque) and container.path == "os.environ" and isinstance(key, str):
        machine.see("switch", (key, None))
        if key in machine.env:
            return machine.env[key]
        if key in ALWAYS_SET:
            return machine.unknown(node, True)
        if machine.trying:
            raise Raised(("KeyError", "LookupError", "Exception", "BaseException"), key)
        return machine.unknown(node)
    if isinstance(container, Choice) or (isinstance(key, Choice) and isinstance(container, (list, tuple, dict))):
        return _item_choice(machine, container, key, node)
    if isinstance(container, (str, bytes, list, tuple, dict, range)) and not isinstance(key, Unknown):
        machine.weigh(key)
        if isinstance(container, dict) and EXECUTED in container:
            return machine.unknown(node) if not isinstance(key, str) else container.get(key, machine.unknown(node))
        if isinstance(container, dict) and _may_have(container, key):
            return machine.unknown(node)
        if isinstance(container, DefaultDict) and container.factory is not None and _lacks(container, key):
            return _made(machine, container, key, node)
        return run_plain(machine, operator.getitem, node, container, key)
    if isinstance(container, Opaque):
        return machine.unknown(node)
    if isinstance(container, re.Match) and not isinstance(key, Unknown):
        return run_plain(machine, re.Match.__getitem__, node, container, key)
    return machine.unknown(node)
