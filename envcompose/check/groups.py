"""Environments that are solved together must be locked alike, and conda must want what only PyPI uses (pixi.md §9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from envcompose.check.verdict import Reason
from envcompose.check.walk import Walked
from envcompose.manifest.lock import LockFile
from envcompose.manifest.workspace import Environment, Workspace
from envcompose.manifest.workspace_views import platforms_of

Target = tuple[str, str]


def check_groups(
    workspace: Workspace, lock: LockFile, walked: Mapping[Target, Walked], stale: Set[Target]
) -> Iterator[Reason]:
    """Reasons that show only when environments are looked at together."""
    left = dict(walked)
    groups = _groups(workspace)
    for name, members in groups.items():
        for platform in _platforms(workspace, members):
            found = []
            for member in members:
                one = left.pop((member.name, platform), None)
                if one is None:
                    break  # That environment is stale already, and the group with it.
                found.append(one)
            else:
                yield from _only_by_pypi(found, f"the solve group {name}", platform)
    for (environment, platform), one in left.items():
        yield from _only_by_pypi([one], environment, platform)
    for name, members in groups.items():
        yield from _unlike(workspace, lock, name, members, stale)


def _groups(workspace: Workspace) -> Mapping[str, list[Environment]]:
    groups: dict[str, list[Environment]] = {}
    for environment in workspace.environments:
        if environment.solve_group is not None:
            groups.setdefault(environment.solve_group, []).append(environment)
    return groups


def _platforms(workspace: Workspace, members: list[Environment]) -> list[str]:
    names = {platform.name: None for member in members for platform in platforms_of(workspace, member)}
    return list(names)


def _only_by_pypi(found: list[Walked], where: str, platform: str) -> Iterator[Reason]:
    wanted = frozenset().union(*(one.by_conda for one in found))
    for name in sorted(frozenset().union(*(one.by_pypi for one in found)) - wanted):
        yield Reason(
            code="conda-for-pypi-only",
            text=f"{name} is locked as a conda package, and only PyPI requirements ask for it",
            environment=where,
            platform=platform,
            package=name,
        )
        return


def _unlike(
    workspace: Workspace, lock: LockFile, group: str, members: list[Environment], stale: Set[Target]
) -> Iterator[Reason]:
    """Packages of one name from different places in environments of one solve group."""
    locked = {environment.name: environment for environment in lock.environments}
    for platform in _platforms(workspace, members):
        known: dict[tuple[type, str], str] = {}
        for member in members:
            if (member.name, platform) in stale:
                break
            found = locked[member.name].packages.get(platform, ()) if member.name in locked else ()
            unlike = next((one for one in found if known.setdefault((type(one), one.name), one.url) != one.url), None)
            if unlike is not None:
                yield Reason(
                    code="group-unlike",
                    text=f"{unlike.name} is locked differently in environments that are solved together",
                    environment=f"the solve group {group}",
                    platform=platform,
                    package=unlike.name,
                )
                break
