"""The JSON Schemas of what `--json` prints (JSON Schema 2020-12): public, versioned, only ever extended."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

COMPOSITION = "composition-1.json"
ANALYSIS = "analysis-1.json"
EXPLANATION = "explanation-1.json"
LOCK = "lock-1.json"


def composition_schema() -> dict[str, Any]:
    """The schema of the document "envcompose.composition/1"."""
    return _schema(COMPOSITION)


def analysis_schema() -> dict[str, Any]:
    """The schema of the document "envcompose.analysis/1"."""
    return _schema(ANALYSIS)


def explanation_schema() -> dict[str, Any]:
    """The schema of the document "envcompose.explanation/1"."""
    return _schema(EXPLANATION)


def lock_schema() -> dict[str, Any]:
    """The schema of the document "envcompose.lock/1"."""
    return _schema(LOCK)


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files(__name__) / name).read_text(encoding="utf-8"))
    return found
