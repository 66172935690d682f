"""Decisions: one package's layer and artifact, with the rule that decided and the evidence it looked at."""

from __future__ import annotations

from enum import StrEnum

from packaging.version import Version

from envcompose.model.facts import Evidence
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer
from envcompose.model.values import dataclass


class Standing(StrEnum):
    """How sure a claim is, the surest first (law 7)."""

    PROVED = "proved"
    BY_TABLES = "by-tables"
    ASSUMED = "assumed"


class CompileClass(StrEnum):
    """How long a source build takes, by order of magnitude: seconds, minutes, an hour or more."""

    SHORT = "short"
    MINUTES = "minutes"
    LONG = "long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """The next best way to get the same package, and what it costs."""

    artifact: ArtifactKind
    version: str
    url: str | None
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A candidate or artifact that lost, the reason, and the rule that says so.

    `what` names it as the user would; `release` sorts neighbours together where it is a stack's release.
    """

    what: str
    why: str
    rule: str
    release: Version | None = None
    of_release: bool = False
    """Would every other candidate of the same release fail alike?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """How one package comes, as one rule decided it."""

    kind: ArtifactKind
    rule: str
    why: str
    standing: Standing
    evidence: tuple[Evidence, ...] = ()
    url: str | None = None
    sha256: str | None = None
    size: int | None = None
    compile: CompileClass | None = None
    compile_text: str | None = None
    known_bad: str | None = None
    lost: tuple[Rejection, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @property
    def layer(self) -> Layer:
        """The layer that follows from the kind."""
        return Layer.SYSTEM if self.kind is ArtifactKind.CONDA else Layer.PYPI
