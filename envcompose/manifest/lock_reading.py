"""The text of pixi.lock -> its values, with pixi's own idea of what can be read (facts/pixi.md §9.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envcompose.errors import LockInvalid, LockUnsupported
from envcompose.manifest.conda_url import SUBDIRS, build_number_of, conda_url_parts, noarch_of
from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import (
    LOCK_VERSION,
    Locked,
    LockedConda,
    LockedPypi,
    LockEnvironment,
    LockFile,
    LockPlatform,
    OtherLockVersion,
)
from envcompose.manifest.lock_document import Table, read_document
from envcompose.manifest.lock_fields import Fields
from envcompose.manifest.marker_reading import version_of
from envcompose.manifest.requirement_text import requirement_problem, requires_python_problem

_PLATFORM_NAME = re.compile(r"[\w-]*")
_PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_CONDA_NAME = re.compile(r"[A-Za-z0-9._-]+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_PURL = re.compile(r"pkg:/*[A-Za-z][A-Za-z0-9.+-]*/[^?#]+(?:\?[^=&#]+=[^&#]*(?:&[^=&#]+=[^&#]*)*)?(?:#.*)?")
_OPTIONS = {
    "strategy": ("highest", "lowest-version", "lowest-version-direct"),
    "channel-priority": ("strict", "disabled", "flexible"),
    "pypi-prerelease-mode": ("if-necessary-or-explicit", "disallow", "allow", "if-necessary", "explicit"),
}
_TOP_KEYS = frozenset({"version", "platforms", "environments", "packages"})
_PLATFORM_KEYS = frozenset({"name", "subdir", "virtual-packages"})
_ENVIRONMENT_KEYS = frozenset({"channels", "indexes", "find-links", "options", "packages"})
_CONDA = (
    "conda name version build build_number subdir noarch sha256 md5 legacy_bz2_md5 depends constrains extra_depends "
    "channel features flags track_features file_name license license_family purls run_exports size legacy_bz2_size "
    "timestamp python_site_packages_path"
)
_CONDA_KEYS = frozenset(_CONDA.split())
_PYPI_KEYS = frozenset({"pypi", "name", "version", "md5", "sha256", "index", "requires_dist", "requires_python"})
# Later times are in milliseconds, earlier ones in seconds (the last second of the year 9999).
_LAST_SECOND = 253_402_300_799


def read_lock(text: str, path: str) -> LockFile | OtherLockVersion:
    """Read a lock file; `path` is what errors call it.

    Edits do not matter: comments, flow style, any order, unused and repeated entries (of which the last counts) are
    read as pixi reads them. Hashes come back in lower case and times in milliseconds. A file of another version of the
    format gives OtherLockVersion. Raises LockInvalid, with its line, for what pixi calls an error, and LockUnsupported
    for conda packages that pixi builds from source: they have no URL.
    """
    document = read_document(text, path)
    if not isinstance(document, Table):
        raise LockInvalid(path=path, line=1, reason="it has no version")
    top = Fields(document, "the file", path)
    version = _version(top)
    if version != LOCK_VERSION:
        return OtherLockVersion(version=version)
    top.note_unread(_TOP_KEYS)
    platforms = _platforms(top)
    entries: dict[tuple[bool, str], tuple[str, int]] = {}
    packages: dict[tuple[bool, str], Locked] = {}
    for entry in top.tables("packages"):
        package = _package(entry)
        key = isinstance(package, LockedPypi), package.url
        if key in entries:
            top.unread.append(entries[key])
        packages[key] = package
        entries[key] = entry.name, entry.table.line
    names = {platform.name for platform in platforms}
    environments = top.inner("environments")
    found = tuple(
        _environment(name, environments.inner(name, or_null=False), names, packages) for name in environments.table
    )
    lines = {url: line for (_, url), (_, line) in entries.items()}
    return LockFile(platforms=platforms, environments=found, lines=lines, unread=tuple(top.unread))


def _version(top: Fields) -> int:
    if "version" not in top.table:
        raise LockInvalid(path=top.path, line=1, reason="it has no version")
    version = top.table["version"]
    if not isinstance(version, int) or isinstance(version, bool) or version <= 0:
        raise top.wrong("version", "version must be a whole number without quotes")
    return version


def _platforms(top: Fields) -> tuple[LockPlatform, ...]:
    platforms: dict[str, LockPlatform] = {}
    for fields in top.tables("platforms") if "platforms" in top.table else ():
        fields.note_unread(_PLATFORM_KEYS)
        name = fields.needed_text("name")
        subdir = fields.text("subdir") or name
        if subdir not in SUBDIRS:
            raise fields.wrong("name", f"{subdir} is no platform that pixi knows; a name of its own needs a subdir")
        if not _PLATFORM_NAME.fullmatch(name):
            raise fields.wrong("name", f"{name} is no name of a platform")
        if name in platforms:
            raise fields.wrong("name", f"the platform {name} stands twice")
        platforms[name] = LockPlatform(name=name, subdir=subdir, virtual=fields.texts_or_none("virtual-packages") or ())
    return tuple(platforms.values())


def _environment(
    name: str, fields: Fields, platforms: set[str], packages: Mapping[tuple[bool, str], Locked]
) -> LockEnvironment:
    fields.note_unread(_ENVIRONMENT_KEYS)
    channels = tuple(channel.needed_text("url") for channel in fields.tables("channels"))
    indexes, find_links = _indexes(fields)
    found: dict[str, tuple[Locked, ...]] = {}
    by_platform = fields.inner("packages")
    for platform in by_platform.table:
        if platform not in platforms:
            raise by_platform.wrong(platform, f"the platform {platform} is not among the platforms of the file")
        found[platform] = tuple(_referred(reference, packages) for reference in by_platform.tables(platform))
    return LockEnvironment(
        name=name,
        channels=channels,
        indexes=indexes,
        find_links=find_links,
        options=_options(fields),
        packages=found,
    )


def _referred(reference: Fields, packages: Mapping[tuple[bool, str], Locked]) -> Locked:
    kind = _kind(reference)
    url = reference.needed_text(kind)
    package = packages.get((kind == "pypi", url))
    if package is None:
        raise reference.wrong(kind, f"there is no entry among the packages for {url}")
    return package


def _kind(fields: Fields) -> str:
    """Say which of the two kinds an entry or a reference is."""
    for kind in ("conda", "conda_source", "pypi"):
        if isinstance(fields.table.get(kind), str):
            if kind == "conda_source":
                what = "a conda package that pixi builds from source (conda_source)"
                raise LockUnsupported(path=fields.path, what=what, line=fields.line(kind))
            return kind
    raise LockInvalid(
        path=fields.path, line=fields.table.line, reason=f"{fields.name}: it names neither a conda nor a pypi package"
    )


def _indexes(fields: Fields) -> tuple[tuple[str, ...] | None, tuple[tuple[str, str], ...]]:
    """Read `indexes` and `find-links`; pixi takes both as absent where one of them is malformed."""
    try:
        indexes = fields.texts_or_none("indexes")
        links = fields.tables("find-links") if "find-links" in fields.table else ()
        find_links = tuple(_find_link(link) for link in links)
        if not all(_URL.match(url) for url in indexes or ()):
            indexes = None
    except LockInvalid:
        indexes, find_links = None, ()
    if indexes is None:
        fields.unread.extend(
            (f"{fields.name}.{key}", fields.line(key)) for key in ("indexes", "find-links") if key in fields.table
        )
        return None, ()
    return indexes, find_links


def _find_link(link: Fields) -> tuple[str, str]:
    for kind in ("url", "path"):
        if kind in link.table:
            return kind, link.needed_text(kind)
    raise link.wrong("url", "a find-links entry is a url or a path")


def _options(fields: Fields) -> Mapping[str, str]:
    if "options" not in fields.table:
        return {}
    options = fields.inner("options")
    options.note_unread(frozenset(_OPTIONS))
    found = {}
    for name, values in _OPTIONS.items():
        value = options.text(name)
        if name in options.table and value not in values:
            raise options.wrong(name, f"{name} must be one of {', '.join(values)}")
        if value is not None and value != values[0]:
            found[name] = value
    return found


def _package(entry: Fields) -> Locked:
    if _kind(entry) == "conda":
        entry.note_unread(_CONDA_KEYS)
        return _conda(entry)
    entry.note_unread(_PYPI_KEYS)
    return _pypi(entry)


def _conda(entry: Fields) -> LockedConda:
    url = entry.needed_text("conda")
    says = conda_url_parts(url)
    if says.build is None:
        raise entry.wrong("conda", f"{says.file_name} is no name of a conda package (name-version-build.conda)")
    subdir = entry.text("subdir") or says.subdir
    if subdir is None:
        raise entry.wrong("conda", "the URL names no folder of a channel, so subdir has to be given")
    build = entry.text("build")
    build = says.build if build is None else build
    number = entry.number("build_number")
    return LockedConda(
        url=url,
        name=_conda_name(entry, says.name),
        version=_conda_version(entry, says.version),
        build=build,
        build_number=build_number_of(build) if number is None else number,
        subdir=subdir,
        noarch=_noarch(entry, says.subdir or subdir, says.build),
        sha256=entry.digest("sha256", 64),
        md5=entry.digest("md5", 32),
        legacy_bz2_md5=entry.digest("legacy_bz2_md5", 32),
        depends=entry.texts("depends"),
        constrains=entry.texts("constrains"),
        extra_depends=entry.lists("extra_depends"),
        channel=_channel(entry, says.channel),
        features=entry.text("features"),
        flags=entry.texts("flags"),
        track_features=entry.texts("track_features"),
        file_name=_file_name(entry, says.file_name),
        license=entry.text("license"),
        license_family=entry.text("license_family"),
        purls=_purls(entry),
        run_exports=_run_exports(entry),
        size=entry.number("size"),
        legacy_bz2_size=entry.number("legacy_bz2_size"),
        timestamp=_milliseconds(entry),
        python_site_packages_path=entry.text("python_site_packages_path"),
    )


def _conda_name(entry: Fields, assumed: str | None) -> str:
    name = entry.text("name")
    if name is not None and not _CONDA_NAME.fullmatch(name):
        raise entry.wrong("name", f"{name!r} is no name of a conda package")
    return name or assumed or ""


def _conda_version(entry: Fields, assumed: str | None) -> str:
    text = entry.text("version")
    version = assumed or "" if text is None else text
    try:
        parse_version(version)
    except VersionInvalid as error:
        raise entry.wrong("conda" if text is None else "version", str(error)) from error
    return version


def _file_name(entry: Fields, assumed: str) -> str | None:
    name = entry.text("file_name")
    if name is not None and conda_url_parts(name).build is None:
        raise entry.wrong("file_name", f"{name!r} is no name of a conda package (name-version-build.conda)")
    return None if name == assumed else name


def _channel(entry: Fields, assumed: str | None) -> str | None:
    # pixi writes null for a dependency by URL, which comes from no channel.
    if "channel" in entry.table and entry.table["channel"] is None and assumed is not None:
        return ""
    channel = _url(entry, "channel")
    return None if channel is None or channel.rstrip("/") == assumed else channel.rstrip("/")


def _url(entry: Fields, key: str) -> str | None:
    url = entry.text(key)
    if url is not None and not _URL.match(url):
        raise entry.wrong(key, f"{url!r} is no URL")
    return url


def _noarch(entry: Fields, subdir: str, build: str) -> str | None:
    value = entry.table.get("noarch")
    if value is None:
        return noarch_of(subdir, build)
    if value is False or value == "":
        return None
    if value is True:
        return "generic"
    if value in ("generic", "python"):
        return str(value)
    raise entry.wrong("noarch", "noarch must be generic, python or false")


def _purls(entry: Fields) -> tuple[str, ...] | None:
    purls = entry.texts_or_none("purls")
    for purl in purls or ():
        if not _PURL.fullmatch(purl):
            raise entry.wrong("purls", f"{purl!r} is no package URL such as pkg:pypi/name")
    return purls if purls is None else tuple(sorted(set(purls)))


def _run_exports(entry: Fields) -> Mapping[str, tuple[str, ...]] | None:
    return None if entry.table.get("run_exports") is None else entry.lists("run_exports")


def _milliseconds(entry: Fields) -> int | None:
    value = entry.number("timestamp", least=-(1 << 63))
    if value is None or value > _LAST_SECOND:
        return value
    return value * 1000


def _pypi(entry: Fields) -> LockedPypi:
    name = entry.needed_text("name")
    if not _PYPI_NAME.fullmatch(name):
        raise entry.wrong("name", f"{name} is no name of a PyPI package")
    return LockedPypi(
        url=entry.needed_text("pypi"),
        name=re.sub("[-_.]+", "-", name).lower(),
        version=_pypi_version(entry),
        md5=_pypi_digest(entry, "md5", 32),
        sha256=_pypi_digest(entry, "sha256", 64),
        index=_url(entry, "index"),
        requires_dist=_requires_dist(entry),
        requires_python=_requires_python(entry),
    )


def _pypi_version(entry: Fields) -> str | None:
    version = entry.text("version")
    pattern = None if version is None else version_of(version)
    if version is not None and (pattern is None or pattern[1]):
        raise entry.wrong("version", f"{version!r} is no version")
    return version


def _requires_dist(entry: Fields) -> tuple[str, ...]:
    requirements = entry.texts("requires_dist")
    for number, requirement in enumerate(requirements):
        problem = requirement_problem(requirement)
        if problem is not None:
            reason = f"{entry.name}: the requirement {requirement[:100]!r} does not parse: {problem}"
            raise LockInvalid(path=entry.path, line=entry.item_line("requires_dist", number), reason=reason)
    return requirements


def _requires_python(entry: Fields) -> str | None:
    text = entry.text("requires_python")
    problem = None if text is None else requires_python_problem(text)
    if problem is not None:
        raise entry.wrong("requires_python", problem)
    return text


def _pypi_digest(entry: Fields, key: str, length: int) -> str | None:
    """Read a hash of a PyPI file; pixi passes over one that is malformed, and so takes the file unchecked."""
    try:
        return entry.digest(key, length)
    except LockInvalid:
        entry.unread.append((f"{entry.name}.{key}", entry.line(key)))
        return None
