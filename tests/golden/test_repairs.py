"""Whole answers to infeasible wishes: the program offline over the recorded index, as a user sees it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.replay.recording import load_recording
from tests.replay.seed import seed_cache

ROOT = Path(__file__).resolve().parents[2]

ANSWERS = {
    "'axolotl>=0.21' --cuda 12.4": [
        "error: No combination of versions fulfils axolotl>=0.21 for CUDA 12.4, linux-64",
        "  axolotl 0.21.0: it needs torch<2.15.0,>=2.13.0, and the newest torch for the target is 2.6.0",
        "looking for repairs: at most 16 solves (--effort 0 skips)",
        "conflict: axolotl>=0.21 and --cuda 12.4 cannot hold together",
        "repairs, nearest first; each was solved:",
        "  1. cuda 12.4 -> 12.6, driver 12.4: axolotl[deepspeed] 0.21.0, torch 2.14.1+cu126, CUDA 12.6, Python 3.12",
        "     cost 9; download 3.2 GB and 1 file of unknown size; compiles nothing; by tables",
        "     envcompose init 'axolotl>=0.21' --driver 12.4 --offline",
        "  2. axolotl >=0.21 -> ==0.10.0: axolotl[deepspeed,flash-attn] 0.10.0, torch 2.6.0, CUDA 12.4, Python 3.12",
        "     cost 24; download 3.7 GB and 1 file of unknown size; compiles nothing; by tables",
        "     envcompose init axolotl==0.10.0 --cuda 12.4 --offline",
        "(3 solves; nothing nearer composes)",
    ],
    "axolotl==0.13.0 --cuda 12.4": [
        "error: No combination of versions fulfils axolotl==0.13.0 for CUDA 12.4, linux-64",
        "looking for repairs: at most 16 solves (--effort 0 skips)",
        "conflict: axolotl==0.13.0 cannot be had",
        "  no release of axolotl with a file for this Python and platform satisfies ==0.13.0; the nearest are 0.12.2 and 0.13.1",
        "repairs, nearest first; each was solved:",
        "  1. axolotl ==0.13.0 -> ==0.10.0: axolotl[deepspeed,flash-attn] 0.10.0, torch 2.6.0, CUDA 12.4, Python 3.12",
        "     cost 24; download 3.7 GB and 1 file of unknown size; compiles nothing; by tables",
        "     envcompose init axolotl==0.10.0 --cuda 12.4 --offline",
        "(1 solve; nothing nearer composes)",
    ],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    seed_cache(load_recording(), folder)
    return folder


def run(folder: Path, cache: Path, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    steering = ("PROXY", "PYTHON", "UV_", "PIP_", "CONDA_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in steering)}
    return subprocess.run(
        [sys.executable, "-m", "envcompose", "init", *arguments, "--offline"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "ENVCOMPOSE_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("wish", ANSWERS)
def test_an_infeasible_wish_gets_exactly_this_answer_and_nothing_is_written(
    wish: str, tmp_path: Path, cache: Path
) -> None:
    done = run(tmp_path, cache, *shlex.split(wish))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ANSWERS[wish]
    assert list(tmp_path.iterdir()) == []


def test_the_first_repair_composes_as_it_is_printed(tmp_path: Path, cache: Path) -> None:
    commands = [line.strip() for line in ANSWERS["'axolotl>=0.21' --cuda 12.4"] if "envcompose init" in line]
    done = run(tmp_path, cache, *shlex.split(commands[0])[2:-1])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pixi.toml").is_file()


def test_equal_wishes_give_equal_documents(tmp_path: Path, cache: Path) -> None:
    documents = [run(tmp_path, cache, "axolotl>=0.21", "--cuda", "12.4", "--json", seed=seed) for seed in ("1", "4242")]
    assert documents[0].stdout == documents[1].stdout
    assert [done.stderr for done in documents] == ["", ""]
    repairs = json.loads(documents[0].stdout)["repairs"]
    assert [repair["id"] for repair in repairs] == ["cuda=12.6+driver=12.4", "axolotl=0.10.0"]
