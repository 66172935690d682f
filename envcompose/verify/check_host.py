"""Host hygiene: console scripts, PATH, and what leaks in from outside the environment."""

from __future__ import annotations

import os
import re
import shlex

from .case import Case, Check
from .environment import Environment
from .words import ERROR, WARNING, Finding, Result


def judge_scripts(case: Case) -> Result:
    """Every console script exists, is executable and starts an interpreter of this environment."""
    findings = []
    for script in sorted(case.expect.scripts, key=lambda script: script.name):
        if case.is_reported_missing(script.distribution):
            continue
        path = os.path.join(case.environment.prefix, "bin", script.name)
        fix = f"pixi reinstall {script.distribution}"
        if not os.path.isfile(path):
            findings.append(Finding(ERROR, script.name, f"bin/{script.name} of {script.distribution}", "missing", fix))
        elif not os.access(path, os.X_OK):
            findings.append(Finding(ERROR, script.name, "an executable file", "not executable", fix))
        else:
            broken = _broken_shebang(case.environment, path)
            if broken:
                findings.append(Finding(ERROR, script.name, "a shebang that leads into the environment", broken, fix))
    return Result(len(case.expect.scripts), tuple(findings))


def _broken_shebang(environment: Environment, path: str) -> str | None:
    """What is wrong with a script's first lines; None for a live shebang and for a binary."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head.startswith(b"#!"):
        return None if head.startswith(b"\x7fELF") else "there is no shebang"
    lines = head.decode("utf-8", "replace").splitlines()
    words = lines[0][2:].split()
    # Where the interpreter's path is too long or has a space, pip and pixi write a shell's line in Python quotes.
    trampoline = re.match(r"'''exec'\s+(.*)", lines[1]) if len(lines) > 1 else None
    if trampoline:
        try:
            words = shlex.split(trampoline.group(1))
        except ValueError:
            words = []
    if not words:
        return "the shebang names nothing"
    interpreter = words[0]
    if os.path.basename(interpreter) == "env" or "python" not in os.path.basename(interpreter):
        return None if os.path.exists(interpreter) else f"{interpreter} does not exist"
    if not os.path.exists(interpreter):
        return f"{interpreter} does not exist"
    ours = os.path.realpath(os.path.join(environment.prefix, "bin"))
    if os.path.realpath(os.path.dirname(interpreter)) != ours:
        return f"{interpreter} belongs to another environment"
    return None


def judge_path(case: Case) -> Result:
    """The console scripts and `python` are found first on PATH."""
    if not case.activated:
        return Result(skipped="the environment is judged from outside")
    findings, names = [], sorted({script.name for script in case.expect.scripts} | {"python"})
    folder = os.path.join(case.environment.prefix, "bin")
    for name in names:
        if not os.path.exists(os.path.join(folder, name)):
            continue
        found = _first_on_path(name, case.variables.get("PATH", ""))
        if found is None or os.path.realpath(os.path.dirname(found)) != os.path.realpath(folder):
            where = "nothing" if found is None else case.environment.short(found)
            fix = "start it with pixi run, or activate the environment after everything else that changes PATH"
            findings.append(Finding(ERROR, name, f"bin/{name} first on PATH", where, fix))
    return Result(len(names), tuple(findings))


def _first_on_path(name: str, path: str) -> str | None:
    for folder in path.split(os.pathsep):
        file = os.path.join(folder or os.curdir, name)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    return None


def judge_variables(case: Case) -> Result:
    """The manifest's activation variables have their values; none leaks in from outside."""
    if not case.activated:
        return Result(skipped="the environment is judged from outside")
    findings = []
    for name, text in sorted(case.expect.env.items()):
        wanted, found = _expand(text, case), case.variables.get(name)
        if wanted is not None and found != wanted:
            shown = "not set" if found is None else case.environment.short(found)
            fix = "start it with pixi run, which activates the environment"
            findings.append(Finding(WARNING if found is None else ERROR, name, text, shown, fix))
    return Result(len(case.expect.env), tuple(findings))


def _expand(text: str, case: Case) -> str | None:
    """The text with $CONDA_PREFIX put in; None where it names a variable whose value before activation is unknown."""
    known = {"CONDA_PREFIX": case.variables.get("CONDA_PREFIX", case.environment.prefix)}
    expanded = re.sub(r"\$\{?(CONDA_PREFIX)\}?", lambda match: known[match.group(1)], text)
    return None if "$" in expanded else expanded


_LEAKS = (
    ("PYTHONHOME", ERROR, "it replaces the standard library"),
    ("PYTHONPATH", WARNING, "its folders come before the environment's packages"),
    ("LD_LIBRARY_PATH", WARNING, "its folders come before the environment's libraries"),
    ("LD_PRELOAD", WARNING, "its libraries come before the environment's"),
    ("PIP_USER", WARNING, "pip installs into the home folder"),
    ("PIP_TARGET", WARNING, "pip installs elsewhere"),
    ("PIP_PREFIX", WARNING, "pip installs elsewhere"),
    ("CUDA_HOME", WARNING, "builds take that toolkit"),
    ("CUDA_PATH", WARNING, "builds may take that toolkit"),
)


def judge_leaks(case: Case) -> Result:
    """No variable of the outer environment changes what Python, the loader, pip or a build would take."""
    if not case.activated:
        return Result(skipped="the environment is judged from outside")
    findings, inside = [], os.path.realpath(case.environment.prefix) + os.sep
    for name, severity, why in _LEAKS:
        value = case.variables.get(name, "")
        if not value or name in case.expect.env:
            continue
        folders = [folder for folder in value.split(":") if folder]
        if all((os.path.realpath(folder) + os.sep).startswith(inside) for folder in folders):
            continue
        shown = f"{':'.join(case.environment.short(folder) for folder in folders)}: {why}"
        if name == "CUDA_HOME" and case.compiles:
            severity = ERROR
        findings.append(Finding(severity, name, "not set from outside", shown, f"unset {name}"))
    return Result(len(_LEAKS), tuple(findings))


def judge_user_site(case: Case) -> Result:
    """No package of the home folder, or of a folder outside, comes before the environment's own."""
    findings, own = [], {d.name: d for d in case.environment.distributions if d.location == "site"}
    strangers: dict[str, list[str]] = {}
    outside = [d for d in case.environment.distributions if d.location != "site"]
    for distribution in outside:
        place = case.environment.short(distribution.site)
        found = f"{distribution.version} in {place}"
        user = distribution.location == "user"
        fix = "export PYTHONNOUSERSITE=1, or remove it from there" if user else f"take {place} out of sys.path"
        shadowed = distribution.name in own and case.environment.installed[distribution.name] is distribution
        if shadowed:
            wanted = f"{own[distribution.name].version} of the environment"
            findings.append(Finding(ERROR, distribution.name, wanted, found, fix))
        elif distribution.name not in own:
            strangers.setdefault(place, []).append(distribution.name)
    for place, names in sorted(strangers.items()):
        found = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        fix = f"export PYTHONNOUSERSITE=1, or take {place} out of sys.path"
        findings.append(Finding(WARNING, place, "packages of the environment only", found, fix))
    return Result(len(outside) + len(own), tuple(findings))


_CACHES = (
    "HF_HOME",
    "TORCH_HOME",
    "TRITON_CACHE_DIR",
    "TORCH_EXTENSIONS_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "XDG_CACHE_HOME",
)


def judge_caches(case: Case) -> Result:
    """The folders where models, kernels and extensions are kept can be written."""
    places = {name: case.variables[name] for name in _CACHES if case.variables.get(name)}
    places.setdefault("XDG_CACHE_HOME", os.path.join(os.path.expanduser("~"), ".cache"))
    findings = []
    for name, folder in sorted(places.items()):
        existing = os.path.abspath(folder)
        while not os.path.exists(existing) and os.path.dirname(existing) != existing:
            existing = os.path.dirname(existing)
        if not os.path.isdir(existing) or not os.access(existing, os.W_OK | os.X_OK):
            shown = f"{case.environment.short(existing)} is not"
            fix = f"export {name}=FOLDER with a folder that you may write"
            findings.append(Finding(WARNING, name, "a folder that can be written", shown, fix))
    return Result(len(places), tuple(findings))


CHECKS = (
    Check("host.scripts", "Console scripts", judge_scripts),
    Check("host.path", "First on PATH", judge_path),
    Check("host.variables", "Activation variables", judge_variables),
    Check("host.leaks", "Nothing leaks in", judge_leaks),
    Check("host.user-site", "No packages from outside", judge_user_site),
    Check("host.caches", "Caches can be written", judge_caches),
)
