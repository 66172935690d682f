"""Builders for the verifier's tests: a real virtual environment with small real parts, and expectations that fit it.

Python parts are installed as an installer leaves them; compiled parts are compiled here, once for all tests.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from envcompose.verify import check_built, environment, expectations
from envcompose.verify.case import Case
from envcompose.verify.command import judge
from envcompose.verify.words import Outcome, exit_status

VERIFIER = Path(__file__).parents[2] / "envcompose" / "verify"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
Found = set[tuple[str, str, str]]


def expected(**changes: Any) -> dict[str, Any]:
    """Expectations of nothing, with `changes`."""
    nothing: dict[str, Any] = {
        "schema": "envcompose.expectations/1", "version": "0.1.0", "digest": None, "files": {}, "platform": "linux-64",
        "python": PYTHON, "glibc": None, "cuda": None, "driver": None, "gpus": [], "cxx11_abi": None, "torch": None,
        "pins": {}, "bounds": {}, "locked": None, "conda": {}, "imports": [], "extensions": [], "scripts": [],
        "nvcc": None, "built": [], "build_needs": {}, "env": {}, "probes": [],
    }  # fmt: skip
    return {**nothing, **changes}


@functools.lru_cache(maxsize=1)
def _venv() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="verify-venv-")) / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


@functools.cache
def compiled(source: str, *flags: str) -> bytes:
    """The shared object that g++ makes of a source."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "part.cpp")
        file.write_text(source)
        command = ["g++", "-shared", "-fPIC", "-O0", str(file), "-o", f"{folder}/out.so", *flags]
        subprocess.run(command, check=True, capture_output=True)
        return Path(folder, "out.so").read_bytes()


@functools.lru_cache(maxsize=1)
def _shelf() -> Path:
    return Path(tempfile.mkdtemp(prefix="verify-link-"))


def linked(source: str, libraries: dict[str, bytes], *flags: str) -> bytes:
    """A shared object that needs the libraries, under the names that they have as `soname`."""
    paths = []
    for name, content in libraries.items():
        path = _shelf() / hashlib.sha256(content).hexdigest()[:16] / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        paths.append(str(path))
    return compiled(source, *flags, "-Wl,--no-as-needed", *paths)


def module(name: str, body: str = "", call: str = "") -> str:
    """The source of an extension module that calls something when it is imported."""
    return f"""#include <Python.h>
#include <string>
{body}
static PyModuleDef definition = {{PyModuleDef_HEAD_INIT, "{name}", nullptr, -1, nullptr}};
PyMODINIT_FUNC PyInit_{name}() {{
    {call}
    return PyModule_Create(&definition);
}}
"""


INCLUDE = f"-I{sysconfig.get_path('include')}"


class Project:
    """A project folder with an environment and the verifier in it, as a user has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / ".pixi" / "envs" / "default"
        shutil.copytree(_venv(), self.prefix, symlinks=True)
        self.site = self.prefix / "lib" / f"python{PYTHON}" / "site-packages"
        self.own = folder / ".envcompose"
        self.own.mkdir()
        (self.own / "verify").symlink_to(VERIFIER)
        self.expected = expected()
        self.variables = {"PATH": f"{self.prefix / 'bin'}:/usr/bin:/bin", "CONDA_PREFIX": str(self.prefix)}

    def distribution(self, name: str, version: str, *requires: str, files: dict[str, Any] | None = None) -> Path:
        """Install a distribution as an installer does: METADATA, RECORD, files; a module of its name by default."""
        stem = name.replace("-", "_")
        contents = {f"{stem}/__init__.py": ""} if files is None else files
        info = self.site / f"{stem}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (info / "METADATA").write_text(
            "\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires), "", "Text."])
        )
        rows = [f"{info.name}/METADATA,,"]
        for path, content in contents.items():
            data = content if isinstance(content, bytes) else content.encode()
            file = self.site / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            rows.append(f"{path},sha256={digest},{len(data)}")
        (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,", ""]))
        return info

    def script(self, name: str, text: str | None = None) -> Path:
        """A console script, for the environment's interpreter by default."""
        path = self.prefix / "bin" / name
        path.write_text(text or f"#!{self.prefix / 'bin' / 'python'}\nprint('hello')\n")
        path.chmod(0o755)
        return path

    def conda(
        self, name: str, version: str, build: str = "0", purls: tuple[str, ...] = (), files: tuple[str, ...] = ()
    ) -> None:
        """A record of conda-meta."""
        folder = self.prefix / "conda-meta"
        folder.mkdir(exist_ok=True)
        record = {"name": name, "version": version, "build": build, "files": list(files), "purls": list(purls)}
        (folder / f"{name}-{version}-{build}.json").write_text(json.dumps(record))

    def write(self, path: str, content: str | bytes) -> None:
        """Replace a file, given under the site folder, or under the prefix with a leading slash."""
        file = self.prefix / path[1:] if path.startswith("/") else self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def remove(self, path: str) -> None:
        """Remove a file or folder, given as `write` takes it."""
        file = self.prefix / path[1:] if path.startswith("/") else self.site / path
        shutil.rmtree(file) if file.is_dir() else file.unlink()

    def case(self, full: bool = True, **changes: Any) -> Case:
        """What the checks are given."""
        values: dict[str, Any] = {
            "expect": expectations.read(json.dumps(self.expected)),
            "environment": environment.look(str(self.prefix)),
            "variables": self.variables,
            "activated": True,
            "root": str(self.folder),
            "full": full,
            "require_gpu": False,
            "limit": 20.0,
        }
        return Case(**{**values, **changes})

    def judge(self, full: bool = True, **changes: Any) -> tuple[int, Found]:
        """The exit status and the findings; what worked is remembered, as the command does."""
        case = self.case(full, **changes)
        outcomes = judge(case)
        if full:
            check_built.write_stamp(case, outcomes)
        return exit_status(outcomes), found(outcomes)

    def verify(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the verifier in the activated environment, as `pixi run verify` does."""
        (self.own / "expect.json").write_text(json.dumps(self.expected))
        env = {**self.variables, "HOME": str(self.folder), "PYTHONNOUSERSITE": "1", **variables}
        command = [str(self.prefix / "bin" / "python"), str(self.own / "verify"), *arguments]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )


def found(outcomes: tuple[Outcome, ...]) -> Found:
    """The findings as (id, severity, subject)."""
    return {(o.id, finding.severity, finding.subject) for o in outcomes for finding in o.result.findings}


def digest(path: Path) -> str:
    """A file's sha256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def has_compiler() -> bool:
    """Whether compiled parts can be made here."""
    return shutil.which("g++") is not None and os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
