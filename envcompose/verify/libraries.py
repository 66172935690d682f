"""Which shared objects the dynamic loader would bring together: its search order (ld.so(8)), played through on files.

Nothing is loaded. Each file is read once; one that cannot be read as ELF counts as absent.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import elf

_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_DEFAULT_FOLDERS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
_MULTIARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}


@dataclass(frozen=True)
class Load:
    """What comes with one object: itself and everything that it needs, in the loader's order."""

    objects: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    """(the library's name, the object that needs it)."""
    providers: Mapping[str, str]
    """The file that stands for each needed name."""


class Libraries:
    """The shared objects of a machine, read when they are asked for."""

    def __init__(self, executable: str, library_path: str | None = None, cache: str = "/etc/ld.so.cache") -> None:
        """Files are looked for as for an object that the executable's process loads."""
        self._images: dict[str, elf.Image | None] = {}
        self._symbols: dict[str, elf.Symbols | None] = {}
        self._library_path = tuple(folder for folder in (library_path or "").split(":") if folder)
        self._cache = _read_cache(cache)
        self.executable = os.path.realpath(executable)

    def image(self, path: str) -> elf.Image | None:
        """The file's dynamic table; None where it is no ELF file."""
        if path not in self._images:
            try:
                self._images[path] = elf.read(path)
            except (OSError, ValueError):
                self._images[path] = None
        return self._images[path]

    def symbols(self, path: str) -> elf.Symbols | None:
        """The file's dynamic symbols; None where it is no ELF file."""
        if path not in self._symbols:
            try:
                self._symbols[path] = elf.read_symbols(path)
            except (OSError, ValueError):
                self._symbols[path] = None
        return self._symbols[path]

    def find(self, name: str, wanted_by: elf.Image, chain: tuple[str, ...] = ()) -> str | None:
        """The file that the loader takes for a needed name, for an object that the objects of `chain` brought in."""
        if "/" in name:
            return name if os.path.exists(name) else None
        folders: list[str] = []
        if not wanted_by.runpath:
            for path in (wanted_by.path, *reversed(chain), self.executable):
                image = self.image(path)
                if image is not None and not image.runpath:
                    folders += _expanded(image.rpath, path)
        folders += [*self._library_path, *_expanded(wanted_by.runpath, wanted_by.path)]
        cached = self._cache.get((name, wanted_by.machine))
        system = [os.path.dirname(cached)] if cached else []
        multiarch = _MULTIARCH.get(wanted_by.machine, "")
        system += [f"/lib/{multiarch}", f"/usr/lib/{multiarch}", *_DEFAULT_FOLDERS]
        for folder in dict.fromkeys([*folders, *system]):
            found = self._in(folder, name, wanted_by)
            if found is not None:
                return found
        return None

    def _in(self, folder: str, name: str, wanted_by: elf.Image) -> str | None:
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            return None
        image = self.image(path)
        fits = image is not None and (image.machine, image.bits) == (wanted_by.machine, wanted_by.bits)
        return path if fits else None

    def load(self, path: str, present: Mapping[str, str] | None = None) -> Load:
        """What comes with `path` in a process that has the objects of `present` (by soname) already."""
        present = present or {}
        providers: dict[str, str] = {}
        objects, missing = {path: None}, []
        queue: deque[tuple[str, tuple[str, ...]]] = deque([(path, ())])
        while queue:
            current, chain = queue.popleft()
            image = self.image(current)
            for name in image.needed if image is not None else ():
                if name in providers:
                    continue
                found = present.get(name) or self.find(name, image, chain) if image is not None else None
                if found is None:
                    missing.append((name, current))
                    continue
                providers[name] = found
                if found not in objects:
                    objects[found] = None
                    queue.append((found, (*chain, current)))
        return Load(tuple(objects), tuple(missing), providers)

    def by_soname(self, paths: Iterable[str]) -> dict[str, str]:
        """The objects by the name that a loaded object is known under."""
        found: dict[str, str] = {}
        for path in paths:
            image = self.image(path)
            found.setdefault((image.soname if image is not None else None) or os.path.basename(path), path)
        return found


def _expanded(folders: Iterable[str], path: str) -> list[str]:
    origin = os.path.dirname(os.path.abspath(path))
    found = (folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin) for folder in folders)
    return [os.path.normpath(folder) for folder in found]


def expand(folders: Iterable[str], path: str) -> list[str]:
    """The folders of an RPATH or RUNPATH with $ORIGIN put in, for the object at `path`."""
    return _expanded(folders, path)


def _read_cache(path: str) -> dict[tuple[str, str], str]:
    """The files of /etc/ld.so.cache by name and machine; empty where there is none that can be read (dl-cache.h)."""
    try:
        with open(path, "rb") as file:
            data = file.read(64_000_000)
    except OSError:
        return {}
    base = data.find(_CACHE_MAGIC)
    if base < 0:
        return {}
    found: dict[tuple[str, str], str] = {}
    try:
        count = struct.unpack_from("=I", data, base + 20)[0]
        for n in range(min(count, 1_000_000)):
            flags, key, value = struct.unpack_from("=iII", data, base + 48 + 24 * n)
            machine = {0x0300: "x86_64", 0x0A00: "aarch64"}.get(flags & 0xFF00, "")
            found.setdefault((_string(data, base + key), machine), _string(data, base + value))
    except struct.error:
        return {}
    return found


def _string(data: bytes, offset: int) -> str:
    return data[offset : max(data.find(b"\0", offset), offset)].decode("utf-8", "replace")
