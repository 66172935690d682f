"""conda records: what a channel says of one build of one package, and what a solve is asked and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualPackage:
    """One virtual package of a target, such as `__cuda` 12.4; `build` is `0` where nothing else is said."""

    name: str
    version: str
    build: str = "0"

    def __str__(self) -> str:
        return f"{self.name}={self.version}={self.build}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRecord:
    """One record as the channel gives it (CEP-36 repodata), texts as they stand there.

    `url` and `channel` are the canonical ones, without secrets and without a mirror's address; `channel` ends with a
    slash. `size` is in bytes, `timestamp` in milliseconds since 1970. Hashes are lower-case hex. What the channel does
    not tell is None.
    """

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    url: str
    channel: str
    file_name: str
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    timestamp: int | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    license: str | None = None
    license_family: str | None = None
    noarch: str | None = None
    """`python`, `generic` or None."""
    features: str | None = None
    track_features: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    python_site_packages_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaQuestion:
    """One conda solve: match specs and constraints as `name spec` texts (py-rattler's form: `pytorch 2.6.* cuda*`).

    `channels` are names or URLs in order of preference; `exclude_newer` is an ISO 8601 time with which newer records
    are left out.
    """

    specs: tuple[str, ...]
    constraints: tuple[str, ...]
    channels: tuple[str, ...]
    subdir: str
    virtual: tuple[VirtualPackage, ...]
    priority: str = "strict"
    """`strict`, `flexible` or `disabled`, as pixi names them."""
    strategy: str = "highest"
    """`highest`, `lowest` or `lowest-direct`."""
    exclude_newer: str | None = None
    exclude_newer_of: Mapping[str, str] = field(default_factory=dict)
    """Times for single packages, which count instead of all others."""
    exclude_newer_in: Mapping[str, str] = field(default_factory=dict)
    """Times for single channels, by address, which count instead of the one for all."""
    kept: tuple[CondaRecord, ...] = ()
    """Records that are preferred where they fit, such as those of an earlier lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaAnswer:
    """The records of a solution sorted by URL, or, where there is none, the solver's own words."""

    records: tuple[CondaRecord, ...] | None
    words: str = ""
