"""Which platform of a lock belongs to which of the manifest: by name, or by what it is (facts: pixi.md §9.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import LockFile, LockPlatform
from envcompose.manifest.workspace import Platform
from envcompose.manifest.workspace_platforms import customised, is_default
from envcompose.model.record import VirtualPackage
from envcompose.model.values import dataclass


def parse_virtual(text: str) -> VirtualPackage | None:
    """A virtual package as a lock writes it, `__cuda=12.4` or `__archspec=0=x86_64`; None where it is none."""
    name, equals, rest = text.partition("=")
    version, _, build = rest.partition("=")
    try:
        parse_version(version)
    except VersionInvalid:
        return None
    return VirtualPackage(name=name.lower(), version=version, build=build) if equals and name else None


def lock_text_of(package: VirtualPackage) -> str:
    """A virtual package in the form of a lock."""
    return f"{package.name}={package.version}" + (f"={package.build}" if package.build else "")


def locked_customised(platform: LockPlatform) -> tuple[str, ...]:
    """What a locked platform declares beyond pixi's defaults, as it is written."""
    return tuple(
        text
        for text in platform.virtual
        if (package := parse_virtual(text)) is None or not is_default(package, platform.subdir)
    )


def aligned(lock: LockFile, platforms: tuple[Platform, ...]) -> LockFile:
    """The lock with its platforms called as the manifest calls them, where it is clear which is which."""
    renames = _renames(lock, platforms)
    if not renames:
        return lock
    return replace(
        lock,
        platforms=tuple(replace(one, name=renames.get(one.name, one.name)) for one in lock.platforms),
        environments=tuple(
            replace(one, packages={renames.get(name, name): found for name, found in one.packages.items()})
            for one in lock.environments
        ),
    )


def _renames(lock: LockFile, platforms: tuple[Platform, ...]) -> Mapping[str, str]:
    names = {platform.name for platform in platforms}
    locked_names = {platform.name for platform in lock.platforms}
    renames = {}
    for locked in lock.platforms:
        found = [one for one in platforms if one.subdir == locked.subdir and _identity(one) == _locked_identity(locked)]
        if len(found) == 1 and locked.name not in names and found[0].name not in locked_names:
            renames[locked.name] = found[0].name
    return renames if len(set(renames.values())) == len(renames) else {}


@dataclass(frozen=True, slots=True)
class _Part:
    """A virtual package to compare: versions as conda compares them."""

    name: str
    version: object
    build: str


def _identity(platform: Platform) -> list[_Part]:
    return _sorted(customised(platform))


def _locked_identity(platform: LockPlatform) -> list[_Part]:
    packages = [package for text in platform.virtual if (package := parse_virtual(text)) is not None]
    return _sorted(tuple(package for package in packages if not is_default(package, platform.subdir)))


def _sorted(packages: tuple[VirtualPackage, ...]) -> list[_Part]:
    ordered = sorted(packages, key=lambda package: package.name)
    return [_Part(package.name, parse_version(package.version), package.build) for package in ordered]


def locked_platform(lock: LockFile, platform: Platform) -> LockPlatform | None:
    """The locked platform that a platform of the manifest is judged by; None where the lock has none."""
    by_name = {one.name: one for one in lock.platforms}
    if platform.name in by_name:
        return by_name[platform.name]
    candidate = by_name.get(platform.subdir)
    if candidate is None:
        return None
    declared = {lock_text_of(package) for package in platform.virtual}
    return candidate if not candidate.virtual or declared <= set(candidate.virtual) else None
