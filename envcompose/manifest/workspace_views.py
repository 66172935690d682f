"""What holds for one environment on one platform: its features merged as pixi merges them (facts: pixi.md §1.5, §1.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TypeVar

from envcompose.manifest.subdirs import FAMILIES, of_family
from envcompose.manifest.workspace import (
    DEFAULT,
    Channel,
    ChannelPriority,
    CondaWish,
    Cutoff,
    Environment,
    Feature,
    Platform,
    PrereleaseMode,
    PypiOptions,
    PypiWish,
    SolveStrategy,
    Target,
    Workspace,
)
from envcompose.manifest.workspace_options import join_options, overlay_options
from envcompose.manifest.workspace_platforms import composed_platform, referenced_subdirs
from envcompose.model.record import VirtualPackage
from envcompose.model.values import dataclass

Wish = TypeVar("Wish", CondaWish, PypiWish)

_SOLVED_FOR = frozenset(
    {"__unix", "__linux", "__glibc", "__musl", "__eglibc", "__win", "__osx", "__cuda", "__cuda_arch"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """All `exclude-newer` of an environment as instants: for everything, by channel address, by package name."""

    default: datetime | None
    channels: Mapping[str, datetime]
    packages: Mapping[str, datetime]

    def of(self, name: str, channel: str | None) -> datetime | None:
        """The instant for one package from one channel; a package's own goes before its channel's."""
        if name in self.packages:
            return self.packages[name]
        if channel is not None and channel in self.channels:
            return self.channels[channel]
        return self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One environment on one platform, merged. Several wishes of one name all hold.

    `virtual` is what conda is solved with. `indexes` begins with the main index; it and `pypi_options` are those of
    the whole solve group, as in a lock file. `prerelease_mode` is said in a lock only where it is not the default.
    """

    environment: str
    platform: Platform
    solve_group: str | None
    features: tuple[str, ...]
    channels: tuple[Channel, ...]
    group_channels: tuple[Channel, ...]
    """The channels of the whole solve group, as in a lock file."""
    channel_priority: ChannelPriority
    solve_strategy: SolveStrategy
    dependencies: tuple[CondaWish, ...]
    constraints: tuple[CondaWish, ...]
    dev: tuple[str, ...]
    pypi: tuple[PypiWish, ...]
    has_pypi: bool
    """Whether any target of its features has PyPI dependencies, for this platform or another."""
    pypi_options: PypiOptions
    own_pypi_options: PypiOptions
    """The options of this environment alone, without its solve group."""
    activation_env: Mapping[str, str]

    @property
    def virtual(self) -> tuple[VirtualPackage, ...]:
        """The virtual packages that conda packages are solved with; what the solver does not know is left out."""
        known = [package for package in self.platform.virtual if package.name in _SOLVED_FOR]
        solved = [
            VirtualPackage(name=package.name, version="0" if package.name == "__unix" else package.version)
            for package in known
        ]
        arch = next((package.build for package in self.platform.virtual if package.name == "__archspec"), "")
        if arch:
            solved.append(VirtualPackage(name="__archspec", version="1", build=arch))
        return tuple(solved)

    @property
    def prerelease_mode(self) -> PrereleaseMode:
        """The mode of pre-releases, as its solve group has it."""
        return self.pypi_options.prerelease_mode or PrereleaseMode.IF_NECESSARY_OR_EXPLICIT


def environments_of(workspace: Workspace) -> tuple[View, ...]:
    """Every environment on every platform that it can be used on, in the order of the manifest."""
    return tuple(
        view_of(workspace, environment, platform)
        for environment in workspace.environments
        for platform in platforms_of(workspace, environment)
    )


def features_of(workspace: Workspace, environment: Environment) -> tuple[Feature, ...]:
    """The features of an environment, its own content first and the default feature last."""
    features = [] if environment.own is None else [environment.own]
    features += [workspace.features[name] for name in environment.features]
    if not environment.no_default_feature:
        features.append(workspace.features[DEFAULT])
    return tuple(features)


def group_of(workspace: Workspace, environment: Environment) -> tuple[Environment, ...]:
    """The environments of a solve group, or the environment alone."""
    if environment.solve_group is None:
        return (environment,)
    return tuple(one for one in workspace.environments if one.solve_group == environment.solve_group)


def group_features(workspace: Workspace, environment: Environment) -> tuple[Feature, ...]:
    """The features of an environment's solve group, each once."""
    found: dict[tuple[str, bool], Feature] = {}
    for member in group_of(workspace, environment):
        for feature in features_of(workspace, member):
            found.setdefault((feature.name, feature is member.own), feature)
    return tuple(found.values())


def platforms_of(workspace: Workspace, environment: Environment) -> tuple[Platform, ...]:
    """The platforms that an environment can be used on, in the workspace's order of preference."""
    features = features_of(workspace, environment)
    if workspace.composes_platforms:
        subdirs = dict.fromkeys(platform.subdir for platform in workspace.platforms)
        return tuple(
            composed_platform(features, subdir, workspace.platforms)
            for subdir in subdirs
            if all(_supports_subdir(feature, subdir, workspace) for feature in features)
        )
    exact = {name for feature in features for name in feature.platforms or ()}
    exact_subdirs = {platform.subdir for platform in workspace.platforms if platform.name in exact}
    return tuple(
        platform
        for platform in workspace.platforms
        if all(_supports(feature, platform) for feature in features)
        and (platform.name in exact or platform.subdir not in exact_subdirs)
    )


def all_platforms(workspace: Workspace) -> tuple[Platform, ...]:
    """The workspace's platforms, and those that environments put together from them."""
    found = {platform.name: platform for platform in workspace.platforms}
    for environment in workspace.environments:
        found.update({one.name: one for one in platforms_of(workspace, environment) if one.name not in found})
    return tuple(found.values())


def _supports(feature: Feature, platform: Platform) -> bool:
    return feature.platforms is None or bool({platform.name, platform.subdir} & set(feature.platforms))


def _supports_subdir(feature: Feature, subdir: str, workspace: Workspace) -> bool:
    subdirs = referenced_subdirs(feature, workspace.platforms)
    return subdirs is None or subdir in subdirs


def selects(selector: str | None, platform: Platform) -> bool:
    """Whether a target's selector takes in a platform."""
    if selector is None or selector in (platform.name, platform.subdir):
        return True
    if selector in FAMILIES:
        return of_family(platform.subdir, selector)
    return "*" in selector and fnmatchcase(platform.name, selector)


def _targets(feature: Feature, platform: Platform) -> tuple[Target, ...]:
    return tuple(target for target in feature.targets if selects(target.selector, platform))


def _merged(
    features: Iterable[Feature], platform: Platform, read: Callable[[Target], Mapping[str, tuple[Wish, ...]]]
) -> tuple[Wish, ...]:
    """Later targets replace a feature's wish of the same name; wishes of several features all hold."""
    merged: dict[str, list[Wish]] = {}
    for feature in features:
        of_feature: dict[str, tuple[Wish, ...]] = {}
        for target in _targets(feature, platform):
            of_feature.update(read(target))
        for name, wishes in of_feature.items():
            known = merged.setdefault(name, [])
            known += [wish for wish in wishes if wish not in known]
    return tuple(wish for wishes in merged.values() for wish in wishes)


def view_of(workspace: Workspace, environment: Environment, platform: Platform) -> View:
    """One environment on one platform."""
    features = features_of(workspace, environment)
    here = [
        feature
        for feature in features
        if (
            _supports_subdir(feature, platform.subdir, workspace)
            if workspace.composes_platforms
            else _supports(feature, platform)
        )
    ]
    # Single choices: the first feature that says one.
    strategy = next((feature.solve_strategy for feature in features if feature.solve_strategy), SolveStrategy.HIGHEST)
    return View(
        environment=environment.name,
        platform=platform,
        solve_group=environment.solve_group,
        features=tuple(feature.name for feature in features),
        channels=channels_of(workspace, features),
        group_channels=channels_of(workspace, group_features(workspace, environment)),
        channel_priority=_priority(features),
        solve_strategy=strategy,
        dependencies=_merged(here, platform, lambda target: target.dependencies),
        constraints=_merged(here, platform, lambda target: target.constraints),
        dev=tuple(dict.fromkeys(name for one in here for target in _targets(one, platform) for name in target.dev)),
        pypi=_merged(here, platform, lambda target: target.pypi),
        has_pypi=any(target.pypi for feature in features for target in feature.targets),
        pypi_options=options_of(workspace, group_features(workspace, environment)),
        own_pypi_options=options_of(workspace, features),
        activation_env=_activation(here, platform),
    )


def _priority(features: tuple[Feature, ...]) -> ChannelPriority:
    """The features' priority; pixi falls back to its default where they differ."""
    said = {feature.channel_priority for feature in features if feature.channel_priority is not None}
    return said.pop() if len(said) == 1 else ChannelPriority.STRICT


def _activation(features: list[Feature], platform: Platform) -> Mapping[str, str]:
    env: dict[str, str] = {}
    for feature in reversed(features):
        for target in _targets(feature, platform):
            env.update(target.activation_env)
    return env


def channels_of(workspace: Workspace, features: Iterable[Feature]) -> tuple[Channel, ...]:
    """The channels of features by priority, highest first, each text once; a feature without takes the workspace's."""
    channels = [
        channel
        for feature in features
        for channel in (workspace.channels if feature.channels is None else feature.channels)
    ]
    found: dict[str, Channel] = {}
    for channel in sorted(channels, key=lambda channel: -(channel.priority or 0)):
        found.setdefault(channel.text, channel)
    return tuple(found.values())


def options_of(workspace: Workspace, features: Iterable[Feature]) -> PypiOptions:
    """The PyPI options of features above the workspace's. Raises ValueError where features contradict each other."""
    joined = PypiOptions()
    for feature in features:
        if feature.pypi_options is not None:
            joined = join_options(joined, feature.pypi_options)
    return overlay_options(workspace.pypi_options or PypiOptions(), joined)


def wishes_everywhere(workspace: Workspace, environment: str) -> Mapping[str, tuple[PypiWish, ...]]:
    """The PyPI wishes of an environment that hold on all platforms, by name."""
    found: dict[str, tuple[PypiWish, ...]] = {}
    for one in workspace.environments:
        if one.name == environment:
            for feature in features_of(workspace, one):
                for name, wishes in feature.targets[0].pypi.items():
                    found[name] = (*found.get(name, ()), *wishes)
    return found


def cutoffs_of(workspace: Workspace, channels: Iterable[Channel], now: datetime | None) -> Cutoffs:
    """The instants after which packages are left out of a solve; without a `now`, durations such as `7d` are left out."""

    def instant(cutoff: Cutoff | None) -> datetime | None:
        if cutoff is None or (now is None and cutoff.at is None):
            return None
        return cutoff.instant(now or datetime.min)

    by_channel = {channel.url: instant(channel.exclude_newer) for channel in channels}
    by_package = {name: instant(cutoff) for name, cutoff in workspace.package_cutoffs.items()}
    return Cutoffs(
        default=instant(workspace.exclude_newer),
        channels={url: at for url, at in by_channel.items() if at is not None},
        packages={name: at for name, at in by_package.items() if at is not None},
    )
