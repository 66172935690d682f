"""Reading one recipe table field by field: every access is checked, and what was not asked for is an unknown key.

A `Fields` never raises on bad input. It notes the problem with its path (`packages/flash-attn.toml: prebuilt[3].cuda`)
and gives a harmless value, so that one load reports every problem at once.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from envcompose.model.facts import Evidence

T = TypeVar("T")

_LINE = re.compile(r"[1-9]\d*\.\d+")
_RANGE = re.compile(r"([1-9]\d*)\.(\d+)-([1-9]\d*)\.(\d+)")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NOWHERE = Evidence(text="", source="")


@cache
def parse_version(text: str) -> Version:
    """Give the version; raises InvalidVersion. Recipes repeat the same few, so parsing is remembered."""
    return Version(text)


@cache
def parse_specifier(text: str) -> SpecifierSet:
    """Give the specifier; raises InvalidSpecifier."""
    return SpecifierSet(text)


@cache
def expand_lines(text: str) -> tuple[str, ...] | None:
    """Give the `major.minor` texts of `3.8 3.10-3.12` in the order written; None where a word is something else."""
    lines: list[str] = []
    for word in text.split():
        if _LINE.fullmatch(word):
            lines.append(word)
            continue
        match = _RANGE.fullmatch(word)
        if match is None or match[1] != match[3] or int(match[2]) >= int(match[4]):
            return None
        lines.extend(f"{match[1]}.{minor}" for minor in range(int(match[2]), int(match[4]) + 1))
    return tuple(lines)


class Problems:
    """The problems of one load, each with its path, in the order found."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: str, text: str) -> None:
        """Note one problem."""
        self.found.append(f"{path}: {text}")


class Sources:
    """The `[sources]` table of one file: each key names a source and the date when it was read."""

    def __init__(self, fields: Fields) -> None:
        self._problems = fields.problems
        self._known: dict[str, tuple[str, str | None]] = {}
        self._used: set[str] = set()
        self._path = fields.path
        for key, entry in fields.tables_by_name():
            self._known[key] = (entry.text("source"), entry.date("as_of"))
            entry.finish()

    def evidence(self, key: str, text: str, path: str) -> Evidence:
        """Give the evidence that the source named `key` lends to `text`; notes a problem where it is not listed."""
        known = self._known.get(key)
        if known is None:
            self._problems.add(path, f"no source is named {key!r}{suggest(key, self._known)}")
            return NOWHERE
        self._used.add(key)
        return Evidence(text=text, source=known[0], as_of=known[1])

    def dates(self) -> Iterator[str]:
        """Give the dates of all sources."""
        return (date for _, date in self._known.values() if date is not None)

    def finish(self) -> None:
        """Note each source that nothing refers to."""
        for key in self._known:
            if key not in self._used:
                self._problems.add(f"{self._path}.{key}", "no fact refers to this source")


def suggest(word: str, known: Iterable[str]) -> str:
    """Give `, perhaps you meant 'x'` for the nearest known word, or nothing."""
    from envcompose.read.suggest import nearest  # Costs an import that a good recipe never needs.

    near = nearest(word, known)
    return "" if near is None else f", perhaps you meant {near!r}"


class Fields:
    """One TOML table being read; `finish` notes the keys that nobody asked for."""

    def __init__(self, table: Mapping[str, object], path: str, problems: Problems) -> None:
        self._table = table
        self._asked: set[str] = set()
        self.path = path
        self.problems = problems

    def at(self, key: str) -> str:
        """Give the path of a key: `file.toml: table.key`."""
        return f"{self.path}.{key}" if ": " in self.path else f"{self.path}: {key}"

    def problem(self, key: str, text: str) -> None:
        """Note a problem with a key."""
        self.problems.found.append(f"{self.at(key)}: {text}")

    def has(self, key: str) -> bool:
        """Say whether the table holds the key; it counts as asked for."""
        self._asked.add(key)
        return key in self._table

    def _take(self, key: str, kind: type[T], what: str, default: T | None) -> T | None:
        self._asked.add(key)
        value = self._table.get(key)
        if value is None:
            if default is None:
                self.problem(key, "is missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problem(key, f"must be {what}")
            return default
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Give a text; without a default it must be there and not be empty."""
        value = self._take(key, str, "a text", default)
        if value == "" and default is None:
            self.problem(key, "is empty")
        return value or ""

    def optional_text(self, key: str) -> str | None:
        """Give a text or None where the key is absent."""
        return self.text(key) if self.has(key) else None

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Give a boolean."""
        return bool(self._take(key, bool, "true or false", default))

    def optional_flag(self, key: str) -> bool | None:
        """Give a boolean or None where the key is absent."""
        return self.flag(key) if self.has(key) else None

    def number(self, key: str) -> int:
        """Give an integer."""
        return self._take(key, int, "a whole number", None) or 0

    def optional_number(self, key: str) -> int | None:
        """Give an integer or None where the key is absent."""
        return self.number(key) if self.has(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a list of texts, in order; absent is empty."""
        value = self._take(key, list, "a list of texts", [])
        if value is None or not all(isinstance(item, str) and item for item in value):
            self.problem(key, "must be a list of texts")
            return ()
        return tuple(value)

    def rows(self, key: str, shape: tuple[type, ...]) -> Iterator[tuple[str, tuple[object, ...]]]:
        """Give the rows of a list of lists whose items have the types of `shape`, each with its path."""
        for index, row in enumerate(self._take(key, list, "a list of rows", []) or []):
            path = f"{self.at(key)}[{index}]"
            if not isinstance(row, list) or len(row) != len(shape):
                self.problems.add(path, f"must be a row of {len(shape)} values")
            elif not all(type(item) is kind for item, kind in zip(row, shape, strict=True)):
                wanted = ", ".join({str: "text", bool: "true or false", int: "number"}[kind] for kind in shape)
                self.problems.add(path, f"must be a row of ({wanted})")
            else:
                yield path, tuple(row)

    def date(self, key: str) -> str | None:
        """Give an ISO date as text; it must be there."""
        text = self.text(key)
        try:
            datetime.date.fromisoformat(text)
        except ValueError:
            if text:
                self.problem(key, "must be a date such as '2026-11-20'")
            return None
        return text

    def version(self, key: str) -> Version:
        """Give a PEP 440 version; it must be there."""
        return self._parsed(key, parse_version, "a version", Version("0"))

    def specifier(self, key: str, default: str | None = None) -> SpecifierSet:
        """Give a PEP 440 specifier set."""
        if default is not None and not self.has(key):
            return parse_specifier(default)
        return self._parsed(key, parse_specifier, "a version specifier", SpecifierSet())

    def _parsed(self, key: str, parse: Callable[[str], T], what: str, fallback: T) -> T:
        text = self.text(key)
        try:
            return parse(text) if text else fallback
        except (InvalidVersion, InvalidSpecifier):
            self.problem(key, f"{text!r} is not {what}")
            return fallback

    def line(self, key: str) -> str:
        """Give a `major.minor` text such as a CUDA line, a Python or an architecture; it must be there."""
        text = self.text(key)
        if text and not _LINE.fullmatch(text):
            self.problem(key, f"{text!r} is not of the form 'major.minor'")
        return text

    def optional_line(self, key: str) -> str | None:
        """Give a `major.minor` text or None where the key is absent."""
        return self.line(key) if self.has(key) else None

    def lines(self, key: str, default: str | None = None) -> tuple[str, ...]:
        """Give the `major.minor` texts of `3.8 3.10-3.12`."""
        text = self.text(key, default)
        lines = expand_lines(text)
        if lines is None:
            self.problem(key, f"{text!r} is not a list such as '3.8 3.10-3.12'")
        return lines or ()

    def choice(self, key: str, known: Sequence[str]) -> str:
        """Give one of the known words; it must be there."""
        text = self.text(key)
        if text and text not in known:
            self.problem(key, f"{text!r} is none of {', '.join(known)}{suggest(text, known)}")
        return text

    def name(self, key: str) -> str:
        """Give a normalised project name (PEP 503); it must be there."""
        text = self.text(key)
        if text and not _NAME.fullmatch(text):
            self.problem(key, f"{text!r} is not a normalised project name")
        return text

    def table(self, key: str) -> Fields:
        """Give a sub-table; absent is empty."""
        self._asked.add(key)
        value = self._table.get(key, {})
        if not isinstance(value, dict):
            self.problem(key, "must be a table")
            value = {}
        return Fields(value, self.at(key), self.problems)

    def tables(self, key: str) -> Iterator[Fields]:
        """Give the tables of a list of tables; absent is empty."""
        for index, value in enumerate(self._take(key, list, "a list of tables", []) or []):
            path = f"{self.at(key)}[{index}]"
            if isinstance(value, dict):
                yield Fields(value, path, self.problems)
            else:
                self.problems.add(path, "must be a table")

    def tables_by_name(self) -> Iterator[tuple[str, Fields]]:
        """Give every sub-table of this table with its key."""
        for key in self._table:
            yield key, self.table(key)

    def __iter__(self) -> Iterator[str]:
        """Give the keys of this table, in the order written."""
        return iter(self._table)

    def finish(self) -> None:
        """Note the keys that nobody asked for."""
        for key in self._table:
            if key not in self._asked:
                self.problem(key, f"unknown key{suggest(key, sorted(self._asked))}")
