"""Channels without what is newer than a day that differs from package to package (`exclude-newer` of a manifest).

The solver itself knows one day for all; here each channel is asked package by package, and shown without the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rattler import Channel, Gateway, PackageName, RepoDataRecord, Subdir

Cutoff = Callable[[str], datetime | None]
"""The last moment for a package of one channel, None for no bound."""


class DatedChannel:
    """See rattler's RepoDataSource. A record without a time counts as old enough."""

    def __init__(self, gateway: Gateway, channel: Channel, names: dict[str, list[str]], cutoff: Cutoff) -> None:
        self._gateway = gateway
        self._channel = channel
        self._names = names
        self._cutoff = cutoff

    @classmethod
    async def of(cls, gateway: Gateway, channel: Channel, subdirs: Sequence[str], cutoff: Cutoff) -> DatedChannel:
        """The channel as it is after its lists of packages were read."""
        names = {
            subdir: [name.normalized for name in await gateway.names([channel], [subdir])]  # type: ignore[list-item]
            for subdir in subdirs
        }
        return cls(gateway, channel, names, cutoff)

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        """The records of a package that are old enough."""
        found = await self._gateway.query([self._channel], [platform], [name.normalized], recursive=False)
        last = self._cutoff(name.normalized)
        records = [record for records in found for record in records]
        return [record for record in records if last is None or _is_by(record, last)]

    def package_names(self, platform: Subdir) -> list[str]:
        """All names, also those of which nothing is old enough."""
        return self._names.get(str(platform), [])


def _is_by(record: RepoDataRecord, last: datetime) -> bool:
    made = record.timestamp
    if made is None:
        return True
    return (made.replace(tzinfo=UTC) if made.tzinfo is None else made) <= last
