"""Where a locked PyPI package comes from, and whether that is what a requirement asks (facts: pixi.md §9.2)."""

from __future__ import annotations

import posixpath
import re
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from packaging.version import Version

from envcompose.check.requirements import Wanted
from envcompose.check.verdict import Unmet
from envcompose.manifest.lock import LockedPypi
from envcompose.manifest.urls import parse_url, without_credentials
from envcompose.manifest.workspace import PypiOrigin
from envcompose.model.values import dataclass

NO_VERSION = Version("0a0.dev0")
"""What pixi takes for a package whose version is written nowhere."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_ARCHIVES = (
    ".zip",
    ".tar",
    ".tgz",
    ".tbz",
    ".txz",
    ".tlz",
    *(f".tar.{end}" for end in ["gz", "bz2", "xz", "lz", "lzma", "zst"]),
)
_GIT_SCHEMES = frozenset({"http", "https", "ssh", "file"})


class FileKind(StrEnum):
    """What a file name says of a distribution."""

    WHEEL = "wheel"
    SDIST = "sdist"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A location as pixi reads it: a URL, or a path (also where it was written as `file:`)."""

    url: str | None = None
    path: str | None = None

    @property
    def file_name(self) -> str | None:
        """The last step, percent signs as written; None for a folder."""
        if self.url is not None:
            last = urlsplit(self.url).path.rpartition("/")[2]
            return last or None
        return None if (self.path or "").endswith("/") else (self.path or "").rpartition("/")[2]


def place_of(package: LockedPypi) -> Place:
    """Where a locked package is."""
    text = package.url
    if text.startswith("file:"):
        # A relative path behind `file:` is one from the root, as in every URL.
        path = unquote(text.removeprefix("file:")).removeprefix("//")
        return Place(path=posixpath.normpath(f"/{path.lstrip('/')}"))
    return Place(url=text) if _SCHEME.match(text) else Place(path=text)


def is_distribution(package: LockedPypi) -> bool:
    """Whether pixi takes an entry for a file with a fixed version, and not for a source tree."""
    by_index = package.index is not None and place_of(package).url is not None
    return package.version is not None or package.sha256 is not None or package.md5 is not None or by_index


def kind_of_file(name: str) -> FileKind:
    """A wheel, an archive of sources, or neither, by the file name."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return FileKind.OTHER
    if extension == "whl":
        return FileKind.WHEEL
    return FileKind.SDIST if name.endswith(_ARCHIVES) else FileKind.OTHER


def joined(root: str, path: str) -> str:
    """A path below a root, dots resolved; an absolute path stands for itself."""
    return posixpath.normpath(posixpath.join(root or ".", path))


def check_location(
    wanted: Wanted, package: LockedPypi, *, version: Version, indexes: tuple[str, ...], root: str
) -> None:
    """Whether a locked package is what a requirement asks. Raises Unmet.

    `indexes` are those of the environment, find-links by URL among them.
    """
    match wanted.origin:
        case PypiOrigin.INDEX:
            _check_index(wanted, package, version, indexes)
        case PypiOrigin.URL:
            _check_url(wanted, package)
        case PypiOrigin.PATH:
            _check_path(wanted, package, root)
        case _:
            _check_git(wanted, package)


def _check_index(wanted: Wanted, package: LockedPypi, version: Version, indexes: tuple[str, ...]) -> None:
    if not wanted.by_manifest and place_of(package).path is not None:
        return  # A project on disk stands in for whatever others ask of its name.
    if not wanted.admits(version):
        raise Unmet(
            "pypi-version", f"{wanted.name}{wanted.specifiers} is asked for, and {version} is locked", wanted.name
        )
    found = package.index
    if found is None or place_of(package).url is None or not is_distribution(package):
        return  # The index of a file on disk is that of another machine, and pixi passes over it.
    if wanted.index is not None:
        if parse_url(found) != wanted.index:
            text = f"{wanted.name} is pinned to the index {wanted.index}, and locked from {found}"
            raise Unmet("pypi-index", text, wanted.name)
    elif wanted.by_manifest and parse_url(found).rstrip("/") not in {index.rstrip("/") for index in indexes}:
        text = f"{wanted.name} is locked from {found}, which is none of the environment's indexes"
        raise Unmet("pypi-index", text, wanted.name)


def _check_url(wanted: Wanted, package: LockedPypi) -> None:
    place = place_of(package)
    if place.url is None or not place.url.startswith("direct+"):
        raise Unmet("pypi-url", f"{wanted.name} is asked for by URL, and locked from {package.url}", wanted.name)
    locked = place.url.removeprefix("direct+")
    if without_credentials(_normal(locked)) != without_credentials(wanted.location or ""):
        raise Unmet(
            "pypi-url", f"{wanted.name} is asked for from {wanted.location}, and locked from {locked}", wanted.name
        )


def _normal(url: str) -> str:
    try:
        return parse_url(url)
    except ValueError:
        return url


def _check_path(wanted: Wanted, package: LockedPypi, root: str) -> None:
    path = place_of(package).path
    if path is None:
        raise Unmet("pypi-path", f"{wanted.name} is asked for by path, and locked from {package.url}", wanted.name)
    if joined(root, path) != joined(root, wanted.location or ""):
        raise Unmet("pypi-path", f"{wanted.name} is asked for at {wanted.location}, and locked at {path}", wanted.name)


def _check_git(wanted: Wanted, package: LockedPypi) -> None:
    place = place_of(package)
    pinned = None if place.url is None else pinned_git(place.url)
    if pinned is None:
        raise Unmet("pypi-git", f"{wanted.name} is asked for from git, and locked from {package.url}", wanted.name)
    if repository(pinned.repository) != repository(wanted.location or ""):
        text = f"{wanted.name} is asked for from {wanted.location}, and locked from {pinned.repository}"
        raise Unmet("pypi-git", text, wanted.name)
    if wanted.by_manifest and wanted.lfs != pinned.lfs:
        raise Unmet("pypi-git", f"{wanted.name} is locked with another choice of git-lfs", wanted.name)
    if wanted.reference is None:
        if pinned.reference is not None:
            text = f"{wanted.name} is asked for at the default branch, and locked at {pinned.reference[1]}"
            raise Unmet("pypi-git", text, wanted.name)
        return
    if (wanted.subdirectory or None) != pinned.subdirectory:
        raise Unmet("pypi-git", f"{wanted.name} is locked from another folder of the repository", wanted.name)
    if not pinned.says_reference:
        return  # Locks of older versions do not tell the reference, and the commit counts.
    if pinned.reference != wanted.reference:
        locked = pinned.reference[1] if pinned.reference else "the default branch"
        raise Unmet(
            "pypi-git", f"{wanted.name} is asked for at {wanted.reference[1]}, and locked at {locked}", wanted.name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedGit:
    """A git location of a lock: `git+<repository>?<kind>=<reference>#<commit>`."""

    repository: str
    commit: str
    reference: tuple[str, str] | None
    subdirectory: str | None
    lfs: bool
    says_reference: bool


def pinned_git(url: str) -> PinnedGit | None:
    """Read a git location of a lock; None where it is none."""
    address = url.removeprefix("git+")
    parts = urlsplit(address)
    if not re.fullmatch(r"[0-9a-fA-F]{1,40}", parts.fragment):
        return None
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    references = [(key, value) for key, value in pairs if key in ("tag", "branch", "rev")]
    folders = [value for key, value in pairs if key == "subdirectory"]
    lfs = [value for key, value in pairs if key == "lfs"]
    if len(references) > 1 or len(folders) > 1 or len(lfs) > 1:
        return None
    path, at, _ = parts.path.rpartition("@")
    steps = posixpath.normpath(folders[0]).strip("/") if folders else ""
    return PinnedGit(
        repository=f"{parts.scheme}://{parts.netloc}{path if at else parts.path}",
        commit=parts.fragment.lower(),
        reference=references[0] if references else None,
        subdirectory=steps if steps not in ("", ".") else None,
        lfs=lfs == ["true"],
        says_reference=bool(references) or "@" in parts.path,
    )


def repository(url: str) -> str:
    """A repository's address in the form in which pixi compares two: no credentials, no `.git`, no slash at the end."""
    parts = urlsplit(url.removeprefix("git+"))
    path = parts.path
    if not parts.netloc:
        return f"{parts.scheme}://{path}"
    host = parts.netloc if "ssh" in parts.scheme else parts.netloc.rpartition("@")[2]
    host = (
        host.lower()
        if "@" not in host
        else f"{host.rpartition('@')[0].partition(':')[0]}@{host.rpartition('@')[2].lower()}"
    )
    path = path.removesuffix("/")
    if host.rpartition("@")[2] == "github.com":
        path = path.lower()
    if path.lower().endswith(".git") and not path.endswith("/.git"):
        path = path[:-4]
    return f"{parts.scheme.lower()}://{host}{path}"


def check_git_scheme(wanted: Wanted) -> None:
    """Whether the resolver inside pixi can take a repository's address at all. Raises Unmet."""
    scheme = (wanted.location or "").removeprefix("git+").partition(":")[0]
    if scheme not in _GIT_SCHEMES:
        raise Unmet("requirement-unusable", f"{wanted.name}: git over {scheme} is not supported", wanted.name)
