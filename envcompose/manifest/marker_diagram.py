"""Markers as decision diagrams, the canonical form in which uv and the `pep508_rs` of pixi keep them.

A diagram asks one variable after the other in a fixed order; each answer leads to the next question, at last to true or
false. Two markers that mean the same give the same diagram (nearly: see `Diagrams.both`). Two such readers work in pixi,
one after the other, with different orders of their questions; `Dialect` names what differs.

A variable with ranges is kept by its cuts: a node with n cuts has n+1 children, one for each range between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field

from envcompose.manifest.marker_reading import STRING_KEYS, Comparison, Marker
from envcompose.manifest.marker_versions import Cut, Interval, intervals_of, text_interval
from envcompose.model.values import dataclass

Variable = tuple[int, int, str]
"""What is asked: its kind, the rank of its key, and for `in`, `contains` and extras the value."""

STRING, VERSION, IN, CONTAINS, EXTRA = "string", "version", "in", "contains", "extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between the two readers: the order of the questions, and which facts about platforms they know."""

    kinds: tuple[str, ...]
    string_keys: tuple[str, ...]
    version_keys: tuple[str, ...]
    knows_platforms: bool
    """Is `platform_system == 'Linux'` the same as `sys_platform == 'linux'`, and can impossible pairs be told?"""
    trims_versions: bool
    """Are trailing zeros of a version left out (`3.0` is `3`)?"""


UV = Dialect(
    kinds=(STRING, VERSION, IN, CONTAINS, EXTRA),
    string_keys=(
        "os_name",
        "sys_platform",
        "platform_system",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_version",
        "implementation_name",
    ),
    version_keys=("implementation_version", "python_full_version"),
    knows_platforms=True,
    trims_versions=True,
)
"""uv 0.11.15, which reads the metadata."""

PEP508_RS = Dialect(
    kinds=(VERSION, STRING, IN, CONTAINS, EXTRA),
    string_keys=STRING_KEYS,
    version_keys=("implementation_version", "python_full_version"),
    knows_platforms=False,
    trims_versions=False,
)
"""pep508_rs 0.9.2, which writes the lock from what uv read."""

# The values of platform_system that are only another word for one of sys_platform.
_SYSTEMS = {
    "Windows": "win32",
    "Darwin": "darwin",
    "Linux": "linux",
    "AIX": "aix",
    "Emscripten": "emscripten",
    "Android": "android",
}
_OTHER_SYSTEMS = ("FreeBSD", "NetBSD", "OpenBSD", "SunOS", "iOS", "iPadOS")
_PLATFORMS = ("aix", "android", "emscripten", "ios", "linux", "darwin", "win32", "cygwin", "wasi")
_RELATED = ("os_name", "sys_platform", "platform_system")
_IMPOSSIBLE = (
    *((("os_name", "nt"), ("sys_platform", name)) for name in ("linux", "darwin", "ios")),
    (("os_name", "posix"), ("sys_platform", "win32")),
    *(
        (("platform_system", system), ("sys_platform", platform))
        for system in _OTHER_SYSTEMS
        for platform in _PLATFORMS
        if not (platform == "ios" and system in ("iOS", "iPadOS"))
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One question with the answers that follow; `cuts` is empty for a yes-or-no question (first yes, then no).

    Nodes of one `Diagrams` that are alike are the same object. True and false are nodes without children.
    """

    variable: Variable
    cuts: tuple[Cut, ...]
    children: tuple[Node, ...]
    variables: frozenset[Variable]


@dataclass(slots=True)
class Diagrams:
    """The nodes of one marker, and the operations on them."""

    dialect: Dialect
    true: Node = field(default_factory=lambda: Node((9, 1, ""), (), (), frozenset()))
    false: Node = field(default_factory=lambda: Node((9, 0, ""), (), (), frozenset()))
    _nodes: dict[tuple[Variable, tuple[Cut, ...], tuple[int, ...]], Node] = field(default_factory=dict)
    _negations: dict[int, Node] = field(default_factory=dict)
    _both: dict[tuple[int, int], Node] = field(default_factory=dict)
    _impossible: Node | None = None

    def node_of(self, marker: Marker) -> Node:
        """Give the diagram of a marker."""
        if isinstance(marker, Comparison):
            return self._comparison(marker)
        nodes = [self.node_of(part) for part in marker.parts]
        join = self.both if marker.word == "and" else self.either
        found = nodes[0]
        for node in nodes[1:]:
            found = join(found, node)
        return found

    def negation(self, node: Node) -> Node:
        """Give what is true where the node is false."""
        if node is self.true or node is self.false:
            return self.false if node is self.true else self.true
        found = self._negations.get(id(node))
        if found is None:
            found = self._node(node.variable, node.cuts, tuple(self.negation(child) for child in node.children))
            self._negations[id(node)] = found
            self._negations[id(found)] = node
        return found

    def either(self, one: Node, other: Node) -> Node:
        """Give what is true where one of them is."""
        return self.negation(self.both(self.negation(one), self.negation(other)))

    def both(self, one: Node, other: Node, *, minds_platforms: bool = True) -> Node:
        """Give what is true where both are.

        Where a variable is asked above, two neighbouring ranges that come to lead to the same node stay two: uv keeps
        them so too, and what it prints depends on it.
        """
        if one is self.false or other is self.false or one is self.negation(other):
            return self.false
        if one is self.true or one is other:
            return other
        if other is self.true:
            return one
        minds_platforms = minds_platforms and self._may_be_impossible(one, other)
        if minds_platforms and self._impossible is None:
            self._impossible = self._all_impossible()
        key = (id(one), id(other))
        found = self._both.get(key)
        if found is None:
            found = self._shannon(one, other, lambda a, b: self.both(a, b, minds_platforms=minds_platforms))
            if minds_platforms and self._is_impossible(found):
                found = self.false
            self._both[key] = found
        return found

    def _shannon(self, one: Node, other: Node, join: Callable[[Node, Node], Node]) -> Node:
        if one.variable < other.variable:
            return self._decision(one.variable, one.cuts, [join(child, other) for child in one.children])
        if one.variable > other.variable:
            return self._decision(other.variable, other.cuts, [join(child, one) for child in other.children])
        if not one.cuts:
            pairs = zip(one.children, other.children, strict=True)
            return self._decision(one.variable, (), [join(a, b) for a, b in pairs])
        return self._decision(one.variable, *_merged(one, other, join))

    def _may_be_impossible(self, one: Node, other: Node) -> bool:
        if not self.dialect.knows_platforms:
            return False
        if not (self._is_related(one.variable) and self._is_related(other.variable)):
            return False
        # A single one of the related variables excludes nothing.
        return sum(map(self._is_related, one.variables | other.variables)) > 1

    def _is_impossible(self, node: Node) -> bool:
        """Is this true only on platforms that do not exist, such as os_name 'nt' with sys_platform 'linux'?"""
        assert self._impossible is not None
        return self.both(node, self.negation(self._impossible), minds_platforms=False) is self.false

    def _is_related(self, variable: Variable) -> bool:
        kind, rank, _ = variable
        return self.dialect.kinds[kind] == STRING and self.dialect.string_keys[rank] in _RELATED

    def _all_impossible(self) -> Node:
        # uv finds these pairs in its memory afterwards, and so does not take such a pair by itself for impossible.
        found = self.true
        for (key, value), (other_key, other_value) in _IMPOSSIBLE:
            one, other = self._string(key, "==", value), self._string(other_key, "==", other_value)
            pair = self.both(one, other, minds_platforms=False)
            found = self.both(found, self.negation(pair), minds_platforms=False)
        return self.negation(found)

    def _decision(self, variable: Variable, cuts: tuple[Cut, ...], children: Sequence[Node]) -> Node:
        first = children[0]
        if all(child is first for child in children):
            return first
        return self._node(variable, cuts, tuple(children))

    def _node(self, variable: Variable, cuts: tuple[Cut, ...], children: tuple[Node, ...]) -> Node:
        key = (variable, cuts, tuple(map(id, children)))
        found = self._nodes.get(key)
        if found is None:
            variables = frozenset({variable}).union(*(child.variables for child in children))
            found = self._nodes[key] = Node(variable, cuts, children, variables)
        return found

    def _comparison(self, marker: Comparison) -> Node:
        key, operator, value = marker.key, marker.operator, marker.value
        if key == "extra":
            if value is None:
                return self.false
            return self._yes_or_no(EXTRA, 0, str(value), yes=operator == "==")
        if isinstance(value, str):
            return self._string(key, operator, value)
        return self._version(marker)

    def _yes_or_no(self, kind: str, rank: int, value: str, *, yes: bool) -> Node:
        children = (self.true, self.false) if yes else (self.false, self.true)
        return self._decision((self.dialect.kinds.index(kind), rank, value), (), children)

    def _string(self, key: str, operator: str, value: str) -> Node:
        dialect = self.dialect
        is_plain = operator not in ("in", "not in", "contains", "not contains")
        if dialect.knows_platforms and is_plain and key == "platform_system" and value in _SYSTEMS:
            key, value = "sys_platform", _SYSTEMS[value]
        rank = dialect.string_keys.index(key)
        if is_plain:
            variable = (dialect.kinds.index(STRING), rank, "")
            return self._ranges(variable, [text_interval(operator, value)], negated=operator == "!=")
        kind = CONTAINS if operator.endswith("contains") else IN
        return self._yes_or_no(kind, rank, value, yes=not operator.startswith("not"))

    def _version(self, marker: Comparison) -> Node:
        intervals = intervals_of(marker, trims=self.dialect.trims_versions)
        if intervals is None:
            return self.false
        key = "python_full_version" if marker.key == "python_version" else marker.key
        variable = (self.dialect.kinds.index(VERSION), self.dialect.version_keys.index(key), "")
        return self._ranges(variable, intervals, negated=marker.operator in ("!=", "not in"))

    def _ranges(self, variable: Variable, intervals: Iterable[Interval], *, negated: bool) -> Node:
        """Give a node that is true within the ranges (or, negated, without), which are in order and do not touch."""
        inside, outside = (self.false, self.true) if negated else (self.true, self.false)
        cuts: list[Cut] = []
        children: list[Node] = []
        for start, end in intervals:
            if start is not None:
                cuts.append(start)
                children.append(outside)
            children.append(inside)
            if end is None:
                return self._decision(variable, tuple(cuts), children)
            cuts.append(end)
        children.append(outside)
        return self._decision(variable, tuple(cuts), children)


def _merged(one: Node, other: Node, join: Callable[[Node, Node], Node]) -> tuple[tuple[Cut, ...], list[Node]]:
    """Join two nodes that ask the same, range by range; neighbouring ranges that lead to the same node become one."""
    cuts: list[Cut] = []
    children = [join(one.children[0], other.children[0])]
    i = j = 0
    while i < len(one.cuts) or j < len(other.cuts):
        if j == len(other.cuts) or (i < len(one.cuts) and one.cuts[i] <= other.cuts[j]):
            cut = one.cuts[i]
            j += j < len(other.cuts) and other.cuts[j] == cut
            i += 1
        else:
            cut = other.cuts[j]
            j += 1
        child = join(one.children[i], other.children[j])
        if child is not children[-1]:
            cuts.append(cut)
            children.append(child)
    return tuple(cuts), children
