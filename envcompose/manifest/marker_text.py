"""A marker -> the text in which pixi writes it into its lock: simplified, as `and`s joined by `or`.

Established by giving 13,000 requirements of real packages to the two readers inside pixi 0.77: uv 0.11.15 reads and
simplifies a marker, and pep508_rs 0.9.2 simplifies what uv wrote once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

from packaging.version import Version

from envcompose.manifest.marker_diagram import (
    CONTAINS,
    EXTRA,
    IN,
    PEP508_RS,
    STRING,
    UV,
    VERSION,
    Diagrams,
    Dialect,
    Node,
)
from envcompose.manifest.marker_reading import VERSION_KEYS, Comparison, Joined, Marker, read_marker
from envcompose.manifest.marker_versions import Cut, Interval, trimmed, united

Clause = tuple[Comparison, ...]

_NEVER = Comparison("python_version", "<", Version("0"))
_OPPOSITE = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
    "contains": "not contains",
    "not contains": "contains",
}


@lru_cache(maxsize=4096)
def marker_text(text: str) -> str:
    """Write a marker as pixi does; empty where it is always true. Raises MarkerInvalid.

    The result means the same on every platform that exists.
    """
    marker = read_marker(text)
    if marker is None:
        return ""
    if isinstance(marker, Comparison) and marker.key == "extra" and marker.operator == "==" and marker.value:
        # Two of three markers are just this, and there is nothing to simplify.
        return _text(marker)
    for dialect in (UV, PEP508_RS):
        marker = _simplified(marker, dialect)
        if marker is None:
            return ""
    return _text(marker)


def _simplified(marker: Marker, dialect: Dialect) -> Marker | None:
    diagrams = Diagrams(dialect)
    node = diagrams.node_of(marker)
    if node is diagrams.true:
        return None
    if node is diagrams.false:
        return _NEVER
    clauses = _shortened(list(_clauses(node, diagrams, ())))
    parts: list[Marker] = [one[0] if len(one) == 1 else Joined("and", one) for one in clauses]
    return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))


def _text(marker: Marker) -> str:
    if isinstance(marker, Comparison):
        return _comparison_text(marker)
    if marker.word == "and":
        return " and ".join(map(_text, marker.parts))
    return " or ".join(f"({_text(one)})" if isinstance(one, Joined) else _text(one) for one in marker.parts)


def _comparison_text(one: Comparison) -> str:
    if one.operator.endswith("contains"):
        return f"'{one.value}' {one.operator.replace('contains', 'in')} {one.key}"
    return f"{one.key} {one.operator} '{one.value}{'.*' if one.star else ''}'"


def _clauses(node: Node, diagrams: Diagrams, path: Clause) -> Iterator[Clause]:
    """Follow every way to `true`; each is one clause."""
    if not node.children:
        if node is diagrams.true:
            yield path
        return
    kind, rank, value = node.variable
    name = diagrams.dialect.kinds[kind]
    if name in (STRING, VERSION):
        keys = diagrams.dialect.string_keys if name == STRING else diagrams.dialect.version_keys
        for child, intervals in _by_child(node):
            for terms in _ranges_text(keys[rank], intervals, diagrams.dialect):
                yield from _clauses(child, diagrams, path + terms)
        return
    yes, no = _yes_and_no(name, diagrams.dialect.string_keys[rank], value)
    yield from _clauses(node.children[0], diagrams, (*path, yes))
    yield from _clauses(node.children[1], diagrams, (*path, no))


def _yes_and_no(kind: str, key: str, value: str) -> tuple[Comparison, Comparison]:
    key, yes = {IN: (key, "in"), CONTAINS: (key, "contains"), EXTRA: ("extra", "==")}[kind]
    return Comparison(key, yes, value), Comparison(key, _OPPOSITE[yes], value)


def _by_child(node: Node) -> list[tuple[Node, list[Interval]]]:
    """Give each child once, in the order of its first range, with all ranges that lead to it."""
    bounds: list[Cut | None] = [None, *node.cuts, None]
    found: dict[int, tuple[Node, list[Interval]]] = {}
    for number, child in enumerate(node.children):
        found.setdefault(id(child), (child, []))[1].append((bounds[number], bounds[number + 1]))
    return [(child, united(intervals)) for child, intervals in found.values()]


def _ranges_text(key: str, intervals: list[Interval], dialect: Dialect) -> list[Clause]:
    """Give the terms that name some ranges: one clause where `!=` says it, else a clause for each range."""
    excluded = _excluded(intervals)
    if excluded is not None:
        return [tuple(Comparison(key, "!=", value) for value in excluded)]
    is_version = key in VERSION_KEYS
    if is_version and len(intervals) == 2 and intervals[0][0] is None and intervals[1][1] is None:
        hole = _star((intervals[0][1], intervals[1][0]), dialect)
        if hole is not None:
            return [(Comparison(key, "!=", hole, star=True),)]
    return [_interval_terms(key, one, dialect, is_version=is_version) for one in intervals]


def _excluded(intervals: list[Interval]) -> list[Any] | None:
    if intervals[0][0] is not None or intervals[-1][1] is not None:
        return None
    found = []
    for (_, end), (start, _) in pairwise(intervals):
        assert end is not None and start is not None
        if end[0] != start[0]:
            return None
        found.append(end[0])
    return found


def _interval_terms(key: str, interval: Interval, dialect: Dialect, *, is_version: bool) -> Clause:
    start, end = interval
    if start is not None and end is not None:
        if start[0] == end[0]:
            return (Comparison(key, "==", start[0]),)
        star = _star((start, end), dialect) if is_version else None
        if star is not None:
            return (Comparison(key, "==", star, star=True),)
    terms = []
    if start is not None:
        terms.append(Comparison(key, ">" if start[1] else ">=", start[0]))
    if end is not None:
        terms.append(Comparison(key, "<=" if end[1] else "<", end[0]))
    return tuple(terms)


def _star(between: Interval, dialect: Dialect) -> Version | None:
    """Give 3.8 for what lies from 3.8 up to 3.9: `3.8.*` names it."""
    start, end = between
    assert start is not None and end is not None
    if start[1] or end[1]:
        return None
    low, high = (trimmed(start[0]), trimmed(end[0])) if dialect.trims_versions else (start[0], end[0])
    release = (*low.release, 0)[:2] if dialect.trims_versions and len(low.release) == 1 else low.release
    if len(release) != 2 or high.release != (release[0], release[1] + 1):
        return None
    return Version(f"{release[0]}.{release[1]}")


def _shortened(clauses: list[Clause]) -> list[Clause]:
    """Leave out terms and clauses that another clause makes needless: `A or (not A and B)` is `A or B`."""
    for number, clause in enumerate(clauses):
        others = clauses[:number] + clauses[number + 1 :]
        gone: set[int] = set()
        for place, term in enumerate(clause):
            if any(_makes_needless(other, term, clause, gone) for other in others):
                gone.add(place)
        clauses[number] = tuple(term for place, term in enumerate(clause) if place not in gone)
    needless: set[int] = set()
    for number, clause in enumerate(clauses):
        for place, other in enumerate(clauses):
            if place != number and place not in needless and all(term in clause for term in other):
                needless.add(number)
                break
    return [clause for number, clause in enumerate(clauses) if number not in needless]


def _makes_needless(other: Clause, term: Comparison, clause: Clause, gone: set[int]) -> bool:
    """Does the other clause hold wherever this one holds with the opposite of the term?"""
    for one in other:
        if one == term:
            return False
        if _is_opposite(one, term):
            continue
        if one not in clause or clause.index(one) in gone:
            return False
    return True


def _is_opposite(one: Comparison, other: Comparison) -> bool:
    same = (one.key, one.value, one.star) == (other.key, other.value, other.star)
    return same and _OPPOSITE[one.operator] == other.operator
