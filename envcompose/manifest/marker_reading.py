"""A marker's text -> its comparisons, as uv reads them.

uv is stricter than `packaging` in form and more lenient in sense: a comparison that makes no sense (two texts, a version
key against something that is no version, `extra in …`) is left out, and the rest of the marker stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from envcompose.model.values import dataclass

VERSION_KEYS = ("implementation_version", "python_full_version", "python_version")
STRING_KEYS = (
    "implementation_name",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "sys_platform",
)
"""The keys of each kind in the alphabetic order in which uv ranks them."""

_OLD_KEYS = {
    "os.name": "os_name",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
    "platform.version": "platform_version",
    "sys.platform": "sys_platform",
}
# `'nux' in os_name` is the comparison `os_name contains 'nux'`.
_REVERSED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "in": "contains", "not in": "not contains"}
_SYMBOLS = frozenset({"==", "!=", ">", ">=", "<", "<=", "~="})
_SPACE = re.compile(r"\s*")
_TO_SPACE = re.compile(r"\S*")
_TO_QUOTE = {"'": re.compile("[^']*"), '"': re.compile('[^"]*')}
_KEY = re.compile(r"[^\s><=!~)]*")
_SYMBOL = re.compile("[<=>~!]*")
_WORD = re.compile(r"[^\s'\"]*")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


class MarkerInvalid(ValueError):
    """A marker that does not parse; `column` (from 0) is where."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(reason)
        self.column = column


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison: `key op value` with the key on the left.

    For a version key the value is a Version, with `star` for `== 3.8.*`, or a tuple of Versions for `in` and `not in`.
    An extra's name is normalised, or None where it is no name.
    """

    key: str
    operator: str
    value: str | Version | tuple[Version, ...] | None
    star: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts joined by `and` or by `or`, at least two."""

    word: str
    parts: tuple[Marker, ...]


Marker = Comparison | Joined


@lru_cache(maxsize=8192)
def read_marker(text: str) -> Marker | None:
    """Read a marker; None where nothing of it makes sense, which is always true. Raises MarkerInvalid."""
    scanner = _Scanner(text)
    marker = _joined(scanner, "or", lambda: _joined(scanner, "and", lambda: _part(scanner)))
    scanner.skip_space()
    if scanner.at < len(text):
        raise MarkerInvalid("expected 'and', 'or' or the end", scanner.at)
    return marker


@lru_cache(maxsize=8192)
def normal_name(name: str) -> str | None:
    """Give a project's or extra's name in its normal form (PEP 503), None for what is no name."""
    return re.sub("[-_.]+", "-", name).lower() if _NAME.fullmatch(name) else None


def version_of(text: str) -> tuple[Version, bool] | None:
    """Read a version that may end in `.*` (PEP 440); None where it is none. The second says whether it did."""
    text = text.strip(" \t\n\r\f\v")
    star = text.endswith(".*")
    try:
        version = Version(text.removesuffix(".*"))
    except InvalidVersion:
        return None
    if star and not re.fullmatch(r"v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*", text.removesuffix(".*"), re.IGNORECASE):
        return None
    return version, star


class _Scanner:
    """A place in a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        """Go past what a pattern matches here, maybe nothing."""
        found = pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found[0]

    def skip_space(self) -> None:
        self.take(_SPACE)

    def word(self) -> str:
        """Give the characters up to the next space without moving."""
        found = _TO_SPACE.match(self.text, self.at)
        assert found is not None
        return found[0]


def _joined(scanner: _Scanner, word: str, read_part: Callable[[], Marker | None]) -> Marker | None:
    parts = list(_parts(scanner, word, read_part))
    return Joined(word, tuple(parts)) if len(parts) > 1 else parts[0] if parts else None


def _parts(scanner: _Scanner, word: str, read_part: Callable[[], Marker | None]) -> Iterator[Marker]:
    while True:
        part = read_part()
        if part is not None:
            yield part
        scanner.skip_space()
        if scanner.word() != word:
            return
        scanner.at += len(word)


def _part(scanner: _Scanner) -> Marker | None:
    scanner.skip_space()
    if scanner.peek() != "(":
        return _comparison(scanner)
    scanner.at += 1
    marker = _joined(scanner, "or", lambda: _joined(scanner, "and", lambda: _part(scanner)))
    if scanner.peek() != ")":
        raise MarkerInvalid("expected ')'", scanner.at)
    scanner.at += 1
    return marker


def _comparison(scanner: _Scanner) -> Comparison | None:
    left, left_is_text = _operand(scanner)
    scanner.skip_space()
    operator = _operator(scanner)
    scanner.skip_space()
    right, right_is_text = _operand(scanner)
    if left_is_text == right_is_text:
        return None
    if right_is_text:
        return _typed(left, operator, right, allows_star=True)
    return _typed(right, _REVERSED.get(operator, operator), left, allows_star=False)


def _operand(scanner: _Scanner) -> tuple[str, bool]:
    """Read a quoted text or a key; the second says which of them."""
    start = scanner.at
    quote = scanner.peek()
    if quote and quote in "'\"":
        scanner.at += 1
        value = scanner.take(_TO_QUOTE[quote])
        if scanner.peek() != quote:
            raise MarkerInvalid(f"expected {quote}", scanner.at)
        scanner.at += 1
        return value, True
    key = scanner.take(_KEY)
    key = _OLD_KEYS.get(key, key)
    if key != "extra" and key not in VERSION_KEYS and key not in STRING_KEYS:
        raise MarkerInvalid("expected a quoted text or the name of a marker", start)
    return key, False


def _operator(scanner: _Scanner) -> str:
    start = scanner.at
    if not scanner.peek().isalpha():
        operator = scanner.take(_SYMBOL)
        if operator in _SYMBOLS:
            return operator
        raise MarkerInvalid("expected an operator such as >= or 'not in'", start)
    word = scanner.take(_WORD)
    if word == "in":
        return word
    if word == "not" and scanner.peek().isspace():
        scanner.skip_space()
        if scanner.text.startswith("in", scanner.at):
            scanner.at += 2
            return "not in"
    raise MarkerInvalid("expected an operator such as >= or 'not in'", start)


def _typed(key: str, operator: str, value: str, *, allows_star: bool) -> Comparison | None:
    if key == "extra":
        return Comparison(key, operator, normal_name(value)) if operator in ("==", "!=") else None
    if key in STRING_KEYS:
        return None if operator == "~=" else Comparison(key, operator, value)
    if operator in ("in", "not in"):
        found = [version_of(one) for one in value.split()]
        # A list with something else in it makes no sense, and neither does it as one version.
        versions = tuple(one[0] for one in found if one is not None and not one[1])
        return Comparison(key, operator, versions) if len(versions) == len(found) else None
    pattern = version_of(value)
    if pattern is None or operator not in _SYMBOLS:
        return None
    version, star = pattern
    if star and not (allows_star and operator in ("==", "!=")):
        return None
    if version.local is not None and operator not in ("==", "!="):
        return None
    if operator == "~=" and len(version.release) < 2:
        return None
    return Comparison(key, operator, version, star)
