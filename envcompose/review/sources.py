"""Why a package cannot come another way, where that needs no search: what the index never had, and what a build would miss."""

from __future__ import annotations

from collections.abc import Sequence

from envcompose.model.analysis import Analysis
from envcompose.model.composition import Composition, Package
from envcompose.model.decision import Rejection
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind

FROM_SDIST = (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)


def never_there(package: Package, kind: ArtifactKind, files: Sequence[PackageFile], facts: Facts) -> Rejection | None:
    """Why no release of a package comes this way; None where some release may."""
    recipe = facts.packages.get(package.name)
    if kind is ArtifactKind.WHEEL and not any(file.is_wheel for file in files):
        return _lost(package, kind, "the package index has no wheel of it, of any release")
    if kind in FROM_SDIST and all(file.is_wheel for file in files):
        return _lost(package, kind, "the package index has no source distribution of it, of any release")
    if kind is ArtifactKind.PREBUILT and not (recipe and recipe.prebuilt):
        return _lost(package, kind, "no release wheels of its project are known to the recipes")
    if kind is ArtifactKind.CONDA and not package.links_torch:
        why = (
            "from conda come torch and what links it, where all of it has a conda build, and what builds and runs need"
            " of the system; every other distribution stays in the PyPI layer"
        )
        return _lost(package, kind, why)
    return None


def provided_by_conda(package: Package) -> Rejection:
    """Why a distribution that conda provides does not come from PyPI."""
    why = f"conda provides it as {package.conda_name}, and pixi pins the PyPI layer at conda's version: {package.artifact.why}"
    return Rejection(what=f"{package.name} from PyPI", why=why, rule=package.artifact.rule)


def not_isolated(composition: Composition, package: Package, analysis: Analysis) -> Rejection | None:
    """Why its sdist cannot be built isolated: the build imports what links torch, which must be the one it will run with."""
    island = {other.name for other in composition.packages if other.links_torch}
    needs = [need for need in analysis.build_needs if need.required and need.distribution in island]
    if not needs and not analysis.links_torch:
        return None
    where = next((f" ({need.place}: {need.place.text.strip()})" for need in needs if need.place is not None), "")
    what = needs[0].distribution if needs else "torch"
    why = f"its build needs {what}{where}, and an isolated build would not see the one that it will run with"
    return _lost(package, ArtifactKind.SDIST, why, version=True)


def _lost(package: Package, kind: ArtifactKind, why: str, *, version: bool = False) -> Rejection:
    what = f"{package.name} {package.version}" if version else package.name
    return Rejection(what=f"{what} as {kind.value}", why=why, rule=f"no-{kind.value}")
