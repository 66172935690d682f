"""Repairs of real infeasible wishes against the real package index: `pytest -m live`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from test_live_init import document_of

pytestmark = pytest.mark.live

ENVIRONMENT = """\
dependencies:
  - python=3.12
  - pytorch=2.2
  - cuda-version=12.6
  - pip:
    - xformers==0.0.29.post2
    - numpy>=2
"""
FILES = {
    "pins.txt": "transformers==4.57.1\ntokenizers==0.19.1\nnumpy<2\nvllm==0.11.0\ntorch==2.9.0\npandas\n",
    "environment.yml": ENVIRONMENT,
}

WISHES = (
    # What is asked for needs a newer torch than the CUDA line has.
    "axolotl==0.19.0 --cuda 12.4",
    "vllm==0.20.0 --cuda 11.8",
    "sglang==0.5.23 --cuda 12.8",
    # A release that was never made.
    "axolotl==0.13.0 --cuda 12.4",
    # No wheels for a Python, a GPU or a glibc.
    "axolotl --cuda 12.4 --python 3.13",
    "vllm==0.10.2 --python 3.14 --gpu sm_60",
    "vllm==0.10.2 --glibc 2.17",
    # Pins against each other.
    "torch==2.6.0 xformers==0.0.32.post1 --cuda 12.4",
    "flash-attn==2.8.3 torch==2.3.0 --cuda 12.4",
    "-r pins.txt --cuda 12.8",
    "-f environment.yml",
    # A source of torch, an artifact and extras that cannot be had.
    "torch==2.2.0 --torch-from conda",
    "flash-attn==2.7.4.post1 --artifact flash-attn=wheel --cuda 12.6",
    "'axolotl[deepspeed]' --cuda 11.8",
)


@pytest.mark.parametrize("wish", WISHES)
def test_the_first_repair_of_a_real_wish_composes(tmp_path: Path, wish: str) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    document = document_of(tmp_path, *shlex.split(wish), status=1)
    assert document["verdict"] == "infeasible"
    codes = [message["code"] for message in document["messages"]]
    assert "conflict" in codes
    assert 1 <= len(document["repairs"]) <= 5
    first = document["repairs"][0]
    _edit(tmp_path, first)
    program, command, *words = shlex.split(first["command"])
    assert (program, command) == ("envcompose", "init")
    taken = document_of(tmp_path, *words, "--dry-run")
    assert taken["verdict"] == "feasible"
    pins = {change["name"]: change["to"] for change in first["changes"] if (change["to"] or "").startswith("==")}
    versions = {package["name"]: (package["version"] or "").partition("+")[0] for package in taken["packages"]}
    assert {name: f"=={versions[name]}" for name in pins} == pins


def _edit(folder: Path, repair: dict[str, Any]) -> None:
    """Make the edits of a repair, as a user would."""
    for edit in repair["edits"]:
        path = folder / edit["file"]
        lines = path.read_text().splitlines()
        line = lines[edit["line"] - 1]
        indent = line[: len(line) - len(line.lstrip(" -"))]
        lines[edit["line"] - 1] = "" if edit["to"] is None else indent + edit["to"]
        path.write_text("\n".join(lines) + "\n")
