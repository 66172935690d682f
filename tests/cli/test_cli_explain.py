"""`envcompose explain` from end to end, over an index on loopback and a small conda channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fake_index import FakeIndex
from program import Outcome, Program

from envcompose.schema import explanation_schema

VALIDATOR = jsonschema.Draft202012Validator(explanation_schema())


@pytest.fixture
def inputs(index: FakeIndex, small_channel: str) -> tuple[str, ...]:
    """What `init` and `explain` are given beside the words."""
    index.wheel("delta", "0.2")
    index.wheel("omega", "1.0", "alpha>=1", "zeta; extra == 'more'", extras=("more",))
    return ("--python", "3.12", "--index", index.url, "--channel", small_channel)


def document(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outcome.out)
    VALIDATOR.validate(found)
    return found


def masked(text: str, index: FakeIndex, channel: str) -> str:
    """The text without what differs from run to run."""
    return text.replace(index.url, "INDEX").replace(index.host, "HOST").replace(channel, "CHANNEL")


def test_a_package_is_explained_by_the_manifest_of_the_folder(
    program: Program, index: FakeIndex, inputs: tuple[str, ...], small_channel: str
):
    assert program.run("init", "omega", *inputs).status == 0
    before = program.tree()
    outcome = program.run("explain", "delta")
    assert (outcome.status, outcome.err) == (0, "")
    assert program.tree() == before
    assert masked(outcome.out, index, small_channel) == (
        "delta 0.3: wheel (PyPI layer, proved)\n"
        "  decided by index-wheel: the index has a wheel that fits the target\n"
        "  evidence: delta-0.3-py3-none-any.whl is on the index (the package index)\n"
        "\n"
        "Required by\n"
        "  you ask for omega (command line), which is omega 1.0\n"
        "    -> alpha >=1 -> delta <1\n"
        "    -> alpha >=1 -> beta >=2 -> delta\n"
        "\n"
        "Held by\n"
        "  not the newest on the index, 1.2: alpha 1.0 requires delta<1\n"
        "\n"
        "Ask why not otherwise: envcompose explain delta --not 1.2\n"
    )


def test_the_same_is_explained_without_a_manifest(program: Program, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs)
    by_manifest = document(program.run("explain", "delta", "--json"))
    by_words = document(program.run("explain", "delta", "omega", *inputs, "--json"))
    assert by_manifest["manifest"] == {"path": "pixi.toml", "agrees": True, "differences": []}
    assert by_words == {**by_manifest, "manifest": None}


def test_a_manifest_elsewhere_is_named_by_its_path_or_its_folder(program: Program, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs, "-o", "envs/train")
    for path in ("envs/train", "envs/train/pixi.toml"):
        outcome = program.run("explain", "delta", "--not", "0.2", "--manifest", path)
        assert outcome.status == 0
        assert "To take it: cd envs/train && envcompose init omega delta==0.2" in outcome.out
        assert outcome.out.splitlines()[-1] == f"All about it: envcompose explain delta --manifest {path}"


def test_a_manifest_and_a_lock_that_say_otherwise_are_told(program: Program, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs)
    manifest, lock = program.folder / "pixi.toml", program.folder / "pixi.lock"
    manifest.write_text(manifest.read_text().replace('omega = "==1.0"', 'omega = "==0.9"'))
    lock.write_text(lock.read_text().replace("  version: '0.3'", "  version: '0.2'"))
    found = program.run("explain", "omega").out.splitlines()
    assert (
        found[1] == '  differs from what is written: [pypi-dependencies] of pixi.toml has omega "==0.9", and composing'
    )
    assert found[2] == '    again gives "==1.0"'
    assert found[3] == "  1 other line of pixi.toml or its lock differs"
    told = document(program.run("explain", "delta", "--json"))["manifest"]
    assert told["agrees"] is False
    assert {"table": "lock-pypi", "name": "delta", "written": "0.2", "composed": "0.3"} in told["differences"]


def test_offline_explains_from_the_cache_and_asks_nobody(program: Program, index: FakeIndex, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs)
    online = program.run("explain", "delta", "--not", "0.2")
    index.asked.clear()
    offline = program.run("explain", "delta", "--not", "0.2", "--offline")
    assert index.asked == []
    assert (offline.status, offline.err) == (0, "")
    assert offline.out.splitlines()[:-1] == online.out.splitlines()[:-1]
    assert program.run("explain", "delta", "--refresh").status == 0
    assert "/simple/delta/" in index.asked


def test_a_question_is_answered_by_what_excludes_the_version(program: Program, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs)
    outcome = program.run("explain", "delta", "--not", "1.2")
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[:5] == [
        "delta 0.3: wheel (PyPI layer, proved)",
        "",
        "Why not 1.2? It cannot be had with everything else that is asked for.",
        "",
        "What keeps it out here",
    ]
    assert lines[5] == "  alpha 1.0 requires delta<1"
    answer = document(program.run("explain", "delta", "--not", "1.2", "--json"))["answer"]
    assert answer["verdict"] == "infeasible"
    assert answer["command"].startswith("envcompose init omega delta==1.2 --python 3.12")
    assert answer["reasons"]


def test_a_question_is_answered_by_what_would_change(program: Program, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs)
    answer = document(program.run("explain", "delta", "--not", "<0.3", "--json"))["answer"]
    assert answer["verdict"] == "feasible"
    assert answer["changes"] == [{"name": "delta", "before": "0.3", "after": "0.2"}]
    assert answer["command"].startswith("envcompose init omega 'delta<0.3' --python 3.12 --index http://127.0.0.1")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("0.3", "Why not 0.3? That is what is chosen."),
        ("wheel", "Why not wheel? That is what is chosen."),
        ("7", "Why not 7? There is no such release of delta. The nearest: 0.2, 0.3, 1.2."),
        ("sdist", "Why not sdist? It cannot be had with everything else that is asked for."),
    ],
)
def test_other_questions_have_answers_too(program: Program, inputs: tuple[str, ...], question: str, said: str):
    program.run("init", "omega", *inputs)
    outcome = program.run("explain", "delta", "--not", question)
    assert (outcome.status, outcome.out.splitlines()[2]) == (0, said)


def test_a_line_of_a_file_is_named_with_its_place_and_must_be_changed_there(program: Program, inputs: tuple[str, ...]):
    (program.folder / "requirements.txt").write_text("alpha\ndelta>=0.3\n")
    program.run("init", "-r", "requirements.txt", *inputs)
    explained = program.run("explain", "delta").out
    assert "  you ask for delta>=0.3 (requirements.txt:2)" in explained.splitlines()
    assert "  your requirement delta>=0.3 (requirements.txt:2)" in explained.splitlines()
    answered = program.run("explain", "delta", "--not", "0.2").out
    assert "  judged without what you say otherwise: delta>=0.3 (requirements.txt:2)" in answered.splitlines()
    assert "To take it, change delta>=0.3 (requirements.txt:2) where it stands" in answered
    assert document(program.run("explain", "delta", "--not", "0.2", "--json"))["answer"]["command"] is None


def test_conda_packages_are_explained_by_the_solved_layer(program: Program, inputs: tuple[str, ...]):
    program.run("init", "omega", *inputs)
    python = document(program.run("explain", "python", "--json"))
    assert python["package"] is None
    assert (python["conda"]["spec"], python["conda"]["rule"]) == ("3.12.*", "target-python")
    assert python["conda"]["version"].startswith("3.12.")
    assert [pin["why"] for pin in python["pins"]] == ["you ask for --python 3.12"]


@pytest.mark.parametrize(
    ("arguments", "code", "said", "hint"),
    [
        (("zeta", "omega"), "not-in-composition", "omega 1.0 has it in its extra more, not asked for", "check the"),
        (("gamma", "omega"), "not-in-composition", "the marker does not hold here: gamma", "check the spelling"),
        (("detla", "omega"), "not-in-composition", "nothing in it requires it", "did you mean delta?"),
        (("delta", "--not", "perhaps", "omega"), "unknown-value", "--not perhaps cannot be used", "explain --help"),
        (("delta==1.2",), "usage", "a version is asked about with --not", "envcompose explain delta --not 1.2"),
        (("delta", "--cuda", "12.4"), "usage", "--cuda 12.4 without saying", "envcompose explain delta STACK --cuda"),
        (("delta", "omega", "--manifest", "x"), "usage", "give one of them", "envcompose explain --help"),
        (("delta", "--manifest", "x"), "nothing-composed", "x/pixi.toml", "--manifest path/to/pixi.toml"),
        ((), "usage", "PACKAGE", "envcompose explain --help"),
    ],
)
def test_whatever_cannot_be_explained_is_one_error_and_with_json_one_document(
    program: Program, inputs: tuple[str, ...], arguments: tuple[str, ...], code: str, said: str, hint: str
):
    (program.folder / "x").mkdir()
    words = (*arguments, *(inputs if "omega" in arguments else ()))
    failed = program.run("explain", *words)
    assert (failed.status, failed.out) == (2, "")
    assert said in failed.err
    assert hint in failed.err
    told = program.run("explain", *words, "--json")
    assert (told.status, told.err) == (2, "")
    found = document(told)
    assert (found["verdict"], found["package"], found["answer"]) == ("error", None, None)
    assert [message["code"] for message in found["messages"]] == [code]
    assert list(program.tree()) == ["x"]


def test_without_a_manifest_of_ours_nothing_is_explained(program: Program):
    assert program.run("explain", "delta").err.startswith(
        "error: Nothing says what environment is meant: pixi.toml is not"
    )
    (program.folder / "pixi.toml").write_text('[workspace]\nname = "mine"\n')
    outcome = program.run("explain", "delta")
    assert (outcome.status, "was not written by envcompose" in outcome.err) == (2, True)


def test_an_environment_without_a_solution_is_an_infeasible_wish(program: Program, inputs: tuple[str, ...]):
    outcome = program.run("explain", "delta", "omega", "delta>=1", *inputs)
    assert (outcome.status, outcome.out) == (1, "")


def test_secrets_of_an_index_and_foreign_texts_stay_away_from_the_terminal(
    program: Program, index: FakeIndex, inputs: tuple[str, ...]
):
    url = index.url.replace("http://", "http://reader:zq12345678@")
    index.wheel("alpha", "1.1", "delta<1", "beta; extra == '\x1b[31mred'")
    for arguments in (("delta",), ("delta", "--not", "0.2"), ("delta", "--not", "\x1b[31m")):
        for more in ((), ("--json",)):
            outcome = program.run("explain", *arguments, "omega", *inputs, "--index", url, *more)
            assert "zq12345678" not in outcome.out + outcome.err
            assert "\x1b" not in outcome.out + outcome.err


def test_a_manifest_is_read_though_it_holds_no_login_of_its_index(
    program: Program, index: FakeIndex, inputs: tuple[str, ...]
):
    url = index.url.replace("http://", "http://reader:zq12345678@")
    program.run("init", "omega", *inputs, "--index", url)
    assert program.run("explain", "delta").status == 0
    assert program.run("explain", "delta", "--index", url, "--refresh").status == 0
    assert index.authorizations[-1] is not None


def test_the_schema_is_a_schema_and_every_key_of_every_object_is_always_there():
    schema = explanation_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    objects = list(every_object(schema))
    assert len(objects) > 20
    for found in objects:
        assert found["required"] == list(found["properties"])
        assert "additionalProperties" not in found


def every_object(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict) and "required" in schema:
            yield schema
        for held in schema.values():
            yield from every_object(held)


def test_the_help_shows_questions_that_can_be_asked(program: Program):
    told = program.run("explain", "--help").out
    assert "envcompose explain flash-attn --not 2.8.3" in told
    assert "exit status: 0 explained (also where the answer is that it cannot be had)" in told


def test_without_a_package_only_the_package_is_asked_for(program: Program):
    outcome = program.run("explain")
    assert (outcome.status, outcome.err.splitlines()[0]) == (2, "error: The following arguments are required: PACKAGE")
    # Words after options are still words.
    assert "is not in" in program.run("explain", "alpha", "--offline", "beta", "-v", "gamma").err


def test_hints_are_about_options_that_the_user_gave_and_not_the_question(program: Program, index: FakeIndex):
    hint = "leave --python out to let the rules choose it"
    asked = ("explain", "python", "epsilon", "--index", index.url, "--not", "3.13")
    free, held = program.run(*asked), program.run(*asked, "--python", "3.12")
    assert "It cannot be had with everything else that is asked for." in free.out
    assert "It cannot be had with everything else that is asked for." in held.out
    assert (hint in free.out, hint in held.out) == (False, True)
