"""Bad input: one clear error with a hint, its exit status, no traceback, nothing written (see `Program.fails`)."""

from __future__ import annotations

import os

import pytest
from fake_index import FakeIndex
from program import Program


def test_nothing_to_compose_shows_an_example(program: Program):
    status, lines = program.fails("init")
    assert status == 2
    assert lines == [
        "error: There is nothing to compose",
        "  hint: name a stack, for example: envcompose init axolotl --cuda 12.4",
        "  hint: list the stacks: envcompose recipes list",
    ]


def test_a_slip_in_the_name_of_a_stack_is_no_package_of_that_name(program: Program, index: FakeIndex):
    status, lines = program.fails("init", "axoltl", "--index", index.url)
    assert status == 2
    assert lines == [
        "error: axoltl is no stack, and almost the name of one",
        "  hint: did you mean axolotl?",
        "  hint: write pypi:axoltl if you mean the PyPI project of this name",
    ]
    assert index.asked == []


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--cuda", "12.44", "--cuda 12.9"),
        ("--cuda", "cu124", "--cuda 12.4"),
        ("--cuda", "124", "--cuda 12.4"),
        ("--gpu", "h10o", "--gpu h100"),
        ("--gpu", "h100,rtx409", "--gpu rtx4090"),
        ("--python", "3.12.4", "--python 3.12"),
        ("--glibc", "3", "--glibc 2.28"),
        ("--artifact", "flash-attn=prebuild", "--artifact flash-attn=prebuilt"),
        ("--as-of", "31.1.2026", "--as-of 2026-01-31"),
        ("--build-memory", "lots", "--build-memory 64"),
        ("--requires-pixi", "newest", "--requires-pixi 0.72.2"),
        ("--driver", "abc", "--driver"),
    ],
)
def test_an_unknown_value_gets_a_suggestion(program: Program, option: str, value: str, hint: str):
    status, lines = program.fails("init", "alpha", option, value)
    assert status == 2
    assert lines[0].startswith(f"error: {option} {value.rpartition(',')[2]} cannot be used: ")
    assert lines[-1].startswith(f"  hint: did you mean {hint}")


def test_another_platform_is_refused_by_name(program: Program):
    status, lines = program.fails("init", "alpha", "--platform", "win-64")
    assert status == 2
    assert lines[0] == "error: --platform win-64 cannot be used: only linux-64 can be composed for now"


@pytest.mark.parametrize(
    ("arguments", "hints"),
    [
        (["--cudaa", "12.4"], ["did you mean --cuda?", "envcompose init --help"]),
        (["--cuda"], ["envcompose init --help"]),
        (["--prefer", "oldest"], ["envcompose init --help"]),
        (["--cud", "12.4"], ["did you mean --cuda?", "envcompose init --help"]),
    ],
)
def test_a_wrong_option_is_an_error_like_all_others(program: Program, arguments: list[str], hints: list[str]):
    status, lines = program.fails("init", "alpha", "--dry-run", *arguments)
    assert status == 2
    assert lines[1:] == [f"  hint: {hint}" for hint in hints]


def test_a_requirement_that_does_not_parse_shows_file_line_and_place(program: Program):
    (program.folder / "requirements.txt").write_text("alpha\n\ndelta >> 1\n")
    status, lines = program.fails("init", "-r", "requirements.txt")
    assert status == 2
    assert lines[0].startswith("error: A requirement in requirements.txt, line 3 does not parse: ")
    assert lines[1] == "    delta >> 1"
    assert lines[2].index("^") == lines[1].index(">")
    document = program.run("init", "-r", "requirements.txt", "--json").document
    assert (document["messages"][0]["file"], document["messages"][0]["line"]) == ("requirements.txt", 3)


def test_conflicting_pins_name_both_lines(program: Program, index: FakeIndex):
    (program.folder / "a.txt").write_text("alpha==1.0\n-r b.txt\n")
    (program.folder / "b.txt").write_text("# more\nalpha==0.9\n")
    status, lines = program.fails("init", "-r", "a.txt", "--index", index.url)
    assert status == 2
    assert lines[0] == "error: Two requirements of alpha exclude each other"
    assert [line.strip() for line in lines[1:3]] == ["a.txt:1: alpha==1.0", "b.txt:2: alpha==0.9"]
    assert index.asked == []


def test_a_missing_file_is_named_with_a_near_one(program: Program):
    (program.folder / "requirements.txt").write_text("")
    status, lines = program.fails("init", "-r", "requirement.txt")
    assert status == 2
    assert lines[0] == "error: There is no file requirement.txt"
    status, lines = program.fails("init", "./requirement.txt")
    assert status == 2
    assert lines[-1] == "  hint: did you mean requirements.txt?"


def test_a_missing_included_file_names_the_line_that_wants_it(program: Program):
    (program.folder / "requirements.txt").write_text("alpha\n-r base.txt\n")
    status, lines = program.fails("init", "-r", "requirements.txt")
    assert status == 2
    assert lines[0] == "error: There is no file base.txt, named by requirements.txt:2"


@pytest.mark.parametrize("data", [b"alph\xe4\n\xff\xfe\x00", b"\x80\x81\x82", b"\x00\x01\x02\x03"])
def test_bytes_that_are_no_text_are_told(program: Program, data: bytes):
    (program.folder / "requirements.txt").write_bytes(data)
    status, lines = program.fails("init", "-r", "requirements.txt")
    assert status == 2
    assert lines[0].startswith("error: ")
    assert "requirements.txt" in lines[0]


def test_a_folder_in_place_of_a_file_is_told(program: Program):
    (program.folder / "requirements.txt").mkdir()
    status, lines = program.fails("init", "-r", "requirements.txt")
    assert status == 2
    assert lines[0].startswith("error: requirements.txt cannot be read: ")


def test_includes_that_come_back_are_shown_as_a_chain(program: Program):
    (program.folder / "a.txt").write_text("-r b.txt\n")
    (program.folder / "b.txt").write_text("-r a.txt\n")
    status, lines = program.fails("init", "-r", "a.txt")
    assert status == 2
    assert lines[1] == "  a.txt -> b.txt -> a.txt"


def test_a_broken_environment_file_is_told_with_its_line(program: Program):
    (program.folder / "environment.yml").write_text("name: x\ndependencies:\n  - [a\n")
    status, lines = program.fails("init", "-f", "environment.yml")
    assert status == 2
    assert "environment.yml, line" in lines[0]


def test_a_name_that_the_index_does_not_know_is_named_with_its_origin(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_text("alpha\nalpah-tools\n")
    status, lines = program.fails("init", "-r", "requirements.txt", "--index", index.url)
    assert status == 2
    assert lines[0] == "error: The package index knows no project alpah-tools (requirements.txt:2)"


def test_a_name_that_only_a_dependency_wants_is_an_infeasible_wish(program: Program, index: FakeIndex):
    index.wheel("zeta", "1.0", "nowhere-to-be-found")
    status, lines = program.fails("init", "zeta", "--index", index.url)
    assert status == 1
    assert any("nowhere-to-be-found" in line for line in lines)


def test_a_version_that_does_not_exist_is_an_infeasible_wish(program: Program, index: FakeIndex):
    status, lines = program.fails("init", "alpha==7", "--index", index.url)
    assert status == 1
    assert lines[0].startswith("error: No combination of versions fulfils alpha==7 for ")
    assert not any("/tmp" in line for line in lines)


def test_the_document_of_a_failure_tells_what_was_read_before(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_text("alpha==7\n-c limits.txt\n")
    (program.folder / "limits.txt").write_text("delta<9\n")
    document = program.run("init", "-r", "requirements.txt", "--json", "--index", index.url).document
    assert document["verdict"] == "infeasible"
    assert [(f["text"], f["origin"]["file"]) for f in document["requirements"]] == [
        ("delta<9", "limits.txt"),
        ("alpha==7", "requirements.txt"),
        ("-c limits.txt", "requirements.txt"),
    ]


# The folder


def test_a_manifest_of_somebody_else_is_in_the_way(program: Program, index: FakeIndex):
    (program.folder / "pixi.toml").write_text('[workspace]\nname = "mine"\n')
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 4
    assert lines == [
        "error: pixi.toml is in the way: envcompose did not write it",
        "  hint: choose another folder with -o",
        "  hint: --force replaces it and keeps the old file beside the new one",
    ]
    assert index.asked == []


def test_a_manifest_whose_blocks_were_edited_is_in_the_way(program: Program, index: FakeIndex):
    program.run("init", "alpha", "--index", index.url)
    path = program.folder / "pixi.toml"
    path.write_text(path.read_text().replace('alpha = "==1.0"', 'alpha = "==0.9"'))
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 4
    assert lines[:2] == [
        "error: pixi.toml is in the way: its blocks were edited since envcompose wrote them",
        "  hint: your own lines may stand outside of the blocks: take back what was changed inside of them",
    ]


def test_our_own_untouched_manifest_is_replaced(program: Program, index: FakeIndex):
    program.run("init", "alpha<1", "--index", index.url)
    assert program.run("init", "alpha", "--index", index.url).status == 0
    assert 'alpha = "==1.0"' in (program.folder / "pixi.toml").read_text()
    assert not list(program.folder.glob("pixi.toml.*"))


def test_force_keeps_the_old_manifest_beside_the_new_and_says_so(program: Program, index: FakeIndex):
    (program.folder / "pixi.toml").write_bytes(b"# m\xe4ine\r\n")
    outcome = program.run("init", "alpha", "--index", index.url, "--force")
    assert outcome.status == 0
    assert "the old pixi.toml is kept as pixi.toml.old" in outcome.out
    assert (program.folder / "pixi.toml.old").read_bytes() == b"# m\xe4ine\r\n"
    (program.folder / "pixi.toml").write_text("# mine again\n")
    document = program.run("init", "alpha", "--index", index.url, "--force", "--json").document
    assert [m["text"] for m in document["messages"] if m["code"] == "kept-aside"] == [
        "the old pixi.toml is kept as pixi.toml.old2"
    ]


def test_a_folder_that_is_a_file_cannot_be_written(program: Program, index: FakeIndex):
    (program.folder / "envs").write_text("a file\n")
    for output in ("envs", "envs/train"):
        status, lines = program.fails("init", "alpha", "--index", index.url, "-o", output)
        assert status == 2
        assert "cannot be written" in lines[0]
        assert "choose another folder with -o" in lines[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_cannot_be_written(program: Program, index: FakeIndex):
    (program.folder / "locked").mkdir(mode=0o500)
    status, lines = program.fails("init", "alpha", "--index", index.url, "-o", "locked")
    assert (status, lines[0]) == (2, "error: locked cannot be written: Permission denied")


def test_ignore_files_of_the_user_keep_their_bytes(program: Program, index: FakeIndex):
    (program.folder / ".gitignore").write_bytes(b"# \xe4\r\n*.log\r\n.pixi/")
    (program.folder / ".gitattributes").write_bytes(b"*.bin binary")
    program.run("init", "alpha", "--index", index.url)
    assert (program.folder / ".gitignore").read_bytes() == b"# \xe4\r\n*.log\r\n.pixi/"
    assert (program.folder / ".gitattributes").read_bytes().startswith(b"*.bin binary\n")
