"""Bytes of a text file -> text, the same on every machine."""

from __future__ import annotations

import codecs
import re

from envcompose.errors import FileUnreadable

# UTF-32's little-endian mark begins with UTF-16's, so it is asked first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python calls these text encodings, but they are made for host names and take quadratic time.
_NEVER_A_FILE = frozenset({"idna", "punycode"})
_CODING_LINE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def decode_text(data: bytes, path: str, *, coding_line: bool = False) -> str:
    """Give the text of a file: by its byte order mark, by a PEP 263 line where asked for, else as UTF-8.

    The locale of this machine is never asked (law 1). Bytes that do not fit raise FileUnreadable with their line.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding, path)
    declared = _declared_encoding(data) if coding_line else None
    return _decode(data, declared or "utf-8", path)


def _declared_encoding(data: bytes) -> str | None:
    for line in data.split(b"\n", 2)[:2]:
        if match := _CODING_LINE.match(line):
            return match.group(1).decode("ascii", "replace")
    return None


def _decode(data: bytes, encoding: str, path: str) -> str:
    hint = "save the file as UTF-8"
    try:
        if encoding.lower() in _NEVER_A_FILE:
            raise LookupError(encoding)
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        readable = data[: error.start].decode(encoding, "replace")
        line = readable.count("\n") + 1
        byte = data[error.start : error.start + 1].hex()
        reason = f"byte 0x{byte} is not {encoding}" if byte else f"it ends inside a character of {encoding}"
        raise FileUnreadable(path=path, line=line, reason=reason, hint=hint) from error
    except (LookupError, UnicodeError, ValueError) as error:
        reason = f"its coding line names {encoding[:40]}, which is no text encoding"
        raise FileUnreadable(path=path, line=1, reason=reason, hint=hint) from error
