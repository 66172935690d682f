"""A pixi on PATH, asked whether it accepts a lock: it solves nothing, writes nothing and opens no connection for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets

MOST_SECONDS = 60
MOST_LINES = 6
_VERSION = re.compile(r"\d+\.\d+\.\d+\S*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PixiVerdict:
    """What a real pixi says of a lock; `words` are its own, empty where it accepts it."""

    accepted: bool
    version: str
    words: str


def ask_pixi(manifest: Path, *, driver: str | None = None) -> PixiVerdict | None:
    """Ask the pixi on PATH about the lock beside a manifest; None where there is no pixi, or it does not answer.

    `pixi list --locked --no-install` is used because it never writes (facts: pixi.md §9.4; `pixi lock --check` does).
    `driver` is the CUDA version that the target states: without it pixi refuses a machine that has no GPU.
    """
    program = shutil.which("pixi")
    if program is None:
        return None
    environment = {**os.environ, "NO_COLOR": "1", "PIXI_NO_PROGRESS": "true"}
    if driver is not None:
        environment.setdefault("CONDA_OVERRIDE_CUDA", driver)
    version = _run([program, "--version"], environment)
    command = [program, "list", "--locked", "--no-install", "--manifest-path", str(manifest)]
    asked = _run(command, environment)
    if version is None or asked is None:
        return None
    found = _VERSION.search(version.stdout)
    accepted = asked.returncode == 0
    words = "" if accepted else "\n".join(mask_secrets(asked.stderr).strip().splitlines()[:MOST_LINES])
    return PixiVerdict(accepted=accepted, version=found.group() if found else "", words=words)


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=MOST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
