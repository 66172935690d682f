"""Reads which GPU architectures are embedded in a file: the headers of NVIDIA's fat binaries, without their code.

The layout is not published; this is what nvcc 12 and 13 write, and a test compares it with `cuobjdump`.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import elf

_MAGIC = struct.pack("<I", 0xBA55ED50)
_SECTIONS = (b".nv_fatbin", b".nvFatBin")
_UNLINKED = b"__nv_relfatbin"
"""Parts for nvcc's device linker. Where their linked form is there too, the runtime takes that, and so does cuobjdump."""
_PTX, _MACHINE_CODE = 1, 2
_THIS_CHIP_ONLY, _THIS_FAMILY = 0x100000, 0x200000
_MOST_ENTRIES = 2_000_000


@dataclass(frozen=True)
class Code:
    """One kind of code for one architecture."""

    ptx: bool
    major: int
    minor: int
    suffix: str = ""
    """"a" runs on exactly this chip, "f" on its family, "" on this major number from this minor one on."""

    @property
    def name(self) -> str:
        """`sm_90a` for machine code, `compute_90` for PTX."""
        return f"{'compute' if self.ptx else 'sm'}_{self.major}{self.minor}{self.suffix}"

    def runs_on(self, major: int, minor: int) -> bool:
        """Whether a GPU of this compute capability can use it; PTX is compiled by the driver first."""
        if self.suffix == "a":
            return (major, minor) == (self.major, self.minor)
        if self.ptx and not self.suffix:
            return (major, minor) >= (self.major, self.minor)
        return major == self.major and minor >= self.minor


def read(path: str) -> frozenset[Code]:
    """The embedded code of an ELF file; none where it has none or is not one. OSError where it cannot be read."""
    if os.path.getsize(path) < 64:
        return frozenset()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found: set[Code] = set()
        try:
            for start, end in _places(data):
                found.update(codes(data, start, end))
        except elf.ElfMalformed:
            pass
        return frozenset(found)


def codes(data: elf.Buffer, start: int, end: int) -> Iterator[Code]:
    """The code of the fat binaries between two offsets; what does not add up ends the reading of that binary."""
    seen, forgotten = 0, start
    position = elf.find(data, _MAGIC, start, end)
    while position >= 0 and seen < _MOST_ENTRIES:
        if position + 16 > end:
            return
        _, _, header, size = struct.unpack_from("<IHHQ", data, position)
        entry, last = position + max(header, 16), min(position + header + size, end)
        while entry + 64 <= last and seen < _MOST_ENTRIES:
            kind, _, length, payload = struct.unpack_from("<HHIQ", data, entry)
            architecture = struct.unpack_from("<I", data, entry + 28)[0]
            flags = struct.unpack_from("<Q", data, entry + 40)[0]
            seen += 1
            if kind in (_PTX, _MACHINE_CODE) and 20 <= architecture < 1000:
                suffix = "a" if flags & _THIS_CHIP_ONLY else "f" if flags & _THIS_FAMILY else ""
                yield Code(kind == _PTX, architecture // 10, architecture % 10, suffix)
            if length < 64:
                break
            entry += length + payload
        if last - forgotten > elf.WINDOW:
            elf.forget(data)
            forgotten = last
        position = elf.find(data, _MAGIC, max(last, position + 4), end)


def _places(data: mmap.mmap) -> list[tuple[int, int]]:
    """Where fat binaries stand: their sections, or the whole file where there are no section headers."""
    layout = elf.parse(data)
    if layout.bits != 64:
        return []
    start = layout.unpack("Q", 40)[0]
    size, count, names = layout.unpack("HHH", 58)
    if start == 0 or count == 0 or size < 64 or names >= count:
        return [(0, len(data))]
    texts = layout.unpack("QQ", start + names * size + 24)
    linked: list[tuple[int, int]] = []
    unlinked: list[tuple[int, int]] = []
    for n in range(count):
        name, kind = layout.unpack("II", start + n * size)
        offset, length = layout.unpack("QQ", start + n * size + 24)
        title = data[texts[0] + name : texts[0] + name + 16].split(b"\0", 1)[0]
        if kind != 8 and title in (*_SECTIONS, _UNLINKED):
            (unlinked if title == _UNLINKED else linked).append((offset, min(offset + length, len(data))))
    return linked or unlinked


def capability(text: str) -> tuple[int, int]:
    """`8.9` or `9.0a` as numbers; ValueError where it is neither."""
    match = re.fullmatch(r"(\d+)\.(\d+)[a-z]?", text)
    if match is None:
        raise ValueError(f"not a compute capability: {text}")
    return int(match.group(1)), int(match.group(2))


def serving(found: Iterable[Code], gpu: str) -> str | None:
    """How a GPU is served: "machine code", "PTX", or None."""
    fitting = [code for code in found if code.runs_on(*capability(gpu))]
    if not fitting:
        return None
    return "PTX" if all(code.ptx for code in fitting) else "machine code"
