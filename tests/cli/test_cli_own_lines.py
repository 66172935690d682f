"""What a user wrote around the blocks of a manifest stays when it is composed again (law 5)."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from fake_index import FakeIndex
from locked import compose, program_at
from program import Program

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


def test_a_dependency_of_the_users_stays_and_no_lock_that_lacks_it_is_written(
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
    assert "your own lines in pixi.toml ask for more than was composed" in lines
    assert "hint: envcompose lock writes one for all lines of pixi.toml" in lines
    assert "Next: pixi run verify (locks, installs, then checks)" in lines
    manifest = (program.folder / "pixi.toml").read_text()
    assert tomllib.loads(manifest)["dependencies"] == {"python": "3.12.*", "jupyterlab": "*"}
    assert (program.folder / "pixi.lock").read_bytes() == lock
    expected = json.loads((program.folder / ".envcompose" / "expect.json").read_text())
    assert (sorted(expected["files"]), expected["locked"]) == ([".envcompose/report.md", "pixi.toml"], None)
    document = compose(program, index, channel, "--json").document
    assert [m["code"] for m in document["messages"] if "your own lines" in m["text"]] == ["no-lock"]
    assert document["standing"]["pixi"] is None
    assert program.run("lock", "--check").status == 0


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
