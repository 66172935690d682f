"""Archives read in memory, as one pass: every member's name, and the contents that somebody asks for.

Nothing is extracted and no file is opened. The tar reader is our own because the standard library's builds an object
per member and trusts sizes; this one inflates in pieces and counts what comes out, so that a bomb costs what the bounds
allow and no more.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator

from envcompose.model.values import dataclass

MAX_INFLATED = 3 << 29
"""Bytes that an archive may inflate to: 1.5 GiB, four times the largest sdist of the corpus."""
MAX_RATIO = 400
"""How many bytes one compressed byte may become, once an archive is past 64 MiB. zlib itself stops at 1030."""
RATIO_FROM = 64 << 20
MAX_MEMBERS = 200_000
MAX_NAME = 1024
MAX_DEPTH = 64
PIECE = 1 << 20
"""Bytes that one step of inflating may give."""
BITE = 1 << 16
"""Compressed bytes given to one step: few enough that what is left over, and copied, stays small."""
BLOCK = 512
ADLER = 65521
"""The modulus of Adler-32 (RFC 1950)."""


class ArchiveRefused(ValueError):
    """The archive as a whole cannot be used: not an archive, torn, or beyond the bounds on size, count or ratio."""


@dataclass(slots=True)
class Listing:
    """What one pass over an archive leaves: sizes by path (the last of equal paths counts) and what was refused."""

    sizes: dict[str, int]
    refused: list[str]


Wanted = Callable[[str, int], int | None]
"""Asked with a member's path and size; says how many of its first bytes are wanted (None: only the name)."""
Taken = Callable[[str, bytes], None]
"""Given a member's path and the bytes that were wanted."""


def read_archive(data: bytes, wanted: Wanted, taken: Taken) -> Listing:
    """List an archive (tar, tar.gz or zip) and hand out the contents that are wanted, in the archive's order.

    Paths are given as they stand, '/'-separated, without a leading './'. Members that are links, devices, absolute,
    climbing ('..') or oddly named are left out and reported. Raises ArchiveRefused, and nothing else, for what no
    bound allows.
    """
    listing = Listing({}, [])
    if data[:4] == b"PK\x03\x04" or data[:4] == b"PK\x05\x06":
        _read_zip(data, wanted, taken, listing)
    elif data[:2] == b"\x1f\x8b":
        _read_tar(_Stream(_inflate(data)), wanted, taken, listing)
    elif data[257:262] == b"ustar":
        _read_tar(_Stream(data[at : at + PIECE] for at in range(0, len(data), PIECE)), wanted, taken, listing)
    else:
        raise ArchiveRefused("neither a gzip, a tar nor a zip file")
    if not listing.sizes:
        raise ArchiveRefused("the archive has no usable member")
    return listing


ODD = re.compile(r"[\x00-\x1f\x7f\\]")


def fault_of_path(path: str) -> str | None:
    """Say why a member's path is not used, or None where it is a plain relative path."""
    if not path or len(path) > MAX_NAME:
        return "an empty or overlong path"
    if path[0] in "/\\" or path[1:2] == ":":
        return "an absolute path"
    if ODD.search(path):
        return "an odd character in the path"
    if ".." in path and ".." in path.split("/"):
        return "a path that climbs out of the archive"
    if path.count("/") >= MAX_DEPTH:
        return "a path too deep"
    return None


def _inflate(data: bytes) -> Iterator[bytes]:
    view, at, total = memoryview(data), 0, 0
    inflater = zlib.decompressobj(31)
    while True:
        try:
            piece = inflater.decompress(inflater.unconsumed_tail or view[at : at + BITE], PIECE)
        except zlib.error as error:
            raise ArchiveRefused(f"the gzip data is damaged: {error}") from error
        if not inflater.unconsumed_tail:
            at += BITE
        total += len(piece)
        if total > MAX_INFLATED or (total > RATIO_FROM and total > MAX_RATIO * len(data)):
            raise ArchiveRefused("the archive inflates beyond the bounds")
        if piece:
            yield piece
        if inflater.eof:
            if inflater.unused_data[:2] == b"\x1f\x8b":
                # Other readers join the members; what they would see of such an archive is not what stands here.
                raise ArchiveRefused("several gzip files in a row")
            return
        if at >= len(data) and not inflater.unconsumed_tail and not piece:
            raise ArchiveRefused("the gzip data ends early")


class _Stream:
    """Bytes in pieces, read or skipped by count."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece, self._at = pieces, b"", 0

    def read(self, count: int) -> bytes:
        """Give `count` bytes, fewer only at the end."""
        end = self._at + count
        if end <= len(self._piece):
            taken, self._at = self._piece[self._at : end], end
            return taken
        parts, missing = [self._piece[self._at :]], end - len(self._piece)
        self._piece, self._at = b"", 0
        for piece in self._pieces:
            if len(piece) >= missing:
                parts.append(piece[:missing])
                self._piece, self._at = piece, missing
                break
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def skip(self, count: int) -> bool:
        """Pass over `count` bytes; False where there are fewer."""
        left = len(self._piece) - self._at
        if count <= left:
            self._at += count
            return True
        count -= left
        self._piece, self._at = b"", 0
        for piece in self._pieces:
            if len(piece) >= count:
                self._piece, self._at = piece, count
                return True
            count -= len(piece)
        return count == 0


def _number(field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b"\0 ") or b"0", 8)
    except ValueError as error:
        raise ArchiveRefused("a member's header holds no number where its size belongs") from error


def _string(field: bytes) -> str:
    end = field.find(b"\0")
    return (field if end < 0 else field[:end]).decode("utf-8", "replace")


def _pax(body: bytes) -> dict[str, str]:
    records: dict[str, str] = {}
    if b" path=" not in body and b" size=" not in body:
        # Most records give a member's time to the nanosecond; only these two say where the bytes belong.
        return records
    while body:
        length, _, rest = body.partition(b" ")
        if not length.isdigit() or len(length) > 8 or not 0 < int(length) <= len(body):
            break
        key, _, value = rest[: int(length) - len(length) - 1].rstrip(b"\n").partition(b"=")
        records[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        body = body[int(length) :]
    return records


MAX_EXTENDED = 1 << 16
REGULAR = frozenset({b"0", b"\0", b"7"})
KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe"}


def _read_tar(stream: _Stream, wanted: Wanted, taken: Taken, listing: Listing) -> None:
    longer: dict[str, str] = {}
    count = 0
    while True:
        header = stream.read(BLOCK)
        if len(header) < BLOCK or header == bytes(BLOCK):
            _ended(header, count)
            while stream.read(PIECE):
                # What follows is padding; reading on shows a torn end and archives that hide more.
                pass
            return
        count += 1
        if count > MAX_MEMBERS:
            raise ArchiveRefused("the archive has too many members")
        _check_sum(header)
        size, kind = _number(header[124:136]), header[156:157]
        if kind in b"LKxg" and kind:
            longer |= _extended(stream, kind, size)
            continue
        size = int(longer["size"]) if _is_number(longer.get("size", "")) else size
        path = longer.get("path") or _ustar_path(header)
        longer = {}
        _take_member(stream, kind, path, size, wanted, taken, listing)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _ended(header: bytes, count: int) -> None:
    if count == 0 or 0 < len(header) < BLOCK:
        raise ArchiveRefused("the tar data ends early")


def _check_sum(header: bytes) -> None:
    # The sum of the bytes is the lower half of Adler-32, but for its modulus: much faster, and as good a check.
    expected = _number(header[148:156]) + sum(header[148:156]) - 8 * 32 + 1
    if zlib.adler32(header) & 0xFFFF != expected % ADLER:
        raise ArchiveRefused("a member's header is damaged")


def _ustar_path(header: bytes) -> str:
    name = _string(header[:100])
    prefix = _string(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _extended(stream: _Stream, kind: bytes, size: int) -> dict[str, str]:
    """Read a header about the next member: GNU's long name or a pax record. Global records and links say nothing."""
    if not 0 <= size <= MAX_EXTENDED:
        raise ArchiveRefused("a member's extended header is too long")
    body = stream.read(size)
    stream.skip(-size % BLOCK)
    if kind == b"L":
        return {"path": _string(body)}
    return _pax(body) if kind == b"x" else {}


def _take_member(
    stream: _Stream, kind: bytes, path: str, size: int, wanted: Wanted, taken: Taken, listing: Listing
) -> None:
    if size < 0 or size > MAX_INFLATED:
        raise ArchiveRefused("a member's size is beyond the bounds")
    regular = kind in REGULAR
    path, fault, length = _clean(path), None, None
    if kind != b"5":
        fault = fault_of_path(path) if regular else KINDS.get(kind, "a member of an unknown kind")
    if fault is not None:
        _refuse(listing, path, fault)
    elif regular:
        listing.sizes[path] = size
        length = wanted(path, size)
    body_size = size if regular or kind not in KINDS else 0
    if length is not None:
        body = stream.read(min(length, size))
        if len(body) < min(length, size):
            raise ArchiveRefused("the tar data ends early")
        taken(path, body)
        body_size -= len(body)
    if not stream.skip(body_size + -size % BLOCK if body_size or size else 0):
        raise ArchiveRefused("the tar data ends early")


def _clean(path: str) -> str:
    while path[:2] == "./":
        path = path[2:]
    return path.rstrip("/")


def _refuse(listing: Listing, path: str, fault: str) -> None:
    if len(listing.refused) < 100:
        shown = path[:200].encode("unicode_escape").decode("ascii")
        listing.refused.append(f"{shown}: {fault}")


def _read_zip(data: bytes, wanted: Wanted, taken: Taken, listing: Listing) -> None:
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise ArchiveRefused("the archive has too many members")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = 0
            for member in archive.infolist():
                total += _take_zip_member(archive, member, wanted, taken, listing)
                if total > MAX_INFLATED:
                    raise ArchiveRefused("the archive inflates beyond the bounds")
    except ArchiveRefused:
        raise
    # zipfile lets many kinds of error through for a damaged archive, struct.error and NotImplementedError among them.
    except Exception as error:
        raise ArchiveRefused(f"the zip data is damaged: {type(error).__name__}") from error


def _take_zip_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, wanted: Wanted, taken: Taken, listing: Listing
) -> int:
    if member.is_dir():
        return 0
    path = _clean(member.filename)
    mode = member.external_attr >> 28
    fault = fault_of_path(path) or ("a symbolic link" if mode == 0o12 else None)
    fault = fault or ("encrypted" if member.flag_bits & 1 else None)
    if fault is not None:
        _refuse(listing, path, fault)
        return 0
    listing.sizes[path] = member.file_size
    length = wanted(path, member.file_size)
    if length is None:
        return 0
    with archive.open(member) as stream:
        body = stream.read(length)
    taken(path, body)
    return len(body)
