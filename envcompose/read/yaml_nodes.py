"""A YAML text -> nodes that know their lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envcompose.errors import FileUnreadable
from envcompose.model.requirement import Origin, OriginKind
from envcompose.model.values import dataclass

if TYPE_CHECKING:
    import yaml

_DEEPEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlNode:
    """One node: exactly one of `text`, `items` and `pairs` is not None, and none of them for an empty value."""

    path: str
    line: int
    text: str | None = None
    items: tuple[YamlNode, ...] | None = None
    pairs: tuple[tuple[str, YamlNode], ...] | None = None

    @property
    def origin(self) -> Origin:
        """The place of this node."""
        return Origin(kind=OriginKind.FILE, file=self.path, line=self.line)

    @property
    def is_empty(self) -> bool:
        """Does nothing stand here?"""
        return self.text is None and self.items is None and self.pairs is None

    def wrong(self, reason: str, hint: str | None = None) -> FileUnreadable:
        """Give the error for this node."""
        return FileUnreadable(path=self.path, reason=reason, line=self.line, hint=hint)


def parse_yaml(text: str, path: str) -> YamlNode:
    """Parse the one document of a YAML text, scalars as the texts that were written (`3.10` stays `3.10`).

    Raises FileUnreadable with the line; for duplicate keys, deep nesting and aliases too, which no environment needs.
    """
    # PyYAML takes 20 ms to import, and most commands read no YAML.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(text, path, loader)
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise FileUnreadable(path=path, reason=f"{error.problem or 'broken'} (YAML)", line=line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        raise FileUnreadable(path=path, reason="it is no YAML", line=line) from error
    if root is None:
        return YamlNode(path=path, line=1)
    return _node(root, path)


def _check_events(text: str, path: str, loader: type[yaml.SafeLoader]) -> None:
    """Refuse what could overflow or multiply before a tree is built from it."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise FileUnreadable(path=path, reason="aliases (*name) are not read", line=_line(event))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise FileUnreadable(path=path, reason="it is nested too deeply", line=_line(event))


def _node(node: yaml.Node, path: str) -> YamlNode:
    import yaml

    line = _line(node)
    if isinstance(node, yaml.SequenceNode):
        return YamlNode(path=path, line=line, items=tuple(_node(one, path) for one in node.value))
    if isinstance(node, yaml.MappingNode):
        return YamlNode(path=path, line=line, pairs=_pairs(node, path))
    if node.tag == "tag:yaml.org,2002:null":
        return YamlNode(path=path, line=line)
    # The text of a block scalar begins on the line below its mark.
    is_block = getattr(node, "style", None) in ("|", ">")
    return YamlNode(path=path, line=line + is_block, text=str(node.value))


def _line(marked: yaml.Node | yaml.Event) -> int:
    return marked.start_mark.line + 1 if marked.start_mark is not None else 1


def _pairs(node: yaml.MappingNode, path: str) -> tuple[tuple[str, YamlNode], ...]:
    import yaml

    pairs: dict[str, YamlNode] = {}
    for key, value in node.value:
        line = _line(key)
        if not isinstance(key, yaml.ScalarNode):
            raise FileUnreadable(path=path, reason="a key must be a text", line=line)
        if key.value in pairs:
            raise FileUnreadable(path=path, reason=f"the key {key.value[:60]} stands twice", line=line)
        found = _node(value, path)
        pairs[key.value] = found if found.text is not None else replace(found, line=line)
    return tuple(pairs.items())
