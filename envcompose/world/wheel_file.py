"""Reading a wheel's metadata and file list over HTTP ranges: two small reads of a 700 MB file (PEP 427, RFC 9110)."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError

from envcompose.model.distribution import WheelContents

_TAIL = 1 << 16
_EXTENSION = re.compile(r"^(?P<path>[^.]+)\.(?:(?:cpython-|abi3|cp3)[^/]*\.)?so$")
_KEPT_HEADERS = ("metadata-version", "name", "version", "requires-python", "requires-dist", "provides-extra", "dynamic")

ReadRange = Callable[[int | None, int], tuple[bytes, int, int]]
"""Asks for (start, length), start None meaning the last `length` bytes; gives the bytes, their start, the total size."""


class RangeFile(io.RawIOBase):
    """A seekable file over range requests; keeps what it has read."""

    def __init__(self, read_range: ReadRange) -> None:
        self._read_range = read_range
        data, start, self.size = read_range(None, _TAIL)
        self._parts = [(start, data)]
        self._at = 0

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; see io.IOBase."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes, fetching what is not there yet."""
        end = self.size if size is None or size < 0 else min(self.size, self._at + size)
        if end <= self._at:
            return b""
        piece = self._held(self._at, end)
        self._at = end
        return piece

    def _held(self, start: int, end: int) -> bytes:
        for at, data in self._parts:
            if at <= start and end <= at + len(data):
                return data[start - at : end - at]
        data, at, _ = self._read_range(start, max(end - start, 4096))
        self._parts.append((at, data))
        return data[start - at : end - at]


def read_wheel(file: io.RawIOBase | io.BytesIO, size: int | None) -> tuple[str, WheelContents]:
    """Give the metadata headers and the contents of a wheel. Raises ValueError where it is no wheel."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            metadata = next((n for n in names if n.count("/") == 1 and n.endswith(".dist-info/METADATA")), None)
            if metadata is None:
                raise ValueError("it holds no METADATA")
            headers = trim_headers(archive.read(metadata).decode("utf-8", "replace"))
            points = metadata.replace("METADATA", "entry_points.txt")
            scripts = _scripts(archive.read(points).decode("utf-8", "replace")) if points in names else ()
    except (zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, OSError, EOFError) as error:
        raise ValueError(f"it is no readable wheel ({error})") from error
    return headers, WheelContents(
        size=size, top_level=_top_level(names), extensions=_extensions(names), scripts=scripts
    )


def trim_headers(text: str) -> str:
    """Core metadata with only the headers a resolver needs, in their order; the description is left out."""
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    lines = [line for line in head.splitlines() if line.partition(":")[0].lower() in _KEPT_HEADERS]
    return "\n".join(lines) + "\n"


def _scripts(text: str) -> tuple[str, ...]:
    parser = ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except ConfigError:
        return ()
    return tuple(sorted(parser["console_scripts"])) if parser.has_section("console_scripts") else ()


def _top_level(names: Sequence[str]) -> tuple[str, ...]:
    tops = set()
    for name in names:
        head, _, rest = name.partition("/")
        if head.endswith((".dist-info", ".data")) or (head.startswith((".", "_")) and not rest):
            continue
        if not rest and (head.endswith(".py") or ".so" in head):
            tops.add(head.split(".")[0])
        elif rest.endswith((".py", ".so")) and head.isidentifier():
            tops.add(head)
    return tuple(sorted(tops))


def _extensions(names: Sequence[str]) -> tuple[str, ...]:
    """Importable extension modules: shared objects that are named as CPython looks for them (PEP 3149)."""
    found = set()
    for name in names:
        match = _EXTENSION.match(name)
        if match and ".data/" not in name and all(part.isidentifier() for part in match["path"].split("/")):
            found.add(match["path"].replace("/", "."))
    return tuple(sorted(found))
