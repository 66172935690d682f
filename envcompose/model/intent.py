"""The intent: what the user asked for, before anything is decided."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.message import Message
from envcompose.model.requirement import CondaRequest, Fate, Origin, UserRequirement
from envcompose.model.values import dataclass


class TorchFrom(StrEnum):
    """Where torch may come from (`--torch-from`)."""

    AUTO = "auto"
    CONDA = "conda"
    PYPI = "pypi"


class Prefer(StrEnum):
    """What to prefer where both cannot be had (`--prefer`)."""

    PREBUILT = "prebuilt"
    NEWEST = "newest"


class ArtifactKind(StrEnum):
    """How a distribution comes; the values of `--artifact`."""

    CONDA = "conda"
    WHEEL = "wheel"
    PREBUILT = "prebuilt"
    SDIST = "sdist"
    NO_ISOLATION = "no-isolation"
    TASK = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRequest:
    """A stack by its recipe's name; `extras` is None where the recipe's default extras hold."""

    name: str
    specifier: SpecifierSet
    extras: tuple[str, ...] | None
    origin: Origin
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """Package indexes that the input names, in order; URLs may hold secrets and are never printed raw.

    `pinned` maps a normalised name to the one index that must serve it (`[tool.uv.sources]`).
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    pinned: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFolder:
    """A project that becomes an editable dependency of its own environment.

    `requires_dist` holds all its requirements with those of every extra, as its built metadata would list them; None
    where they are computed by its build.
    """

    path: str
    name: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] | None = None
    requires_python: str | None = None

    @property
    def normalized(self) -> str:
        """Its name as PEP 503 writes it."""
        return str(canonicalize_name(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReading:
    """What one reader found in one input; readings are merged in the order in which they were given.

    `fates` tells of the lines that are not in `requirements` or `constraints`. `build_hints` maps a
    distribution to what its project says must be present for its build (`[tool.uv]` tables).
    """

    requirements: tuple[UserRequirement, ...] = ()
    constraints: tuple[UserRequirement, ...] = ()
    overrides: tuple[UserRequirement, ...] = ()
    conda: tuple[CondaRequest, ...] = ()
    channels: tuple[str, ...] = ()
    indexes: IndexOptions = field(default_factory=IndexOptions)
    requires_python: tuple[tuple[SpecifierSet, Origin], ...] = ()
    no_build_isolation: tuple[tuple[str, Origin], ...] = ()
    build_hints: tuple[tuple[str, tuple[str, ...], Origin], ...] = ()
    project: ProjectFolder | None = None
    fates: tuple[Fate, ...] = ()
    messages: tuple[Message, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Target and preferences as asked for; None where a default rule is to decide."""

    cuda: str | None = None
    driver: str | None = None
    python: str | None = None
    gpus: tuple[str, ...] = ()
    glibc: str | None = None
    platform: str = "linux-64"
    torch_from: TorchFrom = TorchFrom.AUTO
    artifacts: tuple[tuple[str, ArtifactKind], ...] = ()
    prefer: Prefer = Prefer.PREBUILT
    default_extras: bool = True
    build_memory_gib: float | None = None
    requires_pixi: Version | None = None
    index: str | None = None
    channels: tuple[str, ...] = ()
    """conda channels by name, URL or `file://`, in order; they may hold secrets. Empty: the input's, and conda-forge."""
    offline: bool = False
    as_of: str | None = None
    require_proof: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The inputs as they were named, so that a manifest can be composed again: words and paths, secrets masked.

    Paths are relative to the manifest's folder.
    """

    words: tuple[str, ...] = ()
    requirement_files: tuple[str, ...] = ()
    environment_file: str | None = None
    project: str | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Everything the user asked for, from all inputs."""

    stacks: tuple[StackRequest, ...]
    reading: InputReading
    wishes: Wishes
    request: Request = field(default_factory=Request)
    stated_cuda: tuple[str, str] | None = None
    """The CUDA line that the input states where --cuda says none, and what states it; `wishes.cuda` has it too."""

    @property
    def spoken_cuda(self) -> str | None:
        """The CUDA line that --cuda asks for; None where the input states it, or nobody."""
        stated = self.stated_cuda is not None and self.stated_cuda[0] == self.wishes.cuda
        return None if stated else self.wishes.cuda

    @property
    def cuda_words(self) -> str:
        """The CUDA line in the words of whoever asks for it."""
        if self.spoken_cuda is None and self.stated_cuda is not None:
            return f"CUDA {self.stated_cuda[0]}, which {self.stated_cuda[1]} states,"
        return f"--cuda {self.wishes.cuda}"
