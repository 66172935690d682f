"""Child processes with a time limit: what happens in one can neither harm nor hang the verifier."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TypeVar

_TAIL_BYTES = 64_000

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Ended:
    """How a child ended. `status` is None where it ran past its limit, negative where a signal ended it."""

    status: int | None
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0

    @property
    def last_line(self) -> str:
        """The last line that says something: of a traceback it is the exception."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1][:500] if lines else ""

    @property
    def story(self) -> str:
        """One sentence on how it ended."""
        if self.status is None:
            return "ran past its time limit"
        if self.status < 0:
            try:
                return f"crashed with {signal.Signals(-self.status).name}"
            except ValueError:
                return f"crashed with signal {-self.status}"
        return self.last_line or f"ended with status {self.status}"


def run(command: Iterable[str], limit: float, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command in an empty folder of its own, and kill its whole process group after `limit` seconds.

    Only the last 64 kB of its output and of its errors are kept. A command that cannot start ends with status 127.
    """
    scratch = tempfile.TemporaryDirectory(prefix="verify-")
    with scratch as folder, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                list(command), cwd=folder, env=None if env is None else dict(env), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            )  # fmt: skip
        except OSError as error:
            return Ended(127, "", f"it does not start: {error.strerror}")
        status: int | None
        _running.add(child.pid)
        try:
            status = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _running.discard(child.pid)
            _end(child.pid)
            child.wait()
        return Ended(status, _tail(output), _tail(errors))


_running: set[int] = set()
"""The children at work: each leads a process group of its own, which a Ctrl-C at the terminal does not reach."""


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _tail(file: IO[bytes]) -> str:
    file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
    return file.read(_TAIL_BYTES).decode("utf-8", "replace")


def side_by_side(function: Callable[[T], R], items: Iterable[T], at_once: int = 0) -> list[R]:
    """`[function(item) for item in items]`, a few at a time, in the items' order."""
    with ThreadPoolExecutor(max_workers=at_once or min(4, os.cpu_count() or 1)) as pool:
        try:
            return list(pool.map(function, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for group in tuple(_running):
                _end(group)
            raise
