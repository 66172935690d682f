"""Builders for the verifier's tests: a real virtual environment with small real parts, and expectations that fit it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

VERIFIER = Path(__file__).parents[2] / "envcompose" / "verify"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def expectations(**changes: Any) -> dict[str, Any]:
    """Expectations of nothing, with `changes`."""
    nothing: dict[str, Any] = {
        "schema": "envcompose.expectations/1", "version": "0.1.0", "digest": None, "files": {}, "platform": "linux-64",
        "python": PYTHON, "glibc": None, "cuda": None, "driver": None, "gpus": [], "cxx11_abi": None, "torch": None,
        "pins": {}, "bounds": {}, "locked": None, "conda": {}, "imports": [], "extensions": [], "scripts": [],
        "nvcc": None, "built": [], "build_needs": {}, "env": {}, "probes": [],
    }  # fmt: skip
    return {**nothing, **changes}


class Project:
    """A project folder with an environment and the verifier copied into it, as a user has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / ".pixi" / "envs" / "default"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.prefix)], check=True)
        self.site = self.prefix / "lib" / f"python{PYTHON}" / "site-packages"
        self.own = folder / ".envcompose"
        self.own.mkdir()
        (self.own / "verify").symlink_to(VERIFIER)
        self.expected = expectations()

    def distribution(self, name: str, version: str, *requires: str, files: dict[str, str] | None = None) -> Path:
        """Install a distribution as an installer does: METADATA, RECORD, files; a module of its name by default."""
        module = name.replace("-", "_")
        contents = {f"{module}/__init__.py": ""} if files is None else files
        info = self.site / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (info / "METADATA").write_text(
            "\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires), "", "Text."])
        )
        for path, text in contents.items():
            file = self.site / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in [*contents, f"{info.name}/METADATA"]))
        return info

    def script(self, name: str, shebang: str | None = None) -> Path:
        """A console script, with the environment's interpreter by default."""
        path = self.prefix / "bin" / name
        path.write_text(f"#!{shebang or self.prefix / 'bin' / 'python'}\nprint('hello')\n")
        path.chmod(0o755)
        return path

    def conda(self, name: str, version: str, build: str = "0", purls: tuple[str, ...] = ()) -> None:
        """A record of conda-meta."""
        folder = self.prefix / "conda-meta"
        folder.mkdir(exist_ok=True)
        record = {"name": name, "version": version, "build": build, "files": [], "purls": list(purls)}
        (folder / f"{name}-{version}-{build}.json").write_text(json.dumps(record))

    def verify(self, *arguments: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
        """Run the verifier in the activated environment, as `pixi run verify` does."""
        (self.own / "expect.json").write_text(json.dumps(self.expected))
        env = {"PATH": f"{self.prefix / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder), "PYTHONNOUSERSITE": "1"}
        env.update({name: value for name, value in variables.items() if value is not None})
        for name in [name for name, value in variables.items() if value is None]:
            env.pop(name, None)
        command = [str(self.prefix / "bin" / "python"), str(self.own / "verify"), *arguments]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )

    def judge(self, *arguments: str, **variables: str | None) -> tuple[int, set[tuple[str, str, str]]]:
        """The exit status, and the findings as (id, severity, subject)."""
        ended = self.verify("--json", *arguments, **variables)
        document = json.loads(ended.stdout)
        return ended.returncode, {(f["id"], f["severity"], f["subject"]) for f in document["findings"]}
