"""The verifier as a user runs it: the command, its documents and its exit statuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from verify_parts import VERIFIER, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.distribution("numpy", "1.26.4")
    made.distribution("axolotl", "0.10.0", "numpy>=1.26")
    made.script("axolotl")
    made.expected.update(
        pins={"axolotl": "0.10.0"},
        bounds={"numpy": [">=1.26", "<3"]},
        imports=[{"distribution": "axolotl", "module": "axolotl"}],
        scripts=[{"distribution": "axolotl", "name": "axolotl"}],
    )
    return made


def test_a_sound_environment_is_fine_and_nothing_is_written_beside_the_verifier(project: Project) -> None:
    copied = project.own / "verify"
    copied.unlink()
    shutil.copytree(VERIFIER, copied, ignore=shutil.ignore_patterns("__pycache__"))
    before = sorted(copied.rglob("*"))
    ended = project.verify()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.rstrip().splitlines()[-1].startswith("The environment is fine: ")
    assert sorted(copied.rglob("*")) == before


def test_the_json_is_one_document_that_fits_the_schema(project: Project) -> None:
    schema = json.loads((VERIFIER / "schema.json").read_text())
    expect = json.loads((VERIFIER / "expect.schema.json").read_text())
    jsonschema.validate(project.expected, expect)
    for arguments in (("--level", "quick"), ("--expect", "nowhere.json")):
        jsonschema.validate(json.loads(project.verify("--json", *arguments).stdout), schema)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"schema": "envcompose.expectations/2"}',
        '{"schema": "envcompose.expectations/1"}',
        "[" * 100_000,
        '{"schema": "envcompose.expectations/1", "torch": 3, "pins": {"a": 1}, "imports": ["x"], "gpus": 4}',
    ],
)
def test_expectations_that_cannot_be_used_are_could_not_tell(project: Project, text: str) -> None:
    file = project.folder / "other.json"
    file.write_text(text)
    ended = project.verify("--json", "--expect", str(file))
    assert (ended.returncode, json.loads(ended.stdout)["verdict"]) == (5, "unknown")
    assert "Traceback" not in ended.stderr


def test_a_prefix_without_an_interpreter_is_could_not_tell(project: Project, tmp_path: Path) -> None:
    ended = project.verify(str(tmp_path / "nowhere"))
    assert ended.returncode == 5
    assert "cannot be judged" in ended.stderr


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_interrupt_ends_it_and_its_children_at_once(project: Project, more: tuple[str, ...]) -> None:
    flag = project.folder / "started"
    text = f"import pathlib, os, time\npathlib.Path({str(flag)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    project.write("axolotl/__init__.py", text)
    (project.own / "expect.json").write_text(json.dumps(project.expected))
    command = [str(project.prefix / "bin" / "python"), str(project.own / "verify"), *more]
    # A test run in the background ignores interrupts, and its children would too: so it is undone first.
    heed = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    heeding = [sys.executable, "-c", heed]
    running = subprocess.Popen([*heeding, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: flag.exists() and flag.read_text() != "")
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (130, "verify: interrupted\n")
    assert (json.loads(output)["problems"] if more else output) == (["interrupted"] if more else "")
    wait_for(lambda: not Path("/proc", flag.read_text(), "cmdline").exists())


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fail after 20 s."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("minor", [9, 10, 12, 13, 14])
def test_it_runs_on_other_pythons(project: Project, minor: int) -> None:
    python = shutil.which(f"python3.{minor}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no Python 3.{minor} here")
    (project.own / "expect.json").write_text(json.dumps(project.expected))
    command = [python, str(project.own / "verify"), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    findings = json.loads(ended.stdout)["findings"]
    assert "versions.python" in {finding["id"] for finding in findings}
    assert "the check runs" not in {finding["expected"] for finding in findings}


def test_wrong_usage_is_status_2(project: Project) -> None:
    assert project.verify("--level", "deep").returncode == 2


def test_another_interpreter_can_judge_a_project_from_outside(project: Project) -> None:
    project.verify("--level", "quick")
    command = [sys.executable, "-m", "envcompose.verify", str(project.folder), "--json"]
    ended = subprocess.run(command, cwd=VERIFIER.parents[1], capture_output=True, text=True, timeout=60, check=False)
    skipped = {check["id"] for check in json.loads(ended.stdout)["checks"] if check["status"] == "skipped"}
    assert (ended.returncode, {"host.path", "host.variables"} <= skipped) == (0, True)


def test_the_table_puts_failures_first_with_their_fix_and_holds_no_foreign_control_character(project: Project) -> None:
    project.write("numpy-1.26.4.dist-info/METADATA", "Name: numpy\nVersion: 3.0\n")
    project.write("axolotl/__init__.py", "raise ValueError('\\x1b[2J')\n")
    ended = project.verify()
    assert ended.returncode == 1
    assert ended.stdout.startswith("FAIL  numpy  (versions.bounds)\n        expected  ")
    assert "        fix       install numpy as the manifest says\n" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stdout.rstrip().splitlines()[-1].startswith("The environment is broken: 2 errors")


def test_the_default_is_a_line_for_each_group_and_verbose_one_for_each_check(project: Project) -> None:
    short, long = project.verify("--level", "quick").stdout, project.verify("--level", "quick", "--verbose").stdout
    assert short.splitlines()[:2] == ["ok    versions   6 passed, 2 skipped", "ok    closure    4 passed"]
    assert short.splitlines()[9] == "skip  imports    not in the quick level"
    assert long.splitlines()[:2] == ["versions", "  ok    Python                         1 checked"]
    assert len(long.splitlines()) > 50
    assert len(short.splitlines()) < 20


def test_a_gpu_that_is_required_and_absent_is_an_error(project: Project) -> None:
    if json.loads(project.verify("--json", "--level", "quick").stdout)["checks"][-5]["status"] != "skipped":
        pytest.skip("this machine has a GPU")
    ended = project.verify("--json", "--level", "quick", "--require-gpu")
    found = [(finding["id"], finding["subject"]) for finding in json.loads(ended.stdout)["findings"]]
    assert (ended.returncode, found) == (1, [("gpu.present", "GPU")])
