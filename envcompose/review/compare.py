"""Two compositions of one wish: what differs, and which step of an order speaks for which of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.model.composition import Composition, Package
from envcompose.model.decision import CompileClass, Standing
from envcompose.model.explanation import Against, Change
from envcompose.model.intent import ArtifactKind, Prefer
from envcompose.model.target import Layer, TorchChoice
from envcompose.model.values import dataclass

CHOSEN, ASKED = "chosen", "asked"
KNOWN_BAD = "known-bad-pair"
_STANDINGS = tuple(Standing)
_ARTIFACTS = tuple(ArtifactKind)
"""In the order in which they are tried (design.md, "Which artifact")."""


def changes_between(before: Composition, after: Composition) -> tuple[Change, ...]:
    """What the second has in the place of the first's: the target and the stack first, then packages, then conda's lines."""
    head = [
        Change(name="stack", before=before.stack, after=after.stack),
        Change(name="torch source", before=_torch_source(before.torch), after=_torch_source(after.torch)),
        Change(name="CUDA line", before=before.target.cuda, after=after.target.cuda),
        Change(name="Python", before=before.target.python, after=after.target.python),
    ]
    every = (*head, *_packages(before, after), *_conda(before, after))
    return tuple(change for change in every if change.before != change.after)


def told_changes(before: Composition, after: Composition, subject: str) -> tuple[tuple[Change, ...], int]:
    """The changes that a person wants to read, the package in question first, and how many more there are.

    Told are the target, what links torch, what either manifest names and what is no wheel.
    """
    changes = sorted(changes_between(before, after), key=lambda change: change.name != subject)
    named = {subject} | {package.name for one in (before, after) for package in one.packages if _is_telling(package)}
    packages = {package.name for one in (before, after) for package in one.packages}
    told = tuple(change for change in changes if change.name not in packages or change.name in named)
    return told, len(changes) - len(told)


def cost_between(before: Composition, after: Composition) -> Against | None:
    """The first step of the order of cost that tells them apart (design.md, "Which candidate"); None where none does."""
    for step in _STEPS:
        worse, better = step.why(before, after), step.why(after, before)
        if worse is not None:
            return Against(rule=step.rule, why=worse, favours=CHOSEN)
        if better is not None:
            return Against(rule=step.rule, why=better, favours=ASKED)
    return None


def artifact_order(before: Composition, after: Composition, subject: str) -> Against | None:
    """Which of two ways for one package the order of artifacts tries first."""
    ours, theirs = before.package(subject), after.package(subject)
    if ours is None or theirs is None or ours.artifact.kind is theirs.artifact.kind:
        return None
    ahead = _ARTIFACTS.index(ours.artifact.kind) < _ARTIFACTS.index(theirs.artifact.kind)
    first, second = (ours, theirs) if ahead else (theirs, ours)
    why = f"the order of artifacts tries {first.artifact.kind.value} before {second.artifact.kind.value}"
    return Against(rule="order-of-artifacts", why=why, favours=CHOSEN if ahead else ASKED)


def more_compiles(before: Composition, after: Composition) -> list[Package]:
    """What the second compiles and the first does not, by name."""
    have = {package.name for package in before.packages if package.artifact.compile is not None}
    return [p for p in after.packages if p.artifact.compile is not None and p.name not in have]


def known_bad(composition: Composition) -> list[str]:
    """The pairs that are known to be bad, each with why."""
    return [message.text for message in composition.messages if message.code == KNOWN_BAD]


def _is_telling(package: Package) -> bool:
    return package.pinned or package.requested or package.links_torch or package.artifact.kind is not ArtifactKind.WHEEL


def _packages(before: Composition, after: Composition) -> Iterator[Change]:
    ours, theirs = ({package.name: package for package in one.packages} for one in (before, after))
    for name in sorted({*ours, *theirs}):
        yield Change(name=name, before=_shown(ours.get(name)), after=_shown(theirs.get(name)))


def _shown(package: Package | None) -> str | None:
    """A version, with the way it comes where that is no wheel of the index."""
    if package is None:
        return None
    kind = package.artifact.kind
    if kind is ArtifactKind.CONDA:
        return f"{package.version} from conda".strip()
    return package.version if kind is ArtifactKind.WHEEL else f"{package.version} as {kind.value}".strip()


def _conda(before: Composition, after: Composition) -> Iterator[Change]:
    for title, lines_of in (("[dependencies]", _dependencies), ("[constraints]", _constraints)):
        ours, theirs = lines_of(before), lines_of(after)
        for name in sorted({*ours, *theirs}):
            yield Change(name=f"{title} {name}", before=ours.get(name), after=theirs.get(name))


def _dependencies(composition: Composition) -> dict[str, str]:
    return {line.name: line.spec for line in composition.system.dependencies}


def _constraints(composition: Composition) -> dict[str, str]:
    return {line.name: line.spec for line in composition.system.constraints}


def _torch_source(torch: TorchChoice | None) -> str | None:
    if torch is None:
        return None
    return "conda-forge" if torch.layer is Layer.SYSTEM else torch.index or "the default index"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step of the order of cost: why a second composition is worse than a first, None where it is not."""

    rule: str
    why: Callable[[Composition, Composition], str | None]


def _long_compile(first: Composition, second: Composition) -> str | None:
    """Counts with `--prefer prebuilt` only."""
    if first.intent.wishes.prefer is Prefer.NEWEST:
        return None
    dear = [p for p in second.packages if p.artifact.compile is CompileClass.LONG]
    if not dear or any(p.artifact.compile is CompileClass.LONG for p in first.packages):
        return None
    names = ", ".join(f"{p.name} {p.version}" for p in dear)
    return f"{names} would be compiled for an hour or more, and what needs no long compile comes first"


def _older_release(first: Composition, second: Composition) -> str | None:
    if first.stack is None or second.stack is None:
        return None
    ours, theirs = _release(first.stack), _release(second.stack)
    if ours is None or theirs is None or theirs >= ours:
        return None
    return f"{Requirement(second.stack).name} {theirs} is older than {ours}, and the stack's newest release comes first"


def _release(stack: str) -> Version | None:
    return next((Version(specifier.version) for specifier in Requirement(stack).specifier), None)


def _more_known_bad(first: Composition, second: Composition) -> str | None:
    ours, theirs = known_bad(first), known_bad(second)
    return f"known to be bad: {theirs[0]}" if len(theirs) > len(ours) else None


def _other_index(first: Composition, second: Composition) -> str | None:
    def is_other(torch: TorchChoice | None) -> bool:
        return torch is not None and (torch.index is not None or torch.cuda != torch.line)

    if not is_other(second.torch) or is_other(first.torch) or second.torch is None:
        return None
    where = second.torch.index or f"a build for CUDA {second.torch.cuda} on the line {second.torch.line}"
    return f"torch would come from {where}, and the default index comes first"


def _older_torch(first: Composition, second: Composition) -> str | None:
    if first.torch is None or second.torch is None or second.torch.version >= first.torch.version:
        return None
    return f"torch {second.torch.version} is older than {first.torch.version}, and torch's newest comes first"


def _older_python(first: Composition, second: Composition) -> str | None:
    ours, theirs = first.target.python, second.target.python
    if Version(theirs) >= Version(ours):
        return None
    return f"Python {theirs} is older than {ours}, and the newest for which everything compiled has a wheel comes first"


def _weaker(first: Composition, second: Composition) -> str | None:
    ours, theirs = _weakest(first), _weakest(second)
    if _STANDINGS.index(theirs) <= _STANDINGS.index(ours):
        return None
    return f"it would stand {theirs.value}, and the better standing comes first"


def _weakest(composition: Composition) -> Standing:
    return max((p.standing for p in composition.packages), key=_STANDINGS.index, default=Standing.PROVED)


_STEPS = (
    _Step(rule="no-long-compile", why=_long_compile),
    _Step(rule="newest-release", why=_older_release),
    _Step(rule="no-known-bad-pair", why=_more_known_bad),
    _Step(rule="default-index", why=_other_index),
    _Step(rule="newest-torch", why=_older_torch),
    _Step(rule="newest-python", why=_older_python),
    _Step(rule="better-standing", why=_weaker),
)
