"""The conda solver port: py-rattler, the solver inside pixi, over channels, with a cache of its own.

The engine finds logins as pixi does (its store, netrc, RATTLER_AUTH_FILE) and follows the mirrors and proxies of pixi's
own configuration files. Virtual packages come from the question alone, never from this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from envcompose.errors import ChannelUnknown, ChannelUnreachable, CondaSpecInvalid
from envcompose.model.record import CondaAnswer, CondaQuestion
from envcompose.read.secrets import mask_secrets
from envcompose.world.channel_fault import channel_error, names_channel, plain_words
from envcompose.world.conda_record import conda_record

if TYPE_CHECKING:
    from rattler import Channel, Config, Gateway, GenericVirtualPackage
    from rattler.networking import Client

_Result = TypeVar("_Result")

RETRIES = 2
MOST_SECONDS = 600
"""How long one file of a channel may take altogether."""
PATIENCE_SECONDS = 4.0
"""After this long without a result the hosts are asked whether they are there at all."""
PROBE_SECONDS = 6
_PROBE = "notices.json"
"""A small file that a channel may have (CEP-6); any answer, a refusal too, shows that somebody is there."""
_NOBODY = "rattler-looks-for-nothing"
_UNSOLVABLE = "Cannot solve the request because of:"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One channel as it was asked for: how it is shown, and where it is."""

    shown: str
    channel: Channel

    @property
    def address(self) -> str:
        return self.channel.base_url

    @property
    def remote(self) -> bool:
        """Is there a host that can be asked whether it is there?"""
        return self.address.startswith(("http:", "https:"))


class RattlerSolver:
    """Solves over channels; what was read of a channel is kept for the solver's life, and on disk.

    With `offline` everything remote comes from the cache folder, however old; with `refresh` nothing does. Without a
    folder nothing is kept on disk. A channel that could not be reached once is not asked again. `settings` are configuration files in pixi's form; None means those that pixi itself reads. Safe to use from several
    threads. Opens no connection and loads no engine until asked.
    """

    def __init__(
        self,
        *,
        cache: Path | None,
        offline: bool = False,
        refresh: bool = False,
        settings: Sequence[Path] | None = None,
        patience: float = PATIENCE_SECONDS,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._cache = cache
        self._action = "force-cache-only" if offline else "no-cache" if refresh else "cache-or-fetch"
        self._offline = offline
        self._settings = settings
        self._patience = patience
        self._tell = tell
        self._lock = threading.Lock()
        self._engine: _Engine | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._silent: dict[str, ChannelUnreachable] = {}
        self.solves = 0

    def reach(self, channels: Sequence[str], subdir: str) -> str | None:
        """See ports.CondaSolver."""
        try:
            for channel in _asked(channels):
                self._run([channel], partial(_Engine.look, asked=[channel], subdir=subdir))
        except ChannelUnreachable as error:
            return error.reason
        return None

    def solve(self, question: CondaQuestion) -> CondaAnswer:
        """See ports.CondaSolver."""
        from rattler.exceptions import SolverError

        asked = _asked(question.channels)
        _check_specs((*question.specs, *question.constraints))
        self.solves += 1
        try:
            records = self._run(asked, partial(_Engine.solve, question=question, asked=asked))
        except SolverError as error:
            words = str(error)
            if not words.startswith(_UNSOLVABLE):
                raise self._fault(words, asked) from error
            words = mask_secrets(words.removeprefix(_UNSOLVABLE).strip())
            self._tell(words)
            return CondaAnswer(records=None, words=words)
        found = sorted((conda_record(record) for record in records), key=lambda record: record.url)
        return CondaAnswer(records=tuple(found))

    def _run(self, asked: Sequence[_Asked], work: Callable[[_Engine], Coroutine[Any, Any, _Result]]) -> _Result:
        """Run one question to its end, or until a host turns out to be silent. Raises Channel… errors and SolverError."""
        from rattler.exceptions import FetchRepoDataError, GatewayError

        for channel in asked:
            if channel.address in self._silent:
                raise self._silent[channel.address]
        engine = self._made(asked)
        try:
            return _wait_for(self._watched(engine, asked, work(engine)))
        except (GatewayError, FetchRepoDataError) as error:
            raise self._fault(str(error), asked) from None

    async def _watched(self, engine: _Engine, asked: Sequence[_Asked], work: Coroutine[Any, Any, _Result]) -> _Result:
        """The work's result. A slow channel has time; one whose host does not even answer has not."""
        task = asyncio.ensure_future(work)
        remote = [] if self._offline else [channel for channel in asked if channel.remote]
        while not (await asyncio.wait({task}, timeout=self._patience))[0]:
            for channel in remote:
                if not (await engine.answers(channel) or await engine.answers(channel)):
                    task.cancel()
                    raise self._fault("no answer in time", [channel])
        return task.result()

    def _fault(self, words: str, asked: Sequence[_Asked]) -> Exception:
        """The error that the engine's words stand for; a channel that was not reached online is not asked again."""
        named = [one for one in asked if names_channel(words, one.address)]
        if not named and len(asked) > 1:
            # The words name no channel: each alone tells whether it is the one.
            for one in asked:
                self._run([one], partial(_Engine.look, asked=[one], subdir="noarch"))
        channel = (named or asked)[0]
        error = channel_error(words, channel.shown)
        if isinstance(error, ChannelUnreachable) and not self._offline:
            self._silent[channel.address] = error
        return error

    def _made(self, asked: Sequence[_Asked]) -> _Engine:
        """The engine, made on first use."""
        from rattler.exceptions import AuthenticationStorageError, GatewayWarning

        # What a channel says oddly about its relatives (CEP-42) is no word of ours on standard error.
        warnings.filterwarnings("ignore", category=GatewayWarning)

        with self._lock:
            if self._engine is None:
                try:
                    self._engine = _Engine.made(self._action, self._folder(), self._settings, self._tell)
                except AuthenticationStorageError as error:
                    reason = f"the stored logins cannot be read: {plain_words(str(error))}"
                    raise ChannelUnreachable(channel=asked[0].shown, reason=reason) from None
            return self._engine

    def _folder(self) -> Path:
        """A folder that can be written: the engine would take the user's own cache for none, and fail for another."""
        if self._cache is not None:
            folder = self._cache / "channels"
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        self._scratch = tempfile.TemporaryDirectory(prefix="envcompose-")
        return Path(self._scratch.name)


class _Engine:
    """py-rattler's parts that live as long as the solver."""

    def __init__(self, gateway: Gateway, probe: Client) -> None:
        self._gateway = gateway
        self._probe = probe

    @classmethod
    def made(cls, action: Any, folder: Path, settings: Sequence[Path] | None, tell: Callable[[str], None]) -> _Engine:
        from rattler import Gateway, SourceConfig
        from rattler.networking import Client

        config = _config(settings, tell)
        off = config.repodata_config
        source = SourceConfig(
            zstd_enabled=not off.get("disable-zstd"),
            bz2_enabled=not off.get("disable-bzip2"),
            sharded_enabled=not off.get("disable-sharded"),
            cache_action=action,
        )
        client = Client.from_config(config, max_retries=RETRIES, timeout=MOST_SECONDS)
        gateway = Gateway(cache_dir=folder, default_config=source, client=client)
        return cls(gateway, Client.from_config(config, max_retries=0, timeout=PROBE_SECONDS))

    async def look(self, asked: Sequence[_Asked], subdir: str) -> None:
        """Read the channels' lists of packages, and nothing more."""
        channels = [one.channel for one in asked]
        await self._gateway.query(channels, [subdir, "noarch"], [_NOBODY], recursive=False)  # type: ignore[list-item]

    async def solve(self, question: CondaQuestion, asked: Sequence[_Asked]) -> Sequence[Any]:
        """The records of a solution. Raises SolverError where there is none."""
        from rattler import ChannelPriority, solve

        return await solve(
            [one.channel for one in asked],
            list(question.specs),
            gateway=self._gateway,
            platforms=[question.subdir, "noarch"],  # type: ignore[list-item]
            virtual_packages=_virtual_packages(question),
            channel_priority=ChannelPriority.Strict if question.priority == "strict" else ChannelPriority.Disabled,
            exclude_newer=_time(question.exclude_newer),
            strategy=question.strategy,  # type: ignore[arg-type]
            constraints=list(question.constraints),
            timestamp_policy="allow-missing",
        )

    async def answers(self, channel: _Asked) -> bool:
        """Does anybody answer at the channel's address? A refusal is an answer too."""
        from rattler.package_streaming import download_bytes

        try:
            await download_bytes(self._probe, f"{channel.address}{_PROBE}")
        except Exception as error:
            # The engine has no class for this; only an answer has a status.
            return "HTTP status" in str(error)
        return True


def _asked(channels: Sequence[str]) -> list[_Asked]:
    """The channels by name or address. Raises ChannelUnknown."""
    from rattler import Channel
    from rattler.exceptions import InvalidChannelError

    asked = []
    for text in channels:
        shown = mask_secrets(text.strip())
        if not text.strip() or any(ord(character) < 32 for character in text):
            raise ChannelUnknown(channel=shown, reason="it is empty, or holds what no name holds")
        try:
            asked.append(_Asked(shown=shown, channel=Channel(text.strip())))
        except InvalidChannelError as error:
            raise ChannelUnknown(channel=shown, reason=plain_words(str(error))) from None
    return asked


def _check_specs(specs: Sequence[str]) -> None:
    """Raises CondaSpecInvalid for the first text that is no match spec."""
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    for spec in specs:
        try:
            MatchSpec(spec, strict=True)
        except InvalidMatchSpecError as error:
            raise CondaSpecInvalid(spec=mask_secrets(spec), reason=plain_words(str(error))) from None


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


def _config(settings: Sequence[Path] | None, tell: Callable[[str], None]) -> Config:
    """The mirrors, proxies and certificates that pixi would use here; defaults where its files cannot be read."""
    from rattler import Config
    from rattler.exceptions import ConfigError

    try:
        if settings is None:
            return Config.load_from_default_locations("pixi")
        return Config.load_from_files(list(settings))
    except ConfigError as error:
        tell(f"pixi's configuration is left out: {plain_words(str(error))}")
        return Config()


def _wait_for(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end, from a thread that may already run an event loop (a notebook does)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
