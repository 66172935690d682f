"""What the benchmarks of whole commands share: processes that are timed, and the table that is printed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_COMMAND = """
import atexit, sys, time
place = sys.argv.pop(1)
span = [0.0, 0.0]

@atexit.register
def told():
    import json, re, resource
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    json.dump(
        {"peak_kib": peak, "own_seconds": own.ru_utime + own.ru_stime,
         "children_seconds": children.ru_utime + children.ru_stime,
         "composing_seconds": span[1] - span[0],
         "modules": sorted(name for name, module in sys.modules.items()
                           if "site-packages" in (getattr(module, "__file__", None) or "") and "__mypyc" not in name)},
        open(place, "w"))

from envcompose.cli.main import run
import envcompose.api as api

def noted(function, place, before):
    def called(*arguments, **options):
        if before:
            span[place] = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            if not before:
                span[place] = time.perf_counter()
    return called

api.compose = noted(api.compose, 0, True)
api.write_result = noted(api.write_result, 1, False)
run()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table; `limit` is None where nothing was promised."""

    what: str
    value: str
    limit: str | None = None
    holds: bool | None = None


def shown(lines: list[Line]) -> list[Line]:
    """Print lines of the table; gives them."""
    progress("")
    for line in lines:
        verdict = "" if line.holds is None else ("  holds" if line.holds else "  DOES NOT HOLD")
        limit = f"  (limit {line.limit})" if line.limit else ""
        print(f"{line.what:<58}  {line.value:>9}{limit}{verdict}", flush=True)
    return lines


def progress(what: str) -> None:
    """Say how far the measuring is, on the line that the table then takes."""
    if sys.stdout.isatty():
        print(f"\r{what:<40}", end="" if what else "\r", flush=True)


def timed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """The seconds that a process takes from its start to its end; statuses other than 0 and 1 end the benchmark."""
    started = time.perf_counter()
    done = subprocess.run(command, env=environment or clean(), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{shlex.join(command[:4])} failed: {done.stderr}")
    return seconds


def clean() -> dict[str, str]:
    """The environment without what would steer uv, pip or conda."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "CONDA_"))}


def run_command(words: Sequence[str], folder: Path, cache: Path, *, quiet: bool = True) -> dict[str, Any]:
    """Run envcompose in a process and a new folder of its own; gives its status, peak memory, times, modules.

    `composing_seconds` lie between the intent that was read and the files that are written: the search, all solves, the
    texts, our judgement of the lock.
    """
    folder.mkdir()
    numbers = folder.with_suffix(".json")
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, str(numbers), *words],
        cwd=folder,
        env={**clean(), "ENVCOMPOSE_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if quiet else None,
        check=False,
    )
    found: dict[str, Any] = json.loads(numbers.read_text())
    return {**found, "status": done.returncode}


def importing(modules: Sequence[str]) -> list[str]:
    """The command that imports these modules, parents first, and does nothing else."""
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    return [sys.executable, "-c", script, *sorted(modules)]
