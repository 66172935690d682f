"""The text of a YAML document -> plain data, each value as pixi would take it, and the lines of the parts that matter.

pixi reads a lock file as YAML 1.2: `version: 2.7` is a number and `yes` is a text. What stands in quotes is a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcompose.errors import LockInvalid
from envcompose.manifest.lock_yaml import plain_value
from envcompose.model.values import dataclass

if TYPE_CHECKING:
    import yaml

_DEEPEST = 50
_TAG = "tag:yaml.org,2002:"


class Table(dict[str, object]):
    """A mapping of the document that knows its line (from 1) and those of its keys."""

    __slots__ = ("key_lines", "line")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.key_lines: dict[str, int] = {}


class Items(list[object]):
    """A sequence of the document that knows its line (from 1) and those of its items."""

    __slots__ = ("item_lines", "line")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.item_lines: list[int] = []


@dataclass(slots=True)
class _Building:
    """What has been read so far: the open collections, and for each open mapping the key that waits for its value."""

    path: str
    open: list[Table | Items]
    keys: list[str | None]
    root: object = None
    documents: int = 0

    def add(self, value: object, line: int) -> None:
        """Put a value where the reading stands."""
        if not self.open:
            self.root = value
            return
        where = self.open[-1]
        if isinstance(where, Items):
            where.append(value)
            where.item_lines.append(line)
            return
        key = self.keys[-1]
        if key is not None:
            where[key] = value
            self.keys[-1] = None
            return
        if not isinstance(value, str):
            raise LockInvalid(path=self.path, line=line, reason="a key must be a text")
        if value in where:
            raise LockInvalid(path=self.path, line=line, reason=f"the key {value[:60]} stands twice")
        where.key_lines[value] = line
        self.keys[-1] = value


def read_document(text: str, path: str) -> object:
    """Read the one document of a YAML text: Table, Items, str, int, float, bool or None.

    Raises LockInvalid with its line where pixi's own reader fails: what is no YAML, a key that stands twice or is no
    text, a second document. Aliases (`*name`) and depths beyond any lock's are refused too, though pixi follows them.
    """
    # PyYAML takes 20 ms to import, and most commands read no lock.
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    building = _Building(path=path, open=[], keys=[])
    try:
        for event in yaml.parse(text, Loader=loader):
            _take(event, building)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise LockInvalid(path=path, line=line, reason=f"{error.problem or 'broken'} (YAML)") from error
    except (yaml.YAMLError, ValueError) as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        raise LockInvalid(path=path, line=line, reason="it is no YAML") from error
    return building.root


def _take(event: yaml.Event, building: _Building) -> None:
    import yaml

    name = type(event).__name__
    line = event.start_mark.line + 1 if event.start_mark is not None else 1
    if isinstance(event, yaml.ScalarEvent):
        building.add(_scalar(event, building.path, line), line)
    elif name in ("MappingStartEvent", "SequenceStartEvent"):
        building.open.append(Table(line) if name == "MappingStartEvent" else Items(line))
        building.keys.append(None)
        if len(building.open) > _DEEPEST:
            raise LockInvalid(path=building.path, line=line, reason="it is nested too deeply")
    elif name in ("MappingEndEvent", "SequenceEndEvent"):
        closed = building.open.pop()
        building.keys.pop()
        building.add(closed, closed.line)
    elif name == "AliasEvent":
        raise LockInvalid(path=building.path, line=line, reason="aliases (*name) are not read")
    elif name == "DocumentStartEvent":
        building.documents += 1
        if building.documents > 1:
            raise LockInvalid(path=building.path, line=line, reason="a second YAML document begins")


def _scalar(event: yaml.ScalarEvent, path: str, line: int) -> object:
    value: str = event.value
    tag: str | None = event.tag
    if tag is None:
        # libyaml gives the style of an unquoted scalar as "", the reader in Python as None.
        return value if event.style else plain_value(value)
    if tag in ("!", _TAG + "str"):
        return value
    if tag.removeprefix(_TAG) in ("int", "float", "bool", "null"):
        return plain_value(value)
    raise LockInvalid(path=path, line=line, reason=f"the tag {tag[:60]} means nothing here")
