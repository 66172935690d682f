"""Facts about the world as the recipes tell them; every record carries its source and its date.

Versions are parsed, names normalised (PEP 503), CUDA lines and GPU architectures are `major.minor` texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why something is believed: a statement, where it comes from, and when it was read (ISO date)."""

    text: str
    source: str
    as_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuild:
    """One binary build of a torch release for linux x86_64.

    `index` is None where the build is the one on the default index, else the index's URL.
    `local` is the local version label of that index's files (`cu126`); None on the default index.
    `archs` are the GPU architectures with machine code inside, `ptx` the one that is embedded as PTX.
    """

    cuda: str
    cxx11_abi: bool
    index: str | None
    local: str | None
    archs: tuple[str, ...]
    ptx: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchRelease:
    """One torch release: its Pythons (`3.12`), builds (default index first), partners and floors.

    `triton` is the exact PEP 440 specifier of the Linux wheel or None; `torchvision` and `torchaudio` list the
    partner versions, best first, empty where there is none or the pairing is not enforced.
    """

    version: Version
    date: str
    pythons: tuple[str, ...]
    builds: tuple[TorchBuild, ...]
    triton: str | None
    torchvision: tuple[str, ...]
    torchaudio: tuple[str, ...]
    glibc: str
    cxx_standard: int
    setuptools: SpecifierSet
    cudnn: str | None
    nccl: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaLine:
    """One CUDA toolkit line: what conda-forge offers for it, host compiler ceilings, driver floor.

    `nvcc` lists the compiler versions on conda-forge, newest last; empty where there is none.
    `gcc_below` is exclusive (`14` admits 13.x), the tighter of torch's and conda-forge's bounds.
    `archs` are the GPU architectures that its nvcc can compile for, in ascending order.
    """

    version: str
    nvcc: tuple[str, ...]
    gcc_below: int | None
    driver_floor: str
    archs: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A graphics card or an alias for it, and its compute capability (`9.0`)."""

    name: str
    arch: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFloor:
    """The lowest torch and CUDA line that serve a compute capability; None where no floor is known."""

    arch: str
    torch: Version | None
    cuda: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverBranch:
    """A Linux driver branch (`550`) and the CUDA version that its nvidia-smi shows."""

    branch: int
    cuda: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaBuild:
    """A conda-forge build of a package that links torch: its version and what it was built for.

    `conda_version` is how conda-forge spells the version (it may drop `.postN`); `torch` is the torch minor
    (`2.6`) or None for torch itself; `cuda` lists the CUDA lines that have such a build.
    """

    version: Version
    conda_version: str
    torch: str | None
    cuda: tuple[str, ...]
    pythons: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PrebuiltWheel:
    """A group of release wheels that a project publishes beside the index.

    `torch` is the torch minor in the file name (`2.6`), `cuda` the label (`12` or `118`), `pythons` the CPython
    tags (`cp312`), `cxx11_abi` the ABI flags published (None: the dialect does not say). `url` is a template
    with {version} {cuda} {torch} {abi} {python}. `glibc` is the known floor, None where unknown.
    `nightly` says that the torch it was built with was a pre-release of that minor.
    """

    version: Version
    torch: str
    cuda: str
    pythons: tuple[str, ...]
    cxx11_abi: tuple[bool | None, ...]
    url: str
    glibc: str | None
    nightly: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBad:
    """A combination that is known to fail although the metadata allow it.

    Every field that is not None must match for the fact to hold: `artifact` is `prebuilt`, `no-isolation` …,
    `specifier` is over the package, `torch` over torch, `cuda` lists lines, `cxx11_abi` is torch's flag.
    """

    specifier: SpecifierSet
    artifact: str | None
    torch: SpecifierSet | None
    cuda: tuple[str, ...] | None
    cxx11_abi: bool | None
    why: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNeed:
    """What a package needs at run time that no metadata says: conda packages and environment variables."""

    conda: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    when: SpecifierSet
    why: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSwitch:
    """An environment variable that steers a package's source build.

    `value` may hold {archs_semicolon} (`80;90`), {archs_dotted} (`8.0;9.0`), {max_jobs}.
    """

    name: str
    value: str
    why: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileCost:
    """How long a source build takes: `class_` is short, minutes or long (design.md: a long compile is an hour or so)."""

    class_: str
    text: str
    memory_gib_per_job: float | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What to try of an installed package: `module` is imported everywhere, `code` runs where there is a GPU.

    The code runs from a file of its own, after torch and the module were imported; any exception is a failure.
    """

    name: str
    module: str
    code: str | None
    when: SpecifierSet
    why: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecipe:
    """What no metadata says about one package.

    `links_torch` is None where it is not known; `wheel_cuda` maps a specifier over the package's versions to the
    CUDA line its index wheel was compiled for (`all` where one wheel holds every line).
    """

    name: str
    links_torch: bool | None = None
    wheel_cuda: tuple[tuple[SpecifierSet, str, Evidence], ...] = ()
    prebuilt: tuple[PrebuiltWheel, ...] = ()
    known_bad: tuple[KnownBad, ...] = ()
    run_needs: tuple[RunNeed, ...] = ()
    build_switches: tuple[BuildSwitch, ...] = ()
    compile_cost: CompileCost | None = None
    conda: tuple[CondaBuild, ...] = ()
    imports: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    prebuilt_of: Mapping[Version, tuple[PrebuiltWheel, ...]] = field(init=False, repr=False, compare=False)
    """The prebuilt wheels of each version, in the order of `prebuilt`."""

    def __post_init__(self) -> None:
        found: dict[Version, tuple[PrebuiltWheel, ...]] = {}
        for wheel in self.prebuilt:
            found[wheel.version] = (*found.get(wheel.version, ()), wheel)
        object.__setattr__(self, "prebuilt_of", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRecipe:
    """A stack by name: its distribution, default extras, and what to try after an install."""

    name: str
    distribution: str
    summary: str
    default_extras: tuple[str, ...]
    extras_why: str | None
    imports: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaName:
    """The conda-forge name of a PyPI name, where it is another or where there is none (`conda` None)."""

    pypi: str
    conda: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaTwin:
    """A PyPI name that conda packages bring along by themselves: which of our conda dependencies bring it.

    pixi pins the PyPI resolve at the version of such a record, so bounds on it must become constraints.
    """

    pypi: str
    conda: str
    brought_by: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaProvides:
    """The PyPI names that a conda-forge package provides at its own version, where its name alone would mislead."""

    conda: str
    pypi: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonLine:
    """A CPython minor on conda-forge."""

    version: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the recipes say; mappings are by normalised name or version text."""

    torch: tuple[TorchRelease, ...]
    cuda: tuple[CudaLine, ...]
    gpus: tuple[Gpu, ...]
    gpu_floors: tuple[GpuFloor, ...]
    drivers: tuple[DriverBranch, ...]
    pythons: tuple[PythonLine, ...]
    names: tuple[CondaName, ...]
    tools: tuple[CondaName, ...]
    """PyPI names that only wrap a program: for a build, conda's program serves."""
    twins: tuple[CondaTwin, ...]
    provided: tuple[CondaProvides, ...] = ()
    """conda names whose PyPI names do not follow from the record."""
    other_channels: tuple[str, ...] = ()
    """Channels whose packages are not conda-forge's, by the last part of their address."""
    mistaken: tuple[tuple[str, str, str], ...]
    """Names of the package index that are something else than what is meant: name, what it is, what to ask for."""
    torch_packages: tuple[str, ...]
    """conda names that stand for torch itself."""
    cuda_packages: tuple[str, ...]
    """conda names whose version states a CUDA line."""
    replaced_channels: tuple[str, ...]
    """Channels whose CUDA and torch packages conda-forge has by now."""
    packages: Mapping[str, PackageRecipe]
    stacks: Mapping[str, StackRecipe]
    as_of: str
    digest: str
