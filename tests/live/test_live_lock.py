"""Locks of the real package index, over the sample of conda-forge: `pytest -m live`."""

from __future__ import annotations

import hashlib
import urllib.request
from pathlib import Path

import pytest

from tests.live.test_live_init import document_of

pytestmark = pytest.mark.live

SDIST = "antlr4-python3-runtime"
"""A small project that has no wheel at this version."""
WANTED = ("requests", "einops", f"{SDIST}==4.9.3")


def locked(folder: Path) -> dict[str, str]:
    """The hashes in a lock by the address of their file, those of the PyPI layer."""
    lines = (folder / "pixi.lock").read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    address = ""
    for line in lines[lines.index("packages:") :]:
        if line.startswith("- "):
            address = line.partition(": ")[2] if line.startswith("- pypi: ") else ""
        elif line.startswith("  sha256: ") and address:
            found[address] = line.partition(": ")[2]
    return found


def test_the_hashes_in_a_lock_are_those_of_the_files_at_their_addresses(tmp_path: Path, sample_channel: str) -> None:
    document = document_of(tmp_path, *WANTED, "--channel", sample_channel)
    assert document["standing"]["system"]["level"] == "proved"
    hashes = locked(tmp_path)
    chosen = [
        address
        for address in hashes
        if address.rpartition("/")[2].startswith(("idna-", "einops-", SDIST.replace("-", "_"), SDIST))
    ]
    assert len(chosen) == 3
    for address in chosen:
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == hashes[address]


def test_a_cold_cache_a_warm_one_and_a_refreshed_one_give_the_same_lock(tmp_path: Path, sample_channel: str) -> None:
    texts = []
    for name, more in (("cold", ()), ("warm", ()), ("fresh", ("--refresh",)), ("offline", ("--offline",))):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.MonkeyPatch.context() as variables:
            variables.setenv("ENVCOMPOSE_LIVE_CACHE_DIR", str(tmp_path / "cache"))
            document_of(folder, *WANTED, "--channel", sample_channel, "--name", "same", *more)
        texts.append((folder / "pixi.lock").read_bytes())
    assert len(set(texts)) == 1
