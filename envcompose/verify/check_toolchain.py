"""The toolchain that builds from source use: nvcc and the host compiler, and that they agree with torch."""

from __future__ import annotations

import glob
import os
import re

from . import children
from .case import Case, Check
from .environment import Environment
from .words import ERROR, UNKNOWN, Finding, Result


def find_nvcc(environment: Environment) -> str | None:
    """The environment's own nvcc: conda's in bin, else one that a wheel brought; None where there is none."""
    candidates = [os.path.join(environment.prefix, "bin", "nvcc")]
    for site in environment.sites:
        candidates += sorted(glob.glob(os.path.join(glob.escape(site), "nvidia", "*", "bin", "nvcc")))
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def judge_nvcc(case: Case) -> Result:
    """nvcc is the environment's own and of the expected CUDA line."""
    wanted = case.expect.nvcc
    if wanted is None:
        return Result(skipped="nothing is compiled with nvcc")
    nvcc = find_nvcc(case.environment)
    if nvcc is None:
        return Result(1, (Finding(ERROR, "nvcc", f"{wanted} in the environment", "missing", "pixi install"),))
    found = nvcc_release(nvcc, case.limit)
    if isinstance(found, children.Ended):
        return Result(
            1, (Finding(UNKNOWN, "nvcc", wanted, f"not to be told: {found.story}", "pixi reinstall cuda-nvcc"),)
        )
    if found.split(".")[:2] == wanted.split(".")[:2]:
        return Result(1)
    return Result(1, (Finding(ERROR, "nvcc", wanted, found, "pixi install"),))


def nvcc_release(nvcc: str, limit: float) -> str | children.Ended:
    """The CUDA line that `nvcc --version` names, or how that ended."""
    ended = children.run([nvcc, "--version"], limit)
    match = re.search(r"release (\d+\.\d+)", ended.output)
    return match.group(1) if ended.ok and match else ended


CHECKS = (Check("toolchain.nvcc", "Version of nvcc", judge_nvcc),)
