"""What bounds and failures make of an answer: what is missing is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envcompose.errors import EnvcomposeError, IndexUnreachable, Infeasible, NotCached
from envcompose.model.intent import Wishes
from envcompose.ports import Answer, Question, Universe
from envcompose.repair.answer import answer
from envcompose.write.repair_words import closing_lines, conflict_sentence
from tests.unit.core_fakes import FakeIndex, FakeResolver
from tests.unit.repair_parts import (
    AXOLOTL_LIKE,
    BOTH,
    Release,
    Small,
    Wish,
    composed,
)


class Counting(FakeResolver):
    """Counts its questions."""

    def __init__(self) -> None:
        self.asked = 0

    def resolve(self, question: Question, universe: Universe) -> Answer:
        self.asked += 1
        return super().resolve(question, universe)


@pytest.mark.parametrize("effort", [0, 1, 2])
def test_no_more_is_solved_than_the_effort_allows_and_what_is_missing_is_said(effort: int):
    resolver = Counting()
    world = replace(AXOLOTL_LIKE.world(), resolver=resolver)
    wish = Wish(stack="==2.0", wishes=Wishes(cuda="12.4"))
    failure = composed(wish.intent(), world)
    assert isinstance(failure, Infeasible)
    resolver.asked = 0
    found = answer(wish.intent(), failure, world, effort=effort)
    assert found.solves == effort
    assert not found.complete
    assert resolver.asked <= effort
    assert closing_lines(found, effort=effort)[0].startswith("incomplete: ")


def test_a_wish_that_was_not_tried_to_its_end_is_not_told_as_certain():
    world, wish = AXOLOTL_LIKE.world(), Wish(stack="==2.0", wishes=Wishes(cuda="12.4"))
    failure = composed(wish.intent(), world)
    assert isinstance(failure, Infeasible)
    cut = Infeasible(subject="stack==2.0", target="x", rejected=failure.rejected, complete=False, tried=24)
    assert cut.sentence.endswith(
        " (incomplete: 24 candidates were resolved, as many as one search does, and there are more)"
    )
    assert "fix a version or --python: a search of fewer candidates can be complete" in cut.hints
    found = answer(wish.intent(), cut, world)
    assert found.conflict is not None
    assert conflict_sentence(found.conflict) == "stack==2.0 and --cuda 12.4 seem to be what cannot hold together"
    assert not found.complete
    assert closing_lines(found, effort=16) == [
        f"incomplete: not everything near was tried ({found.solves} solves)",
        "  not judged: what is asked for: a search resolves only so many candidates, and there are more",
    ]


class Broken(FakeIndex):
    """An index that fails from some question on."""

    def __init__(self, index: FakeIndex, name: str, error: EnvcomposeError) -> None:
        self._index = index
        self._name = name
        self._error = error
        self.is_broken = False
        self.failed = 0

    def __getattribute__(self, name: str) -> object:
        if name in ("project", "_index", "_name", "_error", "is_broken", "failed", "__class__"):
            return object.__getattribute__(self, name)
        return getattr(self._index, name)

    def project(self, name: str):
        if self.is_broken and name == self._name:
            self.failed += 1
            raise self._error
        return self._index.project(name)


@pytest.mark.parametrize(
    ("error", "most"),
    [(NotCached(wanted="the page of lib"), 40), (IndexUnreachable(index="the index", reason="it is gone"), 2)],
)
def test_a_world_that_fails_on_the_way_makes_the_answer_incomplete_and_is_told(error: EnvcomposeError, most: int):
    small = Small(
        torches={"2.5.0": ("12.4", BOTH), "2.7.0": ("12.8", BOTH)},
        stacks=(Release(requires=("torch==2.5.0",)), Release(requires=("torch==2.7.0", "lib"))),
    )
    world = small.world()
    assert isinstance(world.index, FakeIndex)
    index = Broken(world.index, "lib", error)
    world = replace(world, index=index)
    wish = Wish(stack="==2.0", wishes=Wishes(cuda="12.4"))
    failure = composed(wish.intent(), world)
    assert isinstance(failure, Infeasible)
    index.is_broken = True
    found = answer(wish.intent(), failure, world, effort=16)
    assert not found.complete
    assert found.trouble
    assert all(error.sentence in text for text in found.trouble)
    assert index.failed <= most
