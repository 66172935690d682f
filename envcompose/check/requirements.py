"""PyPI requirements as a lock is judged by them: those of a manifest and those of `requires_dist`, in one form."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.manifest.marker_reading import Marker, MarkerInvalid, read_marker
from envcompose.manifest.requirement_parts import RequirementInvalid, read_requirement
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import PypiOrigin, PypiWish
from envcompose.model.values import dataclass


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
    parts = read_requirement(text)
    try:
        marker = None if parts.marker is None else _marker(parts.marker)
    except MarkerInvalid as error:
        raise RequirementInvalid(f"'{text}' is no requirement: {error}") from error
    wanted = Wanted(name=parts.name, text=text, extras=parts.extras, specifiers=parts.specifiers, marker=marker)
    return wanted if parts.address is None else _located(wanted, parts.address)


_marker = lru_cache(maxsize=8192)(read_marker)


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
