"""Bad input: one clear error with a hint, its exit status, no traceback, nothing written (see `Program.fails`)."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import zlib

import pytest
from fake_index import FakeIndex, Reply
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


# The index


def test_an_index_that_nobody_serves_is_unreachable(program: Program, index: FakeIndex):
    url = index.url
    index.__exit__()
    status, lines = program.fails("init", "alpha", "--index", url)
    assert status == 3
    assert lines[0] == f"error: The package index {url} cannot be reached: no connection"


@pytest.mark.parametrize("code", [500, 503])
def test_an_index_that_is_down_is_unreachable(program: Program, index: FakeIndex, code: int):
    index.answer = lambda path: Reply(status=code)
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 3
    assert lines[0] == f"error: The package index {index.url} cannot be reached: HTTP status {code}"


@pytest.mark.parametrize("code", [401, 403])
def test_an_index_that_refuses_us_is_an_answer_that_cannot_be_used(program: Program, index: FakeIndex, code: int):
    index.answer = lambda path: Reply(status=code)
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 3
    assert f"HTTP status {code}" in lines[0]


def test_an_index_that_knows_nothing_is_asked_and_believed(program: Program, index: FakeIndex):
    index.answer = lambda path: Reply(status=404)
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 2
    assert lines[0] == "error: The package index knows no project alpha (command line)"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"{not json", kind="application/vnd.pypi.simple.v1+json"),
        Reply(body=b"[]", kind="application/vnd.pypi.simple.v1+json"),
        Reply(body=b"\x00\xff", kind="application/octet-stream"),
        Reply(body=b'<meta name="pypi:repository-version" content="9.0">', kind="text/html"),
    ],
)
def test_an_index_that_answers_garbage_is_broken(program: Program, index: FakeIndex, reply: Reply):
    index.answer = lambda path: reply
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 3
    assert lines[0].startswith(f"error: The package index {index.url} gave an answer that cannot be used: ")


def test_a_login_page_in_place_of_an_index_has_no_files(program: Program, index: FakeIndex):
    index.answer = lambda path: Reply(body=b"<html><body><form>Sign in</form></body></html>")
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status in (1, 2, 3)
    assert "alpha" in "\n".join(lines)


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 no archive", b"x" * 70000])
def test_a_wheel_that_is_none_is_broken(program: Program, index: FakeIndex, body: bytes):
    index.answer = lambda path: Reply(body=body, kind="application/zip") if "alpha-1.0" in path else None
    status, lines = program.fails("init", "alpha==1.0", "--index", index.url)
    assert status == 3
    assert lines[0].startswith("error: alpha-1.0-py3-none-any.whl is not what its index promised: ")


def test_an_sdist_with_another_hash_is_broken(program: Program, index: FakeIndex):
    other = index.projects["beta"]["beta-2.1.tar.gz"][:-4] + b"abcd"
    index.answer = lambda path: Reply(body=other) if path.startswith("/files/beta") else None
    status, lines = program.fails("init", "alpha", "--index", index.url)
    assert status == 3
    assert lines[0] == "error: beta-2.1.tar.gz is not what its index promised: its sha256 is another one"


def test_a_listed_file_that_is_not_there_breaks_the_index(program: Program, index: FakeIndex):
    index.answer = lambda path: Reply(status=404) if path.startswith("/files/alpha-1.0") else None
    status, lines = program.fails("init", "alpha==1.0", "--index", index.url)
    assert status == 3
    assert "alpha-1.0-py3-none-any.whl" in "\n".join(lines)


def test_offline_without_a_cache_names_what_is_missing(program: Program, index: FakeIndex):
    status, lines = program.fails("init", "alpha", "--index", index.url, "--offline")
    assert status == 3
    assert lines == [
        "error: The project page of alpha is not in the cache, and --offline forbids asking for it",
        "  hint: run the same command once without --offline",
    ]
    assert index.asked == []


def test_a_day_that_the_index_cannot_answer_for_is_an_error(program: Program, index: FakeIndex):
    status, lines = program.fails("init", "alpha", "--index", index.url, "--as-of", "2026-01-31")
    assert status == 3
    assert lines[0].startswith("error: --as-of cannot be honoured")


def test_proof_that_is_asked_for_and_missing_is_an_error(program: Program, index: FakeIndex):
    status, lines = program.fails("init", "alpha", "--index", index.url, "--require-proof")
    assert status == 3
    assert "the conda layer" in "\n".join(lines)


@pytest.mark.parametrize(
    "url",
    ["pypi.example/simple", "ftp://pypi.example/x", "file:///srv", " ", "http://[::/x", "http:///x", "http://a:b/x"],
)
def test_an_index_that_is_no_http_address_is_refused(program: Program, url: str):
    status, _ = program.fails("init", "alpha", "--dry-run", "--index", url)
    assert status == 2


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


# The output


def test_foreign_text_cannot_steer_a_terminal(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_bytes("alpha\x1b[31m\u202e==1\n".encode())
    outcome = program.run("init", "-r", "requirements.txt", "--index", index.url)
    assert outcome.status == 2
    assert "\x1b" not in outcome.err
    assert "\u202e" not in outcome.err
    outcome = program.run("init", "alpha\nerror: all is lost")
    assert outcome.err.splitlines()[0].startswith("error: ")
    assert not any(line.startswith("error: all") for line in outcome.err.splitlines())


def test_foreign_text_cannot_break_out_of_the_files(program: Program, index: FakeIndex):
    index.wheel("theta", "1.0", summary="\x1b[2J <script>", extras=("a\x1b[1m",), files={"theta/\x1b[1m.py": ""})
    assert program.run("init", "theta", "--index", index.url).status == 0
    for content in program.tree().values():
        assert content is None or b"\x1b" not in content


def test_secrets_of_an_index_are_never_printed(program: Program, index: FakeIndex):
    url = f"http://user:pa55word@{index.host}/simple"
    (program.folder / "requirements.txt").write_text(f"--index-url {url}\nalpha==7\n")
    runs = [
        program.run("init", "alpha", "--index", url, "-v"),
        program.run("init", "alpha", "--index", url, "--json", "--force"),
        program.run("init", "-r", "requirements.txt", "-o", "other"),
        program.run("init", "-r", "requirements.txt", "-o", "other", "--json"),
    ]
    assert any(header and header.startswith("Basic ") for header in index.authorizations)
    index.answer = lambda path: Reply(status=403)
    runs += [program.run("init", "alpha", "--index", url, "--refresh", "--force", *more) for more in ([], ["--json"])]
    assert [run.status for run in runs] == [0, 0, 1, 1, 3, 3]
    told = "".join(run.out + run.err for run in runs)
    assert "pa55word" not in told
    assert index.host in told


def test_secrets_of_an_index_reach_no_file(program: Program, index: FakeIndex):
    url = f"http://user:pa55word@{index.host}/simple"
    (program.folder / "requirements.txt").write_text(f"--index-url {url}\nalpha\n")
    assert program.run("init", "alpha", "--index", url, "-o", "one").status == 0
    assert program.run("init", "-r", "requirements.txt", "-o", "two").status == 0
    written = [content or b"" for path, content in program.tree().items() if path != "requirements.txt"]
    assert b"pa55word" not in b"".join(written)
    with contextlib.closing(sqlite3.connect(next(program.cache.glob("*.db")))) as cache:
        rows = cache.execute("select kind, key, text from entry").fetchall()
    assert rows
    assert not any("pa55word" in key or b"pa55word" in zlib.decompress(text) for _, key, text in rows)


def test_secrets_of_conda_channels_are_shown_nowhere(program: Program, index: FakeIndex):
    (program.folder / "environment.yml").write_text(
        "channels: [conda-forge, 'https://conda.example/t/pa55word/one', 'https://user:pa55word@conda.example/two']\n"
        "dependencies:\n- python=3.12\n- https://user:pa55word@conda.example/three::zlib\n- pip: [alpha]\n"
    )
    runs = [
        program.run("init", "-f", "environment.yml", "--index", index.url, "-o", "out", *more)
        for more in ([], ["--dry-run", "--json"])
    ]
    assert [run.status for run in runs] == [0, 0]
    manifest = (program.folder / "out" / "pixi.toml").read_text()
    for channel in ("https://conda.example/one", "https://conda.example/two", "https://conda.example/three"):
        assert f'"{channel}"' in manifest
    written = [content or b"" for path, content in program.tree().items() if path != "environment.yml"]
    assert b"pa55word" not in b"".join(written)
    assert "pa55word" not in "".join(run.out + run.err for run in runs)


def test_an_argument_that_is_no_text_is_one_clear_error(program: Program):
    for arguments in (["alpha", "--name", "x\udcff"], ["-r", "x\udcff"], ["x\udcff"]):
        status, lines = program.fails("init", *arguments)
        assert (status, lines) == (2, ["error: An argument is no UTF-8 text: x\\udcff", "  hint: envcompose --help"])


def test_no_run_without_a_terminal_prints_escape_codes(program: Program, index: FakeIndex):
    outcome = program.run("init", "alpha", "--index", index.url, "-v")
    assert "\x1b" not in outcome.out + outcome.err


def run_apart(program: Program, *arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "envcompose", *arguments]
    variables = options.pop("variables", {})
    return subprocess.run(
        command, cwd=program.folder, env=program.environment(**variables), capture_output=True, check=False, **options
    )


def test_a_reader_that_goes_away_is_no_failure(program: Program, index: FakeIndex):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "envcompose", "init", "alpha", "--index", index.url]
    done = subprocess.run(
        command, cwd=program.folder, env=program.environment(), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (program.folder / "pixi.toml").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_output_that_cannot_be_written_is_an_error(program: Program):
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "envcompose", "recipes", "list"]
        done = subprocess.run(command, env=program.environment(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: the output cannot be written: ")


def test_a_stream_that_knows_few_characters_is_no_reason_to_fail(program: Program, index: FakeIndex):
    (program.folder / "requirements.txt").write_text("alpha\ngamma ; sys_platform == '\u00fc\u2026'\n")
    arguments = ["init", "-r", "requirements.txt", "--index", index.url, "--dry-run"]
    variables = {"PYTHONIOENCODING": "ascii"}
    done = run_apart(program, *arguments, variables=variables)
    assert (done.returncode, done.stderr) == (0, b"")
    done = run_apart(program, *arguments, "--json", variables=variables)
    assert json.loads(done.stdout)["verdict"] == "feasible"
