"""What a new lock changes, in words: for each solve a few lines, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

from envcompose.cli.terminal import one_line
from envcompose.model.moved import Entry, Moved
from envcompose.model.target import Layer

_MOST = 16
_LAYERS = {Layer.SYSTEM: "conda", Layer.PYPI: "PyPI"}
_ORDER = ("changed", "added", "removed")


def counts_of(moved: Sequence[Moved]) -> str:
    """How many packages of a solve moved, each once for all of its environments: `2 changed, 1 added`, or `unchanged`."""
    distinct = [one.change for one, _ in _together(moved)]
    told = [f"{distinct.count(change)} {change}" for change in _ORDER if change in distinct]
    return ", ".join(told) or "unchanged"


def is_new(moved: Sequence[Moved], packages: int) -> bool:
    """Was none of the packages of a solve, so many, locked for it before?"""
    return 0 < packages == len(_together(moved)) and all(one.before is None for one in moved)


def change_lines(moved: Sequence[Moved], environments: Sequence[str]) -> list[str]:
    """The changes of one solve, one a line: what changed, what came, what went, each by name.

    A change that is not one of all `environments` of the solve names those that it is of.
    """
    lines = []
    for one, of in _together(moved):
        where = f", {', '.join(of)}" if len(of) < len(environments) else ""
        lines.append(one_line(f"  {_words(one)}{where}"))
    more = len(lines) - _MOST
    # A line that only says that there is one more could as well tell it.
    return lines if more <= 1 else [*lines[:_MOST], f"  and {more} more, which --json tells"]


def _together(moved: Sequence[Moved]) -> list[tuple[Moved, list[str]]]:
    """Each change once, with the environments that it is of; in the order in which they are told."""
    found: dict[tuple[str, Entry | None, Entry | None], tuple[Moved, list[str]]] = {}
    for one in moved:
        found.setdefault((one.name, one.before, one.after), (one, []))[1].append(one.environment)
    return sorted(found.values(), key=lambda pair: (_ORDER.index(pair[0].change), pair[0].name))


def _words(moved: Moved) -> str:
    before, after = moved.before, moved.after
    if before is None or after is None:
        one = after or before
        assert one is not None
        return f"{moved.change}: {moved.name}{_version(one)} ({_LAYERS[one.layer]})"
    if before.layer is not after.layer:
        return f"{moved.name}{_version(before)} ({_LAYERS[before.layer]}) ->{_version(after)} ({_LAYERS[after.layer]})"
    return f"{moved.name} {_step(before, after)} ({_LAYERS[after.layer]})"


def _version(entry: Entry) -> str:
    return f" {entry.version or entry.url}"


def _step(before: Entry, after: Entry) -> str:
    """The first thing that tells two entries of one package apart."""
    if before.version != after.version or (before.version is None and before.url != after.url):
        return f"{before.version or before.url} -> {after.version or after.url}"
    head = f"{before.version} " if before.version is not None else ""
    if before.build != after.build:
        return f"{head}{before.build} -> {after.build}"
    if before.url.startswith("git+") and after.url.startswith("git+"):
        old, new = (entry.url.rpartition("#")[2][:12] for entry in (before, after))
        if old != new:
            return f"{head}commit {old} -> {new}"
    return f"{head}from another address" if before.url != after.url else f"{head}with another hash"
