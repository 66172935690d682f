"""The tables of `recipes/tables/`: torch, CUDA, GPUs, drivers, Pythons and names.

Each function gives the facts of one file and notes every problem on the way; the format is in recipes/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from packaging.version import InvalidVersion, Version

from envcompose.model.facts import (
    CondaName,
    CondaProvides,
    CondaTwin,
    CudaLine,
    DriverBranch,
    Gpu,
    GpuFloor,
    PythonLine,
    TorchBuild,
    TorchRelease,
)
from envcompose.model.values import dataclass
from envcompose.read.recipe_fields import Fields, Sources, expand_lines, parse_version, suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archs:
    """A named list of GPU architectures that several builds share."""

    machine_code: tuple[str, ...]
    ptx: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _BuildContext:
    """What the builds of all releases share."""

    archs: dict[str, _Archs]
    index: str
    sources: Sources


def read_torch(fields: Fields, sources: Sources) -> tuple[TorchRelease, ...]:
    """Give the torch releases, oldest first; each has its default-index build first."""
    archs = {
        key: _Archs(
            machine_code=entry.lines("machine_code"), ptx=entry.optional_line("ptx"), source=entry.text("source")
        )
        for key, entry in _finished(fields.table("archs").tables_by_name())
    }
    context = _BuildContext(archs=archs, index=fields.text("index"), sources=sources)
    releases = tuple(_torch_release(entry, context) for entry in fields.tables("release"))
    check_ascending(fields, "release", [release.version for release in releases])
    return releases


def _torch_release(fields: Fields, context: _BuildContext) -> TorchRelease:
    version = fields.version("version")
    triton = fields.optional_text("triton")
    if triton is not None:
        fields.specifier("triton")
    release = TorchRelease(
        version=version,
        date=fields.date("date") or "",
        pythons=fields.lines("pythons"),
        builds=_torch_builds(fields, version, context),
        triton=triton,
        torchvision=tuple(
            str(version_at(fields, "torchvision", text)) for text in fields.text("torchvision", "").split()
        ),
        torchaudio=tuple(str(version_at(fields, "torchaudio", text)) for text in fields.text("torchaudio", "").split()),
        glibc=fields.line("glibc"),
        cxx_standard=fields.number("cxx"),
        setuptools=fields.specifier("setuptools", default=""),
        cudnn=fields.optional_text("cudnn"),
        nccl=fields.optional_text("nccl"),
        evidence=context.sources.evidence(
            fields.text("source"), f"torch {version}: its wheels and requirements", fields.at("source")
        ),
    )
    fields.finish()
    return release


def _torch_builds(fields: Fields, version: Version, context: _BuildContext) -> tuple[TorchBuild, ...]:
    builds = []
    for path, row in fields.rows("builds", (str, str, bool, str, str)):
        cuda, label, abi, archs_key, source = str(row[0]), str(row[1]), bool(row[2]), str(row[3]), str(row[4])
        archs = context.archs.get(archs_key)
        if archs is None:
            fields.problems.add(path, f"no architectures are named {archs_key!r}{suggest(archs_key, context.archs)}")
            continue
        if len(expand_lines(cuda) or ()) != 1:
            fields.problems.add(path, f"{cuda!r} is not a CUDA line")
        where = f"the index {label}" if label else "the default index"
        told = context.sources.evidence(source, f"torch {version} for CUDA {cuda} on {where}", path)
        inside = context.sources.evidence(archs.source, "", path)
        builds.append(
            TorchBuild(
                cuda=cuda,
                cxx11_abi=abi,
                index=context.index.replace("{label}", label) if label else None,
                local=label or None,
                archs=archs.machine_code,
                ptx=archs.ptx,
                evidence=replace(told, source=f"{told.source}; architectures: {inside.source}"),
            )
        )
    if not builds or builds[0].index is not None:
        fields.problem("builds", "the build of the default index must come first")
    return tuple(builds)


def read_cuda(fields: Fields, sources: Sources) -> tuple[CudaLine, ...]:
    """Give the CUDA lines, oldest first."""
    archs = fields.table("archs")
    known = {key: archs.lines(key) for key in archs}
    lines = []
    for entry in fields.tables("line"):
        version = entry.line("version")
        key = entry.choice("archs", tuple(known))
        gcc_below = entry.optional_number("gcc_below")
        bound = "no bound on g++" if gcc_below is None else f"g++ below {gcc_below}"
        line = CudaLine(
            version=version,
            nvcc=tuple(entry.text("nvcc", "").split()),
            gcc_below=gcc_below,
            driver_floor=entry.text("driver"),
            archs=known.get(key, ()),
            evidence=sources.evidence(entry.text("source"), f"CUDA {version}: {bound}", entry.at("source")),
        )
        check_ascending(entry, "nvcc", [version_at(entry, "nvcc", text) for text in line.nvcc])
        entry.finish()
        lines.append(line)
    check_ascending(fields, "line", [_sort_key(line.version) for line in lines])
    return tuple(lines)


def read_gpus(fields: Fields, sources: Sources) -> tuple[tuple[Gpu, ...], tuple[GpuFloor, ...]]:
    """Give the cards by name, and the floors of the architectures."""
    source = fields.text("source")
    gpus = []
    cards = fields.table("cards")
    for arch in cards:
        for name in cards.text(arch).split():
            text = f"{name} has compute capability {arch}"
            gpus.append(Gpu(name=name, arch=arch, evidence=sources.evidence(source, text, cards.at(arch))))
        _check_line(cards, arch, arch)
    floors = []
    for path, row in fields.rows("floors", (str, str, str, str)):
        arch, torch, cuda, key = (str(item) for item in row)
        _check_line(fields, "floors", arch)
        text = (
            f"architecture {arch} needs torch {torch or 'of any version'} and CUDA {cuda or 'of any version'} or newer"
        )
        floors.append(
            GpuFloor(
                arch=arch,
                torch=version_at(fields, "floors", torch) if torch else None,
                cuda=cuda or None,
                evidence=sources.evidence(key, text, path),
            )
        )
    _check_unique(fields, "cards", [gpu.name for gpu in gpus])
    return tuple(sorted(gpus, key=lambda gpu: gpu.name)), tuple(floors)


def read_drivers(fields: Fields, sources: Sources) -> tuple[DriverBranch, ...]:
    """Give the Linux driver branches, oldest first."""
    branches = []
    for path, row in fields.rows("branches", (int, str, str)):
        branch, cuda, key = int(str(row[0])), str(row[1]), str(row[2])
        _check_line(fields, "branches", cuda)
        text = f"the driver branch {branch} reports CUDA {cuda}"
        branches.append(DriverBranch(branch=branch, cuda=cuda, evidence=sources.evidence(key, text, path)))
    check_ascending(fields, "branches", [branch.branch for branch in branches])
    return tuple(branches)


def read_pythons(fields: Fields, sources: Sources) -> tuple[PythonLine, ...]:
    """Give the CPython minors on conda-forge, oldest first."""
    lines = []
    for path, row in fields.rows("lines", (str, str)):
        version, key = str(row[0]), str(row[1])
        _check_line(fields, "lines", version)
        text = f"conda-forge has CPython {version}"
        lines.append(PythonLine(version=version, evidence=sources.evidence(key, text, path)))
    check_ascending(fields, "lines", [_sort_key(line.version) for line in lines])
    return tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTables:
    """What tables/names.toml says; see model.facts.Facts for each field."""

    names: tuple[CondaName, ...] = ()
    twins: tuple[CondaTwin, ...] = ()
    tools: tuple[CondaName, ...] = ()
    mistaken: tuple[tuple[str, str, str], ...] = ()
    torch_packages: tuple[str, ...] = ()
    cuda_packages: tuple[str, ...] = ()
    replaced_channels: tuple[str, ...] = ()


def read_names(fields: Fields, sources: Sources) -> NameTables:
    """Give the PyPI names that conda-forge spells otherwise or lacks, the twins, and the tools; each sorted by PyPI name."""
    names = []
    for path, row in fields.rows("renamed", (str, str, str)):
        pypi, conda, key = (str(item) for item in row)
        text = f"conda-forge has {pypi} as {conda}"
        names.append(CondaName(pypi=pypi, conda=conda, evidence=sources.evidence(key, text, path)))
    for path, row in fields.rows("absent", (str, str)):
        pypi, key = str(row[0]), str(row[1])
        text = f"conda-forge has nothing that provides {pypi}"
        names.append(CondaName(pypi=pypi, conda=None, evidence=sources.evidence(key, text, path)))
    _check_unique(fields, "renamed", [name.pypi for name in names])
    twins = []
    for path, row in fields.rows("twins", (str, str, str, str)):
        pypi, conda, brought_by, key = (str(item) for item in row)
        text = f"conda's {conda}, brought by {brought_by.replace(' ', ', ')}, is {pypi} for a PyPI resolve"
        evidence = sources.evidence(key, text, path)
        twins.append(CondaTwin(pypi=pypi, conda=conda, brought_by=tuple(brought_by.split()), evidence=evidence))
    _check_unique(fields, "twins", [twin.pypi for twin in twins])
    tools = []
    for path, row in fields.rows("tools", (str, str, str)):
        pypi, conda, key = (str(item) for item in row)
        text = f"a build that wants {pypi} runs a program, which conda's {conda} brings"
        tools.append(CondaName(pypi=pypi, conda=conda, evidence=sources.evidence(key, text, path)))
    return NameTables(
        names=_by_pypi(names),
        twins=tuple(sorted(twins, key=lambda twin: twin.pypi)),
        tools=_by_pypi(tools),
        mistaken=tuple((str(a), str(b), str(c)) for _, (a, b, c) in fields.rows("mistaken", (str, str, str))),
        torch_packages=fields.texts("torch_packages"),
        cuda_packages=fields.texts("cuda_packages"),
        replaced_channels=fields.texts("replaced_channels"),
    )


def read_conda_names(fields: Fields, sources: Sources) -> tuple[tuple[CondaProvides, ...], tuple[str, ...]]:
    """Give what conda packages provide where the rule fails, sorted by conda name, and the channels that are others."""
    provided = []
    for path, row in fields.rows("provided", (str, str, str)):
        conda, pypi, key = (str(item) for item in row)
        text = f"conda's {conda} provides {pypi.replace(' ', ', ') or 'no PyPI project'}"
        provided.append(
            CondaProvides(conda=conda, pypi=tuple(sorted(pypi.split())), evidence=sources.evidence(key, text, path))
        )
    _check_unique(fields, "provided", [entry.conda for entry in provided])
    return tuple(sorted(provided, key=lambda entry: entry.conda)), fields.texts("other_channels")


def _by_pypi(names: Sequence[CondaName]) -> tuple[CondaName, ...]:
    return tuple(sorted(names, key=lambda name: name.pypi))


def version_at(fields: Fields, key: str, text: str) -> Version:
    """Give a version out of a list of them; notes a problem with the key where it is none."""
    try:
        return parse_version(text)
    except InvalidVersion:
        fields.problem(key, f"{text!r} is not a version")
        return parse_version("0")


def check_ascending(fields: Fields, key: str, values: Sequence[object]) -> None:
    """Note a problem where the values are not in strictly ascending order."""
    if any(not left < right for left, right in pairwise(values)):  # type: ignore[operator]
        fields.problem(key, "must be in ascending order, without repetition")


def _check_unique(fields: Fields, key: str, names: Sequence[str]) -> None:
    for name in sorted({name for name in names if names.count(name) > 1}):
        fields.problem(key, f"{name!r} is listed twice")


def _check_line(fields: Fields, key: str, text: str) -> None:
    if len(expand_lines(text) or ()) != 1:
        fields.problem(key, f"{text!r} is not of the form 'major.minor'")


def _sort_key(line: str) -> tuple[int, ...]:
    return tuple(int(part) for part in line.split(".") if part.isdigit())


def _finished(entries: Iterable[tuple[str, Fields]]) -> Iterable[tuple[str, Fields]]:
    for key, entry in entries:
        yield key, entry
        entry.finish()
