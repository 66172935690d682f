"""What every check is given: the expectations, the environment, and the circumstances of this run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .binaries import Binaries
from .driver import Driver, look
from .environment import Environment
from .expectations import Expectations
from .versions import normalise
from .words import Result


@dataclass(frozen=True)
class Case:
    """One judgement. Checks read it and run child processes."""

    expect: Expectations
    environment: Environment
    variables: Mapping[str, str]
    """The environment variables that the verifier was started with."""
    activated: bool
    """False where another prefix than the running interpreter's is judged: then PATH and the like tell nothing."""
    root: str
    """The folder that the manifest stands in."""
    full: bool
    """Whether the full level is asked for."""
    require_gpu: bool
    limit: float
    """Seconds that one child process may take."""

    @property
    def compiles(self) -> bool:
        """Whether something of the composition is compiled from source."""
        return bool(self.expect.nvcc or self.expect.built)

    def is_reported_missing(self, distribution: str) -> bool:
        """Whether it is not installed and `versions.missing` says so: then nothing else need say it again."""
        named = (*self.expect.pins, *self.expect.bounds, *(self.expect.locked or ()))
        name = normalise(distribution)
        return self.environment.version_of(name) is None and name in {normalise(other) for other in named}

    @cached_property
    def driver(self) -> Driver:
        """NVIDIA's driver on this machine, asked once for all checks."""
        return look(self.environment.python, min(self.limit, 60.0))

    @cached_property
    def binaries(self) -> Binaries:
        """The environment's compiled parts, read once for all checks."""
        return Binaries(self.environment, self.variables.get("LD_LIBRARY_PATH") if self.activated else None)


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
