"""`explain` against the real package index: `pytest -m live`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a command in a folder, with a cache that live tests share; gives its document."""
    cache = os.environ.get("ENVCOMPOSE_LIVE_CACHE_DIR", str(folder / "cache"))
    done = subprocess.run(
        [sys.executable, "-m", "envcompose", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "ENVCOMPOSE_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_flagship_explains_its_flash_attn_and_why_it_is_not_a_newer_one(tmp_path: Path) -> None:
    run(tmp_path, "init", "axolotl", "--cuda", "12.4")
    found = run(tmp_path, "explain", "flash-attn", "--not", "2.8.3")
    assert found["manifest"] == {"path": "pixi.toml", "agrees": True, "differences": []}
    assert (found["package"]["version"], found["package"]["rule"]) == ("2.7.4.post1", "prebuilt-wheel")
    assert found["answer"]["verdict"] == "infeasible"
    assert found["answer"]["held_by"] == ["axolotl 0.10.0 requires flash-attn==2.7.4.post1"]
    built = run(tmp_path, "explain", "flash-attn", "--not", "sdist")["answer"]
    assert (built["verdict"], built["artifact"], built["against"]["rule"]) == (
        "feasible",
        "no-isolation",
        "no-long-compile",
    )
