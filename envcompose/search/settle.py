"""Settling a prospect: resolve its closure, decide every artifact, and see what it costs in truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from envcompose.decide.artifacts import Case, decide_artifact, refusal
from envcompose.decide.ways import Circumstances, Ways, ways_of
from envcompose.model.decision import Artifact, CompileClass, Rejection
from envcompose.model.facts import Facts
from envcompose.model.distribution import PackageFile
from envcompose.model.analysis import Analysis
from envcompose.model.intent import ArtifactKind, Prefer
from envcompose.model.target import TorchChoice, marker_environment
from envcompose.ports import PackageIndex, Question, Resolver
from envcompose.resolve.closure import Closure, Member, trace_closure
from envcompose.resolve.partners import island_releases
from envcompose.resolve.universe import Release, TargetUniverse, stub
from envcompose.search.prospects import Cost, Prospect
from envcompose.search.subject import Demand, Stack
from envcompose.search.torches import TORCH, cuda_line

BUILT = (ArtifactKind.SDIST, ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A candidate that stands: its closure, the torch in it (None without one), every artifact, its cost."""

    prospect: Prospect
    torch: TorchChoice | None
    closure: Closure
    artifacts: Mapping[str, Artifact]
    analyses: Mapping[str, Analysis]
    universe: TargetUniverse
    island: frozenset[str]
    cost: Cost
    by_tables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A direct reference of the user's (a wheel URL, a git source, a folder) that stands in for an index release."""

    name: str
    url: str
    version: Version


class Settler:
    """Settles prospects of one intent."""

    def __init__(
        self,
        *,
        facts: Facts,
        index: PackageIndex,
        resolver: Resolver,
        demand: Demand,
        stack: Stack | None,
        glibc: str,
        forced: Mapping[str, ArtifactKind],
        prefer: Prefer,
    ) -> None:
        self._facts = facts
        self._index = index
        self._resolver = resolver
        self._demand = demand
        self._stack = stack
        self._glibc = glibc
        self._forced = forced
        self._prefer = prefer

    def settle(self, prospect: Prospect) -> Settled | Rejection:
        """Resolve and decide one prospect; a Rejection says why it does not stand."""
        replaced, by_tables = self._replaced(prospect)
        universe = TargetUniverse(
            self._index, python=prospect.python, glibc=self._glibc, admits=self._admits(prospect), replaced=replaced
        )
        environment = marker_environment(prospect.python)
        roots = self._roots(prospect, environment)
        answer = self._resolver.resolve(self._question(prospect, roots), universe)
        if answer.pins is None:
            return Rejection(
                what=self._label(prospect),
                why=_short(answer.words),
                rule="closure-resolves",
                release=_version(prospect),
            )
        closure = trace_closure(answer.pins, roots, universe, environment)
        torch = _chosen_torch(closure, prospect.torches)
        return self._decided(prospect, universe, closure, torch, by_tables)

    def _decided(
        self,
        prospect: Prospect,
        universe: TargetUniverse,
        closure: Closure,
        torch: TorchChoice | None,
        by_tables: tuple[str, ...],
    ) -> Settled | Rejection:
        island = self._island(closure, universe)
        artifacts: dict[str, Artifact] = {}
        analyses: dict[str, Analysis] = {}
        for member in closure.members.values():
            case = self._case(member, prospect, universe, torch, island)
            artifact = decide_artifact(case)
            if artifact is None:
                lost = refusal(case)
                return Rejection(what=self._label(prospect), why=lost.why, rule=lost.rule, release=_version(prospect))
            artifacts[member.name] = self._sized(artifact, case.ways)
            if case.analysis is not None:
                analyses[member.name] = case.analysis
        why = self._toolkit_missing(artifacts, analyses, torch)
        if why is not None:
            return Rejection(what=self._label(prospect), why=why, rule="toolkit-exists", release=_version(prospect))
        long = sum(artifact.compile is CompileClass.LONG for artifact in artifacts.values())
        cost = prospect.cost._replace(
            long_compile=int(long > 0 and self._prefer is Prefer.PREBUILT),
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
            cost=cost,
            by_tables=by_tables if torch is not None else (),
        )

    def _toolkit_missing(
        self, artifacts: Mapping[str, Artifact], analyses: Mapping[str, Analysis], torch: TorchChoice | None
    ) -> str | None:
        """Why CUDA sources cannot be compiled: conda-forge has no compiler for this line."""
        line = cuda_line(self._facts, torch.line) if torch is not None else None
        if line is None or line.nvcc:
            return None
        for name, artifact in sorted(artifacts.items()):
            if artifact.kind in BUILT and name in analyses and analyses[name].cuda_sources:
                lost = "; ".join(f"{entry.what}: {entry.why}" for entry in artifact.lost)
                return f"{name} would have to be compiled ({lost}), and conda-forge has no nvcc for CUDA {line.version}"
        return None

    def _case(
        self,
        member: Member,
        prospect: Prospect,
        universe: TargetUniverse,
        torch: TorchChoice | None,
        island: frozenset[str],
    ) -> Case:
        name = member.name
        files = () if member.release.stub else (self._index.project(name) or ())
        around = Circumstances(torch=torch, python=prospect.python, glibc=self._glibc)
        public = Version(member.version.public)
        ways = ways_of(self._facts, name, public if name in island else member.version, files, around)
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
            around=around,
            recipe=self._facts.packages.get(name),
            analysis=analysis,
            island=island,
            forced=self._forced.get(name),
            given_url=self._given_url(name),
        )

    def _sized(self, artifact: Artifact, ways: Ways) -> Artifact:
        """The artifact with its size, where the index or an earlier read tells it."""
        file = ways.wheel if artifact.kind is ArtifactKind.WHEEL else ways.sdist if artifact.kind in BUILT else None
        return artifact if file is None else replace(artifact, size=self._index.known_size(file))

    def _analysis(self, sdist: PackageFile | None, python: str) -> Analysis | None:
        return None if sdist is None else self._index.analysis(sdist, torches=(None,), python=python)

    def _given_url(self, name: str) -> str | None:
        return next(
            (user.requirement.url for user in self._demand.requirements if user.name == name and user.requirement.url),
            None,
        )

    def _island(self, closure: Closure, universe: TargetUniverse) -> frozenset[str]:
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
                and not member.release.file.filename.endswith("-none-any.whl")
            )
            requires_torch = any(canonicalize_name(requirement.name) == TORCH for requirement in member.requires)
            if known or (known is None and compiled and requires_torch):
                island.add(member.name)
        return frozenset(island)

    def _replaced(self, prospect: Prospect) -> tuple[dict[str, Sequence[Release]], tuple[str, ...]]:
        replaced, by_tables = island_releases(self._facts, self._index, prospect.torches, prospect.python, self._glibc)
        for user in self._demand.requirements:
            given = given_of(user.name, user.requirement)
            if given is not None:
                replaced[given.name] = [stub(given.name, given.version)]
        return replaced, by_tables

    def _admits(self, prospect: Prospect) -> Callable[[str, Version], bool]:
        """Without a long compile, a package that only its project's release wheels bring is offered where one fits."""
        torch = prospect.torches[0] if len(prospect.torches) == 1 else None
        around = Circumstances(torch=torch, python=prospect.python, glibc=self._glibc)
        sound_only = not prospect.cost.long_compile and torch is not None

        def admits(name: str, version: Version) -> bool:
            if name == TORCH and prospect.torches:
                return any(choice.version == version for choice in prospect.torches)
            recipe = self._facts.packages.get(name)
            if (
                not sound_only
                or recipe is None
                or not recipe.prebuilt
                or name in self._forced
                or prospect.outlook.long_compiles
            ):
                return True
            return ways_of(self._facts, name, version, self._index.project(name) or (), around).without_build

        return admits

    def _roots(self, prospect: Prospect, environment: Mapping[str, str]) -> list[Requirement]:
        roots = [requirement for _, requirement in self._demand.active(environment)]
        if self._stack is not None and prospect.release is not None:
            extras = f"[{','.join(prospect.release.extras)}]" if prospect.release.extras else ""
            roots.append(Requirement(f"{self._stack.distribution}{extras}=={prospect.release.version}"))
        return roots

    def _question(self, prospect: Prospect, roots: Sequence[Requirement]) -> Question:
        constraints = [str(user.requirement) for user in self._demand.constraints if user.requirement.url is None]
        if len(prospect.torches) == 1:
            constraints.append(f"{TORCH}=={prospect.torches[0].locked_version}")
        return Question(
            requirements=tuple(_for_resolver(root) for root in roots),
            constraints=tuple(constraints),
            overrides=tuple(str(user.requirement) for user in self._demand.overrides if user.requirement.url is None),
            python=prospect.python,
            glibc=self._glibc,
        )

    def _label(self, prospect: Prospect) -> str:
        if self._stack is None or prospect.release is None:
            return f"these requirements with {prospect.label}"
        return f"{self._stack.recipe.name} {prospect.release.version} with {prospect.label}"


def given_of(name: str, requirement: Requirement) -> Given | None:
    """What a direct reference stands for: its version where a wheel's name tells it, else 0 (its metadata are not read)."""
    if requirement.url is None:
        return None
    version = Version("0")
    filename = requirement.url.split("#")[0].rpartition("/")[2]
    if filename.endswith(".whl"):
        try:
            version = parse_wheel_filename(filename.replace("%2B", "+"))[1]
        except ValueError:
            version = Version("0")
    return Given(name=name, url=requirement.url, version=version)


def _for_resolver(requirement: Requirement) -> str:
    if requirement.url is None:
        return str(requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}"


def _chosen_torch(closure: Closure, torches: Sequence[TorchChoice]) -> TorchChoice | None:
    member = closure.members.get(TORCH)
    if member is None:
        return None
    return next((torch for torch in torches if torch.locked_version == member.version), None)


def _version(prospect: Prospect) -> Version | None:
    return None if prospect.release is None else prospect.release.version


def _short(words: str) -> str:
    """The heart of uv's prose, on one line: its last conclusion."""
    text = " ".join(words.replace("╰─▶", "").replace("×", "").split())
    text = text.removeprefix("No solution found when resolving dependencies:").strip()
    return text if len(text) <= 600 else text[:597] + "..."
