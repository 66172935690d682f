"""The JSON document of `analyze` (design.md, "The JSON"): every key always present, unknown is null."""

from __future__ import annotations

from typing import Any

from envcompose.errors import EnvcomposeError
from envcompose.model.analysis import Analysis, BuildNeed, Place, Prebuilt, Reading, Switch, SystemNeed
from envcompose.write.document_parts import masked

SCHEMA = "envcompose.analysis/1"
NO_TORCH = "none"
"""The key of `requires_by_torch` for a build without any torch installed."""
Document = dict[str, Any]


def analysis_document(analysis: Analysis, *, source: Document, envcompose: str) -> Document:
    """The document of an analysis; `source` has kind, file, url and sha256."""
    outcome, why = isolated_build(analysis)
    document = _empty(envcompose) | {
        "verdict": "analysed",
        "name": analysis.name,
        "version": analysis.version or None,
        "source": source,
        "metadata": _metadata(analysis),
        "requires_by_torch": {
            key_of(reading): sorted(reading.requires_dist) if is_known(reading) else None
            for reading in analysis.readings
        },
        "build_needs": {
            "python": [_python_need(need) for need in analysis.build_needs],
            "conda": [_system_need(need) for need in analysis.toolkit_needs],
            "tools": [_tool(need) for need in analysis.tool_needs],
            "env": {switch.name: _switch(switch) for switch in analysis.environment},
        },
        "isolated": {"outcome": outcome, "why": why},
        "prebuilt": [_prebuilt(entry) for entry in analysis.prebuilt],
        "traps": [{"code": trap.code, "text": trap.text, **_at(trap.place)} for trap in analysis.traps],
        "hints": [{"kind": hint.kind, "text": hint.text, **_at(hint.place)} for hint in analysis.hints],
        "incomplete": _incomplete(analysis),
    }
    return {key: masked(value) for key, value in document.items()}


def analysis_error_document(error: EnvcomposeError, *, envcompose: str) -> Document:
    """The document of a failure: what would be known of the sdist is null."""
    message = {
        "code": error.code,
        "level": "error",
        "text": "\n".join((error.sentence, *error.facts)),
        "file": error.file,
        "line": error.line,
        "packages": list(error.packages),
        "hint": "; ".join(error.hints) or None,
    }
    return {key: masked(value) for key, value in (_empty(envcompose) | {"messages": [message]}).items()}


def isolated_build(analysis: Analysis) -> tuple[str, str]:
    """What a build in an environment of its own gives, by what was found, and why.

    'works', 'fails', 'wrong-torch' (it succeeds and links a torch that need not be the installed one), or
    'not-a-build' (it compiles nothing and fetches a wheel).
    """
    traps = {trap.code: trap for trap in reversed(analysis.traps)}
    if "stub-sdist" in traps:
        return "not-a-build", traps["stub-sdist"].text
    if "torch-left-out" in traps and not traps.keys() & {"refuses", "raises", "undeclared-need"}:
        return "works", traps["torch-left-out"].text
    for code in ("refuses", "raises", "sources-missing", "submodule-missing", "torch-undeclared", "undeclared-need"):
        if code in traps:
            return "fails", traps[code].text
    if "torch-declared" in traps:
        text = "it succeeds, linked to the torch that the build resolves for itself"
        return ("wrong-torch", text) if analysis.links_torch else ("works", "its torch is used while building only")
    return "works", "all that it needs is declared"


def is_known(reading: Reading) -> bool:
    """Did the reading find any requirement, or follow the sdist to its end?"""
    return reading.complete or bool(reading.requires_dist)


def key_of(reading: Reading) -> str:
    """The name of the torch that a reading assumes."""
    return NO_TORCH if reading.torch is None else reading.torch


def _empty(envcompose: str) -> Document:
    return {
        "schema": SCHEMA,
        "envcompose": envcompose,
        "verdict": "error",
        "name": None,
        "version": None,
        "source": None,
        "metadata": None,
        "requires_by_torch": None,
        "build_needs": None,
        "isolated": None,
        "prebuilt": None,
        "traps": [],
        "hints": [],
        "incomplete": [],
        "messages": [],
    }


def _metadata(analysis: Analysis) -> Document:
    first = analysis.readings[0]
    return {
        "static_by_standard": analysis.static_by_standard,
        "static_for_uv": analysis.static_for_uv,
        "follows_torch": analysis.follows_torch,
        "source": first.source.value,
        "complete": all(reading.complete for reading in analysis.readings),
        "requires_python": first.requires_python,
        "provides_extra": list(first.provides_extra),
        "build_backend": analysis.build_backend,
        "build_requires": list(analysis.build_requires),
        "scripts": list(analysis.scripts),
        "top_level": list(analysis.top_level),
        "extension_modules": list(analysis.extension_modules),
        "links_torch": analysis.links_torch,
        "cxx_standards": list(analysis.cxx_standards),
    }


def _incomplete(analysis: Analysis) -> list[str]:
    lines = [line for reading in analysis.readings for line in reading.incomplete]
    return list(dict.fromkeys([*analysis.incomplete, *lines]))


def _at(place: Place | None) -> Document:
    if place is None:
        return {"file": None, "line": None, "source_line": None}
    return {"file": place.file, "line": place.line, "source_line": place.text}


def _python_need(need: BuildNeed) -> Document:
    return {
        "name": need.distribution,
        "required": need.required,
        "condition": need.condition,
        "why": need.why,
        **_at(need.place),
    }


def _system_need(need: SystemNeed) -> Document:
    return {"name": need.name, "condition": need.condition, "why": need.why, **_at(need.place)}


def _tool(need: SystemNeed) -> Document:
    name, _, minimum = need.name.partition(">=")
    return {**_system_need(need), "name": name, "minimum": minimum or None}


def _switch(switch: Switch) -> Document:
    return {
        "default": switch.default,
        "condition": switch.condition,
        "effect": switch.meaning,
        "uses": [_at(use) for use in switch.uses],
        **_at(switch.place),
    }


def _prebuilt(entry: Prebuilt) -> Document:
    return {
        "url": entry.url,
        "filename": entry.filename,
        "tags": dict(entry.tags),
        "switches": list(entry.switches),
        **_at(entry.place),
    }
