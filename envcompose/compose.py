"""The flow on one screen: an intent becomes a composition, over ports. Start reading here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from envcompose.decide.manifest_needs import pixi_floor
from envcompose.decide.order import build_order
from envcompose.decide.pypi_lines import PypiPlan, pypi_lines
from envcompose.decide.system import Plan, plan_system
from envcompose.decide.tasks import plan_tasks
from envcompose.errors import Infeasible, ProjectUnknown, ProofRequired
from envcompose.model.composition import Composition, SystemLayer
from envcompose.model.decision import Standing
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Intent
from envcompose.model.message import Message
from envcompose.model.requirement import Fate, Outcome, UserRequirement
from envcompose.model.target import Default, Target, TorchChoice, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import CondaSolver, NameMap, PackageIndex, Resolver
from envcompose.resolve.hashes import HashedIndex, hashes_of, unmatched
from envcompose.resolve.seen_torch import releases_beyond
from envcompose.review.locked import lock_messages, solution_of
from envcompose.review.packages import closure_packages, import_expectations, probe_expectations
from envcompose.review.rejections import told_rejections
from envcompose.search.choices import Choices, pinned_torch, target_choices
from envcompose.search.find import Found, find_candidate
from envcompose.search.outlook import Observer
from envcompose.search.plans import Planner, make_joining
from envcompose.search.prospects import Scout
from envcompose.search.settle import Joining, Settler
from envcompose.search.settled import Preferences, Settled
from envcompose.search.subject import Demand, Stack
from envcompose.search.subject_of import subject_of
from envcompose.search.torches import TORCH_FITS, needs_torch, torch_choices

MOST_CHECKED = 40
"""How many names are looked up before the search, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a composition asks: facts and ports. `tell` hears of progress; nothing depends on it."""

    facts: Facts
    index: PackageIndex
    resolver: Resolver
    solver: CondaSolver | None = None
    """None: the conda layer stands by tables, and no lock is written."""
    names: NameMap | None = None
    default_index: str = ""
    """The address of the package index that serves what names no other."""
    trace: Callable[[str], None] = lambda line: None
    tell: Callable[[str], None] = lambda line: None


def compose(intent: Intent, world: World) -> Composition:
    """Search, decide, plan both layers. Raises Infeasible (exit 1), and what the ports raise (exit 3); writes nothing."""
    choices = target_choices(intent, world.facts)
    stack, demand = subject_of(intent, world.facts)
    hashes = hashes_of((*demand.requirements, *demand.constraints))
    if hashes:
        world = replace(world, index=HashedIndex(world.index, hashes))
    # The user's own names first: an error about them tells more than one about torch's page.
    _check_names(demand, world.index, choices.pythons[0])
    newer = releases_beyond(world.index, world.facts.torch)
    world = replace(world, facts=replace(world.facts, torch=(*world.facts.torch, *newer)))
    planner = Planner(intent=intent, facts=world.facts, choices=choices)
    joining, by_tables = make_joining(planner, world.solver, world.names, world.trace)
    found = _search(intent, world, choices, stack, demand, joining)
    if found.best is None:
        raise Infeasible(
            subject=_subject(stack, demand),
            target=choices.label,
            rejected=(
                *unmatched(demand.requirements, world.index),
                *pinned_torch(demand, world.facts, choices),
                *told_rejections(found),
            ),
            complete=found.complete,
            tried=found.tried,
            hints=choices.hints,
        )
    composition = _composition(planner, world, stack, found, by_tables)
    if intent.wishes.require_proof:
        _require_proof(composition)
    return composition


def _check_names(demand: Demand, index: PackageIndex, python: str) -> None:
    """Is there a project of each name that the user wrote? Raises ProjectUnknown; long lists are left to the resolver."""
    named = [user for user, requirement in demand.active(marker_environment(python)) if requirement.url is None]
    for user in named[:MOST_CHECKED]:
        if index.project(user.name) is None:
            raise ProjectUnknown(name=user.name, origin=str(user.origin))


def _search(
    intent: Intent, world: World, choices: Choices, stack: Stack | None, demand: Demand, joining: Joining | None
) -> Found:
    torches, lost = torch_choices(world.facts, choices.torch)
    if not torches and needs_torch(stack, demand, world.facts):
        raise Infeasible(subject="torch", target=choices.label, rejected=lost[:8], hints=choices.hints)
    observer = Observer(
        world.facts, world.index, glibc=choices.glibc, forced=choices.forced, source=intent.wishes.torch_from
    )
    scout = Scout(
        index=world.index,
        observer=observer,
        demand=demand,
        stack=stack,
        torches=torches,
        pythons=choices.pythons,
        prefer=intent.wishes.prefer,
        locks=joining is not None,
    )
    settler = Settler(
        facts=world.facts,
        index=world.index,
        resolver=world.resolver,
        demand=demand,
        stack=stack,
        wishes=Preferences(
            glibc=choices.glibc,
            forced=choices.forced,
            prefer=intent.wishes.prefer,
            source=intent.wishes.torch_from,
            hints=tuple((name, str(origin)) for name, origin in intent.reading.no_build_isolation),
        ),
        joining=joining,
        trace=world.trace,
    )
    found = find_candidate(scout, settler, world.tell)
    if any(entry.rule == TORCH_FITS for entry in found.rejected):
        return replace(found, rejected=(*found.rejected, *lost[:8]))
    return found


def _composition(
    planner: Planner, world: World, stack: Stack | None, found: Found, by_tables: tuple[Message, ...]
) -> Composition:
    intent, choices, best = planner.intent, planner.choices, found.best
    assert best is not None
    plan, code_defaults = planner.plan_and_defaults(best)
    system = best.joined.system if best.joined is not None else plan_system(plan)
    order = build_order({m.name: frozenset(r.name for r in m.requires) for m in plan.built_without_isolation()})
    lines = pypi_lines(_pypi_plan(intent, best, world.facts))
    solution = solution_of(best, intent, lines, world.default_index)
    target = _target(planner, best, plan, system, order)
    # How much is compiled in parallel is no choice where nothing is compiled against torch.
    told = tuple(default for default in code_defaults if order or default.name != "max_jobs")
    defaults = (*choices.defaults_for(best), *told, *_target_defaults(intent, target, best.torch))
    pinned = frozenset(line.name for line in lines)
    imports, extensions, scripts = import_expectations(best, world.facts, world.index, pinned)
    sizes = [artifact.size for artifact in best.artifacts.values() if artifact.size is not None]
    return Composition(
        name=choices.name,
        intent=intent,
        target=target,
        torch=best.torch,
        stack=_stack_text(stack, best),
        packages=closure_packages(best, pinned, _conda_names(world.facts), system),
        replacements=_replacements(best, plan),
        system=system,
        pypi=lines,
        no_build_isolation=tuple(name for name in order if best.artifacts[name].kind is ArtifactKind.NO_ISOLATION),
        indexes=choices.indexes,
        tasks=plan_tasks(
            best.artifacts, {name: m.version for name, m in best.closure.members.items()}, order, target.python
        ),
        defaults=tuple(sorted(defaults, key=lambda default: default.name)),
        rejected=told_rejections(found),
        fates=_fates(intent, best.python or target.python),
        messages=(
            *intent.reading.messages,
            *lock_messages(solution),
            *choices.messages,
            *by_tables,
            *system.messages,
            *choices.messages_for(found, stack, world.facts),
        ),
        download_bytes=sum(sizes) if sizes else None,
        resolves=getattr(world.resolver, "resolves", 0),
        facts_digest=world.facts.digest,
        facts_as_of=world.facts.as_of,
        imports=imports,
        extensions=extensions,
        scripts=scripts,
        probes=probe_expectations(best, world.facts),
        solution=solution,
    )


def _replacements(best: Settled, plan: Plan) -> tuple[tuple[str, SystemLayer], ...]:
    """For each prebuilt wheel the system layer of the same composition with that package built without isolation."""
    found = []
    for name, artifact in sorted(best.artifacts.items()):
        release = best.closure.members[name].release
        if artifact.kind is not ArtifactKind.PREBUILT or not release.from_sdist:
            continue
        built = replace(artifact, kind=ArtifactKind.NO_ISOLATION)
        analyses = {**plan.analyses, name: best.universe.analysis_of(release)}
        found.append((name, plan_system(replace(plan, artifacts={**plan.artifacts, name: built}, analyses=analyses))))
    return tuple(found)


def _target(planner: Planner, best: Settled, plan: Plan, system: SystemLayer, order: tuple[str, ...]) -> Target:
    intent, choices = planner.intent, planner.choices
    return Target(
        platform=intent.wishes.platform,
        python=best.prospect.python,
        cuda=planner.line_of(best),
        driver=choices.driver_of(best) or (system.driver if system.needs_driver else None),
        driver_floor=plan.line.driver_floor if plan.line else None,
        gpus=plan.gpu_code.archs if best.torch is not None else (),
        glibc=choices.glibc,
        pixi=pixi_floor(intent, system, order, choices.glibc, locks=best.joined is not None),
    )


def _conda_names(facts: Facts) -> dict[str, str]:
    return {name.pypi: name.conda for name in facts.names if name.conda}


def _pypi_plan(intent: Intent, best: Settled, facts: Facts) -> PypiPlan:
    compiled = frozenset(name for name, artifact in best.artifacts.items() if artifact.compile is not None)
    return PypiPlan(
        closure=best.closure,
        artifacts=best.artifacts,
        compiled=compiled,
        known=frozenset(facts.packages),
        torch=best.torch,
        island=best.island,
        universe=best.universe,
        environment=marker_environment(best.python or best.prospect.python),
        indexes=intent.reading.indexes,
        project=intent.reading.project,
        direct={user.name: user for user in intent.reading.requirements if user.requirement.url},
    )


def _target_defaults(intent: Intent, target: Target, torch: TorchChoice | None) -> tuple[Default, ...]:
    found = []
    uses_cuda = torch is not None and target.cuda is not None and target.driver_floor is not None
    if intent.wishes.driver is None and uses_cuda and target.driver_floor is not None:
        why = f"the lowest driver that runs CUDA {target.cuda}; --driver says what a machine has"
        found.append(Default(name="driver", value=target.driver_floor, why=why))
    if intent.wishes.requires_pixi is None:
        found.append(
            Default(name="pixi", value=f">={target.pixi}", why="the oldest pixi that reads this manifest rightly")
        )
    return tuple(found)


def _stack_text(stack: Stack | None, best: Settled) -> str | None:
    release = best.prospect.release
    if stack is None or release is None:
        return None
    extras = f"[{','.join(release.extras)}]" if release.extras else ""
    return f"{stack.distribution}{extras}=={release.version}"


def _subject(stack: Stack | None, demand: Demand) -> str:
    texts = [stack.recipe.name + str(stack.specifier)] if stack is not None else []
    texts += [user.text for user in demand.requirements]
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


def _fates(intent: Intent, python: str) -> tuple[Fate, ...]:
    """What became of every line of the input (law 4)."""
    environment = {**marker_environment(python), "extra": ""}
    fates = list(intent.reading.fates)

    def judged(user: UserRequirement, note: str | None) -> Fate:
        marker = user.requirement.marker
        if marker is not None and not marker.evaluate(environment):
            inactive = f"its marker does not hold on {intent.wishes.platform} with Python {python}"
            return Fate(text=user.text, origin=user.origin, outcome=Outcome.INACTIVE, note=inactive)
        return Fate(text=user.text, origin=user.origin, outcome=Outcome.KEPT, note=note)

    for request in intent.stacks:
        fates.append(Fate(text=request.text, origin=request.origin, outcome=Outcome.KEPT, note="the stack"))
    told = {(fate.text, fate.origin) for fate in fates}
    for user in intent.reading.requirements:
        if (user.text, user.origin) in told:
            continue
        fates.append(judged(user, None))
    for kind, users in (("a constraint", intent.reading.constraints), ("an override", intent.reading.overrides)):
        for user in users:
            if (user.text, user.origin) in told:
                continue
            if user.requirement.url is not None:
                note = f"{kind} by address is not read: only bounds are"
                fates.append(Fate(text=user.text, origin=user.origin, outcome=Outcome.UNSUPPORTED, note=note))
            else:
                fates.append(judged(user, kind))
    return tuple(
        sorted(fates, key=lambda fate: (fate.origin.kind, fate.origin.file or "", fate.origin.line or 0, fate.text))
    )


def _require_proof(composition: Composition) -> None:
    unproved = [
        f"{package.name} {package.version}: {package.standing.value}"
        for package in composition.packages
        if package.standing is not Standing.PROVED
    ]
    system: SystemLayer = composition.system
    if system.dependencies and composition.solution is None:
        unproved.insert(0, "the conda layer: by tables (no channel was asked)")
    if unproved:
        raise ProofRequired(unproved=unproved)
