"""The ways in which one version of one package can come for one target: what the order of artifacts chooses from.

Used twice: before a resolve, to see what a candidate would cost, and after it, to decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.version import Version

from envcompose.decide.known import Prebuilt, cuda_major, known_bad, sound_prebuilt
from envcompose.model.decision import CompileClass, Rejection
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import CondaBuild, Facts, PackageRecipe
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer, TorchChoice
from envcompose.model.values import dataclass
from envcompose.resolve.partners import PARTNERS
from envcompose.resolve.tags import best_wheel, is_pure, wheel_ranks

_MANYLINUX = re.compile(r"manylinux_2_(\d+)_x86_64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a way is judged for: the torch chosen (None where there is none), Python and glibc of the target."""

    torch: TorchChoice | None
    python: str
    glibc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What there is for one version, before the sdist is looked into; `lost` says why the rest is not there."""

    conda: CondaBuild | None
    wheel: PackageFile | None
    prebuilt: Prebuilt | None
    sdist: PackageFile | None
    lost: tuple[Rejection, ...]

    @property
    def without_build(self) -> bool:
        """Is there a way that builds nothing?"""
        return self.conda is not None or self.wheel is not None or self.prebuilt is not None


def ways_of(facts: Facts, name: str, version: Version, own: Sequence[PackageFile], around: Circumstances) -> Ways:
    """Every way to get this version that fits; `own` are the files of this release."""
    recipe = facts.packages.get(name)
    lost: list[Rejection] = []
    wheel = best_wheel(own, wheel_ranks(around.python, around.glibc))
    if wheel is None and (lacking := _no_wheel(name, version, own, around)) is not None:
        lost.append(lacking)
    elif (
        wheel is not None
        and not _on_its_own_index(name, around.torch)
        and (why := wheel_misfit(recipe, version, wheel, around.torch)) is not None
    ):
        lost.append(Rejection(what=f"the wheel of {name} {version}", why=why, rule="wheel-fits-cuda"))
        wheel = None
    prebuilt, misfits = sound_prebuilt(recipe, version, around.torch, around.python, around.glibc)
    sdist = next((file for file in own if not file.is_wheel), None)
    conda = conda_build(recipe, version, around.torch, around.python)
    return Ways(conda=conda, wheel=wheel, prebuilt=prebuilt, sdist=sdist, lost=(*lost, *misfits))


def wheel_alone(file: PackageFile | None) -> Ways | None:
    """The ways of a package that nothing special is known of, where its wheel was found; None where it was not.

    What its sdist would take is not looked into: nobody chooses it over a wheel that fits.
    """
    if file is None or not file.is_wheel:
        return None
    return Ways(conda=None, wheel=file, prebuilt=None, sdist=None, lost=())


def _on_its_own_index(name: str, torch: TorchChoice | None) -> bool:
    """Does PyTorch's index bring a partner's build for the same line? Then the default index's wheel is not meant."""
    return name in PARTNERS and torch is not None and torch.index is not None


def _no_wheel(name: str, version: Version, own: Sequence[PackageFile], around: Circumstances) -> Rejection | None:
    """Why a compiled package has no wheel that fits; None for one that never had compiled wheels for linux-64."""
    compiled = [file for file in own if file.is_wheel and not is_pure(file.filename)]
    if not compiled:
        return None
    fits_elsewhere = any(
        best_wheel(compiled, wheel_ranks(other, around.glibc)) for other in _other_pythons(around.python)
    )
    why = f"it has no wheel for Python {around.python}" if fits_elsewhere else _glibc_words(compiled, around.glibc)
    return Rejection(
        what=f"{name} {version}", why=why, rule="wheel-fits-python" if fits_elsewhere else "wheel-fits-glibc"
    )


def _glibc_words(compiled: Sequence[PackageFile], glibc: str) -> str:
    """Which glibc the wheels would want, by their tags (PEP 600)."""
    minors = [int(found) for file in compiled for found in _MANYLINUX.findall(file.filename)]
    newer = [minor for minor in minors if minor > int(glibc.split(".")[1])]
    if not newer:
        return f"none of its wheels fits linux-64 with glibc {glibc}"
    return f"its wheels need glibc 2.{min(newer)}, and the target has {glibc} (--glibc 2.{min(newer)} admits them)"


def _other_pythons(python: str) -> tuple[str, ...]:
    return tuple(f"3.{minor}" for minor in range(8, 17) if f"3.{minor}" != python)


def wheel_misfit(
    recipe: PackageRecipe | None, version: Version, wheel: PackageFile, torch: TorchChoice | None
) -> str | None:
    """Why an index wheel that links torch does not serve the torch chosen, by what the recipes know of it."""
    if recipe is None or torch is None or is_pure(wheel.filename):
        return None
    for specifier, cuda, _ in recipe.wheel_cuda:
        if specifier.contains(version, prereleases=True):
            if cuda != "all" and cuda_major(cuda) != cuda_major(torch.cuda):
                return f"it was compiled for CUDA {cuda}, and this torch is a CUDA {torch.cuda} build"
            return None
    return None


def conda_build(
    recipe: PackageRecipe | None, version: Version, torch: TorchChoice | None, python: str
) -> CondaBuild | None:
    """The conda-forge build that goes with a conda torch of this minor and CUDA line, for this Python."""
    if recipe is None or torch is None or torch.layer is not Layer.SYSTEM:
        return None
    for build in recipe.conda:
        fits_torch = build.torch is None or build.torch == torch.minor
        fits_line = not build.cuda or torch.cuda in build.cuda
        fits_python = not build.pythons or python in build.pythons
        if fits_torch and fits_line and fits_python and Version(build.conda_version) == version:
            return build
    return None


def compile_class(recipe: PackageRecipe | None, *, extension: bool | None, cuda_sources: int) -> CompileClass | None:
    """How long a source build takes: what the recipe knows, else by the number of CUDA files (a rule of thumb).

    `extension` says whether the build compiles anything; None where the sdist was not looked into.
    """
    known = CompileClass(recipe.compile_cost.class_) if recipe is not None and recipe.compile_cost is not None else None
    if extension is False and known in (None, CompileClass.SHORT):
        return None
    if known is not None:
        return known
    if extension is None:
        return None
    if cuda_sources >= 20:
        return CompileClass.LONG
    return CompileClass.MINUTES if cuda_sources else CompileClass.SHORT


def compiles_long(recipe: PackageRecipe) -> bool:
    """Is its source build known to take long?"""
    return recipe.compile_cost is not None and CompileClass(recipe.compile_cost.class_) is CompileClass.LONG


def build_refused(recipe: PackageRecipe | None, version: Version, torch: TorchChoice | None) -> str | None:
    """Why a source build of this version is known to fail with this torch."""
    for kind in (ArtifactKind.NO_ISOLATION, ArtifactKind.SDIST):
        fact = known_bad(recipe, version, kind, torch)
        if fact is not None:
            return fact.why
    return None
