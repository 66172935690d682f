"""The ways to get torch that the target allows, newest release first (design.md, "What --cuda means")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.version import Version

from envcompose.model.decision import Rejection
from envcompose.model.facts import CondaBuild, CudaLine, Facts, GpuFloor, TorchBuild, TorchRelease
from envcompose.model.intent import TorchFrom
from envcompose.model.target import Layer, TorchChoice
from envcompose.model.values import dataclass
from envcompose.search.subject import Demand, Stack

TORCH = "torch"

TORCH_FITS = "torch-fits-target"
"""The rule by which a way to get torch is out of the question for a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchWish:
    """What the user said that bears on torch; lines and the driver are `major.minor`, GPUs are capabilities."""

    cuda: str | None
    driver: str | None
    gpus: tuple[str, ...]
    source: TorchFrom
    labelled: bool = False
    """Does a requirement pin torch with a local label (`==2.6.0+cu124`)? Only an index variant has one."""


def torch_choices(facts: Facts, wish: TorchWish) -> tuple[tuple[TorchChoice, ...], tuple[Rejection, ...]]:
    """Every way to get torch that fits, and what does not fit and why; a release's default build stands first."""
    choices: list[TorchChoice] = []
    lost: list[Rejection] = []
    for release in sorted(facts.torch, key=lambda release: release.version, reverse=True):
        for choice in _of_release(facts, release, wish):
            why = next(_misfits(facts, choice, wish), None)
            if why is None:
                choices.append(choice)
            else:
                lost.append(Rejection(what=describe(choice), why=why, rule=TORCH_FITS, release=release.version))
    if not choices and not lost:
        lost.append(Rejection(what=TORCH, why=_no_build(facts, wish), rule=TORCH_FITS))
    return tuple(choices), tuple(lost)


def _no_build(facts: Facts, wish: TorchWish) -> str:
    """Why there is no build at all to speak of."""
    source = "" if wish.source is TorchFrom.AUTO else f" from {wish.source.value}"
    if wish.cuda is None:
        return f"no release{source} has a build for the target"
    lines = sorted({build.cuda for release in facts.torch for build in release.builds}, key=Version)
    return f"no release{source} has a build for CUDA {wish.cuda}; there are builds for CUDA {', '.join(lines)}"


def needs_torch(stack: Stack | None, demand: Demand, facts: Facts) -> bool:
    """Do the words alone say that torch is needed? Where they do not, only a resolve tells."""
    known = {name for name, recipe in facts.packages.items() if recipe.links_torch}
    return stack is not None or any(user.name == TORCH or user.name in known for user in demand.requirements)


def describe(choice: TorchChoice) -> str:
    """A torch choice as a user would name it."""
    if choice.layer is Layer.SYSTEM:
        return f"torch {choice.version} from conda-forge (CUDA {choice.cuda})"
    return f"torch {choice.locked_version}" if choice.index else f"torch {choice.version} (CUDA {choice.cuda})"


def _of_release(facts: Facts, release: TorchRelease, wish: TorchWish) -> Iterator[TorchChoice]:
    conda = list(_conda_choices(facts, release, wish)) if wish.source is not TorchFrom.PYPI else []
    # A conda build for the very line stands before a wheel; one that only serves the line, after it.
    yield from (choice for choice in conda if wish.cuda in (None, choice.cuda))
    if wish.source is not TorchFrom.CONDA:
        yield from _wheel_choices(release, wish)
    yield from (choice for choice in conda if wish.cuda not in (None, choice.cuda))


def _wheel_choices(release: TorchRelease, wish: TorchWish) -> Iterator[TorchChoice]:
    if wish.cuda is not None:
        builds = [build for build in release.builds if build.cuda == wish.cuda]
    else:
        builds = _default_builds(release.builds, wish.driver)
    # The default index's build stands first; an index variant of the same line serves only pins with a local label.
    for build in builds if wish.labelled else builds[:1]:
        yield TorchChoice(release=release, layer=Layer.PYPI, line=build.cuda, build=build)


def _default_builds(builds: Sequence[TorchBuild], driver: str | None) -> list[TorchBuild]:
    """The default index's build, or where the driver cannot run it the newest line that it can."""
    runnable = [build for build in builds if driver is None or runs_on_driver(build.cuda, driver)]
    default = [build for build in runnable if build.index is None]
    return default or sorted(runnable, key=lambda build: Version(build.cuda), reverse=True)[:1]


def _conda_choices(facts: Facts, release: TorchRelease, wish: TorchWish) -> Iterator[TorchChoice]:
    """conda-forge's builds: one for CUDA 12.6 serves every later 12.x line (its `cuda-version >=12.6,<13`)."""
    recipe = facts.packages.get(TORCH)
    for build in recipe.conda if recipe else ():
        if build.version != release.version:
            continue
        lines = [line for line in build.cuda if _serves(line, wish)]
        if lines:
            best = max(lines, key=Version)
            yield TorchChoice(release=release, layer=Layer.SYSTEM, line=wish.cuda or best, conda=_narrowed(build, best))


def _serves(line: str, wish: TorchWish) -> bool:
    if wish.cuda is not None:
        return line.split(".", maxsplit=1)[0] == wish.cuda.split(".")[0] and Version(line) <= Version(wish.cuda)
    return wish.driver is None or runs_on_driver(line, wish.driver)


def _narrowed(build: CondaBuild, line: str) -> CondaBuild:
    from dataclasses import replace

    return replace(build, cuda=(line,))


def runs_on_driver(line: str, driver: str) -> bool:
    """Can a driver that shows this CUDA version run wheels of this line? Within a major, yes (minor-version compatibility)."""
    return Version(line).major <= Version(driver).major


def _misfits(facts: Facts, choice: TorchChoice, wish: TorchWish) -> Iterator[str]:
    if wish.driver is not None and not runs_on_driver(choice.cuda, wish.driver):
        yield f"a driver that shows CUDA {wish.driver} cannot run CUDA {choice.cuda}"
    for arch in wish.gpus:
        floor = gpu_floor(facts, arch)
        line = cuda_line(facts, choice.cuda)
        if line is not None and line.archs and Version(arch) < Version(line.archs[0]):
            yield f"CUDA {choice.cuda} no longer serves GPUs of compute capability {arch}"
        if floor is not None and floor.torch is not None and choice.version < floor.torch:
            yield f"GPUs of compute capability {arch} need torch {floor.torch} or later"
        if floor is not None and floor.cuda is not None and Version(choice.cuda) < Version(floor.cuda):
            yield f"GPUs of compute capability {arch} need CUDA {floor.cuda} or later"
        if choice.build is not None and not covers(choice.build.archs, choice.build.ptx, arch):
            yield f"it holds no code for GPUs of compute capability {arch}"


def covers(archs: Sequence[str], ptx: str | None, arch: str) -> bool:
    """Does a binary for these architectures run on this one? Machine code serves later minors of its major, PTX all later."""
    if not archs:
        return True
    wanted = Version(arch)
    same_major = any(Version(own).major == wanted.major and Version(own) <= wanted for own in archs)
    return same_major or (ptx is not None and Version(ptx) <= wanted)


def gpu_floor(facts: Facts, arch: str) -> GpuFloor | None:
    """The floor that is known for a compute capability."""
    return next((floor for floor in facts.gpu_floors if floor.arch == arch), None)


def cuda_line(facts: Facts, version: str) -> CudaLine | None:
    """The facts of one CUDA line."""
    return next((line for line in facts.cuda if line.version == version), None)
