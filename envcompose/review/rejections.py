"""What lost and why, in few lines: neighbours with one reason are told together, nearest first."""

from __future__ import annotations

from itertools import groupby

from envcompose.model.decision import Rejection
from envcompose.search.choices import Choices
from envcompose.search.find import Found
from envcompose.search.prospects import Prospect

MOST_TOLD = 24


def told_rejections(found: Found, choices: Choices) -> tuple[Rejection, ...]:
    """Rejections with the reason of each, newest release first; releases that only cost more are among them."""
    entries = [*found.rejected, *_dearer(found)]
    best = found.best.prospect.release if found.best and found.best.prospect.release else None
    newest_first = sorted(entries, key=_key, reverse=True)
    if best is not None:
        newest_first = [entry for entry in newest_first if entry.release is None or entry.release != best.version or "Python" in entry.what]
    told = []
    for _, group in groupby(newest_first, key=lambda entry: (_subject(entry), _reason(entry), entry.rule)):
        told.append(_joined(list(group)))
    return tuple(dict.fromkeys(told))[:MOST_TOLD]


def _dearer(found: Found) -> list[Rejection]:
    """Candidates that stand, but that cost more than the chosen one: one line a release, with what makes it dear."""
    best = found.best
    dear: dict[str, Rejection] = {}
    for prospect in found.dearer:
        why = _dear_why(prospect)
        if best is None or why is None or prospect.release is None:
            continue
        what = f"{found.subject} {prospect.release.version}"
        dear.setdefault(what, Rejection(what=what, why=why, rule="no-long-compile", release=prospect.release.version))
    return list(dear.values())


def _dear_why(prospect: Prospect) -> str | None:
    if prospect.outlook.long_compiles:
        return f"{prospect.outlook.long_compiles[0]}; --prefer newest takes it"
    return prospect.outlook.known_bad[0] if prospect.outlook.known_bad else None


def _key(entry: Rejection) -> tuple[bool, object]:
    return (entry.release is not None, entry.release or "")


def _subject(entry: Rejection) -> str:
    return entry.what.rpartition(" ")[0] if entry.release is not None else entry.what


def _reason(entry: Rejection) -> str:
    return entry.why


def _joined(group: list[Rejection]) -> Rejection:
    if len(group) == 1 or group[0].release is None:
        return group[0]
    newest, oldest = group[0].release, group[-1].release
    return Rejection(what=f"{_subject(group[0])} {oldest} to {newest}", why=group[0].why, rule=group[0].rule, release=newest)
