"""Which wheels fit the target (PEP 425, 600), by plain dictionary look-ups: pages hold thousands of file names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from packaging.tags import compatible_tags, cpython_tags, mac_platforms

from envcompose.model.distribution import PackageFile
from envcompose.model.values import dataclass

_MACHINES = {"64": "x86_64", "aarch64": "aarch64", "arm64": "arm64", "ppc64le": "ppc64le", "riscv64": "riscv64"}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_BUILD = re.compile(r"(\d+)(.*)", re.ASCII)
_OLDEST = {"x86_64": 5, "riscv64": 31}
"""The oldest glibc with wheels for a machine (2.17 where nothing else is said)."""
_WINDOWS = {"win-32": "win32", "win-64": "win_amd64", "win-arm64": "win_arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlatform:
    """What wheels have to fit beside the Python: a conda subdir, and the version of its glibc or of its macOS."""

    subdir: str = "linux-64"
    system: str = "2.28"
    """The glibc of Linux or the release of macOS; nothing is asked of it on Windows."""
    free_threaded: bool = False

    def tags(self) -> tuple[str, ...]:
        """The platform tags that fit, best first; none where wheels know no such platform."""
        family, _, architecture = self.subdir.partition("-")
        machine = _MACHINES.get(architecture)
        if family == "linux" and machine is not None:
            return tuple(linux_platforms(self.system, machine))
        if family == "osx" and machine in ("x86_64", "arm64"):
            major, _, minor = self.system.partition(".")
            return tuple(mac_platforms((int(major), int(minor.split(".")[0] or 0)), machine))
        return (_WINDOWS[self.subdir],) if self.subdir in _WINDOWS else ()


@lru_cache(maxsize=32)
def wheel_ranks(python: str, glibc: str) -> Mapping[str, int]:
    """Every tag that fits CPython `python` on x86_64 Linux with this glibc, and its rank; the best is 0."""
    return platform_ranks(python, WheelPlatform(system=glibc))


@lru_cache(maxsize=32)
def platform_ranks(python: str, platform: WheelPlatform) -> Mapping[str, int]:
    """Every tag that fits CPython `python` on a platform, and its rank; the best is 0."""
    version = tuple(int(part) for part in python.split(".")[:2])
    platforms = platform.tags()
    interpreter = f"cp{version[0]}{version[1]}"
    # Named here, as packaging would else look at the interpreter that runs this.
    abi = f"{interpreter}t" if platform.free_threaded else f"{interpreter}m" if version < (3, 8) else interpreter
    tags = [*cpython_tags(version, [abi], platforms), *compatible_tags(version, interpreter, platforms)]
    return {str(tag): rank for rank, tag in enumerate(dict.fromkeys(tags))}


def linux_platforms(glibc: str, machine: str = "x86_64") -> list[str]:
    """The platform tags of Linux on a machine with this glibc, best first."""
    platforms = []
    for minor in range(int(glibc.split(".")[1]), _OLDEST.get(machine, 17) - 1, -1):
        platforms.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY:
            platforms.append(f"{_LEGACY[minor]}_{machine}")
    return [*platforms, f"linux_{machine}"]


@lru_cache(maxsize=1 << 14)
def _expanded(interpreters: str, abis: str, platforms: str) -> tuple[str, ...]:
    """The tags that a wheel's compressed tags stand for; few are in use, by thousands of files."""
    return tuple(f"{i}-{a}-{p}" for i in interpreters.split(".") for a in abis.split(".") for p in platforms.split("."))


def best_wheel(files: Sequence[PackageFile], ranks: Mapping[str, int]) -> PackageFile | None:
    """The wheel that fits best, or None; equal ranks go to the higher build tag, then to the later file name."""
    best: list[PackageFile] = []
    least: int | None = None
    for file in files:
        rank = _rank(file.filename, ranks) if file.filename.endswith(".whl") else None
        if rank is None or (least is not None and rank > least):
            continue
        if rank != least:
            best, least = [], rank
        best.append(file)
    if len(best) < 2:
        return best[0] if best else None
    return max(best, key=lambda file: (_build_tag(file.filename), file.filename))


def _build_tag(filename: str) -> tuple[int, str]:
    """The build tag in its order: none first, then by its leading number, then by the rest (binary distribution format)."""
    parts = filename[:-4].split("-")
    match = _BUILD.fullmatch(parts[2]) if len(parts) == 6 else None
    return (int(match[1]), match[2]) if match else (-1, "")


def _rank(filename: str, ranks: Mapping[str, int]) -> int | None:
    """The rank of a wheel's best tag; most names hold one tag only."""
    interpreter, abi, platform = filename[:-4].rsplit("-", 3)[1:]
    if "." not in interpreter and "." not in abi and "." not in platform:
        return ranks.get(f"{interpreter}-{abi}-{platform}")
    return min((ranks[tag] for tag in _expanded(interpreter, abi, platform) if tag in ranks), default=None)


def is_pure(filename: str) -> bool:
    """Does a wheel's file name promise that nothing compiled is inside?"""
    return filename.endswith("-none-any.whl")
