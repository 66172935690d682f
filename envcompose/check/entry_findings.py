"""Findings about the entries of a lock by themselves: hashes, file names, what pixi passes over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from envcompose.check.finding import Finding
from envcompose.check.locations import FileKind, kind_of_file, pinned_git, place_of
from envcompose.manifest.conda_url import conda_url_parts
from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import Locked, LockedConda, LockedPypi, LockFile
from envcompose.manifest.urls import without_credentials
from envcompose.model.message import Level

_HASHES = frozenset({"sha256", "md5"})
_OF_NOTHING = frozenset(
    {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "d41d8cd98f00b204e9800998ecf8427e"}
)
_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^/?#@:]*)(?P<password>:[^/?#@]*)?@")
_FRAGMENT = re.compile(r"#(?:.*&)?sha256=([0-9a-fA-F]+)")
_COMMIT = 40


def entry_findings(lock: LockFile) -> Iterator[Finding]:
    """Findings that do not depend on the manifest."""
    yield from _unread(lock)
    yield from _unused(lock)
    for package in lock.packages:
        for code, level, text in (*_hashes(package), *_names(package), *_source(package)):
            yield Finding(code=code, level=level, text=text, package=package.name, line=lock.lines.get(package.url))
    yield from _shared_hashes(lock)
    yield from _credentials(lock)


def _unread(lock: LockFile) -> Iterator[Finding]:
    for place, line in lock.unread:
        entry, _, key = place.rpartition(".")
        if not entry:
            text = f"{place} says nothing: a later entry of the same file takes its place"
            yield Finding(code="entry-replaced", level=Level.WARNING, text=text, line=line)
        elif key in _HASHES:
            text = f"the {key} of {entry} is no {key}, and pixi takes the file unchecked"
            yield Finding(code="hash-unread", level=Level.ERROR, text=text, line=line)
        else:
            text = f"pixi passes over {place}"
            yield Finding(code="key-unread", level=Level.WARNING, text=text, line=line)


def _unused(lock: LockFile) -> Iterator[Finding]:
    used = {package.url for package in lock.packages}
    for url, line in lock.lines.items():
        if url not in used:
            text = f"no environment uses the entry of {without_credentials(url)}"
            yield Finding(code="entry-unused", level=Level.NOTE, text=text, line=line)
    for environment in lock.environments:
        for platform, packages in environment.packages.items():
            times = Counter(package.url for package in packages)
            for package in {package.url: package for package in packages}.values():
                if times[package.url] > 1:
                    yield Finding(
                        code="reference-twice",
                        level=Level.WARNING,
                        text=f"{package.name} is listed twice",
                        environment=environment.name,
                        platform=platform,
                        package=package.name,
                    )


Said = Iterator[tuple[str, Level, str]]
"""Code, level and text of what is said of one entry."""


def _hashes(package: Locked) -> Said:
    for word, value in (("sha256", package.sha256), ("md5", package.md5)):
        if value is not None and (len(set(value)) == 1 or value in _OF_NOTHING):
            yield "hash-odd", Level.ERROR, f"the {word} of {package.name} is that of no real file: {value[:12]}…"
    if isinstance(package, LockedPypi):
        place = place_of(package)
        if place.url is None or place.url.startswith("git+"):
            return  # A folder has no hash, and of git the commit counts.
        yield from _fragment(package)
        if package.url.startswith("direct+"):
            if package.sha256 is None:
                text = f"{package.name} comes by URL without sha256: pixi installs what it finds there"
                yield "direct-unhashed", Level.WARNING, text
            return
    if package.sha256 is None and package.md5 is None:
        yield "hash-missing", Level.WARNING, f"{package.name} has no hash: pixi installs what it finds"
    elif package.sha256 is None:
        yield "hash-weak", Level.WARNING, f"{package.name} has an md5 and no sha256"


def _fragment(package: LockedPypi) -> Said:
    found = _FRAGMENT.search(package.url)
    if found is not None and package.sha256 is not None and found[1].lower() != package.sha256:
        text = f"the URL of {package.name} says the sha256 {found[1][:12]}…, and the entry {package.sha256[:12]}…"
        yield "hash-differs", Level.ERROR, text


def _names(package: Locked) -> Said:
    problem = _conda_problem(package) if isinstance(package, LockedConda) else _pypi_problem(package)
    if problem is not None:
        yield "file-differs", Level.ERROR, f"{problem}: what is installed is the file"


def _conda_problem(record: LockedConda) -> str | None:
    says = conda_url_parts(record.url)
    if says.version is None or record.file_name is not None:
        return None
    if says.name is not None and says.name.lower() != record.name.lower():
        return f"{record.name} is locked, and its file is {says.file_name}"
    if not _same_conda_version(says.version, record.version) or says.build != record.build:
        return f"{record.name} {record.version} {record.build} is locked, and its file is {says.file_name}"
    return None


def _same_conda_version(one: str, other: str) -> bool:
    try:
        return one == other or parse_version(one) == parse_version(other)
    except VersionInvalid:
        return False


def _pypi_problem(package: LockedPypi) -> str | None:
    place = place_of(package)
    name = (place.file_name or "").partition("#")[0].partition("?")[0]
    kind = kind_of_file(name)
    if (place.url or "").startswith("git+") or kind is FileKind.OTHER or package.version is None:
        return None
    fixed = package.url.startswith("direct+") or place.url is None
    if kind is FileKind.SDIST and fixed:
        return None  # An archive that no index lists is called as anyone likes.
    says = _wheel(name) if kind is FileKind.WHEEL else _sdist(name, package.name)
    locked = Version(package.version)
    if says is None or (says[0] == package.name and _same_version(says[1], locked, fixed=fixed)):
        return None
    return f"{package.name} {package.version} is locked, and its file is {name}"


def _wheel(file_name: str) -> tuple[str, Version] | None:
    try:
        name, version, _, _ = parse_wheel_filename(file_name.replace("%2B", "+").replace("%2b", "+"))
    except (InvalidWheelFilename, InvalidVersion):
        return None
    return name, version


def _sdist(file_name: str, wanted: str) -> tuple[str, Version] | None:
    """Name and version of an archive; as both may hold dashes, the name that is wanted goes first."""
    stem = re.sub(r"\.(?:tar(?:\.\w+)?|tgz|tbz|txz|tlz|zip)$", "", file_name).replace("%2B", "+").replace("%2b", "+")
    found: list[tuple[str, Version]] = []
    for dash in re.finditer("-", stem):
        try:
            found.append((str(canonicalize_name(stem[: dash.start()])), Version(stem[dash.end() :])))
        except InvalidVersion:
            continue
    return next((one for one in found if one[0] == wanted), found[-1] if found else None)


def _same_version(by_file: Version, locked: Version, *, fixed: bool) -> bool:
    """Whether two versions are the same. A file that no index chose may name its build (`+cu12`) where its metadata do not."""
    if by_file == locked:
        return True
    return fixed and by_file.public == locked.public and locked.local is None


def _source(package: Locked) -> Said:
    if not isinstance(package, LockedPypi) or not package.url.startswith("git+"):
        return
    pinned = pinned_git(package.url)
    if pinned is not None and len(pinned.commit) < _COMMIT:
        yield "commit-short", Level.WARNING, f"{package.name} is locked at {pinned.commit}, which is not a whole commit"


def _shared_hashes(lock: LockFile) -> Iterator[Finding]:
    """Different files cannot have the same hash."""
    first: dict[str, Locked] = {}
    for package in lock.packages:
        if package.sha256 is None or package.sha256 in _OF_NOTHING or len(set(package.sha256)) == 1:
            continue
        other = first.setdefault(package.sha256, package)
        if other.name != package.name or other.version != package.version:
            text = f"{package.name} and {other.name} have the same sha256, so one of them is wrong"
            yield Finding(
                code="hash-shared",
                level=Level.ERROR,
                text=text,
                package=package.name,
                line=lock.lines.get(package.url),
            )


def _credentials(lock: LockFile) -> Iterator[Finding]:
    """A lock is committed and shared; what is in it is no secret."""
    for package in lock.packages:
        index = package.index if isinstance(package, LockedPypi) else package.channel
        if any(_is_secret(text) for text in (package.url, index or "")):
            text = f"an address of {package.name} holds a user name or password"
            line = lock.lines.get(package.url)
            yield Finding(code="credentials", level=Level.WARNING, text=text, package=package.name, line=line)
    for environment in lock.environments:
        links = [value for _, value in environment.find_links]
        if any(_is_secret(text) for text in (*environment.channels, *(environment.indexes or ()), *links)):
            text = "an address of a channel or index holds a user name or password"
            yield Finding(code="credentials", level=Level.WARNING, text=text, environment=environment.name)


def _is_secret(url: str) -> bool:
    found = _CREDENTIALS.match(url.removeprefix("direct+").removeprefix("git+"))
    return found is not None and (found["password"] is not None or found["user"] not in ("", "git"))
