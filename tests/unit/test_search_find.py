"""The search: which candidate wins, against trying them all; what lost is told."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.model.facts import CompileCost, PackageRecipe, StackRecipe
from envcompose.model.intent import Prefer
from envcompose.search.find import MOST_OF_RELEASE, MOST_SETTLED, Found, dear_rejections, find_candidate
from envcompose.search.outlook import Observer
from envcompose.search.prospects import Scout
from envcompose.search.settle import Settler
from envcompose.search.settled import Preferences
from envcompose.search.subject import Demand, Stack
from tests.unit.core_fakes import (
    WHY,
    FakeIndex,
    FakeResolver,
    asked,
    facts_of,
    prebuilt,
    torch_choice,
    torch_release,
)

PYTHONS = ("3.13", "3.12")
LONG = CompileCost(class_="long", text="ext takes an hour to compile", memory_gib_per_job=None, evidence=WHY)
RECIPE = StackRecipe(
    name="stack", distribution="stack", summary="", default_extras=(), extras_why=None, imports=(), evidence=()
)


@dataclass(frozen=True)
class Release:
    """One release of the stack: the torch that it wants (any where None), its own bound on Python, does it need ext?"""

    torch: str | None = None
    python: str | None = None
    ext: bool = False
    clash: bool = False
    """Does something deep in its closure clash, which only a resolve finds out?"""


@dataclass(frozen=True)
class World:
    """Releases of the stack, oldest first; Pythons by torch; for which torch and Python ext has a release wheel."""

    releases: tuple[Release, ...]
    torches: dict[str, tuple[str, ...]]
    wheels: dict[str, tuple[str, ...]]


def index_of(world: World) -> FakeIndex:
    index = FakeIndex()
    index.add("ext-1.0.tar.gz", "torch")
    index.add("deep-1.0-py3-none-any.whl", "missing")
    for torch, pythons in world.torches.items():
        for python in pythons:
            tag = "cp" + python.replace(".", "")
            index.add(f"torch-{torch}-{tag}-{tag}-manylinux_2_28_x86_64.whl")
    for number, release in enumerate(world.releases, 1):
        requires = ["torch" if release.torch is None else f"torch=={release.torch}"]
        requires += ["ext==1.0"] * release.ext + ["deep"] * release.clash
        index.add(f"stack-{number}.0-py3-none-any.whl", *requires, requires_python=release.python)
    return index


def search(world: World, *, prefer: Prefer = Prefer.PREBUILT, requirements: tuple[str, ...] = ()) -> Found:
    index = index_of(world)
    table = [torch_release(torch, pythons) for torch, pythons in world.torches.items()]
    wheels = tuple(prebuilt("1.0", torch.rpartition(".")[0], pythons) for torch, pythons in world.wheels.items())
    facts = facts_of(
        torches=table,
        packages=(
            PackageRecipe(name="torch", links_torch=True),
            PackageRecipe(name="ext", links_torch=True, prebuilt=wheels, compile_cost=LONG),
        ),
        stacks=(RECIPE,),
    )
    demand = Demand(requirements=tuple(asked(text) for text in requirements), constraints=(), overrides=())
    stack = Stack(recipe=RECIPE, specifier=SpecifierSet(), extras=(), default_extras=())
    torches = [torch_choice(release) for release in sorted(table, key=lambda release: release.version, reverse=True)]
    observer = Observer(facts, index, glibc="2.28", forced={})
    scout = Scout(
        index=index, observer=observer, demand=demand, stack=stack, torches=torches, pythons=PYTHONS, prefer=prefer
    )
    settler = Settler(
        facts=facts,
        index=index,
        resolver=FakeResolver(),
        demand=demand,
        stack=stack,
        wishes=Preferences(glibc="2.28", forced={}, prefer=prefer),
    )
    return find_candidate(scout, settler)


Choice = tuple[str, str, str]


def chosen(found: Found) -> Choice | None:
    """The release of the stack, the torch and the Python."""
    best = found.best
    if best is None:
        return None
    assert best.prospect.release is not None and best.torch is not None
    return str(best.prospect.release.version), str(best.torch.version), best.prospect.python


def best_of_all(world: World, prefer: Prefer) -> Choice | None:
    """The cheapest of all combinations, by design.md's order of cost."""
    costs: dict[tuple[int, ...], Choice] = {}
    newest_first = sorted(world.torches, key=Version, reverse=True)
    for age, (number, release) in enumerate(reversed(list(enumerate(world.releases, 1)))):
        for torch_age, torch in enumerate(newest_first):
            for python_age, python in enumerate(PYTHONS):
                fits = release.torch in (None, torch) and python in world.torches[torch] and not release.clash
                if not fits or python not in SpecifierSet(release.python or ""):
                    continue
                compiles = release.ext and python not in world.wheels.get(torch, ()) and prefer is Prefer.PREBUILT
                costs[(int(compiles), age, torch_age, python_age)] = (f"{number}.0", torch, python)
    return costs[min(costs)] if costs else None


TORCHES = ("2.5.0", "2.6.0", "2.7.0")
some_pythons = st.sampled_from([("3.12",), ("3.13",), ("3.12", "3.13")])
releases = st.builds(
    Release,
    torch=st.sampled_from([None, None, None, *TORCHES]),
    python=st.sampled_from([None, None, "<3.13", ">=3.13"]),
    ext=st.booleans(),
    clash=st.booleans(),
)
worlds = st.builds(
    World,
    releases=st.lists(releases, min_size=1, max_size=6).map(tuple),
    torches=st.dictionaries(st.sampled_from(TORCHES), some_pythons, min_size=1),
    wheels=st.dictionaries(st.sampled_from(TORCHES), some_pythons),
)


@settings(max_examples=300, deadline=None)
@given(world=worlds, prefer=st.sampled_from(Prefer))
def test_the_search_finds_what_trying_every_combination_finds(world: World, prefer: Prefer):
    assert chosen(search(world, prefer=prefer)) == best_of_all(world, prefer)


BOTH = ("3.12", "3.13")


def test_an_older_release_without_a_long_compile_wins_also_where_the_first_of_them_cannot_be_resolved():
    world = World(
        releases=(Release(), Release(clash=True), Release(ext=True)),
        torches={"2.6.0": BOTH},
        wheels={},
    )
    assert chosen(search(world)) == ("1.0", "2.6.0", "3.13")


def test_a_long_compile_is_taken_where_nothing_else_stands():
    world = World(releases=(Release(clash=True), Release(ext=True)), torches={"2.6.0": BOTH}, wheels={})
    assert chosen(search(world)) == ("2.0", "2.6.0", "3.13")


def test_an_older_python_that_spares_a_long_compile_is_taken_and_the_newer_one_told():
    world = World(releases=(Release(ext=True),), torches={"2.6.0": BOTH}, wheels={"2.6.0": ("3.12",)})
    found = search(world)
    assert chosen(found) == ("1.0", "2.6.0", "3.12")
    assert found.best is not None
    assert found.best.prospect.newer_pythons == (
        "not 3.13: ext 1.0 would be compiled (prebuilt ext 1.0 for torch 2.6, CUDA 12: there is none for Python 3.13)",
    )


def test_newest_is_preferred_with_its_compile_where_the_user_says_so():
    world = World(releases=(Release(), Release(ext=True)), torches={"2.6.0": BOTH}, wheels={})
    assert chosen(search(world, prefer=Prefer.NEWEST)) == ("2.0", "2.6.0", "3.13")


def test_what_lost_is_told_with_its_reason():
    world = World(
        releases=(Release(), Release(ext=True), Release(torch="2.9.0")),
        torches={"2.6.0": BOTH},
        wheels={},
    )
    found = search(world)
    assert chosen(found) == ("1.0", "2.6.0", "3.13")
    told = [f"{entry.what}: {entry.why} [{entry.rule}]" for entry in (*found.rejected, *dear_rejections(found))]
    assert told == [
        "stack 3.0: it needs torch==2.9.0, and the newest torch for the target is 2.6.0 [torch-bound]",
        "stack 2.0: ext 1.0 would be compiled, which --prefer newest accepts [no-long-compile]",
    ]


def test_where_nothing_fits_every_release_is_told():
    world = World(releases=(Release(clash=True), Release(torch="2.9.0")), torches={"2.6.0": BOTH}, wheels={})
    found = search(world)
    assert (found.best, found.complete) == (None, True)
    assert {entry.what for entry in found.rejected} == {"stack 1.0", "stack 2.0"}


def test_a_search_that_ends_before_every_candidate_was_tried_says_so_with_how_many():
    world = World(releases=(Release(clash=True),) * 40, torches={"2.6.0": BOTH}, wheels={})
    found = search(world)
    assert (found.best, found.complete) == (None, False)
    assert MOST_SETTLED <= found.tried <= MOST_SETTLED + MOST_OF_RELEASE
    few = search(World(releases=(Release(clash=True),) * 3, torches={"2.6.0": BOTH}, wheels={}))
    assert (few.complete, few.tried) == (True, 3)
