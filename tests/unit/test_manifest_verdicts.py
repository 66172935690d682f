"""What pixi reads as a manifest, and what it refuses: 218 manifests, and what a real pixi said of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envcompose.errors import ManifestInvalid
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.manifest.workspace_views import environments_of
from tests.unit.read_fakes import FakeTextFiles

CASES = json.loads((Path(__file__).parents[1] / "golden" / "manifest-verdicts.json").read_text(encoding="utf-8"))
# pixi points at the table that comes first, and the readers of TOML at the one that should not be there.
OTHER_LINE = {"v111", "v331"}


def refusal(files: dict[str, str]) -> ManifestInvalid | None:
    name = "pixi.toml" if "pixi.toml" in files else "pyproject.toml"
    try:
        environments_of(read_workspace(files[name], name, files=FakeTextFiles({**files}), pixi=CASES["pixi"]))
    except ManifestInvalid as error:
        return error
    return None


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["id"])
def test_a_manifest_is_refused_exactly_where_pixi_refuses_it(case: dict[str, Any]) -> None:
    error = refusal(case["files"])
    assert (error is not None) == case["refused"], f"{case['what']}: {error}"
    if error is not None and case["line"] is not None and case["id"] not in OTHER_LINE:
        assert error.line == case["line"], error.sentence
