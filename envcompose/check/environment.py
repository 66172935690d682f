"""What pixi checks of one environment before it looks at packages: channels, platforms, indexes, options, dates."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from envcompose.check.local_projects import is_folder
from envcompose.check.locations import FileKind, joined, kind_of_file, place_of
from envcompose.check.lock_platforms import lock_text_of, locked_customised
from envcompose.check.verdict import Unmet
from envcompose.check.wheel_fit import fitting_tags, tags_of
from envcompose.manifest.channels import channel_url
from envcompose.manifest.conda_url import conda_url_parts
from envcompose.manifest.lock import LockedConda, LockedPypi, LockEnvironment, LockFile
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import Platform, PypiOrigin, PypiWish, Workspace
from envcompose.manifest.workspace_options import is_folder as is_folder_channel
from envcompose.manifest.workspace_platforms import customised
from envcompose.manifest.workspace_views import View, all_platforms, cutoffs_of, wishes_everywhere
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles

_STRATEGIES = {"highest": "highest", "lowest": "lowest-version", "lowest-direct": "lowest-version-direct"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Files beside the manifest; `root` is the manifest's folder."""

    files: TextFiles
    root: str


def check_environment(
    workspace: Workspace,
    view: View,
    platforms: Sequence[Platform],
    lock: LockFile,
    locked: LockEnvironment,
    *,
    disk: Disk,
    default_index: str,
    now: datetime | None,
) -> None:
    """Whether a locked environment was made for what the manifest says of it. Raises Unmet.

    `view` is the environment on any platform, `platforms` are all of its own.
    """
    _check_channels(view, locked, disk.root)
    _check_platforms(platforms, lock, locked)
    wishes = wishes_everywhere(workspace, view.environment)
    if wishes:
        _check_indexes(view, locked, default_index)
        _check_files(workspace, view, lock, locked, wishes, disk)
    _check_options(view, locked)
    _check_dates(workspace, view, locked, now)


def _check_channels(view: View, locked: LockEnvironment, root: str) -> None:
    wanted = [_absolute(channel.url, root) for channel in view.group_channels]
    found = [_locked_channel(text, root) for text in locked.channels]
    if wanted == found:
        return
    if wanted[: len(found)] == found:
        raise Unmet("channels-extended", f"channels were added: {', '.join(wanted[len(found) :])}")
    raise Unmet("channels-differ", f"it was locked from {', '.join(found) or 'no channel'}, not {', '.join(wanted)}")


def _absolute(url: str, root: str) -> str:
    return url if "://" in url else f"file://{posixpath.abspath(posixpath.join(root or '.', url))}/"


def _locked_channel(text: str, root: str) -> str:
    if "://" in text:
        try:
            return parse_url(text).rstrip("/") + "/"
        except ValueError:
            return text
    return _absolute(text, root) if is_folder_channel(text) else channel_url(text)


def _check_platforms(platforms: Sequence[Platform], lock: LockFile, locked: LockEnvironment) -> None:
    mine = {platform.name: platform for platform in platforms}
    subdirs = {platform.subdir for platform in mine.values()}
    described = {platform.name: platform for platform in lock.platforms}
    for name in locked.packages:
        found = described[name]
        if name not in mine and found.subdir not in subdirs:
            raise Unmet("platform-surplus", f"the platform {name} is locked, and the environment does not have it")
    for name in locked.packages:
        found, wanted = described[name], mine.get(name)
        if wanted is None:
            continue
        declared = [lock_text_of(package) for package in customised(wanted)]
        solved_for = list(locked_customised(found))
        if wanted.subdir != found.subdir or Counter(declared) != Counter(solved_for):
            said, was = ", ".join(declared) or "nothing", ", ".join(solved_for) or "nothing"
            raise Unmet("platform-differs", f"the platform {name} declares {said}, and was locked with {was}")


def _check_indexes(view: View, locked: LockEnvironment, default_index: str) -> None:
    """Whether the indexes, in normal form, are those of the manifest, in its order. Raises Unmet."""
    options = view.pypi_options
    wanted = [options.index_url or default_index, *options.extra_index_urls]
    if locked.indexes is None:
        if any(isinstance(package, LockedPypi) for found in locked.packages.values() for package in found):
            raise Unmet("indexes-missing", "the lock does not say its PyPI indexes")
        return
    found = list(locked.indexes)
    if wanted != found:
        raise Unmet("indexes-differ", f"PyPI indexes were {', '.join(found) or 'none'}, and are {', '.join(wanted)}")
    links = [_link(kind, value) for kind, value in options.find_links]
    if links != [_link(kind, value) for kind, value in locked.find_links]:
        raise Unmet("indexes-differ", "find-links are not those that it was locked with")


def _link(kind: str, value: str) -> tuple[str, str]:
    if kind == "url":
        return kind, value
    # Paths are the same where their steps are; a dot in front is a step, others are not.
    steps = [step for step in value.split("/") if step not in ("", ".")]
    front = "/" if value.startswith("/") else "./" if value.startswith("./") or value == "." else ""
    return kind, front + "/".join(steps)


def _check_files(
    workspace: Workspace,
    view: View,
    lock: LockFile,
    locked: LockEnvironment,
    wishes: Mapping[str, tuple[PypiWish, ...]],
    disk: Disk,
) -> None:
    """Sources where only wheels may be, and wheels that do not fit."""
    fitting = _fitting(workspace, lock, locked)
    subdirs = {platform.name: platform.subdir for platform in lock.platforms}
    for name, found in locked.packages.items():
        for package in found:
            if not isinstance(package, LockedPypi):
                continue
            _check_built(package, wishes.get(package.name, ()), view.pypi_options.no_build, disk)
            tags = fitting.get(subdirs[name])
            wheel = tags_of(place_of(package).file_name or "")
            if tags is not None and wheel is not None and not wheel & tags:
                text = f"the locked wheel of {package.name} does not fit the platform: {place_of(package).file_name}"
                raise Unmet("wheel-unfit", text, package.name)


def _fitting(workspace: Workspace, lock: LockFile, locked: LockEnvironment) -> dict[str, frozenset[str]]:
    """The tags that fit, by subdir, for the Python that is locked there."""
    platforms = all_platforms(workspace)
    fitting = {}
    for described in lock.platforms:
        named = [one for one in platforms if one.name == described.name]
        platform = next(iter(named or [one for one in platforms if one.subdir == described.subdir]), None)
        for package in locked.packages.get(described.name, ()):
            if platform is not None and isinstance(package, LockedConda) and package.name == "python":
                tags = fitting_tags(platform, package)
                if tags is not None:
                    fitting[platform.subdir] = tags
    return fitting


def _check_built(
    package: LockedPypi, wishes: tuple[PypiWish, ...], no_build: bool | tuple[str, ...], disk: Disk
) -> None:
    """With `no-build`, everything must be a wheel, but for projects in editable mode."""
    if not no_build:
        return
    place = place_of(package)
    if place.path is not None and wishes and wishes[-1].origin is PypiOrigin.PATH and wishes[-1].editable:
        return
    if place.path is not None:
        folder = is_folder(disk.files, joined(disk.root, place.path))
        kind = FileKind.SDIST if folder else kind_of_file(place.path)
    else:
        kind = FileKind.SDIST if package.url.startswith("git+") else kind_of_file(place.file_name or "")
    if kind is FileKind.OTHER:
        raise Unmet("file-odd", f"{package.name}: {package.url} is neither wheel nor archive", package.name)
    if kind is FileKind.SDIST and (isinstance(no_build, bool) or package.name in no_build):
        raise Unmet("build-forbidden", f"{package.name} would have to be built, and no-build forbids it", package.name)


def _check_options(view: View, locked: LockEnvironment) -> None:
    expected = {
        "strategy": (_STRATEGIES[view.solve_strategy], "highest"),
        "channel-priority": (view.channel_priority.value, "strict"),
        "pypi-prerelease-mode": (view.prerelease_mode.value, "if-necessary-or-explicit"),
    }
    for option, (wanted, default) in expected.items():
        found = locked.options.get(option, default)
        if found != wanted:
            raise Unmet(f"{option}-differs", f"it was locked with {option} {found}, and the manifest says {wanted}")


def _check_dates(workspace: Workspace, view: View, locked: LockEnvironment, now: datetime | None) -> None:
    cutoffs = cutoffs_of(workspace, view.channels, now)
    for found in locked.packages.values():
        for package in found:
            if not isinstance(package, LockedConda) or package.timestamp is None:
                continue
            channel = package.channel or conda_url_parts(package.url).channel
            cutoff = cutoffs.of(package.name, None if channel is None else channel.rstrip("/") + "/")
            if cutoff is not None and package.timestamp > cutoff.timestamp() * 1000:
                text = f"{package.name} {package.version} is newer than exclude-newer {cutoff:%Y-%m-%d %H:%M}"
                raise Unmet("newer-than-allowed", text, package.name)
