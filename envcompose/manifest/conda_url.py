"""A conda package's URL -> what follows from it, which a lock file therefore leaves out."""

from __future__ import annotations

import re
from urllib.parse import unquote

from envcompose.model.values import dataclass

_SUBDIRS = (
    "noarch linux-32 linux-64 linux-aarch64 linux-armv6l linux-armv7l linux-loongarch64 linux-ppc64le linux-ppc64 "
    "linux-ppc linux-s390x linux-riscv32 linux-riscv64 freebsd-32 freebsd-64 freebsd-arm64 osx-64 osx-arm64 ios-arm64 "
    "iossimulator-arm64 iossimulator-64 android-aarch64 android-armv7a android-64 android-32 win-32 win-64 win-arm64 "
    "emscripten-wasm32 emscripten-wasm64 wasi-wasm32 zos-z"
)
SUBDIRS = frozenset(_SUBDIRS.split())
"""The folders of a channel that pixi 0.77 knows."""

_EXTENSIONS = (".tar.bz2", ".conda", ".whl")
_LAST_NUMBER = re.compile(r"(?:^|[^0-9])([0-9]+)$")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaUrlParts:
    """What a location says by itself; None for what it does not say. `channel` has no trailing slash."""

    file_name: str
    name: str | None = None
    version: str | None = None
    build: str | None = None
    subdir: str | None = None
    channel: str | None = None


def conda_url_parts(url: str) -> CondaUrlParts:
    """Read `…/channel/subdir/name-version-build.conda` (or `.tar.bz2`); a relative or absolute path tells no channel."""
    path = re.split("[?#]", url, maxsplit=1)[0]
    parent, _, file_name = path.replace("\\", "/").rpartition("/")
    extension = next((one for one in _EXTENSIONS if file_name.endswith(one)), None)
    if extension is None:
        return CondaUrlParts(file_name=file_name)
    pieces = file_name.removesuffix(extension).rsplit("-", 2)
    name, version, build = pieces if len(pieces) == 3 else (None, None, None)
    channel = subdir = None
    if _SCHEME.match(url) and not url.startswith("file:"):
        channel, _, subdir_text = parent.rpartition("/")
        subdir = subdir_text if subdir_text in SUBDIRS and name is not None and extension != ".whl" else None
    return CondaUrlParts(
        file_name=file_name, name=name, version=version, build=build, subdir=subdir, channel=channel or None
    )


def conda_location(url: str) -> str:
    """Give the place of a package as a lock file holds it: for a `file://` URL the path, else the URL itself."""
    if not url.startswith("file://"):
        return url
    path = unquote(url.removeprefix("file://").removeprefix("localhost"))
    return path[1:] if re.match("/[A-Za-z]:", path) else path


def build_number_of(build: str) -> int:
    """Give the build number that a build string ends with (`h25fd6f3_3` is 3), or 0."""
    found = _LAST_NUMBER.search(build)
    return int(found[1]) if found and int(found[1]) < 1 << 64 else 0


def noarch_of(subdir: str, build: str) -> str | None:
    """Give the kind of noarch that is assumed where nothing is said: by the folder, then by `py` in the build string."""
    if subdir != "noarch":
        return None
    return "python" if "py" in build else "generic"
