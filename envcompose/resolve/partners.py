"""The torch island as the resolver sees it: index variants of torch and its partners, and what conda provides instead.

PyTorch's own indexes are asked where they can be reached. Where not, their variants are made from the default index's
metadata and the tables: the same requirements, with the NVIDIA pins of a release that was built for the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts, TorchBuild, TorchRelease
from envcompose.model.foreign import foreign_requirement
from envcompose.model.target import Layer, TorchChoice
from envcompose.ports import PackageIndex
from envcompose.resolve.metadata import header_values
from envcompose.resolve.tags import best_wheel, wheel_ranks
from envcompose.resolve.universe import Release, stub

TORCH = "torch"
PARTNERS = ("torchaudio", "torchvision")
"""What PyTorch publishes beside torch on each of its indexes, built for the same CUDA line."""

_NVIDIA = re.compile(r"^(nvidia-|cuda-)")
_OF_THE_RELEASE = re.compile(r"^nvidia-(cudnn|nccl|nvshmem|cusparselt)-")
"""NVIDIA libraries whose version follows the torch release; the versions of all others follow the toolkit."""


def island_releases(
    facts: Facts, index: PackageIndex, torches: Sequence[TorchChoice], python: str, glibc: str
) -> tuple[dict[str, Sequence[Release]], tuple[str, ...]]:
    """What stands in for index pages, by name, and the names of which only tables tell."""
    first = torches[0] if torches else None
    if first is None or (first.layer is Layer.PYPI and first.index is None):
        return {}, ()
    if first.layer is Layer.SYSTEM:
        return _conda_stubs(facts, torches), ()
    variants = _Variants(facts, index, wheel_ranks(python, glibc))
    replaced = {TORCH: variants.torches(torches), **{name: variants.partners(name, first) for name in PARTNERS}}
    return {name: releases for name, releases in replaced.items() if releases}, tuple(sorted(variants.by_tables))


def _conda_stubs(facts: Facts, torches: Sequence[TorchChoice]) -> dict[str, Sequence[Release]]:
    replaced: dict[str, Sequence[Release]] = {TORCH: [stub(TORCH, torch.version) for torch in torches]}
    torch = torches[0]
    for recipe in facts.packages.values():
        builds = [
            build
            for build in recipe.conda
            if build.torch == torch.minor and (not build.cuda or torch.cuda in build.cuda)
        ]
        if builds and recipe.name != TORCH:
            versions = sorted({Version(build.conda_version) for build in builds})
            replaced[recipe.name] = [stub(recipe.name, version) for version in versions]
    return replaced


def release_partners(release: TorchRelease, name: str) -> tuple[str, ...]:
    """The versions of a partner that were published for a torch release; empty where the table does not bind them."""
    return {"torchvision": release.torchvision, "torchaudio": release.torchaudio}[name]


class _Variants:
    """Makes releases of one PyTorch index, from that index or from tables."""

    def __init__(self, facts: Facts, index: PackageIndex, ranks: object) -> None:
        self._facts = facts
        self._index = index
        self._ranks = ranks
        self.by_tables: set[str] = set()

    def torches(self, torches: Sequence[TorchChoice]) -> list[Release]:
        found = []
        for torch in torches:
            assert torch.build is not None and torch.index is not None
            own = self._index.partner_index(torch.index, TORCH)
            file = self._best(own or (), torch.locked_version)
            if file is not None:
                found.append(Release(name=TORCH, version=torch.locked_version, file=file))
                continue
            file = self._best(self._index.project(TORCH) or (), torch.version)
            if file is not None:
                self.by_tables.add(TORCH)
                rewrite = self._nvidia_of_line(torch.build.cuda)
                found.append(
                    Release(name=TORCH, version=torch.locked_version, file=_on(file, torch.build), rewrite=rewrite)
                )
        return found

    def partners(self, name: str, torch: TorchChoice) -> list[Release]:
        """A partner's releases with the index's local label; which of them fits is in their own metadata."""
        assert torch.build is not None and torch.index is not None
        own = self._index.partner_index(torch.index, name)
        if own is not None:
            versions = sorted({file.version for file in own if file.version.local == torch.build.local})
            versions = [version for version in versions if _goes_with(torch, name, version)]
            return [
                Release(name=name, version=v, file=file) for v in versions if (file := self._best(own, v)) is not None
            ]
        self.by_tables.add(name)
        files = self._index.project(name) or ()
        releases = []
        fitting = (file.version for file in files if file.is_wheel and _goes_with(torch, name, file.version))
        for version in sorted(set(fitting)):
            file = self._best(files, version)
            if file is not None:
                local = Version(f"{version}+{torch.build.local}")
                releases.append(Release(name=name, version=local, file=_on(file, torch.build)))
        return releases

    def _best(self, files: Sequence[PackageFile], version: Version) -> PackageFile | None:
        return best_wheel([file for file in files if file.version == version], self._ranks)  # type: ignore[arg-type]

    def _nvidia_of_line(self, cuda: str) -> Callable[[str], str]:
        sibling = next(
            (
                release
                for release in sorted(self._facts.torch, key=_by_version, reverse=True)
                if _default_line(release) == cuda
            ),
            None,
        )

        def rewrite(headers: str) -> str:
            if sibling is None:
                return with_nvidia_pins(headers, None)
            file = self._best(self._index.project(TORCH) or (), sibling.version) or _any_wheel(
                self._index.project(TORCH) or (), sibling.version
            )
            return with_nvidia_pins(headers, None if file is None else self._index.metadata(file))

        return rewrite


def with_nvidia_pins(headers: str, sibling: str | None) -> str:
    """torch's headers with the NVIDIA requirements of another line: the toolkit's from a release of that line, the rest its own.

    Without such a release the NVIDIA requirements are left out: they are the index's to tell.
    """
    own = [text for text in header_values(headers, "Requires-Dist") if _is_nvidia(text)]
    kept = [
        line
        for line in headers.splitlines()
        if not (line.startswith("Requires-Dist:") and _is_nvidia(line.partition(":")[2].strip()))
    ]
    if sibling is not None:
        theirs = [text for text in header_values(sibling, "Requires-Dist") if _is_nvidia(text)]
        kept += [f"Requires-Dist: {_with_own_version(text, own)}" for text in theirs]
    return "\n".join(kept) + "\n"


def _is_nvidia(text: str) -> bool:
    return _NVIDIA.match(text.strip().lower()) is not None


def _with_own_version(text: str, own: Sequence[str]) -> str:
    """A sibling's pin of a library that follows the torch release, at the version that this release pins."""
    match = _OF_THE_RELEASE.match(text)
    requirement = foreign_requirement(text)
    if match is None or requirement is None:
        return text
    for other in own:
        mine = foreign_requirement(other)
        if mine is not None and canonicalize_name(mine.name).startswith(match.group(0)):
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            return f"{requirement.name}{mine.specifier}{marker}"
    return text


def _goes_with(torch: TorchChoice, name: str, version: Version) -> bool:
    pairs = release_partners(torch.release, name)
    return not pairs or version.public in pairs


def _on(file: PackageFile, build: TorchBuild) -> PackageFile:
    """The default index's file, of which only the metadata are taken: the other index's own file is not known."""
    return replace(file, index=build.index)


def _any_wheel(files: Sequence[PackageFile], version: Version) -> PackageFile | None:
    return next((file for file in files if file.version == version and file.is_wheel), None)


def _default_line(release: TorchRelease) -> str | None:
    return next((build.cuda for build in release.builds if build.index is None), None)


def _by_version(release: TorchRelease) -> Version:
    return release.version
