"""What `envcompose lock` says where it cannot lock: lines, hints that can be followed, and nothing written."""

from __future__ import annotations

import pytest
from fake_index import FakeIndex
from lock_document import document
from program import Program

from tests.world.lock_parts import Workspace


def test_a_manifest_that_cannot_be_fulfilled_ends_with_1_and_nothing_is_written(
    program: Program, workspace: Workspace, index: FakeIndex
) -> None:
    index.wheel("gamma", "1.0", "packaging<1")
    workspace.write(conda='python = "3.12.*"\npackaging = "25.*"', pypi='gamma = "*"')
    before = program.tree()
    outcome = program.run("lock")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[0].startswith("error: The environment default on linux-64 cannot be locked")
    assert f"  pixi.toml, line {workspace.line_of('gamma = ')}, asks for gamma" in outcome.err.splitlines()
    told = document(program.run("lock", "--json"))
    assert told["verdict"] == "infeasible"
    assert told["messages"][0]["line"] == workspace.line_of("gamma = ")
    assert program.tree() == before


def test_a_solvers_own_words_come_with_v_alone(program: Program, workspace: Workspace, index: FakeIndex) -> None:
    index.wheel("gamma", "1.0", "packaging<1")
    workspace.write(conda='python = "3.12.*"\npackaging = "25.*"', pypi='gamma = "*"')
    assert "No solution found" not in program.run("lock").err
    lines = program.run("lock", "-v").err.splitlines()
    # What is asked only to find the lines that clash comes after what says so.
    assert any("No solution found" in line for line in lines[: lines.index("looking for the lines that clash")])


def test_input_that_cannot_be_used_ends_with_2(program: Program) -> None:
    for arguments in (("lock",), ("lock", "nowhere.toml"), ("lock", "--check", "nowhere")):
        outcome = program.run(*arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("error: There is no pixi manifest at ")
    (program.folder / "pixi.toml").write_text("[workspace]\nchannels = 3\n")
    outcome = program.run("lock", "--json")
    assert (outcome.status, document(outcome)["verdict"]) == (2, "error")


def test_a_lock_that_is_a_link_is_written_where_it_leads(program: Program, workspace: Workspace) -> None:
    lock, far = program.folder / "pixi.lock", program.folder / "far.lock"
    lock.symlink_to("far.lock")
    before = program.tree()
    for arguments in (("lock",), ("lock", "--check"), ("lock", "--dry-run")):
        outcome = program.run(*arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("error: pixi.lock is a link to far.lock, where there is no file\n")
    assert program.tree() == before
    far.write_text("version: 6\n")
    assert program.run("lock", PATH="/usr/bin:/bin").status == 0
    assert lock.is_symlink()
    assert far.read_text().startswith("version: 7\n")
    assert program.run("lock", "--check", PATH="/usr/bin:/bin").status == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lock", "--ofline"], ["--ofline in lock", "did you mean --offline?", "envcompose lock --help"]),
        (["lock", "--dry_run=yes"], ["--dry_run in lock", "did you mean --dry-run?", "envcompose lock --help"]),
        # An option of another command is told as one, and is no other spelling of an option of this one.
        (
            ["lock", "--channel", "conda-forge", "folder"],
            ["--channel in lock", "--channel is an option of init, explain", "envcompose lock --help"],
        ),
        (["lock", "--force"], ["--force in lock", "--force is an option of init", "envcompose lock --help"]),
        (["lock", "--manifest-path", "x"], ["--manifest-path in lock", "envcompose lock --help"]),
        (["lock", "a", "b"], ["b in lock", "envcompose lock --help"]),
        (["verify", "--forse"], ["--forse in verify", "envcompose verify --help"]),
    ],
)
def test_a_wrong_option_is_answered_by_options_that_the_command_has(
    program: Program, arguments: list[str], expected: list[str]
) -> None:
    outcome = program.run(*arguments)
    head, *hints = expected
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.splitlines() == [f"error: There is no use for {head}", *(f"  hint: {hint}" for hint in hints)]


def test_a_folder_where_the_lock_belongs_is_told_as_one(program: Program, workspace: Workspace) -> None:
    (program.folder / "pixi.lock").mkdir()
    for arguments in (("lock",), ("lock", "--check")):
        outcome = program.run(*arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("error: pixi.lock is a folder\n")


def test_hints_are_whole_commands_from_where_the_command_was_given(program: Program, workspace: Workspace) -> None:
    below = program.folder / "a folder"
    below.mkdir()
    (program.folder / "pixi.toml").rename(below / "pixi.toml")
    command = "envcompose lock 'a folder'"
    (below / "pixi.lock").write_text("version: 6\n")
    assert program.run("lock", "--check", "a folder", PATH="/usr/bin:/bin").out.splitlines()[-1] == f"  hint: {command}"
    (below / "pixi.lock").unlink()
    assert program.run("lock", "--check", "a folder").err.splitlines()[-1] == f"  hint: {command}"
    named = program.run("lock", "--check", "a folder/pixi.toml").err.splitlines()
    assert named[0] == "error: There is no pixi.lock beside the manifest in a folder"
    assert named[1] == "  hint: envcompose lock 'a folder/pixi.toml'"
    (below / "pixi.lock").write_text("<<<<<<< mine\n")
    outcome = program.run("lock", "a folder")
    assert outcome.err.splitlines()[-1] == f"  hint: or {command} --fresh, which forgets its versions"
    outcome = program.run("lock", "a folder/pixi.lock")
    assert (outcome.status, outcome.err.splitlines()) == (
        2,
        ["error: a folder/pixi.lock is a lock, not a manifest", f"  hint: name its manifest: {command}"],
    )


def test_what_the_manifest_names_and_cannot_be_had_is_told_with_its_line(
    program: Program, workspace: Workspace, index: FakeIndex
) -> None:
    def failed(*arguments: str) -> tuple[int, list[str]]:
        outcome = program.run("lock", *arguments)
        told = document(program.run("lock", *arguments, "--json"))["messages"][0]
        lines = outcome.err.splitlines()
        assert told["line"] is not None and f"pixi.toml, line {told['line']}" in outcome.err
        return outcome.status, lines

    line = workspace.line_of("channels = ")
    workspace.write(conda='python = "3.12.*"', pypi='own = { path = "../nowhere" }')
    assert failed() == (
        2,
        [
            "error: There is no folder and no file ../nowhere",
            f"  pixi.toml, line {workspace.line_of('own = ')}, asks for own @ ../nowhere",
            "  hint: check the path",
        ],
    )
    workspace.write(options='find-links = [{ path = "./wheels" }]', pypi='alpha = "*"')
    assert failed() == (
        2,
        [
            "error: There is no folder ./wheels, which find-links names",
            f"  pixi.toml, line {workspace.line_of('find-links')}, names it",
            "  hint: check the path: it is seen from the manifest",
        ],
    )
    path = workspace.write(pypi='alpha = "*"')
    good = path.read_text()
    path.write_text(good.replace(index.url, "http://127.0.0.1:9/simple"))
    status, lines = failed()
    assert (status, lines[-2]) == (3, f"  pixi.toml, line {workspace.line_of('index-url')}, names it")
    path.write_text(good.replace(f'channels = ["{workspace.channel}"]', 'channels = ["http://127.0.0.1:9/own"]'))
    status, lines = failed()
    assert (status, lines[1:]) == (
        3,
        [
            f"  pixi.toml, line {line}, names it",
            "  hint: check the network, or change the channels of pixi.toml",
        ],
    )
    assert failed("--offline")[1][1:] == [
        f"  pixi.toml, line {line}, names it",
        "  hint: run the same command once without --offline",
    ]
    for arguments in (("--offline",), ()):
        told = program.run("lock", *arguments).err
        # What only other commands have is no advice here.
        assert "--channel" not in told and "--index" not in told and " -o" not in told


def test_where_find_links_stand_alone_a_name_that_they_lack_is_no_fault_of_its_spelling(
    program: Program, workspace: Workspace, index: FakeIndex
) -> None:
    links = program.folder / "links"
    links.mkdir()
    for name in (index.wheel("linked", "1.0"), index.wheel("needing", "1.0", "alpha>=1")):
        (links / name).write_bytes(index.projects[name.partition("-")[0]][name])

    def failed(pypi: str) -> list[str]:
        path = workspace.write(pypi=pypi, options='find-links = [{ path = "./links" }]')
        path.write_text(path.read_text().replace(f'index-url = "{index.url}"\n', ""))
        index.asked.clear()
        outcome = program.run("lock")
        assert outcome.status == 1 and not index.asked
        told = document(program.run("lock", "--json"))["messages"][0]
        assert told["line"] == workspace.line_of(pypi)
        return outcome.err.splitlines()[1:]

    alone = ["  find-links stands alone, so no index is asked"]
    hint = "  hint: add index-url beside find-links, and that index is asked too"
    assert failed('alpha = "*"') == [
        f"  find-links has no file of alpha (pixi.toml, line {workspace.line_of('alpha = ')})",
        *alone,
        f"  pixi.toml, line {workspace.line_of('find-links')}, has the find-links",
        hint,
    ]
    assert failed('needing = "*"') == [
        f"  pixi.toml, line {workspace.line_of('needing = ')}, asks for needing",
        "  needing 1.0 requires alpha>=1",
        "  find-links has no file of alpha",
        *alone,
        f"  pixi.toml, line {workspace.line_of('find-links')}, has the find-links",
        "  hint: loosen one of the lines that are named",
        hint,
    ]
    found = failed('linked = ">=2"')
    assert alone[0] in found and found[-1] == hint
    # An index beside them is asked, and then it is the one that lacks a name.
    workspace.write(pypi='betta = "*"', options='find-links = [{ path = "./links" }]')
    assert "  the index has no project betta" in program.run("lock").err
