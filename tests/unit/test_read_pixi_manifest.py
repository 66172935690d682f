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


def test_what_is_not_taken_over_is_told() -> None:
    found = reading(MANIFEST)
    assert [(fate.text, fate.outcome.value) for fate in found.fates] == [
        ("python >=3.11,<3.13", "replaced"),
        ("openssl <4", "replaced"),
        ("pypi-options.no-binary", "unsupported"),
    ]
    assert [(message.code, message.text) for message in found.messages] == [
        ("environment-not-read", "only the default environment of team/pixi.toml was read, not dev"),
        (
            "activation-not-read",
            "activation variables of team/pixi.toml are not taken over (TOKEN); tasks are not either",
        ),
    ]


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
