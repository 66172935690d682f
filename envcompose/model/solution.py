"""A solution: the closure of both layers, solved together, with URLs and hashes."""

from __future__ import annotations

from collections.abc import Mapping

from envcompose.model.record import CondaRecord, VirtualPackage
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSolution:
    """The conda layer of a solution, with what it was solved by and against.

    `records` are sorted by URL. `provides` maps a normalised PyPI name to the record that stands for it (a twin);
    `names_source` says what this mapping rests on. `rounds` counts the conda solves until nothing changed.
    """

    records: tuple[CondaRecord, ...]
    provides: Mapping[str, CondaRecord]
    pypi_names: Mapping[str, tuple[str, ...]]
    """The PyPI names of each record, by its URL; empty where it stands for none."""
    channels: tuple[str, ...]
    virtual: tuple[VirtualPackage, ...]
    names_source: str
    names_by_tables: bool
    """Is it our own table, because the public map of names could not be had?"""
    rounds: int

    def record(self, name: str) -> CondaRecord | None:
        """The record of a conda package, by its conda name."""
        return next((record for record in self.records if record.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDistribution:
    """One PyPI distribution as the lock holds it.

    `location` is a file's URL, `direct+…` for a file by URL, `git+…`, or a relative path; a path folder has no
    version. `sha256` is None where nothing tells it. `index` is None for what comes from no index.
    """

    name: str
    location: str
    version: str | None
    sha256: str | None
    index: str | None
    requires_dist: tuple[str, ...]
    requires_python: str | None
    from_source: bool = False
    """Are the requirements those of an sdist, a checkout or a folder?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Both layers. `distributions` is None where the lock cannot be written, and `lacking` says why."""

    conda: CondaSolution
    distributions: tuple[LockedDistribution, ...] | None
    default_index: str = ""
    """The address of the package index that serves what names no other."""
    main_index: str = ""
    """The address of the environment's first index: the user's, else the default one."""
    lacking: tuple[str, ...] = ()
    beyond_pixi: tuple[str, ...] = ()
    """Why pixi could not have locked this by itself, one sentence each; empty where it can."""
