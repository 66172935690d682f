"""The facts that the analyser needs and no sdist says, read strictly from `build_rules.toml`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from packaging.utils import canonicalize_name

from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRules:
    """Facts that change by themselves, each with a source and a date in the file they are read from."""

    distributions: Mapping[str, str] = field(default_factory=dict)
    """Import name (dotted names allowed, the longest match counts) -> distribution."""
    removed_modules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Standard module -> (first Python without it, distribution that brings it back or '')."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header file -> conda package of the CUDA toolkit that carries it; a trailing '/' means a folder."""
    ceilings: Mapping[str, str] = field(default_factory=dict)
    """Import name -> specifier on its distribution above which the module is gone."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Program that a build starts -> distribution that brings it."""
    backends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Build backend's top-level module -> tools that it needs besides Python."""
    hook_requirements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Build backend's top-level module -> distributions that its hooks may ask for when it runs."""
    implied_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Header or extension builder from outside -> conda packages whose headers come with it; '/' ends a folder."""
    module_notes: Mapping[str, str] = field(default_factory=dict)
    """Module (dotted) -> what its import asks of the environment."""
    switches: Mapping[str, str] = field(default_factory=dict)
    """Pattern of an environment variable's name -> what it does."""
    setup_arguments: Mapping[str, str] = field(default_factory=dict)
    """Argument of setup() that a plugin of setuptools reads -> the plugin's distribution."""
    brings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Distribution -> those that its newer releases require in turn, so that an isolated build has them too."""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Module that several distributions share -> why importing it alone names none of them."""
    stub_backends: tuple[str, ...] = ()
    """Backends that build nothing: they download the real wheel."""


def load_rules(text: str) -> BuildRules:
    """Read the rules from TOML. Raises ValueError that lists every fault with its path: unknown keys, no source."""
    document = tomllib.loads(text)
    faults: list[str] = []
    for key in document.keys() - _TABLES.keys():
        near = difflib.get_close_matches(key, _TABLES, n=1)
        faults.append(f"{key}: unknown table" + (f", perhaps you meant {near[0]}" if near else ""))
    read = {key: reader(key, document.get(key, {}), faults) for key, reader in _TABLES.items()}
    if faults:
        raise ValueError("; ".join(sorted(faults)))
    return BuildRules(**read)


def _entries(path: str, table: Any, keys: frozenset[str], faults: list[str]) -> list[tuple[str, Mapping[str, Any]]]:
    entries = []
    for name, entry in table.items():
        unknown = sorted(entry.keys() - keys - {"source", "as_of", "why"})
        faults.extend(f"{path}.{name}.{key}: unknown key" for key in unknown)
        missing = sorted((keys | {"source", "as_of"}) - entry.keys())
        faults.extend(f"{path}.{name}: {key} is missing" for key in missing)
        if not unknown and not missing:
            entries.append((name, entry))
    return entries


def _pairs(value: str, *, inverted: bool = False) -> Any:
    """Make a reader of entries that give one text per name, or (inverted) the names that share one text."""

    def read(path: str, table: Any, faults: list[str]) -> Mapping[str, str]:
        pairs: dict[str, str] = {}
        for name, entry in _entries(path, table, frozenset({value}), faults):
            if inverted:
                pairs.update(dict.fromkeys(entry[value], name))
            else:
                pairs[name] = entry[value]
        return MappingProxyType(pairs)

    return read


def _removed(path: str, table: Any, faults: list[str]) -> Mapping[str, tuple[str, str]]:
    keys = frozenset({"since", "distribution"})
    return MappingProxyType({n: (e["since"], e["distribution"]) for n, e in _entries(path, table, keys, faults)})


def _lists(value: str) -> Any:
    def read(path: str, table: Any, faults: list[str]) -> Mapping[str, tuple[str, ...]]:
        entries = _entries(path, table, frozenset({value}), faults)
        return MappingProxyType({name: tuple(entry[value]) for name, entry in entries})

    return read


def _stubs(path: str, table: Any, faults: list[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name, _ in _entries(path, table, frozenset(), faults)))


def _implied(path: str, table: Any, faults: list[str]) -> Mapping[str, tuple[str, ...]]:
    keys = frozenset({"names", "packages"})
    entries = _entries(path, table, keys, faults)
    return MappingProxyType({name: tuple(entry["packages"]) for _, entry in entries for name in entry["names"]})


def _patterns(path: str, table: Any, faults: list[str]) -> Mapping[str, str]:
    keys = frozenset({"names", "effect"})
    entries = _entries(path, table, keys, faults)
    return MappingProxyType({name: entry["effect"] for _, entry in entries for name in entry["names"]})


_TABLES: Mapping[str, Any] = {
    "distributions": _pairs("modules", inverted=True),
    "removed_modules": _removed,
    "headers": _pairs("headers", inverted=True),
    "ceilings": _pairs("specifier"),
    "commands": _pairs("distribution"),
    "backends": _lists("tools"),
    "hook_requirements": _lists("distributions"),
    "implied_packages": _implied,
    "module_notes": _pairs("note"),
    "switches": _patterns,
    "setup_arguments": _pairs("distribution"),
    "brings": _lists("distributions"),
    "namespaces": _pairs("why"),
    "stub_backends": _stubs,
}


def distribution_of(module: str, rules: BuildRules) -> str:
    """Name the distribution that provides a module: by the longest rule, else its first component, normalised."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        known = rules.distributions.get(".".join(parts[:count]))
        if known is not None:
            return known
    return canonicalize_name(parts[0])
