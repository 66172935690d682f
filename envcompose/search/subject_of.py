"""The subject of an intent: one stack whose release is free, everything else as requirements."""

from __future__ import annotations

from dataclasses import replace

from packaging.requirements import Requirement

from envcompose.model.facts import Facts, StackRecipe
from envcompose.model.intent import Intent, StackRequest
from envcompose.model.requirement import UserRequirement
from envcompose.search.subject import Demand, Stack
from envcompose.search.torches import TORCH


def subject_of(intent: Intent, facts: Facts) -> tuple[Stack | None, Demand]:
    """The first stack that is not torch itself is the subject; further stacks are plain requirements.

    Where torch alone is asked for by name there is no subject: the candidates' torch is the free release then.
    """
    requests = sorted(intent.stacks, key=lambda request: facts.stacks[request.name].distribution == TORCH)
    reading = intent.reading
    others = tuple(_as_requirement(request, facts.stacks[request.name], intent) for request in requests[1:])
    demand = Demand(
        requirements=(*reading.requirements, *others), constraints=reading.constraints, overrides=reading.overrides
    )
    if not requests:
        return None, demand
    first = requests[0]
    if facts.stacks[first.name].distribution == TORCH:
        own = _as_requirement(first, facts.stacks[first.name], intent)
        return None, replace(demand, requirements=(*demand.requirements, own))
    recipe = facts.stacks[first.name]
    stack = Stack(
        recipe=recipe,
        specifier=first.specifier,
        extras=tuple(sorted(first.extras or ())),
        default_extras=_default_extras(first, recipe, intent),
    )
    return stack, demand


def _default_extras(request: StackRequest, recipe: StackRecipe, intent: Intent) -> tuple[str, ...]:
    """Extras that the user gives replace the recipe's."""
    return recipe.default_extras if request.extras is None and intent.wishes.default_extras else ()


def _as_requirement(request: StackRequest, recipe: StackRecipe, intent: Intent) -> UserRequirement:
    extras = sorted({*(request.extras or ()), *_default_extras(request, recipe, intent)})
    text = f"{recipe.distribution}{'[' + ','.join(extras) + ']' if extras else ''}{request.specifier}"
    return UserRequirement(text=request.text, requirement=Requirement(text), origin=request.origin)
