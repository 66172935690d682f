"""The verifier's folder: standard library only, Python 3.9, nothing of envcompose but itself."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import jsonschema
import pytest

from envcompose.verify.command import CHECKS

FOLDER = Path(__file__).parents[2] / "envcompose" / "verify"
MODULES = sorted(FOLDER.glob("*.py"))
FIRST_IN_39 = sys.stdlib_module_names - {"tomllib"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_parses_as_python_3_9(module: Path) -> None:
    ast.parse(module.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_the_standard_library_and_its_own_folder_only(module: Path) -> None:
    own = {path.stem for path in MODULES} | {""}
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= FIRST_IN_39
        elif isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1
            assert {(node.module or alias.name).split(".")[0] for alias in node.names} <= own | {"FORM"}
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in FIRST_IN_39


def test_a_dataclass_asks_for_nothing_that_python_3_9_lacks() -> None:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dataclass":
                assert {keyword.arg for keyword in node.keywords} <= {"frozen", "eq", "order"}


def test_every_check_has_an_id_of_its_own_that_fits_the_schema() -> None:
    ids = [check.id for check in CHECKS]
    pattern = json.loads((FOLDER / "schema.json").read_text())["properties"]["checks"]["items"]["properties"]["id"]
    assert len(set(ids)) == len(ids)
    for id in ids:
        jsonschema.validate(id, pattern)


def test_the_checks_of_one_group_stand_together() -> None:
    groups = [check.group for check in CHECKS]
    assert groups == sorted(groups, key=groups.index)
