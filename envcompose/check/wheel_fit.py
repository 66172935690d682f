"""Whether a locked wheel fits its platform and Python, by the tags that the resolver inside pixi would accept (PEP 425, 600)."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import LockedConda
from envcompose.manifest.match_spec import parse_match_spec
from envcompose.manifest.subdirs import is_linux, is_osx, is_windows
from envcompose.manifest.version_spec import SpecInvalid
from envcompose.manifest.workspace import Platform

_MACHINES = {
    "32": "i686",
    "64": "x86_64",
    "aarch64": "aarch64",
    "armv7l": "armv7l",
    "ppc64le": "ppc64le",
    "ppc64": "ppc64",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "loongarch64": "loongarch64",
    "arm64": "arm64",
}
_OLDEST_MANYLINUX = {"i686": 5, "x86_64": 5, "riscv64": 31, "loongarch64": 36}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_WINDOWS = {"32": "win32", "64": "win_amd64", "arm64": "win_arm64"}


def fitting_tags(platform: Platform, python: LockedConda) -> frozenset[str] | None:
    """All tags that fit; None where nothing is known about them (an odd platform, Python or libc)."""
    try:
        version = parse_version(python.version).major_minor
    except VersionInvalid:
        return None
    platforms = _platforms(platform)
    if version is None or platforms is None:
        return None
    return _tags(version, _is_free_threaded(python), platforms)


@lru_cache(maxsize=64)
def _tags(version: tuple[int, int], free_threaded: bool, platforms: tuple[str, ...]) -> frozenset[str]:
    interpreter = f"cp{version[0]}{version[1]}"
    abis = [f"{interpreter}t"] if free_threaded else [interpreter]
    tags = [*cpython_tags(version, abis, platforms), *compatible_tags(version, interpreter, platforms)]
    return frozenset(str(tag) for tag in tags)


def _is_free_threaded(python: LockedConda) -> bool:
    for text in python.depends:
        if not text.startswith("python_abi"):
            continue
        try:
            build = parse_match_spec(text).build
        except SpecInvalid:
            continue
        if build is not None and re.search(r"cp\d{3}t", build.text):
            return True
    return False


def _platforms(platform: Platform) -> tuple[str, ...] | None:
    architecture = platform.subdir.partition("-")[2]
    machine = _MACHINES.get(architecture)
    if machine is None:
        return None
    if is_linux(platform.subdir):
        return _linux(platform, machine)
    if is_windows(platform.subdir):
        return (_WINDOWS[architecture],) if architecture in _WINDOWS else None
    if is_osx(platform.subdir):
        version = _virtual(platform, ("__osx",))
        if version is None:
            return None
        return tuple(mac_platforms(version[1], machine))
    return None


def _virtual(platform: Platform, names: tuple[str, ...]) -> tuple[str, tuple[int, int]] | None:
    for package in platform.virtual:
        if package.name in names:
            version = parse_version(package.version)
            major = version.segments[0][0][1]
            return package.name, version.major_minor or ((major, 0) if package.name == "__osx" else (0, 0))
    return None


def _linux(platform: Platform, machine: str) -> tuple[str, ...] | None:
    found = _virtual(platform, ("__glibc", "__musl", "__eglibc"))
    if found is None or found[1] == (0, 0):
        return None
    name, (major, minor) = found
    if name == "__musl":
        return (*(f"musllinux_{major}_{one}_{machine}" for one in range(minor, -1, -1)), f"linux_{machine}")
    platforms = []
    for one in range(minor, _OLDEST_MANYLINUX.get(machine, 17) - 1, -1):
        platforms.append(f"manylinux_{major}_{one}_{machine}")
        if one in _LEGACY:
            platforms.append(f"{_LEGACY[one]}_{machine}")
    return (*platforms, f"linux_{machine}")


@lru_cache(maxsize=8192)
def tags_of(file_name: str) -> frozenset[str] | None:
    """The tags of a wheel's file name, letters as they stand there; None where it is no wheel's name."""
    try:
        parse_wheel_filename(file_name)
    except (InvalidWheelFilename, ValueError):
        return None
    interpreters, abis, platforms = (part.split(".") for part in file_name[:-4].split("-")[-3:])
    return frozenset(f"{i}-{a}-{p}" for i in interpreters for a in abis for p in platforms)
