"""Conda's version order: reading a version and comparing two (CEP 33 and 34, conda's VersionOrder).

Where the CEPs leave room, the reading is that of rattler, the library inside pixi: trailing dashes count, dashes and
underscores may not be mixed, and a component that is missing is worth 0.
"""

from __future__ import annotations

import re
from functools import lru_cache, total_ordering
from itertools import zip_longest

from envcompose.model.values import dataclass

Component = tuple[int, int, str]
Segment = tuple[Component, ...]

_DEV, _DASH, _WORD, _NUMBER, _POST = range(5)
_ZERO: Component = (_NUMBER, 0, "")
_PIECE = re.compile(r"[0-9]+|[A-Za-z]+")
_EPOCH = re.compile(r"([0-9]+)!")
_LARGEST = 2**64


class VersionInvalid(ValueError):
    """A text that is no conda version; the message says why."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class CondaVersion:
    """One conda version. Equal and ordered as conda orders: `1.0` == `1`, `1.0rc1` < `1.0`, `1.0` < `1.0.post1`."""

    text: str
    epoch: int
    segments: tuple[Segment, ...]
    local: tuple[Segment, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaVersion) and _compare(self, other) == 0

    def __lt__(self, other: CondaVersion) -> bool:
        return _compare(self, other) < 0

    def __hash__(self) -> int:
        return hash((self.epoch, self.segments[0][0]))

    def __str__(self) -> str:
        return self.text

    def starts_with(self, prefix: CondaVersion) -> bool:
        """Whether this version is `prefix` or goes on behind it, as `1.2.*` asks of it."""
        return (
            self.epoch == prefix.epoch and _starts(self.segments, prefix.segments) and _starts(self.local, prefix.local)
        )

    def compatible_with(self, limit: CondaVersion) -> bool:
        """Whether `~=limit` admits this version: not below it, and the same up to its last segment."""
        return (
            self >= limit
            and self.epoch == limit.epoch
            and _starts(self.segments, limit.segments[:-1])
            and _starts(self.local, limit.local)
        )

    @property
    def major_minor(self) -> tuple[int, int] | None:
        """The first two numbers, where both segments are plain numbers."""
        heads = self.segments[:2]
        if len(heads) < 2 or any(len(segment) != 1 or segment[0][0] != _NUMBER for segment in heads):
            return None
        return heads[0][0][1], heads[1][0][1]


@lru_cache(maxsize=16384)
def parse_version(text: str) -> CondaVersion:
    """Read a whole text as a conda version. Raises VersionInvalid."""
    version, rest = read_version(text)
    if rest:
        raise VersionInvalid(f"'{text}' is no version: nothing is expected at '{rest}'")
    return version


def read_version(text: str) -> tuple[CondaVersion, str]:
    """Read a version from the start of a text and give what follows it. Raises VersionInvalid."""
    if not text:
        raise VersionInvalid("a version is missing")
    epoch, rest = 0, text
    if found := _EPOCH.match(text):
        epoch, rest = _number(found[1], text), text[found.end() :]
    segments, rest, dash = _part(rest, text, "")
    local: tuple[Segment, ...] = ()
    if rest.startswith("+"):
        local, rest, _ = _part(rest[1:], text, dash)
    return CondaVersion(text[: len(text) - len(rest)], epoch, segments, local), rest


def _part(text: str, whole: str, dash: str) -> tuple[tuple[Segment, ...], str, str]:
    """Segments between dots, dashes and underscores; also what follows and which of `-` and `_` was used."""
    first, rest = _segment(text)
    if first is None:
        raise VersionInvalid(f"'{whole}' is no version: a number or a word is expected at '{text}'")
    segments = [first]
    while rest[:1] in {"-", "_", "."}:
        separator, behind = rest[0], rest[1:]
        dash = _same_dash(dash, separator, whole)
        following, after = _segment(behind)
        if following is not None:
            segments.append(following)
            rest = after
            continue
        if behind[:1] in {"-", "_"}:
            dash = _same_dash(dash, behind[0], whole)
            segments.append((_ZERO, (_DASH, 0, "")))
            return tuple(segments), behind[1:], dash
        if separator != ".":
            segments[-1] = (*segments[-1], (_DASH, 0, ""))
            return tuple(segments), behind, dash
        break
    return tuple(segments), rest, dash


def _same_dash(dash: str, separator: str, whole: str) -> str:
    if separator == ".":
        return dash
    if dash and dash != separator:
        raise VersionInvalid(f"'{whole}' is no version: it uses dashes and underscores")
    return separator


def _segment(text: str) -> tuple[Segment | None, str]:
    components: list[Component] = []
    position = 0
    while found := _PIECE.match(text, position):
        components.append(_component(found[0], text))
        position = found.end()
    if not components:
        return None, text
    if components[0][0] != _NUMBER:
        components.insert(0, _ZERO)
    return tuple(components), text[position:]


def _component(piece: str, whole: str) -> Component:
    if piece[0].isdigit():
        return (_NUMBER, _number(piece, whole), "")
    word = piece.lower()
    if word == "post":
        return (_POST, 0, "")
    if word == "dev":
        return (_DEV, 0, "")
    return (_WORD, 0, word)


def _number(digits: str, whole: str) -> int:
    # The length first: a text of a million digits must not be turned into a number.
    if len(digits) > 20 or int(digits) >= _LARGEST:
        raise VersionInvalid(f"'{whole[:60]}' is no version: a number in it is too large")
    return int(digits)


def _compare(left: CondaVersion, right: CondaVersion) -> int:
    if left.epoch != right.epoch:
        return -1 if left.epoch < right.epoch else 1
    return _compare_parts(left.segments, right.segments) or _compare_parts(left.local, right.local)


def _compare_parts(left: tuple[Segment, ...], right: tuple[Segment, ...]) -> int:
    for mine, theirs in zip_longest(left, right, fillvalue=()):
        for component, other in zip_longest(mine, theirs, fillvalue=_ZERO):
            if component != other:
                return -1 if component < other else 1
    return 0


def _starts(version: tuple[Segment, ...], prefix: tuple[Segment, ...]) -> bool:
    more = False
    for index, wanted in enumerate(prefix):
        if index >= len(version):
            if any(component != _ZERO for component in wanted):
                return False
            continue
        if more:
            return False
        mine = version[index]
        for component, other in zip_longest(mine, wanted):
            if other is None:
                more = True
                break
            if component != other and not (component is None and other == _ZERO):
                return False
    return True
