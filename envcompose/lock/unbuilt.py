"""What the build of an unisolated source needs and the environment lacks: pixi locks it, and installing fails after minutes.

A build without isolation sees what is installed and the machine's own programs; what it imports, only the former.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name

from envcompose.decide.system import NVCC
from envcompose.lock.conda_half import CondaFound
from envcompose.lock.pypi_half import PypiFound, PypiHalf
from envcompose.model.analysis import Analysis
from envcompose.model.message import Level, Message
from envcompose.resolve.metadata import active_requirements

COMPILER = "cxx-compiler"
_BRING = {
    "nvcc": (NVCC,),
    "cxx": (COMPILER, NVCC, "gxx", "clangxx", "vs2017", "vs2019", "vs2022"),
    "cmake": ("cmake",),
    "ninja": ("ninja",),
    "rust": ("rust",),
    "git": ("git",),
}
"""conda packages that bring a program, also as `gxx_linux-64`; the first is the one to ask for."""
_WORDS = {"cxx": "a C++ compiler"}


def lacking(conda: CondaFound, found: PypiFound, half: PypiHalf, manifest: str) -> Iterator[Message]:
    """A warning for each unisolated source whose build imports what nothing brings, and for each that lacks programs."""
    for name, analysis in sorted(found.analyses.items()):
        if not half.sees_torch(name):
            continue
        here = {*conda.twins, *found.closure.members}
        wanted = _imported(analysis, half.interpreter.markers)
        imports = [one for one in wanted if one not in here and one != name]
        if imports:
            text = f"{name} is built without isolation, and nothing here brings {_listed(imports)}, which its build imports"
            hint = f"add to [dependencies] or [pypi-dependencies] of {manifest}: {', '.join(imports)}"
            yield _warning("build-needs-missing", text, manifest, name, hint)
        programs = [tool for tool in _programs(analysis) if not _is_brought(tool, conda.records, here)]
        if programs:
            yield _of_programs(name, analysis, programs, conda, manifest)


def _of_programs(name: str, analysis: Analysis, programs: Sequence[str], conda: CondaFound, manifest: str) -> Message:
    words = [_WORDS.get(tool.partition(">=")[0], tool) for tool in programs]
    unless = ", unless it finds a wheel to download" if analysis.prebuilt else ""
    text = f"the build of {name} needs {_listed(words)}, which no conda package here brings{unless}"
    asked = [_BRING[tool.partition(">=")[0]][0] for tool in programs]
    if NVCC in asked:
        # It brings a compiler that it accepts; the headers come in packages of their own.
        asked = [one for one in asked if one != COMPILER]
        asked += [one for one in analysis.toolkit_packages if one not in conda.records]
    hint = f"add to [dependencies] of {manifest}, unless the machine has them: {', '.join(asked)}"
    return _warning("build-tools-missing", text, manifest, name, hint)


def _warning(code: str, text: str, manifest: str, name: str, hint: str) -> Message:
    return Message(code=code, level=Level.WARNING, text=text, file=manifest, packages=(name,), hint=hint)


def _imported(analysis: Analysis, markers: Mapping[str, str]) -> list[str]:
    """What must be importable, by name: what the sources import, and what they declare for an environment of markers."""
    names = {str(canonicalize_name(one.name)) for one in active_requirements(analysis.build_requires, (), markers)}
    return sorted(names | {need.distribution for need in analysis.build_needs if need.required and need.taken})


def _programs(analysis: Analysis) -> list[str]:
    """The programs that conda could bring, with their floors, each once."""
    said = {tool.partition(">=")[0]: tool for tool in analysis.tools}
    if analysis.cuda_sources:
        said.setdefault("nvcc", "nvcc")
    if analysis.extension:
        said.setdefault("cxx", "cxx")
    return [said[tool] for tool in _BRING if tool in said]


def _is_brought(tool: str, records: Iterable[str], pypi: Iterable[str]) -> bool:
    program = tool.partition(">=")[0]
    if program in pypi:
        return True
    return any(name == one or name.startswith((f"{one}-", f"{one}_")) for name in records for one in _BRING[program])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
