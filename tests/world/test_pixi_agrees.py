"""A real pixi and we write the same lock, byte for byte, and it takes ours: for manifests of every kind, where one is on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.fake_index import FakeIndex
from tests.world.lock_parts import Workspace

pytestmark = pytest.mark.pixi

EVERYWHERE = '["linux-64", "linux-aarch64", "osx-arm64", "win-64"]'
PLAIN = 'python = "3.12.*"\npackaging = "*"'

MANIFESTS: Mapping[str, Mapping[str, str]] = {
    "both layers": {"conda": PLAIN, "pypi": 'alpha = "*"'},
    "conda alone": {"conda": 'tool = "*"\ndated = "*"'},
    "no package at all": {"conda": "# nothing"},
    "a bound of PyPI on conda": {"conda": 'python = "3.12.*"\nnumpy = "*"', "pypi": 'bound = "*"'},
    "four platforms": {"platforms": EVERYWHERE, "pypi": 'alpha = "*"\nnative = "*"'},
    "targets": {
        "platforms": EVERYWHERE,
        "pypi": 'beta = "*"',
        "more": '[target.win-64.pypi-dependencies]\nalpha = "*"\n[target.unix.dependencies]\ndated = "1.0"\n',
    },
    "rich platforms": {
        "platforms": '["linux-64", { name = "gpu", platform = "linux-64", cuda = "12.4", glibc = "2.35" }]',
        "more": '[target.gpu.dependencies]\ngpu-tool = "*"\nnew-tool = "*"\n[target.gpu.pypi-dependencies]\nbeta = "*"\n',
    },
    "groups, and an environment without PyPI": {
        "pypi": 'alpha = "*"',
        "more": '[feature.test.pypi-dependencies]\nextra-user = "*"\n[feature.lint.dependencies]\ndated = "*"\npackaging = "*"\n'
        '[environments]\ndefault = { solve-group = "all" }\ntest = { features = ["test"], solve-group = "all" }\n'
        'lint = { features = ["lint"], no-default-feature = true }\nbare = { features = [], no-default-feature = true }\n',
    },
    "extras and markers": {
        "pypi": 'extra-user = { version = "*", extras = ["Some_Extra"] }\n'
        "marked = { version = '*', env-markers = \"python_version < '3.9'\" }\nalpha = \"*\"",
    },
    "overrides": {"pypi": 'alpha = "*"', "options": 'dependency-overrides = { beta = "==1.0" }'},
    "lowest versions": {"pypi": 'beta = ">=1.0"', "workspace": 'solve-strategy = "lowest-direct"'},
    "pre-releases": {"pypi": 'early = "*"', "options": 'prerelease-mode = "allow"'},
    "a project": {"pypi": 'demo = { path = "./demo", editable = true, extras = ["more"] }'},
    "a date": {"conda": 'dated = "*"', "workspace": 'exclude-newer = "2023-01-01"'},
    "no builds": {"pypi": 'alpha = "*"', "options": "no-build = true"},
    "a build that imports torch": {
        "pypi": 'torch = "*"\nextension = "*"',
        "options": 'no-build-isolation = ["extension"]',
    },
    "strange requirements": {"pypi": 'strange = { version = "*", extras = ["a", "B"] }'},
}

BEYOND_PIXI = ("a bound of PyPI on conda", "a build that imports torch")
"""What pixi cannot lock by itself."""

SETUP = """
import torch
from setuptools import setup
setup(name="extension", version="1.0", install_requires=["torch==" + torch.__version__, "beta"])
"""
PROJECT = """
[project]
name = "Demo"
version = "0.1"
requires-python = ">=3.9"
dependencies = ["beta (>=1.0)", "numpy ; python_version < '3'"]
[project.optional-dependencies]
more = ["alpha"]
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


@pytest.fixture(scope="module")
def index() -> Iterator[FakeIndex]:
    with FakeIndex() as made:
        made.wheel("alpha", "1.0", "beta>=1", "packaging")
        made.wheel("beta", "1.0")
        made.wheel("beta", "1.1")
        made.wheel("packaging", "25.0")
        made.wheel("numpy", "1.26.4")
        made.wheel("numpy", "2.2.6")
        made.wheel("bound", "1.0", "numpy<2")
        made.wheel("extra-user", "1.0", "alpha ; extra == 'some-extra'", "beta", extras=("some-extra",))
        made.wheel("marked", "1.0")
        made.wheel("early", "1.0")
        made.wheel("early", "2.0rc1")
        made.wheel("torch", "2.6.0")
        made.sdist("extension", "1.0", files={"setup.py": SETUP, "PKG-INFO": "Name: extension\nVersion: 1.0\n"})
        made.wheel("strange", "1.0", *STRANGE, extras=("a", "b", "other"))
        for tag in ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "macosx_11_0_arm64", "win_amd64"):
            made.wheel("native", "1.0", tag=f"cp312-cp312-{tag}")
        yield made


STRANGE = (
    "Beta[ x,Y ] >=1.0 , !=1.0.5 ; python_version >= '3.8' and (extra == 'a' or extra == 'b')",
    "alpha (>=0.9,<2) ; sys_platform != 'win32' or platform_system == 'Linux'",
    "packaging >=20.*",
    'colorama ; sys_platform == "win32" and python_version < "4"',
    "foo ; extra == 'other' and python_full_version == '3.12.*'",
    "importlib_metadata~=4.4;python_version<'3.8' and extra=='a'",
)


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """With the project that one of the manifests names."""
    folder = workspace.folder
    (folder / "demo" / "demo").mkdir(parents=True)
    (folder / "demo" / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "demo" / "demo" / "__init__.py").write_text("", encoding="utf-8")
    return workspace


def pixi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pixi in a folder, with caches and a configuration of its own."""
    found = shutil.which("pixi")
    assert found is not None
    own = folder.parent / "pixi-home"
    names = {"HOME": own, "PIXI_HOME": own, "RATTLER_CACHE_DIR": own / "cache", "XDG_CONFIG_HOME": own / "config"}
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "CONDA_OVERRIDE_CUDA": "12.4"}
    return subprocess.run(
        [found, *arguments],
        cwd=folder,
        env=environment | {name: str(path) for name, path in names.items()},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", [name for name in MANIFESTS if name not in BEYOND_PIXI])
def test_pixi_writes_the_very_lock_that_we_write(workspace: Workspace, name: str) -> None:
    workspace.write(**MANIFESTS[name])
    ours = workspace.lock().text
    copy = workspace.folder.parent / "copy"
    shutil.copytree(workspace.folder, copy, ignore=shutil.ignore_patterns("pixi.lock"))
    run = pixi(copy, "lock")

    assert run.returncode == 0, run.stderr
    assert ours == (copy / "pixi.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in MANIFESTS if name != "no package at all"])
def test_pixi_takes_the_lock_that_we_write(workspace: Workspace, name: str) -> None:
    workspace.write(**MANIFESTS[name])
    workspace.lock()
    run = pixi(workspace.folder, "list", "--locked", "--no-install")

    assert run.returncode == 0, run.stderr


def test_pixi_installs_what_we_lock(workspace: Workspace) -> None:
    workspace.write(conda='tool = "*"\ndated = "*"')
    workspace.lock()
    run = pixi(workspace.folder, "install", "--locked")

    assert run.returncode == 0, run.stderr
    assert (workspace.folder / ".pixi/envs/default/share/dated.txt").is_file()
