"""Where a text stands as a value in a TOML document: for errors about what a manifest names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from envcompose.manifest.toml_places import Path
from envcompose.manifest.toml_table import TomlSource, read_values


def line_saying(text: str, key: str, is_it: Callable[[str], bool]) -> int | None:
    """The line (from 1) of the first text below a key of this name, at whatever depth, that is the one; None for none."""
    source = TomlSource(text, "")
    found = (where for where, value in _texts(read_values(text, ""), ()) if key in where and is_it(value))
    where = next(found, None)
    return None if where is None else source.line(where)


def _texts(value: object, where: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, (*where, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(one, (*where, index))
