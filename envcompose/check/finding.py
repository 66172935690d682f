"""One finding about a lock."""

from __future__ import annotations

from envcompose.model.message import Level
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong. `code` is stable; `environment`, `platform` (the manifest's name) and `package` say where.

    `line` is where the package's entry begins in the lock file.
    """

    code: str
    level: Level
    text: str
    environment: str | None = None
    platform: str | None = None
    package: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = " on ".join(filter(None, (self.environment, self.platform)))
        return f"{place}: {self.text}" if place else self.text
