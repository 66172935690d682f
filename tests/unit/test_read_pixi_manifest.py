"""A pixi manifest of somebody's own as an input."""

from __future__ import annotations

import pytest

from envcompose.errors import ManifestInvalid
from envcompose.model.intent import InputReading
from envcompose.read.pixi_manifest import read_pixi_manifest
from tests.unit.read_fakes import FakeTextFiles

MANIFEST = """
[workspace]
name = "mine"
channels = ["conda-forge", "https://conda.example/team"]
platforms = ["linux-64", "osx-arm64"]

[dependencies]
python = ">=3.11,<3.13"
gxx = "*"
numpy = { version = ">=1.26,<2", channel = "conda-forge" }
zlib = { version = "1.3.*", build = "h2*" }

[target.osx-arm64.dependencies]
mac-only = "*"

[constraints]
openssl = "<4"

[pypi-options]
extra-index-urls = ["https://wheels.example/simple"]
no-build-isolation = ["flash-attn"]
no-binary = ["einops"]
dependency-overrides = { numpy = ">=1.26" }

[pypi-dependencies]
torch = { version = "==2.6.0", index = "https://wheels.example/cu124" }
einops = "*"
axolotl = { version = "~=0.10.0", extras = ["deepspeed"], env-markers = "python_version < '3.13'" }
mine = { path = "src/mine", editable = true }

[feature.dev.dependencies]
pytest = "*"

[environments]
dev = ["dev"]

[activation.env]
TOKEN = "hidden"

[tasks]
train = "python train.py"

[feature.unused.dependencies]
ruff = "*"
"""


def reading(text: str, path: str = "team/pixi.toml") -> InputReading:
    return read_pixi_manifest(path, FakeTextFiles({path: text}))


def test_the_default_environment_on_linux_speaks() -> None:
    found = reading(MANIFEST)
    assert found.name == "mine"
    assert found.channels == ("conda-forge", "https://conda.example/team")
    assert [(one.name, one.spec, one.channel, one.origin.line) for one in found.conda] == [
        ("gxx", "*", None, 9),
        ("numpy", ">=1.26,<2", "conda-forge", 10),
        ("zlib", "1.3.* h2*", None, 11),
    ]
    assert [(str(specifier), str(origin)) for specifier, origin in found.requires_python] == [
        ("<3.13,>=3.11", "team/pixi.toml:8")
    ]
    assert [(str(user.requirement), user.editable, user.origin.line) for user in found.requirements] == [
        ("torch==2.6.0", False, 26),
        ("einops", False, 27),
        ('axolotl[deepspeed]~=0.10.0; python_version < "3.13"', False, 28),
        ("mine @ ./team/src/mine", True, 29),
    ]
    assert found.indexes.extra_index_urls == ("https://wheels.example/simple",)
    assert found.indexes.pinned == (("torch", "https://wheels.example/cu124"),)
    assert [name for name, _ in found.no_build_isolation] == ["flash-attn"]
    assert [str(user.requirement) for user in found.overrides] == ["numpy>=1.26"]


BY_RULE = "a composition decides it by its rules"
COPY = "not taken over; what you write outside of the blocks of the new manifest stays in it"


def told(text: str) -> list[tuple[str, int | None, str, str | None]]:
    """What became of the lines that are no requirements."""
    return [(fate.text, fate.origin.line, fate.outcome.value, fate.note) for fate in reading(text).fates]


def test_every_line_that_does_not_speak_is_told() -> None:
    assert reading(MANIFEST).messages == ()
    assert told(MANIFEST) == [
        ("python >=3.11,<3.13", 8, "kept", "a bound on the Python of the target"),
        ("openssl <4", 17, "replaced", "a constraint on conda: the composition computes them from the closure"),
        (
            "environments dev",
            34,
            "unsupported",
            "only the default environment is composed; envcompose lock locks all of them as they are written",
        ),
        ("feature unused", 43, "inactive", "no environment has it"),
        ("platforms osx-arm64", 5, "unsupported", "a composition is for one platform, and linux-64 is read"),
        ("mac-only *", 14, "inactive", "[target.osx-arm64] does not hold on linux-64"),
        ("pypi-options.no-binary", 22, "unsupported", BY_RULE),
        (
            "pypi-options.no-build-isolation flash-attn",
            21,
            "kept",
            "what of them is built is built without isolation",
        ),
        ("activation.env.TOKEN", 38, "unsupported", COPY),
        ("tasks.train", 41, "unsupported", COPY),
    ]


def test_how_pixi_was_to_solve_it_is_told() -> None:
    text = """[workspace]
name = "x"
channels = ["conda-forge"]
channel-priority = "disabled"
exclude-newer = "2026-01-01"
requires-pixi = ">=0.70"
platforms = [{ platform = "linux-64", cuda = "12.4", glibc = "2.31" }]
description = "mine"
[dependencies]
numpy = "<2"
[target.linux-64.dependencies]
numpy = "<1.27"
[pypi-options]
no-build-isolation = true
"""
    name = "linux-64-cuda-12-4-glibc-2-31"
    assert told(text) == [
        (f"cuda 12.4 of the platform {name}", 7, "replaced", "the target says it: --driver 12.4"),
        (f"glibc 2.31 of the platform {name}", 7, "replaced", "the target says it: --glibc 2.31"),
        ("numpy <2", 10, "replaced", "another line of the manifest says it for linux-64"),
        (
            "pypi-options.no-build-isolation",
            14,
            "unsupported",
            "it is decided for each package; name those that it is about",
        ),
        ("channel-priority", 4, "unsupported", BY_RULE),
        ("exclude-newer", 5, "unsupported", "--as-of DATE leaves out what is newer"),
        (
            "requires-pixi >=0.70",
            6,
            "replaced",
            "the manifest that is written says its own; --requires-pixi asks for one",
        ),
        ("workspace.description", 8, "unsupported", COPY),
    ]


def test_what_targets_and_features_of_the_default_environment_hold_beside_packages_is_told() -> None:
    text = """[workspace]
name = "x"
channels = ["conda-forge"]
platforms = ["linux-64"]
[tasks]
a = "true"
[target.linux-64.tasks]
b = "true"
[target.linux-64.activation]
scripts = ["x.sh"]
[feature.f.tasks]
c = "true"
[feature.f.activation.env]
K = "1"
[feature.f.pypi-options]
no-build = true
[feature.g.tasks]
d = "true"
[tool.foo]
z = 1
[environments]
default = ["f"]
other = ["g"]
"""
    assert told(text)[1:] == [
        ("pypi-options.no-build", 16, "unsupported", BY_RULE),
        ("tasks.a, target.linux-64.tasks.b, feature.f.tasks.c", 6, "unsupported", COPY),
        ("target.linux-64.activation.scripts, feature.f.activation.env.K", 10, "unsupported", COPY),
        ("tool.foo", 19, "unsupported", COPY),
    ]


def test_lines_are_those_of_a_pyproject() -> None:
    text = """[project]
name = "x"
[tool.pixi.workspace]
channels = ["conda-forge"]
platforms = ["linux-64", "win-64"]
[tool.pixi.tasks]
train = "true"
"""
    found = [(fate.text, fate.origin.line) for fate in reading(text, "team/pyproject.toml").fates]
    assert ("platforms win-64", 5) in found
    assert ("tasks.train", 7) in found


def test_a_manifest_that_pixi_refuses_is_an_error_with_its_line() -> None:
    with pytest.raises(ManifestInvalid) as raised:
        reading(
            '[workspace]\nname = "x"\nchannels = []\nplatforms = ["linux-64"]\n[dependencies]\nnumpy = ">= 1, < 2"\n'
        )
    assert raised.value.line == 6


def test_a_manifest_without_linux_is_told() -> None:
    found = reading('[workspace]\nname = "x"\nchannels = []\nplatforms = ["osx-arm64"]\n[dependencies]\nnumpy = "*"\n')
    assert found.conda == ()
    assert [message.code for message in found.messages] == ["environment-not-read"]
