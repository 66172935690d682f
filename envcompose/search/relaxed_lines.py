"""How what an intent wants can be loosened: the bounds of its lines, extras, direct references, and whole lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.composition import Composition
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent, StackRequest
from envcompose.model.repair import Change, Part
from envcompose.model.requirement import CondaRequest, Origin, UserRequirement
from envcompose.search.relaxation import COSTS, Draft, ProjectOption, Relaxation, Step
from envcompose.search.torches import TORCH

Lines = Callable[[Draft], dict[int, UserRequirement]]


def line_relaxations(intent: Intent, facts: Facts) -> Iterator[Relaxation]:
    """The relaxations of stacks, requirements, constraints, conda lines and bounds on Python, in the input's order."""
    reading = intent.reading
    subject = _subject(intent, facts)
    for place, request in enumerate(intent.stacks):
        yield from _stack(place, request, intent, facts, is_subject=("stacks", place) == subject)
    only = len(intent.stacks) + len(reading.requirements) + len(reading.conda) + bool(reading.project) == 1
    for place, user in enumerate(reading.requirements):
        is_subject = ("requirements", place) == subject
        yield from _line(place, user, "requirements", is_subject=is_subject, may_go=not only and not is_subject)
        for extra in sorted(user.requirement.extras):
            yield _line_extra(place, user, extra)
    for place, user in enumerate(reading.constraints):
        if not any(request.origin == user.origin for request in reading.conda):
            yield from _line(place, user, "constraints", is_subject=False, may_go=False)
    for place, conda in enumerate(reading.conda):
        if conda.spec.strip(" *"):
            yield _conda(place, conda, intent)
    for place, (specifier, origin) in enumerate(reading.requires_python):
        yield _python_bound(place, specifier, origin)


def project_relaxations(intent: Intent, options: Sequence[ProjectOption]) -> Iterator[Relaxation]:
    """Leaving out an extra or a group of the project folder, with the lines that it brings."""
    for option in options:
        yield _project_option(intent, option)


def _project_option(intent: Intent, option: ProjectOption) -> Relaxation:
    cost = COSTS["extra"][0]
    users = intent.reading.requirements
    places = [place for place, user in enumerate(users) if (user.text, user.origin) in option.lines]

    def apply(draft: Draft) -> None:
        draft.left_out.add((option.option, option.name))
        draft.unasked.update(places)
        for place in places:
            draft.requirements.pop(place, None)

    key = f"{option.option} {option.name}"
    change = Change(name=key.removeprefix("--"), before=option.name, after=None, cost=cost)
    step = Step(cost=cost, label=f"without {key}", apply=apply, settle=lambda draft, found: (change,))
    return Relaxation(
        key=key,
        part=Part(text=key),
        steps=(step,),
        nested=True,
        group=key,
        words=frozenset({option.name, *(users[place].name for place in places)}),
        drops=frozenset(f"requirements {place}" for place in places),
    )


def _subject(intent: Intent, facts: Facts) -> tuple[str, int] | None:
    """What the whole is for: the first stack that is not torch, else the only thing that is asked for."""
    for place, request in enumerate(intent.stacks):
        if facts.stacks[request.name].distribution != TORCH:
            return "stacks", place
    wanted = [("stacks", place) for place in range(len(intent.stacks))]
    wanted += [("requirements", place) for place in range(len(intent.reading.requirements))]
    return wanted[0] if len(wanted) == 1 else None


def _stack(
    place: int, request: StackRequest, intent: Intent, facts: Facts, *, is_subject: bool
) -> Iterator[Relaxation]:
    recipe = facts.stacks[request.name]
    distribution = canonicalize_name(recipe.distribution)
    part = Part(text=request.text, origin=request.origin, package=distribution)
    key = f"stacks {place}"
    if str(request.specifier):

        def widen(specifier: SpecifierSet) -> Callable[[Draft], None]:
            return lambda draft: _put_stack(draft, place, replace(draft.stacks[place], specifier=specifier))

        def settle(cost: int) -> Callable[[Draft, Composition], tuple[Change, ...]]:
            def told(draft: Draft, composition: Composition) -> tuple[Change, ...]:
                after = _found(composition, distribution)
                widen(SpecifierSet(after or ""))(draft)
                return (Change(name=request.name, before=str(request.specifier), after=after, cost=cost),)

            return told

        steps = _bound_steps(distribution, request.specifier, _kind(distribution, is_subject=is_subject), widen, settle)
        yield _bound(key, part, steps, request.specifier, words={distribution, request.name})
    default = request.extras is None and intent.wishes.default_extras
    extras = recipe.default_extras if default else request.extras or ()
    for extra in extras:
        yield _stack_extra(place, request, extra, recipe.default_extras if default else None, part)


def _stack_extra(
    place: int, request: StackRequest, extra: str, defaults: tuple[str, ...] | None, own: Part
) -> Relaxation:
    """Leave out one extra of a stack; `defaults` are the recipe's where the user named none."""
    cost = COSTS["default-extra" if defaults is not None else "extra"][0]

    def apply(draft: Draft) -> None:
        stack = draft.stacks[place]
        held = (defaults or ()) if stack.extras is None else stack.extras
        kept = tuple(other for other in held if other != extra)
        if not kept and len(draft.stacks) == 1:
            draft.wishes = replace(draft.wishes, default_extras=False)
        _put_stack(draft, place, replace(stack, extras=kept if kept or len(draft.stacks) > 1 else None))

    change = Change(name=f"extra {extra}", before=extra, after=None, cost=cost)
    step = Step(cost=cost, label=f"{request.name} without {extra}", apply=apply, settle=lambda draft, found: (change,))
    text = f"the extra {extra} of {request.name}" + (", which its recipe asks for" if defaults is not None else "")
    part = Part(text=text, origin=None if defaults is not None else own.origin, package=own.package)
    key = f"stacks {place} extra {extra}"
    return Relaxation(
        key=key, part=part, steps=(step,), nested=True, group=key, words=frozenset({extra}), line=f"stacks {place}"
    )


def _put_stack(draft: Draft, place: int, stack: StackRequest) -> None:
    """A stack in its new form; its text is the word that asks for it."""
    extras = "" if stack.extras is None else f"[{','.join(stack.extras)}]"
    draft.stacks[place] = replace(stack, text=f"{stack.name}{extras}{stack.specifier}")


def _line(place: int, user: UserRequirement, held: str, *, is_subject: bool, may_go: bool) -> Iterator[Relaxation]:
    """The bound of a requirement or constraint, and the line itself as its last step."""
    part = Part(text=user.text, origin=user.origin, package=user.name)
    specifier = user.requirement.specifier
    steps: tuple[Step, ...] = ()

    def widen(wider: SpecifierSet) -> Callable[[Draft], None]:
        return lambda draft: _put_line(draft, held, place, specifier=wider)

    def settle(cost: int) -> Callable[[Draft, Composition], tuple[Change, ...]]:
        def told(draft: Draft, composition: Composition) -> tuple[Change, ...]:
            after = _found(composition, user.name)
            _put_line(draft, held, place, specifier=SpecifierSet(after or ""))
            before = str(specifier) or user.text
            return (Change(name=user.requirement.name, before=before, after=after, cost=cost),)

        return told

    if user.requirement.url is not None:
        cost = COSTS["direct"][0]
        steps = (
            Step(cost=cost, label=f"{user.name} from the index", apply=widen(SpecifierSet()), settle=settle(cost)),
        )
    elif str(specifier):
        steps = _bound_steps(user.name, specifier, _kind(user.name, is_subject=is_subject), widen, settle)
    wide = max(0, len(steps) - 1)
    if may_go:
        steps = (*steps, _left_out(place, user))
    if steps:
        yield _bound(f"{held} {place}", part, steps, specifier, words={user.name}, wide=wide)


def _left_out(place: int, user: UserRequirement) -> Step:
    cost = COSTS["left-out"][0]
    change = Change(name=user.requirement.name, before=user.text, after=None, cost=cost)

    def apply(draft: Draft) -> None:
        draft.requirements.pop(place, None)

    return Step(cost=cost, label=f"without {user.name}", apply=apply, settle=lambda draft, found: (change,))


def _line_extra(place: int, user: UserRequirement, extra: str) -> Relaxation:
    cost = COSTS["extra"][0]

    def apply(draft: Draft) -> None:
        if place in draft.requirements:
            kept = set(draft.requirements[place].requirement.extras) - {extra}
            _put_line(draft, "requirements", place, extras=kept)

    change = Change(name=f"extra {extra} of {user.name}", before=extra, after=None, cost=cost)
    step = Step(cost=cost, label=f"{user.name} without {extra}", apply=apply, settle=lambda draft, found: (change,))
    part = Part(text=f"the extra {extra} of {user.text}", origin=user.origin, package=user.name)
    key = f"requirements {place} extra {extra}"
    words = frozenset({canonicalize_name(extra), user.name})
    return Relaxation(
        key=key, part=part, steps=(step,), nested=True, group=key, words=words, line=f"requirements {place}"
    )


def _put_line(
    draft: Draft, held: str, place: int, *, specifier: SpecifierSet | None = None, extras: set[str] | None = None
) -> None:
    """A requirement or constraint in its new form; a direct reference becomes one from the index."""
    lines = draft.requirements if held == "requirements" else draft.constraints
    user = lines.get(place)
    if user is None:
        return
    requirement = Requirement(str(user.requirement))
    if specifier is not None:
        requirement.url = None
        requirement.specifier = specifier
    if extras is not None:
        requirement.extras = extras
    written = draft.conda_names.get(place) if held == "requirements" else None
    text = str(requirement) if written is None else f"{written} {str(requirement.specifier).removeprefix('==')}".strip()
    lines[place] = replace(user, requirement=requirement, text=text, hashes=())


def _conda(place: int, request: CondaRequest, intent: Intent) -> Relaxation:
    """The spec of a conda line, with the bound that holds for its PyPI twin."""
    cost = COSTS["bound"][0]
    twins = [number for number, user in enumerate(intent.reading.constraints) if user.origin == request.origin]

    def apply(draft: Draft) -> None:
        draft.conda[place] = replace(draft.conda[place], spec="*")
        for number in twins:
            draft.constraints.pop(number, None)

    def settle(draft: Draft, composition: Composition) -> tuple[Change, ...]:
        solution = composition.solution
        record = solution.conda.record(request.name) if solution is not None else None
        after = f"=={record.version}" if record is not None else "*"
        draft.conda[place] = replace(draft.conda[place], spec=after)
        return (Change(name=request.name, before=request.spec, after=after, cost=cost),)

    step = Step(cost=cost, label=f"any {request.name}", apply=apply, settle=settle)
    part = Part(text=f"{request.name} {request.spec}", origin=request.origin, package=canonicalize_name(request.name))
    key = f"conda {place}"
    words = frozenset({request.name.lower(), canonicalize_name(request.name)})
    return Relaxation(key=key, part=part, steps=(step,), nested=True, group=key, words=words, line=key)


def _python_bound(place: int, specifier: SpecifierSet, origin: Origin) -> Relaxation:
    cost = COSTS["bound"][0]

    def apply(draft: Draft) -> None:
        draft.python_bounds.pop(place, None)

    def settle(draft: Draft, composition: Composition) -> tuple[Change, ...]:
        after = f"=={composition.target.python}.*"
        draft.python_bounds[place] = (SpecifierSet(after), origin)
        return (Change(name="requires-python", before=str(specifier), after=after, cost=cost),)

    step = Step(cost=cost, label="any requires-python", apply=apply, settle=settle)
    part = Part(text=f"Python {specifier}", origin=origin)
    key = f"requires-python {place}"
    return Relaxation(key=key, part=part, steps=(step,), nested=True, group=key, words=frozenset())


def _kind(name: str, *, is_subject: bool) -> tuple[str, str]:
    """The kinds of the two steps of a bound: within the minor series, and any release."""
    if is_subject:
        return "subject-series", "subject"
    return ("torch-series", "torch-bound") if name == TORCH else ("series", "bound")


def _bound_steps(
    name: str,
    specifier: SpecifierSet,
    kinds: tuple[str, str],
    widen: Callable[[SpecifierSet], Callable[[Draft], None]],
    settle: Callable[[int], Callable[[Draft, Composition], tuple[Change, ...]]],
) -> tuple[Step, ...]:
    near, far = COSTS[kinds[0]][0], COSTS[kinds[1]][0]
    series = _series(specifier)
    steps = []
    if series is not None:

        def holds(composition: Composition) -> bool:
            package = composition.package(name)
            return package is not None and bool(package.version) and Version(package.version) in series

        label = f"{name}{series}"
        steps.append(Step(cost=near, label=label, apply=widen(series), settle=settle(near), holds=holds))
    steps.append(Step(cost=far, label=f"any {name}", apply=widen(SpecifierSet()), settle=settle(far)))
    return tuple(steps)


def _bound(
    key: str,
    part: Part,
    steps: tuple[Step, ...],
    specifier: SpecifierSet,
    *,
    words: set[str],
    wide: int | None = None,
) -> Relaxation:
    """A line's bound. A pin on a pre-release admits what no wider bound does."""
    return Relaxation(
        key=key,
        part=part,
        steps=steps,
        nested=not specifier.prereleases,
        group=key,
        words=frozenset(words),
        wide=len(steps) - 1 if wide is None else wide,
        line=key,
    )


def _series(specifier: SpecifierSet) -> SpecifierSet | None:
    """`==2.9.*` of `==2.9.1`; None where the specifier is no plain pin, or its series is not above the patch releases."""
    pins = list(specifier)
    if len(pins) != 1 or pins[0].operator != "==" or pins[0].version.endswith("*"):
        return None
    release = Version(pins[0].version).release
    return SpecifierSet(f"=={release[0]}.{release[1]}.*") if len(release) > 2 and any(release[:2]) else None


def _found(composition: Composition, name: str) -> str | None:
    """A pin on what a composition has of a package; None where that has no version, or is not there."""
    package = composition.package(name)
    return f"=={Version(package.version).public}" if package is not None and package.version else None
