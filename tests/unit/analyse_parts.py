"""Small source folders analysed, and what tests ask of the answer."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from envcompose.analyse import analyse_sdist, load_rules, trim_checkout
from envcompose.model.analysis import Analysis

RULES = load_rules((Path(__file__).parents[2] / "recipes" / "tables" / "build_rules.toml").read_text(encoding="utf-8"))


def analyse(files: dict[str, str], torches: tuple[str | None, ...] = (None,)) -> Analysis:
    texts = trim_checkout({path: dedent(text).encode() for path, text in files.items()}, "demo-1.0.tar.gz")
    return analyse_sdist(texts, rules=RULES, torches=torches)


def required(analysis: Analysis) -> set[str]:
    return {need.distribution for need in analysis.build_needs if need.required}


def tools(analysis: Analysis) -> dict[str, str | None]:
    return {need.name: need.condition for need in analysis.tool_needs}


def traps(analysis: Analysis) -> set[str]:
    return {trap.code for trap in analysis.traps}
