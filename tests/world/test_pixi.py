"""A pixi on PATH is asked about the lock, and asked nothing that writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from envcompose.world.pixi import PixiVerdict, ask_pixi

SCRIPT = """#!/usr/bin/env python3
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("pixi 0.77.0")
    sys.exit(0)
with open({seen!r}, "w") as file:
    json.dump([sys.argv[1:], os.environ.get("CONDA_OVERRIDE_CUDA")], file)
print({words!r}, file=sys.stderr)
sys.exit({status})
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "pixi.toml"
    path.parent.mkdir()
    path.write_text("", encoding="utf-8")
    return path


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, *, words: str = "", status: int = 0) -> Path:
    """A pixi that notes what it is asked."""
    seen, program = folder / "seen.json", folder / "bin" / "pixi"
    program.parent.mkdir()
    program.write_text(SCRIPT.format(seen=str(seen), words=words, status=status), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CONDA_OVERRIDE_CUDA", raising=False)
    return seen


def test_it_is_asked_for_a_list_that_neither_solves_nor_writes(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = put(tmp_path, monkeypatch)
    assert ask_pixi(manifest, driver="12.4") == PixiVerdict(accepted=True, version="0.77.0", words="")
    command, driver = json.loads(seen.read_text(encoding="utf-8"))
    assert command == ["list", "--locked", "--no-install", "--manifest-path", str(manifest)]
    assert driver == "12.4"


def test_its_refusal_is_told_without_secrets(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, monkeypatch, words="lock file not up-to-date\nhttps://me:secret@conda.example", status=1)
    verdict = ask_pixi(manifest)
    assert verdict is not None and not verdict.accepted
    assert verdict.words == "lock file not up-to-date\nhttps://****@conda.example"


def test_without_a_pixi_there_is_no_verdict(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_pixi(manifest) is None
