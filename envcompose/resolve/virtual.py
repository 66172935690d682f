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
        # A lock calls it 0; conda's own packages ask for version 1 (CEP 30).
        VirtualPackage(name="__archspec", version="1", build=arch),
    ]
    if cuda is not None:
        found.insert(0, VirtualPackage(name="__cuda", version=cuda))
    return tuple(found)


_TOLD = {
    "__cuda": "a driver that shows CUDA",
    "__glibc": "glibc",
    "__linux": "a Linux kernel",
    "__archspec": "a processor of",
}


def told_virtual(spec: str) -> str:
    """A match spec for people: a virtual package by what it stands for."""
    name, _, rest = spec.partition(" ")
    bound = "" if rest.strip() in ("", "*") else f" {rest.strip()}"
    return f"{_TOLD[name]}{bound}" if name in _TOLD else spec
