"""What moved between two locks of one workspace."""

from __future__ import annotations

from envcompose.model.target import Layer
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A package as one of the two locks has it. `version` is None for a folder on disk; a PyPI package has no `build`."""

    layer: Layer
    version: str | None
    build: str | None
    url: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One package of one environment on one platform (the manifest's name): at least one of `before` and `after` is there.

    A package that went from one layer to the other under the same name has both.
    """

    environment: str
    platform: str
    name: str
    before: Entry | None
    after: Entry | None

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"
