"""How the target of an intent can be loosened: CUDA line, driver, Python, glibc, GPUs, torch's source, artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from packaging.version import Version

from envcompose.errors import UnknownValue
from envcompose.model.composition import Composition
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Intent, TorchFrom, Wishes
from envcompose.model.repair import Change, Part
from envcompose.read.targets import cuda_of_driver
from envcompose.search.choices import DEFAULT_GLIBC
from envcompose.search.relaxation import COSTS, Draft, Relaxation, Step
from envcompose.search.torches import TORCH

GLIBC_RUNGS = ("2.28", "2.31", "2.34", "2.35", "2.39")
"""The glibc of RHEL 8, Ubuntu 20.04, RHEL 9, Ubuntu 22.04 and Ubuntu 24.04: what people's machines have."""

OLDER_LINE, OTHER_MAJOR = 4, 8
"""What an older CUDA line counts for each rung, and what another major counts beside it: it needs another driver."""

Settle = Callable[[Draft, Composition], tuple[Change, ...]]


def target_relaxations(intent: Intent, facts: Facts, *, cuda_is_option: bool) -> Iterator[Relaxation]:
    """The relaxations of the target. `cuda_is_option`: the line was given by --cuda, and leaving that out frees it."""
    wishes = intent.wishes
    if wishes.cuda is not None:
        yield from _cuda(wishes, wishes.cuda, facts, cuda_is_option=cuda_is_option)
    if wishes.driver is not None:
        yield from _driver(wishes.driver, facts)
    if wishes.python is not None:
        yield _python(wishes.python)
    if wishes.torch_from is not TorchFrom.AUTO:
        yield _torch_from(wishes.torch_from)
    yield from _glibc(wishes)
    for name, kind in wishes.artifacts:
        yield _artifact(name, kind)
    for arch in wishes.gpus:
        yield _gpu(arch)


def _cuda(wishes: Wishes, cuda: str, facts: Facts, *, cuda_is_option: bool) -> Iterator[Relaxation]:
    part = Part(text=f"--cuda {cuda}" if cuda_is_option else f"CUDA {cuda}, which the input states")
    words = frozenset({"cuda", "target", f"cuda {cuda}"})
    if cuda_is_option and wishes.driver is None and _is_driver(cuda, facts):
        step = _as_driver(cuda)
        yield Relaxation(key="cuda-as-driver", part=part, steps=(step,), nested=False, group="cuda", words=words)
    steps = tuple(_line(cuda, line, cost) for cost, line in _line_costs(cuda, facts))
    if steps:
        yield Relaxation(key="cuda", part=part, steps=steps, nested=False, group="cuda", words=words)


def _is_driver(cuda: str, facts: Facts) -> bool:
    try:
        return cuda_of_driver(cuda, facts) == cuda
    except UnknownValue:
        return False


def _as_driver(cuda: str) -> Step:
    cost = COSTS["cuda-as-driver"][0]

    def settle(draft: Draft, composition: Composition) -> tuple[Change, ...]:
        stated = Change(name="driver", before=None, after=cuda, cost=cost)
        return Change(name="cuda", before=cuda, after=composition.target.cuda, cost=0), stated

    return Step(cost=cost, label=f"--driver {cuda}", apply=_set(cuda=None, driver=cuda), settle=settle)


def _line(cuda: str, line: str, cost: int) -> Step:
    change = Change(name="cuda", before=cuda, after=line, cost=cost)
    return Step(cost=cost, label=f"--cuda {line}", apply=_set(cuda=line), settle=_told(change))


def _line_costs(cuda: str, facts: Facts) -> list[tuple[int, str]]:
    """What every other line that some torch was built for counts, nearest first."""
    torch = facts.packages.get(TORCH)
    known = {build.cuda for release in facts.torch for build in release.builds}
    known |= {line for build in (torch.conda if torch else ()) for line in build.cuda}
    wished, first = Version(cuda), COSTS["cuda"][0]
    costs = []
    for same_major in (True, False):
        lines = sorted((Version(line), line) for line in known if (Version(line).major == wished.major) is same_major)
        newer = [line for version, line in lines if version > wished]
        older = [line for version, line in reversed(lines) if version < wished]
        base = first if same_major else first + OTHER_MAJOR
        costs += [(base + rung, line) for rung, line in enumerate(newer)]
        costs += [(base + OLDER_LINE * rung, line) for rung, line in enumerate(older, 1)]
    return sorted(costs, key=lambda pair: (pair[0], -Version(pair[1]).major, -Version(pair[1]).minor))


def _driver(driver: str, facts: Facts) -> Iterator[Relaxation]:
    shown = Version(cuda_of_driver(driver, facts))
    majors: dict[int, str] = {}
    for branch in sorted(facts.drivers, key=lambda branch: Version(branch.cuda)):
        majors.setdefault(Version(branch.cuda).major, branch.cuda)
    first = COSTS["driver"][0]
    later = [(major, cuda) for major, cuda in sorted(majors.items()) if major > shown.major]
    steps = tuple(
        Step(
            cost=first + rung,
            label=f"--driver {cuda}",
            apply=_set(driver=cuda),
            settle=_told(Change(name="driver", before=driver, after=cuda, cost=first + rung)),
        )
        for rung, (_, cuda) in enumerate(later)
    )
    if steps:
        part = Part(text=f"--driver {driver}")
        words = frozenset({"driver", "target"})
        yield Relaxation(key="driver", part=part, steps=steps, nested=False, group="driver", words=words)


def _python(python: str) -> Relaxation:
    cost = COSTS["python"][0]

    def settle(draft: Draft, composition: Composition) -> tuple[Change, ...]:
        found = composition.target.python
        draft.wishes = replace(draft.wishes, python=found if found != python else None)
        return (Change(name="python", before=python, after=found, cost=cost),)

    step = Step(cost=cost, label="any Python", apply=_set(python=None), settle=settle)
    part = Part(text=f"--python {python}")
    return Relaxation(
        key="python", part=part, steps=(step,), nested=True, group="python", words=frozenset({f"python {python}"})
    )


def _torch_from(source: TorchFrom) -> Relaxation:
    cost = COSTS["torch-from"][0]

    def settle(draft: Draft, composition: Composition) -> tuple[Change, ...]:
        torch = composition.torch
        # What the user wrote is left out: the rules choose this very source again.
        after = None if torch is None else "conda" if torch.layer.value == "system" else "pypi"
        return (Change(name="torch-from", before=source.value, after=after, cost=cost),)

    step = Step(cost=cost, label="torch from anywhere", apply=_set(torch_from=TorchFrom.AUTO), settle=settle)
    part = Part(text=f"--torch-from {source.value}")
    # Where only some sources may be taken, every reason about torch may be about that.
    words = frozenset({"torch", "conda-forge"})
    return Relaxation(key="torch-from", part=part, steps=(step,), nested=False, group="torch-from", words=words)


def _glibc(wishes: Wishes) -> Iterator[Relaxation]:
    has = wishes.glibc or DEFAULT_GLIBC
    first = COSTS["glibc" if wishes.glibc else "assumed-glibc"][0]
    rungs = [rung for rung in GLIBC_RUNGS if Version(rung) > Version(has)]
    steps = tuple(
        Step(
            cost=first + place,
            label=f"--glibc {rung}",
            apply=_set(glibc=rung),
            settle=_told(Change(name="glibc", before=has, after=rung, cost=first + place)),
        )
        for place, rung in enumerate(rungs)
    )
    if steps:
        text = f"--glibc {has}" if wishes.glibc else f"glibc {has}, which is assumed by default"
        yield Relaxation(
            key="glibc",
            part=Part(text=text),
            steps=steps,
            nested=True,
            group="glibc",
            words=frozenset({"glibc"}),
            wide=len(steps) - 1,
        )


def _artifact(name: str, kind: ArtifactKind) -> Relaxation:
    cost = COSTS["artifact"][0]

    def apply(draft: Draft) -> None:
        kept = tuple(pair for pair in draft.wishes.artifacts if pair != (name, kind))
        draft.wishes = replace(draft.wishes, artifacts=kept)

    def settle(draft: Draft, composition: Composition) -> tuple[Change, ...]:
        package = composition.package(name)
        after = package.artifact.kind.value if package is not None else None
        return (Change(name=f"artifact {name}", before=kind.value, after=after, cost=cost),)

    step = Step(cost=cost, label=f"any artifact of {name}", apply=apply, settle=settle)
    part = Part(text=f"--artifact {name}={kind.value}", package=name)
    key = f"artifact {name}"
    # A forced artifact may also be what lets a candidate stand, so that freeing it is not simply wider.
    return Relaxation(key=key, part=part, steps=(step,), nested=False, group=key, words=frozenset({name}))


def _gpu(arch: str) -> Relaxation:
    cost = COSTS["gpu"][0]
    shown = f"sm_{arch.replace('.', '')}"

    def apply(draft: Draft) -> None:
        draft.wishes = replace(draft.wishes, gpus=tuple(other for other in draft.wishes.gpus if other != arch))

    step = Step(
        cost=cost,
        label=f"without --gpu {shown}",
        apply=apply,
        settle=_told(Change(name="gpu", before=shown, after=None, cost=cost)),
    )
    key = f"gpu {shown}"
    words = frozenset({"gpus", "target"})
    return Relaxation(key=key, part=Part(text=f"--gpu {shown}"), steps=(step,), nested=True, group=key, words=words)


def _set(**fields: object) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.wishes = replace(draft.wishes, **fields)  # type: ignore[arg-type]

    return apply


def _told(*changes: Change) -> Settle:
    return lambda draft, composition: changes
