"""What lost and why, in few lines: neighbours with one reason are told together, nearest first."""

from __future__ import annotations

import re
from itertools import groupby

from packaging.version import Version

from envcompose.model.decision import Rejection
from envcompose.search.find import Found, dear_rejections

MOST_TOLD = 24

_NUMBERS = re.compile(r"[<>=!~]*\d[\w.+]*|,")


def told_rejections(found: Found) -> tuple[Rejection, ...]:
    """Rejections with the reason of each, newest release first; releases that only cost more are among them."""
    entries = [*found.rejected, *dear_rejections(found)]
    best = found.best.prospect.release if found.best and found.best.prospect.release else None
    newest_first = sorted(entries, key=_key, reverse=True)
    if best is not None:
        # What is older than the chosen release lost to it by the order of cost alone.
        newest_first = [entry for entry in newest_first if entry.release is None or entry.release > best.version]
    told = []
    newest_first = _first_of_each(newest_first)
    for _, group in groupby(newest_first, key=_kind):
        told.append(_joined(list(group)))
    return tuple(dict.fromkeys(told))[:MOST_TOLD]


def _first_of_each(entries: list[Rejection]) -> list[Rejection]:
    """One reason a release: that of its cheapest candidate; what the others ran into tells no more."""
    kept: dict[tuple[str, object], Rejection] = {}
    for entry in entries:
        kept.setdefault((entry.what, entry.release or entry.why), entry)
    return list(kept.values())


def _key(entry: Rejection) -> tuple[bool, object]:
    return (entry.release is not None, entry.release or Version("0"))


def _subject(entry: Rejection) -> str:
    return entry.what.rpartition(" ")[0] if entry.release is not None else entry.what


def _kind(entry: Rejection) -> tuple[str, str, str]:
    """What makes neighbours one: the same words, or only another bound on torch or another version of the same package."""
    if entry.release is None:
        return entry.what, entry.why, entry.rule
    return _subject(entry), _NUMBERS.sub("", entry.why), entry.rule


def _joined(group: list[Rejection]) -> Rejection:
    newest, oldest = group[0], group[-1]
    if len(group) == 1 or newest.release is None:
        return newest
    why = newest.why if newest.why == oldest.why else f"{newest.why} ({newest.release}; the others alike)"
    return Rejection(
        what=f"{_subject(newest)} {oldest.release} to {newest.release}",
        why=why,
        rule=newest.rule,
        release=newest.release,
    )
