"""Conda's subdirs: what they run on, and the virtual packages that pixi takes for granted on them (pixi.md §1.2, §9.3)."""

from __future__ import annotations

from envcompose.manifest.conda_url import SUBDIRS
from envcompose.model.record import VirtualPackage

_ARCHSPEC = {
    "linux-32": "x86",
    "linux-64": "x86_64",
    "linux-aarch64": "aarch64",
    "linux-armv6l": "aarch64",
    "linux-armv7l": "aarch64",
    "linux-loongarch64": "loongarch64",
    "linux-ppc64le": "ppc64le",
    "linux-ppc64": "ppc64",
    "linux-ppc": "ppc",
    "linux-s390x": "s390x",
    "linux-riscv32": "riscv32",
    "linux-riscv64": "riscv64",
    "osx-64": "x86_64",
    "osx-arm64": "m1",
    "win-32": "x86",
    "win-64": "x86_64",
    "win-arm64": "aarch64",
}
__all__ = ["FAMILIES", "SUBDIRS", "default_virtual", "is_linux", "is_osx", "is_unix", "is_windows", "of_family"]

FAMILIES = frozenset({"linux", "unix", "win", "osx", "macos"})


def is_linux(subdir: str) -> bool:
    """Whether packages of a subdir run on Linux."""
    return subdir.startswith("linux-")


def is_osx(subdir: str) -> bool:
    """Whether packages of a subdir run on macOS."""
    return subdir.startswith("osx-")


def is_windows(subdir: str) -> bool:
    """Whether packages of a subdir run on Windows."""
    return subdir.startswith("win-")


def is_unix(subdir: str) -> bool:
    """Whether packages of a subdir run on something like Unix."""
    return subdir.startswith(("linux-", "osx-", "freebsd-", "emscripten-", "ios", "android-"))


def of_family(subdir: str, family: str) -> bool:
    """Whether a subdir belongs to a family such as `unix`."""
    tests = {"linux": is_linux, "unix": is_unix, "win": is_windows, "osx": is_osx, "macos": is_osx}
    return tests[family](subdir)


def default_virtual(subdir: str) -> tuple[VirtualPackage, ...]:
    """The virtual packages that pixi assumes on a subdir, in its order."""
    found = []
    if is_unix(subdir):
        found.append(VirtualPackage(name="__unix", version="0", build="0"))
    if is_linux(subdir):
        found.append(VirtualPackage(name="__linux", version="4.18", build=""))
        found.append(VirtualPackage(name="__glibc", version="2.28", build=""))
    if is_windows(subdir):
        found.append(VirtualPackage(name="__win", version="10.0", build=""))
    if is_osx(subdir):
        found.append(VirtualPackage(name="__osx", version="13.0", build=""))
    if subdir in _ARCHSPEC:
        found.append(VirtualPackage(name="__archspec", version="0", build=_ARCHSPEC[subdir]))
    return tuple(found)
