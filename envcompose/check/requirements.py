"""PyPI requirements as a lock is judged by them: those of a manifest and those of `requires_dist`, in one form."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.manifest.marker_reading import Marker, MarkerInvalid, read_marker
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import PypiOrigin, PypiWish

_NAMED = r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([A-Za-z0-9._,\s-]*)\])?\s*"
_PLAIN = re.compile(_NAMED + r"(?:\(([^()@;]*)\)|([<>=!~][^()@;]*))?\s*(?:;(.*))?", re.DOTALL)
# An address ends before a space that a ; or the end follows; other spaces belong to it.
_WITH_ADDRESS = re.compile(_NAMED + r"@\s*([^\s;].*?)(?:\s+;(.*)|\s*)", re.DOTALL)


class RequirementInvalid(ValueError):
    """A text that is no requirement (PEP 508)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One requirement. `by_manifest` is False for those of `requires_dist`, which pixi trusts in more ways.

    `location`, `reference` and `subdirectory` are as in PypiWish. `text` is what messages show.
    """

    name: str
    text: str
    extras: frozenset[str] = frozenset()
    specifiers: SpecifierSet | None = None
    marker: Marker | None = None
    origin: PypiOrigin = PypiOrigin.INDEX
    index: str | None = None
    location: str | None = None
    reference: tuple[str, str] | None = None
    subdirectory: str | None = None
    lfs: bool = False
    editable: bool | None = None
    by_manifest: bool = False

    def admits(self, version: Version) -> bool:
        """Whether the specifiers admit a version; pre-releases count like others, as for the resolver inside pixi."""
        return self.specifiers is None or self.specifiers.contains(version, prereleases=True)


def wanted_of(wish: PypiWish) -> Wanted:
    """A manifest's wish in this form."""
    return Wanted(
        name=wish.name,
        text=str(wish),
        extras=frozenset(wish.extras),
        specifiers=wish.version,
        marker=None if wish.marker is None else read_marker(str(wish.marker)),
        origin=wish.origin,
        index=wish.index,
        location=wish.location,
        reference=wish.reference,
        subdirectory=wish.subdirectory,
        lfs=bool(wish.lfs),
        editable=wish.editable,
        by_manifest=True,
    )


@lru_cache(maxsize=32768)
def parse_wanted(text: str) -> Wanted:
    """Read one line of `requires_dist`. Raises RequirementInvalid."""
    plain = _PLAIN.fullmatch(text)
    try:
        if plain is None:
            return _by_url(text)
        name, extras, bracketed, bare, marker = plain.groups()
        specifiers = (bracketed or bare or "").strip()
        return Wanted(
            name=_normal(name),
            text=text,
            extras=_extras(extras),
            specifiers=parse_specifiers(specifiers) if specifiers else None,
            marker=None if marker is None else _marker(marker),
        )
    except (InvalidSpecifier, MarkerInvalid) as error:
        raise RequirementInvalid(f"'{text}' is no requirement: {error}") from error


_marker = lru_cache(maxsize=8192)(read_marker)


@lru_cache(maxsize=8192)
def _normal(name: str) -> str:
    return str(canonicalize_name(name.strip()))


def _extras(text: str | None) -> frozenset[str]:
    return frozenset(_normal(extra) for extra in (text or "").split(",") if extra.strip())


@lru_cache(maxsize=8192)
def parse_specifiers(text: str) -> SpecifierSet:
    """Read version specifiers (PEP 440), without a comma too many. Raises InvalidSpecifier."""
    if text.strip() and not all(piece.strip() for piece in text.split(",")):
        raise InvalidSpecifier(f"a specifier is missing between commas: {text}")
    return SpecifierSet(text)


def _by_url(text: str) -> Wanted:
    found = _WITH_ADDRESS.fullmatch(text)
    if found is None:
        raise RequirementInvalid(f"'{text}' is no requirement")
    name, extras, address, marker = found.groups()
    wanted = Wanted(
        name=_normal(name), text=text, extras=_extras(extras), marker=None if marker is None else _marker(marker)
    )
    return _located(wanted, address)


def _located(wanted: Wanted, address: str) -> Wanted:
    """A requirement with `@ address`: git, a file on disk, or an archive by URL."""
    url, _, fragment = address.partition("#")
    if re.match(r"(?:hg|svn|bzr)\+", url):
        raise RequirementInvalid(f"'{wanted.text}' is no requirement that pixi can take: only git is known")
    if url.startswith("git+"):
        options = dict(part.partition("=")[::2] for part in fragment.split("&"))
        scheme, mark, rest = url.removeprefix("git+").partition("://")
        host, slash, path = rest.partition("/")
        path, _, reference = path.partition("@")
        return replace(
            wanted,
            origin=PypiOrigin.GIT,
            location=_url(f"{scheme}{mark}{host}{slash}{path}", wanted) if mark else path,
            reference=("rev", reference) if reference else None,
            subdirectory=options.get("subdirectory") or None,
        )
    if url.startswith("file:"):
        return replace(wanted, origin=PypiOrigin.PATH, location=url.removeprefix("file:").removeprefix("//"))
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
        return replace(wanted, origin=PypiOrigin.PATH, location=url)
    return replace(wanted, origin=PypiOrigin.URL, location=_url(address, wanted))


def _url(text: str, wanted: Wanted) -> str:
    try:
        return parse_url(text)
    except ValueError as error:
        raise RequirementInvalid(f"'{wanted.text}' is no requirement: {error}") from error
