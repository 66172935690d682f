"""Files are the old ones or the new ones, never torn, also after `kill -9`; a mixed set is completed by the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from envcompose.errors import NotOurs, NotWritable
from envcompose.world.apply import plan_files, write_files
from envcompose.write.bundle import Bundle, sealed

ROOT = Path(__file__).resolve().parents[2]
PADDING = "x" * 200_000


def bundle(mark: str) -> Bundle:
    """A set of files whose every line says which set it belongs to."""
    body = f"# {mark}\n{PADDING}\n# {mark}\n"
    paths = [".envcompose/verify/__main__.py", ".envcompose/expect.json", ".envcompose/report.md"]
    return Bundle(files=(*((path, body) for path in paths), ("pixi.toml", sealed(body))), set_digest=mark * 16)


def write(folder: Path, mark: str, *, force: bool = False) -> tuple[str, ...]:
    return write_files(folder, plan_files(folder, bundle(mark), force=force), force=force)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".new")
    }


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_apply_kill import write
print("ready", flush=True)
while True:
    for mark in "ab":
        write(Path(sys.argv[1]), mark)
"""


@pytest.mark.parametrize("milliseconds", [1, 3, 7, 13, 29, 53])
def test_after_kill_9_every_file_is_whole_and_the_next_run_completes_the_set(tmp_path: Path, milliseconds: int) -> None:
    write(tmp_path, "a")
    script = textwrap.dedent(WRITER.format(tests=str(Path(__file__).parent)))
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(milliseconds / 1000)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    whole = {path: {text} | {dict(bundle("b").files)[path]} for path, text in bundle("a").files}
    found = contents(tmp_path)
    assert {path for path in whole if found[path] not in whole[path]} == set()
    write(tmp_path, "b")
    assert {path: contents(tmp_path)[path] for path, _ in bundle("b").files} == dict(bundle("b").files)


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    assert plan_files(tmp_path, bundle("a"), force=False)[-1].path == "pixi.toml"


def test_a_set_that_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, "a")
    planned = plan_files(tmp_path, bundle("a"), force=False)
    assert {file.action for file in planned} == {"unchanged"}


def test_an_untouched_manifest_of_ours_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    assert contents(tmp_path)["pixi.toml"] == dict(bundle("b").files)["pixi.toml"]


@pytest.mark.parametrize("edit", ["\n# mine\n", " "])
def test_a_manifest_edited_by_hand_is_refused_and_kept(tmp_path: Path, edit: str) -> None:
    write(tmp_path, "a")
    manifest = tmp_path / "pixi.toml"
    manifest.write_text(manifest.read_text() + edit)
    before = contents(tmp_path)
    with pytest.raises(NotOurs) as caught:
        write(tmp_path, "b")
    assert caught.value.exit_status == 4
    assert contents(tmp_path) == before


def test_force_keeps_every_manifest_of_the_users_beside_the_new_one(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / "pixi.toml").write_text(f"# mine {number}\n")
        write(tmp_path, "a", force=True)
    found = contents(tmp_path)
    assert found["pixi.toml"] == dict(bundle("a").files)["pixi.toml"]
    kept = sorted(text for path, text in found.items() if path.startswith("pixi.toml.old"))
    assert kept == ["# mine 1\n", "# mine 2\n", "# mine 3\n"]


def test_lines_of_the_users_gitignore_stay_and_ours_come_once(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.ckpt")
    write(tmp_path, "a")
    write(tmp_path, "b")
    assert contents(tmp_path)[".gitignore"] == "*.ckpt\n.pixi/\n"


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable):
        write_files(tmp_path / "file" / "below", plan_files(tmp_path, bundle("a"), force=False), force=False)
