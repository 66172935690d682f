"""What is printed: nothing that steers a terminal, no secret, and no failure where nobody reads."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import zlib

import pytest
from fake_index import FakeIndex, Reply
from program import Program


def test_foreign_text_cannot_steer_a_terminal(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_bytes("alpha\x1b[31m\u202e==1\n".encode())
    outcome = program.run("init", "-r", "requirements.txt", "--index", index.url)
    assert outcome.status == 2
    assert "\x1b" not in outcome.err
    assert "\u202e" not in outcome.err
    outcome = program.run("init", "alpha\nerror: all is lost")
    assert outcome.err.splitlines()[0].startswith("error: ")
    assert not any(line.startswith("error: all") for line in outcome.err.splitlines())


def test_foreign_text_cannot_break_out_of_the_files(program: Program, index: FakeIndex):
    index.wheel("theta", "1.0", summary="\x1b[2J <script>", extras=("a\x1b[1m",), files={"theta/\x1b[1m.py": ""})
    assert program.run("init", "theta", "--index", index.url).status == 0
    for content in program.tree().values():
        assert content is None or b"\x1b" not in content


def test_secrets_of_an_index_are_never_printed(program: Program, index: FakeIndex):
    url = f"http://user:pa55word@{index.host}/simple"
    (program.folder / "requirements.txt").write_text(f"--index-url {url}\nalpha==7\n")
    runs = [
        program.run("init", "alpha", "--index", url, "-v"),
        program.run("init", "alpha", "--index", url, "--json", "--force"),
        program.run("init", "-r", "requirements.txt", "-o", "other"),
        program.run("init", "-r", "requirements.txt", "-o", "other", "--json"),
    ]
    assert any(header and header.startswith("Basic ") for header in index.authorizations)
    index.answer = lambda path: Reply(status=403)
    runs += [program.run("init", "alpha", "--index", url, "--refresh", "--force", *more) for more in ([], ["--json"])]
    assert [run.status for run in runs] == [0, 0, 1, 1, 3, 3]
    told = "".join(run.out + run.err for run in runs)
    assert "pa55word" not in told
    assert index.host in told


def test_secrets_of_an_index_reach_no_file(program: Program, index: FakeIndex):
    url = f"http://user:pa55word@{index.host}/simple"
    (program.folder / "requirements.txt").write_text(f"--index-url {url}\nalpha\n")
    assert program.run("init", "alpha", "--index", url, "-o", "one").status == 0
    assert program.run("init", "-r", "requirements.txt", "-o", "two").status == 0
    written = [content or b"" for path, content in program.tree().items() if path != "requirements.txt"]
    assert b"pa55word" not in b"".join(written)
    with contextlib.closing(sqlite3.connect(next(program.cache.glob("*.db")))) as cache:
        rows = cache.execute("select kind, key, text from entry").fetchall()
    assert rows
    assert not any("pa55word" in key or b"pa55word" in zlib.decompress(text) for _, key, text in rows)


def test_secrets_of_conda_channels_are_shown_nowhere(program: Program, index: FakeIndex):
    (program.folder / "environment.yml").write_text(
        "channels: [conda-forge, 'https://conda.example/t/pa55word/one', 'https://user:pa55word@conda.example/two']\n"
        "dependencies:\n- python=3.12\n- https://user:pa55word@conda.example/three::zlib\n- pip: [alpha]\n"
    )
    runs = [
        program.run("init", "-f", "environment.yml", "--index", index.url, "-o", "out", *more)
        for more in ([], ["--dry-run", "--json"])
    ]
    assert [run.status for run in runs] == [0, 0]
    manifest = (program.folder / "out" / "pixi.toml").read_text()
    for channel in ("https://conda.example/one", "https://conda.example/two", "https://conda.example/three"):
        assert f'"{channel}"' in manifest
    written = [content or b"" for path, content in program.tree().items() if path != "environment.yml"]
    assert b"pa55word" not in b"".join(written)
    assert "pa55word" not in "".join(run.out + run.err for run in runs)


def test_an_argument_that_is_no_text_is_one_clear_error(program: Program):
    for arguments in (["alpha", "--name", "x\udcff"], ["-r", "x\udcff"], ["x\udcff"]):
        status, lines = program.fails("init", *arguments)
        assert (status, lines) == (2, ["error: An argument is no UTF-8 text: x\\udcff", "  hint: envcompose --help"])


def test_no_run_without_a_terminal_prints_escape_codes(program: Program, index: FakeIndex):
    outcome = program.run("init", "alpha", "--index", index.url, "-v")
    assert "\x1b" not in outcome.out + outcome.err


def run_apart(program: Program, *arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "envcompose", *arguments]
    variables = options.pop("variables", {})
    return subprocess.run(
        command, cwd=program.folder, env=program.environment(**variables), capture_output=True, check=False, **options
    )


def test_a_reader_that_goes_away_is_no_failure(program: Program, index: FakeIndex):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "envcompose", "init", "alpha", "--index", index.url]
    done = subprocess.run(
        command, cwd=program.folder, env=program.environment(), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (program.folder / "pixi.toml").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_output_that_cannot_be_written_is_an_error(program: Program):
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "envcompose", "recipes", "list"]
        done = subprocess.run(command, env=program.environment(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: the output cannot be written: ")


def test_a_stream_that_knows_few_characters_is_no_reason_to_fail(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_text("alpha\ngamma ; sys_platform == '\u00fc\u2026'\n")
    arguments = ["init", "-r", "requirements.txt", "--index", index.url, "--dry-run"]
    variables = {"PYTHONIOENCODING": "ascii"}
    done = run_apart(program, *arguments, variables=variables)
    assert (done.returncode, done.stderr) == (0, b"")
    done = run_apart(program, *arguments, "--json", variables=variables)
    assert json.loads(done.stdout)["verdict"] == "feasible"
