"""What a manifest wants solved: each solve group, or an environment that has none, on each of its platforms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from envcompose.manifest.subdirs import is_linux, is_osx
from envcompose.manifest.workspace import Channel, CondaWish, Platform, PypiOptions, PypiWish, SolveStrategy, Workspace
from envcompose.manifest.workspace_platforms import customised, derived_name
from envcompose.manifest.workspace_views import View, environments_of
from envcompose.model.values import dataclass

ARCHSPEC = "__archspec"
_DECLARED = {
    "__cuda": "CUDA",
    "__cuda_arch": "the GPU architecture",
    "__glibc": "glibc",
    "__linux": "Linux",
    "__osx": "macOS",
    "__win": "Windows",
    ARCHSPEC: "processor",
}

Wish = TypeVar("Wish", CondaWish, PypiWish)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One solve. `views` are its environments on one platform, at least one; what they ask for is solved together."""

    name: str
    views: tuple[View, ...]
    dependencies: tuple[CondaWish, ...]
    constraints: tuple[CondaWish, ...]
    pypi: tuple[PypiWish, ...]

    @property
    def platform(self) -> Platform:
        """The platform, as the manifest calls it."""
        return self.views[0].platform

    @property
    def options(self) -> PypiOptions:
        """The PyPI options of the group."""
        return self.views[0].pypi_options

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of the group, in order of preference."""
        return self.views[0].group_channels

    @property
    def strategy(self) -> SolveStrategy:
        """Which versions the solves of both layers prefer."""
        return self.views[0].solve_strategy

    @property
    def label(self) -> str:
        """What people call this solve."""
        if self.views[0].solve_group is None:
            return f"environment {self.name} on {platform_words(self.platform)}"
        names = ", ".join(view.environment for view in self.views)
        several = "environment" if len(self.views) == 1 else "environments"
        return f"solve group {self.name} ({several} {names}) on {platform_words(self.platform)}"

    @property
    def system(self) -> str:
        """The glibc of a Linux platform or the release of a macOS one; empty elsewhere."""
        subdir = self.platform.subdir
        names = ("__glibc", "__eglibc") if is_linux(subdir) else ("__osx",) if is_osx(subdir) else ()
        return next((one.version for one in self.platform.virtual if one.name in names), "")


def platform_words(platform: Platform) -> str:
    """What people call a platform. One without a name of its own is told by what it declares: pixi makes up a name for
    it, which stands in no file.
    """
    declared = customised(platform)
    if platform.is_bare or platform.name != derived_name(platform.subdir, declared):
        return platform.name
    parts = [
        f"{_DECLARED.get(one.name, one.name)} {one.build if one.name == ARCHSPEC else one.version}" for one in declared
    ]
    return f"{platform.subdir} with {', '.join(parts)}"


def goals_of(workspace: Workspace) -> tuple[Goal, ...]:
    """All solves of a workspace, in the order of its environments and platforms."""
    groups: dict[tuple[bool, str, str], list[View]] = {}
    for view in environments_of(workspace):
        key = (view.solve_group is not None, view.solve_group or view.environment, view.platform.name)
        groups.setdefault(key, []).append(view)
    return tuple(
        Goal(
            name=name,
            views=tuple(views),
            dependencies=_together(view.dependencies for view in views),
            constraints=_together(view.constraints for view in views),
            pypi=_together(view.pypi for view in views),
        )
        for (_, name, _), views in groups.items()
    )


def _together(wishes: Iterable[tuple[Wish, ...]]) -> tuple[Wish, ...]:
    """The wishes of several environments, each once."""
    found: list[Wish] = []
    for some in wishes:
        found += [wish for wish in some if wish not in found]
    return tuple(found)
