"""Hand-written manifests of real stacks, over the sample of conda-forge and the real package index: `pytest -m live`.

The versions are those that pixi itself locked for the same manifests, as far as it could (facts: pixi.md §10).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from envcompose.errors import LockInfeasible
from envcompose.lock_files import LockResult, lock_manifest
from envcompose.manifest.lock import LockFile
from envcompose.manifest.lock_reading import read_lock

pytestmark = pytest.mark.live

TOOLKIT = """\
python = "{python}.*"
cuda-version = "{cuda}.*"
cuda-nvcc = "{cuda}.*"
cuda-cudart-dev = "*"
libcublas-dev = "*"
libcurand-dev = "*"
libcusolver-dev = "*"
libcusparse-dev = "*"
ninja = "*"
packaging = "*"
pip = "*"
psutil = "*"
setuptools = "{setuptools}"
wheel = "*"
"""
AXOLOTL = 'torch = "==2.6.0"\naxolotl = {{ version = "=={}", extras = ["flash-attn", "deepspeed"] }}\n'
STACKS = {
    "axolotl 0.9.0": (
        ("3.11", "12.4", ">=75,<81"),
        AXOLOTL.format("0.9.0"),
        "flash-attn",
        {"torch": "2.6.0", "xformers": "0.0.29.post2", "flash-attn": "2.7.4.post1", "packaging": "23.2"},
    ),
    "axolotl 0.10.0": (
        ("3.11", "12.4", ">=75,<81"),
        AXOLOTL.format("0.10.0"),
        "flash-attn",
        {
            "flash-attn": "2.7.4.post1",
            "deepspeed": "0.17.0",
            "transformers": "4.52.3",
            "xformers": "0.0.29.post2",
            "triton": "3.2.0",
            "numpy": "2.0.1",
        },
    ),
    "axolotl 0.12.2": (
        ("3.11", "12.4", ">=75,<81"),
        AXOLOTL.format("0.12.2"),
        "flash-attn",
        {"flash-attn": "2.8.2", "deepspeed": "0.17.2", "transformers": "4.55.2", "xformers": "0.0.29.post3"},
    ),
    "vllm 0.10.2": (
        ("3.12", "12.8", "*"),
        'vllm = "==0.10.2"\n',
        "",
        {"torch": "2.8.0", "xformers": "0.0.32.post1", "triton": "3.4.0"},
    ),
    "torch 2.10.0, flash-attn 2.8.3": (
        ("3.12", "12.9", "*"),
        'torch = "==2.10.0"\nflash-attn = "==2.8.3"\n',
        "flash-attn",
        {"torch": "2.10.0", "flash-attn": "2.8.3"},
    ),
    "torch 2.8.0, deepspeed 0.18.2": (
        ("3.12", "12.8", "*"),
        'torch = "==2.8.0"\ndeepspeed = "==0.18.2"\n',
        "deepspeed",
        {"torch": "2.8.0", "deepspeed": "0.18.2"},
    ),
    "torch 2.6.0, flash-attn 2.7.3, which pixi refuses": (
        ("3.11", "12.4", "*"),
        'torch = "==2.6.0"\nflash-attn = "==2.7.3"\n',
        "flash-attn",
        {"torch": "2.6.0", "flash-attn": "2.7.3"},
    ),
}


def lock(folder: Path, text: str) -> LockResult:
    (folder / "pixi.toml").write_text(text, encoding="utf-8")
    return lock_manifest(folder)


def versions(result: LockResult) -> dict[str, str | None]:
    found = read_lock(result.text, "pixi.lock")
    assert isinstance(found, LockFile)
    return {package.name: package.version for package in found.packages}


def workspace(channel: str, platforms: str = '["linux-64"]') -> str:
    return f'[workspace]\nname = "live"\nchannels = ["{channel}"]\nplatforms = {platforms}\n'


@pytest.mark.parametrize("stack", STACKS)
def test_stacks_are_locked_as_pixi_locks_them_and_where_it_does_not(
    stack: str, tmp_path: Path, sample_channel: str
) -> None:
    (python, cuda, setuptools), pypi, unisolated, expected = STACKS[stack]
    conda = TOOLKIT.format(python=python, cuda=cuda, setuptools=setuptools)
    options = f'[pypi-options]\nno-build-isolation = ["{unisolated}"]\n' if unisolated else ""
    text = f"{workspace(sample_channel)}[dependencies]\n{conda}{options}[pypi-dependencies]\n{pypi}"
    found = versions(lock(tmp_path, text))
    assert {name: found.get(name) for name in expected} == expected


def test_conda_packages_give_way_to_what_pypi_asks_of_them(tmp_path: Path, sample_channel: str) -> None:
    platforms = '[{ name = "gpu", platform = "linux-64", cuda = "12.4", glibc = "2.28" }]'
    text = (
        f'{workspace(sample_channel, platforms)}[dependencies]\npython = "3.11.*"\npytorch-gpu = "2.6.*"\n'
        'cuda-version = "12.6.*"\ncuda-nvcc = "12.6.*"\nninja = "*"\n'
        '[pypi-dependencies]\naxolotl = { version = "==0.9.0", extras = ["deepspeed"] }\n'
    )
    result = lock(tmp_path, text)
    found = versions(result)
    assert (found["pytorch"], found["packaging"], found["fsspec"]) == ("2.6.0", "23.2", "2024.12.0")
    assert "torch" not in found
    held = {bound.name for solved in result.locked.solved for bound in solved.agreed.bounds}
    assert held == {"fsspec", "numpy"}


def test_cuda_12_4_has_no_pytorch_2_6_on_conda_forge(tmp_path: Path, sample_channel: str) -> None:
    platforms = '[{ platform = "linux-64", cuda = "12.4" }]'
    text = f'{workspace(sample_channel, platforms)}[dependencies]\npython = "3.11.*"\ncuda-version = "12.4.*"\n'
    with pytest.raises(LockInfeasible) as caught:
        lock(tmp_path, f'{text}pytorch-gpu = "2.6.*"\n')
    (fact,) = caught.value.facts
    assert "cuda-version 12.4.* (pixi.toml, line 7)" in fact
    assert "pytorch-gpu 2.6.* (pixi.toml, line 8)" in fact
    assert lock(tmp_path, text.replace("12.4.*", "12.6.*") + 'pytorch-gpu = "2.6.*"\n').text
