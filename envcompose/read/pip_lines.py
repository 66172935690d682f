"""The text of a requirements file -> its logical lines, as pip cuts them (pip, req_file.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from envcompose.model.values import dataclass

_COMMENT = re.compile(r"(?:^|\s+)#.*$")
# pip fills in upper-case names in braces only, and leaves what is undefined or empty as it is.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalLine:
    """One line after continuation and comments: `written` may be shown, `filled` holds environment values.

    `number` is that of its first physical line; `undefined` names the variables that had no value.
    """

    number: int
    written: str
    filled: str
    undefined: tuple[str, ...] = ()


def logical_lines(text: str, environ: Mapping[str, str]) -> Iterator[LogicalLine]:
    """Give the lines that say something, in order."""
    for number, joined in _joined(text):
        written = _COMMENT.sub("", joined).strip()
        if written:
            yield _filled_in(number, written, environ)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash; a comment ends the continuation and is never continued itself."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        is_comment = _COMMENT.match(line) is not None
        if not parts:
            first = number
        if line.endswith("\\") and not is_comment:
            parts.append(line.strip("\\"))
            continue
        # The blank keeps the comment apart from the text that it follows.
        parts.append(" " + line if is_comment else line)
        yield first, "".join(parts)
        parts = []
    if parts:
        yield first, "".join(parts)


def fill_in(text: str, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Give the text with `${NAME}` filled in, and the names that had no value."""
    undefined: dict[str, None] = {}

    def value(match: re.Match[str]) -> str:
        found = environ.get(match.group(1), "")
        if not found:
            undefined[match.group(1)] = None
        return found or match.group()

    return _VARIABLE.sub(value, text), tuple(undefined)


def _filled_in(number: int, written: str, environ: Mapping[str, str]) -> LogicalLine:
    if "${" not in written:
        return LogicalLine(number=number, written=written, filled=written)
    filled, undefined = fill_in(written, environ)
    return LogicalLine(number=number, written=written, filled=filled, undefined=undefined)
