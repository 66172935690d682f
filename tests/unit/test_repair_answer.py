"""Repairs: the first one is the cheapest that there is, against trying them all; what is offered holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.compose import World, compose
from envcompose.errors import EnvcomposeError, IndexUnreachable, Infeasible, NotCached
from envcompose.model.composition import Composition
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import CondaBuild, CudaLine, PackageRecipe, StackRecipe
from envcompose.model.intent import InputReading, Intent, Request, StackRequest, TorchFrom, Wishes
from envcompose.model.repair import Conflict, Repairs
from envcompose.model.requirement import Origin, OriginKind, UserRequirement
from envcompose.ports import Answer, Question, Universe
from envcompose.repair.answer import answer
from envcompose.repair.attempts import Attempts
from envcompose.repair.best_first import MOST_CHANGES
from envcompose.search.relaxation import Choice, Relaxation, relaxed
from envcompose.search.relaxations import LineClash, line_clash, relaxations_of
from envcompose.write.repair_words import closing_lines, conflict_sentence, repair_lines
from tests.unit.core_fakes import WHY, FakeIndex, FakeResolver, facts_of, torch_release

STACK = StackRecipe(
    name="stack",
    distribution="stack",
    summary="",
    default_extras=("fast",),
    extras_why=None,
    imports=(),
    evidence=(),
)
LINES = ("12.4", "12.6", "12.8")
EVERYTHING = 100_000


class Offering(FakeIndex):
    """An index whose metadata say which extras there are."""

    def metadata(self, file: PackageFile) -> str:
        text = super().metadata(file)
        return f"{text}Provides-Extra: fast\n" if "extra ==" in text else text


@dataclass(frozen=True)
class Release:
    """One release of the stack: its requirements, those of its extra `fast`, its bound on Python."""

    requires: tuple[str, ...] = ()
    fast: tuple[str, ...] = ()
    python: str | None = None


@dataclass(frozen=True)
class Small:
    """A small world: torch releases with their line and Pythons, releases of the stack and of lib, oldest first.

    A release of lib is its bound on torch, and the glibc that its wheel needs.
    """

    torches: dict[str, tuple[str, tuple[str, ...]]]
    stacks: tuple[Release, ...]
    libs: tuple[tuple[str, int], ...] = (("", 17),)

    def index(self) -> FakeIndex:
        index = Offering()
        for version, (_, pythons) in self.torches.items():
            for python in pythons:
                tag = "cp" + python.replace(".", "")
                index.add(f"torch-{version}-{tag}-{tag}-manylinux_2_28_x86_64.whl")
        for number, release in enumerate(self.stacks, 1):
            extras = [f"{text} ; extra == 'fast'" for text in release.fast]
            index.add(f"stack-{number}.0-py3-none-any.whl", *release.requires, *extras, requires_python=release.python)
        for number, (torch, glibc) in enumerate(self.libs, 1):
            index.add(f"lib-{number}.0-cp38-abi3-manylinux_2_{glibc}_x86_64.whl", f"torch{torch}")
        return index

    def world(self) -> World:
        table = [torch_release(version, pythons, cuda=line) for version, (line, pythons) in self.torches.items()]
        facts = facts_of(torches=table, packages=(PackageRecipe(name="torch", links_torch=True),), stacks=(STACK,))
        facts = replace(facts, cuda=tuple(cuda_line(line) for line in LINES))
        return World(facts=facts, index=self.index(), resolver=FakeResolver())


def cuda_line(version: str) -> CudaLine:
    return CudaLine(
        version=version, nvcc=(f"{version}.0",), gcc_below=14, driver_floor="525.60.13", archs=("9.0",), evidence=WHY
    )


@dataclass(frozen=True)
class Wish:
    """What is asked for: the stack's specifier (None: no stack), lines of a requirements file, options."""

    stack: str | None = ""
    lines: tuple[str, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)

    def intent(self) -> Intent:
        word = f"stack{self.stack}"
        here = Origin(kind=OriginKind.COMMAND_LINE)
        request = StackRequest(
            name="stack", specifier=SpecifierSet(self.stack or ""), extras=None, origin=here, text=word
        )
        files = ("requirements.txt",) if self.lines else ()
        return Intent(
            stacks=(request,) if self.stack is not None else (),
            reading=InputReading(
                requirements=tuple(in_file(text, number) for number, text in enumerate(self.lines, 1))
            ),
            wishes=self.wishes,
            request=Request(words=(word,) if self.stack is not None else (), requirement_files=files),
        )


def in_file(text: str, line: int) -> UserRequirement:
    origin = Origin(kind=OriginKind.FILE, file="requirements.txt", line=line)
    return UserRequirement(text=text, requirement=Requirement(text), origin=origin)


def composed(intent: Intent, world: World) -> Composition | Infeasible | None:
    """The composition, the proof that there is none, or None where the input itself is at fault."""
    try:
        return compose(intent, world)
    except Infeasible as error:
        return error
    except EnvcomposeError:
        return None


def repairs_for(wish: Wish, world: World, *, effort: int = EVERYTHING) -> Repairs:
    failure = composed(wish.intent(), world)
    assert isinstance(failure, Infeasible), failure
    return answer(wish.intent(), failure, world, effort=effort)


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
pythons = st.sampled_from([("3.12",), ("3.13",), ("3.12", "3.13")])
torch_bounds = st.sampled_from(["", "==2.5.0", "==2.6.0", "==2.7.0", "<2.7", ">=2.6"])
lib_bounds = st.sampled_from(["", "==1.0", "==2.0", "<2", ">=2"])
requires = st.tuples(
    torch_bounds.map(lambda bound: (f"torch{bound}",)), st.sampled_from([(), ("lib",), ("lib<2",), ("lib>=2",)])
).map(lambda pair: pair[0] + pair[1])
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
lines = st.sampled_from([(), ("lib==1.0",), ("lib==2.0",), ("torch==2.6.0",), ("torch==2.6.0", "lib>=2"), ("lib<2",)])
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


BOTH = ("3.12", "3.13")
AXOLOTL_LIKE = Small(
    torches={"2.5.0": ("12.4", BOTH), "2.7.0": ("12.8", BOTH)},
    stacks=(Release(requires=("torch==2.5.0",)), Release(requires=("torch==2.7.0",))),
)


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
