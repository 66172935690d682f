"""What a terminal gets: colour, progress, and signals."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress

import pytest
from fake_index import FakeIndex
from program import Program

from envcompose.cli.terminal import folded


class Terminal(io.StringIO):
    """A terminal of which nobody knows how wide it is."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(program: Program, *arguments: str, columns: int = 0, **variables: str) -> str:
    """Run it with all streams on one terminal; gives what the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = program.environment(**{"TERM": "xterm", **variables})
    command = [sys.executable, "-m", "envcompose", *arguments]
    done = subprocess.Popen(command, cwd=program.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    got = b""
    with suppress(OSError):  # a terminal whose last program has gone cannot be read (Linux)
        while piece := os.read(ours, 65536):
            got += piece
    os.close(ours)
    done.wait()
    return got.decode()


def test_an_error_is_bold_on_a_terminal_unless_no_color_is_set(program: Program):
    assert on_a_terminal(program, "init", "axoltl").startswith("\x1b[1merror:\x1b[0m axoltl")
    assert on_a_terminal(program, "init", "axoltl", NO_COLOR="1").startswith("error: axoltl")
    assert on_a_terminal(program, "init", "axoltl", TERM="dumb").startswith("error: axoltl")


def test_the_last_words_are_bold_and_whole_on_a_terminal(program: Program, index: FakeIndex):
    got = on_a_terminal(program, "init", "alpha", "--python", "3.12", "--index", index.url)
    assert "\x1b[1malpha, Python 3.12\x1b[0m\r\n" in got
    assert "?[1m" not in got


def test_progress_is_drawn_for_what_takes_long_and_cleared_again(program: Program, index: FakeIndex):
    index.answer = lambda path: time.sleep(1)
    got = on_a_terminal(program, "init", "alpha", "--index", index.url, NO_COLOR="1")
    assert " … 1 s" in got
    assert "\r\x1b[Kalpha" in got
    dumb = on_a_terminal(program, "init", "alpha", "--index", index.url, "--refresh", TERM="dumb")
    assert "\x1b" not in dumb


def test_a_narrow_terminal_gets_lines_that_fit_and_a_pipe_whole_ones(program: Program, index: FakeIndex):
    arguments = ("init", "alpha", "--cuda", "11.7", "--python", "3.12", "--index", index.url)
    got = on_a_terminal(program, *arguments, columns=40, TERM="dumb").splitlines()
    prose = got[: got.index("Cost and standing")]
    assert "  warning: nothing here uses CUDA, so" in prose
    assert max(len(line) for line in prose if " " in line.strip()) <= 40
    assert max(len(line) for line in program.run(*arguments).out.splitlines()) > 40


def test_errors_are_folded_on_a_terminal_but_commands_and_carets_stay_whole(program: Program, index: FakeIndex):
    wrong = ("init", "alpha==2.0.0.0.0.0.0.0.0.0.0 nonsense", "--index", index.url)
    got = on_a_terminal(program, *wrong, columns=40, TERM="dumb").splitlines()
    assert got[:2] == ["error: A requirement on the command line", "  does not parse: Expected comma (within"]
    assert "    alpha==2.0.0.0.0.0.0.0.0.0.0 nonsense" in got
    status, lines = program.fails(*wrong)
    assert (status, lines[0][:66]) == (2, "error: A requirement on the command line does not parse: Expected ")
    command = "  hint: envcompose init" + " alpha" * 30
    assert folded(command, Terminal()) == command
    assert [len(line) for line in folded("  " + "word " * 30, Terminal()).splitlines()] == [96, 58]
    assert folded("  " + "word " * 30, io.StringIO()) == "  " + "word " * 30


def test_progress_stays_on_one_line_of_a_narrow_terminal(program: Program, index: FakeIndex):
    index.answer = lambda path: time.sleep(1)
    got = on_a_terminal(program, "init", "alpha", "--index", index.url, columns=24, NO_COLOR="1")
    drawn = [piece.partition("\r")[0] for piece in got.split("\r\x1b[K")[1:]]
    told = [piece for piece in drawn if piece.endswith(" s")]
    assert told
    assert max(map(len, told)) < 24


def interrupted(program: Program, index: FakeIndex, sent: int, *more: str) -> tuple[int | None, bytes, bytes]:
    """Interrupt a run while it asks the index; its status and what it printed."""
    index.answer = lambda path: time.sleep(2)
    scratch = program.folder.parent / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "envcompose", "init", "alpha", "--index", index.url, *more]
    environment = program.environment(TMPDIR=str(scratch))
    done = subprocess.Popen(command, cwd=program.folder, env=environment, stdout=-1, stderr=-1)
    deadline = time.monotonic() + 20
    while not index.asked and time.monotonic() < deadline:
        time.sleep(0.02)
    done.send_signal(sent)
    out, err = done.communicate(timeout=20)
    assert program.tree() == {}
    assert list(scratch.iterdir()) == []
    return done.returncode, out, err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_nothing_and_leaves_no_scratch_files(program: Program, index: FakeIndex, sent: int):
    assert interrupted(program, index, sent) == (130, b"", b"interrupted; nothing was written\n")


def test_an_interrupted_run_with_json_is_a_document_with_what_was_read(program: Program, index: FakeIndex):
    status, out, err = interrupted(program, index, signal.SIGINT, "--json")
    assert (status, err) == (130, b"")
    document = json.loads(out)
    assert (document["verdict"], [entry["text"] for entry in document["requirements"]]) == ("error", ["alpha"])
    found = [(one["code"], one["level"], one["text"]) for one in document["messages"]]
    assert ("interrupted", "error", "interrupted; nothing was written") in found


def test_who_interrupts_the_writing_is_told_that_files_may_be_the_new_ones(program: Program, index: FakeIndex):
    stopping = (
        "import sys\n"
        "from envcompose.cli.main import main\n"
        "def stop(event, arguments):\n"
        "    if event == 'os.rename' and str(arguments[1]).endswith('pixi.toml'):\n"
        "        raise KeyboardInterrupt\n"
        "sys.addaudithook(stop)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", stopping, "init", "alpha", "--index", index.url]
    done = subprocess.run(command, cwd=program.folder, env=program.environment(), capture_output=True, check=False)
    said = b"interrupted; each file is still the old one, or already the new one\n"
    assert (done.returncode, done.stderr) == (130, said)
    assert not (program.folder / "pixi.toml").exists()
