"""The outlook of a candidate: what its direct requirements say about it before anything is resolved.

A resolve costs seconds and an outlook milliseconds, so most candidates never get further. What an outlook cannot see
(requirements of requirements) is left to the resolve.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from itertools import takewhile

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.decide.known import known_bad
from envcompose.decide.ways import Circumstances, Ways, build_refused, compile_class, ways_of
from envcompose.model.decision import CompileClass
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts, PackageRecipe
from envcompose.model.intent import ArtifactKind, TorchFrom
from envcompose.model.names import canonical_name
from envcompose.model.target import Layer, TorchChoice, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex
from envcompose.resolve.metadata import active_requirements, header_values
from envcompose.resolve.partners import PARTNERS, release_partners
from envcompose.resolve.projects import Projects
from envcompose.search.torches import TORCH, cuda_line, describe

MOST_VERSIONS = 120
"""How many versions of one package an outlook looks at before it gives up hope for a way without a build."""


class Stage(IntEnum):
    """How far a candidate got; of several that failed, the one that got furthest tells most."""

    NO_PYTHON = 0
    TORCH = 1
    PARTNER = 2
    PYTHON = 3
    ARTIFACT = 4
    LOCK = 5
    PASSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What speaks against a candidate (`why` set: it cannot work), and what would make it dear."""

    stage: Stage
    why: str | None = None
    rule: str = ""
    long_compiles: tuple[str, ...] = ()
    known_bad: tuple[str, ...] = ()
    by_torch: bool = False
    """Did the answer depend on which torch it is, beyond plain bounds?"""

    @property
    def passed(self) -> bool:
        """Is nothing against it?"""
        return self.why is None


class Observer:
    """Looks at candidates for one intent. `forced` are the user's --artifact choices."""

    def __init__(
        self,
        facts: Facts,
        index: PackageIndex,
        *,
        glibc: str,
        forced: Mapping[str, ArtifactKind],
        source: TorchFrom = TorchFrom.AUTO,
    ) -> None:
        self._facts = facts
        self._source = source
        self._index = index
        self._projects = Projects(index)
        self._glibc = glibc
        self._forced = forced
        self._ways: dict[tuple[str, Version, str, str], Ways] = {}
        self._plain: dict[tuple[int, str], tuple[Requirement, Outlook]] = {}
        self._fitting: dict[tuple[str, str], list[Version]] = {}
        self._listed: dict[str, tuple[list[Version], list[Version]]] = {}
        self._bounds: dict[int, tuple[Requirement, str]] = {}

    def look(self, requirements: Sequence[Requirement], torch: TorchChoice | None, python: str) -> Outlook:
        """The outlook of these direct requirements with this torch on this Python."""
        around = Circumstances(torch=torch, python=python, glibc=self._glibc)
        for check in (self._torch_bound, self._partners):
            refused = check(requirements, torch)
            if refused is not None:
                return refused
        if torch is not None and python not in torch.release.pythons and torch.layer is Layer.PYPI:
            return Outlook(
                stage=Stage.PYTHON, why=f"torch {torch.version} has no wheel for Python {python}", rule="wheel-fits"
            )
        if torch is not None and torch.conda is not None and python not in torch.conda.pythons:
            why = f"conda-forge has no build of torch {torch.version} for Python {python}"
            return Outlook(stage=Stage.PYTHON, why=why, rule="conda-build-fits")
        long_compiles: list[str] = []
        bad: list[str] = []
        by_torch = False
        for requirement in requirements:
            found = self._remembered(requirement, around)
            if not found.passed:
                return found
            by_torch = by_torch or found.by_torch
            long_compiles += found.long_compiles
            bad += found.known_bad
        return Outlook(stage=Stage.PASSED, long_compiles=tuple(long_compiles), known_bad=tuple(bad), by_torch=by_torch)

    def _torch_bound(self, requirements: Sequence[Requirement], torch: TorchChoice | None) -> Outlook | None:
        for requirement in requirements if torch is not None else ():
            about_torch = canonical_name(requirement.name) == TORCH
            if (
                torch is not None
                and about_torch
                and not requirement.specifier.contains(torch.locked_version, prereleases=True)
            ):
                return Outlook(stage=Stage.TORCH, why=f"it needs {_bare(requirement)}", rule="torch-bound")
        return None

    def _partners(self, requirements: Sequence[Requirement], torch: TorchChoice | None) -> Outlook | None:
        """What torch pins exactly (triton) or pairs with (torchvision, torchaudio) against what is required of it."""
        if torch is None:
            return None
        release = torch.release
        exact = {"triton": release.triton} if torch.layer is Layer.PYPI else {}
        for requirement in requirements:
            pinned = exact.get(canonical_name(requirement.name))
            version = _exact_version(pinned)
            if version is not None and not requirement.specifier.contains(version, prereleases=True):
                why = f"it needs {_bare(requirement)}, and torch {torch.version} needs {requirement.name}{pinned}"
                return Outlook(stage=Stage.PARTNER, why=why, rule="torch-partner")
        return None

    def _remembered(self, requirement: Requirement, around: Circumstances) -> Outlook:
        """The outlook of one requirement; without a recipe it is the same for every torch."""
        if canonical_name(requirement.name) in self._facts.packages:
            return self._requirement(requirement, around)
        key = (id(requirement), around.python)
        if key not in self._plain:
            # The requirement is kept with its answer, so that its id stays its own.
            self._plain[key] = (requirement, self._requirement(requirement, around))
        return self._plain[key][1]

    def _requirement(self, requirement: Requirement, around: Circumstances) -> Outlook:
        name = canonical_name(requirement.name)
        recipe = self._facts.packages.get(name)
        bound = self._bound(requirement)
        pinned = _exact_version(bound)
        if name == TORCH or requirement.url is not None or (recipe is None and pinned is None):
            return Outlook(stage=Stage.PASSED)
        files = self._index.project(name)
        if files is None:
            return Outlook(
                stage=Stage.ARTIFACT, why=f"there is no project {name} on the package index", rule="project-exists"
            )
        versions = self._versions(name, files, requirement.specifier, bound)
        if around.torch is not None and name in PARTNERS:
            pairs = release_partners(around.torch.release, name)
            versions = [version for version in versions if not pairs or version.public in pairs]
        if not versions:
            return Outlook(
                stage=Stage.ARTIFACT, why=f"no release of {name} satisfies {_bare(requirement)}", rule="release-exists"
            )
        if recipe is None:
            return self._plain_pin(name, versions[0], around)
        return self._recipe_package(recipe, versions, around, pinned=pinned is not None)

    def _bound(self, requirement: Requirement) -> str:
        """A requirement's specifier as text, made once."""
        known = self._bounds.get(id(requirement))
        if known is None:
            # The requirement is kept with its text, so that its id stays its own.
            known = self._bounds[id(requirement)] = (requirement, str(requirement.specifier))
        return known[1]

    def _versions(self, name: str, files: Sequence[PackageFile], specifier: SpecifierSet, bound: str) -> list[Version]:
        """The versions that satisfy a specifier, newest first; pre-releases only where nothing else is left."""
        key = (name, bound)
        if key not in self._fitting:
            if name not in self._listed:
                self._listed[name] = (_newest_first(files), _newest_first(file for file in files if not file.yanked))
            every, sound = self._listed[name]
            listed = sound
            if bound.startswith("=="):
                pinned = _exact_version(bound)
                listed = every if pinned is None else _beside(every, pinned)
            fitting = [version for version in listed if specifier.contains(version, prereleases=True)]
            final = [version for version in fitting if not version.is_prerelease]
            self._fitting[key] = final or fitting
        return self._fitting[key]

    def _plain_pin(self, name: str, version: Version, around: Circumstances) -> Outlook:
        """A pinned package without a recipe: if it has compiled wheels, it must have one for this Python."""
        ways = self._ways_of(name, version, around)
        if ways.wheel is None and ways.lost and name not in self._forced:
            return Outlook(stage=Stage.PYTHON, why=f"{ways.lost[0].what}: {ways.lost[0].why}", rule=ways.lost[0].rule)
        return Outlook(stage=Stage.PASSED)

    def _recipe_package(
        self,
        recipe: PackageRecipe,
        versions: Sequence[Version],
        around: Circumstances,
        *,
        pinned: bool,
    ) -> Outlook:
        refusals: list[str] = []
        dear: Outlook | None = None
        by_torch = bool(recipe.prebuilt) or bool(recipe.known_bad)
        for version in versions[:MOST_VERSIONS]:
            ways = self._ways_of(recipe.name, version, around)
            found = self._version(recipe, version, ways, around, pinned=pinned)
            if found.passed and not found.long_compiles:
                return Outlook(stage=Stage.PASSED, known_bad=found.known_bad, by_torch=by_torch)
            if found.passed:
                dear = dear or found
            elif found.why:
                refusals.append(found.why)
        if dear is not None:
            return dear
        return Outlook(
            stage=Stage.ARTIFACT,
            why=refusals[0] if refusals else f"no release of {recipe.name} can be had",
            rule="artifact-exists",
            by_torch=by_torch,
        )

    def _version(
        self, recipe: PackageRecipe, version: Version, ways: Ways, around: Circumstances, *, pinned: bool
    ) -> Outlook:
        torch = around.torch
        pair = known_bad(recipe, version, None, torch)
        bad = (f"{recipe.name} {version}: {pair.why}",) if pair else ()
        from_conda = torch is not None and torch.layer is Layer.SYSTEM
        foreign = from_conda and bool(recipe.links_torch) and ways.conda is None
        lacking = f"conda-forge has no build of it for torch {torch.minor} and CUDA {torch.cuda}" if torch else ""
        if foreign and self._source is not TorchFrom.CONDA:
            why = f"{recipe.name} {version} links torch, and {lacking}"
            return Outlook(stage=Stage.ARTIFACT, why=why, rule="island-from-one-source")
        without_build = ways.prebuilt is not None if foreign else ways.without_build
        if without_build and self._forced.get(recipe.name) not in (
            ArtifactKind.NO_ISOLATION,
            ArtifactKind.SDIST,
            ArtifactKind.TASK,
        ):
            clash = self._wheel_clash(ways, around) if pinned else None
            if clash is not None:
                return Outlook(stage=Stage.TORCH, why=f"{recipe.name} {version} {clash}", rule="torch-bound")
            return Outlook(stage=Stage.PASSED, known_bad=bad)
        lost = (lacking,) if foreign else tuple(f"{entry.what}: {entry.why}" for entry in ways.lost)
        built = self._build(recipe, version, ways, around, "; ".join(lost))
        return replace(built, known_bad=bad) if built.passed else built

    def _build(self, recipe: PackageRecipe, version: Version, ways: Ways, around: Circumstances, lost: str) -> Outlook:
        """The outlook where nothing ready fits; `lost` says why not."""
        refused = build_refused(recipe, version, around.torch)
        if ways.sdist is None or refused is not None:
            why = f"{recipe.name} {version} cannot be had: " + "; ".join(
                part for part in (lost, refused or "it has no source distribution") if part
            )
            return Outlook(stage=Stage.ARTIFACT, why=why, rule="artifact-exists")
        lacking = self._no_compiler(recipe, around)
        if lacking is not None:
            why = (
                f"{recipe.name} {version} would have to be compiled"
                + (f" ({lost})" if lost else "")
                + f", and {lacking}"
            )
            return Outlook(stage=Stage.ARTIFACT, why=why, rule="toolkit-exists")
        long = compile_class(recipe, extension=None, cuda_sources=0) is CompileClass.LONG
        text = f"{recipe.name} {version} would be compiled" + (f" ({lost})" if lost else "")
        return Outlook(stage=Stage.PASSED, long_compiles=(text,) if long else ())

    def _no_compiler(self, recipe: PackageRecipe, around: Circumstances) -> str | None:
        """Why CUDA sources cannot be compiled for this line, where the recipe says that there are some."""
        line = cuda_line(self._facts, around.torch.line) if around.torch is not None else None
        compiles_cuda = bool(recipe.links_torch) and recipe.compile_cost is not None
        if line is None or line.nvcc or not compiles_cuda:
            return None
        return f"conda-forge has no nvcc for CUDA {line.version}"

    def _wheel_clash(self, ways: Ways, around: Circumstances) -> str | None:
        """What a pinned wheel's own metadata say against this torch; one small read for the one version."""
        if ways.wheel is None or ways.conda is not None or around.torch is None:
            return None
        texts = [
            text
            for text in header_values(self._index.metadata(ways.wheel), "Requires-Dist")
            if text.lower().startswith(TORCH)
        ]
        for requirement in active_requirements(texts, (), marker_environment(around.python)):
            if canonical_name(requirement.name) == TORCH and not requirement.specifier.contains(
                around.torch.locked_version, prereleases=True
            ):
                return f"needs {_bare(requirement)}"
        return None

    def _ways_of(self, name: str, version: Version, around: Circumstances) -> Ways:
        key = (name, version, around.python, describe(around.torch) if around.torch else "")
        if key not in self._ways:
            own = self._projects.release(name, version)
            self._ways[key] = ways_of(self._facts, name, version, own, around)
        return self._ways[key]


def _newest_first(files: Iterable[PackageFile]) -> list[Version]:
    """The versions of files, each once. Pages are sorted by version, so that there is little to sort."""
    return sorted(dict.fromkeys(file.version for file in files), reverse=True)


def _beside(versions: Sequence[Version], pinned: Version) -> list[Version]:
    """Of versions, newest first, those that a pin can mean: its own, and with any local label."""
    public = Version(pinned.public)

    def meant(version: Version) -> bool:
        return version == pinned or (version.local is not None and Version(version.public) == public)

    start = bisect_left(versions, True, key=lambda version: version <= pinned or meant(version))
    return list(takewhile(meant, versions[start:]))


def _exact_version(specifier: str | None) -> Version | None:
    """The version of a specifier that names exactly one."""
    if specifier is None or not specifier.startswith("==") or "," in specifier or "*" in specifier:
        return None
    return Version(specifier.lstrip("="))


def _bare(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
