"""TOML 1.0 text from values: strings, arrays and one-line tables, and comments from which nothing can break out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

Scalar = str | bool | int
Value = Scalar | Sequence["Value"] | Mapping[str, "Value"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def toml_key(key: str) -> str:
    """A key, quoted where TOML wants it."""
    return key if _BARE.fullmatch(key) else toml_string(key)


def toml_string(text: str) -> str:
    """A basic string. JSON's escapes are TOML's, except that TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_value(value: Value) -> str:
    """A value on one line, as TOML 1.0 allows (no newline, no trailing comma in an inline table)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return "{ " + inside + " }" if inside else "{}"
    return "[" + ", ".join(toml_value(item) for item in value) + "]"


def toml_comment(text: str) -> str:
    """A comment of one line: control characters of foreign text become spaces (TOML 1.0 forbids them there)."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return f"#{line}" if line.startswith(":") else f"# {line}"
