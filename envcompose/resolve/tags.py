"""Which wheels fit the target (PEP 425, 600), by plain dictionary look-ups: pages hold thousands of file names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from packaging.tags import compatible_tags, cpython_tags

from envcompose.model.distribution import PackageFile

_LEGACY = {17: "manylinux2014_x86_64", 12: "manylinux2010_x86_64", 5: "manylinux1_x86_64"}


@lru_cache(maxsize=32)
def wheel_ranks(python: str, glibc: str) -> Mapping[str, int]:
    """Every tag that fits CPython `python` on x86_64 Linux with this glibc, and its rank; the best is 0."""
    version = tuple(int(part) for part in python.split("."))
    platforms = linux_platforms(glibc)
    tags = [
        *cpython_tags(version, platforms=platforms),
        *compatible_tags(version, f"cp{version[0]}{version[1]}", platforms),
    ]
    return {str(tag): rank for rank, tag in enumerate(dict.fromkeys(tags))}


def linux_platforms(glibc: str) -> list[str]:
    """The platform tags of x86_64 Linux with this glibc, best first."""
    platforms = []
    for minor in range(int(glibc.split(".")[1]), 4, -1):
        platforms.append(f"manylinux_2_{minor}_x86_64")
        if minor in _LEGACY:
            platforms.append(_LEGACY[minor])
    return [*platforms, "linux_x86_64"]


def wheel_tags(filename: str) -> list[str]:
    """The tags of a wheel's file name, expanded."""
    interpreters, abis, platforms = filename[:-4].split("-")[-3:]
    return [f"{i}-{a}-{p}" for i in interpreters.split(".") for a in abis.split(".") for p in platforms.split(".")]


def best_wheel(files: Sequence[PackageFile], ranks: Mapping[str, int]) -> PackageFile | None:
    """The wheel that fits best, or None; equal ranks go to the later file name (a higher build tag)."""
    best: tuple[int, str] | None = None
    chosen = None
    for file in files:
        rank = _rank(file.filename, ranks) if file.is_wheel else None
        if rank is not None and (best is None or (-rank, file.filename) > best):
            best, chosen = (-rank, file.filename), file
    return chosen


def _rank(filename: str, ranks: Mapping[str, int]) -> int | None:
    """The rank of a wheel's best tag; most names hold one tag only."""
    interpreter, abi, platform = filename[:-4].rsplit("-", 3)[1:]
    if "." not in interpreter and "." not in abi and "." not in platform:
        return ranks.get(f"{interpreter}-{abi}-{platform}")
    return min((ranks[tag] for tag in wheel_tags(filename) if tag in ranks), default=None)


def is_pure(filename: str) -> bool:
    """Does a wheel's file name promise that nothing compiled is inside?"""
    return filename.endswith("-none-any.whl")
