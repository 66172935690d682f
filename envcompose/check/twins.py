"""Conda records that serve PyPI names, as a lock tells it by `purls` (facts: pixi.md §3, §9.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.manifest.conda_url import conda_url_parts
from envcompose.manifest.lock import LockedConda
from envcompose.model.values import dataclass

_PURL = re.compile(r"pkg:/*(?P<type>[A-Za-z0-9.+-]+)/(?P<path>[^@?#]+)(?:@(?P<version>[^?#]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A conda record as the PyPI distribution that it provides, always without extras."""

    record: LockedConda
    version: Version


def twins_of(records: Iterable[LockedConda]) -> Mapping[str, Twin]:
    """The PyPI names that conda records serve. A record with a version that is none of PEP 440 serves none."""
    twins: dict[str, Twin] = {}
    for record in records:
        try:
            twins.update(_names(record))
        except (InvalidVersion, InvalidName):
            continue
    return twins


def _names(record: LockedConda) -> Mapping[str, Twin]:
    if record.purls is None:
        if not is_conda_forge(record):
            return {}
        name = str(canonicalize_name(record.name, validate=True))
        return {name: Twin(record=record, version=Version(record.version))}
    found = {}
    for purl in record.purls:
        parts = _PURL.match(purl)
        if parts is None or parts["type"].lower() != "pypi":
            continue
        name = str(canonicalize_name(unquote(parts["path"].rpartition("/")[2]), validate=True))
        version = unquote(parts["version"]) if parts["version"] else record.version
        found[name] = Twin(record=record, version=Version(version))
    return found


def is_conda_forge(record: LockedConda) -> bool:
    """Whether a record comes from a channel that pixi takes for conda-forge: by the path of its address."""
    channel = record.channel or conda_url_parts(record.url).channel
    return channel is not None and urlsplit(channel).path.startswith("/conda-forge")
