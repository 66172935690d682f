"""Whole outputs of whole commands, with the real uv, over the recorded index."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from tests.golden.update import Replay, difference
from tests.replay.cases import FOLDER, Case, all_cases

CASES = all_cases()
MANIFEST_SCHEMA = FOLDER.parents[2] / ".." / "shared" / "data" / "pixi-manifest-schema-0.77.0.json"
# The host of the files is no constant of a client; its name is put together here so that no file holds it.
REAL_HOSTS = (urlsplit(PYPI_SIMPLE_ENDPOINT).netloc, "python" + "hosted")


def _ids(case: Case) -> str:
    return case.name


@pytest.fixture(scope="session")
def replay() -> Replay:
    return Replay()


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_a_command_gives_exactly_the_expected_outputs(case: Case, replay: Replay, tmp_path: Path) -> None:
    found = replay.outputs(case, tmp_path)
    lines = difference(case.expected(), found)
    assert not lines, "\n".join([*lines[:80], "run `python -m tests.golden.update` where this is meant"])


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_a_written_manifest_is_toml_1_0_and_fits_the_schema_of_pixi(case: Case) -> None:
    text = case.expected().get("pixi.toml")
    if text is None:
        pytest.skip("this command fails, and writes nothing")
    document = tomllib.loads(text)
    if not MANIFEST_SCHEMA.is_file():
        pytest.skip(f"no schema of pixi's manifests at {MANIFEST_SCHEMA.name}")
    import jsonschema

    schema = json.loads(MANIFEST_SCHEMA.read_text(encoding="utf-8"))
    errors = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(document)
    ]
    assert errors == []


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_an_output_names_neither_the_real_index_nor_a_secret(case: Case) -> None:
    for name, text in case.expected().items():
        found = [word for word in (*REAL_HOSTS, "secret-token") if word in text]
        assert found == [], name
