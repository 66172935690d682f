"""Environment markers (PEP 508) as the resolver inside pixi evaluates them: with a set of extras at once.

packaging evaluates a marker for one extra; in a lock file the extras of one requirement hold together, so that
`extra != 'opt'` is false once `opt` is among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_VERSIONS = frozenset({"python_version", "python_full_version", "implementation_version"})
_TEXTS = frozenset(
    {
        "implementation_name",
        "os_name",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_system",
        "platform_version",
        "sys_platform",
    }
)
_OLD_NAMES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|(?P<text>"[^"]*"|'[^']*')|(?P<operator><=|>=|~=|===|==|!=|<|>)|(?P<word>[\w.]+))"""
)
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_DEEPEST = 60


class MarkerInvalid(ValueError):
    """A text that is no marker."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`key operator value`; with `inside`, the value stands on the left: `'lin' in sys_platform`."""

    key: str
    operator: str
    value: str
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Combined:
    """Several markers that must all (`and`) or not all (`or`) hold; without parts it holds."""

    every: bool
    parts: tuple[Comparison | Combined, ...]


Marker = Comparison | Combined
TRUE = Combined(True, ())


@lru_cache(maxsize=8192)
def parse_marker(text: str) -> Marker:
    """Read a marker. Raises MarkerInvalid."""
    tokens = _Tokens(text)
    marker = _combined(tokens, 0)
    if tokens.next is not None:
        raise MarkerInvalid(f"nothing is expected at '{tokens.next[1]}' in the marker '{text}'")
    return marker


class _Tokens:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.next: tuple[str, str] | None = None
        self.take()

    def take(self) -> tuple[str, str]:
        """Give the next token (kind, text) and go on."""
        taken = self.next
        found = _TOKEN.match(self.text, self.at)
        if found is None and self.text[self.at :].strip():
            raise MarkerInvalid(f"'{self.text}' is no marker")
        if found is None:
            self.next = None
        else:
            self.at = found.end()
            self.next = (found.lastgroup or "", found[found.lastgroup or 0])
        if taken is None:
            return ("", "")
        return taken


def _combined(tokens: _Tokens, depth: int) -> Marker:
    if depth > _DEEPEST:
        raise MarkerInvalid("a marker is nested too deeply")
    either = [_all(tokens, depth)]
    while tokens.next == ("word", "or"):
        tokens.take()
        either.append(_all(tokens, depth))
    return either[0] if len(either) == 1 else Combined(False, tuple(either))


def _all(tokens: _Tokens, depth: int) -> Marker:
    every = [_one(tokens, depth)]
    while tokens.next == ("word", "and"):
        tokens.take()
        every.append(_one(tokens, depth))
    return every[0] if len(every) == 1 else Combined(True, tuple(every))


def _one(tokens: _Tokens, depth: int) -> Marker:
    if tokens.next == ("bracket", "("):
        tokens.take()
        inner = _combined(tokens, depth + 1)
        if tokens.take() != ("bracket", ")"):
            raise MarkerInvalid(f"a parenthesis is not closed in the marker '{tokens.text}'")
        return inner
    left, operator, right = tokens.take(), _operator(tokens), tokens.take()
    match left[0], right[0]:
        case "word", "text":
            found = Comparison(_key(left[1], tokens), operator, right[1][1:-1])
        case "text", "word":
            key = _key(right[1], tokens)
            found = Comparison(key, _TURNED.get(operator, operator), left[1][1:-1], operator.endswith("in"))
        case "text", "text":
            return TRUE
        case "word", "word":
            _key(left[1], tokens)
            _key(right[1], tokens)
            return TRUE
        case _:
            raise MarkerInvalid(f"'{tokens.text}' is no marker")
    # What compares nothing, or an extra by order, is passed over by the resolver, with a warning.
    return TRUE if found.key == "extra" and found.operator not in ("==", "!=") else found


def _operator(tokens: _Tokens) -> str:
    kind, text = tokens.take()
    if kind == "word" and text == "not" and tokens.next == ("word", "in"):
        tokens.take()
        return "not in"
    if kind == "operator" or (kind, text) == ("word", "in"):
        return text
    raise MarkerInvalid(f"an operator is missing in the marker '{tokens.text}'")


def _key(word: str, tokens: _Tokens) -> str:
    key = _OLD_NAMES.get(word, word)
    if key != "extra" and key not in _VERSIONS and key not in _TEXTS:
        raise MarkerInvalid(f"'{word}' is no variable of markers in '{tokens.text}'")
    return key


def holds(marker: Marker, environment: Mapping[str, str] | None, extras: frozenset[str]) -> bool:
    """Whether a marker holds for an environment and a set of extras.

    Without an environment (no Python is locked) everything but the extras counts as true, as in pixi.
    """
    if isinstance(marker, Combined):
        answers = (holds(part, environment, extras) for part in marker.parts)
        return all(answers) if marker.every else any(answers)
    if marker.key == "extra":
        return (str(canonicalize_name(marker.value)) in extras) == (marker.operator != "!=")
    if environment is None:
        return True
    found = environment[marker.key]
    if marker.key in _VERSIONS:
        return _version_holds(marker, found)
    return _text_holds(marker, found)


def _text_holds(marker: Comparison, found: str) -> bool:
    if marker.operator in ("in", "not in"):
        inside = marker.value in found if marker.inside else found in marker.value
        return inside == (marker.operator == "in")
    return {
        "==": found == marker.value,
        "===": found == marker.value,
        "!=": found != marker.value,
        "<": found < marker.value,
        "<=": found <= marker.value,
        ">": found > marker.value,
        ">=": found >= marker.value,
    }.get(marker.operator, True)


def _version_holds(marker: Comparison, found: str) -> bool:
    if marker.operator in ("in", "not in"):
        listed = any(_version(one) == _version(found) for one in marker.value.replace(",", " ").split())
        return listed == (marker.operator == "in")
    starred = marker.value.endswith(".*")
    wanted, has = _version(marker.value.removesuffix(".*")), _version(found)
    if wanted is None or has is None:
        return True
    if starred:
        return (has.release[: len(wanted.release)] == wanted.release) == (marker.operator != "!=")
    return {
        "==": has == wanted,
        "===": has == wanted,
        "!=": has != wanted,
        "<": has < wanted,
        "<=": has <= wanted,
        ">": has > wanted,
        ">=": has >= wanted,
        "~=": has >= wanted and has.release[: len(wanted.release) - 1] == wanted.release[:-1],
    }[marker.operator]


@lru_cache(maxsize=1024)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def comparisons(marker: Marker) -> Iterator[Comparison]:
    """All comparisons inside of a marker."""
    if isinstance(marker, Comparison):
        yield marker
        return
    for part in marker.parts:
        yield from comparisons(part)


def marker_environment(subdir: str, python: str, major_minor: tuple[int, int]) -> Mapping[str, str]:
    """What a CPython of this version is on a subdir; raises KeyError for a subdir that pixi knows no markers for."""
    system = subdir.partition("-")[0]
    sys_platform, platform_system, os_name = {
        "linux": ("linux", "Linux", "posix"),
        "osx": ("darwin", "Darwin", "posix"),
        "win": ("win32", "Windows", "nt"),
    }[system]
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": os_name,
        "platform_machine": _MACHINES.get(subdir, ""),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": platform_system,
        "platform_version": "",
        "python_full_version": python,
        "python_version": f"{major_minor[0]}.{major_minor[1]}",
        "sys_platform": sys_platform,
    }


_MACHINES = {
    "linux-32": "i386",
    "linux-64": "x86_64",
    "linux-aarch64": "aarch64",
    "linux-armv6l": "armv6l",
    "linux-armv7l": "armv7l",
    "linux-ppc64le": "ppc64le",
    "linux-ppc64": "ppc64",
    "linux-s390x": "s390x",
    "linux-riscv32": "riscv32",
    "linux-riscv64": "riscv64",
    "osx-64": "x86_64",
    "osx-arm64": "arm64",
    "win-32": "x86",
    "win-64": "AMD64",
    "win-arm64": "ARM64",
}
