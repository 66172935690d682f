"""Texts and bytes with something changed: lines, words, single bits."""

from __future__ import annotations

from random import Random

WORDS = (
    b"torch", b"torch==2.6.0", b"[build-system]", b"requires", b"=", b"[", b"]", b"{", b"}", b'"', b"'", b'"""', b"\\", b"#",
    b"\n", b"\r\n", b"\r", b"\t", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xa8", b": ", b"::",
    b"Requires-Dist: x", b"Metadata-Version: 99999999999999999999.9", b"Dynamic: Requires-Dist", b"Provides-Extra: \xc3\xa9",
    b"extra == 'a'", b"; python_version < '3'", b"-r requirements.txt", b"file: requirements.txt", b"[options]", b"%(a)s",
    b"${a}", b"backend-path", b"build-backend", b"9" * 5000, b"1e999", b"0o7", b"-1", b"2026-11-21", b"inf", b"nan",
    b"find_package(Torch)", b"enable_language(CUDA)", b"add_subdirectory(../..)", b"FetchContent_Declare(", b"-c 'import torch'",
    b"#include <cublas_v2.h>", b'#include "../../a.h"', b"import torch\n", b"exec(", b"lambda:", b"(" * 200, b"[" * 500,
    b"not " * 200, b"a." * 300, b"-" * 300, b"x if " * 50, b"async ", b"await ", b"yield ", b"*", b"**", b"@", b":=", b"...",
    b"submodule", b"path = ..", b"std=c++17", b"CMAKE_CXX_STANDARD 17",
)  # fmt: skip


def changed(text: bytes, random: Random, other: bytes = b"") -> bytes:
    """Change a text in one to four places; `other` is a text to take parts from."""
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        text = random.choice(CHANGES)(text, random, other)
    return text[: 1 << 16]


def _place(text: bytes, random: Random) -> int:
    return random.randint(0, len(text))


def _word(text: bytes, random: Random, other: bytes) -> bytes:
    at = _place(text, random)
    return text[:at] + random.choice(WORDS) + text[at + random.choice((0, 0, 1, 5)) :]


def _cut(text: bytes, random: Random, other: bytes) -> bytes:
    at = _place(text, random)
    return text[:at] + text[at + random.choice((1, 2, 10, 100)) :]


def _torn(text: bytes, random: Random, other: bytes) -> bytes:
    return text[: _place(text, random)]


def _bit(text: bytes, random: Random, other: bytes) -> bytes:
    if not text:
        return b"\x00"
    at = random.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << random.randrange(8))]) + text[at + 1 :]


def _random_bytes(text: bytes, random: Random, other: bytes) -> bytes:
    at = _place(text, random)
    return text[:at] + random.randbytes(random.choice((1, 2, 8))) + text[at:]


def _lines(text: bytes, random: Random, other: bytes) -> bytes:
    """Delete, double, swap, indent or take over a line."""
    lines = text.split(b"\n")
    at, to = random.randrange(len(lines)), random.randrange(len(lines))
    kind = random.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at])
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind == 3:
        lines[at] = b"    " + lines[at] if random.random() < 0.5 else lines[at].lstrip()
    else:
        lines.insert(at, random.choice(other.split(b"\n")))
    return b"\n".join(lines)


def _spliced(text: bytes, random: Random, other: bytes) -> bytes:
    return text[: _place(text, random)] + other[_place(other, random) :]


def _repeated(text: bytes, random: Random, other: bytes) -> bytes:
    at = _place(text, random)
    return text[:at] + text[at : at + random.choice((1, 3, 20))] * random.choice((2, 50, 400)) + text[at:]


CHANGES = (_word, _word, _word, _cut, _torn, _bit, _random_bytes, _lines, _lines, _lines, _spliced, _repeated)
