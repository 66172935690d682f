"""The blocks of a manifest that envcompose keeps, and the lines around them, which are the user's.

A block is what stands from one mark to the next, marks included. One value in it, `blocks`, is the sha256 of all of
them, and then the number of lines in each: while it is right, nobody has edited what is ours. What stands at the end of a
block beyond these lines is the user's: `pixi add` puts a new line behind the last one of a table, in front of the mark.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from envcompose.manifest.toml_places import Path, headers_of, places_of
from envcompose.manifest.toml_text import toml_key
from envcompose.model.values import dataclass

BEGIN = "# >>> envcompose"
END = "# <<< envcompose"
SCHEMA_COMMENT = ":schema https://pixi.sh/v0.77.0/schema/manifest/schema.json"
"""The line that names the schema stands in front of all blocks, where editors look for it."""

SEAL = "blocks"
OPEN_SEAL = "0" * 64

_SCHEMA = "#:schema"
# Each that an envcompose ever wrote belongs here: any other line of the kind is the user's.
_OUR_SCHEMAS = (f"#{SCHEMA_COMMENT}",)
_HEADER_COMMENT = re.compile(r"""\s*(?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*(#.*)""")
_PLACE = re.compile(r" at line \d+ col \d+$")
_SEAL_LINE = re.compile(rf'^{SEAL} = "([0-9a-f]{{64}}(?: \d+)*)"')
_START: Path = (-1,)
_HEAD: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """A line of the user's, of the table that `path` leads through, that a block has now too, or that is no TOML.

    With `is_table` the whole table is a block now, and the line would have to stand below a header of its own.
    """

    path: Path
    line: int | None
    reason: str = ""
    is_table: bool = False

    @property
    def words(self) -> str:
        """Where it stands, as a user would name it."""
        if self.is_table:
            return f"[{_dotted(self.path)}]"
        table = ".".join(str(part) for part in self.path[:-1])
        return f"{self.path[-1]} of [{table}]" if table else f"[{self.path[-1]}]" if self.path else "it"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A block, or a table of the user's, with the lines behind it up to the next; `lead` are comments on its header."""

    path: Path
    block: tuple[str, ...] = ()
    header: str | None = None
    lead: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        header = () if self.block or self.header is None else (self.header,)
        return (*self.lead, *self.block, *header, *self.own)

    @property
    def has_keys(self) -> bool:
        return any(line.strip() and not line.lstrip().startswith("#") for line in self.own)

    @property
    def has_text(self) -> bool:
        return _is_text((*self.lead, *self.own))


def sealed(text: str) -> str:
    """A text of ours with the sha256 of its blocks and their sizes in the place that was left open for them."""
    return text.replace(f'{SEAL} = "{OPEN_SEAL}"', f'{SEAL} = "{_value(text)}"')


def is_untouched(text: str) -> bool | None:
    """Are all blocks just as envcompose wrote them? None where it never wrote them. Lines around them do not matter."""
    text = _settled(text)
    seals = _seals(text)
    return seals == [_value(text)] if seals else None


def has_own_lines(text: str) -> bool:
    """Does a manifest hold anything around its blocks but the line for editors? Told without reading it as TOML."""
    inside = False
    for line in _settled(text).split("\n"):
        inside = inside or line == BEGIN
        if not inside and line.strip() and line not in _OUR_SCHEMAS:
            return True
        inside = inside and line != END
    return False


def own_text(text: str) -> str:
    """What a manifest holds around its blocks, with the headers of the tables that it is in; empty where there is nothing."""
    if not has_own_lines(text):
        return ""
    lines: list[str] = []
    for piece in _pieces(_settled(text)):
        if piece.block and piece.has_text:
            lines += [f"[{_dotted(piece.path)}]"] if piece.path not in (_START, _HEAD) and piece.has_keys else []
            lines += piece.own
        elif piece.has_text or piece.header is not None:
            lines += piece.lines
    return "\n".join(lines).strip("\n")


def with_own_lines(old: str, new: str) -> str | Clash:
    """A manifest of ours with the user's lines of an older one, each where it stood; Clash where both cannot stand.

    A table that is no longer composed stays where the user has lines in it. Without such lines the text is `new`; and
    what was once put together is put together the same way again.
    """
    if not has_own_lines(old):
        return new
    own = own_text(old)
    reason = fault_of(old) or _PLACE.sub("", fault_of(own))
    if reason:
        return Clash(path=(), line=None, reason=reason)
    import tomlkit

    shared = next(_shared(tomlkit.parse(own).unwrap(), tomlkit.parse(new).unwrap(), ()), None)
    if shared is not None:
        return Clash(path=shared, line=places_of(old).get(shared))
    before, after = _pieces(_settled(old)), _pieces(new)
    text = "\n".join(_joined(before, after)).rstrip("\n") + "\n"
    reason = fault_of(text)
    return _twice(old, own, new, reason) if reason else text


def _twice(old: str, own: str, new: str, reason: str) -> Clash:
    """The line of the user's by which a table is there a second time, in a form that TOML does not join to the other."""
    import tomlkit

    places, headers = places_of(old), headers_of(old)
    both = set(_tables(tomlkit.parse(own).unwrap(), ())) & set(_tables(tomlkit.parse(new).unwrap(), ()))
    ours = {path for _, path in headers_of(new)}
    around = {path[:size] for path in ours for size in range(1, len(path))}
    for tables in (both & ours, both & around):
        for path, line in sorted(places.items(), key=lambda place: place[1]):
            above = next((header for number, header in reversed(headers) if number <= line), _HEAD)
            table = next((path[:size] for size in range(len(above) + 1, len(path)) if path[:size] in tables), None)
            if table is not None:
                return Clash(path=table, line=line, is_table=True)
    inline = next((path for path in sorted(both - ours, key=len, reverse=True) if path in places), None)
    if inline is not None:
        return Clash(path=inline, line=places[inline])
    return Clash(path=(), line=None, reason=_PLACE.sub("", reason))


def _tables(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        yield path
        for key, below in value.items():
            yield from _tables(below, (*path, key))


def fault_of(text: str) -> str:
    """Why a text is no TOML; empty where it is."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        return str(error)
    return ""


def _joined(before: Sequence[_Piece], after: Sequence[_Piece]) -> Iterator[str]:
    """The lines of both, in the order of the new blocks; what only the old one has stays behind what it stood behind."""
    known = {piece.path for piece in after}
    matched = {piece.path: piece for piece in before if piece.path in known}
    behind: dict[Path, list[_Piece]] = {}
    place = before[0].path
    for piece in before[1:]:
        if piece.path in known:
            place = piece.path
        elif piece.header is not None or piece.has_text:
            behind.setdefault(place, []).append(piece)
    for number, piece in enumerate(after):
        own, others = matched.get(piece.path), behind.get(piece.path, [])
        lines = piece.lines if own is None else tuple(_united(own, piece))
        lines += ("",) if others and lines and lines[-1] == END else ()
        lines += tuple(line for other in others for line in _alone(other).lines)
        yield from lines
        if (
            number + 1 < len(after)
            and lines
            and lines[-1].strip()
            and (lines[-1] == END or before[-1] in (own, *others))
        ):
            # What was the last of the old text has no blank line behind it yet.
            yield ""


def _united(own: _Piece, new: _Piece) -> Iterator[str]:
    """A new block with the user's lines of the same table in an older text."""
    yield from own.lead
    if own.path != _START or own.block or not _names_schema(own):
        yield from new.block
    comment = _HEADER_COMMENT.fullmatch(own.header) if own.header is not None and not own.block else None
    if comment is not None:
        yield comment[1]
    yield from own.own if _is_text(own.own) else new.own


def _alone(piece: _Piece) -> _Piece:
    """An old block that is no longer composed: its header stays where lines of the user's are below it."""
    if not piece.block:
        return piece
    return replace(piece, block=(), header=f"[{_dotted(piece.path)}]" if piece.has_keys else None)


def _pieces(text: str) -> list[_Piece]:
    """The text as blocks and tables with the lines behind each; the first piece is what stands in front of all."""
    headers = dict(headers_of(text))
    found = [_Piece(path=_START)]
    block: list[str] | None = None
    path = _HEAD
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if block is not None:
            block.append(line)
            path = headers.get(number, path)
            if line == END:
                found.append(_Piece(path=path, block=tuple(block)))
                block = None
        elif line == BEGIN:
            block, path = [line], _HEAD
        elif number in headers:
            lead, rest = _lead(found[-1].own)
            found[-1] = replace(found[-1], own=rest)
            found.append(_Piece(path=headers[number], header=line, lead=lead))
        elif line in _OUR_SCHEMAS and len(found) == 1 and not (found[0].block or _names_schema(found[0])):
            found[0] = replace(found[0], block=(line,))
        else:
            found[-1] = replace(found[-1], own=(*found[-1].own, line))
    return found


def _names_schema(piece: _Piece) -> bool:
    """Is a line in front of all blocks the user's word on the schema? Editors read the first."""
    return any(line.startswith(_SCHEMA) for line in piece.own)


def _is_text(lines: Sequence[str]) -> bool:
    return any(line.strip() for line in lines)


def _lead(own: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The comments that stand right above what follows, and the lines before them."""
    start = len(own)
    while start and own[start - 1].lstrip().startswith("#"):
        start -= 1
    return own[start:], own[:start]


def _shared(own: object, new: object, path: Path) -> Iterator[Path]:
    """The paths of what both hold; tables are looked into."""
    if not (isinstance(own, dict) and isinstance(new, dict)):
        yield path
        return
    for key in own:
        if key in new:
            yield from _shared(own[key], new[key], (*path, key))


def _seals(text: str) -> list[str]:
    return [found[1] for line in _block_lines(text) if (found := _SEAL_LINE.match(line))]


def _value(text: str) -> str:
    """What `blocks` says of a text that nobody has edited."""
    return " ".join([_digest(text), *(str(len(block)) for block in _blocks(text))])


def _digest(text: str) -> str:
    lines = [_SEAL_LINE.sub(f'{SEAL} = "{OPEN_SEAL}"', line) for line in _block_lines(text)]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _block_lines(text: str) -> Iterator[str]:
    inside = False
    for line in text.split("\n"):
        inside = inside or line == BEGIN
        if inside:
            yield line
        inside = inside and line != END


def _blocks(text: str) -> list[list[str]]:
    """The lines of each block, without its marks."""
    blocks: list[list[str]] = []
    for line in _block_lines(text):
        if line == BEGIN:
            blocks.append([])
        elif line != END:
            blocks[-1].append(line)
    return blocks


def _settled(text: str) -> str:
    """The text with what was put at the end of blocks behind their marks, where a user's own lines belong."""
    text = text.replace("\r\n", "\n")
    seals = _seals(text)
    sizes = [int(size) for seal in seals for size in seal.split()[1:]]
    blocks = _blocks(text)
    if len(sizes) != len(blocks) or all(len(block) <= size for block, size in zip(blocks, sizes, strict=True)):
        return text
    settled = _without_ends(text, sizes)
    return settled if seals == [_value(settled)] else text


def _without_ends(text: str, sizes: Sequence[int]) -> str:
    """The text with what each block holds beyond its size behind the mark of its end."""
    lines: list[str] = []
    waiting: list[str] = []
    left = iter(sizes)
    room: int | None = None
    for line in text.split("\n"):
        if room is None or line == END:
            lines += [line, *waiting]
            waiting, room = [], next(left) if line == BEGIN else None
        elif room > 0:
            lines, room = [*lines, line], room - 1
        else:
            waiting.append(line)
    return "\n".join(lines)


def _dotted(path: Path) -> str:
    return ".".join(toml_key(str(part)) for part in path)
