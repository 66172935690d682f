"""The conda solver port: py-rattler, the solver inside pixi, over channels, with a cache of its own.

Virtual packages come from the question alone, never from this machine. Waits are bounded, and what may be a passing
fault is tried once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from envcompose.errors import ChannelUnreachable, CondaSpecInvalid
from envcompose.model.record import CondaAnswer, CondaQuestion
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets
from envcompose.world.channel_fault import channel_error, may_change, names_channel, plain_words
from envcompose.world.rattler_client import pixi_config
from envcompose.world.rattler_engine import AskedChannel, Engine, asked_channels
from envcompose.world.shards import FetchFailed

_Result = TypeVar("_Result")

_UNSOLVABLE = "Cannot solve the request because of:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for channels, in seconds."""

    before_probe: float = 4.0
    """After this long without a result the hosts are asked whether they are there at all."""
    probe: int = 6
    """How long a host has to answer that; it is asked twice."""
    whole: float = 1200.0
    """How long a question may take altogether where the hosts do answer."""


class RattlerSolver:
    """Solves over channels; what was read of a channel is kept for the solver's life, and on disk.

    With `offline` everything remote comes from the cache folder, however old; with `refresh` nothing does. Without a
    folder nothing is kept on disk. A channel that could not be reached once is not asked again.

    `settings` are configuration files in pixi's form; None means those that pixi itself reads. Safe to use from several
    threads. Opens no connection and loads no engine until asked.
    """

    def __init__(
        self,
        *,
        cache: Path | None,
        offline: bool = False,
        refresh: bool = False,
        settings: Sequence[Path] | None = None,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._cache = cache
        self._action = "force-cache-only" if offline else "no-cache" if refresh else "cache-or-fetch"
        self._offline = offline
        self._settings = settings
        self._patience = patience or Patience()
        self._tell = tell
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._logins: dict[str, str] = {}
        self._silent: dict[str, ChannelUnreachable] = {}
        self.solves = 0

    def reach(self, channels: Sequence[str], subdir: str) -> str | None:
        """See ports.CondaSolver."""
        try:
            for channel in asked_channels(channels):
                self._run([channel], subdir, partial(Engine.look, asked=[channel], subdir=subdir))
        except ChannelUnreachable as error:
            return error.reason
        return None

    def solve(self, question: CondaQuestion) -> CondaAnswer:
        """See ports.CondaSolver."""
        from rattler.exceptions import SolverError

        asked = asked_channels(question.channels)
        _check_specs((*question.specs, *question.constraints))
        self.solves += 1
        try:
            records = self._run(asked, question.subdir, partial(Engine.solve, question=question, asked=asked))
        except SolverError as error:
            words = str(error)
            if not words.startswith(_UNSOLVABLE):
                raise self._fault(words, asked, question.subdir) from error
            words = mask_secrets(words.removeprefix(_UNSOLVABLE).strip())
            self._tell(words)
            return CondaAnswer(records=None, words=words)
        return CondaAnswer(records=records)

    def _run(
        self, asked: Sequence[AskedChannel], subdir: str, work: Callable[[Engine], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        """Run one question to its end, or until a host turns out to be silent. Raises Channel… errors and SolverError."""
        from rattler.exceptions import FetchRepoDataError, GatewayError

        for channel in asked:
            if channel.address in self._silent:
                raise self._silent[channel.address]
        try:
            return self._try(asked, work, again=False)
        except (GatewayError, FetchRepoDataError, FetchFailed) as error:
            if self._offline or not may_change(str(error)):
                raise self._fault(str(error), asked, subdir) from None
            self._tell(f"{plain_words(str(error))}; once more, without the cache")
        try:
            return self._try(asked, work, again=True)
        except (GatewayError, FetchRepoDataError, FetchFailed) as error:
            raise self._fault(str(error), asked, subdir) from None

    def _try(
        self, asked: Sequence[AskedChannel], work: Callable[[Engine], Coroutine[Any, Any, _Result]], *, again: bool
    ) -> _Result:
        """One try; another one has an engine of its own, which takes nothing from the cache."""
        engine = self._made(asked, again=again)
        return _wait_for(self._watched(engine, asked, work(engine)))

    async def _watched(
        self, engine: Engine, asked: Sequence[AskedChannel], work: Coroutine[Any, Any, _Result]
    ) -> _Result:
        """The work's result. A slow channel has time; one whose host does not even answer has not."""
        task = asyncio.ensure_future(work)
        start = time.monotonic()
        remote = [] if self._offline else [channel for channel in asked if channel.remote]
        while not (await asyncio.wait({task}, timeout=self._patience.before_probe))[0]:
            late = time.monotonic() - start > self._patience.whole
            for channel in remote:
                if late or not (await engine.answers(channel) or await engine.answers(channel)):
                    task.cancel()
                    raise FetchFailed(f"no answer in time from {channel.address}")
        return task.result()

    def _fault(self, words: str, asked: Sequence[AskedChannel], subdir: str) -> Exception:
        """The error that the engine's words stand for; a channel that was not reached online is not asked again."""
        named = [one for one in asked if names_channel(words, one.address)]
        if not named and len(asked) > 1:
            # The words name no channel: each alone tells whether it is the one.
            for one in asked:
                self._run([one], subdir, partial(Engine.look, asked=[one], subdir=subdir))
        channel = (named or asked)[0]
        error = channel_error(words, channel.shown)
        if isinstance(error, ChannelUnreachable) and not self._offline:
            self._silent[channel.address] = error
        return error

    def _made(self, asked: Sequence[AskedChannel], *, again: bool) -> Engine:
        """The engine, made on first use and where a channel comes with a new login; `again` makes a new one."""
        from rattler.exceptions import AuthenticationStorageError, GatewayWarning

        # What a channel says oddly about its relatives (CEP-42) is no word of ours on standard error.
        warnings.filterwarnings("ignore", category=GatewayWarning)
        logins = {one.address: one.login for one in asked if one.login is not None}
        with self._lock:
            unknown = not logins.items() <= self._logins.items()
            self._logins |= logins
            if self._engine is None or again or unknown:
                action = "no-cache" if again else self._action
                try:
                    self._engine = self._new(action)
                except AuthenticationStorageError as error:
                    reason = f"the stored logins cannot be read: {plain_words(str(error))}"
                    raise ChannelUnreachable(channel=asked[0].shown, reason=reason) from None
            return self._engine

    def _new(self, action: Any) -> Engine:
        folder = self._folder()
        config = pixi_config(self._settings, self._logins, self._tell)
        return Engine.made(action, folder, config, self._logins, probe_seconds=self._patience.probe)

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


def _check_specs(specs: Sequence[str]) -> None:
    """Raises CondaSpecInvalid for the first text that is no match spec."""
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    for spec in specs:
        try:
            MatchSpec(spec, strict=True)
        except InvalidMatchSpecError as error:
            raise CondaSpecInvalid(spec=mask_secrets(spec), reason=plain_words(str(error))) from None


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
