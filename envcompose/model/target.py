"""The target of a composition, and the free choices that a candidate makes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.model.facts import CondaBuild, Evidence, TorchBuild, TorchRelease
from envcompose.model.values import dataclass


class Layer(StrEnum):
    """Where a package comes from."""

    SYSTEM = "system"
    PYPI = "pypi"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchChoice:
    """One way to get one torch release: a wheel build, or conda-forge's build where `conda` is set.

    `cuda` is the line that torch is built for; `line` the line that is composed for (conda builds serve later lines).
    """

    release: TorchRelease
    layer: Layer
    line: str
    build: TorchBuild | None = None
    conda: CondaBuild | None = None

    @property
    def version(self) -> Version:
        """The public version."""
        return self.release.version

    @property
    def locked_version(self) -> Version:
        """The version as its files spell it, with the local label of an index variant."""
        if self.build is not None and self.build.local:
            return Version(f"{self.release.version}+{self.build.local}")
        return self.release.version

    @property
    def minor(self) -> str:
        """The minor release, `2.6`, which is what extensions are built against."""
        return f"{self.version.major}.{self.version.minor}"

    @property
    def cuda(self) -> str:
        """The CUDA line that this torch was built for."""
        if self.build is not None:
            return self.build.cuda
        return self.line if self.conda is None else self.conda.cuda[0]

    @property
    def cxx11_abi(self) -> bool:
        """torch._C._GLIBCXX_USE_CXX11_ABI; conda-forge always builds with the new ABI."""
        return True if self.build is None else self.build.cxx11_abi

    @property
    def index(self) -> str | None:
        """The index that has this build, None for the default index and for conda."""
        return None if self.build is None else self.build.index

    @property
    def evidence(self) -> Evidence:
        """What says that this build exists."""
        if self.build is not None:
            return self.build.evidence
        return self.release.evidence if self.conda is None else self.conda.evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is composed for; every field is known, by wish or by rule (`None` only where nothing uses CUDA).

    `driver` is the CUDA version that the driver shows (`12.4`), `driver_floor` the lowest driver that the line needs.
    `gpus` are compute capabilities (`9.0`), ascending.
    """

    platform: str
    python: str
    cuda: str | None
    driver: str | None
    driver_floor: str | None
    gpus: tuple[str, ...]
    glibc: str
    pixi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """A value that a rule chose because the user did not."""

    name: str
    value: str
    why: str


def admits_python(specifier: SpecifierSet, python: str) -> bool:
    """Does a bound admit some release of this CPython minor? Bounds such as `>=3.9.2` and `<3.12.4` cut through one."""
    return specifier.contains(f"{python}.99", prereleases=True) or specifier.contains(f"{python}.0", prereleases=True)


def sys_platform(subdir: str) -> str:
    """What `sys.platform` is on a conda subdir."""
    return {"osx": "darwin", "win": "win32"}.get(subdir.partition("-")[0], "linux")


def marker_environment(python: str) -> Mapping[str, str]:
    """The PEP 508 environment of the target: CPython on x86_64 Linux (`extra` is added by whoever asks).

    `python` is a minor release (`3.12`, which stands for its first) or a full version.
    """
    parts = python.split(".")
    full, minor = python if len(parts) > 2 else f"{python}.0", ".".join(parts[:2])
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": minor,
        "sys_platform": "linux",
    }
