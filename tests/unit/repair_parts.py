"""What the tests of repair answer have alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envcompose.compose import World, compose
from envcompose.errors import EnvcomposeError, Infeasible
from envcompose.model.composition import Composition
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import CudaLine, PackageRecipe, StackRecipe
from envcompose.model.intent import InputReading, Intent, Request, StackRequest, Wishes
from envcompose.model.requirement import Origin, OriginKind, UserRequirement
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


pythons = st.sampled_from([("3.12",), ("3.13",), ("3.12", "3.13")])


torch_bounds = st.sampled_from(["", "==2.5.0", "==2.6.0", "==2.7.0", "<2.7", ">=2.6"])


requires = st.tuples(
    torch_bounds.map(lambda bound: (f"torch{bound}",)), st.sampled_from([(), ("lib",), ("lib<2",), ("lib>=2",)])
).map(lambda pair: pair[0] + pair[1])


lines = st.sampled_from([(), ("lib==1.0",), ("lib==2.0",), ("torch==2.6.0",), ("torch==2.6.0", "lib>=2"), ("lib<2",)])


BOTH = ("3.12", "3.13")


AXOLOTL_LIKE = Small(
    torches={"2.5.0": ("12.4", BOTH), "2.7.0": ("12.8", BOTH)},
    stacks=(Release(requires=("torch==2.5.0",)), Release(requires=("torch==2.7.0",))),
)
