"""The analyser's facts are read strictly, and every fault is reported at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcompose.analyse import load_rules
from envcompose.analyse.rules import distribution_of

SHIPPED = Path(__file__).parents[2] / "recipes" / "tables" / "build_rules.toml"


def test_the_shipped_rules_load() -> None:
    rules = load_rules(SHIPPED.read_text(encoding="utf-8"))
    assert rules.headers["cublas_v2.h"] == "libcublas-dev"
    assert rules.removed_modules["distutils"] == ("3.12", "setuptools")
    assert distribution_of("google.protobuf.message", rules) == "protobuf"
    assert distribution_of("some_module.part", rules) == "some-module"


def test_all_faults_are_reported_with_their_paths() -> None:
    text = """
        [header.x]
        [commands.cmake]
        distribution = "cmake"
        [commands.ninja]
        distribution = "ninja"
        extra = 1
        source = "s"
        as_of = "2026-01-01"
    """
    with pytest.raises(ValueError, match="unknown table") as raised:
        load_rules(text)
    assert str(raised.value).split("; ") == [
        "commands.cmake: as_of is missing",
        "commands.cmake: source is missing",
        "commands.ninja.extra: unknown key",
        "header: unknown table, perhaps you meant headers",
    ]
