"""A composition: the intent, its decisions, its solution, and what is to be written."""

from __future__ import annotations

from envcompose.model.decision import Alternative, Artifact, Rejection, Standing
from envcompose.model.facts import Evidence, Probe
from envcompose.model.intent import Intent
from envcompose.model.message import Message
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import Fate
from envcompose.model.solution import Solution
from envcompose.model.target import Default, Layer, Target, TorchChoice
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One distribution of the closure, or one conda dependency, with the decision that put it where it is."""

    name: str
    version: str
    """Empty where it comes from a source that is not read (a git address)."""
    layer: Layer
    artifact: Artifact
    extras: tuple[str, ...]
    requested: bool
    required_by: tuple[str, ...]
    requirers: tuple[tuple[str, str], ...]
    """Every requirer with its specifier; the user's own have no name."""
    bounds: tuple[str, ...]
    index: str | None
    pinned: bool
    standing: Standing
    links_torch: bool = False
    conda_name: str | None = None
    record: CondaRecord | None = None
    """The conda record that provides it, once the conda layer was solved."""

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The next best ways to get it."""
        return self.artifact.alternatives


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaDependency:
    """One line of `[dependencies]` or `[constraints]`, with its reason, rule and evidence."""

    name: str
    spec: str
    why: str
    rule: str
    evidence: tuple[Evidence, ...] = ()
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiDependency:
    """One line of `[pypi-dependencies]`; exactly one of `specifier`, `url`, `git` and `path` is set."""

    name: str
    why: str
    specifier: str | None = None
    extras: tuple[str, ...] = ()
    index: str | None = None
    url: str | None = None
    git: str | None = None
    rev: str | None = None
    subdirectory: str | None = None
    path: str | None = None
    editable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentVariable:
    """One line of `[activation.env]`."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of the manifest; `command` holds no Python code (pixi reads commands as templates)."""

    name: str
    command: str
    depends_on: tuple[str, ...]
    description: str
    why: str
    outputs: tuple[str, ...] = ()
    """Files that it makes: pixi skips it while they are there and the environment is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildNeeds:
    """What one package needs around it while it is built without isolation."""

    name: str
    python: tuple[str, ...]
    conda: tuple[str, ...]
    tools: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemLayer:
    """The conda layer: what the manifest asks conda for; `driver` is the CUDA version for packages that ask for one."""

    dependencies: tuple[CondaDependency, ...]
    constraints: tuple[CondaDependency, ...]
    env: tuple[EnvironmentVariable, ...]
    build_needs: tuple[BuildNeeds, ...]
    needs_driver: bool
    messages: tuple[Message, ...]
    channels: tuple[str, ...] = ("conda-forge",)
    driver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """Everything that stands after a successful composition; equal inputs give equal values."""

    name: str
    intent: Intent
    target: Target
    torch: TorchChoice | None
    stack: str | None
    packages: tuple[Package, ...]
    system: SystemLayer
    pypi: tuple[PypiDependency, ...]
    no_build_isolation: tuple[str, ...]
    indexes: tuple[tuple[str, tuple[str, ...]], ...]
    tasks: tuple[Task, ...]
    defaults: tuple[Default, ...]
    rejected: tuple[Rejection, ...]
    fates: tuple[Fate, ...]
    messages: tuple[Message, ...]
    download_bytes: int | None
    resolves: int
    facts_digest: str
    facts_as_of: str
    imports: tuple[tuple[str, str], ...]
    extensions: tuple[tuple[str, str], ...]
    scripts: tuple[tuple[str, str], ...]
    replacements: tuple[tuple[str, SystemLayer], ...] = ()
    """For each prebuilt wheel the system layer that building it instead would need."""
    probes: tuple[tuple[str, Probe], ...] = ()
    """What the recipes try after an install, each with its distribution."""
    solution: Solution | None = None
    """Both layers as they were solved; None where the conda layer stands by tables."""

    @property
    def locked(self) -> bool:
        """Is a lock written with it?"""
        return self.solution is not None and self.solution.distributions is not None

    def package(self, name: str) -> Package | None:
        """The package of this name in the closure."""
        return next((package for package in self.packages if package.name == name), None)
