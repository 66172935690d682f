"""A lock file's values -> the text of pixi.lock, byte for byte as pixi 0.77 writes it (facts/pixi.md §9.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from envcompose.manifest.conda_url import build_number_of, conda_url_parts, noarch_of
from envcompose.manifest.lock import (
    LOCK_VERSION,
    Locked,
    LockedConda,
    LockedPypi,
    LockEnvironment,
    LockFile,
    LockPlatform,
)
from envcompose.manifest.lock_yaml import Plain, yaml_text

_RUN_EXPORTS = ("weak", "strong", "noarch", "weak_constrains", "strong_constrains")
_OPTIONS = {"strategy": "highest", "channel-priority": "strict", "pypi-prerelease-mode": "if-necessary-or-explicit"}


def render_lock(lock: LockFile) -> str:
    """Write a lock file as pixi would, so that pixi's own rewrite of it changes no byte.

    Order is the form's, not the caller's: platforms, environments and their platforms by name, packages conda first and
    by URL. What follows from a conda URL is left out. Texts are taken as they are: URLs must be in the form of
    `url_text`, requirements in that of `requirement_text`, virtual packages in that of `platform_virtuals`.
    """
    document: dict[str, Plain] = {
        "version": LOCK_VERSION,
        "platforms": [_platform(one) for one in sorted(lock.platforms, key=lambda one: one.name)],
        "environments": {one.name: _environment(one) for one in sorted(lock.environments, key=lambda one: one.name)},
        "packages": [_entry(one) for one in lock.packages],
    }
    return yaml_text(document)


def _platform(platform: LockPlatform) -> Mapping[str, Plain]:
    return _without_absent(
        {
            "name": platform.name,
            "subdir": platform.subdir if platform.subdir != platform.name else None,
            "virtual-packages": platform.virtual,
        }
    )


def _environment(environment: LockEnvironment) -> Mapping[str, Plain]:
    document: dict[str, Plain] = {"channels": [{"url": url} for url in environment.channels]}
    if environment.indexes is not None:
        document["indexes"] = environment.indexes
        if environment.find_links:
            document["find-links"] = [{kind: value} for kind, value in environment.find_links]
    options = {
        name: environment.options[name]
        for name, default in _OPTIONS.items()
        if environment.options.get(name, default) != default
    }
    if options:
        document["options"] = options
    document["packages"] = {
        platform: _references(environment.packages[platform]) for platform in sorted(environment.packages)
    }
    return document


def _references(packages: Sequence[Locked]) -> Sequence[Mapping[str, Plain]]:
    keys = sorted({(isinstance(one, LockedPypi), one.url) for one in packages})
    return [{"pypi" if is_pypi else "conda": url} for is_pypi, url in keys]


def _entry(package: Locked) -> Mapping[str, Plain]:
    return _conda_entry(package) if isinstance(package, LockedConda) else _pypi_entry(package)


def _conda_entry(record: LockedConda) -> Mapping[str, Plain]:
    says = conda_url_parts(record.url)
    assumed_noarch = noarch_of(says.subdir or record.subdir, says.build or record.build)
    head: dict[str, Plain] = {
        "conda": record.url,
        "name": _unless(record.name, says.name),
        "version": _unless(record.version, says.version),
        "build": _unless(record.build, says.build or ""),
        "build_number": _unless(record.build_number, build_number_of(record.build)),
        "subdir": _unless(record.subdir, says.subdir),
        "noarch": (record.noarch or False) if record.noarch != assumed_noarch else None,
        "sha256": record.sha256,
        "md5": record.md5,
        "legacy_bz2_md5": record.legacy_bz2_md5,
        "depends": record.depends,
        "constrains": record.constrains,
        "extra_depends": {name: record.extra_depends[name] for name in sorted(record.extra_depends)},
    }
    rest: dict[str, Plain] = {
        "features": record.features,
        "flags": record.flags,
        "track_features": record.track_features,
        "file_name": _unless(record.file_name, says.file_name),
        "license": record.license,
        "license_family": record.license_family,
    }
    return _without_absent(head) | _channel(record, says.channel) | _without_absent(rest) | _conda_entry_end(record)


def _channel(record: LockedConda, assumed: str | None) -> dict[str, Plain]:
    if record.channel is None or record.channel.rstrip("/") == (assumed or ""):
        return {}
    return {"channel": record.channel.rstrip("/") or None}


def _conda_entry_end(record: LockedConda) -> dict[str, Plain]:
    # An empty list of purls and an empty table of run exports say something, so they are written.
    said: dict[str, Plain] = {}
    if record.purls is not None:
        purls: list[str] = sorted(set(record.purls), key=_purl_order)
        said["purls"] = purls
    if record.run_exports is not None:
        said["run_exports"] = {kind: record.run_exports[kind] for kind in _RUN_EXPORTS if record.run_exports.get(kind)}
    rest: dict[str, Plain] = {
        "size": record.size,
        "legacy_bz2_size": record.legacy_bz2_size,
        "timestamp": record.timestamp,
        "python_site_packages_path": record.python_site_packages_path,
    }
    return said | _without_absent(rest)


def _purl_order(purl: str) -> list[str]:
    """By name before qualifiers: `pkg:pypi/a?x` stands before `pkg:pypi/a-b`."""
    return re.split("[@?#]", purl)


def _pypi_entry(package: LockedPypi) -> Mapping[str, Plain]:
    return _without_absent(
        {
            "pypi": package.url,
            "name": package.name,
            "version": package.version,
            "md5": package.md5,
            "sha256": package.sha256,
            "index": package.index,
            "requires_dist": package.requires_dist,
            "requires_python": package.requires_python,
        }
    )


def _unless(value: Plain, assumed: Plain) -> Plain:
    return None if value == assumed else value


def _without_absent(entry: Mapping[str, Plain]) -> dict[str, Plain]:
    return {key: value for key, value in entry.items() if value is not None and value not in ((), {})}
