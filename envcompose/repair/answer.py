"""The answer to an infeasible intent: what conflicts, then the nearest intents that compose (design.md, law 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from envcompose.compose import World
from envcompose.errors import Infeasible
from envcompose.model.composition import Composition
from envcompose.model.decision import Standing
from envcompose.model.intent import Intent
from envcompose.model.repair import DEFAULT_EFFORT, Change, Conflict, Repair, Repairs
from envcompose.repair.attempts import Attempts, OutOfEffort
from envcompose.repair.best_first import cheapest_choices
from envcompose.repair.conflict import SOLVER_RULE, conflict_of_lines, find_conflict, named_places
from envcompose.search.relaxation import Choice, ProjectOption, settled
from envcompose.search.relaxations import line_clash, line_parts, newest_clash, relaxations_of
from envcompose.write.command import command_of
from envcompose.write.words import STANDING_WORDS, weakest

MOST_WORDS = 300
"""How many characters of a solver's own words people read."""

UNTOLD = "no versions of what they require go together; -v tells the resolver's own words"
"""What is said of a conflict that takes more than a few facts to tell."""


def answer(
    intent: Intent,
    error: Infeasible,
    world: World,
    *,
    effort: int = DEFAULT_EFFORT,
    cuda_is_option: bool = True,
    options: Sequence[ProjectOption] = (),
    suffix: str = "",
    tell: Callable[[str], None] = lambda line: None,
    told: Callable[[Conflict], None] = lambda conflict: None,
) -> Repairs:
    """What conflicts in an intent that `error` says is infeasible, and its repairs.

    At most `effort` changed intents are composed. Repairs come nearest first by search.relaxation.COSTS: no set of at
    most three changes that counts less than the first one composes, unless the answer is not complete. `told` hears
    of the conflict before repairs are looked for; `suffix` is added to their commands. Raises nothing of its own:
    what goes wrong on the way is told as trouble.
    """
    relaxations = relaxations_of(intent, world.facts, cuda_is_option=cuda_is_option, options=options)
    attempts = Attempts(intent, relaxations, world, effort=effort, tell=tell)
    attempts.note((), error)
    tell("looking for what conflicts")
    clash, lines = line_clash(intent, world.facts, world.index), line_parts(intent, world.facts)
    conflict: Conflict | None
    if clash is not None:
        conflict = conflict_of_lines(lines, relaxations, clash)
        must = [frozenset(place for place, one in enumerate(relaxations) if clash.touches(one))]
    else:
        conflict = find_conflict(attempts, error, lines, most=effort // 2)
        if conflict is not None and not conflict.why:
            conflict = replace(conflict, why=_facts_of(intent, world, error))
        must = []
    if conflict is not None:
        told(conflict)
    repairs = []
    complete = True
    likely = named_places(relaxations, error)
    try:
        for choice, composition in cheapest_choices(attempts, must=must, likely=likely):
            repairs.append(_repair(attempts, choice, composition, suffix))
    except OutOfEffort:
        complete = False
    return Repairs(
        conflict=conflict,
        repairs=tuple(repairs),
        solves=attempts.solves,
        complete=complete and not attempts.trouble,
        trouble=tuple(dict.fromkeys(attempts.trouble)),
    )


def _facts_of(intent: Intent, world: World, error: Infeasible) -> tuple[str, ...]:
    """What is told where a solver alone knows why: what the newest releases require of each other, else the heart of its
    words where they are short.
    """
    clash = newest_clash(intent, world.facts, world.index)
    if clash is not None:
        return clash.facts
    words = [f"{entry.what}: {entry.why}" for entry in error.rejected if entry.rule == SOLVER_RULE]
    return tuple(text for text in words if len(text) <= MOST_WORDS)[:1] or (UNTOLD,)


def standing_of(composition: Composition) -> Standing:
    """The standing of a composition: that of its weaker layer (law 7)."""
    solved = composition.solution is not None or not composition.system.dependencies
    found = [weakest(composition), Standing.PROVED if solved else Standing.BY_TABLES]
    return max(found, key=tuple(STANDING_WORDS).index)


def _repair(attempts: Attempts, choice: Choice, composition: Composition, suffix: str) -> Repair:
    outcome = settled(attempts.intent, attempts.relaxations, choice, composition)
    return Repair(
        id="+".join(_slug(change) for change in outcome.changes),
        changes=outcome.changes,
        edits=outcome.edits,
        cost=sum(change.cost for change in outcome.changes),
        standing=standing_of(composition),
        command=command_of(outcome.intent) + suffix,
        intent=outcome.intent,
        composition=composition,
    )


def _slug(change: Change) -> str:
    """A change as a word that stays the same from run to run."""
    return f"{change.name.replace(' ', '-')}={(change.after or 'none').removeprefix('==')}"
