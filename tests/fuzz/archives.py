"""Archives as they are not made by tools: headers that lie, odd names, links, damage, and sound ones to be damaged."""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from random import Random

from tests.fuzz.texts import changed

BLOCK = 512
NAMES = (
    b"demo-1/setup.py", b"/etc/passwd", b"../up", b"demo-1/../../up", b"", b"demo-1/", b"./demo-1/setup.py", b"C:/x", b"a\\b",
    b"demo-1/\xff\xfe", b"demo-1/" + b"d/" * 70 + b"x", b"n" * 100, b"demo-1/a\nb", b"demo-1//setup.py", b"demo-1/pyproject.toml",
    b"demo-1/a.cu", b"demo-1/PKG-INFO", b"other/x", b"demo-1/./setup.py", b"demo-1", b"demo-1/setup.py/x", b"\xe2\x80\xae.py",
)  # fmt: skip
SIZES = (
    b"00000000000\0", b"77777777777\0", b"-1\0", b"-00000001\0", b"0x10", b"1_0\0", b" 12 \0", b"9", b"\0" * 12, b"\x80" + b"\xff" * 11,
    b"\x80" + b"\0" * 10 + b"\x05", b"\xff" * 12, b"\x80\0\0\0\x01\0\0\0\0\0\0\0", b"\xc2\xb2", b"+5", b"000000000011", b"00000000777 ",
)  # fmt: skip
KINDS = (
    b"0",
    b"\0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
    b"7",
    b"x",
    b"g",
    b"L",
    b"K",
    b"S",
    b"V",
    b"X",
    b"N",
    b"D",
    b"\xff",
)
PAX_KEYS = (
    "path", "size", "linkpath", "mtime", "GNU.sparse.major", "GNU.sparse.name", "GNU.sparse.size", "hdrcharset", "comment", ""
)  # fmt: skip
PAX_VALUES = (
    "demo-1/long.py", "/abs", "..", "7", "-1", "²", "٣", "9" * 20, "9" * 5000, "0", "a\0b", "x" * 2000, "é", "\n", "5 path=x", ""
)  # fmt: skip


def header(name: bytes, size: bytes, kind: bytes = b"0", magic: bytes = b"ustar\x0000", prefix: bytes = b"") -> bytes:
    """Make a tar header with a sound checksum, whatever its fields say."""
    block = bytearray(BLOCK)
    block[: min(len(name), 100)] = name[:100]
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124 : 124 + min(len(size), 12)] = size[:12]
    block[156:157] = kind[:1]
    block[257 : 257 + len(magic)] = magic
    block[345 : 345 + min(len(prefix), 155)] = prefix[:155]
    return sealed(bytes(block))


def sealed(block: bytes) -> bytes:
    """Give a header block with the checksum that its bytes ask for."""
    plain = block[:148] + b" " * 8 + block[156:]
    return plain[:148] + b"%06o\0 " % sum(plain) + plain[156:]


def padded(body: bytes) -> bytes:
    """Fill a member's last block."""
    return body + bytes(-len(body) % BLOCK)


def tar_of(files: Mapping[str, bytes], top: str = "demo-1.0/") -> bytes:
    """Make a sound tar."""
    members = b"".join(
        header(f"{top}{path}".encode(), b"%011o\0" % len(body)) + padded(body) for path, body in files.items()
    )
    return members + bytes(2 * BLOCK)


def odd_tar(files: Mapping[str, bytes], random: Random) -> bytes:
    """Make a tar whose members are odd: their headers are sealed, so that readers look at them."""
    members = []
    for path, body in files.items():
        if random.random() < 0.4:
            members.append(_odd_member(random, body))
        size = b"%011o\0" % len(body) if random.random() < 0.85 else random.choice(SIZES)
        name = f"demo-1.0/{path}".encode() if random.random() < 0.85 else random.choice(NAMES)
        kind = b"0" if random.random() < 0.85 else random.choice(KINDS)
        prefix = random.choice(NAMES) if random.random() < 0.05 else b""
        magic = b"ustar\x0000" if random.random() < 0.8 else random.choice((b"ustar  \0", b"", b"\0" * 8, b"ustar"))
        members.append(header(name, size, kind, magic, prefix) + padded(body))
    random.shuffle(members)
    tail = random.choice((bytes(2 * BLOCK), b"", bytes(BLOCK), bytes(100), b"x" * 700, bytes(5000)))
    return b"".join(members) + tail


def _odd_member(random: Random, body: bytes) -> bytes:
    """Make an extended header: a pax record, a GNU long name, or one cut short."""
    if random.random() < 0.7:
        records = b"".join(
            _record(random.choice(PAX_KEYS), random.choice(PAX_VALUES), random) for _ in range(random.randint(1, 3))
        )
        return header(b"PaxHeaders/x", b"%011o\0" % len(records), random.choice((b"x", b"x", b"g"))) + padded(records)
    name = random.choice(NAMES) * random.choice((1, 3, 200))
    size = b"%011o\0" % len(name) if random.random() < 0.8 else random.choice(SIZES)
    return header(b"././@LongLink", size, random.choice((b"L", b"K")), b"ustar  \0") + padded(name)


def _record(key: str, value: str, random: Random) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = len(rest) + len(str(len(rest)))
    length += len(str(length + 1)) - len(str(len(rest)))
    told = str(length) if random.random() < 0.8 else random.choice(("0", "-1", "5", "99999999", "9" * 9, "", "x", "٣"))
    return told.encode() + rest


def zip_of(files: Mapping[str, bytes], random: Random) -> bytes:
    """Make a zip with a few odd members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path, body in files.items():
            name = f"demo-1.0/{path}" if random.random() < 0.9 else random.choice(NAMES).decode("latin-1") or "x"
            info = zipfile.ZipInfo(name)
            info.compress_type = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            info.external_attr = random.choice((0, 0o100644 << 16, 0o120777 << 16))
            archive.writestr(info, body)
    return stream.getvalue()


def lying_zip(data: bytes, random: Random) -> bytes:
    """Overwrite a field of a zip's records: sizes, offsets, methods, flags, counts, lengths of names."""
    signatures = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
    changed_data = bytearray(data)
    for _ in range(random.randint(1, 3)):
        places, at = [], -1
        signature = random.choice(signatures)
        while (at := data.find(signature, at + 1)) >= 0:
            places.append(at)
        if places:
            offset = random.choice(places) + random.randrange(4, 46)
            value = random.choice((0, 1, 7, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
            packed = struct.pack("<I", value)[: random.choice((1, 2, 4))]
            changed_data[offset : offset + len(packed)] = packed
    return bytes(changed_data)


def gzipped(data: bytes, random: Random) -> bytes:
    """Compress: mostly soundly, sometimes with header fields, a wrong checksum, several members or too much of it."""
    kind = random.randrange(12)
    if kind == 0:
        return gzip.compress(data, 1, mtime=0) * 2
    if kind == 1:
        return gzip.compress(data, 1, mtime=0)[: -random.randint(1, 9)]
    if kind == 2:
        raw = zlib.compressobj(1, zlib.DEFLATED, -15)
        flags = random.randrange(32)
        return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + random.randbytes(4) + raw.compress(data) + raw.flush()
    if kind == 3:
        return changed(gzip.compress(data, 1, mtime=0), random)
    if kind == 4:
        return gzip.compress(data + bytes(random.choice((0, 1 << 16, 1 << 20))), 1, mtime=0) + random.randbytes(5)
    return gzip.compress(data, 1, mtime=0)
