"""Tables as TOML gives them, where anything may stand in place of what was expected."""

from __future__ import annotations

from collections.abc import Mapping


def table_at(table: object, key: str) -> Mapping[str, object]:
    """Give the table at a key of a TOML table, an empty one where there is something else or nothing."""
    found = table.get(key) if isinstance(table, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def strings_in(value: object) -> list[str]:
    """Give the strings anywhere in a TOML value, in their order."""
    found: list[str] = []
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, Mapping):
            stack.extend(reversed(list(part.values())))
        elif isinstance(part, list):
            stack.extend(reversed(part))
    return found
