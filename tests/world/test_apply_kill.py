"""Files are the old ones or the new ones, never torn, also after `kill -9`; a mixed set is recognised and completed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from envcompose.errors import NotOurs, NotWritable
from envcompose.manifest.blocks import BEGIN, END, OPEN_SEAL, is_untouched, sealed
from envcompose.verify.case import Case
from envcompose.verify.check_versions import judge_files
from envcompose.verify.words import ERROR, WARNING
from envcompose.world.apply import PlannedFile, plan_files, write_files
from envcompose.write.bundle import Bundle, digest_of

ROOT = Path(__file__).resolve().parents[2]
PADDING = "x" * 200_000


def bundle(mark: str) -> Bundle:
    """A set of files that say which set they belong to, in the order in which a composition's are written."""
    body = f"# {mark}\n# {PADDING}\n# {mark}\n"
    lines = f'[tool.envcompose]\nset = "{mark * 16}"\nblocks = "{OPEN_SEAL}"'
    manifest = sealed(f"{BEGIN}\n{body}{lines}\n{END}\n")
    named = {".envcompose/report.md": body, "pixi.lock": f"version: 7\n{body}", "pixi.toml": manifest}
    expected = {
        "digest": mark * 16,
        "files": {path: digest_of(text) for path, text in named.items()},
        "padding": PADDING,
    }
    files = {".envcompose/verify/__main__.py": body, ".envcompose/expect.json": json.dumps(expected), **named}
    return Bundle(files=tuple(files.items()), set_digest=mark * 16)


def write(folder: Path, mark: str, *, force: bool = False) -> tuple[str, ...]:
    return write_files(folder, plan_files(folder, bundle(mark), force=force).files, force=force)


def judged(folder: Path) -> set[str]:
    """How severe is what the verifier finds about the files of the set?"""
    document = json.loads((folder / ".envcompose/expect.json").read_text())
    expect = SimpleNamespace(files=document["files"], digest=document["digest"])
    result = judge_files(cast(Case, SimpleNamespace(root=str(folder), expect=expect)))
    return {finding.severity for finding in result.findings}


def recognised(folder: Path) -> bool:
    """Does the verifier see that the files are not of one set?"""
    return ERROR in judged(folder)


def warned(folder: Path) -> bool:
    """Does the verifier see that a file was edited?"""
    return WARNING in judged(folder)


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


STEPPER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_apply_kill import bundle
from envcompose.world.apply import plan_files, write_files

STEPS = {{"open", "os.rename", "os.chmod", "os.remove", "os.mkdir"}}

def write_until(step, folder):
    # Whatever touches the folder is a step; the process dies before it takes the one that was named.
    left = [step]
    planned = plan_files(folder, bundle("b"), force=False).files

    def step_taken(event, arguments):
        if event in STEPS and any(str(a).startswith(str(folder)) for a in arguments if isinstance(a, (str, os.PathLike))):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step_taken)
    write_files(folder, planned, force=False)

for line in sys.stdin:
    step, folder = line.rstrip().split(maxsplit=1)
    child = os.fork()
    if child == 0:
        write_until(int(step), Path(folder))
        os._exit(0)
    print(int(os.WIFSIGNALED(os.waitpid(child, 0)[1])), flush=True)
"""


class Stepper:
    """Writes the set b into folders, in processes that are killed before a step."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def killed_before(self, step: int, folder: Path) -> bool:
        """Was there such a step? Else the set was written to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(step, folder, file=self._process.stdin, flush=True)
        return self._process.stdout.readline() == "1\n"


@contextlib.contextmanager
def stepper() -> Iterator[Stepper]:
    script = STEPPER.format(tests=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        yield Stepper(process)


def test_killed_before_any_step_every_file_is_whole_and_the_set_is_recognised_and_completed(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    old, new = dict(bundle("a").files), dict(bundle("b").files)
    states = set()
    with stepper() as process:
        step = 0
        while True:
            step += 1
            write(folder, "a")
            if not process.killed_before(step, folder):
                break
            found = contents(folder)
            assert {path for path in new if found[path] not in (old[path], new[path])} == set()
            changed = tuple(sorted(path for path in new if found[path] == new[path]))
            states.add(changed)
            # The verifier's own files travel with every set; what was chosen differs from the expectations on.
            assert recognised(folder) == (".envcompose/expect.json" in changed and "pixi.toml" not in changed)
            write(folder, "b")
            assert {path: contents(folder)[path] for path in new} == new
            assert list(folder.rglob("*.new")) == []
    assert step > 20
    # Nothing changes at first; then each file in its order; the manifest is the last.
    assert states == {tuple(sorted(list(new)[:count])) for count in range(len(new))}


def test_killed_before_any_step_an_empty_folder_has_whole_files_or_none(tmp_path: Path) -> None:
    new = dict(bundle("b").files)
    states = set()
    with stepper() as process:
        step = 1
        while process.killed_before(step, folder := tmp_path / str(step)):
            found = contents(folder) if folder.exists() else {}
            ours = {path: text for path, text in found.items() if path in new}
            assert ours == {path: new[path] for path in ours}
            states.add(len(ours))
            write(folder, "b")
            assert {path: contents(folder)[path] for path in new} == new
            step += 1
    assert states == set(range(len(new)))


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    assert plan_files(tmp_path, bundle("a"), force=False).files[-1].path == "pixi.toml"


def test_a_set_that_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, "a")
    planned = plan_files(tmp_path, bundle("a"), force=False).files
    assert {file.action for file in planned} == {"unchanged"}


def test_an_untouched_manifest_of_ours_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    assert contents(tmp_path)["pixi.toml"] == dict(bundle("b").files)["pixi.toml"]


@pytest.mark.parametrize("edit", ["\n# mine\n", " "])
def test_a_manifest_whose_blocks_were_edited_is_refused_and_kept(tmp_path: Path, edit: str) -> None:
    write(tmp_path, "a")
    manifest = tmp_path / "pixi.toml"
    manifest.write_text(manifest.read_text().replace("set =", f"{edit}set ="))
    before = contents(tmp_path)
    with pytest.raises(NotOurs) as caught:
        write(tmp_path, "b")
    assert caught.value.exit_status == 4
    assert contents(tmp_path) == before


def test_the_users_lines_around_the_blocks_stay_and_the_expectations_name_them(tmp_path: Path) -> None:
    write(tmp_path, "a")
    manifest = tmp_path / "pixi.toml"
    manifest.write_text(manifest.read_text() + "\n[tasks]\nmine = 'true'\n")
    assert not warned(tmp_path)
    assert write(tmp_path, "b") == ()
    assert contents(tmp_path)["pixi.toml"] == dict(bundle("b").files)["pixi.toml"] + "\n[tasks]\nmine = 'true'\n"
    expected = json.loads((tmp_path / ".envcompose/expect.json").read_text())
    assert expected["files"]["pixi.toml"] == digest_of(manifest.read_text())
    assert not warned(tmp_path)
    manifest.write_text(manifest.read_text().replace(END, f"x = 1\n{END}"))
    assert not warned(tmp_path)
    settled = manifest.read_text()
    for marks in (f"{BEGIN}\n", f"{BEGIN}\n{END}\n"):
        manifest.write_text(settled + marks)
        assert (warned(tmp_path), is_untouched(manifest.read_text())) == (True, False)
    manifest.write_text(settled)
    manifest.write_text(manifest.read_text().replace(BEGIN, f"{BEGIN}\n# mine"))
    assert warned(tmp_path)


def test_force_keeps_lines_around_edited_blocks_and_the_edited_manifest_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "a")
    manifest = tmp_path / "pixi.toml"
    edited = manifest.read_text().replace("set =", "x = 1\nset =") + "\n[tasks]\nmine = 'true'\n"
    manifest.write_text(edited)
    assert write(tmp_path, "b", force=True) == ("the old pixi.toml is kept as pixi.toml.old",)
    assert manifest.read_text() == dict(bundle("b").files)["pixi.toml"] + "\n[tasks]\nmine = 'true'\n"
    assert (tmp_path / "pixi.toml.old").read_text() == edited


def test_lines_that_clash_with_what_is_composed_are_in_the_way_until_force(tmp_path: Path) -> None:
    write(tmp_path, "a")
    manifest = tmp_path / "pixi.toml"
    edited = manifest.read_text() + "\n[tasks]\nmine = 'true'\n"
    manifest.write_text(edited)
    other = bundle("b")
    text = dict(other.files)["pixi.toml"].replace("[tool.", "[tasks]\nmine = 'false'\n[tool.")
    other = other.with_manifest(text)
    with pytest.raises(NotOurs) as caught:
        plan_files(tmp_path, other, force=False)
    number = edited.splitlines().index("mine = 'true'") + 1
    assert caught.value.sentence == f"pixi.toml, line {number}, is in the way: mine of [tasks] is composed too"
    assert write_files(tmp_path, plan_files(tmp_path, other, force=True).files, force=True) == (
        "the old pixi.toml is kept as pixi.toml.old",
    )
    assert (manifest.read_text(), (tmp_path / "pixi.toml.old").read_text()) == (text, edited)


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


def test_where_a_set_cannot_be_written_no_folder_is_left_and_the_path_is_seen_from_here(tmp_path: Path) -> None:
    folder = tmp_path / "ro"
    folder.mkdir()
    (folder / "pixi.lock").symlink_to("nowhere")
    planned = plan_files(folder, bundle("a"), force=False).files
    with contextlib.chdir(tmp_path), pytest.raises(NotWritable) as caught:
        write_files(folder, planned, force=False)
    assert (caught.value.file, caught.value.sentence) == (
        "ro/pixi.lock",
        "ro/pixi.lock cannot be written: it is a link to nowhere, where there is no file",
    )
    assert [path.name for path in folder.iterdir()] == ["pixi.lock"]
    # What was found out too late for that: the file of a later folder cannot be made.
    (folder / "pixi.lock").unlink()
    files = (
        PlannedFile(path="a/b/new", text="", action="create"),
        PlannedFile(path="x" * 300, text="", action="create"),
    )
    with pytest.raises(NotWritable):
        write_files(folder, files, force=False)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable):
        write_files(tmp_path / "file" / "below", plan_files(tmp_path, bundle("a"), force=False).files, force=False)
