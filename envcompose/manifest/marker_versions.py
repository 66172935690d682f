"""Comparisons with a version or a text -> the ranges in which they hold, as uv sees them.

Only the release counts: `python_full_version >= '3.9b1'` is `>= '3.9'`, so that a marker and its negation leave nothing
between them. `python_version` is what it is made from, `python_full_version`, cut after the second number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from packaging.version import Version

from envcompose.manifest.marker_reading import Comparison

# A value is a str or a Version; within one range all are of one kind.
Cut = tuple[Any, int]
"""A place between values: `(value, 0)` lies just before the value, `(value, 1)` just after it."""
Interval = tuple[Cut | None, Cut | None]
"""From cut to cut; None is no bound."""


def intervals_of(comparison: Comparison, *, trims: bool) -> list[Interval] | None:
    """Give where a comparison of a version holds, of `!=` and `not in` the opposite; None where it never holds.

    `trims` says whether trailing zeros are left out (`3.0` is `3`).
    """
    value = comparison.value
    if isinstance(value, tuple):
        if comparison.key != "python_version":
            return united([((version, 0), (version, 1)) for version in value])
        found = [_python_version("==", _released(version), star=False, trims=trims) for version in value]
        # uv takes a list in which one version has a third number for one that nothing fits.
        return united([one for many in found if many for one in many]) if all(found) else None
    assert isinstance(value, Version)
    if comparison.key == "python_version":
        return _python_version(comparison.operator, _released(value), star=comparison.star, trims=trims)
    return [_interval(comparison.operator, _released(value), star=comparison.star, trims=trims)]


def text_interval(operator: str, value: str) -> Interval:
    """Give where a comparison of a text holds, of `!=` the opposite."""
    return _compared(operator, value)


def united(intervals: Iterable[Interval]) -> list[Interval]:
    """Sort ranges, and make one of those that touch."""
    found: list[Interval] = []
    for start, end in sorted(intervals, key=lambda one: (one[0] is not None, one[0])):
        if found:
            last_start, last_end = found[-1]
            if last_end is None or start is None or start <= last_end:
                ends = None if last_end is None or end is None else max(last_end, end)
                found[-1] = (last_start, ends)
                continue
        found.append((start, end))
    return found


def trimmed(version: Version) -> Version:
    """Leave out the trailing zeros of a release: `3.10.0` is `3.10`, `0.0` is `0`."""
    release = list(version.release)
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    return _of(release)


def _of(release: Iterable[int]) -> Version:
    return Version(".".join(map(str, release)))


def _released(version: Version) -> Version:
    return _of(version.release)


def _raised(release: tuple[int, ...]) -> Version:
    """Give the first version after all that begin with this release."""
    return _of((*release[:-1], release[-1] + 1))


def _compared(operator: str, value: Any) -> Interval:
    before, after = (value, 0), (value, 1)
    return {
        "==": (before, after),
        "!=": (before, after),
        "<": (None, before),
        "<=": (None, after),
        ">": (after, None),
        ">=": (before, None),
    }[operator]


def _interval(operator: str, version: Version, *, star: bool, trims: bool) -> Interval:
    release = version.release
    if star:
        return (version, 0), (_raised(release), 0)
    if trims:
        version = trimmed(version)
    elif any(release[1:]):
        # The other reader leaves zeros out too, but not those right behind the first number.
        version = trimmed(version)
    if operator == "~=":
        return (version, 0), (_raised(release[:-1]), 0)
    return _compared(operator, version)


def _python_version(operator: str, version: Version, *, star: bool, trims: bool) -> list[Interval] | None:
    release = version.release
    major_minor = (*release, 0)[:2]
    if star or operator == "~=":
        if len(release) <= (1 if star else 2):
            return [_interval(operator, version, star=star, trims=trims)]
        if any(release[2:]):
            return None
        return [_interval("==", _of(major_minor), star=True, trims=trims)]
    has_more = any(release[2:])
    if operator in ("==", "!="):
        return [] if has_more else [_interval("==", _of(major_minor), star=True, trims=trims)]
    if has_more:
        # `python_version` never has a third number, so below 3.7.8 means up to 3.7.
        operator = "<=" if operator in ("<", "<=") else ">"
    if operator == "<=":
        return [_interval("<", _raised(major_minor), star=False, trims=trims)]
    if operator == ">":
        return [_interval(">=", _raised(major_minor), star=False, trims=trims)]
    return [_interval(operator, version, star=False, trims=trims)]
