"""What an earlier lock holds for a solve: versions that are taken again where they still fit, as pixi does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from urllib.parse import parse_qsl, urlsplit

from envcompose.lock.goals import Goal
from envcompose.manifest.lock import LockedConda, LockedPypi, LockFile
from envcompose.model.record import CondaRecord
from envcompose.model.values import dataclass

Repository = tuple[str, tuple[str, str] | None]
"""The address of a repository, and the reference that is asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Records, versions by PyPI name, commits by what is asked of a repository, hashes by location."""

    records: tuple[CondaRecord, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    commits: Mapping[Repository, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)


def kept_of(lock: LockFile | None, goal: Goal, names: Mapping[str, str]) -> Kept:
    """What a lock holds for the environments of a goal; `names` are the lock's names of the manifest's platforms."""
    if lock is None:
        return Kept()
    mine = {view.environment for view in goal.views}
    platforms = {goal.platform.name, names[goal.platform.name]}
    locked = [
        package
        for environment in lock.environments
        if environment.name in mine
        for name, packages in environment.packages.items()
        if name in platforms
        for package in packages
    ]
    pypi = [package for package in locked if isinstance(package, LockedPypi)]
    return Kept(
        records=tuple(_record(package) for package in locked if isinstance(package, LockedConda)),
        versions={
            package.name: package.version for package in pypi if package.version and not package.url.startswith("git+")
        },
        commits={_repository(package.url): urlsplit(package.url).fragment for package in pypi if _is_commit(package)},
        hashes={package.url: package.sha256 for package in pypi if package.sha256},
    )


def _is_commit(package: LockedPypi) -> bool:
    return package.url.startswith("git+") and len(urlsplit(package.url).fragment) == 40


def _repository(url: str) -> Repository:
    parts = urlsplit(url.removeprefix("git+"))
    reference = next(((key, value) for key, value in parse_qsl(parts.query) if key in ("branch", "tag", "rev")), None)
    return parts._replace(query="", fragment="").geturl(), reference


def _record(package: LockedConda) -> CondaRecord:
    return CondaRecord(
        name=package.name,
        version=package.version,
        build=package.build,
        build_number=package.build_number,
        subdir=package.subdir,
        # The lock tells files of a channel on disk by their paths.
        url=f"file://{package.url}" if package.url.startswith("/") else package.url,
        channel=package.channel or "",
        file_name=package.url.rpartition("/")[2],
        sha256=package.sha256,
        md5=package.md5,
        depends=package.depends,
        constrains=package.constrains,
    )
