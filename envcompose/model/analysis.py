"""What reading an sdist found out about it, as frozen values.

Everything here is plain data: it can be compared, cached and written to JSON. Lists are sorted unless their order
means something (readings follow the order asked, build requirements the order declared).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from envcompose.model.values import dataclass


class MetadataSource(StrEnum):
    """Where the requirements of one reading come from, the most trustworthy first."""

    STATIC = "static"
    """Static by the standard: PEP 643 (PKG-INFO of Metadata-Version 2.2 or later) or PEP 621 (`[project]`)."""
    UV_STATIC = "uv-static"
    """Read as static by uv 0.11.15 only, which compares `Dynamic` case-sensitively."""
    EVALUATED = "evaluated"
    """Partial evaluation of setup.py and setup.cfg, followed to the end."""
    EGG_INFO = "egg-info"
    """requires.txt found in the sdist: what setuptools computed on the maintainer's machine."""
    AS_FOUND = "as-found"
    """Could not be followed to the end; what was found is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of the source that says so. `file` is relative to the sdist's root, `line` counts from 1."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistTexts:
    """An sdist reduced to what the analyser may read. Equal archives give equal values and equal JSON."""

    filename: str
    names: tuple[tuple[str, int], ...]
    """Every member's path (top folder stripped) and its size in bytes, sorted by path."""
    texts: Mapping[str, str]
    """Contents of the texts that can matter, by path."""
    includes: tuple[str, ...] = ()
    """Header names that native sources #include, sorted."""
    refused: tuple[str, ...] = ()
    """What was refused or left out, and why."""
    included: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """By native source: the headers that it includes, each with its line. Plain standard headers are left out."""

    def to_json(self) -> str:
        """Give the JSON text that `from_json` reads back to an equal value; keys and lists are sorted."""
        document = {
            "filename": self.filename,
            "names": [list(entry) for entry in self.names],
            "texts": dict(self.texts),
            "includes": list(self.includes),
            "refused": list(self.refused),
            "included": {path: [list(entry) for entry in entries] for path, entries in self.included.items()},
        }
        return json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> SdistTexts:
        """Read what `to_json` wrote. Raises ValueError where the text is something else."""
        document: Any = json.loads(text)
        try:
            return cls(
                filename=str(document["filename"]),
                names=tuple((str(name), int(size)) for name, size in document["names"]),
                texts={str(name): str(content) for name, content in document["texts"].items()},
                includes=tuple(str(name) for name in document["includes"]),
                refused=tuple(str(line) for line in document["refused"]),
                included={
                    str(path): tuple((str(header), int(line)) for header, line in entries)
                    for path, entries in document.get("included", {}).items()
                },
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a trimmed sdist: {error!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildNeed:
    """One distribution that must (or may) be importable while the sdist is built without isolation."""

    distribution: str
    """Normalised name (PEP 503)."""
    required: bool
    condition: str | None
    """The source expression under which the need arises; None where it always does."""
    place: Place | None
    why: str
    taken: bool = True
    """False where it is asked for only in a branch that is not taken at the defaults of the switches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """Something that makes a build fail or, worse, succeed wrongly. `code` is stable."""

    code: str
    text: str
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemNeed:
    """A program, or a conda package of the toolkit, that a default build needs outside of Python."""

    name: str
    """A program ('nvcc>=11.7' with its minimum, 'cxx', 'network') or a conda package."""
    condition: str | None
    place: Place | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """An environment variable that the build reads."""

    name: str
    default: str | None
    place: Place
    meaning: str | None
    """What variables of this name do, where that is known."""
    uses: tuple[Place, ...]
    """The conditions that the variable decides, in the order of the source."""
    condition: str | None = None
    """The source expression under which it is read; None where it always is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prebuilt:
    """A wheel that the build tries to download instead of compiling. Braces hold what is not known before the build."""

    url: str | None
    filename: str
    tags: tuple[tuple[str, str], ...]
    """What the file name says, as far as the code tells: cuda, torch, abi, python, platform."""
    switches: tuple[str, ...]
    """Environment variables that decide whether it is tried."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What the package's own `[tool.uv]` table says about builds: evidence from those who know."""

    kind: str
    text: str
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The sdist's metadata under one assumption about the installed torch."""

    torch: str | None
    """None: an isolated build, no torch installed."""
    requires_dist: tuple[str, ...]
    """PEP 508 strings with their extra markers, sorted."""
    requires_python: str | None
    provides_extra: tuple[str, ...]
    source: MetadataSource
    complete: bool
    incomplete: tuple[str, ...]
    """What could not be followed, each with file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """All that is known of one sdist without running any of it."""

    name: str
    version: str
    static_by_standard: bool
    """May a tool that follows the standards trust PKG-INFO or pyproject.toml?"""
    static_for_uv: bool
    """Does uv 0.11.15, the resolver inside pixi, read the metadata without a build?"""
    follows_torch: bool
    """Are the requirements a function of the installed torch?"""
    readings: tuple[Reading, ...]
    build_backend: str
    build_requires: tuple[str, ...]
    build_needs: tuple[BuildNeed, ...]
    tools: tuple[str, ...]
    toolkit_packages: tuple[str, ...]
    """conda names of the packages that carry the headers which the sources include."""
    extension: bool
    links_torch: bool
    cuda_sources: int
    native_sources: int
    cxx_standards: tuple[str, ...]
    scripts: tuple[str, ...]
    top_level: tuple[str, ...]
    extension_modules: tuple[str, ...]
    switches: tuple[tuple[str, str | None, str], ...]
    """Environment switches: name, default, and where they are read."""
    traps: tuple[Trap, ...]
    incomplete: tuple[str, ...]
    tool_needs: tuple[SystemNeed, ...] = ()
    """The programs of `tools`, each with its reason."""
    toolkit_needs: tuple[SystemNeed, ...] = ()
    """The packages of `toolkit_packages`, each with its reason."""
    environment: tuple[Switch, ...] = ()
    prebuilt: tuple[Prebuilt, ...] = ()
    hints: tuple[Hint, ...] = ()
