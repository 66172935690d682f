"""The subject of a search: whose release is free, and everything else that the user requires."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.model.facts import StackRecipe
from envcompose.model.names import canonical_name
from envcompose.model.requirement import UserRequirement
from envcompose.model.values import dataclass
from envcompose.resolve.metadata import active_requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The stack whose releases are tried: `extras` were asked for, `default_extras` hold where a release has them."""

    recipe: StackRecipe
    specifier: SpecifierSet
    extras: tuple[str, ...]
    default_extras: tuple[str, ...]

    @property
    def distribution(self) -> str:
        """The normalised name on the package index."""
        return canonical_name(self.recipe.distribution)

    def extras_of(self, offered: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The extras to take from a release that offers these, and the default ones that it lacks."""
        have = {canonical_name(extra) for extra in offered}
        kept = [extra for extra in self.default_extras if canonical_name(extra) in have]
        missing = [extra for extra in self.default_extras if canonical_name(extra) not in have]
        return tuple(sorted({*self.extras, *kept})), tuple(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What must be in the closure beside the stack: requirements, constraints and overrides, with their origins."""

    requirements: tuple[UserRequirement, ...]
    constraints: tuple[UserRequirement, ...]
    overrides: tuple[UserRequirement, ...]

    def active(self, environment: Mapping[str, str]) -> list[tuple[UserRequirement, Requirement]]:
        """The requirements whose markers hold in this environment."""
        return [
            (user, user.requirement)
            for user in self.requirements
            if user.requirement.marker is None or user.requirement.marker.evaluate({**environment, "extra": ""})
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRelease:
    """One release of the stack: its metadata texts, where they follow the installed torch, and how it is built.

    `isolated` are the requirements as an isolated build reads them, which is what pixi can lock by itself; `requires`
    are those with the chosen torch installed.
    """

    version: Version
    requires: tuple[str, ...]
    isolated: tuple[str, ...]
    requires_python: str | None
    extras: tuple[str, ...]
    missing_extras: tuple[str, ...]
    follows_torch: bool

    def active(self, environment: Mapping[str, str], *, isolated: bool = False) -> list[Requirement]:
        """The release's own requirements with its extras."""
        return active_requirements(self.isolated if isolated else self.requires, self.extras, environment)
