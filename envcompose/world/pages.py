"""Project pages of a package index, read by pypi-simple and kept in a compact form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version

from envcompose.errors import IndexBroken
from envcompose.model.distribution import PackageFile
from envcompose.world.http import Http

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage

LINUX_64 = "linux-64"
_TRIES = 2
"""How often a page is fetched that breaks off although its length is what was promised."""
_HEAD = 1024
"""Within how many bytes a page says that it is HTML."""
_OTHER_SYSTEMS = re.compile(
    r"(win32|win_amd64|win_arm64|win_ia64|macosx|musllinux|aarch64|i686|ppc64|s390x|armv|riscv|loongarch|android|ios|wasm|emscripten|pyodide)"
)
_FITTING = {
    "linux-aarch64": re.compile(r"(any|(linux|manylinux\w*)_aarch64)$"),
    "linux-ppc64le": re.compile(r"(any|(linux|manylinux\w*)_ppc64le)$"),
    "linux-riscv64": re.compile(r"(any|(linux|manylinux\w*)_riscv64)$"),
    "osx-64": re.compile(r"(any|macosx\w*_(x86_64|universal2?|intel|fat64|fat3))$"),
    "osx-arm64": re.compile(r"(any|macosx\w*_(arm64|universal2))$"),
    "win-32": re.compile(r"(any|win32)$"),
    "win-64": re.compile(r"(any|win_amd64)$"),
    "win-arm64": re.compile(r"(any|win_arm64)$"),
}
"""The platform tags of other systems; which of their versions fit is the resolver's to say."""


def page_url(index: str | None, name: str) -> str:
    """The address of a project page; None is the default index of the client library."""
    if index is None:
        from pypi_simple import PYPI_SIMPLE_ENDPOINT

        index = PYPI_SIMPLE_ENDPOINT
    return f"{index.rstrip('/')}/{name}/"


def fetch_page(http: Http, index: str | None, name: str, subdir: str = LINUX_64) -> tuple[PackageFile, ...] | None:
    """The files of a project that can fit a platform, or None where the index does not know it."""
    from pypi_simple import ACCEPT_ANY, ProjectPage

    from envcompose.read.secrets import mask_secrets

    label = "the default index" if index is None else mask_secrets(index)
    for _ in range(_TRIES):
        response = http.get(page_url(index, name), label=label, headers={"Accept": ACCEPT_ANY})
        if response is None:
            return None
        if not _breaks_off(response.content):
            break
    else:
        raise IndexBroken(index=label, reason="the page breaks off before its end", wanted=name)
    try:
        page = ProjectPage.from_response(response, name)
    except Exception as error:
        # Whatever a broken page makes the client library raise, it is the index's fault and not ours.
        raise IndexBroken(
            index=label, reason=f"the page is no simple index page ({type(error).__name__})", wanted=name
        ) from error
    files = tuple(file for package in page.packages if (file := _file(package, name, index, subdir)) is not None)
    return tuple(sorted(files, key=lambda file: (file.version, file.filename)))


def _breaks_off(page: bytes) -> bool:
    """Is it the beginning of an HTML page? Its files would be taken for all there are.

    A server that states no length and hangs up leaves no other trace, and every index ends its pages.
    """
    text = page.lower()
    return b"<html" in text[:_HEAD] and b"</html" not in text


def _file(package: DistributionPackage, name: str, index: str | None, subdir: str) -> PackageFile | None:
    version = _version_of(package.filename, name, subdir)
    if version is None:
        return None
    return PackageFile(
        name=name,
        version=version,
        filename=package.filename,
        url=package.url.split("#")[0],
        sha256=(package.digests or {}).get("sha256"),
        requires_python=package.requires_python,
        yanked=package.is_yanked,
        size=package.size,
        uploaded=package.upload_time.isoformat() if package.upload_time else None,
        has_metadata=bool(package.has_metadata),
        metadata_sha256=(package.metadata_digests or {}).get("sha256"),
        index=index,
    )


def _version_of(filename: str, name: str, subdir: str) -> Version | None:
    """The version that a file's name tells, or None for a file that a platform cannot use or that is not this project's."""
    try:
        if filename.endswith(".whl"):
            parts = filename[:-4].split("-")
            if len(parts) not in (5, 6) or not _may_fit(parts[-1], subdir):
                return None
            return Version(parts[1]) if canonicalize_name(parts[0]) == name else None
        if filename.endswith((".tar.gz", ".zip")):
            found, version = parse_sdist_filename(filename)
            return version if found == name else None
    except (InvalidVersion, InvalidSdistFilename, InvalidWheelFilename):
        return None
    return None


def _may_fit(platforms: str, subdir: str) -> bool:
    """Can a wheel with these platform tags be of use on a platform at all?"""
    if subdir == LINUX_64:
        return _OTHER_SYSTEMS.search(platforms) is None
    fitting = _FITTING.get(subdir)
    return fitting is None or any(fitting.search(tag) for tag in platforms.split("."))


def upload_times(http: Http, index: str | None, name: str) -> dict[str, str]:
    """When each file was uploaded, from the project's JSON document beside the simple index; empty where there is none."""
    root = page_url(index, name).removesuffix(f"/simple/{name}/")
    response = http.get(f"{root}/pypi/{name}/json", label="the default index" if index is None else "the index")
    if response is None:
        return {}
    try:
        releases = response.json()["releases"]
        return {
            str(file["filename"]): str(file["upload_time_iso_8601"]) for files in releases.values() for file in files
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def file_to_json(file: PackageFile) -> list[Any]:
    """A file as a row for the cache."""
    return [
        str(file.version),
        file.filename,
        file.url,
        file.sha256,
        file.requires_python,
        int(file.yanked),
        file.size,
        file.uploaded,
        file.metadata_sha256 or int(file.has_metadata),
    ]


def files_from_json(rows: list[list[Any]], name: str, index: str | None) -> tuple[PackageFile, ...]:
    """The files of rows that `file_to_json` made; files of one release share its version."""
    versions: dict[str, Version] = {}
    for row in rows:
        if row[0] not in versions:
            versions[row[0]] = Version(row[0])
    return tuple(
        PackageFile(
            name=name,
            version=versions[version],
            filename=filename,
            url=url,
            sha256=sha256,
            requires_python=requires_python,
            yanked=bool(yanked),
            size=size,
            uploaded=uploaded,
            has_metadata=bool(metadata),
            metadata_sha256=metadata if isinstance(metadata, str) else None,
            index=index,
        )
        for version, filename, url, sha256, requires_python, yanked, size, uploaded, metadata in rows
    )
