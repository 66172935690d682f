"""The document of `--json`: its schema, and that whatever ends a run gives a document (Outcome.document validates)."""

from __future__ import annotations

from copy import deepcopy

import jsonschema
import pytest
from fake_index import FakeIndex
from program import Program

from envcompose.schema import composition_schema

# design.md, "The JSON": what scripts may rely on from the first release.
KEYS = [
    *("schema", "version", "verdict", "defaults", "rejected", "cost", "standing", "target", "torch", "requirements"),
    *("packages", "no_build_isolation", "build_needs", "constraints", "env", "indexes", "tasks", "messages"),
    *("repairs", "files"),
]


def test_the_schema_is_a_schema_and_names_every_key_of_the_interface():
    schema = composition_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == KEYS
    assert list(schema["properties"]) == KEYS


def every_object(schema):
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for held in schema.values():
            yield from every_object(held)
    elif isinstance(schema, list):
        for held in schema:
            yield from every_object(held)


def test_every_key_of_every_object_is_always_there_and_more_may_come():
    for found in every_object(composition_schema()):
        assert found["required"] == list(found["properties"])
        assert "additionalProperties" not in found


def test_a_document_without_one_of_its_keys_or_with_a_new_verdict_is_refused(program: Program, index: FakeIndex):
    document = program.run("init", "alpha", "--json", "--dry-run", "--index", index.url).document
    validator = jsonschema.Draft202012Validator(composition_schema())
    assert validator.is_valid({**document, "new": 1})
    for key in KEYS:
        assert not validator.is_valid({name: value for name, value in document.items() if name != key}), key
    assert not validator.is_valid({**document, "verdict": "perhaps"})
    broken = deepcopy(document)
    del broken["packages"][0]["sha256"]
    assert not validator.is_valid(broken)


@pytest.mark.parametrize(
    ("arguments", "status", "verdict", "code"),
    [
        (["alpha"], 0, "feasible", None),
        (["alpha", "--dry-run"], 0, "feasible", None),
        (["alpha==7"], 1, "infeasible", "infeasible"),
        (["alpha", "--cuda", "1.2"], 2, "error", "unknown-value"),
        (["alpha", "--surely-not"], 2, "error", "usage"),
        (["axoltl"], 2, "error", "near-miss"),
        ([], 2, "error", "nothing-asked"),
        (["-r", "nowhere.txt"], 2, "error", "file-missing"),
        (["alpha", "--offline", "--refresh"], 3, "error", "not-cached"),
        (["alpha", "--index", "http://127.0.0.1:9/simple"], 3, "error", "index-unreachable"),
    ],
)
def test_every_end_of_a_run_has_its_status_verdict_and_code(
    program: Program, index: FakeIndex, arguments: list[str], status: int, verdict: str, code: str | None
):
    outcome = program.run("init", "--json", "--index", index.url, *arguments)
    assert (outcome.status, outcome.document["verdict"], outcome.err) == (status, verdict, "")
    errors = [message["code"] for message in outcome.document["messages"] if message["level"] == "error"]
    assert errors == ([code] if code else [])


def test_a_manifest_in_the_way_is_a_document_too(program: Program, index: FakeIndex):
    (program.folder / "pixi.toml").write_text("# mine\n")
    outcome = program.run("init", "alpha", "--json", "--index", index.url)
    assert (outcome.status, outcome.document["messages"][0]["code"]) == (4, "would-overwrite")
    assert outcome.document["requirements"][0]["text"] == "alpha"


def test_equal_runs_print_equal_documents_in_ascii(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_text("alpha\ngamma ; sys_platform == '\u00fc'\n")
    runs = [program.run("init", "-r", "requirements.txt", "--json", "--dry-run", "--index", index.url) for _ in "ab"]
    assert runs[0].out == runs[1].out
    assert runs[0].out.isascii()
    assert "gamma ; sys_platform == '\u00fc'" in [fate["text"] for fate in runs[0].document["requirements"]]


def test_the_files_of_a_document_are_the_files_on_disk(program: Program, index: FakeIndex):
    from hashlib import sha256

    document = program.run("init", "alpha", "--json", "--index", index.url, "-o", "env").document
    folder = program.folder / "env"
    assert [file["path"] for file in document["files"]] == sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )
    for file in document["files"]:
        assert sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]
