"""What a user wrote around the blocks of a manifest stays when it is composed again (law 5)."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fake_index import FakeIndex
from locked import compose, program_at
from program import Program

from envcompose.api import Inputs, Wishes, compose_environment
from tests.conda_channel import Package, write_channel

TASK = '\n[tasks.train]\ncmd = "python train.py"  # mine\n'


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    packages = (Package(name="python", version="3.12.7"), Package(name="jupyterlab", version="4.0"))
    return write_channel(tmp_path_factory.mktemp("channel"), packages)


def put_into(program: Program, table: str, line: str) -> None:
    """Write a line behind the block of a table."""
    path = program.folder / "pixi.toml"
    head, mark, rest = path.read_text().partition(f"[{table}]\n")
    path.write_text(head + mark + rest.replace("# <<< envcompose\n", f"# <<< envcompose\n{line}\n", 1))


def test_a_task_of_the_users_stays_and_so_does_the_lock(tmp_path: Path, index: FakeIndex, channel: str):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    manifest = program.folder / "pixi.toml"
    lock = (program.folder / "pixi.lock").read_bytes()
    manifest.write_text(manifest.read_text() + TASK)
    before = manifest.read_text()
    outcome = compose(program, index, channel)
    assert (outcome.status, manifest.read_text()) == (0, before)
    assert "Wrote .envcompose/expect.json\n" in outcome.out
    assert "Wrote nothing new" in compose(program, index, channel).out
    assert compose(program, index, channel, "--glibc", "2.31").status == 0
    assert manifest.read_text().endswith(TASK)
    assert 'glibc = "2.31"' in manifest.read_text()
    assert compose(program, index, channel).status == 0
    assert (manifest.read_text(), (program.folder / "pixi.lock").read_bytes()) == (before, lock)
    assert program.run("lock", "--check").status == 0


def expectations(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((program.folder / ".envcompose" / "expect.json").read_text())
    return found


def test_a_dependency_of_the_users_stays_and_so_does_the_lock_that_has_it(
    tmp_path: Path, index: FakeIndex, channel: str
):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    put_into(program, "dependencies", 'jupyterlab = "*"  # for me')
    assert program.run("lock").status == 0
    lock = (program.folder / "pixi.lock").read_bytes()
    assert b"jupyterlab" in lock
    outcome = compose(program, index, channel)
    assert outcome.status == 0
    lines = " ".join(outcome.out.split())
    assert "pixi.lock stays as it is: it holds what your own lines in pixi.toml ask for too" in lines
    assert "warning" not in lines
    assert "Next: pixi run verify (installs, then checks)" in lines
    manifest = (program.folder / "pixi.toml").read_text()
    assert tomllib.loads(manifest)["dependencies"] == {"python": "3.12.*", "jupyterlab": "*"}
    assert (program.folder / "pixi.lock").read_bytes() == lock
    expected = expectations(program)
    assert expected["files"]["pixi.lock"] == hashlib.sha256(lock).hexdigest()
    assert expected["locked"] == {"alpha": "1.0", "beta": "2.1", "delta": "0.3"}
    assert program.run("lock", "--check").status == 0


def test_composing_and_locking_by_turns_changes_nothing_more(tmp_path: Path, index: FakeIndex, channel: str):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    path = program.folder / "pixi.toml"
    path.write_text(
        path.read_text() + '\n[feature.dev.dependencies]\njupyterlab = "*"\n\n[environments]\ndev = ["dev"]\n'
    )
    assert compose(program, index, channel).status == 0
    assert expectations(program)["locked"] is None
    assert program.run("lock").status == 0
    assert compose(program, index, channel).status == 0
    before = program.tree()
    for _ in range(2):
        assert "Wrote nothing new" in compose(program, index, channel).out
        assert program.run("lock").status == 0
        assert program.tree() == before
    document = compose(program, index, channel, "--json").document
    assert (document["messages"][0]["code"], document["messages"][0]["level"]) == ("lock-kept", "note")
    assert {file["path"]: file["action"] for file in document["files"]}["pixi.lock"] == "unchanged"


def test_a_lock_that_lacks_what_own_lines_ask_for_is_told_to_fit_no_longer(
    tmp_path: Path, index: FakeIndex, channel: str
):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    lock = (program.folder / "pixi.lock").read_bytes()
    put_into(program, "dependencies", 'jupyterlab = "*"')
    outcome = compose(program, index, channel)
    assert outcome.status == 0
    lines = " ".join(outcome.out.split())
    assert "your own lines in pixi.toml ask for more than was composed; the one that is there no longer fits: " in lines
    assert "hint: envcompose lock writes one for all lines of pixi.toml" in lines
    assert "Next: pixi run verify (locks, installs, then checks)" in lines
    assert (program.folder / "pixi.lock").read_bytes() == lock
    expected = expectations(program)
    assert (sorted(expected["files"]), expected["locked"]) == ([".envcompose/report.md", "pixi.toml"], None)
    document = compose(program, index, channel, "--json").document
    assert [m["code"] for m in document["messages"] if "your own lines" in m["text"]] == ["no-lock"]
    assert document["standing"]["pixi"] is None
    (program.folder / "pixi.lock").unlink()
    text = compose(program, index, channel, "--json").document["messages"][0]["text"]
    assert text.endswith("your own lines in pixi.toml ask for more than was composed")


def test_a_lock_that_nobody_can_read_is_told_to_fit_no_longer(tmp_path: Path, index: FakeIndex, channel: str):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    put_into(program, "dependencies", 'jupyterlab = "*"')
    (program.folder / "pixi.lock").write_text("version: [\n")
    text = compose(program, index, channel, "--json").document["messages"][0]["text"]
    assert "the one that is there no longer fits: pixi.lock, line " in text


def test_an_own_line_that_pixi_refuses_is_told_as_that_with_its_line(tmp_path: Path, index: FakeIndex, channel: str):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    path = program.folder / "pixi.toml"
    path.write_text(path.read_text() + "\n[bogus]\nx = 1\n")
    document = compose(program, index, channel, "--json").document
    number = path.read_text().splitlines().index("[bogus]") + 1
    message = document["messages"][0]
    start = f"no pixi.lock is written: pixi.toml, line {number} is no manifest that pixi accepts: "
    assert message["text"].startswith(start)
    assert (message["code"], message["level"], message["line"]) == ("no-lock", "warning", number)
    assert "ask for more" not in str(document["messages"])
    assert document["standing"]["pixi"] is None
    assert program.run("lock").err.splitlines()[0].removeprefix("error: ") in message["text"]


def test_a_librarys_caller_hears_of_the_lock_that_is_not_written(tmp_path: Path, index: FakeIndex, channel: str):
    program = program_at(tmp_path)
    assert compose(program, index, channel).status == 0
    put_into(program, "dependencies", 'jupyterlab = "*"')
    wishes = Wishes(python="3.12", index=index.url, channels=(channel,))
    with pytest.MonkeyPatch.context() as context:
        context.setenv("ENVCOMPOSE_CACHE_DIR", str(program.cache))
        inputs = Inputs(words=("alpha",), base=program.folder)
        result = compose_environment(inputs, wishes, folder=program.folder)
        assert ("pixi.lock" in result.texts, result.composition.locked) == (False, False)
        assert program.run("lock").status == 0
        result = compose_environment(inputs, wishes, folder=program.folder)
    assert ("pixi.lock" in result.texts, result.composition.locked) == (True, True)


def test_what_pixi_add_writes_at_the_end_of_a_block_stays(program: Program, index: FakeIndex):
    program.run("init", "delta", "--index", index.url)
    path = program.folder / "pixi.toml"
    line = next(line for line in path.read_text().splitlines() if line.startswith("delta ="))
    path.write_text(path.read_text().replace(line, f'{line}\nepsilon = "*"'))
    assert program.run("init", "alpha", "--index", index.url).status == 0
    assert tomllib.loads(path.read_text())["pypi-dependencies"] == {"alpha": "==1.0", "epsilon": "*"}
    assert '# <<< envcompose\nepsilon = "*"\n' in path.read_text()


def test_a_line_that_is_composed_too_is_in_the_way_with_its_number(program: Program, index: FakeIndex):
    program.run("init", "delta", "--index", index.url)
    put_into(program, "pypi-dependencies", 'alpha = "==0.9"')
    before = (program.folder / "pixi.toml").read_text()
    number = before.splitlines().index('alpha = "==0.9"') + 1
    status, lines = program.fails("init", "alpha", "delta", "--index", index.url)
    assert (status, lines[:2]) == (
        4,
        [
            f"error: pixi.toml, line {number}, is in the way: alpha of [pypi-dependencies] is composed too",
            "  hint: take your line out: a block has one for the same now",
        ],
    )
    assert (program.folder / "pixi.toml").read_text() == before


def test_own_lines_that_are_no_toml_are_in_the_way_before_anybody_is_asked(program: Program, index: FakeIndex):
    program.run("init", "delta", "--index", index.url)
    path = program.folder / "pixi.toml"
    path.write_text(path.read_text() + "\n[tasks.mine\n")
    index.asked.clear()
    status, lines = program.fails("init", "delta", "--index", index.url)
    assert status == 4
    assert lines[0].startswith("error: pixi.toml is in the way: it is no TOML: ")
    assert index.asked == []


def test_a_login_in_a_line_of_the_users_is_in_no_document(program: Program, index: FakeIndex):
    program.run("init", "delta", "--index", index.url)
    path = program.folder / "pixi.toml"
    path.write_text(path.read_text() + '\n[feature.x.pypi-options]\nindex-url = "https://me:hunter2@index.example/"\n')
    outcome = program.run("init", "delta", "--index", index.url, "--json", "--dry-run")
    assert outcome.status == 0
    assert "hunter2" not in outcome.out
    assert "hunter2" in path.read_text()
