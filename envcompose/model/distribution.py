"""What a package index offers: projects, their files, and the metadata inside."""

from __future__ import annotations

from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """One file of a project page (PEP 503, 691, 700).

    `size` is in bytes, `uploaded` an ISO 8601 time; both are None where the index does not tell. `index` is the
    URL of the index that served the page, None for the default index.
    """

    name: str
    version: Version
    filename: str
    url: str
    sha256: str | None
    requires_python: str | None = None
    yanked: bool = False
    size: int | None = None
    uploaded: str | None = None
    has_metadata: bool = False
    metadata_sha256: str | None = None
    """What the index promises of the metadata beside the file (PEP 658)."""
    index: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Is it a wheel (else it is a source distribution)?"""
        return self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The core metadata that a resolver needs, of one version of one distribution."""

    name: str
    version: Version
    requires: tuple[Requirement, ...]
    requires_python: str | None
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContents:
    """What a wheel's own file list says: its size in bytes, import names, extension modules, console scripts."""

    size: int | None
    top_level: tuple[str, ...]
    extensions: tuple[str, ...]
    scripts: tuple[str, ...]
