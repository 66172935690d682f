"""pixi's verdict on a lock file, without pixi: would it take the lock as it is, solve again, or fail to read it?

The rules are those of pixi 0.77, from its public source and from running it on hundreds of locks (facts: pixi.md §9.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from envcompose.check.environment import Disk, check_environment
from envcompose.check.groups import check_groups
from envcompose.check.locations import is_distribution
from envcompose.check.lock_platforms import aligned, locked_platform
from envcompose.check.requirements import parse_wanted
from envcompose.check.verdict import Reason, Standing, Unmet, Verdict
from envcompose.check.walk import Walk, Walked
from envcompose.errors import LockInvalid, LockUnsupported
from envcompose.manifest.lock import Locked, LockedConda, LockedPypi, LockEnvironment, LockFile, OtherLockVersion
from envcompose.manifest.requirement_parts import RequirementInvalid
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import Environment, Platform, Workspace
from envcompose.manifest.workspace_platforms import bare_platform
from envcompose.manifest.workspace_views import View, all_platforms, features_of, platforms_of, view_of
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles

Entry = TypeVar("Entry", LockedConda, LockedPypi)

Target = tuple[str, str]
"""The names of an environment and of a platform of the manifest."""


def judge(
    workspace: Workspace,
    lock_text: str,
    files: TextFiles,
    *,
    default_index: str,
    path: str = "pixi.lock",
    root: str | None = None,
    now: datetime | None = None,
) -> Verdict:
    """pixi's verdict on a lock for a workspace, with the first reason for each environment and platform.

    `files` are asked for projects that the manifest names by path, below `root` (by default the manifest's folder).
    `default_index` is the address of PyPI's simple index. Without `now`, an `exclude-newer` that is a duration is
    not judged. Raises LockUnsupported for conda packages that pixi builds from source, and for packages under
    development (`[dev]`): what they need is known to their build backends alone.
    """
    # Only what is given as text is read: a lock of our own is judged by its values, and reading costs start-up.
    from envcompose.manifest.lock_reading import read_lock

    try:
        lock = read_lock(lock_text, path)
        if isinstance(lock, OtherLockVersion):
            text = f"its format has version {lock.version}, and pixi writes version 7"
            return Verdict(standing=Standing.STALE, reasons=(Reason(code="lock-version", text=text),))
    except LockInvalid as error:
        return _unreadable(error)
    return judge_values(workspace, lock, files, default_index=default_index, path=path, root=root, now=now)


def judge_values(
    workspace: Workspace,
    lock: LockFile,
    files: TextFiles,
    *,
    default_index: str,
    path: str = "pixi.lock",
    root: str | None = None,
    now: datetime | None = None,
) -> Verdict:
    """pixi's verdict on a lock of these values, as `judge` gives it for their text."""
    try:
        _check_requirements(lock, path)
    except LockInvalid as error:
        return _unreadable(error)
    _check_development(workspace)
    folder = workspace.path.rpartition("/")[0] if root is None else root
    judging = _Judging(
        workspace=workspace,
        lock=aligned(with_indexes(lock, parse_url(default_index)), all_platforms(workspace)),
        disk=Disk(files=files, root=folder),
        default_index=parse_url(default_index),
        now=now,
    )
    reasons = tuple(judging.reasons())
    return Verdict(standing=Standing.STALE if reasons else Standing.UP_TO_DATE, reasons=reasons)


def _unreadable(error: LockInvalid) -> Verdict:
    reason = Reason(code="lock-unreadable", text=error.sentence, line=error.line)
    return Verdict(standing=Standing.ERROR, reasons=(reason,))


def _check_development(workspace: Workspace) -> None:
    for environment in workspace.environments:
        for feature in features_of(workspace, environment):
            names = [name for target in feature.targets for name in target.dev]
            if names:
                what = f"packages under development ([dev]: {', '.join(names)})"
                raise LockUnsupported(path=workspace.path, what=what, line=1)


def _check_requirements(lock: LockFile, path: str) -> None:
    """Whether the addresses in `requires_dist` are URLs. Raises LockInvalid with the line of the package."""
    for package in lock.packages:
        texts = package.requires_dist if isinstance(package, LockedPypi) else ()
        for text in (text for text in texts if "@" in text):
            try:
                parse_wanted(text)
            except RequirementInvalid as error:
                reason = f"{package.name}: {error}"
                raise LockInvalid(path=path, reason=reason, line=lock.lines.get(package.url)) from error


def with_indexes(lock: LockFile, default_index: str) -> LockFile:
    """The lock with its index addresses in normal form, and an index on every file that names none.

    That is the first of its environment's; an entry that several environments share takes it from the first of them
    by name, as in pixi. Indexes of which one is no URL count as absent.
    """
    environments = [_normal_indexes(one) for one in lock.environments]
    first: dict[str, str] = {}
    for environment in sorted(environments, key=lambda one: one.name):
        for found in environment.packages.values():
            for package in found:
                first.setdefault(package.url, environment.indexes[0] if environment.indexes else default_index)

    def filled(package: Locked) -> Locked:
        if isinstance(package, LockedPypi) and package.index is None and is_distribution(package):
            return replace(package, index=first[package.url])
        return package

    return replace(
        lock,
        environments=tuple(
            replace(one, packages={name: tuple(map(filled, found)) for name, found in one.packages.items()})
            for one in environments
        ),
    )


def _normal_indexes(environment: LockEnvironment) -> LockEnvironment:
    try:
        indexes = None if environment.indexes is None else tuple(parse_url(url) for url in environment.indexes)
        links = tuple((kind, parse_url(value) if kind == "url" else value) for kind, value in environment.find_links)
    except ValueError:
        indexes, links = None, ()
    return replace(environment, indexes=indexes, find_links=links)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    workspace: Workspace
    lock: LockFile
    disk: Disk
    default_index: str
    now: datetime | None

    def reasons(self) -> Iterator[Reason]:
        """All reasons against the lock, in the order of the manifest."""
        locked = {environment.name: environment for environment in self.lock.environments}
        walked: dict[Target, Walked] = {}
        stale: set[Target] = set()
        for environment in self.workspace.environments:
            platforms = platforms_of(self.workspace, environment)
            for reason in self._environment(environment, platforms, locked.get(environment.name), walked):
                names = [platform.name for platform in platforms] if reason.platform is None else [reason.platform]
                stale |= {(environment.name, name) for name in names}
                yield reason
        yield from check_groups(self.workspace, self.lock, walked, stale)
        known = {environment.name for environment in self.workspace.environments}
        for name in locked:
            if name not in known:
                yield Reason(
                    code="environment-surplus", text="it is locked, and the manifest has it no more", environment=name
                )

    def _environment(
        self,
        environment: Environment,
        platforms: Sequence[Platform],
        locked: LockEnvironment | None,
        walked: dict[Target, Walked],
    ) -> Iterator[Reason]:
        name = environment.name
        if locked is None:
            yield Unmet("environment-missing", "it is not locked").at(name)
            return
        try:
            check_environment(
                self.workspace,
                # What is checked here is the same on every platform, and for an environment that has none.
                view_of(self.workspace, environment, platforms[0] if platforms else bare_platform("noarch")),
                platforms,
                self.lock,
                locked,
                disk=self.disk,
                default_index=self.default_index,
                now=self.now,
            )
        except Unmet as unmet:
            yield unmet.at(name)
            return
        for platform in platforms:
            try:
                walked[name, platform.name] = self._walk(view_of(self.workspace, environment, platform), locked)
            except Unmet as unmet:
                yield unmet.at(name, platform.name)

    def _walk(self, view: View, locked: LockEnvironment) -> Walked:
        platform = locked_platform(self.lock, view.platform)
        packages = locked.packages.get(platform.name, ()) if platform is not None else ()
        # conda names are the same in any case; PyPI names have been normalised.
        records = [replace(one, name=one.name.lower()) for one in packages if isinstance(one, LockedConda)]
        pypi = [package for package in packages if isinstance(package, LockedPypi)]
        if view.has_pypi and not pypi and all(record.purls is None for record in records):
            raise Unmet("purls-missing", "no record says which PyPI packages it stands for")
        links = [value for kind, value in locked.find_links if kind == "url"]
        return Walk(
            view=view,
            conda=_by_name(records),
            pypi=_by_name(pypi),
            indexes=(*(locked.indexes or ()), *links) or (self.default_index,),
            files=self.disk.files,
            root=self.disk.root,
        ).go()


def _by_name(packages: Sequence[Entry]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for package in packages:
        known = found.setdefault(package.name, package)
        if known.url != package.url:
            raise Unmet("locked-twice", f"{package.name} is locked twice", package.name)
    return found
