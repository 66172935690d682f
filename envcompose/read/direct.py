"""Direct references: URLs, version control, wheel files and folders -> requirements with a name."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import Requirement
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from envcompose.errors import FileMissing, RequirementSyntax
from envcompose.model.requirement import Fate, Origin, Outcome, UserRequirement
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles
from envcompose.read.paths import folder_of, inside, is_folder, path_of_file_url, reference_of_path
from envcompose.read.project_name import is_name, project_name
from envcompose.read.requirement_text import parse_requirement, syntax_error
from envcompose.read.secrets import mask_secrets
from envcompose.read.suggest import nearest

_URL = re.compile(r"(?:git|hg|svn|bzr)\+[a-z+]+:|(?:https?|ftp|ssh|git)://|file:", re.IGNORECASE)
_NAMED = re.compile(r"\s*[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@")
_ARCHIVE = re.compile(r".\.(?:whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz|tar)$", re.IGNORECASE)
_EXTRAS = re.compile(r"^(.+?)\[([^\]]*)\]$")
_URL_MARKER = re.compile(r"\s+;|;\s+")
_EGG_VERSION = re.compile(r"\s*[<>=!~].*$")
_HASH_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One requirement as it stands in an input: `text` to parse, `shown` to tell (no environment values)."""

    text: str
    shown: str
    origin: Origin
    editable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """A reference in its parts; `name` is None where neither the words nor the file tell it."""

    name: str | None
    extras: str
    url: str
    marker: str | None
    hashes: tuple[str, ...] = ()


def is_named_reference(text: str) -> bool:
    """Is this `name @ something`?"""
    return _NAMED.match(text) is not None


def is_url(text: str) -> bool:
    """Does this begin as a URL that pip knows?"""
    return _URL.match(text.lstrip()) is not None


def looks_like_path(text: str) -> bool:
    """Would pip take this for a file or folder: a separator, a leading dot, or an archive's ending?"""
    head = text.partition(";")[0].strip()
    return "/" in head or head.startswith(".") or _ARCHIVE.search(_EXTRAS.sub(r"\1", head)) is not None


def read_requirement(words: Words, files: TextFiles, base: str) -> UserRequirement | Fate:
    """Read one requirement of any form that pip takes; relative paths count from `base`.

    A Fate(UNSUPPORTED) comes back for a reference whose name nothing tells, and for version control other than git.
    Raises RequirementSyntax and FileMissing.
    """
    if is_named_reference(words.text):
        return _read_named(words, files, base)
    if is_url(words.text):
        return _finish(_split_url(words, files, base), words)
    if words.editable or looks_like_path(words.text):
        return _finish(_split_path(words, files, base), words)
    requirement = parse_requirement(words.text, words.origin, shown=words.shown)
    return UserRequirement(text=mask_secrets(words.shown), requirement=requirement, origin=words.origin)


def _read_named(words: Words, files: TextFiles, base: str) -> UserRequirement | Fate:
    requirement = parse_requirement(words.text, words.origin, shown=words.shown)
    url = requirement.url or ""
    extras = ",".join(sorted(requirement.extras))
    marker = str(requirement.marker) if requirement.marker else None
    hashes: tuple[str, ...] = ()
    if not is_url(url) or url.lower().startswith("file:"):
        address, _, fragment = url.partition("#")
        path = path_of_file_url(address)
        if not path.strip("/"):
            raise _address_error(words, "the address behind the @ is empty")
        url = _existing(path, words, files, base, name=requirement.name)
        url += f"#{fragment}" if fragment else ""
    else:
        url, _, hashes = _without_fragment(url)
    reference = _Reference(name=requirement.name, extras=extras, url=url, marker=marker, hashes=hashes)
    return _finish(reference, words)


def _split_url(words: Words, files: TextFiles, base: str) -> _Reference:
    pieces = _URL_MARKER.split(words.text, maxsplit=1)
    url, egg, hashes = _without_fragment(pieces[0].strip())
    marker = pieces[1].strip() if len(pieces) > 1 else None
    # A version in the egg (`#egg=name==1.0`) says nothing: the reference decides the version, in pip too.
    name, extras = _with_extras(_EGG_VERSION.sub("", egg).strip()) if egg else (None, "")
    if _scheme_of(url) == "file":
        bare, _, fragment = url.partition("#")
        path = path_of_file_url(bare)
        name = name or _name_at(path, files, base)
        url = _existing(path, words, files, base) + (f"#{fragment}" if fragment else "")
    elif name is None and "+" not in _scheme_of(url):
        name = _name_of_archive(unquote(url.partition("#")[0].partition("?")[0].rpartition("/")[2]))
    return _Reference(name=name, extras=extras, url=url, marker=marker, hashes=hashes)


def _split_path(words: Words, files: TextFiles, base: str) -> _Reference:
    text, semicolon, marker = words.text.partition(";")
    path, extras = _with_extras(text.strip())
    name = _name_at(path, files, base)
    if name is None and path.lower().endswith(".whl"):
        reason = "the file's name is not that of a wheel (name-version-python-abi-platform.whl)"
        raise syntax_error(mask_secrets(words.shown), 0, reason, words.origin)
    url = _existing(path, words, files, base)
    return _Reference(name=name, extras=extras, url=url, marker=marker.strip() if semicolon else None)


def _name_at(path: str, files: TextFiles, base: str) -> str | None:
    """Give the name that an archive's file name or a folder's project says."""
    if looks_like_archive(path):
        return _name_of_archive(path.replace("\\", "/").rpartition("/")[2])
    named = project_name(inside(base, path), files)
    return named[0] if named else None


def looks_like_archive(path: str) -> bool:
    """Has this the ending of a wheel or a source archive?"""
    return _ARCHIVE.search(path) is not None


def _scheme_of(url: str) -> str:
    """Give what stands before the first colon, in lower case."""
    return url.partition(":")[0].lower()


def _existing(path: str, words: Words, files: TextFiles, base: str, *, name: str | None = None) -> str:
    """Give the reference to a local path that is there; a path made of environment values is shown as written.

    `pip freeze` in a conda environment writes `name @ file:///…` with folders of the machine that built the package:
    for an absolute path that is not here, the error suggests the name.
    """
    place = inside(base, path)
    if files.exists(place) or is_folder(place, files):
        return reference_of_path(place)
    is_filled = words.text != words.shown
    folder = folder_of(place)
    near = None if is_filled else nearest(place.rpartition("/")[2], files.listing(folder or "."))
    suggestion = inside(folder, near) if near else None
    if name is not None and place.startswith("/"):
        suggestion = f"{name}==VERSION"
    raise FileMissing(
        path=mask_secrets(words.shown if is_filled else place),
        named_by=str(words.origin),
        suggestion=suggestion,
    )


def _with_extras(text: str) -> tuple[str, str]:
    match = _EXTRAS.match(text)
    return (match[1].strip(), match[2]) if match else (text, "")


def _without_fragment(url: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Give a URL without pip's `egg` and hash fragments, the egg, and the hashes as `sha256:…`."""
    bare, _, fragment = url.partition("#")
    kept: list[str] = []
    hashes: list[str] = []
    egg: str | None = None
    for piece in fragment.split("&") if fragment else ():
        key, _, value = piece.partition("=")
        if key == "egg":
            egg = unquote(value)
        elif len(value) == _HASH_DIGITS.get(key) and re.fullmatch(r"[0-9a-fA-F]+", value):
            hashes.append(f"{key}:{value.lower()}")
        else:
            kept.append(piece)
    return bare + ("#" + "&".join(kept) if kept else ""), egg, tuple(hashes)


def _name_of_archive(filename: str) -> str | None:
    try:
        if filename.lower().endswith(".whl"):
            return str(parse_wheel_filename(filename)[0])
        return str(parse_sdist_filename(filename)[0])
    except ValueError:
        return None


def _address_error(words: Words, reason: str) -> RequirementSyntax:
    """An error that points behind the `@`, or at the start of what has none."""
    shown = mask_secrets(words.shown)
    before, mark, _ = shown.partition("@")
    column = len(before) + 1 if mark and is_named_reference(shown) else 0
    return syntax_error(shown, column, reason, words.origin, form="name @ https://index.example/name-1.2.tar.gz")


def _check_address(url: str, words: Words) -> None:
    """Is it the address of something? Raises RequirementSyntax where a remote one names no host."""
    scheme, mark, _ = url.partition("://")
    if not mark or scheme.lower().endswith("file"):
        return
    try:
        has_host = bool(urlsplit(url).hostname)
    except ValueError:
        has_host = False
    if not has_host:
        raise _address_error(words, "its address names no host")


def _finish(reference: _Reference, words: Words) -> UserRequirement | Fate:
    shown = mask_secrets(words.shown)
    _check_address(reference.url, words)
    marker_text = _checked_marker(reference.marker, words, shown)
    if (scheme := _scheme_of(reference.url)).startswith(("hg+", "svn+", "bzr+")):
        note = f"pixi installs from git only, not from {scheme.partition('+')[0]}"
        return Fate(text=shown, origin=words.origin, outcome=Outcome.UNSUPPORTED, note=note)
    if reference.name is None or not is_name(reference.name):
        note = "nothing says which distribution this is: write it as NAME @ URL"
        return Fate(text=shown, origin=words.origin, outcome=Outcome.UNSUPPORTED, note=note)
    url = re.sub(r"\s", "%20", reference.url)
    extras = f"[{reference.extras}]" if reference.extras else ""
    try:
        requirement = Requirement(f"{reference.name}{extras} @ {url}{marker_text}")
    except (ValueError, RecursionError) as error:
        raise syntax_error(shown, 0, "its extras or its URL do not fit", words.origin) from error
    return UserRequirement(
        text=shown, requirement=requirement, origin=words.origin, editable=words.editable, hashes=reference.hashes
    )


def _checked_marker(marker: str | None, words: Words, shown: str) -> str:
    if marker is None:
        return ""
    try:
        Marker(marker)
    except (InvalidMarker, ValueError, RecursionError) as error:
        column = max(shown.find(";") + 1, 0)
        raise syntax_error(shown, column, "what follows the semicolon is no marker", words.origin) from error
    return f" ; {marker}"
