"""What a new lock has that the one before had not: packages that came, went or changed, by environment and platform."""

from __future__ import annotations

from collections.abc import Mapping

from envcompose.check.lock_platforms import aligned
from envcompose.manifest.lock import Locked, LockedConda, LockFile
from envcompose.manifest.lock_platforms import lock_platform_names
from envcompose.manifest.workspace import Workspace
from envcompose.manifest.workspace_views import all_platforms
from envcompose.model.moved import Entry, Moved
from envcompose.model.target import Layer

Key = tuple[str, Layer]


def moved_between(before: LockFile, after: LockFile, workspace: Workspace) -> tuple[Moved, ...]:
    """All packages that are not in both locks as the same file: by environment, platform and name.

    A platform has the manifest's name where it is the manifest's, else the one that its lock gives it.
    """
    old, new = _by_target(before, workspace), _by_target(after, workspace)
    found: list[Moved] = []
    for target in sorted({*old, *new}):
        found += _moved(target, old.get(target, {}), new.get(target, {}))
    return tuple(found)


def _moved(target: tuple[str, str], old: Mapping[Key, Locked], new: Mapping[Key, Locked]) -> list[Moved]:
    pairs: dict[str, list[tuple[Entry | None, Entry | None]]] = {}
    for name, layer in sorted({*old, *new}):
        before, after = old.get((name, layer)), new.get((name, layer))
        if before is None or after is None or _differ(before, after):
            pairs.setdefault(name, []).append((_entry(before), _entry(after)))
    environment, platform = target
    return [
        Moved(environment=environment, platform=platform, name=name, before=before, after=after)
        for name, some in pairs.items()
        for before, after in _across_layers(some)
    ]


def _differ(before: Locked, after: Locked) -> bool:
    """Is it another file? A hash that only one of them knows tells nothing."""
    if (before.url, before.version) != (after.url, after.version):
        return True
    return None not in (before.sha256, after.sha256) and before.sha256 != after.sha256


def _across_layers(pairs: list[tuple[Entry | None, Entry | None]]) -> list[tuple[Entry | None, Entry | None]]:
    """One that left a layer and came to the other has changed."""
    gone = [before for before, after in pairs if after is None]
    come = [after for before, after in pairs if before is None]
    return [(gone[0], come[0])] if len(pairs) == 2 and gone and come else pairs


def _by_target(lock: LockFile, workspace: Workspace) -> dict[tuple[str, str], dict[Key, Locked]]:
    platforms = all_platforms(workspace)
    names = {
        lock_name: name
        for name, lock_name in lock_platform_names([(one.name, one.subdir) for one in platforms]).items()
    }
    found: dict[tuple[str, str], dict[Key, Locked]] = {}
    for environment in aligned(lock, platforms).environments:
        for platform, packages in environment.packages.items():
            own = found.setdefault((environment.name, names.get(platform, platform)), {})
            own.update({(package.name, _layer(package)): package for package in packages})
    return found


def _layer(package: Locked) -> Layer:
    return Layer.SYSTEM if isinstance(package, LockedConda) else Layer.PYPI


def _entry(package: Locked | None) -> Entry | None:
    if package is None:
        return None
    return Entry(
        layer=_layer(package),
        version=package.version,
        build=package.build if isinstance(package, LockedConda) else None,
        url=package.url,
        sha256=package.sha256,
    )
