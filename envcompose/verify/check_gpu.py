"""With a GPU: the driver, the devices, and a small kernel through torch and each probe. Without one it is skipped."""

from __future__ import annotations

import json
import re

from . import check_torch, children, fatbin
from .case import Case, Check
from .words import ERROR, NOTE, WARNING, Finding, Result

_KERNEL = """
import json, torch
index = torch.cuda.current_device()
free, total = torch.cuda.mem_get_info(index)
left = torch.arange(4096, dtype=torch.float32).reshape(64, 64) / 4096
right = (left.cuda() @ left.cuda() + 1).cpu()
print(json.dumps({
    "architectures": torch.cuda.get_arch_list(), "capability": "%d.%d" % torch.cuda.get_device_capability(index),
    "free": free, "total": total, "right": bool(torch.allclose(right, left @ left + 1, atol=1e-2)),
    "half": bool(torch.isfinite((left.cuda().half() @ left.cuda().half()).float().cpu()).all()),
}))
"""
# triton compiles kernels from their source text, so the code stands in a file of the child's own empty folder.
_PROBE = """
import importlib, os, runpy, sys
path = os.path.abspath("probe.py")
with open(path, "w", encoding="utf-8") as file:
    file.write(sys.argv[2])
importlib.import_module("torch")
importlib.import_module(sys.argv[1])
runpy.run_path(path, run_name="probe")
"""
_LEAST_FREE = 512 * 1024**2


def _skipped(case: Case) -> Result | None:
    """Why nothing of the GPU can be checked; an error where a GPU is required."""
    story = case.driver.story
    if story is None:
        return None
    if case.require_gpu:
        fix = "run it on a machine with an NVIDIA GPU, or without --require-gpu"
        return Result(1, (Finding(ERROR, "GPU", "a GPU to check with", story, fix),))
    return Result(skipped=story)


def judge_present(case: Case) -> Result:
    """There is a GPU, where one is required."""
    skipped = _skipped(case)
    return skipped if skipped is not None else Result(len(case.driver.devices))


def judge_driver(case: Case) -> Result:
    """The driver is as new as the composition needs: pixi does not enforce what the manifest declares."""
    wanted, driver = case.expect.driver, case.driver
    if wanted is None or not driver.is_there:
        return Result(skipped="no driver is expected" if wanted is None else driver.story)
    if driver.version is not None:
        found, fits = driver.version, _numbers(driver.version) >= _numbers(wanted)
    elif case.expect.cuda is not None and driver.cuda is not None:
        found, fits = f"one for CUDA {driver.cuda}", _numbers(driver.cuda)[:1] >= _numbers(case.expect.cuda)[:1]
    else:
        return Result(skipped="the driver does not tell its version")
    if fits:
        return Result(1)
    fix = "update the driver, or compose with --driver " + (driver.cuda or found)
    return Result(1, (Finding(ERROR, "driver", f"{wanted} or newer", found, fix),))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def judge_devices(case: Case) -> Result:
    """The machine's GPUs are among those that the composition is for."""
    if case.driver.story is not None or not case.expect.gpus:
        return Result(skipped=case.driver.story or "no GPU is named")
    findings = []
    for device in sorted(set(case.driver.devices)):
        if device not in case.expect.gpus:
            fix = f"compose with --gpu sm_{device.replace('.', '')} beside the others, to have code for it"
            findings.append(Finding(NOTE, f"GPU {device}", " ".join(case.expect.gpus), device, fix))
    return Result(len(case.driver.devices), tuple(findings))


def judge_kernel(case: Case) -> Result:
    """One small kernel runs through torch and gives the right numbers."""
    if case.driver.story is not None:
        return Result(skipped=case.driver.story)
    build = check_torch.find(case.environment)
    if build is None:
        return Result(skipped="there is no torch")
    ended = children.run([case.environment.python, "-c", _KERNEL], case.limit)
    try:
        answer = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        fix = "see the line above; a driver too old for this torch is the most common reason"
        return Result(1, (Finding(ERROR, "torch", "a kernel runs on the GPU", ended.story, fix),))
    findings = []
    if not _served(answer["architectures"], answer["capability"]):
        shown = " ".join(answer["architectures"])
        fix = "compose with --gpu for this GPU"
        findings.append(Finding(ERROR, "torch", f"code for a GPU of {answer['capability']}", shown, fix))
    if not answer["right"] or not answer["half"]:
        fix = "suspect the GPU or the driver: run nvidia-smi -q"
        findings.append(Finding(ERROR, "torch", "right numbers", "a product of matrices is wrong", fix))
    if answer["free"] < _LEAST_FREE:
        shown = f"{answer['free'] // 1024**2} MiB of {answer['total'] // 1024**2} MiB"
        fix = "end what else uses the GPU: nvidia-smi shows it"
        findings.append(Finding(WARNING, "GPU", "free memory", shown, fix))
    return Result(1, tuple(findings))


def _served(names: list[str], capability: str) -> bool:
    """Whether an entry such as `sm_90` or `compute_90` of torch's list runs on the GPU."""
    codes = []
    for name in names:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name)
        if match:
            kind, major, minor, suffix = match.groups()
            codes.append(fatbin.Code(kind == "compute", int(major), int(minor), suffix))
    return not codes or fatbin.serving(codes, capability) is not None


def judge_probes(case: Case) -> Result:
    """What recipes probe works on the GPU: one small kernel for each package."""
    probes = [p for p in case.expect.probes if p.code and not case.is_reported_missing(p.distribution)]
    if case.driver.story is not None or not probes:
        return Result(skipped=case.driver.story or "no recipe has a probe for the GPU")
    findings = []
    for probe in probes:
        ended = children.run([case.environment.python, "-c", _PROBE, probe.module, probe.code or ""], case.limit)
        if not ended.ok:
            fix = f"pixi reinstall {probe.distribution}"
            findings.append(Finding(ERROR, probe.id, "its probe runs on the GPU", ended.story, fix))
    return Result(len(probes), tuple(findings))


CHECKS = (
    Check("gpu.present", "A GPU", judge_present),
    Check("gpu.driver", "Driver", judge_driver),
    Check("gpu.devices", "GPUs of the composition", judge_devices),
    Check("gpu.kernel", "A kernel through torch", judge_kernel, quick=False),
    Check("gpu.probes", "Probes on the GPU", judge_probes, quick=False),
)
