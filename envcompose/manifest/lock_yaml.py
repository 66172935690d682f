"""Plain data -> YAML, byte for byte as the YAML writer inside pixi puts it.

The rules were found by giving that writer (serde_yaml 0.9 over libyaml) odd texts: block style, dashes in the column
of their key, no wrapping, and quotes only where a plain scalar would be read as something else than this text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

_WORDS = frozenset({"~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"})
_WORDS_FLOAT = frozenset({".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"})
_WORDS_NAN = frozenset({".nan", ".NaN", ".NAN"})
_RADIX = re.compile(r"[+-]?0(?:x[0-9a-fA-F]+|o[0-7]+|b[01]+)")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_ZERO_LED = re.compile(r"[+-]?0[0-9]+")

# Where a plain scalar would end early or begin something else (libyaml's analysis for block style).
_UNSAFE_START = re.compile(r"[#,\[\]{}&*!|>'\"%@`]|[?:-](?:[ \t\n]|$)|---|\.\.\.")
_UNSAFE_INSIDE = re.compile(r":(?:[ \t\n]|$)|(?<=[ \t\n])#")
# What libyaml counts as printable: no tab, no BOM, no other control. The two Unicode line breaks are kept out of
# plain text with them, where libyaml would break the line.
_UNPRINTABLE = "[^\n\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
# The same for text in ASCII, as nearly all is: the other takes milliseconds to compile, which is left to its first use.
_CONTROL = re.compile("[^\n\u0020-\u007e]")
# What nearly every text is: words, versions and addresses that begin with a letter and mean nothing else.
_HARMLESS = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./+=<>~^;,()\[\] '\"@!$%&*-]|:(?=[^ \t\n]))*(?<! )")
_ESCAPES = {
    "\0": "0",
    "\x07": "a",
    "\x08": "b",
    "\t": "t",
    "\n": "n",
    "\x0b": "v",
    "\x0c": "f",
    "\r": "r",
    "\x1b": "e",
    '"': '"',
    "\\": "\\",
    "\x85": "N",
    "\xa0": "_",
    "\u2028": "L",
    "\u2029": "P",
}


def plain_value(text: str) -> str | int | float | bool | None:
    """Give what a plain (unquoted) scalar means to pixi: null, a truth value, a number, or the text itself."""
    if text in _WORDS or not text:
        return text in ("true", "True", "TRUE") if text[:1] in ("t", "T", "f", "F") else None
    if text[0] not in "+-.0123456789":
        return text
    if text in _WORDS_FLOAT or text in _WORDS_NAN:
        return float(text.replace(".", ""))
    if _ZERO_LED.fullmatch(text):
        return text
    if _RADIX.fullmatch(text):
        number = int(text, 0)
        return number if -(1 << 127) <= number < (1 << 128) else text
    if not _DECIMAL.fullmatch(text):
        return text
    if _WHOLE.fullmatch(text) and len(text) < 40 and -(1 << 127) <= int(text) < (1 << 128):
        return int(text)
    number_of_text = float(text)
    return number_of_text if math.isfinite(number_of_text) else text


def yaml_text(value: Mapping[str, Plain]) -> str:
    """Write a mapping as a YAML document that ends with a newline; keys stay in their order."""
    return "".join(line + "\n" for line in _mapping_lines(value, ""))


def _mapping_lines(value: Mapping[str, Plain], indent: str) -> Iterator[str]:
    for key, item in value.items():
        head = indent + scalar_text(key, indent)
        if isinstance(item, str):
            yield f"{head}: {scalar_text(item, indent)}"
        elif isinstance(item, Mapping) and item:
            yield head + ":"
            yield from _mapping_lines(item, indent + "  ")
        elif isinstance(item, Sequence) and item:
            yield head + ":"
            yield from _sequence_lines(item, indent)
        else:
            yield f"{head}: {_leaf(item, indent)}"


def _sequence_lines(value: Sequence[Plain], indent: str) -> Iterator[str]:
    for item in value:
        if isinstance(item, str):
            yield f"{indent}- {scalar_text(item, indent)}"
        elif isinstance(item, Mapping) and item:
            lines = _mapping_lines(item, indent + "  ")
            # The first key stands on the line of the dash.
            yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
            yield from lines
        else:
            yield f"{indent}- {_leaf(item, indent)}"


def _leaf(item: Plain, indent: str) -> str:
    if isinstance(item, str):
        return scalar_text(item, indent)
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    return "{}" if isinstance(item, Mapping) else "[]"


def scalar_text(text: str, indent: str = "") -> str:
    """Write one text: plain where that reads back as this text, else in quotes; with newlines as a block under it."""
    if _HARMLESS.fullmatch(text) and text not in _WORDS:
        return text
    if "\n" in text:
        return _block(text, indent)
    if not isinstance(plain_value(text), str) or _ZERO_LED.fullmatch(text):
        return _single(text)
    if _has_unprintable(text):
        return _double(text)
    if text[0] == " " or text[-1] == " " or _UNSAFE_START.match(text) or _UNSAFE_INSIDE.search(text):
        return _single(text)
    return text


def _has_unprintable(text: str) -> bool:
    found = _CONTROL.search(text) if text.isascii() else re.search(_UNPRINTABLE, text)
    return found is not None


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return "\\" + _ESCAPES[char] if char != "\xa0" else char
    if not _has_unprintable(char):
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _block(text: str, indent: str) -> str:
    if text[-1] == " " or _has_unprintable(text) or " \n" in text:
        return _double(text)
    hint = "2" if text[0] in " \n" else ""
    chomp = "-" if not text.endswith("\n") else "+" if text == "\n" or text.endswith("\n\n") else ""
    lines = text.removesuffix("\n").split("\n")
    return f"|{hint}{chomp}\n" + "\n".join(f"{indent}  {line}" if line else "" for line in lines)
