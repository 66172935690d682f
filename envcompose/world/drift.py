"""Where the torch table and the package index differ: for maintainers, who then correct the table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from envcompose.model.distribution import PackageFile
from envcompose.model.facts import TorchRelease
from envcompose.resolve.metadata import header_values, parse_requirement

PROJECT = "torch"
LEGACY_GLIBC = {"manylinux1": "2.17", "manylinux2010": "2.17", "manylinux2014": "2.17"}
"""torch's wheels of before 2.6 bear older tags than the glibc 2.17 that they are built with."""
LINUX = {"platform_system": "Linux", "sys_platform": "linux", "platform_machine": "x86_64", "extra": ""}


class DriftIndex(Protocol):
    """What a drift report asks of the package index."""

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        """All files of a project, or None where there is none."""

    def metadata(self, file: PackageFile) -> str:
        """The core metadata of a wheel, headers only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the index says about one torch release; None where it does not say."""

    pythons: tuple[str, ...]
    glibc: str | None
    triton: str | None
    cuda: str | None
    cudnn: str | None
    nccl: str | None


def table_drift(index: DriftIndex, torch: Sequence[TorchRelease]) -> tuple[str, ...]:
    """Give a line for each difference between the torch table and the index, oldest release first; empty is none.

    Compared are the releases themselves (no pre-releases, none older than the table's first, none that is yanked as a
    whole), and for each the Pythons and glibc of its Linux x86_64 wheels, the triton requirement, and the CUDA, cuDNN
    and NCCL that its NVIDIA requirements name. One metadata file is read per release. What the index does not say
    (builds on PyTorch's own indexes, the C++ ABI, architectures) is not compared. Raises what the index raises.
    """
    if not torch:
        return ("the torch table is empty",)
    table = {release.version: release for release in torch}
    wheels = _wheels(index.project(PROJECT) or (), min(table))
    lines = []
    for version in sorted({*table, *wheels}):
        if version not in wheels:
            lines.append(f"torch {version}: in the table, and no Linux wheel of it is on the index")
        elif version not in table:
            lines.append(f"torch {version}: on the index, and not in the table")
        else:
            lines.extend(_differences(table[version], _seen(index, wheels[version])))
    return tuple(lines)


def _wheels(files: Sequence[PackageFile], oldest: Version) -> Mapping[Version, list[tuple[PackageFile, Tag]]]:
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


def _seen(index: DriftIndex, wheels: Sequence[tuple[PackageFile, Tag]]) -> _Seen:
    """Give what the wheels of one release say; free-threaded builds do not count as Pythons."""
    minors = sorted({int(tag.interpreter[3:]) for _, tag in wheels if not tag.abi.endswith("t")})
    file, tag = max(wheels, key=lambda wheel: (int(wheel[1].interpreter[3:]), wheel[0].filename))
    pins = dict(_pins(index.metadata(file)))
    return _Seen(
        pythons=tuple(f"3.{minor}" for minor in minors),
        glibc=_glibc(tag.platform),
        triton=pins.get("triton"),
        cuda=_cuda(pins),
        cudnn=_pinned(pins, r"nvidia-cudnn-cu\d+"),
        nccl=_pinned(pins, r"nvidia-nccl-cu\d+"),
    )


def _pins(headers: str) -> Iterator[tuple[str, str]]:
    """Give name and specifier of each requirement that holds on Linux x86_64."""
    for text in header_values(headers, "Requires-Dist"):
        requirement = parse_requirement(text)
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


def _differences(release: TorchRelease, seen: _Seen) -> Iterator[str]:
    default = release.builds[0].cuda if release.builds else None
    pairs = (
        ("Pythons", " ".join(release.pythons), " ".join(seen.pythons)),
        ("glibc", release.glibc, seen.glibc),
        ("triton", release.triton, seen.triton),
        ("CUDA of the default build", default, seen.cuda),
        ("cuDNN", release.cudnn, seen.cudnn),
        ("NCCL", release.nccl, seen.nccl),
    )
    for what, table, index in pairs:
        silent = index is None and what in ("CUDA of the default build", "glibc")
        if table != index and not silent:
            says = f"the table says {table or 'nothing'}, the index {index or 'nothing'}"
            yield f"torch {release.version}: {what}: {says}"
