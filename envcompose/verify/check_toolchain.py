"""The toolchain that builds from source use: nvcc, the host compiler and ninja, and that they agree with torch."""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile

from . import check_torch, children
from .case import Case, Check
from .words import ERROR, UNKNOWN, WARNING, Finding, Result

_NOTHING = "nothing is compiled from source"
_CPP = '#include <string>\n#include <Python.h>\nextern "C" int answer() { return (int)std::string("x").size(); }\n'
_CU = "#include <cuda_runtime.h>\n__global__ void kernel(float* x) { x[threadIdx.x] *= 2; }\n"


def find_nvcc(case: Case) -> str | None:
    """The environment's own nvcc: conda's in bin, else one that a wheel brought; None where there is none."""
    candidates = [os.path.join(case.environment.prefix, "bin", "nvcc")]
    for site in case.environment.sites:
        candidates += sorted(glob.glob(os.path.join(glob.escape(site), "nvidia", "*", "bin", "nvcc")))
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def find_toolkit(case: Case) -> str | None:
    """The folder where torch's builds look for CUDA (torch/utils/cpp_extension.py): CUDA_HOME, CUDA_PATH, nvcc's."""
    named = case.variables.get("CUDA_HOME") or case.variables.get("CUDA_PATH") if case.activated else None
    nvcc = shutil.which("nvcc", path=_path(case))
    return named or (os.path.dirname(os.path.dirname(nvcc)) if nvcc else None)


def find_compiler(case: Case) -> str | None:
    """The C++ compiler that builds take: CXX, the environment's own, else the first c++ on PATH."""
    own = sorted(glob.glob(os.path.join(glob.escape(case.environment.prefix), "bin", "*-conda*-linux-gnu-g++")))
    named = case.variables.get("CXX", "") if case.activated else ""
    for command in (named, *own, "c++", "g++"):
        found = shutil.which(command, path=_path(case)) if command else None
        if found:
            return found
    return None


def _path(case: Case) -> str:
    path = case.variables.get("PATH", "")
    return path if case.activated else os.path.join(case.environment.prefix, "bin") + os.pathsep + path


def judge_nvcc(case: Case) -> Result:
    """nvcc is the environment's own, the first on PATH, and of the expected CUDA line."""
    wanted = case.expect.nvcc
    if wanted is None:
        return Result(skipped="nothing is compiled with nvcc")
    nvcc = find_nvcc(case)
    if nvcc is None:
        return Result(1, (Finding(ERROR, "nvcc", f"{wanted} in the environment", "missing", "pixi install"),))
    findings = []
    found = nvcc_release(nvcc, case.limit)
    if isinstance(found, children.Ended):
        fix = "pixi reinstall cuda-nvcc"
        findings.append(Finding(UNKNOWN, "nvcc", wanted, f"not to be told: {found.story}", fix))
    elif found.split(".")[:2] != wanted.split(".")[:2]:
        findings.append(Finding(ERROR, "nvcc", wanted, found, "pixi install"))
    first = shutil.which("nvcc", path=_path(case))
    if first is not None and os.path.realpath(first) != os.path.realpath(nvcc):
        shown = case.environment.short(first)
        findings.append(Finding(ERROR, "nvcc", "the environment's own first on PATH", shown, "start it with pixi run"))
    return Result(1, tuple(findings))


def nvcc_release(nvcc: str, limit: float) -> str | children.Ended:
    """The CUDA line that `nvcc --version` names, or how that ended."""
    ended = children.run([nvcc, "--version"], limit)
    match = re.search(r"release (\d+\.\d+)", ended.output)
    return match.group(1) if ended.ok and match else ended


def judge_agreement(case: Case) -> Result:
    """The toolkit that builds will find has torch's CUDA major, which torch insists on, and better its minor."""
    build, toolkit = check_torch.find(case.environment), find_toolkit(case)
    if case.expect.nvcc is None or build is None or build.cuda is None:
        return Result(
            skipped="nothing is compiled with nvcc" if case.expect.nvcc is None else "there is no torch for CUDA"
        )
    fix = 'set CUDA_HOME = "$CONDA_PREFIX" in [activation.env]'
    if toolkit is None:
        return Result(1, (Finding(ERROR, "CUDA_HOME", f"a toolkit for CUDA {build.cuda}", "none is found", fix),))
    found = nvcc_release(os.path.join(toolkit, "bin", "nvcc"), case.limit)
    if isinstance(found, children.Ended):
        shown = f"no nvcc that runs in {case.environment.short(toolkit)}"
        return Result(1, (Finding(ERROR, "CUDA_HOME", f"a toolkit for CUDA {build.cuda}", shown, fix),))
    if found.split(".")[0] != build.cuda.split(".")[0]:
        return Result(1, (Finding(ERROR, "nvcc", f"CUDA {build.cuda}, as torch", f"CUDA {found}", "pixi install"),))
    if found.split(".")[:2] != build.cuda.split(".")[:2]:
        fix = "nothing, if it was chosen so: torch warns and builds"
        return Result(1, (Finding(WARNING, "nvcc", f"CUDA {build.cuda}, as torch", f"CUDA {found}", fix),))
    return Result(1)


def judge_headers(case: Case) -> Result:
    """CUDA's headers are where extensions will look."""
    toolkit = find_toolkit(case)
    if case.expect.nvcc is None or toolkit is None:
        return Result(skipped="nothing is compiled with nvcc")
    folders = [os.path.join(toolkit, "include"), os.path.join(toolkit, "targets", "x86_64-linux", "include")]
    for name in ("CPATH", "CPLUS_INCLUDE_PATH"):
        folders += [folder for folder in case.variables.get(name, "").split(":") if folder]
    if any(os.path.isfile(os.path.join(folder, "cuda_runtime.h")) for folder in folders):
        return Result(1)
    shown = f"not in {case.environment.short(folders[0])}"
    return Result(1, (Finding(ERROR, "cuda_runtime.h", "in the include path", shown, "pixi add cuda-cudart-dev"),))


def judge_compiler(case: Case) -> Result:
    """The host compiler is one that nvcc accepts, by nvcc's own header."""
    if not case.compiles:
        return Result(skipped=_NOTHING)
    compiler = find_compiler(case)
    if compiler is None:
        return Result(1, (Finding(ERROR, "c++", "a C++ compiler", "none is found", "pixi add gxx"),))
    ended = children.run([compiler, "-dumpfullversion", "-dumpversion"], case.limit)
    version = re.match(r"(\d+)", ended.output)
    if not ended.ok or version is None:
        return Result(1, (Finding(ERROR, "c++", "a C++ compiler that runs", ended.story, "pixi reinstall gxx"),))
    ceiling = _gcc_ceiling(case)
    if ceiling is not None and int(version.group(1)) > ceiling:
        found = f"{ended.output.strip()} ({case.environment.short(compiler)})"
        fix = f"pixi add 'gxx<{ceiling + 1}'"
        return Result(1, (Finding(ERROR, "c++", f"gcc {ceiling} at most, for nvcc", found, fix),))
    return Result(1)


def _gcc_ceiling(case: Case) -> int | None:
    """The newest gcc that nvcc takes: its crt/host_config.h refuses what is above."""
    toolkit = find_toolkit(case)
    for folder in ("include", "targets/x86_64-linux/include", "targets/sbsa-linux/include") if toolkit else ():
        try:
            with open(os.path.join(toolkit or "", folder, "crt", "host_config.h"), encoding="utf-8") as file:
                match = re.search(r"#if __GNUC__ > (\d+)", file.read())
        except (OSError, ValueError):
            continue
        if match:
            return int(match.group(1))
    return None


def judge_ninja(case: Case) -> Result:
    """ninja runs, where the builds need it."""
    needed = any("ninja" in needs for needs in case.expect.build_needs.values()) or "ninja" in case.expect.conda
    if not needed:
        return Result(skipped="no build needs ninja")
    ninja = shutil.which("ninja", path=_path(case))
    ended = children.run([ninja or "ninja", "--version"], case.limit)
    if ninja and ended.ok:
        return Result(1)
    return Result(1, (Finding(ERROR, "ninja", "it runs", ended.story if ninja else "missing", "pixi reinstall ninja"),))


def judge_compile(case: Case) -> Result:
    """A tiny C++ file, and with nvcc a tiny .cu file, compiles."""
    compiler, toolkit = find_compiler(case), find_toolkit(case)
    if not case.compiles or compiler is None:
        return Result(skipped=_NOTHING if not case.compiles else "there is no C++ compiler")
    findings = [
        _compile([compiler, "-c", "-std=c++17", "-fPIC", f"-I{case.environment.include}"], "tiny.cpp", _CPP, case)
    ]
    nvcc = os.path.join(toolkit, "bin", "nvcc") if toolkit else ""
    if case.expect.nvcc is not None and os.access(nvcc, os.X_OK):
        findings.append(_compile([nvcc, "-c", "-ccbin", compiler], "tiny.cu", _CU, case))
    return Result(len(findings), tuple(finding for finding in findings if finding is not None))


def _compile(command: list[str], name: str, text: str, case: Case) -> Finding | None:
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        source = os.path.join(folder, name)
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        ended = children.run([*command, source, "-o", os.path.join(folder, "tiny.o")], case.limit)
    if ended.ok:
        return None
    lines = [line for line in (ended.errors + ended.output).splitlines() if "error" in line.lower()]
    shown = (lines[0].replace(folder + os.sep, "") if lines else ended.story)[:300]
    return Finding(ERROR, os.path.basename(command[0]), f"{name} compiles", shown, "pixi install, then pixi run verify")


CHECKS = (
    Check("toolchain.nvcc", "Version of nvcc", judge_nvcc),
    Check("toolchain.agreement", "Toolkit and torch agree", judge_agreement),
    Check("toolchain.headers", "CUDA's headers", judge_headers),
    Check("toolchain.compiler", "Host compiler", judge_compiler),
    Check("toolchain.ninja", "ninja", judge_ninja),
    Check("toolchain.compile", "Tiny files compile", judge_compile, quick=False),
)
