"""Typed looks into a lock file's document: each gives a value of the kind that pixi expects, or raises LockInvalid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from envcompose.errors import LockInvalid
from envcompose.manifest.lock_document import Items, Table
from envcompose.model.values import dataclass

_HEX = re.compile(r"[0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class Fields:
    """One table of the document with the name that errors give it; `unread` collects what nobody asks for."""

    table: Table
    name: str
    path: str
    unread: list[tuple[str, int]] = field(default_factory=list)

    def line(self, key: str) -> int:
        """Give the line of a key, or that of the table."""
        return self.table.key_lines.get(key, self.table.line)

    def item_line(self, key: str, number: int) -> int:
        """Give the line of one item of a list, counted from 0."""
        value = self.table.get(key)
        return value.item_lines[number] if isinstance(value, Items) else self.line(key)

    def wrong(self, key: str, reason: str) -> LockInvalid:
        """Give the error for the value of a key."""
        return LockInvalid(path=self.path, line=self.line(key), reason=f"{self.name}: {reason}")

    def text(self, key: str) -> str | None:
        """Give a text; None where it is absent or null."""
        value = self.table.get(key)
        if value is None or isinstance(value, str):
            return value
        shown = "a list or table" if isinstance(value, (Table, Items)) else f"the number or word {value}"
        raise self.wrong(key, f"{key} must be a text, here stands {shown} (put it in quotes)")

    def needed_text(self, key: str) -> str:
        """Give a text that has to be there."""
        value = self.text(key)
        if value is None:
            raise self.wrong(key, f"{key} is missing")
        return value

    def number(self, key: str, *, least: int = 0) -> int | None:
        """Give a whole number; None where it is absent or null."""
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 64:
            raise self.wrong(key, f"{key} must be a whole number")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a list of texts; an absent one is empty, null is wrong."""
        if key not in self.table:
            return ()
        return self._texts_of(key, self.table[key])

    def texts_or_none(self, key: str) -> tuple[str, ...] | None:
        """Give a list of texts; None where it is absent or null."""
        return None if self.table.get(key) is None else self.texts(key)

    def lists(self, key: str) -> Mapping[str, tuple[str, ...]]:
        """Give a table of lists of texts; an absent one is empty."""
        if key not in self.table:
            return {}
        value = self.table[key]
        if not isinstance(value, Table):
            raise self.wrong(key, f"{key} must be a table")
        return {name: self._texts_of(key, one) for name, one in value.items()}

    def digest(self, key: str, length: int) -> str | None:
        """Give a hash as lower-case hex of this length."""
        value = self.text(key)
        if value is None:
            return None
        if len(value) != length or not _HEX.fullmatch(value):
            raise self.wrong(key, f"{key} must be {length} hex digits")
        return value.lower()

    def items(self, key: str) -> Items:
        """Give a list that has to be there; null is an empty one."""
        value = self.table.get(key)
        if value is None and key in self.table:
            return Items(self.line(key))
        if not isinstance(value, Items):
            raise self.wrong(key, f"{key} must be a list" if key in self.table else f"{key} is missing")
        return value

    def tables(self, key: str) -> tuple[Fields, ...]:
        """Give a list of tables that has to be there."""
        found = []
        for number, item in enumerate(self.items(key)):
            name = self._part(f"{key}[{number}]")
            if not isinstance(item, Table):
                raise self.wrong(key, f"{name} must be a table")
            found.append(Fields(item, name, self.path, self.unread))
        return tuple(found)

    def inner(self, key: str, *, or_null: bool = True) -> Fields:
        """Give a table that has to be there; null is an empty one, unless `or_null` is off."""
        value = self.table.get(key)
        if value is None and key in self.table and or_null:
            value = Table(self.line(key))
        if not isinstance(value, Table):
            raise self.wrong(key, f"{key} must be a table" if key in self.table else f"{key} is missing")
        return Fields(value, self._part(key), self.path, self.unread)

    def note_unread(self, known: frozenset[str]) -> None:
        """Note the keys that are none of the known ones."""
        for key in self.table:
            if key not in known:
                self.unread.append((f"{self.name}.{key}", self.line(key)))

    def _part(self, part: str) -> str:
        return part if self.name == "the file" else f"{self.name}.{part}"

    def _texts_of(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, Items):
            raise self.wrong(key, f"{key} must be a list of texts")
        for item, line in zip(value, value.item_lines, strict=True):
            if not isinstance(item, str):
                reason = f"{self.name}: each of {key} must be a text, one is {item} (put it in quotes)"
                raise LockInvalid(path=self.path, line=line, reason=reason)
        return tuple(str(item) for item in value)
