"""What every check is given: the expectations, the environment, and the circumstances of this run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .environment import Environment
from .expectations import Expectations
from .words import Result


@dataclass(frozen=True)
class Case:
    """One judgement. Checks read it and run child processes; none changes the environment."""

    expect: Expectations
    environment: Environment
    variables: Mapping[str, str]
    """The environment variables that the verifier was started with."""
    activated: bool
    """False where another prefix than the running interpreter's is judged: then PATH and the like tell nothing."""
    root: str
    """The folder that the manifest stands in."""
    require_gpu: bool
    limit: float
    """Seconds that one child process may take."""


@dataclass(frozen=True)
class Check:
    """A check with its stable id `group.what`, and whether the quick level has it too."""

    id: str
    title: str
    judge: Callable[[Case], Result]
    quick: bool = True

    @property
    def group(self) -> str:
        """The part of the id before the dot."""
        return self.id.split(".", 1)[0]
