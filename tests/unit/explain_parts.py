"""What the tests of review explain have alike."""

from core_fakes import WHY, FakeIndex, FakeResolver, facts_of, prebuilt, torch_release
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envcompose.compose import World
from envcompose.explaining import explain_intent
from envcompose.model.facts import CompileCost, Facts, PackageRecipe, RunNeed, StackRecipe
from envcompose.model.intent import (
    InputReading,
    Intent,
    Request,
    StackRequest,
    Wishes,
)
from envcompose.model.requirement import Origin, OriginKind, UserRequirement
from envcompose.read.question import read_question

EXT = PackageRecipe(
    name="ext",
    links_torch=True,
    prebuilt=(prebuilt("1.0", "2.6", ["3.12"]),),
    compile_cost=CompileCost(class_="long", text="ext takes an hour", memory_gib_per_job=None, evidence=WHY),
    run_needs=(
        RunNeed(
            conda=("cuda-nvcc",), env=(("EXT_HOME", "x"),), when=SpecifierSet(""), why="it probes nvcc", evidence=WHY
        ),
    ),
)


STACK = StackRecipe(
    name="frame", distribution="frame", summary="s", default_extras=(), extras_why=None, imports=(), evidence=(WHY,)
)


def in_file(text: str, line: int, file: str = "requirements.txt") -> UserRequirement:
    return UserRequirement(
        text=text, requirement=Requirement(text), origin=Origin(kind=OriginKind.FILE, file=file, line=line)
    )


def intent_of(
    *requirements: UserRequirement, constraints: tuple[UserRequirement, ...] = (), wishes: Wishes | None = None
) -> Intent:
    words = tuple(user.text for user in requirements if user.origin.kind is OriginKind.COMMAND_LINE)
    return Intent(
        stacks=(),
        reading=InputReading(requirements=requirements, constraints=constraints),
        wishes=wishes or Wishes(python="3.12"),
        request=Request(words=words),
    )


def stack_intent(text: str = "frame", wishes: Wishes | None = None) -> Intent:
    request = StackRequest(
        name="frame",
        specifier=Requirement(text).specifier,
        extras=None,
        origin=Origin(kind=OriginKind.COMMAND_LINE),
        text=text,
    )
    return Intent(stacks=(request,), reading=InputReading(), wishes=wishes or Wishes(), request=Request(words=(text,)))


def plain_index() -> FakeIndex:
    """app needs lib <2 and mid; mid needs lib >=1; lib has 1.0, 1.5 and 2.0."""
    index = FakeIndex()
    index.add("app-1.0-py3-none-any.whl", "lib<2", "mid==3.0", "tail; python_version < '3.0'")
    index.add("mid-3.0-py3-none-any.whl", "lib>=1", "speed; extra == 'fast'")
    for version in ("1.0", "1.5", "2.0"):
        index.add(f"lib-{version}-py3-none-any.whl")
    return index


def torch_index() -> FakeIndex:
    """Two releases of a stack: the newer one needs an ext that has no wheel, the older one an ext that has one."""
    index = FakeIndex()
    index.add("frame-2.0-py3-none-any.whl", "torch==2.6.0", "ext==2.0")
    index.add("frame-1.0-py3-none-any.whl", "torch==2.6.0", "ext==1.0")
    index.add("ext-1.0.tar.gz", "torch")
    index.add("ext-2.0.tar.gz", "torch")
    index.add("torch-2.6.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    index.add("torch-2.5.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    return index


def torch_facts(*packages: PackageRecipe) -> Facts:
    torches = [torch_release("2.6.0", ["3.12"]), torch_release("2.5.0", ["3.12"])]
    return facts_of(torches=torches, packages=packages or (EXT,), stacks=(STACK,))


def any_python() -> Facts:
    return facts_of(torches=[torch_release("2.6.0", ["3.12", "3.13"])], stacks=(STACK,))


def world_of(index: FakeIndex, facts: Facts | None = None) -> World:
    return World(facts=facts or any_python(), index=index, resolver=FakeResolver())


def explained(intent: Intent, name: str, *, index: FakeIndex | None = None, facts: Facts | None = None, not_=None):
    world = world_of(index or plain_index(), facts)
    return explain_intent(intent, world, name, question=read_question(not_) if not_ else None)
