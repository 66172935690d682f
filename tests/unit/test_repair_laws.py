"""Repairs in generated small worlds, against trying everything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from envcompose.compose import World
from envcompose.errors import Infeasible
from envcompose.model.composition import Composition
from envcompose.model.intent import Intent, TorchFrom, Wishes
from envcompose.model.repair import Conflict
from envcompose.repair.answer import answer
from envcompose.repair.best_first import MOST_CHANGES
from envcompose.search.relaxation import Choice, Relaxation, relaxed
from envcompose.search.relaxations import line_clash, relaxations_of
from tests.unit.repair_parts import (
    EVERYTHING,
    LINES,
    Release,
    Small,
    Wish,
    composed,
    lines,
    pythons,
    requires,
)


def cost_of(relaxations: tuple[Relaxation, ...], choice: Choice) -> int:
    return sum(relaxations[place].steps[step].cost for place, step in choice)


def all_choices(relaxations: tuple[Relaxation, ...]) -> Iterator[Choice]:
    for count in range(1, MOST_CHANGES + 1):
        for places in combinations(range(len(relaxations)), count):
            if len({relaxations[place].group for place in places}) == count:
                for steps in product(*(range(len(relaxations[place].steps)) for place in places)):
                    yield tuple(zip(places, steps, strict=True))


def cheapest_of_all(intent: Intent, world: World) -> int | None:
    """What the cheapest choice that composes counts, by trying every one of them."""
    relaxations = relaxations_of(intent, world.facts, cuda_is_option=True)
    for choice in sorted(all_choices(relaxations), key=lambda choice: cost_of(relaxations, choice)):
        if isinstance(composed(relaxed(intent, relaxations, choice), world), Composition):
            return cost_of(relaxations, choice)
    return None


TORCHES = ("2.5.0", "2.6.0", "2.7.0")


releases = st.builds(
    Release,
    requires=requires,
    fast=st.sampled_from([(), ("lib==1.0",), ("missing",), ("torch<2.7",)]),
    python=st.sampled_from([None, "<3.13", ">=3.13"]),
)


worlds = st.builds(
    Small,
    torches=st.dictionaries(
        st.sampled_from(TORCHES), st.tuples(st.sampled_from(LINES), pythons), min_size=1, max_size=3
    ),
    stacks=st.lists(releases, min_size=1, max_size=3).map(tuple),
    libs=st.lists(
        st.tuples(st.sampled_from(["", "==2.6.0", ">=2.6", "<2.6"]), st.sampled_from([17, 34, 39])),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


wants = st.builds(
    Wish,
    stack=st.sampled_from([None, "", "==1.0", "==2.0", ">=3", "==7.0"]),
    lines=lines,
    wishes=st.builds(
        Wishes,
        cuda=st.sampled_from([None, *LINES]),
        python=st.sampled_from([None, "3.12", "3.13"]),
        torch_from=st.sampled_from([TorchFrom.AUTO, TorchFrom.AUTO, TorchFrom.CONDA]),
        glibc=st.sampled_from([None, None, "2.34"]),
    ),
)


@settings(max_examples=120, deadline=None)
@given(small=worlds, wish=wants)
def test_the_first_repair_is_the_cheapest_that_there_is(small: Small, wish: Wish):
    assume(wish.stack is not None or wish.lines)
    world = small.world()
    failure = composed(wish.intent(), world)
    assume(isinstance(failure, Infeasible))
    assert isinstance(failure, Infeasible)
    found = answer(wish.intent(), failure, world, effort=EVERYTHING)
    assert found.complete
    assert (found.repairs[0].cost if found.repairs else None) == cheapest_of_all(wish.intent(), world)


@settings(max_examples=120, deadline=None)
@given(small=worlds, wish=wants)
def test_every_repair_composes_to_what_it_says_and_none_has_all_changes_of_a_cheaper_one(small: Small, wish: Wish):
    assume(wish.stack is not None or wish.lines)
    world = small.world()
    failure = composed(wish.intent(), world)
    assume(isinstance(failure, Infeasible))
    assert isinstance(failure, Infeasible)
    repairs = answer(wish.intent(), failure, world, effort=EVERYTHING).repairs
    assert [repair.cost for repair in repairs] == sorted(repair.cost for repair in repairs)
    for repair in repairs:
        again = composed(repair.intent, world)
        assert isinstance(again, Composition), repair.command
        told = {(p.name, p.version) for p in repair.composition.packages}
        assert {(p.name, p.version) for p in again.packages} == told
        assert repair.cost == sum(change.cost for change in repair.changes)
    # What follows from another change counts nothing.
    changed = [frozenset(change.name for change in repair.changes if change.cost) for repair in repairs]
    assert not any(changed[earlier] <= changed[later] for earlier, later in combinations(range(len(changed)), 2))


@settings(max_examples=80, deadline=None)
@given(small=worlds, wish=wants)
def test_what_is_told_to_conflict_is_infeasible_with_everything_else_loosened(small: Small, wish: Wish):
    assume(wish.stack is not None or wish.lines)
    world = small.world()
    failure = composed(wish.intent(), world)
    assume(isinstance(failure, Infeasible))
    assert isinstance(failure, Infeasible)
    conflict = answer(wish.intent(), failure, world, effort=EVERYTHING).conflict
    assume(conflict is not None)
    assert conflict is not None
    assert conflict.parts
    assert len(set(conflict.parts)) == len(conflict.parts)
    relaxations = relaxations_of(wish.intent(), world.facts, cuda_is_option=True)
    kept = {place for place, one in enumerate(relaxations) if one.part in (*conflict.parts, *conflict.given)}
    others = [place for place, one in enumerate(relaxations) if place not in kept and one.nested]
    loose = tuple((place, len(relaxations[place].steps) - 1) for place in others)
    if conflict.minimal:
        assert isinstance(composed(relaxed(wish.intent(), relaxations, loose), world), Infeasible)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(small=worlds, wish=wants)
def test_every_part_of_a_conflict_is_needed_for_it(small: Small, wish: Wish):
    assume(wish.stack is not None or wish.lines)
    world = small.world()
    failure = composed(wish.intent(), world)
    # Lines that clash by themselves may have other troubles with the target.
    assume(isinstance(failure, Infeasible) and line_clash(wish.intent(), world.facts, world.index) is None)
    assert isinstance(failure, Infeasible)
    conflict = answer(wish.intent(), failure, world, effort=EVERYTHING).conflict
    assume(conflict is not None and conflict.minimal)
    assert conflict is not None
    relaxations = relaxations_of(wish.intent(), world.facts, cuda_is_option=True)
    nested = [place for place, one in enumerate(relaxations) if one.nested]
    for part in conflict.parts:
        loosened = [
            place for place in nested if relaxations[place].part == part or not _is_told(relaxations[place], conflict)
        ]
        if any(relaxations[place].part == part for place in nested):
            choice = tuple((place, len(relaxations[place].steps) - 1) for place in loosened)
            assert isinstance(composed(relaxed(wish.intent(), relaxations, choice), world), Composition), str(part)


def _is_told(relaxation: Relaxation, conflict: Conflict) -> bool:
    return relaxation.part in (*conflict.parts, *conflict.given)
