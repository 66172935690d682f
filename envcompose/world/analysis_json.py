"""Analyses as JSON for the cache; an entry that does not read back is as good as none."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from envcompose.model.analysis import (
    Analysis,
    BuildNeed,
    Hint,
    MetadataSource,
    Place,
    Prebuilt,
    Reading,
    Switch,
    SystemNeed,
    Trap,
)


def analysis_to_json(analysis: Analysis) -> str:
    """The whole analysis as JSON."""
    return json.dumps(asdict(analysis), separators=(",", ":"))


def analysis_from_json(text: str) -> Analysis | None:
    """What `analysis_to_json` wrote, or None where the text is something else."""
    try:
        values = json.loads(text)
        values["readings"] = tuple(_reading(entry) for entry in values["readings"])
        values["build_needs"] = tuple(
            BuildNeed(**{**entry, "place": _place(entry["place"])}) for entry in values["build_needs"]
        )
        values["traps"] = tuple(Trap(**{**entry, "place": _place(entry["place"])}) for entry in values["traps"])
        for key in ("tool_needs", "toolkit_needs"):
            values[key] = tuple(SystemNeed(**{**entry, "place": _place(entry["place"])}) for entry in values[key])
        values["environment"] = tuple(_switch(entry) for entry in values["environment"])
        values["prebuilt"] = tuple(_prebuilt(entry) for entry in values["prebuilt"])
        values["hints"] = tuple(Hint(**{**entry, "place": _place(entry["place"])}) for entry in values["hints"])
        values["switches"] = tuple((name, default, effect) for name, default, effect in values["switches"])
        return Analysis(**_with_tuples(values))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _reading(entry: dict[str, Any]) -> Reading:
    return Reading(**_with_tuples({**entry, "source": MetadataSource(entry["source"])}))


def _switch(entry: dict[str, Any]) -> Switch:
    return Switch(**{**entry, "place": Place(**entry["place"]), "uses": tuple(Place(**use) for use in entry["uses"])})


def _prebuilt(entry: dict[str, Any]) -> Prebuilt:
    tags = tuple((name, value) for name, value in entry["tags"])
    return Prebuilt(**{**_with_tuples(entry), "tags": tags, "place": Place(**entry["place"])})


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _place(entry: dict[str, Any] | None) -> Place | None:
    return None if entry is None else Place(**entry)
