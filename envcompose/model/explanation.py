"""An explanation: why one package is where it is, and the answer to "why not that version, or that source?"."""

from __future__ import annotations

from enum import StrEnum

from packaging.specifiers import SpecifierSet

from envcompose.model.composition import BuildNeeds, CondaDependency, EnvironmentVariable, Package, PypiDependency, Task
from envcompose.model.decision import Rejection
from envcompose.model.facts import Evidence
from envcompose.model.intent import ArtifactKind, Intent
from envcompose.model.message import Message
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import Fate, Origin
from envcompose.model.target import Default, Layer
from envcompose.model.values import dataclass


class PinKind(StrEnum):
    """What holds a package at its version or in its place."""

    USER = "user"
    CONSTRAINT = "constraint"
    OVERRIDE = "override"
    REQUIRER = "requirer"
    SEARCH = "search"
    PARTNER = "partner"
    ISLAND = "island"
    CONDA = "conda"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One thing that holds a package; `why` is a whole phrase, `by` and `specifier` say the same for machines."""

    kind: PinKind
    why: str
    by: str | None = None
    specifier: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One package of a chain; `specifier` is what the one before it requires of it, empty where that is nothing."""

    name: str
    version: str
    extras: tuple[str, ...]
    specifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A shortest way from what the user asked for to a package, which is the last link.

    `asked` is the user's text for the first link and `origin` its place; both are None where a rule asked (a conda
    package that the target needs).
    """

    asked: str | None
    origin: Origin | None
    links: tuple[Link, ...]

    @property
    def requirer(self) -> Link | None:
        """Who requires the package itself; None where the user does."""
        return self.links[-2] if len(self.links) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest release of the index; `held_by` is what excludes it directly, empty where nothing does."""

    version: str
    is_chosen: bool
    held_by: tuple[str, ...]


LOCKED_CONDA, LOCKED_PYPI = "lock-conda", "lock-pypi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A line of the manifest, or a package of the lock, that composing again would write otherwise.

    None stands where there is no such line. `table` is the manifest's, or `LOCKED_CONDA` or `LOCKED_PYPI`.
    """

    table: str
    name: str
    written: str | None
    composed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that puts a package where it is.

    At least one of `package` (a distribution of the closure), `dependency` (a line of the conda layer), `record` (a
    conda package that is solved) and `line` (of `[pypi-dependencies]`; alone for the project itself) is there.
    """

    name: str
    package: Package | None
    dependency: CondaDependency | None
    record: CondaRecord | None
    constraints: tuple[CondaDependency, ...]
    line: PypiDependency | None
    chains: tuple[Chain, ...]
    asked: tuple[Fate, ...]
    pins: tuple[Pin, ...]
    newest: Newest | None
    build_needs: BuildNeeds | None
    needed_by: tuple[str, ...]
    """Distributions that need this conda package, to build or to run, and conda packages that depend on it."""
    tasks: tuple[Task, ...]
    env: tuple[EnvironmentVariable, ...]
    defaults: tuple[Default, ...]
    rejected: tuple[Rejection, ...]
    """Candidates that lost over it."""
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What `--not` asks about; exactly one of `versions`, `artifact` and `layer` is set."""

    text: str
    versions: SpecifierSet | None = None
    artifact: ArtifactKind | None = None
    layer: Layer | None = None


class Verdict(StrEnum):
    """How a question ends."""

    CHOSEN = "chosen"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    NO_SUCH_RELEASE = "no-such-release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What another composition would have in the place of something; None where one of them lacks it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """The step of an order (of cost, of artifacts) that speaks against a composition; `favours` says whose side it is on."""

    rule: str
    why: str
    favours: str
    """`chosen` or `asked`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a question.

    `held_by` is what the present composition holds against it; `reasons` are why a candidate does not have it, nearest
    first. `changes` are what taking it would change. `edits` are the user's own words that say otherwise, each with its
    place: the answer is what holds without them.
    """

    question: Question
    verdict: Verdict
    held_by: tuple[str, ...] = ()
    reasons: tuple[Rejection, ...] = ()
    nearest: tuple[str, ...] = ()
    """Releases that exist, nearest to one that does not."""
    artifact: ArtifactKind | None = None
    """How the package would come."""
    changes: tuple[Change, ...] = ()
    more_changes: int = 0
    """Changes that tell nobody anything: other versions of wheels that the lock holds."""
    against: Against | None = None
    compiles: tuple[Package, ...] = ()
    """What would be compiled in addition."""
    known_bad: tuple[str, ...] = ()
    """Pairs of the other composition that are known to be bad."""
    edits: tuple[str, ...] = ()
    intent: Intent | None = None
    """The intent that asks for it; None where no search was needed for the answer."""
    typed: bool = True
    """Can a command line alone ask for it? Else a file of the user's says otherwise."""
    hints: tuple[str, ...] = ()
    complete: bool = True
    """False where a bound cut the search short."""
