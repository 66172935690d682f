"""The laws of design.md on the whole program, in processes of its own, offline over a seeded cache."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.replay.recording import load_recording
from tests.replay.seed import seed_cache

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("init", "torch", "xformers", "flash-attn>=2.8", "--cuda", "12.8", "--offline")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    seed_cache(load_recording(), folder)
    return folder


@pytest.fixture
def trap() -> Iterator[Trap]:
    with Trap() as made:
        yield made


class Trap:
    """A proxy that nobody should ask; counts who does."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Trap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()


@dataclass(frozen=True, kw_only=True)
class Run:
    status: int
    out: str
    err: str
    files: dict[str, bytes]


def run_program(
    arguments: tuple[str, ...],
    folder: Path,
    cache: Path,
    *,
    events: Path | None = None,
    variables: dict[str, str] | None = None,
) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    module = ["-m", "envcompose"] if events is None else ["-m", "tests.replay.watched", str(events)]
    steering = ("PROXY", "PYTHON", "UV_", "PIP_", "CONDA_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in steering)}
    done = subprocess.run(
        [sys.executable, *module, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "ENVCOMPOSE_CACHE_DIR": str(cache), **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    written = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return Run(status=done.returncode, out=done.stdout, err=done.stderr, files=written)


def test_equal_inputs_give_equal_bytes_whatever_the_machine_looks_like(tmp_path: Path, cache: Path) -> None:
    machines = {
        "one/here": {"PYTHONHASHSEED": "0", "TZ": "UTC", "HOME": str(tmp_path / "h1"), "LANG": "C"},
        "two/there/deeper": {
            "PYTHONHASHSEED": "4242",
            "TZ": "Pacific/Kiritimati",
            "HOME": str(tmp_path / "h2"),
            "LANG": "de_DE.UTF-8",
            "USER": "somebody",
            "HOSTNAME": "elsewhere",
            "CUDA_VISIBLE_DEVICES": "3",
            "CONDA_PREFIX": str(tmp_path),
            "PYTHONUTF8": "1",
        },
    }
    runs = [
        run_program((*COMMAND, *form), tmp_path / place / "".join(form), cache, variables=variables)
        for place, variables in machines.items()
        for form in ((), ("--json",))
    ]
    assert [run.status for run in runs] == [0, 0, 0, 0], runs[0].err
    (told, document, told_there, document_there) = runs
    assert told_there.files == told.files
    assert told_there.out == told.out
    assert document_there.out == document.out
    assert document.files == told.files
    everything = b"".join(told.files.values()) + told.out.encode() + document.out.encode()
    # A short host name may be part of any word.
    host = socket.gethostname()
    for leak in (str(tmp_path), "127.0.0.1", *([host] if len(host) > 5 else [])):
        assert leak.encode() not in everything


def test_offline_no_connection_leaves_loopback_and_no_process_but_uv_without_builds_is_started(
    tmp_path: Path, cache: Path, trap: Trap
) -> None:
    events_file = tmp_path / "events.json"
    proxies = {name: trap.url for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")}
    run = run_program(COMMAND, tmp_path / "work", cache, events=events_file, variables=proxies)
    assert run.status == 0, run.err
    events = json.loads(events_file.read_text())
    started = [event for event in events if event[0] not in ("socket.connect",)]
    assert {event[0] for event in started} == {"subprocess.Popen"}
    for _, program, *words in started:
        assert Path(program).name == "uv"
        assert words[:2] == ["pip", "compile"]
        assert "--no-build" in words
    assert [event for event in events if event[0] == "socket.connect" and "'127.0.0.1'" not in event[1]] == []
    assert trap.visits == 0


def test_the_watch_sees_connections(tmp_path: Path, cache: Path) -> None:
    # The test above would be worthless if the hook saw nothing: online, with a closed port as index, it must see some.
    events_file = tmp_path / "events.json"
    arguments = ("init", "einops", "--index", "http://127.0.0.1:9/simple")
    run = run_program(arguments, tmp_path / "work", cache, events=events_file)
    assert run.status == 3
    events = json.loads(events_file.read_text())
    assert "socket.connect" in {event[0] for event in events}
    assert run.files == {}


def test_offline_without_a_cache_is_one_clear_error_and_nothing_is_written(tmp_path: Path) -> None:
    run = run_program(COMMAND, tmp_path / "work", tmp_path / "empty")
    assert (run.status, run.out, run.files) == (3, "", {})
    assert run.err.startswith("error: The project page of ")
    assert "--offline forbids asking" in run.err


def test_a_cache_that_cannot_be_written_changes_no_byte(tmp_path: Path, cache: Path) -> None:
    before = run_program(COMMAND, tmp_path / "one", cache)
    # A second run reads what the first one left beside the seed (analyses), and must come to the same.
    after = run_program(COMMAND, tmp_path / "two", cache)
    assert (after.files, after.out) == (before.files, before.out)
