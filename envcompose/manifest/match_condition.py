"""Conditions of match specs (`when`): specs joined by `and` and `or`, with parentheses."""

from __future__ import annotations

import re

from envcompose.manifest.match_spec import Condition, parse_match_spec
from envcompose.manifest.version_spec import SpecInvalid

_TOKEN = re.compile(r"\s*(?:([()])|((?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|[^()\[\]\"'\s])+))")
_DEEPEST = 50


def parse_condition(text: str) -> Condition:
    """Read a condition such as `python >=3.10 and (__unix or __win)`. Raises SpecInvalid."""
    tokens: list[str] = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            raise SpecInvalid(f"'{text}' is no condition")
        tokens.append(found[0].strip())
        position = found.end()
    condition, rest = _any_of(tokens, 0)
    if rest:
        raise SpecInvalid(f"'{text}' is no condition")
    return condition


def _any_of(tokens: list[str], depth: int) -> tuple[Condition, list[str]]:
    parts, rest = [], ["or", *tokens]
    while rest[:1] == ["or"]:
        part, rest = _all_of(rest[1:], depth)
        parts.append(part)
    return parts[0] if len(parts) == 1 else Condition(every=False, parts=tuple(parts)), rest


def _all_of(tokens: list[str], depth: int) -> tuple[Condition, list[str]]:
    parts, rest = [], ["and", *tokens]
    while rest[:1] == ["and"]:
        part, rest = _one(rest[1:], depth)
        parts.append(part)
    return parts[0] if len(parts) == 1 else Condition(every=True, parts=tuple(parts)), rest


def _one(tokens: list[str], depth: int) -> tuple[Condition, list[str]]:
    if depth > _DEEPEST or not tokens:
        raise SpecInvalid("a condition is incomplete" if not tokens else "a condition is nested too deeply")
    if tokens[0] == "(":
        inner, rest = _any_of(tokens[1:], depth + 1)
        if rest[:1] != [")"]:
            raise SpecInvalid("a closing parenthesis is missing in a condition")
        return inner, rest[1:]
    words = []
    for token in tokens:
        if token in {"(", ")", "and", "or"}:
            break
        words.append(token)
    if not words:
        raise SpecInvalid("a condition is incomplete")
    return Condition(spec=parse_match_spec(" ".join(words))), tokens[len(words) :]
