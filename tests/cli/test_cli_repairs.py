"""What `init` says of a wish that nothing fulfils: the conflict, the repairs, and their commands, which hold."""

from __future__ import annotations

import re
import shlex

import pytest
from fake_index import FakeIndex
from program import Program

from envcompose.api import Inputs, Wishes, repairs_of
from envcompose.model.repair import DEFAULT_EFFORT

LINES = "alpha\ndelta==1.2.0  # the newest\n"


@pytest.fixture
def conflicting(program: Program, index: FakeIndex) -> Program:
    """A requirements file of which two lines conflict: alpha 1.0 wants delta<1, alpha 0.9 any."""
    index.wheel("alpha", "2.0", "delta<1")
    index.projects["alpha"] = {name: data for name, data in index.projects["alpha"].items() if "0.9" not in name}
    index.wheel("delta", "1.2.0")
    (program.folder / "requirements.txt").write_text(LINES)
    return program


def commands_of(err: str) -> list[str]:
    """The command lines among what was printed: alone on their line, to be pasted."""
    return [line.strip() for line in err.splitlines() if line.strip().startswith("envcompose init")]


def test_the_whole_answer_to_two_lines_that_conflict(conflicting: Program, index: FakeIndex):
    outcome = conflicting.run("init", "-r", "requirements.txt", "--index", index.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines() == [
        "error: No combination of versions fulfils alpha, delta==1.2.0 for linux-64",
        "looking for repairs: at most 16 solves (--effort 0 skips)",
        "conflict: alpha (requirements.txt:1) and delta==1.2.0 (requirements.txt:2) cannot hold together",
        "  alpha 1.0 to 2.0 require delta<1",
        "repairs, nearest first; each was solved:",
        "  1. delta ==1.2.0 -> ==0.3: Python 3.14",
        "     cost 15; download 1.4 kB; compiles nothing; by tables",
        "     edit requirements.txt:2: delta==1.2.0 -> delta==0.3",
        f"     envcompose init -r requirements.txt --index {index.url}",
        "  2. alpha left out: Python 3.14",
        "     cost 30; download 701 bytes; compiles nothing; by tables",
        "     take out requirements.txt:1: alpha",
        f"     envcompose init -r requirements.txt --index {index.url}",
        "(3 solves; nothing nearer composes)",
    ]
    assert set(conflicting.tree()) == {"requirements.txt"}


def test_the_document_holds_the_same_and_stderr_is_silent(conflicting: Program, index: FakeIndex):
    outcome = conflicting.run("init", "-r", "requirements.txt", "--json", "--index", index.url)
    document = outcome.document
    assert (outcome.status, outcome.err, document["verdict"]) == (1, "", "infeasible")
    first = document["repairs"][0]
    assert first == {
        "id": "delta=0.3",
        "changes": [{"name": "delta", "from": "==1.2.0", "to": "==0.3"}],
        "edits": [{"file": "requirements.txt", "line": 2, "from": "delta==1.2.0", "to": "delta==0.3"}],
        "cost": "15; download 1.4 kB; compiles nothing",
        "standing": "by-tables",
        "command": f"envcompose init -r requirements.txt --index {index.url}",
    }
    conflict = next(message for message in document["messages"] if message["code"] == "conflict")
    assert conflict["text"].splitlines() == [
        "alpha (requirements.txt:1) and delta==1.2.0 (requirements.txt:2) cannot hold together",
        "alpha 1.0 to 2.0 require delta<1",
    ]
    assert (conflict["file"], conflict["line"], conflict["packages"]) == ("requirements.txt", 1, ["alpha", "delta"])
    assert [repair["id"] for repair in document["repairs"]] == ["delta=0.3", "alpha=none"]


def test_a_repair_by_words_alone_is_a_command_that_composes(program: Program, index: FakeIndex):
    index.wheel("zeta", "3.0", "delta<1")
    outcome = program.run("init", "zeta==3.1", "delta", "--index", index.url, "-o", "my env")
    assert outcome.status == 1
    (command,) = commands_of(outcome.err)
    assert command == f"envcompose init zeta==3.0 delta --index {index.url} -o 'my env'"
    assert (
        "  no release of zeta with a file for this Python and platform satisfies ==3.1; the nearest is 3.0"
        in outcome.err.splitlines()
    )
    taken = program.run(*shlex.split(command)[1:])
    assert (taken.status, taken.err) == (0, "")
    assert (program.folder / "my env" / "pixi.toml").is_file()


def test_every_edited_repair_composes_once_its_lines_are_edited(conflicting: Program, index: FakeIndex):
    document = conflicting.run("init", "-r", "requirements.txt", "--json", "--index", index.url).document
    for repair in document["repairs"]:
        lines = LINES.splitlines()
        for edit in repair["edits"]:
            assert lines[edit["line"] - 1].startswith(edit["from"])
            lines[edit["line"] - 1] = edit["to"] or ""
        (conflicting.folder / "requirements.txt").write_text("\n".join(lines))
        taken = conflicting.run(*shlex.split(repair["command"])[1:], "--dry-run")
        assert taken.status == 0, taken.err


def test_an_extra_of_a_project_that_cannot_be_had_is_left_out_by_its_option(program: Program, index: FakeIndex):
    project = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["delta>=1"]\n'
    (program.folder / "mine").mkdir()
    (program.folder / "mine" / "pyproject.toml").write_text(
        f'{project}[project.optional-dependencies]\ntrain = ["alpha>=1"]\n'
    )
    outcome = program.run("init", "./mine", "--extra", "train", "--index", index.url)
    assert outcome.err.splitlines()[2:] == [
        "conflict: delta>=1 (mine/pyproject.toml:4) and alpha>=1 (mine/pyproject.toml:6) cannot hold together",
        "  alpha 1.0 requires delta<1",
        "repairs, nearest first; each was solved:",
        "  1. extra train left out: Python 3.14",
        "     cost 11; download 687 bytes; compiles nothing; by tables",
        f"     envcompose init ./mine --index {index.url}",
        "  2. delta >=1 -> ==0.3: Python 3.14",
        "     cost 15; download 1.8 kB; compiles nothing; by tables",
        "     edit mine/pyproject.toml:4: delta>=1 -> delta==0.3",
        f"     envcompose init ./mine --extra train --index {index.url}",
        "  3. alpha >=1 -> ==0.9: Python 3.14",
        "     cost 15; download 1.7 kB; compiles nothing; by tables",
        "     edit mine/pyproject.toml:6: alpha>=1 -> alpha==0.9",
        f"     envcompose init ./mine --extra train --index {index.url}",
        "(3 solves; nothing nearer composes)",
    ]


def test_no_effort_looks_for_nothing(conflicting: Program, index: FakeIndex):
    outcome = conflicting.run("init", "-r", "requirements.txt", "--effort", "0", "--index", index.url)
    assert outcome.status == 1
    assert "conflict" not in outcome.err
    assert "repairs" not in outcome.err
    # Without a search the solver's own words are all that there is.
    assert "delta<1" in outcome.err
    told = conflicting.run("init", "-r", "requirements.txt", "--effort", "0", "--json", "--index", index.url)
    assert told.document["repairs"] == []


def test_where_the_bound_is_met_the_answer_says_that_it_is_incomplete(conflicting: Program, index: FakeIndex):
    outcome = conflicting.run("init", "-r", "requirements.txt", "--effort", "1", "--index", index.url)
    assert outcome.err.splitlines()[-4:] == [
        "no repair was found",
        "incomplete: not everything near was tried (1 solve)",
        "  the same command with --effort 2 looks further",
        "  hint: loosen what is named above, or leave options such as --python to their rules",
    ]
    told = conflicting.run("init", "-r", "requirements.txt", "--effort", "1", "--json", "--index", index.url)
    assert "repairs-incomplete" in [message["code"] for message in told.document["messages"]]


def test_the_solver_speaks_only_where_more_is_asked_for(conflicting: Program, index: FakeIndex):
    arguments = ("init", "-r", "requirements.txt", "--index", index.url)
    assert "╰─▶" not in conflicting.run(*arguments).err
    assert "╰─▶" in conflicting.run(*arguments, "-v").err


@pytest.mark.parametrize("value", ["-1", "many", "1.5", "100000"])
def test_an_effort_is_a_number_of_solves(program: Program, value: str):
    status, lines = program.fails("init", "alpha", "--effort", value)
    assert status == 2
    assert "--effort" in lines[0]


def test_the_help_says_how_much_is_solved(program: Program):
    text = " ".join(program.run("init", "--help").out.split())
    found = re.search(r"--effort N .*?default: (\d+); 0 looks for none", text)
    assert found is not None
    assert int(found[1]) == DEFAULT_EFFORT


def test_two_runs_give_the_same_answer(conflicting: Program, index: FakeIndex):
    arguments = ("init", "-r", "requirements.txt", "--json", "--index", index.url)
    assert conflicting.run(*arguments).out == conflicting.run(*arguments).out


def test_secrets_of_an_address_reach_no_command(conflicting: Program, index: FakeIndex):
    address = index.url.replace("http://", "http://me:secret-token@")
    outcome = conflicting.run("init", "-r", "requirements.txt", "--index", address)
    assert outcome.status == 1
    assert "secret-token" not in outcome.err
    assert commands_of(outcome.err)


def test_the_library_gives_repairs_without_an_error_at_hand(
    conflicting: Program, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ENVCOMPOSE_CACHE_DIR", str(conflicting.cache))
    inputs = Inputs(requirement_files=("requirements.txt",), base=conflicting.folder)
    found = repairs_of(inputs, Wishes(index=index.url))
    assert [repair.id for repair in found.repairs] == ["delta=0.3", "alpha=none"]
    (conflicting.folder / "requirements.txt").write_text("alpha\n")
    nothing = repairs_of(inputs, Wishes(index=index.url))
    assert (nothing.repairs, nothing.complete, nothing.solves) == ((), True, 0)
