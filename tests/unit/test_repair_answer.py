"""Repairs: the first one is the cheapest that there is, against trying them all; what is offered holds."""

from __future__ import annotations

from hypothesis import strategies as st
from packaging.version import Version

from envcompose.compose import World
from envcompose.errors import Infeasible
from envcompose.model.facts import CondaBuild, PackageRecipe
from envcompose.model.intent import Wishes
from envcompose.model.repair import Repairs
from envcompose.repair.answer import answer
from envcompose.repair.attempts import Attempts
from envcompose.search.relaxation import Choice
from envcompose.search.relaxations import LineClash, line_clash, relaxations_of
from envcompose.write.repair_words import closing_lines, conflict_sentence, repair_lines
from tests.unit.core_fakes import WHY, FakeIndex, facts_of
from tests.unit.repair_parts import (
    AXOLOTL_LIKE,
    BOTH,
    EVERYTHING,
    Release,
    Small,
    Wish,
    composed,
)


def repairs_for(wish: Wish, world: World, *, effort: int = EVERYTHING) -> Repairs:
    failure = composed(wish.intent(), world)
    assert isinstance(failure, Infeasible), failure
    return answer(wish.intent(), failure, world, effort=effort)


lib_bounds = st.sampled_from(["", "==1.0", "==2.0", "<2", ">=2"])


def test_a_release_that_needs_a_torch_of_another_line_is_repaired_by_the_driver_or_by_an_older_release():
    found = repairs_for(Wish(stack="==2.0", wishes=Wishes(cuda="12.4")), AXOLOTL_LIKE.world())
    assert found.conflict is not None
    assert conflict_sentence(found.conflict) == "stack==2.0 and --cuda 12.4 cannot hold together"
    assert found.conflict.why == ("stack 2.0: it needs torch==2.7.0, and the newest torch for the target is 2.5.0",)
    told = [line for number, repair in enumerate(found.repairs, 1) for line in repair_lines(number, repair)]
    assert told == [
        "  1. cuda 12.4 -> 12.8, driver 12.4: stack 2.0, torch 2.7.0, CUDA 12.8, Python 3.13",
        "     cost 9; download unknown size; compiles nothing; by tables",
        "     envcompose init stack==2.0 --driver 12.4",
        "  2. stack ==2.0 -> ==1.0: stack 1.0, torch 2.5.0, CUDA 12.4, Python 3.13",
        "     cost 24; download unknown size; compiles nothing; by tables",
        "     envcompose init stack==1.0 --cuda 12.4",
    ]
    assert [repair.id for repair in found.repairs] == ["cuda=12.8+driver=12.4", "stack=1.0"]
    assert closing_lines(found, effort=16) == [f"({found.solves} solves; nothing nearer composes)"]


def test_two_lines_of_a_file_are_told_with_the_fact_between_them_and_edited_one_or_the_other():
    small = Small(
        torches={"2.5.0": ("12.4", BOTH), "2.6.0": ("12.4", BOTH)},
        stacks=(Release(),),
        libs=(("==2.5.0", 17), ("==2.6.0", 17)),
    )
    found = repairs_for(Wish(stack=None, lines=("torch==2.6.0", "lib==1.0")), small.world())
    assert found.conflict is not None
    assert conflict_sentence(found.conflict) == (
        "torch==2.6.0 (requirements.txt:1) and lib==1.0 (requirements.txt:2) cannot hold together"
    )
    assert found.conflict.why == ("lib 1.0 requires torch==2.5.0",)
    told = [line for number, repair in enumerate(found.repairs, 1) for line in repair_lines(number, repair)]
    assert told == [
        "  1. torch ==2.6.0 -> ==2.5.0: torch 2.5.0, CUDA 12.4, Python 3.13",
        "     cost 14; download unknown size; compiles nothing; by tables",
        "     edit requirements.txt:1: torch==2.6.0 -> torch==2.5.0",
        "     envcompose init -r requirements.txt",
        "  2. lib ==1.0 -> ==2.0: torch 2.6.0, CUDA 12.4, Python 3.13",
        "     cost 15; download unknown size; compiles nothing; by tables",
        "     edit requirements.txt:2: lib==1.0 -> lib==2.0",
        "     envcompose init -r requirements.txt",
    ]


def test_a_release_that_is_not_there_is_told_with_its_neighbours():
    small = Small(torches={"2.5.0": ("12.4", BOTH)}, stacks=(Release(), Release()))
    found = repairs_for(Wish(stack="==1.5"), small.world())
    assert found.conflict is not None
    assert conflict_sentence(found.conflict) == "stack==1.5 cannot be had"
    assert found.conflict.why == (
        "no release of stack with a file for this Python and platform satisfies ==1.5; the nearest are 1.0 and 2.0",
    )
    assert [repair.command for repair in found.repairs] == ["envcompose init stack==2.0"]


def test_an_extra_of_the_recipe_is_left_out_before_anything_that_the_user_wrote():
    small = Small(
        torches={"2.5.0": ("12.4", BOTH)},
        stacks=(Release(), Release(requires=("torch==2.5.0",), fast=("missing",))),
    )
    found = repairs_for(Wish(stack="==2.0", wishes=Wishes(cuda="12.4")), small.world())
    assert [(repair.command, repair.cost) for repair in found.repairs] == [
        ("envcompose init stack==2.0 --cuda 12.4 --no-default-extras", 3)
    ]


def test_wheels_that_need_a_newer_glibc_get_the_lowest_that_admits_them():
    small = Small(torches={"2.5.0": ("12.4", BOTH)}, stacks=(Release(requires=("lib",)),), libs=(("", 34),))
    found = repairs_for(Wish(stack="==1.0"), small.world())
    assert [repair.command for repair in found.repairs] == ["envcompose init stack==1.0 --glibc 2.34"]
    assert [(one.name, one.before, one.after) for one in found.repairs[0].changes] == [("glibc", "2.28", "2.34")]


def test_a_failure_rules_out_what_admits_no_more_and_nothing_else():
    """Lines of CUDA admit different things, and a wider bound admits what a narrower one does."""
    world = AXOLOTL_LIKE.world()
    intent = Wish(stack="==2.0.1", wishes=Wishes(cuda="12.4", python="3.12")).intent()
    relaxations = relaxations_of(intent, world.facts, cuda_is_option=True)
    places = {one.key: place for place, one in enumerate(relaxations)}
    cuda, glibc, stack = places["cuda"], places["glibc"], places["stacks 0"]

    def rules_out(failed: Choice, asked: Choice) -> bool:
        attempts = Attempts(intent, relaxations, world, effort=1)
        attempts.note(tuple(sorted(failed)), Infeasible(subject="", target="", rejected=()))
        return attempts.is_refuted(tuple(sorted(asked)))

    assert rules_out(((stack, 1),), ((stack, 0),))
    assert not rules_out(((stack, 0),), ((stack, 1),))
    assert rules_out(((stack, 1), (glibc, 3)), ((stack, 1),))
    assert rules_out(((stack, 1), (glibc, 3), (cuda, 0)), ((stack, 0), (cuda, 0)))
    assert not rules_out(((stack, 1), (glibc, 3), (cuda, 0)), ((stack, 1), (glibc, 3)))
    assert not rules_out(((stack, 1), (cuda, 0)), ((stack, 1), (cuda, 1)))
    attempts = Attempts(intent, relaxations, world, effort=1)
    attempts.note(((stack, 1),), Infeasible(subject="", target="", rejected=(), complete=False))
    assert not attempts.is_refuted(((stack, 0),))


def clash_of(index: FakeIndex, *lines: str, recipes: tuple[PackageRecipe, ...] = ()) -> LineClash | None:
    facts = facts_of(packages=(PackageRecipe(name="torch", links_torch=True), *recipes))
    return line_clash(Wish(stack=None, lines=lines).intent(), facts, index)


def test_a_release_clashes_only_in_every_form_in_which_it_may_come():
    index = FakeIndex()
    for version in ("2.5.0", "2.6.0"):
        index.add(f"torch-{version}-cp312-cp312-manylinux_2_28_x86_64.whl")
        index.add(f"torch-{version}-cp313-cp313-manylinux_2_28_x86_64.whl")
    index.add("old-1.0-cp38-abi3-manylinux_2_17_x86_64.whl", "torch==2.5.0")
    # The wheel does not fit the glibc that is assumed, so the sdist would be built.
    index.add("built-1.0-cp38-abi3-manylinux_2_39_x86_64.whl", "torch==2.5.0")
    index.add("built-1.0.tar.gz", "torch")
    found = clash_of(index, "torch==2.6.0", "old")
    assert found is not None
    assert (found.facts, found.same) == (("old 1.0 requires torch==2.5.0",), True)
    assert found.lines == {"requirements 0", "requirements 1"}
    assert clash_of(index, "torch==2.6.0", "built") is None
    # conda has another build of it, for that torch.
    conda = CondaBuild(
        version=Version("1.0"), conda_version="1.0", torch="2.6", cuda=("12.6",), pythons=BOTH, evidence=WHY
    )
    assert clash_of(index, "torch==2.6.0", "old", recipes=(PackageRecipe(name="old", conda=(conda,)),)) is None
