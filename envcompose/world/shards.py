"""Hold what came of a sharded channel (CEP-16) against its hashes, which py-rattler 0.28 does not do.

A shard is named by the SHA-256 of its compressed bytes, and the engine keeps only what they decompress to. So each shard
that came new is fetched once more, now held against its name, and compared with what the engine keeps. That costs one
small request for each package name that a solve meets, once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import urljoin

_INDEX = "repodata_shards.msgpack.zst"
_BASE = b"\xafshards_base_url"
"""The key in msgpack: a string of 15 bytes."""
_MOST_BYTES = 1 << 28
_AT_ONCE = 40
_LEFT_SECONDS = 3600.0
_COARSE = 50_000_000
"""Nanoseconds by which a file's time may lag behind the clock's."""
_MISSING = "(404"
_SHARD = re.compile(r"[0-9a-f]{64}\.msgpack")

Fetch = Callable[[str], Awaitable[bytes]]
"""Gives the bytes at an address; raises FetchFailed where there are none."""


class FetchFailed(Exception):
    """Bytes that could not be had; the words are the engine's."""


class ShardsWrong(FetchFailed):
    """Shards that are not what their names say; the words name where they came from. The cache has lost them."""

    def __init__(self, subdir_url: str) -> None:
        super().__init__(f"shards are not what their names say: {subdir_url}")


class ShardCheck:
    """Remembers, in a file of the cache folder, which shards have been held against their hashes.

    What is written into the folder after this was made counts as new, whatever the file says.
    """

    def __init__(self, folder: Path) -> None:
        self._shards = folder / "shards-v1"
        self._file = folder / "shards-checked.txt"
        self._since = time.time_ns() - _COARSE
        self._seen = 0
        self._checked: set[str] = set()
        self._times: dict[str, int] = {}
        self._lock = threading.Lock()

    async def check(self, subdir_urls: Iterable[str], fetch: Fetch) -> None:
        """Check every shard that is new in the cache and listed below one of these addresses.

        Raises ShardsWrong, and FetchFailed where a server does not give what it lists.
        """
        with self._lock:
            unchecked, seen = self._unchecked()
            for url in subdir_urls:
                if unchecked:
                    unchecked -= await self._check_subdir(url, unchecked, fetch)
            for name in unchecked:
                self._drop_old(name)
            self._seen = seen

    def _unchecked(self) -> tuple[set[str], int]:
        """The hashes of the shards that nobody has checked yet, or that were written again, and the folder's time.

        A folder that changes while it is read is read again next time.
        """
        try:
            seen = self._shards.stat().st_mtime_ns
            if seen == self._seen:
                return set(), seen
            here = {
                entry.name[:64]: entry.stat().st_mtime_ns
                for entry in os.scandir(self._shards)
                if _SHARD.fullmatch(entry.name)
            }
        except OSError:
            return set(), 0
        if not self._checked and self._file.is_file():
            self._checked.update(self._file.read_text(encoding="ascii", errors="replace").split())
        new = {
            name for name, at in here.items() if self._times.get(name, self._since) < at or name not in self._checked
        }
        self._times.update(here)
        return new, seen

    async def _check_subdir(self, subdir_url: str, hashes: set[str], fetch: Fetch) -> set[str]:
        """Check those of the hashes that one index lists; gives them."""
        try:
            index = _decompressed(await fetch(urljoin(subdir_url, _INDEX)))
        except FetchFailed as error:
            if _MISSING in str(error):
                return set()
            raise
        base = urljoin(subdir_url, _base_url(index))
        listed = {name for name in hashes if bytes.fromhex(name) in index}
        gate = asyncio.Semaphore(_AT_ONCE)

        async def right(name: str) -> bool:
            async with gate:
                return self._is_right(name, await fetch(urljoin(f"{base.rstrip('/')}/", f"{name}.msgpack.zst")))

        names = sorted(listed)
        answers = await asyncio.gather(*(right(name) for name in names))
        self._note(name for name, answer in zip(names, answers, strict=True) if answer)
        wrong = [name for name, answer in zip(names, answers, strict=True) if not answer]
        for name in wrong:
            (self._shards / f"{name}.msgpack").unlink(missing_ok=True)
        if wrong:
            raise ShardsWrong(subdir_url)
        return listed

    def _is_right(self, name: str, data: bytes) -> bool:
        if hashlib.sha256(data).hexdigest() != name:
            return False
        try:
            return (self._shards / f"{name}.msgpack").read_bytes() == _decompressed(data)
        except (OSError, FetchFailed):
            return False

    def _note(self, names: Iterable[str]) -> None:
        """Write down what was checked: one line each, so that several processes may do so at once."""
        lines = sorted(names)
        self._checked.update(lines)
        try:
            with self._file.open("a", encoding="ascii") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError:
            return

    def _drop_old(self, name: str) -> None:
        """A shard that no list names and nobody checked is of no use; a young one may be another process's."""
        path = self._shards / f"{name}.msgpack"
        try:
            if time.time() - path.stat().st_mtime > _LEFT_SECONDS:
                path.unlink()
        except OSError:
            return


def _base_url(index: bytes) -> str:
    """The address of the shards, as the index has it: a msgpack string after its key."""
    start = index.find(_BASE) + len(_BASE)
    if start < len(_BASE):
        return ""
    kind = index[start]
    if 0xA0 <= kind <= 0xBF:
        start, length = start + 1, kind & 0x1F
    elif kind == 0xD9:
        start, length = start + 2, index[start + 1]
    else:
        start, length = start + 3, int.from_bytes(index[start + 1 : start + 3], "big")
    return index[start : start + length].decode("utf-8", "replace")


def _decompressed(data: bytes) -> bytes:
    """The contents of a Zstandard frame. Raises FetchFailed where it is none, or a bomb."""
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            found = reader.read(_MOST_BYTES)
    except zstandard.ZstdError as error:
        raise FetchFailed(f"failed to decode zstd: {error}") from None
    if len(found) == _MOST_BYTES:
        raise FetchFailed("failed to decode zstd: it is too large")
    return found
