"""An sdist's files -> its metadata, build needs and traps, without running any of it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from envcompose.analyse.version import ANALYSER_VERSION

if TYPE_CHECKING:
    from envcompose.analyse.analysis import analyse_sdist
    from envcompose.analyse.archive import ArchiveRefused
    from envcompose.analyse.rules import BuildRules, load_rules
    from envcompose.analyse.trim import trim_checkout, trim_sdist

__all__ = [
    "ANALYSER_VERSION",
    "ArchiveRefused",
    "BuildRules",
    "analyse_sdist",
    "load_rules",
    "trim_checkout",
    "trim_sdist",
]

_PLACES = {
    "ArchiveRefused": "archive",
    "BuildRules": "rules",
    "analyse_sdist": "analysis",
    "load_rules": "rules",
    "trim_checkout": "trim",
    "trim_sdist": "trim",
}


def __getattr__(name: str) -> object:
    """The parts are loaded when they are asked for (PEP 562): with warm caches nothing is analysed."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
