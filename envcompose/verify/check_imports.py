"""Imports and probes, each in a process of its own, so that a crash or a hang is a finding."""

from __future__ import annotations

import re

from . import children
from .case import Case, Check
from .expectations import Named
from .words import ERROR, NOTE, Finding, Result

# An extension that links torch finds libc10.so only once torch is loaded, so a failure over that is tried again after
# torch.
_IMPORT = """
import importlib, sys
name = sys.argv[1]
try:
    importlib.import_module(name)
except ImportError as error:
    if not any(word in str(error) for word in ("libc10", "libtorch", "libcud", "libnv", "undefined symbol")):
        raise
    import torch
    importlib.import_module(name)
"""
_DRIVER = re.compile(
    r"(libcuda\.so\.1|libnvidia-ml\.so\.1): cannot open|Found no NVIDIA driver|0 active drivers", re.IGNORECASE
)


def judge_imports(case: Case) -> Result:
    """The named packages can be imported."""
    return _judge(case, case.expect.imports)


def judge_extensions(case: Case) -> Result:
    """The extension modules of compiled packages can be imported: a build without CUDA often lacks its module."""
    return _judge(case, case.expect.extensions)


def _judge(case: Case, modules: tuple[Named, ...]) -> Result:
    def attempt(module: Named) -> Finding | None:
        ended = children.run([case.environment.python, "-c", _IMPORT, module.name], case.limit)
        return None if ended.ok else _finding(module, ended)

    there = [module for module in set(modules) if not case.is_reported_missing(module.distribution)]
    # Importing a module imports its package first; each import of torch costs seconds.
    parents = {".".join(module.name.split(".")[:n]) for module in there for n in range(1, module.name.count(".") + 1)}
    there = [module for module in there if module.name not in parents]
    findings = children.side_by_side(attempt, sorted(there, key=lambda module: (module.distribution, module.name)))
    return Result(len(findings), tuple(finding for finding in findings if finding is not None))


def _finding(module: Named, ended: children.Ended) -> Finding:
    subject, expected = module.distribution, f"import {module.name} succeeds"
    if _DRIVER.search(ended.errors):
        return Finding(NOTE, subject, expected, ended.story, "nothing here: it needs a machine with an NVIDIA driver")
    return Finding(ERROR, subject, expected, ended.story, _fix(module, ended))


def _fix(module: Named, ended: children.Ended) -> str:
    if "/torch/lib/" in ended.last_line:
        return "a library of torch itself does not load: see binary.torch and closure.requirements"
    if "undefined symbol" in ended.errors:
        return f"it was built for another torch: pixi reinstall {module.distribution}"
    if ended.status is None:
        return f"run it by hand to see where it hangs: python -X faulthandler -c 'import {module.name}'"
    if ended.status < 0:
        return f"run it by hand to see where it crashes: python -X faulthandler -c 'import {module.name}'"
    missing = re.search(r"No module named '([^'.]+)(\.)?", ended.errors)
    if missing and missing.group(1) != module.name.split(".")[0]:
        if missing.group(2):
            return f"a part of the package {missing.group(1)} is missing: pixi reinstall {missing.group(1)}"
        return f"the module {missing.group(1)} is missing: pixi install"
    return f"pixi reinstall {module.distribution}"


def judge_probes(case: Case) -> Result:
    """The modules that recipes probe can be imported; their code runs with a GPU only (gpu.probes)."""
    if not case.expect.probes:
        return Result(skipped="no recipe has a probe")
    tried = {named.name for named in (*case.expect.imports, *case.expect.extensions)}
    probes = (Named(probe.distribution, probe.module) for probe in case.expect.probes if probe.module not in tried)
    return _judge(case, tuple(probes))


CHECKS = (
    Check("imports.named", "Imports of the named packages", judge_imports, quick=False),
    Check("imports.extensions", "Imports of extension modules", judge_extensions, quick=False),
    Check("imports.probes", "Imports that recipes probe", judge_probes, quick=False),
)
