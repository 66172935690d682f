"""An sdist's files -> its metadata, build needs and traps, without running any of it."""

from envcompose.analyse.analysis import ANALYSER_VERSION, analyse_sdist
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
