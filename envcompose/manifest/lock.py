"""pixi.lock (format version 7) as typed values; `lock_text` writes them, `lock_reading` reads them.

Source of the form: facts/pixi.md §9.3, established by running pixi 0.77 on lock files made this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from envcompose.model.values import dataclass

LOCK_VERSION = 7
"""The version of the format that is read and written; pixi has written it since 0.70."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPlatform:
    """One platform of the lock. `virtual` holds `name=version` or `name=version=build` texts in pixi's order."""

    name: str
    subdir: str
    virtual: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedConda:
    """One conda record of the lock. What follows from the URL (name, version, build, subdir) is filled in when read.

    `url` is a path for a package of a `file://` channel (see `conda_location`). `channel` and `file_name` are None where
    they are what the URL says, and a channel of "" is that of a dependency by URL: none. `noarch` is `generic`, `python` or None. `purls` is None where the key is absent (pixi then
    takes the same name on conda-forge), empty for "no PyPI name". `run_exports` is None where they are not known.
    `size` is in bytes, `timestamp` in milliseconds since 1970.
    """

    url: str
    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    noarch: str | None = None
    sha256: str | None = None
    md5: str | None = None
    legacy_bz2_md5: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channel: str | None = None
    features: str | None = None
    flags: tuple[str, ...] = ()
    track_features: tuple[str, ...] = ()
    file_name: str | None = None
    license: str | None = None
    license_family: str | None = None
    purls: tuple[str, ...] | None = None
    run_exports: Mapping[str, tuple[str, ...]] | None = None
    size: int | None = None
    legacy_bz2_size: int | None = None
    timestamp: int | None = None
    python_site_packages_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPypi:
    """One PyPI distribution of the lock.

    `url` is the location as it stands in the lock: a file's URL, `direct+…` for a wheel or archive by URL, `git+…`, or
    a relative path (`./project`). A path folder has neither version nor index. `index` is None for PyPI's own, which pixi
    leaves out; one that is absent in a text counts as the first index of the environment. `requires_dist` are requirement texts in pixi's form (see `requirement_text`).
    """

    url: str
    name: str
    version: str | None = None
    md5: str | None = None
    sha256: str | None = None
    index: str | None = None
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None


Locked = LockedConda | LockedPypi


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEnvironment:
    """One environment of the lock: its packages by platform name, each the entry of `packages` that it refers to.

    `channels` are URLs; `indexes` is None without PyPI dependencies; `find_links` holds (`url` or `path`, value);
    `options` (`strategy`, `channel-priority`, `pypi-prerelease-mode`) only what is not pixi's default.
    """

    name: str
    channels: tuple[str, ...]
    indexes: tuple[str, ...] | None = None
    find_links: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, tuple[Locked, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """A whole lock file. `packages` of the text are those of the environments, each once.

    What a reader adds does not count in comparisons: `lines` gives the line on which the entry of a URL begins, and
    `unread` the keys that pixi passes over, and the entries that a later one of the same URL replaces, with their lines.
    """

    platforms: tuple[LockPlatform, ...]
    environments: tuple[LockEnvironment, ...]
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    unread: tuple[tuple[str, int], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check that one URL means one entry and that every platform in use is listed."""
        names = {platform.name for platform in self.platforms}
        entries: dict[tuple[type[Locked], str], Locked] = {}
        for environment in self.environments:
            for platform, packages in environment.packages.items():
                if platform not in names:
                    raise ValueError(f"environment {environment.name} has packages for {platform}, which is not listed")
                for package in packages:
                    if entries.setdefault((type(package), package.url), package) != package:
                        raise ValueError(f"two different entries for {package.url}")

    @property
    def packages(self) -> tuple[Locked, ...]:
        """Every entry of any environment once, in pixi's order: conda first, each kind by URL."""
        entries = {
            (isinstance(package, LockedPypi), package.url): package
            for environment in self.environments
            for packages in environment.packages.values()
            for package in packages
        }
        return tuple(entries[key] for key in sorted(entries))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherLockVersion:
    """A lock file of another version of the format, which was not read further.

    For pixi 0.77 neither older nor newer versions are errors: a newer one counts as no lock at all, an older one is
    read but never up to date, and both are written anew.
    """

    version: int

    @property
    def is_newer(self) -> bool:
        """Was it written for a later pixi than those that this form was established with?"""
        return self.version > LOCK_VERSION
