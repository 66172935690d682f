"""Settling a prospect: resolve its closure, decide every artifact, and see what it costs in truth."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import unquote

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.decide.artifacts import Case, decide_artifact, refusal
from envcompose.decide.known import known_bad
from envcompose.decide.ways import Circumstances, Ways, compiles_long, ways_of, wheel_alone
from envcompose.errors import EnvcomposeError
from envcompose.model.analysis import Analysis
from envcompose.model.composition import SystemLayer
from envcompose.model.decision import Artifact, CompileClass, Rejection, Standing
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Prefer, TorchFrom
from envcompose.model.record import CondaRecord
from envcompose.model.target import Layer, TorchChoice, marker_environment
from envcompose.ports import PackageIndex, Question, Resolver
from envcompose.resolve.closure import USER, Closure, Member, trace_closure
from envcompose.resolve.metadata import active_requirements, header_values
from envcompose.resolve.partners import PARTNERS, island_releases, release_partners
from envcompose.resolve.projects import Projects
from envcompose.resolve.universe import Release, TargetUniverse, stub
from envcompose.search.given import Given, for_resolver, given_of
from envcompose.search.layers import MOST_ROUNDS, Clash, Joined, Layers, Twins, versions_of
from envcompose.search.prospects import Cost, Prospect
from envcompose.search.subject import Demand, Stack
from envcompose.search.torches import TORCH, cuda_line

MOST_WORDS = 360
"""How many characters of the resolver's prose a reason may have."""

_CANDIDATE_WORDS = re.compile(r"\b(torch|triton|nvidia-|cuda-|python)", re.IGNORECASE)
"""Names in the resolver's prose that another candidate of the same release may change; without them none will."""

_NO_VERSION = Version("0")
"""The version of a given source whose own is not known."""

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
    known_bad: tuple[str, ...]
    cost: Cost
    by_tables: tuple[str, ...]
    provided: Mapping[str, CondaRecord] = field(default_factory=dict)
    """The twins that the closure was resolved with: PyPI names that the conda layer provides."""
    joined: Joined | None = None
    """Both layers, where channels could be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the user wishes of every candidate; `hints` are builds without isolation that the project asks for."""

    glibc: str
    forced: Mapping[str, ArtifactKind]
    prefer: Prefer
    source: TorchFrom = TorchFrom.AUTO
    hints: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How the conda layer is solved too: the engine, and the system layer that a settled closure asks for."""

    layers: Layers
    plan: Callable[[Settled, Twins | None], SystemLayer]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What stands beside one resolve: names of which only tables tell, conda's twins, and whether the lock is ours.

    It is not where a URL will be unknown: then pixi has to lock by itself.
    """

    by_tables: tuple[str, ...]
    provided: Mapping[str, CondaRecord]
    locks: bool


class Settler:
    """Settles prospects of one intent; without a `joining` the conda layer is left to tables."""

    def __init__(
        self,
        *,
        facts: Facts,
        index: PackageIndex,
        resolver: Resolver,
        demand: Demand,
        stack: Stack | None,
        wishes: Preferences,
        joining: Joining | None = None,
        trace: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._facts = facts
        self._index = index
        self._projects = Projects(index)
        self._resolver = resolver
        self._demand = demand
        self._stack = stack
        self._glibc = wishes.glibc
        self._forced = wishes.forced
        self._prefer = wishes.prefer
        self._source = wishes.source
        self._hints = dict(wishes.hints)
        self._joining = joining
        self._trace = trace
        self._given_urls = {user.name: user.requirement.url for user in demand.requirements if user.requirement.url}

    def settle(self, prospect: Prospect) -> Settled | Rejection:
        """Resolve and decide one prospect, both layers where channels can be asked; a Rejection says why it does not stand."""
        settled = self._resolved(prospect, {})
        if isinstance(settled, Rejection) or self._joining is None:
            return settled
        if len(prospect.torches) > 1 and settled.torch is not None and _follow_torch(settled):
            # What follows the installed torch was read without one; now it is known which.
            prospect = replace(prospect, torches=(settled.torch,))
            settled = self._resolved(prospect, {})
        return settled if isinstance(settled, Rejection) else self._both(prospect, settled, self._joining)

    def _both(self, prospect: Prospect, settled: Settled, joining: Joining) -> Settled | Rejection:
        """Solve conda under the closure, pin the twins, resolve again, until the twins stay what they were."""
        twins: Twins | None = None
        for _ in range(MOST_ROUNDS):
            joined = joining.layers.join(partial(joining.plan, settled), twins)
            if isinstance(joined, Clash):
                self._trace(joined.words)
                return self._rejection(prospect, joined.why, joined.rule)
            provided = joined.solution.provides
            if _pins(provided, settled) == _pins(settled.provided, settled):
                return replace(settled, joined=joined)
            again = self._resolved(prospect, provided)
            if isinstance(again, Rejection):
                return replace(again, why=f"beside conda's packages: {again.why}", of_release=False)
            settled, twins = again, joined.twins
        return self._rejection(prospect, f"the layers do not agree within {MOST_ROUNDS} rounds", "layers-agree")

    def _resolved(self, prospect: Prospect, provided: Mapping[str, CondaRecord]) -> Settled | Rejection:
        """Resolve the closure beside what conda provides, and decide its artifacts."""
        replaced, by_tables = self._replaced(prospect)
        locks = self._joining is not None and not by_tables and not _unread(replaced)
        replaced |= {name: [stub(name, version)] for name, version in versions_of(provided).items()}
        universe = TargetUniverse(
            self._index,
            python=prospect.python,
            glibc=self._glibc,
            admits=self._admits(prospect),
            installed_torch=_visible_torch(prospect, locks=locks),
            implied=frozenset(name for name, recipe in self._facts.packages.items() if recipe.links_torch),
            replaced=replaced,
        )
        environment = marker_environment(prospect.python)
        roots = self._roots(prospect, environment)
        answer = self._resolver.resolve(self._question(prospect, roots), universe)
        if answer.pins is None:
            lost = self._rejection(prospect, _short(answer.words), "closure-resolves")
            return replace(lost, of_release=_CANDIDATE_WORDS.search(answer.words) is None)
        closure = trace_closure(answer.pins, roots, universe, environment)
        torch = _chosen_torch(closure, prospect.torches)
        return self._decided(
            prospect, universe, closure, torch, _Around(by_tables=by_tables, provided=provided, locks=locks)
        )

    def _decided(
        self,
        prospect: Prospect,
        universe: TargetUniverse,
        closure: Closure,
        torch: TorchChoice | None,
        around: _Around,
    ) -> Settled | Rejection:
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
        unlockable = _required_tasks(closure, artifacts, universe, prospect.python)
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
        around: _Around,
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
            given_url=self._given_urls.get(name),
            provided=around.provided.get(name),
            locks=around.locks,
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

    def _replaced(self, prospect: Prospect) -> tuple[dict[str, Sequence[Release]], tuple[str, ...]]:
        replaced, by_tables = island_releases(self._facts, self._index, prospect.torches, prospect.python, self._glibc)
        if self._source is TorchFrom.CONDA:
            # What conda lacks is built against conda's torch, so every release stays open.
            replaced = {name: releases for name, releases in replaced.items() if name == TORCH}
        for user in self._demand.requirements:
            given = given_of(user.name, user.requirement)
            if given is not None:
                replaced[given.name] = [self._given_release(given)]
        return replaced, by_tables

    def _given_release(self, given: Given) -> Release:
        """A wheel by URL with its own metadata where it can be read; else a release of which nothing is known."""
        filename = unquote(given.url.split("#")[0].rpartition("/")[2])
        if given.url.startswith(("http://", "https://")) and filename.endswith(".whl"):
            file = PackageFile(
                name=given.name, version=given.version, filename=filename, url=given.url.split("#")[0], sha256=None
            )
            try:
                self._index.metadata(file)
            except EnvcomposeError:
                return stub(given.name, given.version)
            return Release(name=given.name, version=given.version, file=file)
        return stub(given.name, given.version)

    def _admits(self, prospect: Prospect) -> Callable[[str, Version], bool]:
        """Without a long compile, packages whose source build takes long are offered where something ready fits."""
        torch = prospect.torches[0] if len(prospect.torches) == 1 else None
        around = Circumstances(torch=torch, python=prospect.python, glibc=self._glibc)
        sound_only = not prospect.cost.long_compile and torch is not None

        def admits(name: str, version: Version) -> bool:
            if name == TORCH and prospect.torches:
                return any(choice.version == version for choice in prospect.torches)
            if name in PARTNERS and not _is_partner(name, version, prospect.torches):
                return False
            recipe = self._facts.packages.get(name)
            dear = recipe is not None and (bool(recipe.prebuilt) or compiles_long(recipe))
            if not (sound_only and dear) or name in self._forced or prospect.outlook.long_compiles:
                return True
            return ways_of(self._facts, name, version, self._projects.release(name, version), around).without_build

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
            torch = prospect.torches[0]
            constraints.append(f"{TORCH}=={torch.locked_version}")
            if torch.layer is Layer.SYSTEM and torch.release.triton:
                # conda's torch pins triton too, and what conda brings pins the PyPI resolve.
                constraints.append(f"triton{torch.release.triton}")
        lines = [for_resolver(root) for root in roots]
        if prospect.release is not None:
            # A pre-release that the release itself names is taken by uv and pixi only where it is asked for directly.
            own = prospect.release.active(marker_environment(prospect.python))
            lines += [f"{r.name}{r.specifier}" for r in own if r.specifier.prereleases and r.url is None]
        return Question(
            requirements=tuple(lines),
            constraints=tuple(constraints),
            overrides=tuple(str(user.requirement) for user in self._demand.overrides if user.requirement.url is None),
            python=prospect.python,
            glibc=self._glibc,
        )

    def _rejection(self, prospect: Prospect, why: str, rule: str) -> Rejection:
        release = prospect.release
        named = self._stack is not None and release is not None
        what = f"{self._stack.recipe.name} {release.version}" if self._stack and release else "these requirements"
        version = release.version if named and release else None
        return Rejection(what=what, why=f"{why} (with {prospect.label})", rule=rule, release=version)


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


def _visible_torch(prospect: Prospect, *, locks: bool) -> str | None:
    """The torch that an sdist's metadata are read with: the one composed where the lock is written here; else the one
    that a build sees while pixi locks, which is conda's or none (facts: pixi.md §2.1).
    """
    torch = prospect.torches[0] if len(prospect.torches) == 1 else None
    return str(torch.version) if torch is not None and (locks or torch.layer is Layer.SYSTEM) else None


def _unread(replaced: Mapping[str, Sequence[Release]]) -> bool:
    """Is a source among them that was not read, so that no lock can hold it?"""
    return any(
        release.stub and release.version == _NO_VERSION for releases in replaced.values() for release in releases
    )


def _follow_torch(settled: Settled) -> bool:
    """Does an sdist of the closure require other things with another torch?"""
    return any(
        member.release.from_sdist and settled.universe.analysis_of(member.release).follows_torch
        for member in settled.closure.members.values()
    )


def _pins(provided: Mapping[str, CondaRecord], settled: Settled) -> dict[str, str]:
    """The versions at which conda pins what the closure holds."""
    return {name: record.version for name, record in provided.items() if name in settled.closure.members}


def _is_partner(name: str, version: Version, torches: Sequence[TorchChoice]) -> bool:
    """Does a version of torchvision or torchaudio go with one of these torches? Not every one of them says so itself."""
    known = [release_partners(torch.release, name) for torch in torches]
    return not torches or any(not pairs or version.public in pairs for pairs in known)


def _chosen_torch(closure: Closure, torches: Sequence[TorchChoice]) -> TorchChoice | None:
    member = closure.members.get(TORCH)
    if member is None:
        return None
    return next((torch for torch in torches if torch.locked_version == member.version), None)


def _short(words: str) -> str:
    """The heart of uv's prose on one line: its first reason; the whole of it is the trace's business (-v)."""
    text = " ".join(words.replace("╰─▶", "").replace("×", "").split())
    text = text.partition("No solution found when resolving dependencies:")[2].strip() or text
    text = text.partition(", we can conclude")[0].removeprefix("Because ")
    return text if len(text) <= MOST_WORDS else text[: MOST_WORDS - 1].rpartition(" ")[0] + " …"
