"""Where things stand in a TOML text: the line of every key and list entry, which parsers forget.

It is a scan of a text that a parser has accepted already, so it reads on where a parser would complain.
"""

from __future__ import annotations

import re
from contextlib import suppress

Path = tuple[str | int, ...]

_BARE = re.compile(r"[^\s=.\[\]{},#\"']+")
_BLANK = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}\n#]*")


def places_of(text: str) -> dict[Path, int]:
    """The line (from 1) of each table, key and list entry, by its path, such as ('workspace', 'channels', 0)."""
    scan = _Scan(text.replace("\r\n", "\n"))
    # Where the scan goes astray, what is known so far is still true.
    with suppress(IndexError, RecursionError):
        scan.document()
    return scan.places


def headers_of(text: str) -> tuple[tuple[int, Path], ...]:
    """The line (from 1) of each table's header with the table's path, in the order of the text."""
    scan = _Scan(text.replace("\r\n", "\n"))
    with suppress(IndexError, RecursionError):
        scan.document()
    return tuple(scan.headers)


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.places: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}
        self.headers: list[tuple[int, Path]] = []

    def document(self) -> None:
        table: Path = ()
        while self._skip():
            if self._now("["):
                line, table = self.line, self._header()
                self.headers.append((line, table))
            else:
                self._pair(table)

    def _now(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _skip(self, *, lines: bool = True) -> bool:
        """Go over blanks, comments and (with `lines`) line ends; False at the end of the text."""
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t":
                self.at += 1
            elif character == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif character == "\n" and lines:
                self.at += 1
                self.line += 1
            else:
                return True
        return False

    def _header(self) -> Path:
        listed = self._now("[[")
        self.at += 2 if listed else 1
        path = self._key(())
        if listed:
            count = self.counts.get(path, 0)
            self.counts[path] = count + 1
            path = (*path, count)
            self.places.setdefault(path, self.line)
        self.at += 2 if listed else 1
        return path

    def _key(self, table: Path) -> Path:
        """A dotted key below a table; each of its steps gets this line where it has none."""
        path = self._inside(table)
        while True:
            self.at += len(_BLANK.match(self.text, self.at)[0])  # type: ignore[index]
            character = self.text[self.at]
            if character in "\"'":
                start = self.at
                self._string()
                part = self.text[start + 1 : self.at - 1]
            else:
                found = _BARE.match(self.text, self.at)
                if found is None:
                    raise IndexError
                part = found[0]
                self.at = found.end()
            path = (*path, part)
            self.places.setdefault(path, self.line)
            self.at += len(_BLANK.match(self.text, self.at)[0])  # type: ignore[index]
            if not self._now("."):
                return path
            path = self._inside(path)
            self.at += 1

    def _inside(self, path: Path) -> Path:
        """A path into the last entry, where the path is an array of tables."""
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def _pair(self, table: Path) -> None:
        path = self._key(table)
        if not self._now("="):
            raise IndexError
        self.at += 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(lines=False)
        self.places.setdefault(path, self.line)
        character = self.text[self.at]
        if character in "\"'":
            self._string()
        elif character == "[":
            self._array(path)
        elif character == "{":
            self._inline(path)
        else:
            self.at = _SCALAR.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip() and not self._now("]"):
            self.places[(*path, index)] = self.line
            self._value((*path, index))
            index += 1
            self._skip()
            if self._now(","):
                self.at += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self._skip() and not self._now("}"):
            self._pair(path)
            self._skip()
            if self._now(","):
                self.at += 1
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        many = self.text.startswith(quote * 3, self.at)
        self.at += 3 if many else 1
        while True:
            if quote == '"' and self.text[self.at] == "\\":
                self.line += self.text[self.at + 1] == "\n"
                self.at += 2
                continue
            if many and self._now(quote * 3):
                self.at += 3
                while self._now(quote):
                    self.at += 1
                return
            if not many and self._now(quote):
                self.at += 1
                return
            self.line += self.text[self.at] == "\n"
            self.at += 1
