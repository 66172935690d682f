"""The resolver port: uv, the resolver inside pixi, behind a loopback index, never building anything."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from envcompose.errors import ResolverBroken
from envcompose.ports import Answer, Question, Universe
from envcompose.world.loopback import Loopback

_PLATFORMS = {
    "linux-64": "x86_64-manylinux_2_40",
    "linux-aarch64": "aarch64-manylinux_2_40",
    "linux-riscv64": "riscv64-unknown-linux",
    "osx-64": "x86_64-apple-darwin",
    "osx-arm64": "aarch64-apple-darwin",
    "win-64": "x86_64-pc-windows-msvc",
    "win-arm64": "aarch64-pc-windows-msvc",
}
"""uv only has to know the system: which wheels fit the target's glibc is decided in the universe, for any glibc."""

_SHARED_MEMORY = "/dev/shm"

_INFEASIBLE = ("No solution found", "Because ", "Requirements contain conflicting")


class UvResolver:
    """Runs `uv pip compile` for each question. A context manager: it owns the loopback index and uv's scratch folder."""

    def __init__(
        self, tell: Callable[[str], None] = lambda line: None, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """`meanwhile` is called once, while uv starts: what the caller will need later may be loaded there."""
        self._tell = tell
        self._meanwhile = meanwhile
        self._loopback = Loopback()
        self._scratch = tempfile.TemporaryDirectory(prefix="envcompose-", dir=_memory())
        self._asking: subprocess.Popen[bytes] | None = None
        self.resolves = 0

    def __enter__(self) -> UvResolver:
        self._loopback.__enter__()
        self._asking = _ask_interpreter(self._scratch.name)
        return self

    def __exit__(self, *_: object) -> None:
        self._loopback.__exit__()
        if self._asking is not None:
            self._asking.kill()
            self._asking.wait()
        self._scratch.cleanup()

    def resolve(self, question: Question, universe: Universe) -> Answer:
        """See ports.Resolver."""
        self.resolves += 1
        if self._asking is not None:
            self._asking.wait()
        url = self._loopback.show(universe)
        folder = Path(self._scratch.name) / f"r{self.resolves}"
        folder.mkdir()
        status, words = self._run(self._command(question, url, folder))
        self._loopback.end(url)
        error = self._loopback.error_of(url)
        if error is not None:
            raise error
        words = words.replace(url, "the index").replace(str(folder), "").strip()
        self._tell(words)
        if status == 0:
            return Answer(pins=_pins((folder / "out.txt").read_text(encoding="utf-8")), words=words)
        if any(mark in words for mark in _INFEASIBLE) or "no version of" in words:
            return Answer(pins=None, words=words)
        raise ResolverBroken(words=words or f"it ended with status {status}")

    def _run(self, command: list[str]) -> tuple[int, str]:
        """The status of a process and what it said on standard error."""
        with subprocess.Popen(
            command,
            env=_environment(self._scratch.name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                meanwhile, self._meanwhile = self._meanwhile, lambda: None
                meanwhile()
                _, words = process.communicate()
            except BaseException:
                process.kill()
                raise
        return process.returncode, words

    def _command(self, question: Question, url: str, folder: Path) -> list[str]:
        import uv

        options: list[str] = []
        _write_lines(folder / "in.txt", question.requirements)
        for flag, lines in (("--constraints", question.constraints), ("--overrides", question.overrides)):
            if lines:
                options += [flag, _write_lines(folder / f"{flag[2:]}.txt", lines)]
        options += ["--python", sys.executable, "--python-version", question.python]
        options += ["--python-platform", _PLATFORMS[question.subdir]]
        options += [
            "--default-index",
            url,
            "--no-build",
            "--no-header",
            "--no-annotate",
            "--no-progress",
            "--color",
            "never",
        ]
        options += ["--prerelease", question.prereleases, "--resolution", question.strategy]
        if question.preferences:
            # uv keeps the versions of an output that is there already, wherever they fit.
            _write_lines(folder / "out.txt", [f"{name}=={version}" for name, version in question.preferences.items()])
        return [uv.find_uv_bin(), "pip", "compile", *options, "-o", str(folder / "out.txt"), str(folder / "in.txt")]


def _memory() -> str | None:
    """A folder in memory, where there is one: what a resolve leaves is small, and gone before a disk has taken it."""
    return _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) and os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None


def _ask_interpreter(scratch: str) -> subprocess.Popen[bytes] | None:
    """Let uv look at the interpreter while the search still reads: the first resolve then finds it in the scratch cache.

    It resolves nothing at all for that. Where it fails, the resolve itself looks, and tells why.
    """
    import uv

    nothing = _write_lines(Path(scratch) / "nothing.txt", ())
    try:
        return subprocess.Popen(
            [uv.find_uv_bin(), "pip", "compile", "--no-build", "--offline", "--python", sys.executable, nothing],
            env=_environment(scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _write_lines(path: Path, lines: Sequence[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def _environment(scratch: str) -> dict[str, str]:
    """The user's environment without what would steer uv away from the loopback index."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("UV_", "PIP_", "VIRTUAL_ENV", "CONDA_"))
    }
    kept |= {"UV_NO_CONFIG": "1", "UV_CACHE_DIR": os.path.join(scratch, "cache"), "UV_PYTHON_DOWNLOADS": "never"}
    return kept | {
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "UV_HTTP_TIMEOUT": "600",
        "RUST_MIN_STACK": "8388608",
    }


def _pins(text: str) -> dict[str, str]:
    """Names and versions of a compiled requirements file; hashes and annotations were not asked for."""
    pins = {}
    for line in text.splitlines():
        head = line.split(";")[0].split("#")[0].strip()
        name, equal, version = head.partition("==")
        if equal:
            pins[name.split("[")[0].strip()] = version.strip()
    return pins
