"""pixi.lock (format version 7) as typed values; `lock_text` writes them, `lock_reading` reads them.

Source of the form: facts/pixi.md §9.3, established by running pixi 0.77 on lock files made this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPlatform:
    """One platform of the lock. `virtual` holds `name=version` or `name=version=build` texts in pixi's order."""

    name: str
    subdir: str
    virtual: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedConda:
    """One conda record of the lock. What follows from the URL (name, version, build, subdir) is filled in when read.

    `purls` is None where the key is absent (pixi then takes the same name on conda-forge), empty for "no PyPI name".
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
    size: int | None = None
    timestamp: int | None = None
    python_site_packages_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPypi:
    """One PyPI distribution of the lock.

    `url` is the location as it stands in the lock: a file's URL, `direct+…` for a wheel or archive by URL, `git+…`, or
    a relative path (`./project`). A path folder has neither version nor index. `requires_dist` are requirement texts in
    pixi's form (see `requirement_text`).
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
    """One environment of the lock: its packages by platform name, as the URLs of entries in `LockFile.packages`.

    `channels` are URLs; `indexes` is None without PyPI dependencies; `find_links` holds (`url` or `path`, value);
    `options` only what is not pixi's default.
    """

    name: str
    channels: tuple[str, ...]
    indexes: tuple[str, ...] | None = None
    find_links: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, tuple[Locked, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """A whole lock file. `packages` of the text are those of the environments, each once."""

    platforms: tuple[LockPlatform, ...]
    environments: tuple[LockEnvironment, ...]
