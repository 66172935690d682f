"""`envcompose lock` as a user runs it: what it writes, what it says, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from fake_index import FakeIndex
from lock_document import document
from program import Program

from tests.world.lock_parts import Workspace

PIXI = """#!/bin/sh
[ "$1" = --version ] && echo pixi 0.77.0 && exit 0
echo "lock file not up-to-date" >&2
exit {status}
"""


def put_pixi(folder: Path, status: int) -> str:
    """A pixi that gives one verdict; the PATH that has it."""
    folder.mkdir()
    path = folder / "pixi"
    path.write_text(PIXI.format(status=status), encoding="utf-8")
    path.chmod(0o755)
    return f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"


def test_the_lock_is_written_and_told(program: Program, workspace: Workspace) -> None:
    outcome = program.run("lock", PATH="/usr/bin:/bin")
    assert outcome.out == "default on linux-64: 2 conda and 3 PyPI packages\nWrote pixi.lock\n"
    assert (outcome.status, outcome.err) == (0, "")
    before = program.tree()
    assert program.run("lock", "pixi.toml", PATH="/usr/bin:/bin").out.endswith("pixi.lock is unchanged\n")
    assert program.tree() == before
    checked = program.run("lock", "--check", PATH="/usr/bin:/bin")
    assert (checked.status, checked.out) == (0, "pixi.lock is what pixi.toml asks for: pixi would take it as it is\n")
    assert program.tree() == before


def test_a_dry_run_writes_nothing_and_gives_the_text(program: Program, workspace: Workspace) -> None:
    before = program.tree()
    told = document(program.run("lock", "--dry-run", "--json"))
    assert program.tree() == before
    assert told["verdict"] == "locked"
    assert told["manifest"] == "pixi.toml"
    (file,) = told["files"]
    assert (file["path"], file["action"]) == ("pixi.lock", "create")
    assert file["sha256"] == hashlib.sha256(file["text"].encode()).hexdigest()
    assert told["solves"] == [{"environments": ["default"], "platform": "linux-64", "conda": 2, "pypi": 3, "held": []}]


def test_what_moved_against_the_lock_that_is_there_is_told(
    program: Program, workspace: Workspace, index: FakeIndex
) -> None:
    assert document(program.run("lock", "--json"))["changes"] is None
    assert document(program.run("lock", "--json"))["changes"] == []
    again = program.run("lock", PATH="/usr/bin:/bin").out
    assert again == "default on linux-64: 2 conda and 3 PyPI packages, unchanged\npixi.lock is unchanged\n"
    workspace.write(conda='python = "3.12.*"\npackaging = "<25"\ndated = "*"', pypi='beta = "*"')
    told = [
        "default on linux-64: 3 conda and 2 PyPI packages, 1 changed, 1 added, 1 removed",
        "  packaging 25.0 -> 24.2 (conda)",
        "  added: dated 2.0 (conda)",
        "  removed: alpha 1.0 (PyPI)",
    ]
    before = program.tree()
    assert program.run("lock", "--dry-run", PATH="/usr/bin:/bin").out.splitlines() == [*told, "Would write pixi.lock"]
    # What forgets the versions of the lock that is there is compared with it all the same.
    fresh = program.run("lock", "--dry-run", "--fresh", PATH="/usr/bin:/bin").out.splitlines()
    assert "  delta 0.3 -> 1.2 (PyPI)" in fresh
    changes = document(program.run("lock", "--json", "--dry-run"))["changes"]
    assert program.tree() == before
    assert [(one["name"], one["change"]) for one in changes] == [
        ("alpha", "removed"),
        ("dated", "added"),
        ("packaging", "changed"),
    ]
    assert {(one["environment"], one["platform"]) for one in changes} == {("default", "linux-64")}
    assert changes[0]["to"] is None
    assert (changes[2]["from"]["version"], changes[2]["to"]["version"], changes[2]["to"]["layer"]) == (
        "25.0",
        "24.2",
        "system",
    )
    assert program.run("lock", PATH="/usr/bin:/bin").out.splitlines() == [*told, "Wrote pixi.lock"]


def test_environments_that_came_or_left_and_words_that_changed_alone_are_told(
    program: Program, workspace: Workspace
) -> None:
    more = '[feature.test.dependencies]\ndated = "*"\n[environments]\ntest = ["test"]'
    workspace.write(conda='python = "3.12.*"', more=more)
    workspace.write(conda='python = "3.12.*"')
    program.run("lock")
    workspace.write(conda='python = "3.12.*"', more=more)
    outcome = program.run("lock", PATH="/usr/bin:/bin")
    assert outcome.out.splitlines() == [
        "default on linux-64: 1 conda package, unchanged",
        "test on linux-64: 2 conda packages, new",
        "Wrote pixi.lock",
    ]
    workspace.write(conda='python = "3.12.*"')
    outcome = program.run("lock", PATH="/usr/bin:/bin")
    assert outcome.out.splitlines() == [
        "default on linux-64: 1 conda package, unchanged",
        "test on linux-64: no longer locked",
        "Wrote pixi.lock",
    ]
    lock = program.folder / "pixi.lock"
    lock.write_text(re.sub("  license: .*", "  license: another", lock.read_text(), count=1))
    outcome = program.run("lock", PATH="/usr/bin:/bin")
    assert outcome.err == ""
    assert outcome.out.splitlines() == [
        "default on linux-64: 1 conda package, unchanged",
        "Wrote pixi.lock",
        "  the packages are the same: it differs in what it says about them",
    ]


def test_a_platform_without_a_name_of_its_own_is_told_by_what_it_declares(
    program: Program, workspace: Workspace
) -> None:
    platforms = '[{ platform = "linux-64", cuda = "12.4", glibc = "2.34" }, { name = "mine", platform = "linux-64", cuda = "11" }]'
    workspace.write(conda='python = "3.12.*"', platforms=platforms)
    outcome = program.run("lock", PATH="/usr/bin:/bin")
    assert outcome.out.splitlines()[:2] == [
        "default on linux-64 with CUDA 12.4, glibc 2.34: 1 conda package",
        "default on mine: 1 conda package",
    ]
    workspace.write(conda='python = "3.11.*"', platforms=platforms)
    checked = program.run("lock", "--check", PATH="/usr/bin:/bin")
    assert checked.out.splitlines()[1].startswith("  default on linux-64 with CUDA 12.4, glibc 2.34: ")
    told = document(program.run("lock", "--check", "--json"))
    assert told["reasons"][0]["platform"] == "linux-64-cuda-12-4-glibc-2-34"


def test_a_stale_lock_is_told_and_ends_with_1(program: Program, workspace: Workspace) -> None:
    program.run("lock")
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi='alpha = "<1"')
    before = program.tree()
    outcome = program.run("lock", "--check", PATH="/usr/bin:/bin")
    assert outcome.status == 1
    assert outcome.out.splitlines()[:2] == [
        "pixi would not take pixi.lock for pixi.toml (stale)",
        "  default on linux-64: alpha<1 is asked for, and 1.0 is locked",
    ]
    told = document(program.run("lock", "--check", "--json"))
    assert told["verdict"] == "refused"
    assert [reason["code"] for reason in told["reasons"]] == ["pypi-version"]
    assert program.tree() == before


def test_our_own_findings_end_a_check_with_1(program: Program, workspace: Workspace) -> None:
    program.run("lock")
    lock = program.folder / "pixi.lock"
    old = next(line for line in lock.read_text().splitlines() if line.startswith("  sha256: "))
    lock.write_text(lock.read_text().replace(old, f"  sha256: {'0' * 64}"))
    outcome = program.run("lock", "--check", "--json", PATH="/usr/bin:/bin")
    told = document(outcome)
    assert (outcome.status, told["verdict"], told["reasons"]) == (1, "refused", [])
    assert "error" in [finding["level"] for finding in told["findings"]]


def test_the_pixi_on_path_has_the_last_word(program: Program, workspace: Workspace, tmp_path: Path) -> None:
    program.run("lock")
    for status in (0, 1):
        path = put_pixi(tmp_path / f"bin{status}", status)
        for arguments in (("lock",), ("lock", "--check")):
            outcome = program.run(*arguments, PATH=path)
            assert outcome.status == status
            said = "accepts it" if status == 0 else "does not accept it:"
            assert f"pixi 0.77.0 on PATH {said}" in outcome.out
            told = document(program.run(*arguments, "--json", PATH=path))
            assert (told["pixi"]["accepted"], told["pixi"]["version"]) == (status == 0, "0.77.0")


def test_pixi_is_asked_with_the_newest_of_the_drivers_that_platforms_declare(
    program: Program, workspace: Workspace, tmp_path: Path
) -> None:
    path = put_pixi(tmp_path / "bin", 1)
    script = tmp_path / "bin" / "pixi"
    script.write_text(script.read_text().replace("lock file not up-to-date", "asked with $CONDA_OVERRIDE_CUDA"))
    drivers = ", ".join(f'{{ platform = "linux-64", cuda = "{version}" }}' for version in ("9.2", "12.4", "11.8"))
    workspace.write(conda='python = "3.12.*"', platforms=f"[{drivers}]")
    assert document(program.run("lock", "--json", PATH=path))["pixi"]["words"] == "asked with 12.4"


def test_a_pixi_that_is_newer_than_what_is_known_is_told(program: Program, workspace: Workspace) -> None:
    for wanted, is_newer in (
        (">=0.99", True),
        (">0.77.5,<0.78", False),
        ("<0.60", False),
        (">=0.70", False),
        (">=1", True),
    ):
        workspace.write(conda='python = "3.12.*"', workspace=f'requires-pixi = "{wanted}"')
        line = workspace.line_of("requires-pixi")
        for arguments in (("lock",), ("lock", "--check")):
            outcome = program.run(*arguments, PATH="/usr/bin:/bin")
            told = f"warning: requires-pixi {wanted} admits no pixi up to 0.77, the last one whose locks and rules are known here"
            assert (f"{told} (pixi.toml, line {line})" in outcome.out.splitlines()) == is_newer, outcome.out
            messages = document(program.run(*arguments, "--json", PATH="/usr/bin:/bin"))["messages"]
            assert ([message["code"] for message in messages] == ["pixi-newer"]) == is_newer


def test_what_verify_expects_follows_the_lock_of_an_untouched_manifest_alone(
    program: Program, workspace: Workspace
) -> None:
    manifest, expected = program.folder / "pixi.toml", program.folder / ".envcompose" / "expect.json"
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    document_before = {
        "schema": "s",
        "files": {"pixi.toml": digest, "pixi.lock": "old"},
        "locked": {"old": "1"},
        "z": 1,
    }
    expected.parent.mkdir()
    expected.write_text(json.dumps(document_before))
    program.run("lock")
    lock = hashlib.sha256((program.folder / "pixi.lock").read_bytes()).hexdigest()
    assert json.loads(expected.read_text()) == {
        **document_before,
        "files": {"pixi.toml": digest, "pixi.lock": lock},
        "locked": {"alpha": "1.0", "beta": "2.1", "delta": "0.3"},
    }
    manifest.write_text(manifest.read_text() + "\n# an edit\n")
    expected.write_text(json.dumps(document_before))
    outcome = program.run("lock")
    assert "warning: .envcompose/expect.json stays as it is" in outcome.out
    assert json.loads(expected.read_text()) == document_before


def test_a_login_in_an_address_is_refused_and_reaches_neither_file_nor_output(
    program: Program, workspace: Workspace, index: FakeIndex
) -> None:
    # pixi takes no lock that leaves it out, and no file of ours holds one.
    path = program.folder / "pixi.toml"
    path.write_text(path.read_text().replace(index.url, index.url.replace("//", "//me:hunter2@")))
    before = program.tree()
    for arguments in (("lock", "-v"), ("lock", "--json")):
        outcome = program.run(*arguments)
        assert outcome.status == 2
        assert "hunter2" not in outcome.out + outcome.err
        assert "a login in the address of an index" in outcome.out + outcome.err
    assert program.tree() == before


@pytest.mark.pixi
def test_a_real_pixi_takes_the_lock_and_installs_from_it(program: Program, workspace: Workspace) -> None:
    import shutil
    import subprocess

    pixi = shutil.which("pixi")
    assert pixi is not None
    path = os.environ["PATH"]
    outcome = program.run("lock", PATH=path)
    assert "on PATH accepts it" in outcome.out, outcome.out + outcome.err
    workspace.write(conda='dated = "*"')
    (program.folder / "pixi.lock").unlink()
    assert program.run("lock", PATH=path).status == 0
    run = subprocess.run([pixi, "install", "--locked"], cwd=program.folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert (program.folder / ".pixi/envs/default/share/dated.txt").is_file()
