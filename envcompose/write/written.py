"""A manifest and a lock on disk against a composition: what composing again would write otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import tomlkit
from tomlkit.exceptions import TOMLKitError

from envcompose.errors import LockInvalid, LockUnsupported
from envcompose.manifest.blocks import is_untouched, own_text
from envcompose.manifest.lock import LockedPypi, LockFile
from envcompose.manifest.lock_reading import read_lock
from envcompose.manifest.toml_text import Value, toml_value
from envcompose.model.composition import Composition
from envcompose.model.explanation import LOCKED_CONDA, LOCKED_PYPI, Difference
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer
from envcompose.model.values import dataclass
from envcompose.write.manifest import manifest_of

TABLES = ("dependencies", "constraints", "pypi-dependencies")
"""The tables that say what is installed."""

Lines = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The texts of a manifest and of the lock beside it, None where there is none."""

    manifest: str
    lock: str | None


def differences_of(written: Written, composition: Composition) -> tuple[Difference, ...]:
    """The lines of the two layers that differ, in the order of the tables and then the lock's, by name.

    Lines of the user's around the blocks are none: composing again keeps them. What they bring into a lock is one. A lock
    that cannot be read tells nothing here; `envcompose lock --check` judges it.
    """
    found: list[Difference] = []
    own = own_text(written.manifest) if is_untouched(written.manifest) is not None else ""
    for table, composed in _composed(composition).items():
        kept = {name for name in _lines_of(own, table) if name not in composed}
        lines = _lines_of(written.manifest, table)
        found += _compared(table, {name: lines[name] for name in lines if name not in kept}, composed)
    locked = _locked(written.lock) if written.lock is not None else None
    if locked is not None:
        found += _compared_locks(locked, composition)
    return tuple(found)


def _compared(table: str, written: Lines, composed: Lines) -> Iterator[Difference]:
    for name in sorted({*written, *composed}):
        if written.get(name) != composed.get(name):
            yield Difference(table=table, name=name, written=written.get(name), composed=composed.get(name))


def _composed(composition: Composition) -> dict[str, Lines]:
    tables = {table.name: table for table in manifest_of(composition, version="", set_digest="").tables}
    return {
        name: {line.key: toml_value(_sorted(line.value)) for line in tables[name].lines}
        for name in TABLES
        if name in tables
    }


def _lines_of(text: str, table: str) -> Lines:
    """The lines of one table as TOML texts; none where the text holds no such table."""
    try:
        found = tomlkit.parse(text).unwrap().get(table)
    except TOMLKitError:
        return {}
    return dict(_lines(found)) if isinstance(found, dict) else {}


def _lines(table: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str | bool | int | Sequence | Mapping):
            yield name, toml_value(_sorted(value))


def _sorted(value: Value) -> Value:
    """Keys of an inline table have no order."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def _locked(text: str) -> LockFile | None:
    try:
        found = read_lock(text, "pixi.lock")
    except (LockInvalid, LockUnsupported):
        return None
    return found if isinstance(found, LockFile) else None


def _compared_locks(lock: LockFile, composition: Composition) -> Iterator[Difference]:
    """Versions in the lock's default environment; the conda layer's where it was solved here too."""
    own = [environment for environment in lock.environments if environment.name == "default"]
    entries = [entry for environment in own for packages in environment.packages.values() for entry in packages]
    pypi = {e.name: e.version for e in entries if isinstance(e, LockedPypi) and e.version is not None}
    if composition.solution is not None:
        conda = {entry.name: entry.version for entry in entries if not isinstance(entry, LockedPypi)}
        solved = {record.name: record.version for record in composition.solution.conda.records}
        yield from _compared(LOCKED_CONDA, conda, solved)
    yield from _compared(LOCKED_PYPI, pypi, _distributions(composition))


def _distributions(composition: Composition) -> Lines:
    """The versions that a lock holds of this composition: a task installs outside of it, and a folder has none."""
    return {
        package.name: package.version
        for package in composition.packages
        if package.layer is Layer.PYPI and package.version and package.artifact.kind is not ArtifactKind.TASK
    }
