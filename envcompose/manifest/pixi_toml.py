"""pixi.toml as a typed value and its text: sorted, one reason a line, the same bytes for the same value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envcompose.manifest.blocks import BEGIN, END
from envcompose.manifest.toml_text import Value, toml_comment, toml_key, toml_value
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One key of a table with its value and the reason for it, which becomes a comment."""

    key: str
    value: Value
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table with its lines; a table of subtables (tasks) has a name with a dot."""

    name: str
    lines: tuple[Line, ...]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The whole file: comment lines at its head, then tables in the order in which a reader wants them.

    `schema` is the line for editors, which stands in front of all blocks.
    """

    schema: str
    head: tuple[str, ...]
    tables: tuple[Table, ...]


def render_manifest(manifest: Manifest) -> str:
    """The text of a manifest; tables without lines are left out, and everything but the schema stands in marked blocks."""
    head = (toml_comment(text) if text else "#" for text in manifest.head)
    parts = ["\n".join([toml_comment(manifest.schema), BEGIN, *head, END])]
    parts += [_render(table) for table in manifest.tables if table.lines]
    return "\n\n".join(parts) + "\n"


def _render(table: Table) -> str:
    name = ".".join(toml_key(part) for part in table.name.split("."))
    why = [toml_comment(table.why)] if table.why else []
    return "\n".join([BEGIN, *why, f"[{name}]", *(_row(line) for line in table.lines), END])


def _row(line: Line) -> str:
    row = f"{toml_key(line.key)} = {_wrapped(line.value)}"
    return f"{row}  {toml_comment(line.why)}" if line.why else row


def _wrapped(value: Value) -> str:
    """Long arrays get one item a line, so that a diff shows the item that changed."""
    one_line = toml_value(value)
    if isinstance(value, str | bool | int | Mapping) or len(one_line) <= 100:
        return one_line
    assert isinstance(value, Sequence)
    return "[\n" + "".join(f"    {toml_value(item)},\n" for item in value) + "]"
