"""A requirement of a package's metadata -> the text in which pixi writes it into `requires_dist`.

The way of a requirement into the lock: uv 0.11.15 reads it (and repairs what is sloppy), writes it, and pep508_rs 0.9.2
reads and writes that once more. The rules here gave the same text for each of 13,000 requirements of real packages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

from packaging.version import Version

from envcompose.errors import PackageRequirementInvalid
from envcompose.manifest.marker_reading import MarkerInvalid, normal_name, read_marker, version_of
from envcompose.manifest.marker_text import marker_text
from envcompose.manifest.url_text import url_text
from envcompose.model.values import dataclass

_OPERATORS = ("==", "===", "!=", "~=", "<", "<=", ">", ">=")
# Of two bounds on one version the one with the earlier operator stands first.
_RANKS = {"==": 0, "==.*": 1, "===": 2, "!=": 3, "!=.*": 4, "~=": 5, "<": 6, "<=": 7, ">": 8, ">=": 9}
_SPECIFIER = re.compile(r"\s*([=!~<>]+)\s*(\S+)\s*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ARCHIVE = re.compile(r"\.(?:whl|tbz|txz|tlz|zip|tgz|tar|tar\.(?:bz2|xz|lz|lzma|gz))$")
_FILE = re.compile(r"\.(?:whl|zip|tar|tbz|tgz|tlz|txz|tar\.(?:gz|bz2|lz|lzma|xz|zst))$")
_NORMAL_NAME = "[a-z0-9]+(?:-[a-z0-9]+)*"
_RELEASE = r"(?:0|[1-9][0-9]{0,8})"
# Most of all requirements: a name, at most one bound, at most the marker of an extra, all in their normal form.
_SIMPLE = re.compile(
    rf"({_NORMAL_NAME})[ ]?(?:((?:[=!<>]=|[<>])(?={_RELEASE})|~=(?={_RELEASE}\.))({_RELEASE}(?:\.{_RELEASE})*))?"
    rf"(?:[ ]?;[ ]?extra[ ]?==[ ]?(['\"])({_NORMAL_NAME})\4)?"
)

Repair = Callable[[str], str]


def _repair(pattern: str, replacement: str) -> Repair:
    compiled = re.compile(pattern)
    return lambda text: compiled.sub(replacement, text)


def _without_quotes(text: str) -> str:
    """Leave out quotes before the marker, where they mean nothing."""
    requirement, semicolon, marker = text.partition(";")
    return re.sub("['\"]", "", requirement) + semicolon + marker


# What uv repairs, in its order: each is tried on the result of those before it, until the text parses.
_REPAIRS: tuple[Repair, ...] = (
    _repair(r"(\d)([<>=~^!])", r"\1,\2"),  # >=7.2.0<8.0.0
    _repair(r"!=~((?:\d\.)*\d)", r"!=\1.*"),  # !=~5.0
    _repair(r"(<=|>=|<|>)(\d+(\.\d+)*)\.\*", r"\1\2"),  # >=1.9.*
    _repair(r"(\d\.\d)+\*", r"\1.*"),  # !=3.0*
    _repair(r",\s*$", ""),  # >=3.6,
    _repair(r">dev", ">0.0.0dev"),  # >dev
    _repair(r"(\d+(\.\d)*(a|b|rc|post|dev)\d+)\.0", r"\1"),  # >=9.0.0a1.0
    _without_quotes,  # >= '2.7'
)


@dataclass(frozen=True, slots=True)
class _Bound:
    """One part of a version specifier."""

    operator: str
    version: Version
    star: bool

    @property
    def order(self) -> tuple[Version, int]:
        """Its place among others: by version, then by operator."""
        return self.version, _RANKS[self.operator + (".*" if self.star else "")]

    def __str__(self) -> str:
        return f"{self.operator}{self.version}{'.*' if self.star else ''}"


class _Unreadable(ValueError):
    pass


@lru_cache(maxsize=8192)
def requirement_text(text: str, *, of_source: bool = False) -> str:
    """Write a requirement (PEP 508) as pixi does in `requires_dist`.

    Names and extras are normalised, bounds sorted by version and without spaces, the marker is simplified and follows
    ` ; `. What uv repairs is repaired (`>=1.*`, missing commas, stray quotes). Written again, the text stays the same,
    unless its marker is one for platforms that do not exist (os_name 'posix' with sys_platform 'win32').
    `of_source`: the metadata are those of an sdist, a checkout or a folder, not of a wheel; pixi then drops what stands
    behind the `#` of a git address, but for its subdirectory. Raises PackageRequirementInvalid for what uv refuses too;
    no lock is possible then.
    """
    return _repaired(text, partial(_requirement, of_source=of_source), "requirement")


@lru_cache(maxsize=8192)
def requirement_problem(text: str) -> str | None:
    """Say why pixi cannot read this text in the `requires_dist` of a lock, where nothing is repaired; None if it can."""
    try:
        pieces = _pieces(text)
        if pieces.marker:
            read_marker(pieces.marker)
    except (_Unreadable, MarkerInvalid) as error:
        return str(error)
    except RecursionError:
        return "its marker is nested too deeply"
    return None


@lru_cache(maxsize=1024)
def requires_python_problem(text: str) -> str | None:
    """Say why pixi cannot read this text as the `requires_python` of a lock; None if it can."""
    try:
        _specifiers(text)
    except _Unreadable as error:
        return str(error)
    return None


@lru_cache(maxsize=1024)
def requires_python_text(text: str) -> str:
    """Write a `Requires-Python` as pixi does: bounds sorted by version, commas without spaces.

    Repairs and errors are those of `requirement_text`.
    """
    return _repaired(text, _specifiers, "Requires-Python")


def _repaired(text: str, write: Callable[[str], str], kind: str) -> str:
    try:
        return write(text)
    except (_Unreadable, MarkerInvalid, RecursionError) as error:
        reason = str(error) if not isinstance(error, RecursionError) else "its marker is nested too deeply"
    repaired = text
    for repair in _REPAIRS:
        changed = repair(repaired)
        if changed != repaired:
            repaired = changed
            try:
                return write(repaired)
            except (_Unreadable, MarkerInvalid, RecursionError):
                continue
    raise PackageRequirementInvalid(text=text, kind=kind, reason=reason)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A requirement taken apart: name, extras and bounds as they are written, the address as it was given."""

    name: str
    extras: str
    bounds: str
    address: str
    marker: str


def _requirement(text: str, *, of_source: bool) -> str:
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        name, operator, version, _, extra = simple.groups("")
        return f"{name}{operator}{version}" + (f" ; extra == '{extra}'" if extra else "")
    pieces = _pieces(text)
    address = _written_address(pieces.address, of_source=of_source) if pieces.address else ""
    marker = marker_text(pieces.marker) if pieces.marker else ""
    return f"{pieces.name}{pieces.extras}{pieces.bounds}{address}{' ; ' if marker else ''}{marker}"


@lru_cache(maxsize=8192)
def _pieces(text: str) -> _Pieces:
    text = text.lstrip()
    found = _NAME.match(text)
    name = normal_name(found[0]) if found else None
    if found is None or name is None:
        raise _Unreadable("it must begin with the name of a package")
    rest = text[found.end() :].lstrip()
    extras, rest = _extras(rest) if rest.startswith("[") else ("", rest)
    address = bounds = ""
    if rest.startswith("@"):
        address, rest = _address(rest[1:])
    else:
        bounds, rest = _versions(rest)
    has_source = bool(address or bounds)
    if not has_source and _ARCHIVE.search(found[0]):
        raise _Unreadable("it is the name of a file, not of a package")
    if rest[:1] not in ("", ";", "#" if has_source else ""):
        raise _Unreadable(f"expected ; or the end before {rest[:40]!r}")
    marker = rest[1:] if rest.startswith(";") else ""
    if rest.startswith(";") and not marker.strip():
        raise _Unreadable("expected a marker behind ;")
    return _Pieces(name, extras, bounds, address, marker)


def _extras(text: str) -> tuple[str, str]:
    inside, bracket, rest = text[1:].partition("]")
    if not bracket:
        raise _Unreadable("the extras have no closing bracket")
    names = [normal_name(name.strip()) for name in inside.split(",")] if inside.strip() else []
    if None in names:
        raise _Unreadable("one of the extras is no name")
    return f"[{','.join(map(str, names))}]" if names else "", rest.lstrip()


def _address(text: str) -> tuple[str, str]:
    """Cut an address off: it ends before a space that a ; or the end follows."""
    text = text.lstrip()
    found = re.search(r"\s+(?=[;#]|$)|(?<=.)(?=[;#]\s)|$", text)
    assert found is not None
    if not text[: found.start()]:
        raise _Unreadable("expected an address behind @")
    return text[: found.start()], text[found.end() :].lstrip()


def _written_address(url: str, *, of_source: bool) -> str:
    if of_source and re.match(r"\.{0,2}/", url):
        return f" @ {url}"  # A folder as the lock's own folder sees it: what a project's [tool.uv.sources] say.
    if not re.match(r"(?:git\+)?[A-Za-z]{2,}:", url):
        raise _Unreadable("the address is no URL that a package can come from")
    if not url.startswith("git+") and not _FILE.search(re.split("[?#]", url)[0]):
        raise _Unreadable("the URL must end in the name of a wheel or archive")
    url = _without_secrets(url_text(url))
    if of_source and url.startswith("git+"):
        address, _, fragment = url.partition("#")
        inside = next((part for part in fragment.split("&") if part.startswith("subdirectory=")), "")
        url = f"{address}#{inside}" if inside else address
    return f" @ {url}"


def _without_secrets(url: str) -> str:
    """Put `****` for a password, and for a name that stands alone and may be a token, as uv does."""
    found = re.match(r"([a-z0-9+.-]+://)([^/?#@:]*)(:[^/?#@]*)?@", url)
    if found is None:
        return url
    name, password = found[2], found[3]
    if name == "git" and not password and found[1] in ("ssh://", "git+ssh://", "git+https://"):
        return url
    shown = f"{name}:****" if password else "****" if name else ""
    return f"{found[1]}{shown}@{url[found.end() :]}"


def _versions(text: str) -> tuple[str, str]:
    if text.startswith("("):
        inside, bracket, rest = text[1:].partition(")")
        if not bracket:
            raise _Unreadable("expected )")
        return _specifiers(inside, needs_one=True), rest.lstrip()
    if text[:1] in tuple("<=>~!"):
        inside, semicolon, rest = text.partition(";")
        return _specifiers(inside, needs_one=True), semicolon + rest
    return "", text


@lru_cache(maxsize=8192)
def _specifiers(text: str, *, needs_one: bool = False) -> str:
    if not text and not needs_one:
        return ""
    bounds = sorted(map(_bound, text.split(",")), key=lambda bound: bound.order)
    return ",".join(map(str, bounds))


def _bound(text: str) -> _Bound:
    found = _SPECIFIER.fullmatch(text)
    if found is None or found[1] not in _OPERATORS:
        raise _Unreadable(f"{text.strip()[:40]!r} is no version specifier")
    operator = found[1]
    pattern = version_of(found[2])
    if pattern is None:
        raise _Unreadable(f"{found[2][:40]!r} is no version")
    version, star = pattern
    if star and operator not in ("==", "!="):
        raise _Unreadable(f"{operator} takes no version with .*")
    if version.local is not None and operator not in ("==", "===", "!="):
        raise _Unreadable(f"{operator} takes no local version")
    if operator == "~=" and len(version.release) < 2:
        raise _Unreadable("~= takes a version with two numbers at least")
    return _Bound(operator, version, star)
