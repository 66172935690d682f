"""Which artifact: an ordered table of rules, of which the first that answers decides (design.md, "Which artifact")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name

from envcompose.decide.ways import Circumstances, Ways, build_refused, compile_class
from envcompose.model.analysis import Analysis
from envcompose.model.decision import Alternative, Artifact, CompileClass, Rejection, Standing
from envcompose.model.facts import Evidence, PackageRecipe
from envcompose.model.foreign import foreign_requirement
from envcompose.model.intent import ArtifactKind
from envcompose.model.record import CondaRecord
from envcompose.model.target import Layer, TorchChoice
from envcompose.model.values import dataclass
from envcompose.read.secrets import without_secrets
from envcompose.resolve.closure import Member
from envcompose.resolve.universe import TORCH

INDEX = "the package index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One package to decide, with everything that the rules may look at.

    `analysis` is there where the package has no wheel that fits; `island` holds the names that link torch, and torch.
    `forced` is the user's choice for it, `lockable` whether pixi can lock it without isolation.
    """

    member: Member
    ways: Ways
    around: Circumstances
    recipe: PackageRecipe | None
    analysis: Analysis | None
    island: frozenset[str]
    forced: ArtifactKind | None
    hint: str | None
    """Where the user's project asks for a build without isolation."""
    given_url: str | None
    provided: CondaRecord | None = None
    """The record of the solved conda layer that stands for it."""
    names_by_tables: bool = False
    """Does it rest on our own table that the record stands for it?"""
    locks: bool = False
    """Is the lock written here, so that pixi need not read any metadata by itself?"""

    @property
    def must_see_torch(self) -> bool:
        """Do its requirements follow the installed torch, so that its build must see the one that is composed?

        A torch from conda is there at every build. A PyPI torch is there only for a build without isolation, which
        pixi cannot lock (pixi.md §2.1); it is wanted where the isolated reading asks for another torch.
        """
        torch, analysis = self.around.torch, self.analysis
        if torch is None or analysis is None or not analysis.follows_torch:
            return False
        return torch.layer is Layer.SYSTEM or (self.locks and not _isolated_wants(analysis, torch))

    @property
    def needs_island(self) -> bool:
        """Must a package of an island be importable for its build?"""
        if self.must_see_torch:
            return True
        if self.analysis is None:
            return bool(self.recipe and self.recipe.links_torch)
        needed = {need.distribution for need in self.analysis.build_needs if need.required}
        return self.analysis.links_torch or bool(needed & self.island)

    @property
    def foreign(self) -> bool:
        """Does it link torch, with torch from conda and no conda build of its own? Then index wheels pair with another torch."""
        torch = self.around.torch
        from_conda = torch is not None and torch.layer is Layer.SYSTEM
        return from_conda and self.member.name in self.island and self.ways.conda is None and self.provided is None

    @property
    def lockable(self) -> bool:
        """Can it be locked from source? By us always; by pixi only with metadata that need no build, or with torch
        from conda (pixi.md §2.1).
        """
        torch = self.around.torch
        from_conda = torch is not None and torch.layer is Layer.SYSTEM
        return self.locks or from_conda or self.analysis is None or self.analysis.static_for_uv

    def evidence(self, text: str, source: str = INDEX) -> Evidence:
        """Evidence that was read in this very run; its date would make equal inputs differ, so it has none."""
        return Evidence(text=text, source=source, as_of=None)


Rule = Callable[[Case], Artifact | None]


def decide_artifact(case: Case) -> Artifact | None:
    """The artifact of one package with its alternatives, or None where no rule finds a way."""
    answers = [answer for rule in RULES if (answer := rule(case)) is not None]
    if case.forced is not None:
        answers = [
            replace(a, rule="forced", why=f"you asked for it with --artifact; {a.why}")
            for a in answers
            if a.kind is case.forced
        ] or []
    if not answers:
        return None
    wished = case.forced in (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION) and case.ways.wheel is not None
    if wished and not case.foreign and (wheel := _wheel(case)) is not None:
        answers = [*answers, wheel]
    others = tuple(_alternative(case, answer) for answer in answers[1:] if answer.kind is not answers[0].kind)
    return replace(answers[0], lost=case.ways.lost, alternatives=others)


def _given(case: Case) -> Artifact | None:
    if case.given_url is None:
        return None
    kind = ArtifactKind.WHEEL if case.given_url.split("#")[0].endswith(".whl") else ArtifactKind.SDIST
    return Artifact(
        kind=kind,
        rule="as-given",
        why="you named its source",
        standing=Standing.ASSUMED,
        url=case.given_url,
        evidence=(),
    )


def _provided(case: Case) -> Artifact | None:
    """What the solved conda layer has, PyPI must not have again: pixi pins the resolve at its version."""
    record = case.provided
    if record is None:
        return None
    tables = _conda(case)
    why = (
        tables.why if tables else f"the conda layer has it ({record.name} {record.version}), which pins PyPI's resolve"
    )
    seen = case.evidence(f"{record.file_name} is in the solution", without_secrets(record.channel))
    return Artifact(
        kind=ArtifactKind.CONDA,
        rule=tables.rule if tables else "conda-provides",
        why=why,
        standing=Standing.BY_TABLES if case.names_by_tables else Standing.PROVED,
        evidence=(seen, *(tables.evidence if tables else ())),
        url=record.url,
        sha256=record.sha256,
        size=record.size,
    )


def _conda(case: Case) -> Artifact | None:
    build = case.ways.conda
    if build is None:
        return None
    why = "torch comes from conda-forge, and conda-forge builds this for the same torch and CUDA line"
    return Artifact(
        kind=ArtifactKind.CONDA,
        rule="island-from-conda",
        why=why,
        standing=Standing.BY_TABLES,
        evidence=(build.evidence,),
    )


def _wheel(case: Case) -> Artifact | None:
    wheel = case.ways.wheel
    if wheel is None or case.foreign:
        return None
    seen = case.evidence(f"{wheel.filename} is on the index")
    return Artifact(
        kind=ArtifactKind.WHEEL,
        rule="index-wheel",
        why="the index has a wheel that fits the target",
        standing=Standing.PROVED,
        evidence=(seen,),
        sha256=wheel.sha256,
        url=wheel.url,
        size=wheel.size,
    )


def _prebuilt(case: Case) -> Artifact | None:
    prebuilt = case.ways.prebuilt
    if prebuilt is None:
        return None
    floor = f"glibc {prebuilt.glibc}" if prebuilt.glibc else "unknown glibc floor, counted as fitting"
    why = f"the index has no wheel, and the project's own release wheel fits torch, CUDA, Python and C++ ABI ({floor})"
    return Artifact(
        kind=ArtifactKind.PREBUILT,
        rule="prebuilt-wheel",
        why=why,
        standing=Standing.BY_TABLES,
        evidence=(prebuilt.evidence,),
        url=prebuilt.url,
    )


def _sdist(case: Case) -> Artifact | None:
    if case.ways.sdist is None or case.needs_island or case.foreign or case.hint is not None:
        return None
    compiles = _compiles(case)
    why = "it has no wheel that fits, and its build needs nothing that links torch"
    if case.analysis is not None and case.analysis.follows_torch:
        why += "; its requirements follow the installed torch, and read without one they ask for the torch chosen"
    return _from_source(case, ArtifactKind.SDIST, "isolated-sdist", why, compiles)


def _no_isolation(case: Case) -> Artifact | None:
    if case.ways.sdist is None or _refused(case) is not None:
        return None
    if not case.lockable and case.forced is not ArtifactKind.NO_ISOLATION:
        return None
    if not (case.needs_island or case.foreign or case.hint or case.forced is ArtifactKind.NO_ISOLATION):
        return None
    why = "it has no wheel that fits, and its build imports torch, which must be the one it will run with"
    if case.must_see_torch:
        why = "it has no wheel that fits, and its requirements follow the installed torch, which its build must see"
    if case.hint is not None:
        why = f"it has no wheel that fits, and {case.hint} asks for a build without isolation"
    return _from_source(case, ArtifactKind.NO_ISOLATION, "no-isolation-sdist", why, _compiles(case))


def _task(case: Case) -> Artifact | None:
    wanted = case.needs_island or case.forced is ArtifactKind.TASK
    if case.ways.sdist is None or not wanted or _refused(case) is not None:
        return None
    why = "pixi cannot lock it: its metadata need a build that imports torch; a task installs it after the rest, outside the lock"
    return _from_source(case, ArtifactKind.TASK, "task", why, _compiles(case))


def _from_source(case: Case, kind: ArtifactKind, rule: str, why: str, compiles: CompileClass | None) -> Artifact:
    sdist = case.ways.sdist
    assert sdist is not None
    cost = case.recipe.compile_cost if case.recipe else None
    return Artifact(
        kind=kind,
        rule=rule,
        why=why,
        standing=Standing.PROVED if case.analysis and not case.analysis.incomplete else Standing.ASSUMED,
        evidence=(
            case.evidence(f"{sdist.filename} is its only file that fits"),
            *_build_evidence(case),
            *_declared(case),
        ),
        url=sdist.url,
        sha256=sdist.sha256,
        size=sdist.size,
        compile=compiles,
        compile_text=cost.text if cost and compiles else None,
    )


def _declared(case: Case) -> tuple[Evidence, ...]:
    """What the sdist declares for its build."""
    if case.analysis is None:
        return ()
    text = f"its build declares {', '.join(case.analysis.build_requires) or 'no requirement'} ({case.analysis.build_backend})"
    return (Evidence(text=text, source=f"the sdist of {case.member.name} {case.member.version}"),)


def _build_evidence(case: Case) -> tuple[Evidence, ...]:
    """The lines of the sdist that say that its build needs an island package."""
    found = []
    for need in case.analysis.build_needs if case.analysis else ():
        if need.required and need.distribution in case.island and need.place is not None:
            found.append(
                Evidence(
                    text=f"{need.place}: {need.place.text.strip()}",
                    source=f"the sdist of {case.member.name} {case.member.version}",
                )
            )
    return tuple(found[:3])


def _compiles(case: Case) -> CompileClass | None:
    extension = case.analysis.extension if case.analysis else None
    cuda = case.analysis.cuda_sources if case.analysis else 0
    return compile_class(case.recipe, extension=extension, cuda_sources=cuda)


def _refused(case: Case) -> str | None:
    """Why it is known not to build: a fact, or a hard-coded C++ standard below what this torch's headers accept."""
    known = build_refused(case.recipe, case.member.version, case.around.torch)
    if known is not None or case.analysis is None or case.around.torch is None or not case.needs_island:
        return known
    return too_old_standard(case.analysis, case.around.torch)


def too_old_standard(analysis: Analysis, torch: TorchChoice) -> str | None:
    """torch's headers refuse an older C++ standard from 2.14 on (torch-cuda.md §5); a hard-coded flag cannot be changed."""
    numbers = [int(text.rpartition("+")[2]) for text in analysis.cxx_standards if text.rpartition("+")[2].isdigit()]
    wanted = torch.release.cxx_standard
    if numbers and max(numbers) < wanted and wanted >= 20:
        return f"its build is fixed to C++{max(numbers)}, and torch {torch.version} needs C++{wanted}"
    return None


def refusal(case: Case) -> Rejection:
    """Why no rule found a way."""
    if case.provided is not None and case.forced is not None:
        record = case.provided
        why = f"--artifact asks for its {case.forced.value}, and conda provides it ({record.name} {record.version}), which pixi takes"
        return Rejection(what=case.member.name, why=f"{case.member.name}: {why}", rule="artifact-exists")
    reasons = [f"{entry.what}: {entry.why}" for entry in case.ways.lost]
    refused = _refused(case)
    if case.ways.sdist is None:
        reasons.append("it has no source distribution")
    elif refused is not None:
        reasons.append(refused)
    elif case.forced is not None:
        reasons.append(f"--artifact asks for {case.forced.value}, which is not to be had")
    what = f"{case.member.name} {case.member.version}"
    return Rejection(what=what, why=f"{what} cannot be had: " + "; ".join(reasons), rule="artifact-exists")


def _alternative(case: Case, answer: Artifact) -> Alternative:
    costs: Mapping[CompileClass | None, str] = {
        None: "no compile",
        CompileClass.SHORT: "compiles in seconds",
        CompileClass.MINUTES: "compiles for minutes",
        CompileClass.LONG: "compiles for an hour or more",
    }
    cost = answer.compile_text or costs[answer.compile]
    return Alternative(artifact=answer.kind, version=str(case.member.version), url=answer.url, cost=cost)


def _isolated_wants(analysis: Analysis, torch: TorchChoice) -> bool:
    """Does the reading without an installed torch (the first) admit the torch chosen?"""
    wanted = [foreign_requirement(text) for text in analysis.readings[0].requires_dist]
    return all(
        requirement.specifier.contains(torch.locked_version, prereleases=True)
        for requirement in wanted
        if requirement is not None and canonicalize_name(requirement.name) == TORCH
    )


RULES: tuple[Rule, ...] = (_given, _provided, _conda, _wheel, _prebuilt, _sdist, _no_isolation, _task)
