"""Where a manifest's own sources are, as the lock writes them: archives by URL, commits of repositories, paths."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from packaging.requirements import Requirement

from envcompose.manifest.url_text import url_text
from envcompose.manifest.urls import without_credentials
from envcompose.manifest.workspace import PypiOrigin, PypiWish
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets

_SDISTS = (".tar.gz", ".tgz", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One source: a `url`, a `path` (relative to the manifest's folder) or a `repository`; `reference` as in PypiWish.

    `inside` is the folder within a repository or an archive.
    """

    url: str | None = None
    path: str | None = None
    repository: str | None = None
    reference: tuple[str, str] | None = None
    inside: str | None = None
    lfs: bool | None = None
    by_project: bool = False
    """Is it said by `[tool.uv.sources]` of a project? pixi then tells branches and tags as revs."""

    @property
    def told_reference(self) -> tuple[str, str] | None:
        """The reference as the lock tells it."""
        return ("rev", self.reference[1]) if self.reference is not None and self.by_project else self.reference

    @property
    def file_name(self) -> str:
        """The last step of a URL or a path."""
        text = urlsplit(self.url).path if self.url is not None else self.path or ""
        return unquote(text.rstrip("/").rpartition("/")[2])

    @property
    def is_wheel(self) -> bool:
        """Is it a wheel?"""
        return self.file_name.endswith(".whl")

    @property
    def is_archive(self) -> bool:
        """Is it an archive of sources?"""
        return self.file_name.endswith(_SDISTS)

    def __str__(self) -> str:
        shown = self.url or self.path or f"git+{self.repository}" + (f"@{self.reference[1]}" if self.reference else "")
        return mask_secrets(shown)


def place_of_wish(wish: PypiWish) -> Place | None:
    """Where a wish of a manifest comes from; None for an index."""
    location = wish.location or ""
    match wish.origin:
        case PypiOrigin.URL:
            return Place(url=location, inside=wish.subdirectory)
        case PypiOrigin.PATH:
            return Place(path=location)
        case PypiOrigin.GIT:
            return Place(
                repository=location.removeprefix("git+"),
                reference=wish.reference,
                inside=wish.subdirectory,
                lfs=wish.lfs,
            )
        case _:
            return None


def place_of_url(address: str) -> Place:
    """Where a requirement `name @ address` of some metadata comes from (PEP 440, direct references)."""
    url, _, fragment = address.partition("#")
    options = dict(part.partition("=")[::2] for part in fragment.split("&"))
    inside = options.get("subdirectory") or None
    if url.startswith("git+"):
        scheme, mark, rest = url.removeprefix("git+").partition("://")
        host, slash, path = rest.partition("/")
        path, at, text = path.rpartition("@") if "@" in path else (path, "", "")
        reference = ("rev", text) if at else None
        return Place(repository=f"{scheme}{mark}{host}{slash}{path}", reference=reference, inside=inside)
    if url.startswith("file:"):
        return Place(path=unquote(url.removeprefix("file:").removeprefix("//")))
    if "://" not in url:
        return Place(path=url)
    return Place(url=address, inside=inside)


def locked_url(place: Place) -> str:
    """An archive by URL as the lock has it."""
    return url_text(f"direct+{without_credentials(place.url or '')}")


def locked_path(place: Place) -> str:
    """A path as the lock has it: from the lock's own folder, `./` in front of what lies below."""
    path = posixpath.normpath(place.path or ".")
    if path.startswith(("/", "../")) or path == "..":
        return path
    return "./" if path == "." else f"./{path}"


def locked_git(place: Place, commit: str) -> str:
    """A commit as the lock has it: `git+<repository>?<kind>=<reference>#<commit>`."""
    pairs = [("subdirectory", posixpath.normpath(place.inside))] if place.inside else []
    pairs += [place.told_reference] if place.told_reference else []
    pairs += [("lfs", "true" if place.lfs else "false")] if place.lfs is not None else []
    parts = urlsplit(without_credentials(place.repository or ""))
    return "git+" + urlunsplit(parts._replace(query=urlencode(pairs), fragment=commit))


def requirement_at(requirement: Requirement, place: Place) -> str:
    """A requirement that comes from a place, as the lock has it among others: `name[extra] @ place ; marker`."""
    inside = f"#subdirectory={place.inside}" if place.inside else ""
    if place.repository is not None:
        reference = f"@{place.reference[1]}" if place.reference else ""
        address = f"git+{without_credentials(place.repository)}{reference}{inside}"
    else:
        address = without_credentials(place.url or "") + inside if place.url is not None else locked_path(place)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras} @ {address}{marker}"
