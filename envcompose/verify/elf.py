"""Reads ELF files as the dynamic loader sees them: by program headers and the dynamic table, never by section names.

Hostile files are an input like any other: every offset and count is bounded by the file's size, and whatever does not
add up ends in ElfMalformed (a property test feeds it damaged files).
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Union

MACHINES = {3: "i386", 21: "ppc64", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 4, 5, 6, 10, 14, 15, 29
_DT_GNU_HASH, _DT_VERDEF, _DT_VERDEFNUM, _DT_VERNEED, _DT_VERNEEDNUM = (
    0x6FFFFEF5, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF,
)  # fmt: skip
_MOST_ENTRIES = 8_000_000
_MOST_NAME_BYTES = 400_000_000
WINDOW = 32 * 1024**2
"""Bytes of a mapped file that are looked at before they are let go of."""

Buffer = Union[bytes, mmap.mmap]


class ElfMalformed(ValueError):
    """The file is no ELF file, or its tables contradict each other."""


@dataclass(frozen=True)
class Image:
    """What a shared object asks for and offers, without its symbols."""

    path: str
    machine: str
    bits: int
    soname: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    """DT_RPATH's folders as written; the loader ignores them where there is a DT_RUNPATH."""
    runpath: tuple[str, ...]
    versions_needed: frozenset[tuple[str, str]]
    """(library, version) pairs such as ("libc.so.6", "GLIBC_2.28"); weak needs are left out."""
    versions_defined: frozenset[str]


@dataclass(frozen=True)
class Symbols:
    """The dynamic symbols by name, without their versions."""

    defined: frozenset[bytes]
    undefined: frozenset[bytes]
    """Those that must be found when the file is loaded; weak ones are left out."""


@dataclass(frozen=True)
class _Layout:
    """The header's facts and the dynamic table of one open file."""

    data: Buffer
    order: str
    bits: int
    machine: int
    segments: tuple[tuple[int, int, int], ...]
    """(address, offset, size) of what is loaded."""
    dynamic: dict[int, list[int]]

    def unpack(self, form: str, offset: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.order + form, self.data, offset)
        except (struct.error, OverflowError, ValueError):
            raise ElfMalformed("a table lies outside the file") from None

    def first(self, tag: int) -> int | None:
        return self.dynamic[tag][0] if tag in self.dynamic else None

    def offset(self, address: int) -> int:
        """Where a loaded address stands in the file."""
        for start, offset, size in self.segments:
            if start <= address < start + size and offset + (address - start) < len(self.data):
                return offset + (address - start)
        raise ElfMalformed("an address lies outside what is loaded")

    def table(self, tag: int) -> int | None:
        address = self.first(tag)
        return None if address is None else self.offset(address)

    def name(self, index: int) -> str:
        """A string of the dynamic string table."""
        base = self.table(_DT_STRTAB)
        if base is None or index < 0:
            raise ElfMalformed("there is no string table")
        end = self.data.find(b"\0", base + index, base + index + 65_536)
        if end < 0:
            raise ElfMalformed("a string has no end")
        return self.data[base + index : end].decode("utf-8", "replace")


def read(path: str) -> Image:
    """The dynamic table of the file; ElfMalformed where it is not one, OSError where it cannot be read."""
    with _Opened(path) as layout:
        names = [layout.name(index) for index in layout.dynamic.get(_DT_NEEDED, [])]
        soname = layout.first(_DT_SONAME)
        return Image(
            path=path,
            machine=MACHINES.get(layout.machine, f"machine {layout.machine}"),
            bits=layout.bits,
            soname=None if soname is None else layout.name(soname),
            needed=tuple(names),
            rpath=_folders(layout, _DT_RPATH),
            runpath=_folders(layout, _DT_RUNPATH),
            versions_needed=_versions_needed(layout),
            versions_defined=_versions_defined(layout),
        )


def read_symbols(path: str) -> Symbols:
    """The dynamic symbols of the file; ElfMalformed and OSError as `read` raises them."""
    with _Opened(path) as layout:
        return _symbols(layout)


class _Opened:
    """A file mapped into memory for as long as the block lasts."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115
        self._map: mmap.mmap | None = None

    def __enter__(self) -> _Layout:
        try:
            if os.fstat(self._file.fileno()).st_size < 64:
                raise ElfMalformed("the file is too short")
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            return parse(self._map)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        if self._map is not None:
            self._map.close()
        self._file.close()


def parse(data: Buffer) -> _Layout:
    """The layout of an ELF file's bytes; ElfMalformed where they are not one."""
    if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2):
        raise ElfMalformed("it is not an ELF file")
    bits, order = 32 * data[4], "<" if data[5] == 1 else ">"
    bare = _Layout(data, order, bits, 0, (), {})
    machine = bare.unpack("H", 18)[0]
    start, size, count = (
        (bare.unpack("Q", 32)[0], *bare.unpack("HH", 54))
        if bits == 64
        else (bare.unpack("I", 28)[0], *bare.unpack("HH", 42))
    )
    segments, dynamic = [], (0, 0)
    for n in range(count if size >= (56 if bits == 64 else 32) else 0):
        if bits == 64:
            kind, _, offset, address, _, length = bare.unpack("IIQQQQ", start + n * size)
        else:
            kind, offset, address, _, length = bare.unpack("IIIII", start + n * size)
        if kind == _PT_LOAD:
            if offset + length > len(data):
                raise ElfMalformed("the file is cut off")
            segments.append((address, offset, length))
        elif kind == _PT_DYNAMIC:
            dynamic = (offset, length)
    return _Layout(data, order, bits, machine, tuple(segments), _dynamic(bare, *dynamic))


def find(data: Buffer, pattern: bytes, start: int, end: int) -> int:
    """Where the pattern next starts, -1 where it does not; what was searched is let go of on the way."""
    for window in range(start, end, WINDOW):
        position = data.find(pattern, window, min(window + WINDOW + len(pattern) - 1, end))
        if position >= 0:
            return position
        forget(data)
    return -1


def forget(data: Buffer) -> None:
    """Let go of the pages that were looked at: libraries of a gigabyte must not count as memory of ours."""
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED)


def _dynamic(layout: _Layout, start: int, length: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    form, size = ("QQ", 16) if layout.bits == 64 else ("II", 8)
    for offset in range(start, min(start + length, len(layout.data) - size + 1), size):
        tag, value = layout.unpack(form, offset)
        if tag == 0:
            break
        found.setdefault(tag, []).append(value)
    return found


def _folders(layout: _Layout, tag: int) -> tuple[str, ...]:
    index = layout.first(tag)
    return () if index is None else tuple(folder for folder in layout.name(index).split(":") if folder)


def _versions_needed(layout: _Layout) -> frozenset[tuple[str, str]]:
    offset, found = layout.table(_DT_VERNEED), set()
    for _ in range(min(layout.first(_DT_VERNEEDNUM) or 0, 65_536)):
        if offset is None:
            break
        _, count, library, first, following = layout.unpack("HHIII", offset)
        entry = offset + first
        for _ in range(count):
            _, flags, _, name, onward = layout.unpack("IHHII", entry)
            if not flags & 2:
                found.add((layout.name(library), layout.name(name)))
            if not onward or len(found) > 65_536:
                break
            entry += onward
        if not following:
            break
        offset += following
    return frozenset(found)


def _versions_defined(layout: _Layout) -> frozenset[str]:
    offset, found = layout.table(_DT_VERDEF), set()
    for _ in range(min(layout.first(_DT_VERDEFNUM) or 0, 65_536)):
        if offset is None:
            break
        _, flags, _, _, _, first, following = layout.unpack("HHHHIII", offset)
        if not flags & 1:
            found.add(layout.name(layout.unpack("I", offset + first)[0]))
        if not following:
            break
        offset += following
    return frozenset(found)


def _symbol_count(layout: _Layout) -> int:
    """How many dynamic symbols there are: only the hash tables say so."""
    plain = layout.table(_DT_HASH)
    if plain is not None:
        return layout.unpack("II", plain)[1]
    table = layout.table(_DT_GNU_HASH)
    if table is None:
        return 0
    buckets, first, words, _ = layout.unpack("IIII", table)
    start = table + 16 + words * (layout.bits // 8)
    if buckets > _MOST_ENTRIES:
        raise ElfMalformed("a hash table is longer than the file")
    last = max(layout.unpack(f"{buckets}I", start), default=0)
    if last < first:
        return first
    chains = start + 4 * buckets
    while not layout.unpack("I", chains + 4 * (last - first))[0] & 1:
        last += 1
    return last + 1


def _symbols(layout: _Layout) -> Symbols:
    table, strings, length = layout.table(_DT_SYMTAB), layout.table(_DT_STRTAB), layout.first(_DT_STRSZ)
    if table is None or strings is None or length is None:
        return Symbols(frozenset(), frozenset())
    count, size = _symbol_count(layout), 24 if layout.bits == 64 else 16
    if count > _MOST_ENTRIES or table + count * size > len(layout.data):
        raise ElfMalformed("the symbol table is longer than the file")
    names = layout.data[strings : strings + length]
    defined, undefined, spent = set(), set(), 0
    form = "IBBHQQ" if layout.bits == 64 else "IIIBBH"
    for entry in struct.iter_unpack(layout.order + form, layout.data[table : table + count * size]):
        name, info, other, section = entry[:4] if layout.bits == 64 else (entry[0], *entry[3:])
        binding = info >> 4
        if binding == 0 or not name or (section == 0 and binding == 2):
            continue
        end = names.find(b"\0", name)
        if end < 0:
            raise ElfMalformed("a symbol's name has no end")
        spent += end - name
        if spent > _MOST_NAME_BYTES:
            raise ElfMalformed("the symbols' names are longer than the file")
        if section == 0:
            undefined.add(names[name:end])
        elif other & 3 in (0, 3):
            defined.add(names[name:end])
    return Symbols(frozenset(defined), frozenset(undefined))
