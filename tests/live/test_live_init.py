"""The program against the real package index: `pytest -m live`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live


def document_of(folder: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run init in a folder, with a cache that live tests share; gives its document."""
    cache = os.environ.get("ENVCOMPOSE_LIVE_CACHE_DIR", str(folder / "cache"))
    done = subprocess.run(
        [sys.executable, "-m", "envcompose", "init", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "ENVCOMPOSE_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def versions_of(document: dict[str, Any]) -> dict[str, str]:
    return {package["name"]: package["version"] for package in document["packages"]}


def test_the_flagship_is_found_among_all_that_the_index_offers_today(tmp_path: Path) -> None:
    document = document_of(tmp_path, "axolotl", "--cuda", "12.4")
    versions = versions_of(document)
    # No later release can win: every one that a CUDA 12.4 torch fits is known, and has lost for a reason that stays.
    assert versions["axolotl"] == "0.10.0"
    assert (document["torch"]["version"], document["torch"]["cxx11_abi"]) == ("2.6.0", False)
    assert versions["flash-attn"] == "2.7.4.post1"
    assert versions["deepspeed"] == "0.17.0"
    assert document["target"]["python"] == "3.12"
    manifest = tomllib.loads((tmp_path / "pixi.toml").read_text())
    assert manifest["workspace"]["platforms"] == ["linux-64"]


def test_offline_after_one_online_run_gives_the_same_bytes(tmp_path: Path) -> None:
    cache = {"ENVCOMPOSE_LIVE_CACHE_DIR": str(tmp_path / "cache")}
    texts = []
    for name, more in (("online", ()), ("offline", ("--offline",))):
        folder = tmp_path / name
        folder.mkdir()
        before = dict(os.environ)
        try:
            os.environ.update(cache)
            document_of(folder, "vllm==0.10.2", "--cuda", "12.8", "--python", "3.12", *more)
        finally:
            os.environ.clear()
            os.environ.update(before)
        texts.append({path.name: path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()})
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "stack"),
    [
        (("axolotl", "--cuda", "13.0"), "axolotl"),
        (("axolotl", "--driver", "12.4"), "axolotl"),
        (("unsloth", "--cuda", "12.6"), "unsloth"),
        (("lmdeploy", "--cuda", "12.8"), "lmdeploy"),
        (("torch", "--cuda", "13.0"), "torch"),
    ],
)
def test_todays_newest_composes(tmp_path: Path, arguments: tuple[str, ...], stack: str) -> None:
    document = document_of(tmp_path, *arguments)
    assert document["verdict"] == "feasible"
    assert stack in versions_of(document)


def test_a_project_that_does_not_exist_is_said_to_be_none(tmp_path: Path) -> None:
    document = document_of(tmp_path, "this-project-does-not-exist-at-all-4711", status=2)
    assert "this-project-does-not-exist-at-all-4711" in document["messages"][0]["text"]
    assert not (tmp_path / "pixi.toml").exists()
