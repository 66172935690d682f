"""The virtual packages of a target; never those of the machine that composes (law 1)."""

from __future__ import annotations

from envcompose.model.record import VirtualPackage


def target_virtuals(subdir: str, *, glibc: str, cuda: str | None) -> tuple[VirtualPackage, ...]:
    """What a solve for linux may count on: pixi's defaults (facts: pixi.md §9.3), the glibc, and a driver where stated."""
    arch = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}.get(subdir, subdir.partition("-")[2])
    found = [
        VirtualPackage(name="__unix", version="0"),
        VirtualPackage(name="__linux", version="4.18"),
        VirtualPackage(name="__glibc", version=glibc),
        VirtualPackage(name="__archspec", version="0", build=arch),
    ]
    if cuda is not None:
        found.insert(0, VirtualPackage(name="__cuda", version=cuda))
    return tuple(found)
