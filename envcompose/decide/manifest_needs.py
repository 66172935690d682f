"""Which pixi a manifest needs, by what it uses (facts: pixi.md §1.7)."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import Version

from envcompose.errors import PixiTooOld
from envcompose.model.composition import SystemLayer
from envcompose.model.intent import Intent

DEFAULT_GLIBC = "2.28"

_BARE = ("0.51", "the oldest pixi that envcompose writes manifests for")
_CONSTRAINTS = ("0.66", "the table [constraints]")
_BUILD_CACHE = ("0.70.2", "a build cache that knows the conda environment")
_LOCK = ("0.70.2", "a lock file of version 7")
_RICH_PLATFORM = ("0.72.2", "a platform with virtual packages")


def pixi_floor(
    intent: Intent, system: SystemLayer, no_build_isolation: Sequence[str], glibc: str, *, locks: bool = False
) -> str:
    """The lowest pixi that the manifest is valid for, or the user's own floor above it. Raises PixiTooOld.

    With a lock of ours only where the user names no lower pixi (see `reads_lock`).
    """
    floors = [_BARE]
    if system.constraints:
        floors.append(_CONSTRAINTS)
    if no_build_isolation:
        floors.append(_BUILD_CACHE)
    if locks and reads_lock(intent):
        floors.append(_LOCK)
    if rich_platform(system, glibc):
        floors.append(_RICH_PLATFORM)
    needed, why = max(floors, key=lambda floor: Version(floor[0]))
    asked = intent.wishes.requires_pixi
    if asked is None:
        return needed
    if asked < Version(needed):
        raise PixiTooOld(asked=str(asked), needed=needed, why=why)
    return str(asked)


def reads_lock(intent: Intent) -> bool:
    """Does every pixi that the user wants to serve read the lock that is written here?"""
    asked = intent.wishes.requires_pixi
    return asked is None or asked >= Version(_LOCK[0])


def rich_platform(system: SystemLayer, glibc: str) -> bool:
    """Must the platform carry virtual packages? Only for a conda package that asks for `__cuda`, or another glibc."""
    return system.needs_driver or glibc != DEFAULT_GLIBC
