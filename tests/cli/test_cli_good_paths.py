"""`envcompose init` from end to end, over an index on loopback."""

from __future__ import annotations

import json
import tomllib

from fake_index import FakeIndex
from program import Program


def manifest(program: Program, path: str = "pixi.toml"):
    return tomllib.loads((program.folder / path).read_text())


def test_a_requirement_becomes_a_manifest_a_verifier_and_a_report(program: Program, index: FakeIndex):
    outcome = program.run("init", "alpha", "--python", "3.12", "--index", index.url)
    assert (outcome.status, outcome.err) == (0, "")
    assert manifest(program)["pypi-dependencies"] == {"alpha": "==1.0"}
    assert manifest(program)["dependencies"] == {"python": "3.12.*"}
    written = {path for path in program.tree() if "/verify/" not in path}
    assert written == {
        ".envcompose",
        ".envcompose/expect.json",
        ".envcompose/report.md",
        ".envcompose/verify",
        ".gitattributes",
        ".gitignore",
        "pixi.toml",
    }
    assert outcome.out.splitlines()[:2] == ["alpha, Python 3.12", "  alpha 1.0: wheel"]
    assert outcome.out.splitlines()[-1] == "Next: pixi run verify  (locks, installs, then checks)"


def test_the_document_names_every_package_of_the_closure(program: Program, index: FakeIndex):
    document = program.run("init", "alpha", "--json", "--index", index.url).document
    assert document["verdict"] == "feasible"
    shown = {(p["name"], p["version"], p["artifact"], tuple(p["required_by"])) for p in document["packages"]}
    assert shown == {
        ("alpha", "1.0", "wheel", ()),
        ("beta", "2.1", "sdist", ("alpha",)),
        ("delta", "0.3", "wheel", ("alpha", "beta")),
    }
    assert [file["action"] for file in document["files"]] == ["create"] * len(document["files"])
    assert {file["text"] for file in document["files"]} == {None}


def test_a_dry_run_writes_nothing_and_shows_the_texts(program: Program, index: FakeIndex):
    document = program.run("init", "alpha", "--dry-run", "--json", "--index", index.url).document
    assert program.tree() == {}
    texts = {file["path"]: file["text"] for file in document["files"]}
    assert tomllib.loads(texts["pixi.toml"])["pypi-dependencies"] == {"alpha": "==1.0"}
    assert (
        program.run("init", "alpha", "--dry-run", "--index", index.url).out.splitlines()[-2].startswith("Would write")
    )
    program.run("init", "alpha", "--index", index.url)
    assert {path: (program.folder / path).read_text() for path in texts} == texts


def test_two_runs_give_equal_bytes_and_the_second_changes_nothing(program: Program, index: FakeIndex):
    program.run("init", "alpha", "--index", index.url)
    before = program.tree()
    document = program.run("init", "alpha", "--index", index.url, "--json").document
    assert program.tree() == before
    assert {file["action"] for file in document["files"]} == {"unchanged"}


def test_offline_after_an_online_run_gives_the_same_bytes_and_asks_nobody(program: Program, index: FakeIndex):
    program.run("init", "alpha", "--index", index.url, "-o", "one")
    index.asked.clear()
    assert program.run("init", "alpha", "--index", index.url, "-o", "two", "--offline").status == 0
    assert index.asked == []
    one, two = program.folder / "one", program.folder / "two"
    assert (one / ".envcompose/expect.json").read_text() != ""
    name = 'name = "alpha"'
    assert name in (one / "pixi.toml").read_text()
    assert (one / "pixi.toml").read_text() == (two / "pixi.toml").read_text()


def test_every_line_of_a_requirements_file_has_a_fate(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_text(
        f"--index-url {index.url}\n"
        "alpha  # the main thing\n"
        "delta<1 ; python_version >= '3.8'\n"
        "gamma ; sys_platform == 'win32'\n"
        "-c limits.txt\n"
    )
    (program.folder / "limits.txt").write_text("alpha<1\n")
    outcome = program.run("init", "-r", "requirements.txt", "--python", "3.12")
    assert outcome.status == 0
    assert manifest(program)["pypi-dependencies"] == {"alpha": "==0.9", "delta": "==0.3"}
    assert "gamma ; sys_platform == 'win32' (requirements.txt:4): inactive, its marker does not hold" in outcome.out
    document = program.run("init", "-r", "requirements.txt", "--python", "3.12", "--json").document
    fates = [(f["text"], f["origin"]["file"], f["origin"]["line"], f["outcome"]) for f in document["requirements"]]
    assert ("alpha<1", "limits.txt", 1, "kept") in fates
    assert ("gamma ; sys_platform == 'win32'", "requirements.txt", 4, "inactive") in fates
    assert ("alpha", "requirements.txt", 2, "kept") in fates


def test_a_project_folder_gets_its_manifest_and_is_installed_editable(program: Program, index: FakeIndex):
    project = program.folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\ndependencies = ["alpha"]\n'
        '[project.optional-dependencies]\nfast = ["epsilon"]\n[dependency-groups]\ndev = ["delta<1"]\n'
    )
    run = program.run(
        "init", "./project", "--extra", "fast", "--group", "dev", "--python", "3.12", "--index", index.url
    )
    assert run.status == 0
    found = manifest(program, "project/pixi.toml")["pypi-dependencies"]
    assert found["mine"] == {"path": ".", "editable": True, "extras": ["fast"]}
    assert found["delta"] == "==0.3"
    assert run.out.splitlines()[-1].startswith("Next: cd project && pixi run verify")


def test_words_may_stand_after_options(program: Program, index: FakeIndex):
    assert program.run("init", "alpha", "--python", "3.12", "delta<1", "--index", index.url).status == 0
    assert set(manifest(program)["pypi-dependencies"]) == {"alpha", "delta"}


def test_the_folder_in_the_next_command_is_quoted_for_the_shell(program: Program, index: FakeIndex):
    outcome = program.run("init", "alpha", "--index", index.url, "-o", "my envs")
    assert outcome.out.splitlines()[-1].startswith("Next: cd 'my envs' && pixi run verify")


def test_the_expectations_hold_the_pins_and_the_bounds(program: Program, index: FakeIndex):
    program.run("init", "alpha", "--python", "3.12", "--index", index.url)
    expected = json.loads((program.folder / ".envcompose/expect.json").read_text())
    assert expected["pins"] == {"alpha": "1.0"}
    assert expected["bounds"] == {"beta": [">=2"], "delta": ["<1"]}
    assert expected["imports"] == [{"distribution": "alpha", "module": "alpha"}]


def test_recipes_are_listed_and_shown(program: Program):
    listed = program.run("recipes", "list")
    assert listed.status == 0
    assert "  axolotl [flash-attn,deepspeed]:" in listed.out
    shown = program.run("recipes", "show", "flash-attn")
    assert shown.out.startswith("# recipes/packages/flash-attn.toml\n")


def test_help_and_version_are_no_failures(program: Program):
    assert program.run("--version").status == 0
    assert "envcompose init axolotl --cuda 12.4" in program.run("init", "--help").out


def test_what_needs_no_torch_composes_also_where_no_torch_fits_the_target(program: Program, index: FakeIndex):
    outcome = program.run("init", "alpha", "--cuda", "11.0", "--index", index.url, "--json")
    assert outcome.status == 0
    document = outcome.document
    assert (document["torch"], [p["name"] for p in document["packages"]]) == (None, ["alpha", "beta", "delta"])
    texts = [message["text"] for message in document["messages"]]
    assert "nothing here uses CUDA, so --cuda 11.0 has no effect" in texts


def test_what_needs_torch_somewhere_is_infeasible_where_no_torch_fits_the_target(program: Program, index: FakeIndex):
    index.wheel("needy", "1.0", "inner")
    index.wheel("inner", "1.0", "torch")
    index.wheel("torch", "2.6.0", tag="cp312-cp312-manylinux_2_28_x86_64")
    status, lines = program.fails(
        "init", "needy", "--cuda", "11.0", "--python", "3.12", "--index", index.url, "--effort", "0"
    )
    assert (status, lines[0]) == (
        1,
        "error: No combination of versions fulfils needy for CUDA 11.0, Python 3.12, linux-64",
    )
    assert lines[1] == "  these requirements: torch is needed (inner), and none fits the target (with Python 3.12)"
    assert lines[2].startswith("  torch: no release has a build for CUDA 11.0; there are builds for CUDA 10.2, ")
    assert list(program.tree()) == []


def test_what_has_wheels_for_older_pythons_alone_gets_the_newest_of_them(program: Program, index: FakeIndex):
    outcome = program.run("init", "epsilon", "--index", index.url)
    assert (outcome.status, outcome.out.splitlines()[0]) == (0, "epsilon, Python 3.12")
    index.wheel("zeta", "1.0", "epsilon")
    index.wheel("zeta", "2.0", "eta==1.0")
    index.wheel("eta", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    index.wheel("eta", "2.0", tag="cp313-cp313-manylinux_2_17_x86_64")
    deeper = program.run("init", "zeta>=2", "--index", index.url, "--refresh")
    assert (deeper.status, deeper.out.splitlines()[0]) == (0, "zeta, Python 3.11")


def test_what_has_wheels_for_no_linux_is_infeasible_without_a_try_for_each_python(program: Program, index: FakeIndex):
    index.wheel("foreign", "1.0", tag="cp312-cp312-win_amd64")
    status, lines = program.fails("init", "foreign", "--index", index.url, "--effort", "0")
    assert status == 1
    assert [line for line in lines if "foreign" in line and "Python" in line] == [
        line for line in lines if "there are no versions of foreign" in line
    ]
    assert sum("no versions of foreign" in line for line in lines) == 1


def test_the_head_of_a_manifest_names_a_folder_by_its_project(program: Program, index: FakeIndex):
    (program.folder / "mine").mkdir()
    (program.folder / "mine" / "pyproject.toml").write_text('[project]\nname = "mylib"\nversion = "1"\n')
    (program.folder / "requirements.txt").write_text("alpha\n./mine\n")
    assert (
        program.run("init", "-r", "requirements.txt", "--index", index.url, "-o", "out", "--python", "3.12").status == 0
    )
    text = (program.folder / "out" / "pixi.toml").read_text()
    assert text.splitlines()[2] == "# alpha, mylib: Python 3.12, linux-64"
    assert manifest(program, "out/pixi.toml")["pypi-dependencies"]["mylib"]["path"] == "../mine"
