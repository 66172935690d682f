"""Settling a prospect: resolve its closure, decide its artifacts, and bring both layers together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.decide.ways import Circumstances, compiles_long, ways_of
from envcompose.errors import AddressGone, FileGone, IndexUnreachable, NotCached
from envcompose.model.composition import SystemLayer
from envcompose.model.decision import Rejection
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import TorchFrom
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import UserRequirement
from envcompose.model.target import Layer, TorchChoice, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex, Question, Resolver
from envcompose.read.secrets import mask_secrets
from envcompose.resolve.closure import Closure, trace_closure
from envcompose.resolve.partners import PARTNERS, island_releases, release_partners
from envcompose.resolve.projects import Projects
from envcompose.resolve.tags import wheel_ranks
from envcompose.resolve.universe import Fitting, Release, TargetUniverse, stub, unread
from envcompose.search.deciding import Decider
from envcompose.search.given import Given, for_resolver, given_of
from envcompose.search.layers import MOST_ROUNDS, PYTHON, Clash, Joined, Layers, Twins, versions_of
from envcompose.search.prospects import Prospect
from envcompose.search.settled import Around, Preferences, Settled, rejection_of
from envcompose.search.subject import Demand, Stack
from envcompose.search.torches import TORCH, TORCH_FITS

MOST_WORDS = 360
"""How many characters of the resolver's prose a reason may have."""

_CANDIDATE_WORDS = re.compile(r"\b(torch|triton|nvidia-|cuda-|python)", re.IGNORECASE)
"""Names in the resolver's prose that another candidate of the same release may change; without them none will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How the conda layer is solved too: the engine, and the system layer that a settled closure asks for."""

    layers: Layers
    plan: Callable[[Settled, Twins | None, frozenset[str]], SystemLayer]
    """The layer of a closure, given the twins that are known and the conda packages that its bounds are not carried to."""


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
        self._fitting = Fitting()
        self._resolver = resolver
        self._demand = demand
        self._stack = stack
        self._glibc = wishes.glibc
        self._forced = wishes.forced
        self._prefer = wishes.prefer
        self._source = wishes.source
        self._joining = joining
        self._decider = Decider(facts=facts, index=index, projects=self._projects, stack=stack, wishes=wishes)
        self._trace = trace

    def settle(self, prospect: Prospect) -> Settled | Rejection:
        """Resolve and decide one prospect, both layers where channels can be asked; a Rejection says why it does not stand."""
        python = self._joining.layers.python(prospect.python) if self._joining is not None else prospect.python
        settled = self._resolved(prospect, {}, python)
        if isinstance(settled, Rejection) or self._joining is None:
            return settled
        if len(prospect.torches) > 1 and settled.torch is not None and _follow_torch(settled):
            # What follows the installed torch was read without one; now it is known which.
            prospect = replace(prospect, torches=(settled.torch,))
            settled = self._resolved(prospect, {}, python)
        return settled if isinstance(settled, Rejection) else self._both(prospect, settled, self._joining)

    def offers(self, name: str, version: Version | None, python: str) -> bool:
        """Has the index a file of a project, or of one release of it, that a Python of the target can take?"""
        found = self._fitting.releases(name, self._index.project(name) or (), wheel_ranks(python, self._glibc))
        return any(version is None or release.version == version for release in found)

    def _both(self, prospect: Prospect, settled: Settled, joining: Joining) -> Settled | Rejection:
        """Solve conda under the closure, pin the twins, resolve again, until the twins stay what they were.

        Where conda cannot meet the closure's bounds, the closure is resolved once beside what conda has without them.
        """
        twins: Twins | None = None
        followed: frozenset[str] = frozenset()
        for _ in range(MOST_ROUNDS):
            clash = None
            joined = _join(joining, settled, twins)
            if isinstance(joined, Clash):
                clash = joined
                joined = clash if clash.names <= followed else _join(joining, settled, None, clash.names)
                followed |= clash.names
            if isinstance(joined, Clash):
                return self._clash(prospect, clash or joined)
            provided = joined.solution.provides
            interpreter = joined.solution.record(PYTHON)
            python = settled.python if interpreter is None else interpreter.version
            named = sorted(name for name in provided if name in self._given(python) and name in settled.closure.members)
            if named:
                record = provided[named[0]]
                by = joined.twins.brought_by.get(record.name, record.name)
                why = f"you name the source of {named[0]}, and {by} brings conda's {record.name}: pixi takes one of them only"
                return self._rejection(prospect, why, "twin-has-one-source")
            same = _pins(provided, settled) == _pins(settled.provided, settled) and python == settled.python
            if clash is None and same:
                return replace(settled, joined=joined)
            again = self._resolved(prospect, provided, python)
            if isinstance(again, Rejection):
                beside = replace(again, why=f"beside conda's packages: {again.why}", of_release=False)
                return beside if clash is None else self._clash(prospect, clash)
            settled, twins = again, joined.twins
        return self._rejection(prospect, f"the layers do not agree within {MOST_ROUNDS} rounds", "layers-agree")

    def _clash(self, prospect: Prospect, clash: Clash) -> Rejection:
        self._trace(clash.words)
        return self._rejection(prospect, clash.why, clash.rule)

    def _given(self, python: str) -> dict[str, UserRequirement]:
        """The user's direct references whose markers hold, by name."""
        active = self._demand.active(marker_environment(python))
        return {user.name: user for user, requirement in active if requirement.url is not None}

    def _resolved(self, prospect: Prospect, provided: Mapping[str, CondaRecord], python: str) -> Settled | Rejection:
        """Resolve the closure beside what conda provides, for one interpreter, and decide its artifacts."""
        given = self._given(python)
        replaced, by_tables = self._replaced(prospect, given)
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
            fitting=self._fitting,
        )
        environment = marker_environment(python)
        roots = self._roots(prospect, environment)
        answer = self._resolver.resolve(self._question(prospect, roots, python), universe)
        if answer.pins is None:
            lost = self._rejection(prospect, _short(answer.words), "closure-resolves")
            return replace(lost, of_release=_CANDIDATE_WORDS.search(answer.words) is None)
        overrides = {user.name: user.requirement for user in self._demand.overrides if user.requirement.url is None}
        closure = trace_closure(answer.pins, roots, universe, environment, overrides=overrides)
        if not prospect.torches and TORCH in closure.members and TORCH not in given:
            needing = ", ".join(name for name, _ in closure.members[TORCH].required_by if name) or "you"
            return self._rejection(prospect, f"torch is needed ({needing}), and none fits the target", TORCH_FITS)
        around = Around(
            by_tables=by_tables,
            provided=provided,
            locks=locks,
            names_by_tables=self._joining is not None and self._joining.layers.names_by_tables,
            python=python,
            given={name: user.requirement.url or "" for name, user in given.items()},
        )
        return self._decider.decided(prospect, universe, closure, self._chosen_torch(closure, prospect.torches), around)

    def _chosen_torch(self, closure: Closure, torches: Sequence[TorchChoice]) -> TorchChoice | None:
        """The torch of the closure. Conda's build of what links torch brings conda's, which no requirement names then."""
        member = closure.members.get(TORCH)
        if member is not None:
            return next((torch for torch in torches if torch.locked_version == member.version), None)
        recipes = (self._facts.packages.get(name) for name, one in closure.members.items() if one.release.stub)
        linked = any(recipe is not None and recipe.links_torch for recipe in recipes)
        return torches[0] if linked and len(torches) == 1 and torches[0].layer is Layer.SYSTEM else None

    def _replaced(
        self, prospect: Prospect, given: Mapping[str, UserRequirement]
    ) -> tuple[dict[str, Sequence[Release]], tuple[str, ...]]:
        replaced, by_tables = island_releases(self._facts, self._index, prospect.torches, prospect.python, self._glibc)
        if self._source is TorchFrom.CONDA:
            # What conda lacks is built against conda's torch, so every release stays open.
            replaced = {name: releases for name, releases in replaced.items() if name == TORCH}
        for name, user in given.items():
            reference = given_of(user)
            if reference is not None:
                replaced[name] = [self._given_release(reference)]
        return replaced, by_tables

    def _given_release(self, given: Given) -> Release:
        """A wheel by URL with its own metadata; where its host cannot be reached, with those of the same release on the
        index; else a source of which nothing is known. Raises what a host answers that is there (law 7).
        """
        filename = unquote(given.url.split("#")[0].rpartition("/")[2])
        if not given.url.startswith(("http://", "https://")) or not filename.endswith(".whl"):
            return unread(given.name, given.version)
        file = PackageFile(
            name=given.name,
            version=given.version,
            filename=filename,
            url=given.url.split("#")[0],
            sha256=given.sha256,
        )
        try:
            self._index.metadata(file)
        except FileGone as error:
            address = mask_secrets(given.url)
            raise AddressGone(name=given.name, address=address, origin=given.origin) from error
        except (IndexUnreachable, NotCached):
            own = self._projects.release(given.name, Version(given.version.public))
            same = sorted(own, key=lambda one: (one.is_wheel, one.filename))
            if not same:
                return unread(given.name, given.version)
            return Release(name=given.name, version=given.version, file=same[0])
        return Release(name=given.name, version=given.version, file=file)

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

    def _question(self, prospect: Prospect, roots: Sequence[Requirement], python: str) -> Question:
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
            own = prospect.release.active(marker_environment(python))
            lines += [f"{r.name}{r.specifier}" for r in own if r.specifier.prereleases and r.url is None]
        return Question(
            requirements=tuple(lines),
            constraints=tuple(constraints),
            overrides=tuple(str(user.requirement) for user in self._demand.overrides if user.requirement.url is None),
            python=python,
            glibc=self._glibc,
        )

    def _rejection(self, prospect: Prospect, why: str, rule: str) -> Rejection:
        return rejection_of(self._stack, prospect, why, rule)


def _join(
    joining: Joining, settled: Settled, twins: Twins | None, unbound: frozenset[str] = frozenset()
) -> Joined | Clash:
    return joining.layers.join(lambda known: joining.plan(settled, known, unbound), twins)


def _visible_torch(prospect: Prospect, *, locks: bool) -> str | None:
    """The torch that an sdist's metadata are read with: the one composed where the lock is written here; else the one
    that a build sees while pixi locks, which is conda's or none (facts: pixi.md §2.1).
    """
    torch = prospect.torches[0] if len(prospect.torches) == 1 else None
    return str(torch.version) if torch is not None and (locks or torch.layer is Layer.SYSTEM) else None


def _unread(replaced: Mapping[str, Sequence[Release]]) -> bool:
    """Is a source among them that was not read, so that no lock can hold it?"""
    return any(release.unread for releases in replaced.values() for release in releases)


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


def _short(words: str) -> str:
    """The heart of uv's prose on one line: its first reason; the whole of it is the trace's business (-v)."""
    text = " ".join(words.replace("╰─▶", "").replace("×", "").split())
    text = text.partition("No solution found when resolving dependencies:")[2].strip() or text
    text = text.partition(", we can conclude")[0].removeprefix("Because ")
    return text if len(text) <= MOST_WORDS else text[: MOST_WORDS - 1].rpartition(" ")[0] + " …"
