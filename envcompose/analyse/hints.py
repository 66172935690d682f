"""What a package's own `[tool.uv]` table says about the builds of its dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from envcompose.analyse.found import Found
from envcompose.analyse.tables import strings_in, table_at
from envcompose.model.analysis import Hint, Place

KEYS = (
    "extra-build-dependencies",
    "extra-build-variables",
    "no-build-isolation",
    "no-build-isolation-package",
    "no-build-package",
    "no-binary-package",
)
"""The settings of uv that speak of builds; `dependency-metadata` speaks of requirements."""


def hints(found: Found) -> tuple[Hint, ...]:
    """Give one hint per entry, in the order of the keys and then of the table."""
    table = table_at(table_at(found.project.document, "tool"), "uv")
    return tuple(hint for key in KEYS if key in table for hint in _entries(found, key, table[key]))


def _entries(found: Found, key: str, value: object) -> Iterator[Hint]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield Hint(kind=key, text=f"{name}: {_shown(inner)}"[:300], place=_place(found, str(name), key))
    elif isinstance(value, list):
        for name in strings_in(value):
            yield Hint(kind=key, text=name[:300], place=_place(found, name, key))
    else:
        yield Hint(kind=key, text=str(value)[:300], place=_place(found, key, key))


def _shown(value: object, depth: int = 4) -> str:
    if isinstance(value, (dict, list)) and not depth:
        return "..."
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_shown(inner, depth - 1)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(inner, depth - 1) for inner in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place(found: Found, name: str, key: str) -> Place | None:
    """Find the line of an entry: the first that spells it at or after the line of its key."""
    lines = found.sdist.texts.get("pyproject.toml", "").splitlines()
    start = next((number for number, line in enumerate(lines, 1) if key in line), None)
    if start is None:
        return None
    line = next((number for number in range(start, len(lines) + 1) if name in lines[number - 1]), start)
    return Place(file="pyproject.toml", line=line, text=lines[line - 1].strip()[:200])
