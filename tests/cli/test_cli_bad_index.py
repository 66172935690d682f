"""Indexes that fail: what is told, and with which status."""

from __future__ import annotations

import pytest
from fake_index import FakeIndex, Reply
from program import Program


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
