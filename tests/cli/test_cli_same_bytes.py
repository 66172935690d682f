"""Law 1 with a lock: the same command gives the same bytes of every file, whatever the machine and its caches look like."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fake_index import FakeIndex
from locked import know_names, words

ROOT = Path(__file__).resolve().parents[2]
_STEERING = ("PROXY", "PYTHON", "UV_", "PIP_", "CONDA_", "VIRTUAL_ENV", "NO_COLOR")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What one run sees of its machine."""

    folder: str
    cache: str
    more: tuple[str, ...] = ()
    cores: int = 2
    variables: dict[str, str] = field(default_factory=dict)


MACHINES = (
    Machine(
        folder="one/here",
        cache="first",
        variables={"PYTHONHASHSEED": "0", "TZ": "UTC", "LANG": "C", "LC_ALL": "C", "USER": "a", "LOGNAME": "a"},
    ),
    Machine(folder="warm", cache="first", cores=1, variables={"PYTHONHASHSEED": "1", "TZ": "America/St_Johns"}),
    Machine(folder="off line", cache="first", more=("--offline",), variables={"COLUMNS": "40", "TERM": "xterm"}),
    Machine(
        folder="zwei/Größe/tiefer",
        cache="second",
        cores=1,
        variables={
            "PYTHONHASHSEED": "4242",
            "TZ": "Pacific/Kiritimati",
            "LANG": "de_DE.UTF-8",
            "LC_ALL": "de_DE.UTF-8",
            "USER": "qz-user",
            "LOGNAME": "qz-user",
            "HOSTNAME": "qz-host",
            "CUDA_VISIBLE_DEVICES": "3",
            "CONDA_OVERRIDE_CUDA": "13.0",
            "CONDA_OVERRIDE_GLIBC": "2.12",
            "PYTHONUTF8": "1",
        },
    ),
    Machine(folder="fresh", cache="second", more=("--refresh",), variables={"PYTHONHASHSEED": "7"}),
)


def run(machine: Machine, place: Path, arguments: tuple[str, ...]) -> tuple[dict[str, bytes], str, int]:
    """The files that a run leaves, what it prints, and its status."""
    folder, cache, home = place / machine.folder, place / machine.cache, place / f"home of {machine.folder[:3]}"
    folder.mkdir(parents=True)
    home.mkdir()
    if not cache.exists():
        know_names(cache)
    kept = {name: value for name, value in os.environ.items() if not any(word in name for word in _STEERING)}
    own = {"PYTHONPATH": str(ROOT), "ENVCOMPOSE_CACHE_DIR": str(cache), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "envcompose", *arguments, *machine.more],
        cwd=folder,
        env={**kept, **own, **machine.variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        preexec_fn=_on_cores(machine.cores),
        check=False,
    )
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return files, done.stdout, done.returncode


def _on_cores(count: int) -> Callable[[], None]:
    some = sorted(os.sched_getaffinity(0))[:count]
    return lambda: os.sched_setaffinity(0, some)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["told", "json"])
def test_equal_commands_give_equal_files_whatever_machine_and_caches_look_like(
    form: tuple[str, ...], tmp_path: Path, index: FakeIndex, small_channel: str
) -> None:
    runs = [run(machine, tmp_path, words(index, small_channel, *form)) for machine in MACHINES]
    assert [status for _, _, status in runs] == [0] * len(MACHINES)
    files, out, _ = runs[0]
    assert "pixi.lock" in files
    for others, other_out, _ in runs[1:]:
        assert others == files
        assert other_out == out
    everything = b"".join(files.values())
    for leak in (b"qz-user", b"qz-host", str(tmp_path).encode()):
        assert leak not in everything.replace(small_channel.removeprefix("file://").encode(), b"")
