"""Dependency groups (PEP 735) -> the requirements of the groups asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from packaging.utils import canonicalize_name

from envcompose.errors import CyclicInclude, FileUnreadable
from envcompose.model.requirement import UserRequirement
from envcompose.read.extras import known_name
from envcompose.read.suggest import nearest
from envcompose.read.toml_table import TomlTable

ReadText = Callable[[TomlTable, str, str], UserRequirement | None]
"""Reads one requirement text of a table's key; None where it was told instead."""


def group_names(table: TomlTable) -> dict[str, str]:
    """Map normalised group names to how the file spells them. Two spellings of one name are an error (PEP 735)."""
    names: dict[str, str] = {}
    for spelled in table.values:
        name = canonicalize_name(spelled)
        if name in names:
            raise table.wrong(spelled, f"is the same group as {names[name]}")
        names[name] = spelled
    return names


def read_groups(table: TomlTable, groups: Sequence[str], read_text: ReadText) -> tuple[list[UserRequirement], set[str]]:
    """Give the requirements of the groups and of what they include, each group once, and the groups that were read.

    Raises UnknownValue for a group that is not there, CyclicInclude, and FileUnreadable for odd entries.
    """
    names = group_names(table)
    found: list[UserRequirement] = []
    done: set[str] = set()

    def read(group: str, chain: tuple[str, ...]) -> None:
        if group in chain:
            origin = table.origin(names[group])
            cycle = [names[one] for one in (*chain[chain.index(group) :], group)]
            raise CyclicInclude(chain=cycle, file=origin.file, line=origin.line)
        if len(chain) > 100:
            raise table.wrong(names[group], "is included more than 100 groups deep")
        if group in done:
            return
        for entry in _entries(table, names[group]):
            if isinstance(entry, str):
                if (one := read_text(table, names[group], entry)) is not None:
                    found.append(one)
            else:
                read(_included(table, names, names[group], entry), (*chain, group))
        done.add(group)

    for group in groups:
        read(known_name("--group", group, names, table.path), ())
    return found, done


def _entries(table: TomlTable, spelled: str) -> Sequence[object]:
    entries = table.values[spelled]
    if not isinstance(entries, list):
        raise table.wrong(spelled, "must be a list")
    return entries


def _included(table: TomlTable, names: dict[str, str], spelled: str, entry: object) -> str:
    """Give the normalised name in `{include-group = "…"}`, which is the only table that PEP 735 knows."""
    included = entry.get("include-group") if isinstance(entry, dict) and len(entry) == 1 else None
    if not isinstance(included, str):
        raise table.wrong(spelled, 'holds an entry that is neither a requirement nor {include-group = "NAME"}')
    name = canonicalize_name(included)
    if name not in names:
        near = nearest(name, names)
        origin = table.origin(spelled, included)
        raise FileUnreadable(
            path=table.path,
            reason=f"the group {spelled} includes {included}, which is not there",
            line=origin.line,
            hint=f"did you mean {near}?" if near else None,
        )
    return name
