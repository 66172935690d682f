"""Environment markers as the resolver inside pixi evaluates them: with a set of extras at once.

packaging evaluates a marker for one extra; in a lock file the extras of one requirement hold together, so that
`extra != 'opt'` is false once `opt` is among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from envcompose.manifest.marker_reading import VERSION_KEYS, Comparison, Joined, Marker


def holds(marker: Marker | None, environment: Mapping[str, str] | None, extras: frozenset[str]) -> bool:
    """Whether a marker holds for an environment and a set of extras; None always holds.

    Without an environment (no Python is locked) everything but the extras counts as true, as in pixi.
    """
    if marker is None:
        return True
    if isinstance(marker, Joined):
        answers = (holds(part, environment, extras) for part in marker.parts)
        return all(answers) if marker.word == "and" else any(answers)
    if marker.key == "extra":
        return (marker.value in extras) == (marker.operator == "==")
    if environment is None:
        return True
    if marker.key in VERSION_KEYS:
        return _version_holds(marker, environment[marker.key])
    return _text_holds(marker, environment[marker.key])


def _text_holds(marker: Comparison, found: str) -> bool:
    value = str(marker.value)
    answers = {
        "==": found == value,
        "!=": found != value,
        "<": found < value,
        "<=": found <= value,
        ">": found > value,
        ">=": found >= value,
        "in": found in value,
        "not in": found not in value,
        "contains": value in found,
        "not contains": value not in found,
    }
    return answers[marker.operator]


def _version_holds(marker: Comparison, text: str) -> bool:
    found = _version(text)
    wanted = marker.value
    if found is None:
        return True
    if isinstance(wanted, tuple):
        return (found in wanted) == (marker.operator == "in")
    assert isinstance(wanted, Version)
    length = len(wanted.release)
    if marker.star:
        padded = (*found.release, *[0] * length)[:length]
        return (padded == wanted.release) == (marker.operator == "==")
    answers = {
        "==": found == wanted,
        "!=": found != wanted,
        "<": found < wanted,
        "<=": found <= wanted,
        ">": found > wanted,
        ">=": found >= wanted,
        "~=": found >= wanted and found.release[: length - 1] == wanted.release[:-1],
    }
    return answers[marker.operator]


@lru_cache(maxsize=256)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def marker_environment(subdir: str, python: str, major_minor: tuple[int, int]) -> Mapping[str, str]:
    """What a CPython of this version is on a subdir; raises KeyError for a subdir that pixi knows no markers for."""
    sys_platform, platform_system, os_name = _SYSTEMS[subdir.partition("-")[0]]
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": os_name,
        "platform_machine": _MACHINES.get(subdir, ""),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": platform_system,
        "platform_version": "",
        "python_full_version": python,
        "python_version": f"{major_minor[0]}.{major_minor[1]}",
        "sys_platform": sys_platform,
    }


_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "osx": ("darwin", "Darwin", "posix"),
    "win": ("win32", "Windows", "nt"),
}
_MACHINES = {
    "linux-32": "i386",
    "linux-64": "x86_64",
    "linux-aarch64": "aarch64",
    "linux-armv6l": "armv6l",
    "linux-armv7l": "armv7l",
    "linux-ppc64le": "ppc64le",
    "linux-ppc64": "ppc64",
    "linux-s390x": "s390x",
    "linux-riscv32": "riscv32",
    "linux-riscv64": "riscv64",
    "osx-64": "x86_64",
    "osx-arm64": "arm64",
    "win-32": "x86",
    "win-64": "AMD64",
    "win-arm64": "ARM64",
}
