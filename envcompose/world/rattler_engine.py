"""py-rattler's parts that live as long as a solver: the gateway to the channels, its clients, and what it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envcompose.errors import ChannelUnknown
from envcompose.model.record import CondaQuestion, CondaRecord
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets, without_secrets
from envcompose.world.channel_fault import plain_words
from envcompose.world.conda_record import RecordReader
from envcompose.world.rattler_client import client
from envcompose.world.shards import FetchFailed, ShardCheck

if TYPE_CHECKING:
    from rattler import Channel, Config, Gateway, GenericVirtualPackage, RepoDataRecord
    from rattler.networking import Client

    from envcompose.world.dated_channel import DatedChannel

RETRIES = 2
MOST_SECONDS = 600
"""How long one file of a channel may take altogether."""
_PROBE = "notices.json"
"""A small file that a channel may have (CEP-6); any answer, a refusal too, shows that somebody is there."""
_NOBODY = "rattler-looks-for-nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedChannel:
    """One channel as it was asked for: how it is shown, where it is, and its address with the login that was given.

    The engine works with the address without a login: it writes it into its cache.
    """

    shown: str
    channel: Channel
    login: str | None = None

    @property
    def address(self) -> str:
        """Where it is, with a slash at its end and without any login."""
        return self.channel.base_url

    @property
    def remote(self) -> bool:
        """Is there a host that can be asked whether it is there?"""
        return self.address.startswith(("http:", "https:"))


class Engine:
    """py-rattler's parts that live as long as the solver."""

    def __init__(self, gateway: Gateway, client: Client, probe: Client, check: ShardCheck | None) -> None:
        self._gateway = gateway
        self._client = client
        self._probe = probe
        self._check = check
        self._reader = RecordReader()

    @classmethod
    def made(
        cls, action: Any, folder: Path, config: Config, logins: Mapping[str, str], *, probe_seconds: int
    ) -> Engine:
        """An engine with its cache in `folder`, which it uses as `SourceConfig.cache_action` says.

        Raises AuthenticationStorageError where the stored logins cannot be read.
        """
        from rattler import Gateway, SourceConfig

        off = config.repodata_config
        source = SourceConfig(
            zstd_enabled=not off.get("disable-zstd"),
            bz2_enabled=not off.get("disable-bzip2"),
            sharded_enabled=not off.get("disable-sharded"),
            cache_action=action,
        )
        main = client(config, logins, retries=RETRIES, seconds=MOST_SECONDS)
        probe = client(config, logins, retries=0, seconds=probe_seconds)
        gateway = Gateway(cache_dir=folder, default_config=source, client=main)
        return cls(gateway, main, probe, None if action == "force-cache-only" else ShardCheck(folder))

    async def look(self, asked: Sequence[AskedChannel], subdir: str) -> None:
        """Read the channels' lists of packages, and nothing more."""
        channels = [one.channel for one in asked]
        await self._gateway.query(channels, [subdir, "noarch"], [_NOBODY], recursive=False)  # type: ignore[list-item]

    async def solve(self, question: CondaQuestion, asked: Sequence[AskedChannel]) -> tuple[CondaRecord, ...]:
        """The records of a solution, from records that are what their channels list. Raises SolverError for none."""
        from rattler.exceptions import SolverError

        try:
            records = await self._solved(question, asked)
        except SolverError:
            await self._checked(question, asked)
            raise
        await self._checked(question, asked)
        return self._reader.read(records)

    async def _solved(self, question: CondaQuestion, asked: Sequence[AskedChannel]) -> Sequence[RepoDataRecord]:
        from rattler import ChannelPriority, solve

        priorities = {"strict": ChannelPriority.Strict, "flexible": ChannelPriority.Flexible}
        dated = bool(question.exclude_newer_of or question.exclude_newer_in)
        return await solve(
            await self._dated(question, asked) if dated else [one.channel for one in asked],
            list(question.specs),
            gateway=self._gateway,
            platforms=[question.subdir, "noarch"],  # type: ignore[list-item]
            locked_packages=await self._kept(question, asked),
            virtual_packages=_virtual_packages(question),
            channel_priority=priorities.get(question.priority, ChannelPriority.Disabled),
            exclude_newer=None if dated else _time(question.exclude_newer),
            strategy=question.strategy,  # type: ignore[arg-type]
            constraints=list(question.constraints),
            timestamp_policy="allow-missing",
        )

    async def _dated(self, question: CondaQuestion, asked: Sequence[AskedChannel]) -> list[DatedChannel]:
        """The channels without what is too new, where that differs from package to package or channel to channel."""
        from envcompose.world.dated_channel import DatedChannel

        def cutoff(address: str, name: str) -> datetime | None:
            default = question.exclude_newer_in.get(address, question.exclude_newer)
            return _time(question.exclude_newer_of.get(name, default))

        subdirs = (question.subdir, "noarch")
        return [
            await DatedChannel.of(self._gateway, one.channel, subdirs, partial(cutoff, one.address)) for one in asked
        ]

    async def _kept(self, question: CondaQuestion, asked: Sequence[AskedChannel]) -> list[RepoDataRecord] | None:
        """The records that are preferred, as the channels list them now; what they have no more is not."""
        if not question.kept:
            return None
        subdirs = [question.subdir, "noarch"]
        names = sorted({record.name for record in question.kept})
        found = await self._gateway.query([one.channel for one in asked], subdirs, names, recursive=False)  # type: ignore[arg-type]
        urls = {record.url for record in question.kept}
        return [record for records in found for record in records if record.url in urls]

    async def _checked(self, question: CondaQuestion, asked: Sequence[AskedChannel]) -> None:
        """Hold what came new of sharded channels against its hashes. Raises FetchFailed, ShardsWrong among them."""
        subdirs = [f"{one.address}{name}/" for one in asked if one.remote for name in (question.subdir, "noarch")]
        if self._check is not None and subdirs:
            await self._check.check(subdirs, self._fetched)

    async def _fetched(self, url: str) -> bytes:
        from rattler.package_streaming import download_bytes

        try:
            return await download_bytes(self._client, url)
        except RuntimeError as error:
            # The engine has no class of its own for this.
            raise FetchFailed(f"{error} for {mask_secrets(url)}") from None

    async def answers(self, channel: AskedChannel) -> bool:
        """Does anybody answer at the channel's address? A refusal is an answer too."""
        from rattler.package_streaming import download_bytes

        try:
            await download_bytes(self._probe, f"{channel.address}{_PROBE}")
        except Exception as error:
            # The engine has no class for this; only an answer has a status.
            return "HTTP status" in str(error)
        return True


def asked_channels(channels: Sequence[str]) -> list[AskedChannel]:
    """The channels by name or address. Raises ChannelUnknown."""
    from rattler import Channel
    from rattler.exceptions import InvalidChannelError

    asked = []
    for text in channels:
        shown = mask_secrets(text.strip())
        if not text.strip() or any(ord(character) < 32 for character in text):
            raise ChannelUnknown(channel=shown, reason="it is empty, or holds what no name holds")
        try:
            channel = Channel(text.strip())
            bare = Channel(without_secrets(channel.base_url))
        except InvalidChannelError as error:
            raise ChannelUnknown(channel=shown, reason=plain_words(str(error))) from None
        login = channel.base_url if channel.base_url != bare.base_url else None
        asked.append(AskedChannel(shown=shown, channel=channel if login is None else bare, login=login))
    return asked


def _virtual_packages(question: CondaQuestion) -> list[GenericVirtualPackage]:
    from rattler import GenericVirtualPackage, PackageName, Version
    from rattler.package import BuildString

    return [
        GenericVirtualPackage(PackageName(one.name), Version(one.version), BuildString(one.build))
        for one in question.virtual
    ]


def _time(text: str | None) -> datetime | None:
    """The moment in UTC: the engine takes the digits of any other zone for UTC. A time without a zone is in UTC."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
