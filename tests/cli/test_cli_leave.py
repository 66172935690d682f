"""How the process ends once the conda solver was loaded: with the command's own status, and with nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.world.channel_server import ChannelServer, Reply

_SCRIPT = """
import atexit, sys, tempfile
from pathlib import Path
from envcompose.cli.leave import leave
from envcompose.model.record import CondaQuestion, VirtualPackage
from envcompose.world.rattler import RattlerSolver

channel, left = sys.argv[1:3]
atexit.register(Path(left, "handled").touch)
scratch = tempfile.TemporaryDirectory(prefix="scratch-", dir=left)
solver = RattlerSolver(cache=None, settings=())
virtual = (VirtualPackage(name="__glibc", version="2.28"), VirtualPackage(name="__cuda", version="12.4"))
answer = solver.solve(
    CondaQuestion(specs=("pytorch-gpu",), constraints=(), channels=(channel,), subdir="linux-64", virtual=virtual)
)
# Not flushed, as output into a file or a pipe is not until the end.
print(len(answer.records), end="")
leave(7)
"""


# A reader's absence is seen when buffered output is flushed, which a developer's own setting must not bring forward.
_BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}


def ended(channel: str, left: Path) -> subprocess.CompletedProcess[str]:
    left.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _SCRIPT, channel, str(left)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=_BUFFERED)


def test_a_process_that_has_solved_ends_with_its_own_status_its_output_and_its_exit_handlers(
    small_channel: str, tmp_path: Path
) -> None:
    run = ended(small_channel, tmp_path / "left")

    assert (run.returncode, run.stdout, run.stderr) == (7, "8", "")
    assert [path.name for path in (tmp_path / "left").iterdir()] == ["handled"]


def test_a_reader_that_has_gone_does_not_change_the_status_of_a_process_that_has_solved(
    small_channel: str, tmp_path: Path
) -> None:
    tmp_path.joinpath("left").mkdir()
    command = [sys.executable, "-c", _SCRIPT, small_channel, str(tmp_path / "left")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_BUFFERED)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()

    assert (process.wait(timeout=120), said) == (7, b"")


def test_a_process_that_loaded_no_solver_ends_as_every_other() -> None:
    script = (
        "import sys, envcompose.cli.leave as ending\ntry: ending.leave(4)\nexcept SystemExit as left: print(left.code)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (run.returncode, run.stdout) == (0, "4\n")


def test_a_job_that_a_script_started_in_the_background_can_be_cancelled(tmp_path: Path) -> None:
    # A shell that is no terminal starts what stands before an & with interrupts ignored.
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "envcompose", "init", "torch"]
    with ChannelServer(tmp_path, lambda path, right: Reply(pause=30)) as server:
        process = subprocess.Popen(
            [*ignoring, "--index", server.url],
            cwd=tmp_path,
            env={**os.environ, "ENVCOMPOSE_CACHE_DIR": str(tmp_path / "cache")},
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not server.asked and time.monotonic() < deadline:
            time.sleep(0.02)
        process.terminate()
        _, said = process.communicate(timeout=25)

    assert (process.returncode, said.splitlines()[-1][:11]) == (130, "interrupted")


@pytest.mark.slow
def test_of_forty_processes_that_have_solved_none_dies_at_its_end(small_channel: str, tmp_path: Path) -> None:
    assert {ended(small_channel, tmp_path / str(number)).returncode for number in range(40)} == {7}
