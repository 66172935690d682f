"""`envcompose analyze`: what people and scripts read of an sdist, from an index, an archive or a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fake_index import FakeIndex, metadata, tar_of
from program import Outcome, Program

from envcompose.api import analyze
from envcompose.schema import analysis_schema

KEYS = [
    *("schema", "envcompose", "verdict", "name", "version", "source", "metadata", "requires_by_torch"),
    *("build_needs", "isolated", "prebuilt", "traps", "hints", "incomplete", "messages"),
]
SETUP = """\
import os
import urllib.request
import torch
from packaging.version import parse
from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CUDAExtension
from wheel.bdist_wheel import bdist_wheel

BASE = "https://example.org/download/{tag}/{wheel}"
FORCE = os.getenv("DEMO_FORCE_BUILD", "FALSE") == "TRUE"
requires = ["torch", "einops"]
if parse(torch.__version__) >= parse("2.5"):
    requires.append("triton>=3.1")


class Cached(bdist_wheel):
    def run(self):
        if FORCE:
            return super().run()
        torch_version = parse(torch.__version__)
        name = f"demo-1.0+cu{parse(torch.version.cuda).major}torch{torch_version.major}-cp312-cp312-linux_x86_64.whl"
        urllib.request.urlretrieve(BASE.format(tag="v1.0", wheel=name), name)


setup(
    name="demo",
    version="1.0",
    install_requires=requires,
    ext_modules=[CUDAExtension("demo_cuda", ["csrc/demo.cu", "csrc/gone.cu"], extra_compile_args=["-std=c++17"])],
    cmdclass={"bdist_wheel": Cached, "build_ext": BuildExtension},
)
"""
SOURCES = {
    "setup.py": SETUP,
    "csrc/demo.cu": '#include <ATen/cuda/CUDAContext.h>\n// #include <nccl.h>\n#include "own.h"\n',
    "csrc/own.h": "#include <curand_kernel.h>\n",
    "third/cutlass/test/probe.cu": "#include <cudnn.h>\n",
}
VALIDATOR = jsonschema.Draft202012Validator(analysis_schema())


def document(outcome: Outcome) -> dict[str, Any]:
    """Stdout as one valid document with exactly the keys of the interface."""
    found: dict[str, Any] = json.loads(outcome.out)
    VALIDATOR.validate(found)
    assert list(found) == KEYS
    return found


def write_sdist(folder: Path) -> str:
    data = tar_of({f"demo-1.0/{path}": text for path, text in SOURCES.items()})
    (folder / "demo-1.0.tar.gz").write_bytes(data)
    return "demo-1.0.tar.gz"


def test_the_schema_is_a_schema_and_names_every_key():
    jsonschema.Draft202012Validator.check_schema(analysis_schema())
    assert analysis_schema()["required"] == KEYS


def test_an_archive_tells_its_build_needs_with_file_line_and_source_line(program: Program):
    name = write_sdist(program.folder)
    found = document(program.run("analyze", name, "--json", "--torch", "2.4.0", "--torch", "2.6.0"))
    assert found["source"]["kind"] == "archive"
    assert found["source"]["file"] == name
    assert found["requires_by_torch"] == {
        "none": ["einops", "torch", "triton>=3.1"],
        "2.4.0": ["einops", "torch"],
        "2.6.0": ["einops", "torch", "triton>=3.1"],
    }
    assert found["metadata"]["follows_torch"] is True
    torch = next(need for need in found["build_needs"]["python"] if need["name"] == "torch")
    assert torch == {
        "name": "torch",
        "required": True,
        "condition": None,
        "why": "imports torch",
        "file": "setup.py",
        "line": 3,
        "source_line": "import torch",
    }
    assert [need["name"] for need in found["build_needs"]["tools"]] == ["cxx", "network", "nvcc"]
    assert [(need["name"], need["file"], need["line"]) for need in found["build_needs"]["conda"]] == [
        ("cuda-cudart-dev", "csrc/demo.cu", 1),
        ("libcublas-dev", "csrc/demo.cu", 1),
        ("libcurand-dev", "csrc/own.h", 1),
        ("libcusolver-dev", "csrc/demo.cu", 1),
        ("libcusparse-dev", "csrc/demo.cu", 1),
    ]
    switch = found["build_needs"]["env"]["DEMO_FORCE_BUILD"]
    assert switch["default"] == "FALSE"
    assert switch["effect"] == "compiles instead of downloading a prebuilt wheel"
    assert [use["source_line"] for use in switch["uses"]] == ["if FORCE: return super().run()"]
    assert [entry["url"] for entry in found["prebuilt"]] == [
        "https://example.org/download/v1.0/demo-1.0+cu{parse(torch.version.cuda).major}"
        "torch{torch_version.major}-cp{python}-cp{python}-linux_x86_64.whl"
    ]
    assert {trap["code"]: trap["line"] for trap in found["traps"]} == {
        "torch-undeclared": 3,
        "undeclared-need": 7,
        "moved-module": 7,
        "sources-missing": 29,
        "arch-list": 29,
        "downloads": 22,
        "cxx-standard": 29,
    }
    assert found["isolated"]["outcome"] == "fails"


def test_a_person_reads_the_place_and_the_source_line_of_every_claim(program: Program):
    name = write_sdist(program.folder)
    outcome = program.run("analyze", f"./{name}", "--torch", "2.4.0", "--torch", "2.6.0")
    assert outcome.status == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0] == "demo 1.0"
    assert "      setup.py:3: import torch" in lines
    assert "  with torch 2.4.0: nothing more" in lines
    assert "  with torch 2.6.0 or no torch: triton>=3.1" in lines
    assert "  nvcc: compiles a CUDAExtension" in lines


def test_a_torch_that_the_sdist_refuses_has_unknown_requirements_with_the_reason(program: Program):
    (program.folder / "setup.py").write_text(
        "import torch\nfrom setuptools import setup\n"
        "def wants():\n    if torch.__version__ < '2.4':\n        raise ValueError('too old')\n    return ['einops']\n"
        "requires = wants()\nsetup(name='demo', install_requires=requires)\n"
    )
    arguments = ("analyze", ".", "--torch", "2.3.1", "--torch", "2.6.0")
    found = document(program.run(*arguments, "--json"))
    assert found["requires_by_torch"]["2.3.1"] is None
    assert found["requires_by_torch"]["2.6.0"] == ["einops"]
    assert found["name"] == "demo"
    lines = program.run(*arguments).out.splitlines()
    assert "  with torch 2.3.1: not known: setup.py:7: raises ValueError (too old)" in lines


def test_a_folder_gives_the_same_as_its_archive(program: Program):
    name = write_sdist(program.folder)
    for path, text in SOURCES.items():
        target = program.folder / "demo" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (program.folder / "demo" / ".git").mkdir()
    (program.folder / "demo" / "link").symlink_to("/etc")
    archive = document(program.run("analyze", name, "--json"))
    folder = document(program.run("analyze", "./demo", "--json"))
    assert folder["source"] == {"kind": "folder", "file": "demo", "url": None, "sha256": None}
    assert {**folder, "source": None} == {**archive, "source": None}


def test_a_requirement_is_answered_by_the_index_and_later_offline(program: Program, index: FakeIndex):
    index.sdist("beta", "2.0", files={"setup.py": "from setuptools import setup\nsetup(name='beta', version='2.0')\n"})
    newest = document(program.run("analyze", "beta", "--json", "--index", index.url))
    assert (newest["name"], newest["version"]) == ("beta", "2.1")
    assert newest["metadata"]["static_by_standard"] is True
    pinned = document(program.run("analyze", "beta==2.0", "--json", "--index", index.url))
    assert pinned["version"] == "2.0"
    again = program.run("analyze", "beta==2.0", "--json", "--index", index.url, "--offline")
    assert document(again) == pinned


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("alpha",), 2, "no-sdist"),
        (("beta==9",), 2, "no-sdist"),
        (("nowhere",), 2, "project-unknown"),
        (("beta==",), 2, "requirement-syntax"),
        (("beta @ https://example.org/beta.tar.gz",), 2, "file-missing"),
        (("./none.tar.gz",), 2, "file-missing"),
        (("broken.zip",), 2, "file-unreadable"),
        (("beta", "--torch", "new"), 2, "unknown-value"),
        (("beta", "--python", "2.7"), 2, "unknown-value"),
        (("beta", "--offline"), 3, "not-cached"),
        (("beta", "more"), 2, "usage"),
        ((), 2, "usage"),
    ],
)
def test_whatever_fails_is_one_error_and_with_json_one_document(
    program: Program, index: FakeIndex, arguments: tuple[str, ...], status: int, code: str
):
    (program.folder / "broken.zip").write_bytes(b"PK\x03\x04 and nothing else")
    told = program.run("analyze", *arguments, "--index", index.url)
    assert (told.status, told.out) == (status, "")
    assert told.err.startswith("error: ")
    assert "  hint: " in told.err
    failed = program.run("analyze", *arguments, "--index", index.url, "--json")
    assert (failed.status, failed.err) == (status, "")
    found = document(failed)
    assert (found["verdict"], found["build_needs"]) == ("error", None)
    assert [message["code"] for message in found["messages"]] == [code]


def test_foreign_text_steers_no_terminal_and_secrets_of_an_index_stay_away(program: Program, index: FakeIndex):
    index.sdist("gamma", "1.0", files={"setup.py": "from setuptools import setup\nimport \x1b[31m\nsetup()\n"})
    index.sdist(
        "omega", "1.0", files={"PKG-INFO": metadata("omega", "1.0", "a\x1b[31m"), "setup.py": "import b  # \x1b[31m\n"}
    )
    url = index.url.replace("http://", "http://user:secret@")
    for name in ("gamma", "omega"):
        for extra in ((), ("--json",)):
            outcome = program.run("analyze", name, "--index", url, *extra)
            assert outcome.status == 0
            assert "\x1b" not in outcome.out + outcome.err
            assert "secret" not in outcome.out + outcome.err


def test_the_library_gives_the_analysis_and_its_source(tmp_path: Path):
    found = analyze(tmp_path / write_sdist(tmp_path), torches=("2.6.0",), python="3.11")
    assert found.analysis.links_torch
    assert [reading.torch for reading in found.analysis.readings] == [None, "2.6.0"]
    assert found.source.sha256 is not None
