"""`envcompose verify`: a real environment, judged from outside by the shipped verifier."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest
from fake_index import FakeIndex
from program import Program

sys.path.append(str(Path(__file__).parents[1] / "world"))
from verify_parts import VERIFIER, Project

MANIFEST = (
    '[tool.envcompose]\nrequest = ["six"]\nrequirement-files = ["a b.txt"]\npython = "3.12"\ngpus = ["8.0", "9.0"]\n'
)


@pytest.fixture
def project(program: Program) -> Project:
    """An environment with one distribution, in the folder that the program works in."""
    made = Project(program.folder)
    made.distribution("six", "1.17.0")
    made.expected.update(pins={"six": "1.17.0"}, imports=[{"distribution": "six", "module": "six"}])
    (made.own / "expect.json").write_text(json.dumps(made.expected))
    return made


def copy_verifier(project: Project, form: str = "1") -> None:
    """The copy that travels with a manifest, of a form."""
    (project.own / "verify").unlink()
    shutil.copytree(VERIFIER, project.own / "verify", ignore=shutil.ignore_patterns("__pycache__"))
    file = project.own / "verify" / "__init__.py"
    file.write_text(file.read_text().replace('FORM = "1"', f'FORM = "{form}"'))


def test_the_environment_below_the_current_folder_is_judged(program: Program, project: Project) -> None:
    outcome = program.run("verify")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1].startswith("The environment is fine: ")
    project.remove("six-1.17.0.dist-info")
    assert program.run("verify").status == 1


@pytest.mark.parametrize("named", [".", ".pixi/envs/default", "../work"])
def test_a_prefix_or_its_project_can_be_named(program: Program, project: Project, named: str) -> None:
    project.remove("six-1.17.0.dist-info")
    outcome = program.run("verify", named, "--level", "quick")
    assert (outcome.status, outcome.out.splitlines()[0]) == (1, "FAIL  six  (versions.missing)")


def test_the_imports_are_made_by_the_environments_own_interpreter(program: Program, project: Project) -> None:
    project.write("six/__init__.py", "import sys\nassert '.pixi' in sys.prefix, sys.prefix\nimport own_to_it\n")
    project.write("own_to_it.py", "")
    assert program.run("verify").status == 0
    project.remove("own_to_it.py")
    assert "(imports.named)" in program.run("verify").out


def test_the_json_is_the_verifiers_document_also_on_failure(program: Program, project: Project) -> None:
    schema = json.loads((VERIFIER / "schema.json").read_text())
    sound, missing = program.run("verify", "--json"), program.run("verify", "nowhere", "--json")
    usage = program.run("verify", "--json", "--level", "deep")
    for outcome in (sound, missing, usage):
        jsonschema.validate(json.loads(outcome.out), schema)
        assert outcome.err == ""
    assert (sound.status, json.loads(sound.out)["verdict"]) == (0, "fine")
    assert (missing.status, usage.status) == (2, 2)
    assert json.loads(missing.out)["problems"] == ["There is no environment in nowhere: it has no bin/python"]


def test_a_gpu_can_be_required(program: Program, project: Project) -> None:
    outcome = program.run("verify", "--level", "quick", "--require-gpu")
    if "skip  gpu" not in program.run("verify", "--level", "quick").out:
        pytest.skip("this machine has a GPU")
    assert (outcome.status, outcome.out.splitlines()[0]) == (1, "FAIL  GPU  (gpu.present)")


def test_no_environment_is_an_error_that_says_what_to_do(program: Program, project: Project) -> None:
    shutil.rmtree(project.prefix)
    for arguments in (("verify",), ("verify", ".")):
        outcome = program.run(*arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("error: There is no environment in ")
        assert "  hint: pixi install, in the folder of the pixi.toml\n" in outcome.err


def test_a_folder_with_nothing_in_it_is_told_as_no_environment(program: Program) -> None:
    outcome = program.run("verify")
    assert (outcome.status, outcome.err.splitlines()) == (
        2,
        [
            "error: There is no environment in .pixi/envs/default: it has no bin/python",
            "  hint: name its folder, for example: envcompose verify .pixi/envs/default",
        ],
    )


def test_an_environment_without_expectations_is_an_error(program: Program, project: Project) -> None:
    (project.own / "expect.json").unlink()
    outcome = program.run("verify")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error: Nothing says what to expect of .pixi/envs/default: ")
    named = program.run("verify", "--expect", "there.json")
    assert (named.status, named.err.splitlines()[0]) == (
        2,
        "error: There is no file there.json that says what to expect",
    )


def test_other_expectations_can_be_named(program: Program, project: Project) -> None:
    (program.folder / "other.json").write_text(json.dumps({**project.expected, "pins": {"six": "1.16.0"}}))
    outcome = program.run("verify", "--expect", "other.json", "--level", "quick")
    assert (outcome.status, outcome.out.splitlines()[0]) == (1, "FAIL  six  (versions.pins)")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("0", "note: .envcompose/verify is older than this envcompose's, which judges now; composing again replaces it"),
        ("2", "note: .envcompose/verify is newer than this envcompose's (2, here 1): the newer one judges with 'pixi run verify'"),
    ],
)  # fmt: skip
def test_a_copy_of_another_age_is_told(program: Program, project: Project, form: str, said: str) -> None:
    copy_verifier(project, form)
    assert program.run("verify").err == f"{said}\n"


def test_a_copy_that_was_edited_is_told_with_the_command_that_replaces_it(program: Program, project: Project) -> None:
    copy_verifier(project)
    assert program.run("verify").err == ""
    (program.folder / "pixi.toml").write_text(MANIFEST)
    (project.own / "verify" / "render.py").write_text("")
    hint = "  hint: envcompose init six --requirement 'a b.txt' --gpu 8.0 --gpu 9.0 --python 3.12"
    assert program.run("verify").err.splitlines()[1:] == [hint]


def test_init_replaces_an_older_copy_and_says_so(program: Program, index: FakeIndex) -> None:
    arguments = ("init", "delta", "--index", index.url)
    assert "differed from" not in program.run(*arguments).out
    assert "differed from" not in program.run(*arguments).out
    copy = program.folder / ".envcompose" / "verify" / "render.py"
    copy.write_text("# older\n")
    said = ".envcompose/verify differed from the one that this envcompose ships: it is replaced"
    assert said in program.run(*arguments).out.splitlines()
    assert copy.read_text() == (VERIFIER / "render.py").read_text()


def test_the_command_of_a_manifest_composes_the_same_again(program: Program, index: FakeIndex) -> None:
    from envcompose.read.again import init_again

    program.run("init", "delta", "alpha<1", "--index", index.url, "--python", "3.11", "--glibc", "2.31", "--name", "x")
    manifest = (program.folder / "pixi.toml").read_text()
    again = init_again(manifest)
    assert again is not None
    import shlex

    outcome = program.run(*shlex.split(again)[1:])
    assert (outcome.status, (program.folder / "pixi.toml").read_text()) == (0, manifest)
    assert "Wrote nothing new" in outcome.out


@pytest.mark.parametrize("text", ["", "[", "[tool]\nenvcompose = 3\n", "[tool.envcompose]\nversion = '1'\n"])
def test_a_manifest_of_another_hand_gives_no_command(text: str) -> None:
    from envcompose.read.again import init_again

    assert init_again(text) is None


@pytest.mark.parametrize(("version", "ids"), [("0.45.0", ["bitsandbytes.blockwise"]), ("0.40.0", [])])
def test_the_probes_of_the_closure_are_written_for_the_version_that_was_chosen(
    program: Program, index: FakeIndex, version: str, ids: list[str]
) -> None:
    index.wheel("bitsandbytes", version)
    index.wheel("omega", "1.0", "bitsandbytes")
    assert program.run("init", "omega", "--index", index.url).status == 0
    expect = json.loads((program.folder / ".envcompose" / "expect.json").read_text())
    jsonschema.validate(expect, json.loads((VERIFIER / "expect.schema.json").read_text()))
    assert [probe["id"] for probe in expect["probes"]] == ids
    assert all((p["distribution"], p["module"]) == ("bitsandbytes", "bitsandbytes") for p in expect["probes"])
    assert all("quantize_blockwise" in p["code"] for p in expect["probes"])
