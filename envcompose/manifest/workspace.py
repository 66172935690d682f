"""A pixi workspace as typed values: what `pixi.toml` (or `[tool.pixi]` of a pyproject.toml) says.

`workspace_reading.read_workspace` makes them, `workspace_views.environments_of` merges them for one environment and
platform. Names are normalised: conda names are lower case, PyPI names as PEP 503 says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from envcompose.manifest.match_spec import MatchSpec
from envcompose.model.record import VirtualPackage
from envcompose.model.values import dataclass


class ChannelPriority(StrEnum):
    """How strictly an earlier channel hides a later one."""

    STRICT = "strict"
    FLEXIBLE = "flexible"
    DISABLED = "disabled"


class SolveStrategy(StrEnum):
    """Which versions a solve prefers."""

    HIGHEST = "highest"
    LOWEST = "lowest"
    LOWEST_DIRECT = "lowest-direct"


class PrereleaseMode(StrEnum):
    """When a PyPI solve may take a pre-release."""

    DISALLOW = "disallow"
    ALLOW = "allow"
    IF_NECESSARY = "if-necessary"
    EXPLICIT = "explicit"
    IF_NECESSARY_OR_EXPLICIT = "if-necessary-or-explicit"


class IndexStrategy(StrEnum):
    """Which of several indexes a PyPI solve takes versions from."""

    FIRST_INDEX = "first-index"
    UNSAFE_FIRST_MATCH = "unsafe-first-match"
    UNSAFE_BEST_MATCH = "unsafe-best-match"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """An `exclude-newer`: a day or an instant (`at`), or a time before now (`before`); exactly one of the two."""

    text: str
    at: datetime | None = None
    before: timedelta | None = None

    def instant(self, now: datetime) -> datetime:
        """The instant after which packages are left out."""
        return self.at if self.at is not None else now - (self.before or timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel as it is written, with the address it means (a slash at its end)."""

    text: str
    url: str
    priority: int | None = None
    exclude_newer: Cutoff | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One platform of the workspace; `virtual` holds the declared packages first, then pixi's defaults of the subdir.

    Build strings stand as in a lock file: empty where nothing is said.
    """

    name: str
    subdir: str
    virtual: tuple[VirtualPackage, ...]

    @property
    def is_bare(self) -> bool:
        """Is it a subdir alone, as in `platforms = ["linux-64"]`?"""
        return self.name == self.subdir


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaWish:
    """One conda dependency or constraint. `source` says where it is built from (`git`, `path`, `url`), where it is."""

    name: str
    spec: MatchSpec
    line: int | None = None
    source: str | None = None


class PypiOrigin(StrEnum):
    """Where a PyPI requirement comes from."""

    INDEX = "index"
    URL = "url"
    PATH = "path"
    GIT = "git"


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiWish:
    """One PyPI dependency. `version` is None for `*`.

    `location` is the URL, the path as written or the repository; `reference` is (`branch`, `tag` or `rev`, its text).
    """

    name: str
    origin: PypiOrigin = PypiOrigin.INDEX
    version: SpecifierSet | None = None
    extras: tuple[str, ...] = ()
    marker: Marker | None = None
    index: str | None = None
    location: str | None = None
    reference: tuple[str, str] | None = None
    subdirectory: str | None = None
    editable: bool | None = None
    lfs: bool | None = None
    line: int | None = None

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f" ; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self._version()}{marker}"

    def _version(self) -> str:
        match self.origin:
            case PypiOrigin.INDEX:
                return str(self.version or "")
            case PypiOrigin.GIT:
                reference = f"@{self.reference[1]}" if self.reference else ""
                below = f"#subdirectory={self.subdirectory}" if self.subdirectory else ""
                return f" @ git+{(self.location or '').removeprefix('git+')}{reference}{below}"
            case _:
                return f" @ {self.location}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiOptions:
    """The options of PyPI of one scope, or of all of an environment's scopes together. What is None is not said.

    `no_build_isolation`, `no_build` and `no_binary` are True for all packages, else names in the order of the file,
    which is the order of builds. `find_links` holds (`url` or `path`, value).
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[tuple[str, str], ...] = ()
    no_build_isolation: bool | tuple[str, ...] = ()
    no_build: bool | tuple[str, ...] = ()
    no_binary: bool | tuple[str, ...] = ()
    index_strategy: IndexStrategy | None = None
    prerelease_mode: PrereleaseMode | None = None
    dependency_overrides: Mapping[str, PypiWish] = field(default_factory=dict)
    skip_wheel_filename_check: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a feature says for all platforms (`selector` None) or for those that a `[target.…]` selects.

    Each mapping goes from a name to its wishes; more than one stands there only for a pyproject's own dependencies.
    """

    selector: str | None = None
    dependencies: Mapping[str, tuple[CondaWish, ...]] = field(default_factory=dict)
    constraints: Mapping[str, tuple[CondaWish, ...]] = field(default_factory=dict)
    pypi: Mapping[str, tuple[PypiWish, ...]] = field(default_factory=dict)
    dev: tuple[str, ...] = ()
    activation_env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature; `targets` begins with what holds for all platforms. `platforms` are names, None for all."""

    name: str
    platforms: tuple[str, ...] | None = None
    channels: tuple[Channel, ...] | None = None
    channel_priority: ChannelPriority | None = None
    solve_strategy: SolveStrategy | None = None
    pypi_options: PypiOptions | None = None
    targets: tuple[Target, ...] = (Target(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One environment: its features in order of precedence, the default feature last where it has it.

    `own` is what the environment says of itself (inline content), the first of its features.
    """

    name: str
    features: tuple[str, ...] = ()
    solve_group: str | None = None
    no_default_feature: bool = False
    own: Feature | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMapping:
    """How one channel's conda names become PyPI names, as `conda-pypi-map` says.

    `location` is a file or a URL, `mapping` goes from conda names to PyPI names (none for "not on PyPI").
    `replace` leaves pixi's own map out; `same_name` is None where the channel's default holds. `disabled` is `false`.
    """

    channel: str
    location: str | None = None
    mapping: Mapping[str, tuple[str, ...]] | None = None
    replace: bool = False
    same_name: bool | None = None
    disabled: bool = False


DEFAULT = "default"
"""The name of the default feature and of the default environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A whole manifest. `path` is the manifest's; `features` holds the default feature under `default`.

    `platforms` are those that environments refer to, after the migration of `[system-requirements]`.
    `composes_platforms` says that only bare subdirs were declared, so that features' platforms are put together.
    """

    path: str
    name: str | None = None
    channels: tuple[Channel, ...] = ()
    platforms: tuple[Platform, ...] = ()
    composes_platforms: bool = True
    features: Mapping[str, Feature] = field(default_factory=dict)
    environments: tuple[Environment, ...] = (Environment(name=DEFAULT),)
    pypi_options: PypiOptions | None = None
    exclude_newer: Cutoff | None = None
    package_cutoffs: Mapping[str, Cutoff] = field(default_factory=dict)
    pypi_cutoffs: Mapping[str, Cutoff] = field(default_factory=dict)
    conda_pypi_map: tuple[NameMapping, ...] | None = None
    """None where nothing is said, empty for `false`."""
    requires_pixi: str | None = None
    preview: tuple[str, ...] = ()

    def platform(self, name: str) -> Platform | None:
        """The platform of this name, where there is one."""
        return next((platform for platform in self.platforms if platform.name == name), None)
