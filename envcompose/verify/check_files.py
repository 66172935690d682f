"""Installed files: every file that RECORD names is there, and no distribution has written over another's."""

from __future__ import annotations

import os

from .case import Case, Check
from .environment import Distribution
from .words import ERROR, WARNING, Finding, Result


def judge_complete(case: Case) -> Result:
    """Every module and shared object that an installer recorded is there; conda keeps its own account."""
    findings, count = [], 0
    for distribution in case.environment.distributions:
        if distribution.location != "site" or _installer(distribution) == "conda":
            continue
        wanted = [path for path in distribution.files if path.endswith(".py") or ".so" in os.path.basename(path)]
        count += len(wanted)
        missing = [path for path in wanted if not os.path.lexists(path)]
        if missing:
            shown = case.environment.short(missing[0]) + (f" and {len(missing) - 1} more" if missing[1:] else "")
            fix = f"pixi reinstall {distribution.name}"
            findings.append(Finding(ERROR, distribution.name, "all its files", f"missing: {shown}", fix))
    return Result(count, tuple(findings))


def judge_overwritten(case: Case) -> Result:
    """No shared object or module belongs to two distributions that wrote different contents."""
    owners: dict[str, Distribution] = {}
    findings: dict[tuple[str, str], list[str]] = {}
    for distribution in case.environment.distributions:
        if distribution.location != "site":
            continue
        for path in distribution.files:
            name = os.path.basename(path)
            if not (name.endswith(".py") or ".so" in name) or _is_shared_by_custom(case, path):
                continue
            other = owners.setdefault(path, distribution)
            if other is not distribution and other.hashes.get(path) != distribution.hashes.get(path):
                findings.setdefault((other.name, distribution.name), []).append(path)
    return Result(
        len(owners),
        tuple(
            Finding(
                WARNING,
                second,
                f"files of its own beside {first}",
                f"{case.environment.short(paths[0])}" + (f" and {len(paths) - 1} more" if paths[1:] else ""),
                f"keep one of {first} and {second}",
            )
            for (first, second), paths in sorted(findings.items())
        ),
    )


def _is_shared_by_custom(case: Case, path: str) -> bool:
    """Whether careless wheels share the name: a top-level `tests` or `docs`, or a namespace's `__init__.py`."""
    for site in case.environment.sites:
        if path.startswith(site + os.sep):
            parts = path[len(site) + 1 :].split(os.sep)
            return (
                parts[0] in ("tests", "test", "docs", "examples", "benchmarks", "scripts") or parts[-1] == "__init__.py"
            )
    return True


def _installer(distribution: Distribution) -> str:
    try:
        with open(os.path.join(distribution.folder, "INSTALLER"), encoding="utf-8", errors="replace") as file:
            return file.read(100).strip()
    except OSError:
        return ""


CHECKS = (
    Check("files.complete", "Files that were installed", judge_complete),
    Check("files.overwritten", "Files of one owner", judge_overwritten),
)
