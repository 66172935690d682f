"""py-rattler's records as our values: only those of an answer are turned, and each only once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from envcompose.model.record import CondaRecord
from envcompose.read.secrets import without_secrets

if TYPE_CHECKING:
    from rattler import RepoDataRecord

_LAST_SECOND = 253_402_300_799
"""The last second of the year 9999: a larger timestamp is in milliseconds (as conda itself tells them apart)."""


class RecordReader:
    """Turns records into values, each once: a search solves the same packages again and again.

    The values are as the channel tells them, with their canonical addresses and without any secret. Old channels write
    timestamps in seconds: they come out in milliseconds, as all others.
    """

    def __init__(self) -> None:
        self._read: dict[str, CondaRecord] = {}

    def read(self, records: Iterable[RepoDataRecord]) -> tuple[CondaRecord, ...]:
        """Give the records sorted by address."""
        return tuple(sorted(map(self._one, records), key=lambda record: record.url))

    def _one(self, record: RepoDataRecord) -> CondaRecord:
        url = record.url
        if url not in self._read:
            self._read[url] = _record(json.loads(record.to_json()))
        return self._read[url]


def _record(raw: dict[str, Any]) -> CondaRecord:
    return CondaRecord(
        name=raw["name"].lower(),
        version=raw["version"],
        build=raw["build"],
        build_number=raw["build_number"],
        subdir=raw["subdir"],
        url=without_secrets(raw["url"]),
        channel=_with_slash(without_secrets(raw["channel"] or "")),
        file_name=raw["fn"],
        sha256=raw.get("sha256"),
        md5=raw.get("md5"),
        size=raw.get("size"),
        timestamp=_milliseconds(raw.get("timestamp")),
        depends=tuple(raw.get("depends", ())),
        constrains=tuple(raw.get("constrains", ())),
        extra_depends={extra: tuple(specs) for extra, specs in sorted(raw.get("extra_depends", {}).items())},
        license=raw.get("license"),
        license_family=raw.get("license_family"),
        noarch=_noarch(raw.get("noarch")),
        features=raw.get("features"),
        track_features=_words(raw.get("track_features")),
        flags=_words(raw.get("flags")),
        python_site_packages_path=raw.get("python_site_packages_path"),
    )


def _with_slash(channel: str) -> str:
    return f"{channel.rstrip('/')}/"


def _milliseconds(timestamp: int | None) -> int | None:
    if timestamp is None:
        return None
    return timestamp if timestamp > _LAST_SECOND else timestamp * 1000


def _noarch(value: str | bool | None) -> str | None:
    """Channels of long ago say `true` for what is `generic` now."""
    return "generic" if value is True else (value or None)


def _words(value: str | list[str] | None) -> tuple[str, ...]:
    return tuple(value.split() if isinstance(value, str) else value or ())
