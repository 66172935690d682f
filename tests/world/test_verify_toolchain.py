"""The toolchain and the driver: stand-in tools and libraries that answer as real ones do, broken in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from verify_parts import Found, Project, compiled, has_compiler

Change = Callable[[Project], object]
NVCC = "#!/bin/sh\ncase $1 in --version) echo 'Cuda compilation tools, release {0}, V{0}.131';; esac\n"
CEILING = "#if __GNUC__ > {}\n#error -- unsupported GNU version!\n#endif\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A prefix with nvcc, its headers, a C++ compiler of its own and ninja, and a torch for the same line."""
    made = Project(tmp_path)
    version = "__version__ = '2.6.0'\ncuda = '12.4'\n"
    made.distribution("torch", "2.6.0", files={"torch/__init__.py": "", "torch/version.py": version})
    made.distribution("ninja", "1.13.0")
    made.script("nvcc", NVCC.format("12.4"))
    made.script("x86_64-conda-linux-gnu-g++", "#!/bin/sh\ncase $1 in -dump*) echo 13.3.0;; *) exec true;; esac\n")
    made.script("ninja", "#!/bin/sh\necho 1.13.0\n")
    made.write("/targets/x86_64-linux/include/crt/host_config.h", CEILING.format(13))
    made.write("/targets/x86_64-linux/include/cuda_runtime.h", "")
    made.expected.update(
        torch={"version": "2.6.0", "cuda": "12.4", "cxx11_abi": None, "layer": "pypi"},
        nvcc="12.4",
        build_needs={"kernel": ["ninja"]},
        env={"CUDA_HOME": "$CONDA_PREFIX"},
    )
    made.variables["CUDA_HOME"] = str(made.prefix)
    return made


def test_a_sound_toolchain_is_fine(project: Project) -> None:
    assert project.judge() == (0, set())


BREAKAGES: list[tuple[str, Change, Found]] = [
    (
        "an nvcc of another minor line",
        lambda project: project.script("nvcc", NVCC.format("12.8")),
        {("toolchain.nvcc", "error", "nvcc"), ("toolchain.agreement", "warning", "nvcc")},
    ),
    (
        "an nvcc of another major line",
        lambda project: project.script("nvcc", NVCC.format("13.0")),
        {("toolchain.nvcc", "error", "nvcc"), ("toolchain.agreement", "error", "nvcc")},
    ),
    (
        "no nvcc",
        lambda project: project.remove("/bin/nvcc"),
        {("toolchain.nvcc", "error", "nvcc"), ("toolchain.agreement", "error", "CUDA_HOME")},
    ),
    (
        "an nvcc of the host first on PATH",
        lambda project: (
            project.write("/other/nvcc", NVCC.format("12.4")),
            (project.prefix / "other" / "nvcc").chmod(0o755),
            project.variables.update(PATH=f"{project.prefix}/other:{project.variables['PATH']}"),
        ),
        {("toolchain.nvcc", "error", "nvcc")},
    ),
    (
        "CUDA's headers missing",
        lambda project: project.remove("/targets/x86_64-linux/include/cuda_runtime.h"),
        {("toolchain.headers", "error", "cuda_runtime.h")},
    ),
    (
        "a g++ above nvcc's ceiling",
        lambda project: project.write("/targets/x86_64-linux/include/crt/host_config.h", CEILING.format(12)),
        {("toolchain.compiler", "error", "c++")},
    ),
    (
        "a compiler that does not compile",
        lambda project: project.script(
            "x86_64-conda-linux-gnu-g++",
            "#!/bin/sh\ncase $1 in -dump*) echo 13.3.0;; *) echo error: x >&2; exit 1;; esac\n",
        ),
        {("toolchain.compile", "error", "x86_64-conda-linux-gnu-g++")},
    ),
    (
        "a ninja that does not run",
        lambda project: project.script("ninja", "#!/bin/sh\nexit 1\n"),
        {("toolchain.ninja", "error", "ninja")},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "findings"), [case[1:] for case in BREAKAGES], ids=[case[0] for case in BREAKAGES])
def test_one_breakage_is_found_by_its_own_check(project: Project, change: Change, findings: Found) -> None:
    change(project)
    assert project.judge() == (1, findings)


CUDA = """extern "C" {
int cuInit(unsigned) { return %d; }
int cuDriverGetVersion(int* v) { *v = 12040; return 0; }
int cuDeviceGetCount(int* n) { *n = 1; return 0; }
int cuDeviceGetAttribute(int* v, int what, int) { *v = what == 75 ? 7 : 5; return 0; }
}"""
NVML = """#include <string.h>
extern "C" int nvmlInit_v2() { return 0; }
extern "C" int nvmlSystemGetDriverVersion(char* text, unsigned) { strcpy(text, "%s"); return 0; }"""
KERNEL = """
class cuda:
    current_device = staticmethod(lambda: 0)
    mem_get_info = staticmethod(lambda index: (2**33, 2**34))
    @staticmethod
    def get_device_capability(index): raise RuntimeError("no kernel image is available")
"""


@pytest.fixture
def driven(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same on a machine with a driver: children of the checks find it as they find any library."""
    if not has_compiler():
        pytest.skip("there is no g++ here")
    project.expected.update(nvcc=None, build_needs={}, driver="525.60.13", gpus=["7.5"], cuda="12.4")
    drive(project, "550.54.14", 0)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(project.folder / "driver"))
    return project


def drive(project: Project, version: str, status: int) -> None:
    folder = project.folder / "driver"
    folder.mkdir(exist_ok=True)
    (folder / "libcuda.so.1").write_bytes(compiled(CUDA % status, "-Wl,-soname,libcuda.so.1"))
    (folder / "libnvidia-ml.so.1").write_bytes(compiled(NVML % version, "-Wl,-soname,libnvidia-ml.so.1"))


def test_a_driver_that_is_new_enough_is_fine(driven: Project) -> None:
    assert driven.judge(full=False) == (0, set())


def test_a_driver_that_is_too_old_is_found(driven: Project) -> None:
    drive(driven, "470.82.01", 0)
    assert driven.judge(full=False) == (1, {("gpu.driver", "error", "driver")})


def test_a_gpu_that_the_composition_is_not_for_is_a_note(driven: Project) -> None:
    driven.expected.update(gpus=["9.0"])
    assert driven.judge(full=False) == (0, {("gpu.devices", "note", "GPU 7.5")})


def test_a_kernel_that_does_not_run_is_found(driven: Project) -> None:
    driven.write("torch/__init__.py", KERNEL)
    assert driven.judge() == (1, {("gpu.kernel", "error", "torch")})


def test_a_probe_that_fails_on_the_gpu_is_found(driven: Project) -> None:
    driven.write("torch/__init__.py", KERNEL)
    driven.expected.update(probes=[{"id": "ninja-kernel", "module": "ninja", "code": "assert 1 + 1 == 3"}])
    assert driven.judge() == (1, {("gpu.kernel", "error", "torch"), ("gpu.probes", "error", "ninja-kernel")})


READS_ITS_SOURCE = """
import inspect
import os
import sys

import ninja
import torch


def kernel(x):
    return x + 1


assert inspect.getsource(kernel) == "def kernel(x):\\n    return x + 1\\n"
assert "torch" in sys.modules and os.listdir(".") == ["probe.py"]
"""


def test_a_probe_can_read_its_own_source_as_triton_does(driven: Project) -> None:
    driven.write("torch/__init__.py", KERNEL)
    probe = {"id": "ninja.kernel", "distribution": "ninja", "module": "ninja", "code": READS_ITS_SOURCE}
    driven.expected.update(probes=[probe])
    assert driven.judge() == (1, {("gpu.kernel", "error", "torch")})
    driven.expected.update(probes=[{**probe, "code": READS_ITS_SOURCE.replace("x + 1\\n", "x + 2\\n")}])
    assert ("gpu.probes", "error", "ninja.kernel") in driven.judge()[1]


def test_a_driver_that_does_not_start_is_skipped_and_an_error_where_a_gpu_is_required(driven: Project) -> None:
    drive(driven, "550.54.14", 999)
    assert driven.judge(full=False) == (0, set())
    assert driven.judge(full=False, require_gpu=True) == (1, {("gpu.present", "error", "GPU")})
