"""Deciding every artifact of a resolved closure, and seeing what the candidate costs in truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.decide.artifacts import Case, decide_artifact, refusal
from envcompose.decide.known import known_bad
from envcompose.decide.ways import Circumstances, Ways, ways_of, wheel_alone
from envcompose.model.analysis import Analysis
from envcompose.model.decision import Artifact, CompileClass, Rejection, Standing
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Prefer, TorchFrom
from envcompose.model.target import Layer, TorchChoice, marker_environment
from envcompose.ports import PackageIndex
from envcompose.resolve.closure import USER, Closure, Member
from envcompose.resolve.metadata import active_requirements, header_values
from envcompose.resolve.partners import PARTNERS
from envcompose.resolve.projects import Projects
from envcompose.resolve.universe import TargetUniverse
from envcompose.search.prospects import Prospect
from envcompose.search.settled import Around, Preferences, Settled, rejection_of
from envcompose.search.subject import Stack
from envcompose.search.torches import TORCH, cuda_line

BUILT = (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)


class Decider:
    """Decides the artifacts of one intent's closures."""

    def __init__(
        self,
        *,
        facts: Facts,
        index: PackageIndex,
        projects: Projects,
        stack: Stack | None,
        wishes: Preferences,
    ) -> None:
        self._facts = facts
        self._index = index
        self._projects = projects
        self._stack = stack
        self._glibc = wishes.glibc
        self._forced = wishes.forced
        self._prefer = wishes.prefer
        self._source = wishes.source
        self._hints = dict(wishes.hints)

    def decided(
        self,
        prospect: Prospect,
        universe: TargetUniverse,
        closure: Closure,
        torch: TorchChoice | None,
        around: Around,
    ) -> Settled | Rejection:
        """The candidate with all its artifacts and its true cost, or why it does not stand."""
        island = self._island(closure)
        artifacts: dict[str, Artifact] = {}
        analyses: dict[str, Analysis] = {}
        for member in closure.members.values():
            case = self._case(member, prospect, torch, island, around)
            artifact = decide_artifact(case)
            if case.foreign and member.name != TORCH and self._source is not TorchFrom.CONDA:
                why = f"{member.name} {member.version} links torch, and conda-forge has no build of it for this torch"
                return self._rejection(prospect, why, "island-from-one-source")
            if artifact is None:
                lost = refusal(case)
                return replace(self._rejection(prospect, lost.why, lost.rule), of_release=case.forced is not None)
            sized = self._sized(artifact, case.ways)
            artifacts[member.name] = _unseen(sized, torch) if member.name in around.by_tables else sized
            if case.analysis is not None:
                analyses[member.name] = case.analysis
        if torch is not None and torch.layer is Layer.PYPI:
            why_not = (*artifacts[TORCH].lost, *self._why_not_conda(closure, island, torch))
            artifacts[TORCH] = replace(artifacts[TORCH], lost=why_not)
        missing = self._toolkit_missing(artifacts, analyses, torch)
        if missing is not None:
            return self._rejection(prospect, missing, "toolkit-exists")
        unlockable = _required_tasks(closure, artifacts, universe, around.python)
        if unlockable is not None:
            return self._rejection(prospect, unlockable, "pixi-can-lock")
        bad = self._known_bad(closure, torch)
        long = sum(artifact.compile is CompileClass.LONG for artifact in artifacts.values())
        cost = prospect.cost._replace(
            long_compile=int(long > 0 and self._prefer is Prefer.PREBUILT),
            known_bad=len(bad),
            torch=prospect.cost.torch + (prospect.torches.index(torch) if torch in prospect.torches else 0),
        )
        return Settled(
            prospect=prospect,
            torch=torch,
            closure=closure,
            artifacts=artifacts,
            analyses=analyses,
            universe=universe,
            island=island,
            known_bad=bad,
            cost=cost,
            by_tables=around.by_tables if torch is not None else (),
            provided=around.provided,
            python=around.python,
        )

    def _why_not_conda(self, closure: Closure, island: frozenset[str], torch: TorchChoice) -> list[Rejection]:
        """Why torch does not come from conda: no such build there, or not of everything that links it."""
        what = f"torch {torch.version} from conda-forge"
        own = self._facts.packages.get(TORCH)
        serves = [build for build in own.conda if build.version == torch.version] if own else []
        lines = sorted({line for build in serves for line in build.cuda}, key=Version)
        if not any(
            Version(line) <= Version(torch.line) and line.split(".")[0] == torch.line.split(".")[0] for line in lines
        ):
            why = (
                f"conda-forge has builds for CUDA {', '.join(lines)} only"
                if lines
                else "conda-forge has no CUDA build of it"
            )
            return [Rejection(what=what, why=why, rule="island-from-one-source")]
        lacking = [name for name in sorted(island - {TORCH}) if not self._has_conda(closure.members[name], torch)]
        why = f"it has no build of {', '.join(lacking)} for it at these versions"
        return [Rejection(what=what, why=why, rule="island-from-one-source")] if lacking else []

    def _has_conda(self, member: Member, torch: TorchChoice) -> bool:
        recipe = self._facts.packages.get(member.name)
        builds = recipe.conda if recipe else ()
        return any(build.torch == torch.minor and Version(build.conda_version) == member.version for build in builds)

    def _known_bad(self, closure: Closure, torch: TorchChoice | None) -> tuple[str, ...]:
        """Pairs in the closure that facts warn of, whichever way the package comes."""
        found = []
        for name, member in sorted(closure.members.items()):
            fact = known_bad(self._facts.packages.get(name), Version(member.version.public), None, torch)
            if fact is not None:
                found.append(f"{name} {member.version}: {fact.why}")
        return tuple(found)

    def _toolkit_missing(
        self, artifacts: Mapping[str, Artifact], analyses: Mapping[str, Analysis], torch: TorchChoice | None
    ) -> str | None:
        """Why CUDA sources cannot be compiled: conda-forge has no compiler for this line."""
        line = cuda_line(self._facts, torch.line) if torch is not None else None
        if line is None or line.nvcc:
            return None
        for name, artifact in sorted(artifacts.items()):
            analysis = analyses.get(name)
            if artifact.kind in BUILT and analysis is not None and analysis.extension and analysis.cuda_sources:
                lost = "; ".join(f"{entry.what}: {entry.why}" for entry in artifact.lost)
                because = f" ({lost})" if lost else ""
                return f"{name} would have to be compiled{because}, and conda-forge has no nvcc for CUDA {line.version}"
        return None

    def _case(
        self,
        member: Member,
        prospect: Prospect,
        torch: TorchChoice | None,
        island: frozenset[str],
        around: Around,
    ) -> Case:
        name = member.name
        circumstances = Circumstances(torch=torch, python=prospect.python, glibc=self._glibc)
        public = Version(member.version.public)
        version = public if name in island else member.version
        plain = name not in self._facts.packages and name not in self._forced and name not in island
        ways = wheel_alone(member.release.file) if plain else None
        if ways is None:
            own = () if member.release.stub else self._projects.release(name, version)
            ways = ways_of(self._facts, name, version, own, circumstances)
        if torch is not None and torch.index is not None and name in (TORCH, *PARTNERS):
            # Its file is the one of PyTorch's index, whatever the default index has under this version.
            ways = replace(ways, wheel=member.release.file, lost=())
        needs_analysis = ways.wheel is None and ways.conda is None and ways.sdist is not None
        analysis = None
        if needs_analysis or self._forced.get(name) in (
            ArtifactKind.SDIST,
            ArtifactKind.NO_ISOLATION,
            ArtifactKind.TASK,
        ):
            analysis = self._analysis(ways.sdist, prospect.python)
        return Case(
            member=member,
            ways=ways,
            around=circumstances,
            recipe=self._facts.packages.get(name),
            analysis=analysis,
            island=island,
            forced=self._forced.get(name),
            hint=self._hints.get(name),
            given_url=around.given.get(name),
            provided=around.provided.get(name),
            locks=around.locks,
            names_by_tables=around.names_by_tables,
        )

    def _sized(self, artifact: Artifact, ways: Ways) -> Artifact:
        """The artifact with its size, where the index or an earlier read tells it."""
        file = ways.wheel if artifact.kind is ArtifactKind.WHEEL else ways.sdist if artifact.kind in BUILT else None
        return artifact if file is None else replace(artifact, size=self._index.known_size(file))

    def _analysis(self, sdist: PackageFile | None, python: str) -> Analysis | None:
        return None if sdist is None else self._index.analysis(sdist, torches=(None,), python=python)

    def _island(self, closure: Closure) -> frozenset[str]:
        """The names that link torch: by recipe, or because a compiled wheel requires torch; and torch itself."""
        if TORCH not in closure.members:
            return frozenset()
        island = {TORCH}
        for member in closure.members.values():
            recipe = self._facts.packages.get(member.name)
            known = None if recipe is None else recipe.links_torch
            compiled = (
                member.release.file is not None
                and member.release.file.is_wheel
                and not member.release.file.filename.endswith("-any.whl")
            )
            requires_torch = any(canonicalize_name(requirement.name) == TORCH for requirement in member.requires)
            if known or (known is None and compiled and requires_torch):
                island.add(member.name)
        return frozenset(island)

    def _rejection(self, prospect: Prospect, why: str, rule: str) -> Rejection:
        return rejection_of(self._stack, prospect, why, rule)


def _required_tasks(
    closure: Closure, artifacts: Mapping[str, Artifact], universe: TargetUniverse, python: str
) -> str | None:
    """Why a task does not help: what requires the package without an extra makes pixi lock it all the same."""
    environment = marker_environment(python)
    for name in sorted(name for name, artifact in artifacts.items() if artifact.kind is ArtifactKind.TASK):
        for requirer, _ in closure.members[name].required_by:
            if requirer == USER:
                continue
            texts = tuple(header_values(universe.metadata_of(closure.members[requirer].release), "Requires-Dist"))
            if any(canonicalize_name(r.name) == name for r in active_requirements(texts, (), environment)):
                return f"{name} could only be built by a task, and {requirer} requires it, so that pixi would have to lock it"
    return None


def _unseen(artifact: Artifact, torch: TorchChoice | None) -> Artifact:
    """A wheel of an index that could not be asked: that it exists stands by tables, its address and hash are not known."""
    return replace(
        artifact,
        rule="index-wheel-by-tables",
        why="PyTorch's index for this CUDA line has it, by the tables",
        standing=Standing.BY_TABLES,
        evidence=(torch.evidence,) if torch is not None else (),
        url=None,
        sha256=None,
        size=None,
    )
