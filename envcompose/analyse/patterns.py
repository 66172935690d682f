"""Regular expressions of the evaluated program, on texts and with patterns that cannot run for ever.

Python's matcher cannot be interrupted. A pattern is therefore measured first: repeats inside repeats and back
references are not run at all, and the text must be short enough for the number of open repeats in a row.
"""

from __future__ import annotations

import importlib
import re
from functools import lru_cache
from typing import Any

from envcompose.analyse.machine import Machine, program_error
from envcompose.analyse.values import Value

_parser: Any = importlib.import_module("re._parser")
"""The parser of the standard library's `re` itself, so that what is measured is what runs."""

MAX_PATTERN = 2_000
MAX_REPEATS = 10
MAX_WORK = 20_000_000


def match_pattern(machine: Machine, kind: str, values: list[Value], flags: int, node: Value) -> Value:
    """Search, match, split or substitute; an unknown value where that could take long."""
    pattern, text = values[0], values[2 if kind == "sub" else 1]
    repeats = open_repeats(pattern, flags)
    if repeats is None or not isinstance(text, str):
        return machine.unknown(node)
    if repeats < 0:
        raise program_error(re.error("bad pattern"))
    if _work(text, repeats) > MAX_WORK:
        return machine.unknown(node)
    machine.steps += len(text) >> 6
    compiled = re.compile(pattern, flags & 0x5A)
    if kind == "sub":
        return _substitute(machine, compiled, values, node)
    result = getattr(compiled, kind)(text)
    return list(result) if isinstance(result, list) else result


def _substitute(machine: Machine, compiled: re.Pattern[str], values: list[Value], node: Value) -> Value:
    replacement, text = values[1], values[2]
    if len(replacement) > 200:
        return machine.unknown(node)
    try:
        return compiled.sub(replacement, text)
    except (re.error, IndexError) as error:
        raise program_error(error) from error


def _work(text: str, repeats: int) -> int:
    """Bound the steps of a search: every start, times the longest stretch to the power of the open repeats."""
    longest = max((len(line) for line in text.split("\n")), default=0)
    blank = max((len(run) for run in re.findall(r"\s{20,}", text)), default=0)
    stretch: int = max(longest, blank, 1)
    return (len(text) + 1) * int(stretch ** min(max(repeats - 1, 0), 2))


@lru_cache(maxsize=256)
def open_repeats(pattern: str, flags: int) -> int | None:
    """Count the open repeats of a pattern; None for one that is not run, -1 for one that is no pattern at all."""
    if len(pattern) > MAX_PATTERN:
        return None
    try:
        tree: Any = _parser.parse(pattern, flags & 0x5A)
        return _count(tree, False)
    except re.error:
        return -1
    except (RecursionError, OverflowError, MemoryError, ValueError):
        return None


def _count(tree: Any, inside: bool) -> int | None:
    """Count the repeats of a pattern's tree; None where one stands inside another, or where choices multiply."""
    total = 0
    for operation, argument in tree:
        name = str(operation)
        if name in ("GROUPREF", "GROUPREF_EXISTS") or (inside and name == "BRANCH"):
            return None
        repeat = name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
        varies = repeat and argument[0] != argument[1]
        if inside and varies:
            return None
        total += varies
        for inner in _trees(name, argument):
            count = _count(inner, inside or (repeat and argument[1] > 1))
            if count is None:
                return None
            total += count
    return total if total <= MAX_REPEATS else None


def _trees(name: str, argument: Any) -> list[Any]:
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    if name == "BRANCH":
        return list(argument[1])
    if name in ("ASSERT", "ASSERT_NOT"):
        return [argument[1]]
    return [argument] if name == "ATOMIC_GROUP" else []
