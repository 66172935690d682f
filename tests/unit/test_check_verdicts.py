"""Our verdicts on locks are those of a real pixi: over a thousand cases of our own, and the shared ones where they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lock_verdicts import Case, index_of, main, our_verdict, read_cases

OWN = Path(__file__).parents[1] / "golden" / "lock-verdicts.json"
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "pixi-lock-verdicts.json"


def cases(path: Path) -> Sequence[Any]:
    """The cases of a file with the default index, or one that is skipped where the file is not there."""
    if not path.exists():
        return [pytest.param(None, "", marks=pytest.mark.skip(reason="the verdicts of a real pixi are not here"))]
    document = json.loads(path.read_text(encoding="utf-8"))
    return [pytest.param(case, index_of(document), id=case.id) for case in read_cases(document)]


@pytest.mark.parametrize(("case", "index"), cases(OWN))
def test_our_verdict_is_the_one_of_a_real_pixi(case: Case, index: str) -> None:
    verdict, why = our_verdict(case, index)
    assert verdict == case.pixi, f"{case.what}: {why}"


@pytest.mark.parametrize(("case", "index"), cases(SHARED))
def test_our_verdict_is_the_shared_one(case: Case, index: str) -> None:
    verdict, why = our_verdict(case, index)
    assert verdict == case.pixi, f"{case.what}: {why}"


SMALL = {
    "pixi": "0.77.0",
    "default_index": "https://index.example/simple",
    "bases": {
        "empty": {
            "pixi.toml": '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n',
            "pixi.lock": "version: 7\nplatforms:\n- name: linux-64\nenvironments:\n  default:\n    channels:\n"
            "    - url: https://conda.anaconda.org/conda-forge/\n    packages: {}\npackages: []\n",
        }
    },
    "cases": [
        {"id": "S1", "what": "the base itself", "base": "empty", "edit": None, "check": "up-to-date"},
        {
            "id": "S2",
            "what": "a dependency more",
            "base": "empty",
            "edit": {
                "file": "pixi.toml",
                "replacements": [{"find": '"linux-64"]', "replace": '"linux-64"]\n[dependencies]\na = "*"'}],
            },
            "check": "stale",
        },
        {
            "id": "S3",
            "what": "another text",
            "base": "empty",
            "edit": [{"file": "pixi.lock", "text": ""}],
            "check": "error",
            "message": ["cannot be read"],
        },
    ],
}


def written(folder: Path, document: object) -> str:
    path = folder / "verdicts.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_the_command_prints_a_line_for_each_case_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([written(tmp_path, SMALL)]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["S1", "the", "base", "itself", "up-to-date", "up-to-date", "agrees"],
        ["S2", "a", "dependency", "more", "stale", "stale", "agrees"],
        ["S3", "another", "text", "error", "error", "agrees"],
    ]
    assert last.startswith("3 of 3 verdicts agree with pixi 0.77.0; ")


def test_the_command_says_who_disagrees_with_both_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        **SMALL,
        "cases": [{**SMALL["cases"][0], "check": "error", "message": ["of another mind"]}, *SMALL["cases"][1:]],
    }
    assert main([written(tmp_path, wrong), "--disagreements"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["S1", "the", "base", "itself", "error", "up-to-date", "DISAGREES"]
    assert lines[1:3] == ["       pixi: of another mind", "       ours: -"]
    assert lines[3].startswith("2 of 3 verdicts agree")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bases": {}, "cases": [{"id": "X"}]}'])
def test_a_file_of_another_form_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    assert main([str(path)]) == 2
    assert "is no file of verdicts" in capsys.readouterr().err
