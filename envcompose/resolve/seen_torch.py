"""What the package index itself says about torch releases: their Pythons, floors and NVIDIA pins.

The tables hold what no index tells (builds on PyTorch's own indexes, the C++ ABI, architectures). A release that is newer
than the tables is taken as the index shows it, so that a composition of next year need not wait for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Evidence, TorchBuild, TorchRelease
from envcompose.model.foreign import foreign_requirement
from envcompose.model.values import dataclass
from envcompose.resolve.metadata import header_values

PROJECT = "torch"
LEGACY_GLIBC = {"manylinux1": "2.17", "manylinux2010": "2.17", "manylinux2014": "2.17"}
"""torch's wheels of before 2.6 bear older tags than the glibc 2.17 that they are built with."""
LINUX = {"platform_system": "Linux", "sys_platform": "linux", "platform_machine": "x86_64", "extra": ""}

TaggedWheel = tuple[PackageFile, Tag]


class TorchPages(Protocol):
    """What is asked of the package index."""

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        """All files of a project, or None where there is none."""

    def metadata(self, file: PackageFile) -> str:
        """The core metadata of a wheel, headers only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTorch:
    """What the index says about one torch release; None where it does not say."""

    pythons: tuple[str, ...]
    glibc: str | None
    triton: str | None
    cuda: str | None
    cudnn: str | None
    nccl: str | None
    setuptools: str | None


def releases_beyond(index: TorchPages, table: Sequence[TorchRelease]) -> tuple[TorchRelease, ...]:
    """The final releases on the index that are newer than the table's newest, as the index shows them.

    What it does not tell is carried over from the newest release of the table. A release whose wheels name no CUDA line
    is left out. One metadata file is read per new release; raises what the index raises.
    """
    if not table:
        return ()
    newest = max(table, key=lambda release: release.version)
    wheels = linux_wheels(index.project(PROJECT) or (), newest.version)
    found = []
    for version in sorted(version for version in wheels if version > newest.version):
        release = _release(version, seen_torch(index, wheels[version]), newest)
        if release is not None:
            found.append(release)
    return tuple(found)


def _release(version: Version, seen: SeenTorch, before: TorchRelease) -> TorchRelease | None:
    if seen.cuda is None or not seen.pythons:
        return None
    evidence = Evidence(text=f"torch {version} as its wheels on the index show it", source="the package index")
    build = TorchBuild(
        cuda=seen.cuda,
        cxx11_abi=before.builds[0].cxx11_abi if before.builds else True,
        index=None,
        local=None,
        archs=(),
        ptx=None,
        evidence=evidence,
    )
    return TorchRelease(
        version=version,
        date="",
        pythons=seen.pythons,
        builds=(build,),
        triton=seen.triton,
        torchvision=(),
        torchaudio=(),
        glibc=seen.glibc or before.glibc,
        cxx_standard=before.cxx_standard,
        setuptools=SpecifierSet(seen.setuptools or ""),
        cudnn=seen.cudnn,
        nccl=seen.nccl,
        evidence=evidence,
    )


def linux_wheels(files: Sequence[PackageFile], oldest: Version) -> Mapping[Version, list[tuple[PackageFile, Tag]]]:
    """Give the Linux x86_64 wheels by version, each with its one tag for CPython."""
    found: dict[Version, list[tuple[PackageFile, Tag]]] = {}
    for file in files:
        if file.yanked or not file.is_wheel or file.version.is_prerelease or file.version < oldest:
            continue
        try:
            *_, tags = parse_wheel_filename(file.filename)
        except InvalidWheelFilename:
            continue
        tag = min((tag for tag in tags if _is_linux(tag)), key=str, default=None)
        if tag is not None:
            found.setdefault(file.version, []).append((file, tag))
    return found


def _is_linux(tag: Tag) -> bool:
    return (
        tag.platform.startswith("manylinux") and tag.platform.endswith("_x86_64") and tag.interpreter.startswith("cp")
    )


def seen_torch(index: TorchPages, wheels: Sequence[tuple[PackageFile, Tag]]) -> SeenTorch:
    """Give what the wheels of one release say; free-threaded builds do not count as Pythons."""
    minors = sorted({int(tag.interpreter[3:]) for _, tag in wheels if not tag.abi.endswith("t")})
    file, tag = max(wheels, key=lambda wheel: (int(wheel[1].interpreter[3:]), wheel[0].filename))
    pins = dict(_pins(index.metadata(file)))
    return SeenTorch(
        pythons=tuple(f"3.{minor}" for minor in minors),
        glibc=_glibc(tag.platform),
        triton=pins.get("triton"),
        cuda=_cuda(pins),
        cudnn=_pinned(pins, r"nvidia-cudnn-cu\d+"),
        nccl=_pinned(pins, r"nvidia-nccl-cu\d+"),
        setuptools=pins.get("setuptools"),
    )


def _pins(headers: str) -> Iterator[tuple[str, str]]:
    """Give name and specifier of each requirement that holds on Linux x86_64."""
    for text in header_values(headers, "Requires-Dist"):
        requirement = foreign_requirement(text)
        if requirement is not None and _is_active(requirement):
            yield requirement.name.lower(), str(requirement.specifier)


def _is_active(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(LINUX)


def _glibc(platform: str) -> str | None:
    match = re.match(r"manylinux_(\d+)_(\d+)_", platform)
    return f"{match[1]}.{match[2]}" if match else LEGACY_GLIBC.get(platform.split("_", maxsplit=1)[0])


def _pinned(pins: Mapping[str, str], name: str) -> str | None:
    """Give the exact version of the first requirement whose name fits."""
    for known, specifier in sorted(pins.items()):
        if re.fullmatch(name, known) and specifier.startswith("=="):
            return specifier.removeprefix("==")
    return None


def _cuda(pins: Mapping[str, str]) -> str | None:
    """Give the CUDA line: that of the toolkit metapackage, else that of the runtime, which carries the toolkit's."""
    version = _pinned(pins, "cuda-toolkit") or _pinned(pins, r"nvidia-cuda-runtime(-cu\d+)?")
    return ".".join(version.split(".")[:2]) if version else None
