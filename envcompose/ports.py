"""What the core may ask the world. A port exists where the next question depends on the last answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from envcompose.model.analysis import Analysis
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.model.record import CondaAnswer, CondaQuestion, CondaRecord
from envcompose.model.values import dataclass


class PackageIndex(Protocol):
    """The package indexes of one composition, asked in the first-index order that pixi and uv follow."""

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        """All files of a project that may fit the platform, as the first index that knows it lists them; None if none does.

        Raises IndexUnreachable or IndexBroken (exit 3).
        """

    def metadata(self, file: PackageFile) -> str:
        """The core metadata of a wheel, headers only. Raises IndexUnreachable, IndexBroken, FileGone or FileBroken."""

    def contents(self, file: PackageFile) -> WheelContents | None:
        """What a wheel holds, or None where the index cannot tell without sending the whole file."""

    def known_size(self, file: PackageFile) -> int | None:
        """A file's size in bytes where it is known already; never asks for it."""

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        """What an sdist says under each assumption about the installed torch; nothing of it is run.

        Raises IndexUnreachable, IndexBroken, FileGone or FileBroken; SdistUnreadable where the archive is refused.
        """

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        """The files of a project on one named index, or None where that index cannot be reached, or cannot tell what
        was there on the day that is asked for.
        """


class Universe(Protocol):
    """What a resolver is shown: pages of files and the metadata of each, made for one target."""

    def page(self, name: str) -> Sequence[Offer] | None:
        """The releases offered of a project, or None where it does not exist."""

    def metadata(self, name: str, filename: str) -> str | None:
        """The metadata of one offered file, or None where it was not offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One release as the resolver sees it: exactly one wheel, real or synthetic."""

    filename: str
    sha256: str
    requires_python: str | None
    yanked: bool
    uploaded: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One PyPI resolve: PEP 508 lines, constraints, overrides, and the target.

    `python` is a minor (`3.12`, which means its first release) or a whole version; `subdir` is conda's name of the
    platform. `prereleases` and `strategy` are words of uv and pixi; `preferences` are versions that are taken where
    they fit.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    overrides: tuple[str, ...]
    python: str
    glibc: str
    subdir: str = "linux-64"
    prereleases: str = "if-necessary-or-explicit"
    strategy: str = "highest"
    preferences: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the resolver said: pins by name, or, where there is no solution, its own words."""

    pins: Mapping[str, str] | None
    words: str


class Resolver(Protocol):
    """The PyPI resolver; it never builds and never sees anything but the universe."""

    def resolve(self, question: Question, universe: Universe) -> Answer:
        """Solve one question. Raises ResolverBroken where the engine itself fails, and what the universe raised."""


class TextFiles(Protocol):
    """Files that readers read, by path; no effects beyond reading."""

    def read_bytes(self, path: str) -> bytes:
        """The contents of a file. Raises FileMissing."""

    def exists(self, path: str) -> bool:
        """Is there a file or a folder of this path?"""

    def listing(self, path: str) -> tuple[str, ...]:
        """The names in a folder, sorted; empty where it is no folder."""


class CondaSolver(Protocol):
    """The conda solver over channels; it installs nothing."""

    def reach(self, channels: Sequence[str], subdir: str) -> str | None:
        """Why one of these channels cannot be asked now (offline and not cached, or no connection), None where all can.

        Raises ChannelBroken where a channel answers, but with what is no channel.
        """

    def solve(self, question: CondaQuestion) -> CondaAnswer:
        """Solve one question. Raises ChannelUnreachable, ChannelBroken (exit 3), ChannelUnknown or CondaSpecInvalid (exit 2)."""


class NameMap(Protocol):
    """Which PyPI distributions a conda record stands for (facts: pixi.md §3)."""

    def pypi_names(self, record: CondaRecord) -> tuple[str, ...]:
        """Normalised PyPI names that this record provides at its version, sorted; empty where it provides none."""

    @property
    def source(self) -> str:
        """What the answers rest on, for people: the public map and its day, or our own table."""

    @property
    def by_tables(self) -> bool:
        """Do the answers rest on our own table, because the public map could not be had?"""


class Sources(Protocol):
    """Source trees and wheels that a manifest names by path or repository; nothing of them is run."""

    def commit(self, repository: str, reference: tuple[str, str] | None) -> str:
        """The commit that a reference means now: (`branch`, `tag` or `rev`, its text), None for the default branch.

        Raises GitMissing, GitFailed or NotCached (exit 3).
        """

    def committed(self, repository: str, commit: str, subdirectory: str | None) -> Mapping[str, bytes]:
        """The files of a commit below a folder, by path. Raises what `commit` raises."""

    def folder(self, path: str) -> Mapping[str, bytes]:
        """The files of a folder on disk, by path. Raises FileMissing or FileUnreadable (exit 2)."""

    def archive(self, path: str) -> bytes:
        """An sdist on disk. Raises FileMissing or FileUnreadable (exit 2)."""

    def wheel(self, path: str) -> str:
        """The core metadata of a wheel on disk, headers only. Raises FileMissing or FileUnreadable (exit 2)."""

    def listing(self, path: str) -> tuple[str, ...] | None:
        """The names in a folder on disk, sorted; None where it is no folder."""
