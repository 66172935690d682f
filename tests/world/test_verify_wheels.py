"""The verifier's readers against real wheels of the index, and against NVIDIA's own tools. Downloads: about 0.8 GB."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from envcompose.verify import check_torch, elf, fatbin

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from test_verify_elf import agree, needs_binutils

pytestmark = [pytest.mark.live, pytest.mark.slow]

WHEELS = [
    "numpy==2.2.6", "scipy==1.15.3", "pandas==2.2.3", "scikit-learn==1.6.1", "pyarrow==20.0.0", "pillow==11.2.1",
    "h5py==3.13.0", "lxml==5.4.0", "scikit-image==0.25.2", "grpcio==1.71.0", "numba==0.61.2", "aiohttp==3.11.18",
    "matplotlib==3.10.3", "statsmodels==0.14.4",
]  # fmt: skip
NVCC = [
    "nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88", "nvidia-cuda-crt==13.0.88", "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85", "nvidia-cuda-cuobjdump==13.2.78",
]  # fmt: skip


def download(folder: Path, names: list[str], platform: str = "manylinux2014_x86_64") -> list[Path]:
    """Unpack wheels for CPython 3.11 side by side."""
    platforms = [
        platform,
        platform.replace("2014", "_2_17"),
        platform.replace("2014", "_2_28"),
        "manylinux_2_27_x86_64",
    ]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    command += ["--python-version", "3.11", *(f"--platform={name}" for name in platforms), *names]
    subprocess.run(command, check=True, capture_output=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "site")
    return [path for path in sorted((folder / "site").rglob("*.so*")) if path.is_file()]


@needs_binutils
def test_reading_agrees_with_readelf_and_nm_on_200_shared_objects_of_wheels(tmp_path: Path) -> None:
    paths = [path for path in download(tmp_path, WHEELS) if path.read_bytes()[:4] == b"\x7fELF"]
    assert len(paths) >= 200
    for path in paths:
        agree(path)


def test_a_real_torch_of_another_machine_is_read_without_importing_it(tmp_path: Path) -> None:
    """torch 2.6.0 for aarch64: a CPU build, of the old C++ ABI as its x86_64 wheel on the index is."""
    download(tmp_path, ["torch==2.6.0"], "manylinux2014_aarch64")
    site = tmp_path / "site"
    build = check_torch.read_build(str(site / "torch"), str(tmp_path))
    image = elf.read(str(site / "torch" / "lib" / "libtorch_python.so"))
    assert (build.version, build.cuda, build.stated, image.machine) == ("2.6.0+cpu", None, True, "aarch64")
    config = (site / "torch/share/cmake/Torch/TorchConfig.cmake").read_text()
    assert build.cxx11_abi == ("_GLIBCXX_USE_CXX11_ABI=1" in config)


def test_fat_binaries_of_nvcc_are_read_as_cuobjdump_reads_them(tmp_path: Path) -> None:
    download(tmp_path, NVCC)
    toolkit = tmp_path / "site" / "nvidia" / "cu13"
    for tool in (*(toolkit / "bin").iterdir(), *(toolkit / "nvvm" / "bin").iterdir()):
        tool.chmod(0o755)
    source = tmp_path / "kernel.cu"
    source.write_text("__global__ void f(float* x) { x[threadIdx.x] *= 2; }\nvoid run(float* x) { f<<<1, 32>>>(x); }\n")
    env = {**os.environ, "CUDA_HOME": str(toolkit)}
    cases = [["75"], ["80", "90a"], ["86", "100", "120"], ["90", "103a"]]
    for n, machine in enumerate(cases):
        target = tmp_path / f"kernel{n}.so"
        flags = [f"-gencode=arch=compute_{name},code=sm_{name}" for name in machine]
        flags.append(f"-gencode=arch=compute_{machine[0]},code=compute_{machine[0]}")
        command = [str(toolkit / "bin" / "nvcc"), "-shared", "-Xcompiler", "-fPIC", f"-L{toolkit / 'lib'}", *flags]
        subprocess.run([*command, str(source), "-o", str(target)], check=True, env=env, capture_output=True)
        wanted = {f"sm_{name}" for name in machine} | {f"compute_{machine[0]}"}
        assert {code.name for code in fatbin.read(str(target))} == wanted == by_cuobjdump(toolkit, target)


def test_the_fat_binaries_of_nccl_are_read_as_cuobjdump_reads_them(tmp_path: Path) -> None:
    download(tmp_path, ["nvidia-nccl-cu12==2.21.5", "nvidia-cuda-cuobjdump==13.2.78"])
    toolkit = tmp_path / "site" / "nvidia" / "cu13"
    (toolkit / "bin" / "cuobjdump").chmod(0o755)
    library = tmp_path / "site" / "nvidia" / "nccl" / "lib" / "libnccl.so.2"
    assert {code.name for code in fatbin.read(str(library))} == by_cuobjdump(toolkit, library)


def by_cuobjdump(toolkit: Path, path: Path) -> set[str]:
    command = [str(toolkit / "bin" / "cuobjdump"), "--list-elf", "--list-ptx", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = re.findall(r"\.sm_(\d+[af]?)\.(cubin|ptx)", text)
    return {("compute_" if kind == "ptx" else "sm_") + number for number, kind in names}
