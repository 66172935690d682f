"""What a judgement of a lock file says: pixi's verdict, and the reasons for it."""

from __future__ import annotations

from enum import StrEnum

from envcompose.model.values import dataclass


class Standing(StrEnum):
    """pixi's verdict on a lock file: taken as it is, solved again, or not read at all."""

    UP_TO_DATE = "up-to-date"
    STALE = "stale"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a lock is not taken. `code` is stable; `environment`, `platform` (the manifest's name) and `package` say where."""

    code: str
    text: str
    environment: str | None = None
    platform: str | None = None
    package: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = " on ".join(filter(None, (self.environment, self.platform)))
        return f"{place}: {self.text}" if place else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """pixi's verdict. As pixi stops there, each environment and platform has its first reason only."""

    standing: Standing
    reasons: tuple[Reason, ...] = ()

    @property
    def accepted(self) -> bool:
        """Does pixi install from this lock as it is?"""
        return self.standing is Standing.UP_TO_DATE


class Unmet(Exception):
    """The first thing that makes one environment or platform stale; raised and caught inside of `check` only."""

    def __init__(self, code: str, text: str, package: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.package = package

    def at(self, environment: str, platform: str | None = None) -> Reason:
        """The reason, with its place."""
        return Reason(code=self.code, text=self.text, environment=environment, platform=platform, package=self.package)
