"""A TOML text read key by key: each key is taken with its type, and what nobody took is refused with the nearest name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time
from difflib import get_close_matches
from functools import cached_property
from typing import TypeVar

from envcompose.errors import ManifestInvalid
from envcompose.manifest.toml_places import Path, places_of

Read = TypeVar("Read")


class TomlSource:
    """A file's text with its path; gives lines, and errors that name them."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path

    @cached_property
    def _places(self) -> dict[Path, int]:
        return places_of(self.text)

    def line(self, where: Path) -> int | None:
        """The line of a key, or of the nearest thing around it that has one."""
        for end in range(len(where), 0, -1):
            if (line := self._places.get(where[:end])) is not None:
                return line
        return None

    def wrong(self, where: Path, reason: str, hint: str | None = None) -> ManifestInvalid:
        """The error for what stands at a path."""
        return ManifestInvalid(path=self.path, reason=reason, line=self.line(where), hint=hint)


def read_toml(text: str, path: str) -> TomlTable:
    """Read TOML 1.1, as pixi does (line ends and trailing commas in inline tables). Raises ManifestInvalid.

    Like pixi, it takes no dates and times, and no integer of more than 64 bits, in whatever table.
    """
    values, source = read_values(text, path), TomlSource(text, path)
    _check_scalars(values, (), source)
    return TomlTable(values, (), source)


def _check_scalars(value: object, where: Path, source: TomlSource) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            _check_scalars(one, (*where, key), source)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            _check_scalars(one, (*where, index), source)
    elif isinstance(value, (date, time)):
        raise source.wrong(where, f"pixi reads no dates and times, as in {value}", "put it in quotes")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise source.wrong(where, f"pixi reads no integer as large as {str(value)[:40]}", "put it in quotes")


_LINE_END = "use \\u000a instead"
"""What tomlkit says of a line end within quotes."""


def read_values(text: str, path: str) -> dict[str, object]:
    """The values of a text in TOML 1.1. Raises ManifestInvalid."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return _later_toml(text, path, error)


def _later_toml(text: str, path: str, error: Exception) -> dict[str, object]:
    """What tomllib refuses may be TOML 1.1; tomlkit reads it, ten times slower."""
    if isinstance(error, RecursionError):
        raise ManifestInvalid(path=path, reason="it is nested too deeply") from error
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return dict(tomlkit.parse(text).unwrap())
    except RecursionError as deep:
        raise ManifestInvalid(path=path, reason="it is nested too deeply") from deep
    except (TOMLKitError, ValueError) as last:
        reason, line = _where(last)
        if line is None:
            # tomlkit says no place for a key that is there twice; tomllib does, and names it.
            reason, line = _where(error)
        raise ManifestInvalid(path=path, reason=f"{reason} (TOML)", line=line) from last


def _where(error: Exception) -> tuple[str, int | None]:
    words = str(error)
    found = re.search(r"at line (\d+)", words)
    reason = re.sub(r"\s*\(?at line \d+,? col(?:umn)? \d+\)?$", "", words)[:200]
    if _LINE_END in reason:
        reason = "a text in quotes is not closed before the end of its line"
    return reason[:1].lower() + reason[1:], int(found[1]) if found else None


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    for kind, word in (
        (bool, "true or false"),
        (str, "a text"),
        (int, "an integer"),
        (float, "a float"),
        (list, "a list"),
        (dict, "a table"),
    ):
        if isinstance(value, kind):
            return word
    return "a date or time"


class TomlTable:
    """One table that is being read. Every `take…` removes its key; `finish` refuses what is left."""

    def __init__(self, values: Mapping[str, object], where: Path, source: TomlSource) -> None:
        self._left = dict(values)
        self._known: list[str] = []
        self.where = where
        self.source = source

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def line(self, key: str | None = None) -> int | None:
        """The line of this table or of one of its keys."""
        return self.source.line(self.where if key is None else (*self.where, key))

    def wrong(self, key: str | int | None, reason: str, hint: str | None = None) -> ManifestInvalid:
        """The error for a key of this table, or for the table."""
        return self.source.wrong(self.where if key is None else (*self.where, key), reason, hint)

    def missing(self, key: str, hint: str) -> ManifestInvalid:
        """The error for a key that the table needs; where one that nobody took looks like it, that one is told."""
        nearest = get_close_matches(key, self._left, n=1, cutoff=0.75)
        name = f"[{'.'.join(str(step) for step in self.where)}]"
        if nearest:
            return self.wrong(nearest[0], f"'{nearest[0]}' is not a key of {name}", f"did you mean {key}?")
        return self.wrong(None, f"{name} has no {key}", hint)

    def left(self) -> tuple[str, ...]:
        """The keys that nobody has taken yet, in the order of the file."""
        return tuple(self._left)

    def take(self, key: str) -> object | None:
        """The value of a key, whatever it is; None where it is missing."""
        self._known.append(key)
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        """A text, or None where the key is missing."""
        return self._typed(key, str, "a text")

    def flag(self, key: str) -> bool | None:
        """A truth value, or None where the key is missing."""
        return self._typed(key, bool, "true or false")

    def integer(self, key: str) -> int | None:
        """An integer, or None where the key is missing."""
        value = self.take(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self.wrong(key, f"{self._name(key)} must be an integer, not {kind_of(value)}")

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts, or None where the key is missing."""
        value = self.take(key)
        return None if value is None else self.as_texts(key, value)

    def as_texts(self, key: str, value: object) -> tuple[str, ...]:
        """A value that was taken, as a list of texts."""
        if not isinstance(value, list):
            raise self.wrong(key, f"{self._name(key)} must be a list, not {kind_of(value)}")
        for index, one in enumerate(value):
            if not isinstance(one, str):
                raise self.source.wrong(
                    (*self.where, key, index), f"an entry of {self._name(key)} must be a text, not {kind_of(one)}"
                )
        return tuple(value)

    def table(self, key: str) -> TomlTable | None:
        """The table below a key, or None where it is missing."""
        value = self.take(key)
        return None if value is None else self.as_table(key, value)

    def as_table(self, key: str, value: object) -> TomlTable:
        """A value that was taken, as a table."""
        if not isinstance(value, dict):
            raise self.wrong(key, f"{self._name(key)} must be a table, not {kind_of(value)}")
        return TomlTable(value, (*self.where, key), self.source)

    def parsed(self, key: str, parse: Callable[[str], Read]) -> Read | None:
        """A text that a function reads; its ValueError becomes the reason of the refusal."""
        value = self.text(key)
        return None if value is None else self.read(key, value, parse)

    def read(self, key: str | int, value: str, parse: Callable[[str], Read]) -> Read:
        """What a function makes of a text that was taken."""
        try:
            return parse(value)
        except ValueError as error:
            raise self.wrong(key, f"{self._name(key)}: {error}") from error

    def entries(self) -> Iterator[tuple[str, object]]:
        """All keys and values that are left, in the order of the file, as taken."""
        for key in self.left():
            yield key, self._left.pop(key)

    def finish(self, also: Sequence[str] = ()) -> None:
        """Refuse the first key that nobody took."""
        for key in self._left:
            known = [*self._known, *also]
            nearest = get_close_matches(key.lower()[:80], known, n=1, cutoff=0.5)
            name = ".".join(str(step) for step in self.where)
            raise self.wrong(
                key,
                f"'{key}' is not a key of {f'[{name}]' if name else 'the manifest'}",
                f"did you mean {nearest[0]}?" if nearest else f"known here: {', '.join(sorted(set(known)))}",
            )

    def _typed(self, key: str, kind: type[Read], word: str) -> Read | None:
        value = self.take(key)
        if value is None or isinstance(value, kind):
            return value
        raise self.wrong(key, f"{self._name(key)} must be {word}, not {kind_of(value)}")

    def _name(self, key: str | int) -> str:
        return ".".join(str(step) for step in (*self.where, key))
