"""A candidate that stands, and what stands beside one resolve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from envcompose.model.analysis import Analysis
from envcompose.model.decision import Artifact, Rejection
from envcompose.model.intent import ArtifactKind, Prefer, TorchFrom
from envcompose.model.record import CondaRecord
from envcompose.model.target import TorchChoice
from envcompose.model.values import dataclass
from envcompose.resolve.closure import Closure
from envcompose.resolve.universe import TargetUniverse
from envcompose.search.layers import Joined
from envcompose.search.prospects import Cost, Prospect
from envcompose.search.subject import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A candidate that stands: its closure, the torch in it (None without one), every artifact, its cost."""

    prospect: Prospect
    torch: TorchChoice | None
    closure: Closure
    artifacts: Mapping[str, Artifact]
    analyses: Mapping[str, Analysis]
    universe: TargetUniverse
    island: frozenset[str]
    known_bad: tuple[str, ...]
    cost: Cost
    by_tables: tuple[str, ...]
    python: str = ""
    """The full version of the interpreter that markers were judged for; empty where only the minor release is known."""
    provided: Mapping[str, CondaRecord] = field(default_factory=dict)
    """The twins that the closure was resolved with: PyPI names that the conda layer provides."""
    joined: Joined | None = None
    """Both layers, where channels could be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the user wishes of every candidate; `hints` are builds without isolation that the project asks for."""

    glibc: str
    forced: Mapping[str, ArtifactKind]
    prefer: Prefer
    source: TorchFrom = TorchFrom.AUTO
    hints: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands beside one resolve: names of which only tables tell, conda's twins, and whether the lock is ours.

    It is not where a URL will be unknown: then pixi has to lock by itself.
    """

    by_tables: tuple[str, ...]
    provided: Mapping[str, CondaRecord]
    locks: bool
    names_by_tables: bool = False
    python: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    """The direct references whose markers hold, by name."""


def rejection_of(stack: Stack | None, prospect: Prospect, why: str, rule: str) -> Rejection:
    """A prospect that does not stand, named as the user would name it."""
    release = prospect.release
    named = stack is not None and release is not None
    what = f"{stack.recipe.name} {release.version}" if stack and release else "these requirements"
    version = release.version if named and release else None
    return Rejection(what=what, why=f"{why} (with {prospect.label})", rule=rule, release=version)
