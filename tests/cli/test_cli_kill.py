"""`kill -9` at each write of a whole command with a lock: files are old or new, and the next run completes the set."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_index import FakeIndex
from locked import compose, program_at, words
from program import Program

ROOT = Path(__file__).resolve().parents[2]

_KILLED = """
import os, signal, sys
from envcompose.cli.main import main

left, folder = [int(sys.argv[1])], sys.argv[2]

def renamed(event, arguments):
    # A file takes its name: the process dies before that.
    if event == "os.rename" and str(arguments[1]).startswith(folder):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(renamed)
status = main(sys.argv[3:])
sys.stdout.flush()
os._exit(status)
"""


def killed(program: Program, write: int, *arguments: str) -> bool:
    """Run the command in a process that dies before a write; was there such a write?"""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(write), str(program.folder), *arguments],
        cwd=program.folder,
        env=program.environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def files(program: Program) -> dict[str, bytes]:
    """The files of the folder, but for what a killed process had not given a name yet."""
    return {path: data for path, data in program.tree().items() if data is not None and not path.endswith(".new")}


@pytest.fixture
def command(index: FakeIndex, small_channel: str) -> tuple[str, ...]:
    return words(index, small_channel, "--offline")


def test_killed_at_each_write_of_an_update_the_files_are_old_or_new_and_the_next_run_completes_them(
    tmp_path: Path, index: FakeIndex, small_channel: str, command: tuple[str, ...]
) -> None:
    program = program_at(tmp_path / "updated")
    assert compose(program, index, small_channel).status == 0
    old = files(program)
    index.wheel("delta", "0.4")
    assert compose(program, index, small_channel, "--refresh").status == 0
    new = files(program)
    changed = {path for path in new if new[path] != old[path]}
    assert changed == {".envcompose/expect.json", ".envcompose/report.md", "pixi.lock", "pixi.toml"}
    for write in range(1, len(changed) + 1):
        for path, data in old.items():
            (program.folder / path).write_bytes(data)
        assert killed(program, write, *command)
        found = files(program)
        assert {path for path in new if found[path] not in (old[path], new[path])} == set()
        assert len({path for path in changed if found[path] == new[path]}) == write - 1
        assert program.run(*command).status == 0
        assert files(program) == new
        assert program.tree().keys() == {*new, ".envcompose", ".envcompose/verify"}
    assert not killed(program, 1, *command)


@pytest.mark.slow
def test_killed_at_each_write_of_a_first_run_the_files_are_whole_or_not_there(
    tmp_path: Path, index: FakeIndex, small_channel: str, command: tuple[str, ...]
) -> None:
    program = program_at(tmp_path / "first")
    assert compose(program, index, small_channel).status == 0
    new = files(program)
    write = 0
    while True:
        write += 1
        fresh = replace(program, folder=tmp_path / str(write) / "work")
        fresh.folder.mkdir(parents=True)
        if not killed(fresh, write, *command):
            break
        found = files(fresh)
        assert len(found) == write - 1
        assert found == {path: new[path] for path in found}
        assert fresh.run(*command).status == 0
        assert files(fresh) == new
    assert write == len(new) + 1
