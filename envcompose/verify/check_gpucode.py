"""GPU code: the architectures embedded in compiled packages against the GPUs that the composition is for."""

from __future__ import annotations

import os

from . import fatbin
from .case import Case, Check
from .words import ERROR, WARNING, Finding, Result


def judge_architectures(case: Case) -> Result:
    """Every package with GPU code has some that runs on each of the target's GPUs."""
    if not case.expect.gpus:
        return Result(skipped="no GPU is named")
    by_owner: dict[str, set[fatbin.Code]] = {}
    for path in _files(case):
        try:
            found = fatbin.read(path)
        except (OSError, ValueError):
            continue
        if found:
            by_owner.setdefault(case.binaries.owner(path), set()).update(found)
    findings = [finding for owner, codes in sorted(by_owner.items()) for finding in _judge(case, owner, codes)]
    return Result(len(by_owner), tuple(findings))


def _files(case: Case) -> list[str]:
    """The quick level reads what is linked to torch; NVIDIA's own libraries choose among their code themselves."""
    if not case.full:
        return [extension.path for extension in case.binaries.linked_to_torch]
    files = [path for path in case.binaries.files if not case.binaries.owner(path).startswith("nvidia-")]
    return [path for path in files if not os.path.islink(path)]


def _judge(case: Case, owner: str, codes: set[fatbin.Code]) -> list[Finding]:
    served = {gpu: fatbin.serving(codes, gpu) for gpu in case.expect.gpus}
    shown = " ".join(sorted({code.name for code in codes}))
    lacking = [gpu for gpu, how in served.items() if how is None]
    compiled = [gpu for gpu, how in served.items() if how == "PTX"]
    findings = []
    if lacking:
        # A package whose code is all for single chips or families is meant for these, beside others for the rest.
        severity = WARNING if all(code.suffix for code in codes) else ERROR
        fix = f'rebuild {owner} with TORCH_CUDA_ARCH_LIST="{" ".join(case.expect.gpus)}", or take another build'
        findings.append(Finding(severity, owner, "GPU code for " + ", ".join(lacking), shown, fix))
    if compiled:
        fix = "expect a slow first use, and a driver as new as the toolkit that made it"
        findings.append(Finding(WARNING, owner, "machine code for " + ", ".join(compiled), f"PTX only: {shown}", fix))
    return findings


CHECKS = (Check("gpucode.architectures", "GPU architectures", judge_architectures),)
