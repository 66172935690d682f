"""A parsed TOML document that knows its file: typed access, and the line of a value for origins and errors."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from envcompose.errors import FileUnreadable
from envcompose.model.requirement import Origin, OriginKind
from envcompose.model.values import dataclass

_HEADER = re.compile(r"^\s*\[{1,2}\s*([^\]#]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*[=.]""")
_LONGEST_LINE = 2000
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'')


class TomlLines:
    """Where things stand in a TOML text; tomllib forgets it, so literals are looked up again.

    The answer is exact where a value stands once below its header, and else the first such line.
    """

    def __init__(self, text: str) -> None:
        self._literals: dict[str, list[int]] = defaultdict(list)
        self._keys: dict[str, list[int]] = defaultdict(list)
        self._headers: dict[str, int] = {}
        self._implied: dict[str, int] = {}
        for number, line in enumerate(text.split("\n"), start=1):
            if header := _HEADER.match(line):
                self._add_header(_plain(header[1]), number)
            if key := _KEY.match(line):
                self._keys[next(part for part in key.groups() if part)].append(number)
            for basic, literal in _STRING.findall(line[:_LONGEST_LINE]):
                self._literals[literal or basic.replace('\\"', '"').replace("\\\\", "\\")].append(number)

    def _add_header(self, header: str, number: int) -> None:
        # A header also makes the tables around it, which may have no header of their own.
        parts = header.split(".")
        for end in range(len(parts) - 1, 0, -1):
            self._implied.setdefault(".".join(parts[:end]), number)
        self._headers.setdefault(header, number)

    def of_header(self, header: str) -> int | None:
        """Give the line of a table's header, or of the nearest table around it that has one."""
        parts = header.split(".")
        for end in range(len(parts), 0, -1):
            above = ".".join(parts[:end])
            if (line := self._headers.get(above, self._implied.get(above))) is not None:
                return line
        return None

    def of_key(self, header: str, key: str) -> int | None:
        """Give the line of a key of a table, as key or as header; else the table's."""
        dotted = f"{header}.{key}" if header else key
        exact = self._headers.get(dotted, self._implied.get(dotted))
        if exact is not None:
            return exact
        start = self.of_header(header)
        return self._first(self._keys.get(key, ()), start) or start

    def of_text(self, header: str, value: str, key: str | None = None) -> int | None:
        """Give the line of a text value below a table's header (and below its key, where that is given)."""
        start = self.of_key(header, key) if key else self.of_header(header)
        return self._first(self._literals.get(value, ()), start) or start

    @staticmethod
    def _first(lines: Sequence[int], start: int | None) -> int | None:
        if not lines:
            return None
        position = bisect_left(lines, start or 0)
        return lines[position] if position < len(lines) else lines[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlTable:
    """One table of a file; `where` is its dotted name. What has another type than asked for raises FileUnreadable."""

    values: dict[str, object]
    where: str
    path: str
    lines: TomlLines

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def origin(self, key: str | None = None, text: str | None = None) -> Origin:
        """Give the place of this table, of its key, or of a text below them."""
        if text is not None:
            line = self.lines.of_text(self.where, text, key)
        else:
            line = self.lines.of_key(self.where, key) if key else self.lines.of_header(self.where)
        return Origin(kind=OriginKind.FILE, file=self.path, line=line)

    def wrong(self, key: str, reason: str) -> FileUnreadable:
        """Give the error for a key of this table."""
        name = f"{self.where}.{key}" if self.where else key
        line = self.lines.of_key(self.where, key.partition("[")[0])
        return FileUnreadable(path=self.path, reason=f"{name} {reason}", line=line)

    def text(self, key: str) -> str | None:
        """Give a text, or None where the key is missing."""
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong(key, "must be a text")

    def texts(self, key: str, *, lone: bool = False) -> tuple[str, ...]:
        """Give a list of texts; empty where the key is missing. `lone` allows one text in place of a list."""
        value = self.values.get(key)
        if value is None:
            return ()
        if lone and isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise self.wrong(key, "must be a list of texts")

    def flag(self, key: str) -> bool:
        """Give a truth value; False where the key is missing."""
        value = self.values.get(key, False)
        if isinstance(value, bool):
            return value
        raise self.wrong(key, "must be true or false")

    def table(self, *keys: str) -> TomlTable:
        """Give the table below this one; an empty one where it is missing."""
        here = self
        for key in keys:
            value = here.values.get(key, {})
            if not isinstance(value, dict):
                raise here.wrong(key, "must be a table")
            here = here._below(key, value)
        return here

    def tables(self, key: str, *, lone: bool = False) -> tuple[TomlTable, ...]:
        """Give an array of tables; empty where the key is missing. `lone` allows one table in place of an array."""
        value = self.values.get(key, [])
        if lone and isinstance(value, dict):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.wrong(key, "must be an array of tables")
        return tuple(self._below(key, one) for one in value)

    def _below(self, key: str, values: dict[str, object]) -> TomlTable:
        where = f"{self.where}.{key}" if self.where else key
        return TomlTable(values=values, where=where, path=self.path, lines=self.lines)


def parse_toml(text: str, path: str) -> TomlTable:
    """Parse TOML 1.0 and give the table of the whole document. Raises FileUnreadable with the line."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        reason = re.sub(r" \(at .*\)$", "", reason)[:200]
        raise FileUnreadable(path=path, reason=f"{reason} (TOML)", line=int(found[1]) if found else None) from error
    return TomlTable(values=values, where="", path=path, lines=TomlLines(text.replace("\r\n", "\n")))


def _plain(header: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in header.split("."))
