"""Sources whose requirements or builds follow torch, isolated and not."""

from __future__ import annotations

import pytest

from envcompose.errors import (
    LockInfeasible,
)
from envcompose.lock_files import lock_manifest
from tests.cli.fake_index import FakeIndex
from tests.world.lock_parts import Workspace, versions

FOLLOWING = """\
from importlib.metadata import PackageNotFoundError, version
from setuptools import setup

try:
    torch = version("torch")
except PackageNotFoundError:
    torch = "1.0"
setup(name="follower", version="1.0", install_requires=["torch==" + torch, "beta==1.0" if torch == "2.0" else "beta"])
"""


def _torches(index: FakeIndex) -> None:
    for version in ("1.0", "2.0", "3.0"):
        index.wheel("torch", version)
    index.sdist("follower", "1.0", files={"setup.py": FOLLOWING})


def test_an_isolated_source_is_read_without_torch(workspace: Workspace) -> None:
    _torches(workspace.index)
    workspace.write(pypi='follower = "*"')
    assert versions(workspace.lock()) == {"python": "3.12.4", "follower": "1.0", "torch": "1.0", "beta": "1.1"}


def test_an_unisolated_source_is_read_with_the_torch_that_the_manifest_pins(workspace: Workspace) -> None:
    _torches(workspace.index)
    workspace.write(pypi='follower = "*"\ntorch = "==2.0"', options='no-build-isolation = ["follower"]')
    result = workspace.lock()
    assert versions(result) == {"python": "3.12.4", "follower": "1.0", "torch": "2.0", "beta": "1.0"}
    assert [message.text for message in result.messages] == [
        "pixi alone could not lock this: the requirements of follower follow the torch that is installed",
        "follower is built without isolation, and nothing here brings setuptools, which its build imports",
    ]


CUDA_BUILD = """\
import os
from packaging.version import Version
from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CUDAExtension

setup(
    name="kernels",
    version="1.0",
    ext_modules=[CUDAExtension(name="kernels", sources=["k.cu"])],
    cmdclass={"build_ext": BuildExtension},
)
"""


def test_what_an_unisolated_build_needs_and_nothing_brings_is_told(workspace: Workspace) -> None:
    files = {
        "setup.py": CUDA_BUILD,
        "k.cu": "#include <cublas_v2.h>\n",
        "pyproject.toml": "[project]\nname='kernels'\nversion='1.0'\n",
    }
    workspace.index.sdist("kernels", "1.0", files=files)
    workspace.index.wheel("torch", "2.0")
    workspace.index.wheel("setuptools", "80.0")

    def told(
        pypi: str, conda: str = "", options: str = 'no-build-isolation = ["kernels"]'
    ) -> list[tuple[str, str, str]]:
        workspace.write(pypi=f'kernels = "*"\n{pypi}', conda=f'python = "3.12.*"\n{conda}', options=options)
        found = lock_manifest(workspace.folder, fresh=True).messages
        # Which headers go with the compiler is the analyser's affair.
        return [
            (one.code, one.text, (one.hint or "").partition(", cuda-cudart-dev, libcublas-dev")[0])
            for one in found
            if one.code.startswith("build-")
        ]

    imports = (
        "build-needs-missing",
        "kernels is built without isolation, and nothing here brings packaging, setuptools and torch, which its build imports",
        "add to [dependencies] or [pypi-dependencies] of pixi.toml: packaging, setuptools, torch",
    )
    programs = (
        "build-tools-missing",
        "the build of kernels needs nvcc and a C++ compiler, which no conda package here brings",
        "add to [dependencies] of pixi.toml, unless the machine has them: cuda-nvcc",
    )
    assert told("") == [imports, programs]
    # Either layer can bring what is imported; the order of installing is pixi's affair.
    assert told('torch = "*"\nsetuptools = "*"', 'packaging = "*"') == [programs]
    assert told('torch = "*"\nsetuptools = "*"\npackaging = "*"', 'cuda-nvcc-tools = "*"') == []
    # An isolated build brings its own, and what is not built needs nothing.
    assert told("", options="") == []


def test_what_a_build_declares_for_other_pythons_and_platforms_is_not_missed(workspace: Workspace) -> None:
    requires = ["setuptools", "tomli ; python_version < '3.12'", "numpy ; sys_platform == 'win32'"]
    files = {
        "setup.py": "from setuptools import setup\nsetup(name='kernels', version='1.0')\n",
        "pyproject.toml": f"[build-system]\nrequires = {requires}\n[project]\nname='kernels'\nversion='1.0'\n",
    }
    workspace.index.sdist("kernels", "1.0", files=files)

    def missed(python: str, platform: str) -> str:
        workspace.write(
            conda=f'python = "{python}.*"',
            pypi='kernels = "*"',
            options='no-build-isolation = ["kernels"]',
            platforms=f'["{platform}"]',
        )
        messages = lock_manifest(workspace.folder, fresh=True).messages
        (hint,) = [one.hint or "" for one in messages if one.code == "build-needs-missing"]
        return hint.partition(" of pixi.toml: ")[2]

    assert missed("3.12", "linux-64") == "setuptools"
    assert missed("3.11", "linux-64") == "setuptools, tomli"
    assert missed("3.12", "win-64") == "numpy, setuptools"


def test_an_unisolated_source_is_read_with_the_torch_that_comes_of_the_rest(workspace: Workspace) -> None:
    _torches(workspace.index)
    workspace.write(pypi='follower = "*"\ntorch = ">=2,<3"', options='no-build-isolation = ["follower"]')
    assert versions(workspace.lock())["torch"] == "2.0"
    assert versions(workspace.lock())["beta"] == "1.0"


def test_a_pin_that_an_isolated_build_contradicts_is_a_conflict(workspace: Workspace) -> None:
    _torches(workspace.index)
    workspace.write(pypi='follower = "*"\ntorch = "==2.0"')
    with pytest.raises(LockInfeasible, match="cannot be locked"):
        workspace.lock()
