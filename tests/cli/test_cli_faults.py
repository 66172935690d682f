"""`envcompose init` with a lock against an index that misbehaves: the same bytes as without the fault, or one clear error.

What is wrong never lands in a solution: a passing fault is tried again, one that stays ends with exit status 3, and no
file is written or changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fake_index import FakeIndex, Reply, metadata, zip_of
from locked import compose, program_at

ALPHA_PAGE, DELTA_PAGE = "/simple/alpha/", "/simple/delta/"
ALPHA_WHEEL, DELTA_WHEEL = "/files/alpha-1.0-py3-none-any.whl", "/files/delta-0.3-py3-none-any.whl"
BETA_SDIST = "/files/beta-2.1.tar.gz"
EVER = 1_000_000

Fault = Callable[[Reply], Reply]
"""What a right answer becomes."""


def inject(index: FakeIndex, path: str, fault: Fault, times: int) -> None:
    """Let the first answers to a path be what the fault makes of them."""
    left = [times]

    def answer(asked: str) -> Reply | None:
        if asked != path or left[0] == 0:
            return None
        left[0] -= 1
        return fault(index.truth(path))

    index.answer = answer


def status(number: int) -> Fault:
    return lambda right: Reply(status=number, body=b"<html>later, perhaps</html>")


def cut(right: Reply) -> Reply:
    return replace(right, cut=len(right.body) // 2)


def slow(right: Reply) -> Reply:
    return replace(right, pause=0.4)


def json_that_is_html(right: Reply) -> Reply:
    return Reply(body=b"<html>Please sign in</html>", kind="application/vnd.pypi.simple.v1+json")


def hotel(right: Reply) -> Reply:
    return Reply(body=b"<html><title>Sign in to the hotel's network</title></html>")


def half_a_page(right: Reply) -> Reply:
    """A page whose second half was lost, though its length says that nothing was."""
    return replace(right, body=right.body[: len(right.body) // 2])


def other_bytes(right: Reply) -> Reply:
    return replace(right, body=right.body[:-1] + b"!")


def moved(index: FakeIndex, path: str) -> Fault:
    """The answer stands somewhere else."""
    other = f"/moved{path}"

    def elsewhere(right: Reply) -> Reply:
        before = index.answer
        index.answer = lambda asked: right if asked == other else before(asked)
        return Reply(status=302, headers={"Location": other})

    return elsewhere


@pytest.fixture
def right(tmp_path: Path, index: FakeIndex, small_channel: str) -> dict[str, bytes | None]:
    """What is written where nothing is wrong, a lock among it."""
    program = program_at(tmp_path / "right")
    outcome = compose(program, index, small_channel)
    assert (outcome.status, outcome.err) == (0, "")
    tree = program.tree()
    assert b"/files/beta-2.1.tar.gz" in (tree["pixi.lock"] or b"")
    return tree


PASSING: dict[str, tuple[str, Fault, int]] = {
    "the first page fails once": (ALPHA_PAGE, status(500), 1),
    "the first page fails twice": (ALPHA_PAGE, status(503), 2),
    "a later page fails once": (DELTA_PAGE, status(502), 1),
    "a wheel fails once": (ALPHA_WHEEL, status(500), 1),
    "an sdist fails twice": (BETA_SDIST, status(429), 2),
    "a page breaks off once": (DELTA_PAGE, cut, 1),
    "a wheel breaks off once": (DELTA_WHEEL, cut, 1),
    "an sdist breaks off twice": (BETA_SDIST, cut, 2),
    "an sdist comes with other bytes once": (BETA_SDIST, other_bytes, 1),
    "a page is half of itself once": (DELTA_PAGE, half_a_page, 1),
    "a page is slow": (ALPHA_PAGE, slow, EVER),
    "a wheel is slow": (DELTA_WHEEL, slow, EVER),
}


@pytest.mark.parametrize("word", PASSING)
def test_a_fault_that_passes_changes_no_byte(
    word: str, tmp_path: Path, index: FakeIndex, small_channel: str, right: dict[str, bytes | None]
) -> None:
    path, fault, times = PASSING[word]
    inject(index, path, fault, times)
    program = program_at(tmp_path / "faulty")
    outcome = compose(program, index, small_channel)
    assert (outcome.status, outcome.err) == (0, "")
    assert program.tree() == right


STAYING: dict[str, tuple[str, Fault, str]] = {
    "the first page always fails": (ALPHA_PAGE, status(500), "index-unreachable"),
    "a later page always fails": (DELTA_PAGE, status(503), "index-unreachable"),
    "a wheel always fails": (ALPHA_WHEEL, status(500), "index-unreachable"),
    "an sdist always fails": (BETA_SDIST, status(500), "index-unreachable"),
    "a page is refused": (DELTA_PAGE, status(403), "index-broken"),
    "a page always breaks off": (DELTA_PAGE, cut, "index-unreachable"),
    "a wheel always breaks off": (DELTA_WHEEL, cut, "index-unreachable"),
    "an sdist always breaks off": (BETA_SDIST, cut, "index-unreachable"),
    "an sdist is another one": (BETA_SDIST, other_bytes, "file-broken"),
    "a wheel is no archive": (ALPHA_WHEEL, hotel, "file-broken"),
    "an sdist is no archive": (BETA_SDIST, hotel, "file-broken"),
    "a page is always half of itself": (DELTA_PAGE, half_a_page, "index-broken"),
    "a page is HTML and says JSON": (DELTA_PAGE, json_that_is_html, "index-broken"),
    "a page goes round in circles": (
        DELTA_PAGE,
        lambda right: Reply(status=302, headers={"Location": DELTA_PAGE}),
        "index-unreachable",
    ),
    "a wheel is gone": (ALPHA_WHEEL, status(404), "file-gone"),
    "an sdist is gone": (BETA_SDIST, status(410), "file-gone"),
}


@pytest.mark.parametrize("word", STAYING)
def test_a_fault_that_stays_is_one_clear_error_and_no_file_is_written(
    word: str, tmp_path: Path, index: FakeIndex, small_channel: str
) -> None:
    path, fault, code = STAYING[word]
    inject(index, path, fault, EVER)
    program = program_at(tmp_path / "faulty")
    outcome = compose(program, index, small_channel, "--json")
    assert (outcome.status, outcome.err) == (3, "")
    assert [message["code"] for message in outcome.document["messages"] if message["level"] == "error"] == [code]
    assert program.tree() == {}


@pytest.mark.parametrize("path", [ALPHA_PAGE, ALPHA_WHEEL, BETA_SDIST])
def test_an_answer_that_moved_is_followed(
    path: str, tmp_path: Path, index: FakeIndex, small_channel: str, right: dict[str, bytes | None]
) -> None:
    inject(index, path, moved(index, path), 1)
    program = program_at(tmp_path / "faulty")
    assert compose(program, index, small_channel).status == 0
    assert program.tree() == right


def test_an_error_leaves_the_files_of_an_earlier_run_as_they_are(
    tmp_path: Path, index: FakeIndex, small_channel: str
) -> None:
    program = program_at(tmp_path / "faulty")
    assert compose(program, index, small_channel).status == 0
    before = program.tree()
    index.wheel("delta", "0.4")
    for path, fault, _ in STAYING.values():
        inject(index, path, fault, EVER)
        if path in (ALPHA_PAGE, DELTA_PAGE):
            assert compose(program, index, small_channel, "--refresh").status == 3
            assert program.tree() == before
    index.answer = lambda path: None
    assert compose(program, index, small_channel, "--refresh").status == 0
    assert b"delta-0.4" in (program.tree()["pixi.lock"] or b"")


def test_a_version_that_is_lost_between_two_runs_is_in_no_later_lock(
    tmp_path: Path, index: FakeIndex, small_channel: str, right: dict[str, bytes | None]
) -> None:
    program = program_at(tmp_path / "lost")
    index.wheel("delta", "0.4")
    assert compose(program, index, small_channel).status == 0
    assert b"delta-0.4" in (program.tree()["pixi.lock"] or b"")
    del index.projects["delta"]["delta-0.4-py3-none-any.whl"]
    # Its page is believed for ten minutes, and says what it said.
    assert compose(program, index, small_channel).status == 0
    assert b"delta-0.4" in (program.tree()["pixi.lock"] or b"")
    assert compose(program, index, small_channel, "--refresh").status == 0
    assert program.tree() == right


def test_a_list_that_is_older_than_the_end_of_a_file_is_an_error_and_refresh_helps(
    tmp_path: Path, index: FakeIndex, small_channel: str, right: dict[str, bytes | None]
) -> None:
    program = program_at(tmp_path / "stale")
    index.wheel("delta", "0.4")
    assert program.run("init", "delta<0.4", "--index", index.url, "--channel", small_channel, "-o", "other").status == 0
    del index.projects["delta"]["delta-0.4-py3-none-any.whl"]
    outcome = compose(program, index, small_channel, "-o", "here")
    assert outcome.status == 3
    assert "lists delta-0.4-py3-none-any.whl and does not have it" in outcome.err
    assert "--refresh" in outcome.err
    assert not (program.folder / "here").exists()
    assert compose(program, index, small_channel, "-o", "here", "--refresh", "--name", "work").status == 0
    assert (program.folder / "here/pixi.lock").read_bytes() == right["pixi.lock"]


def test_a_cache_that_is_torn_is_as_good_as_none(
    tmp_path: Path, index: FakeIndex, small_channel: str, right: dict[str, bytes | None]
) -> None:
    program = program_at(tmp_path / "torn")
    assert compose(program, index, small_channel, "-o", "first").status == 0
    database = program.cache / "cache-1.db"
    whole = database.read_bytes()
    for length in (0, 100, len(whole) // 2):
        database.write_bytes(whole[:length])
        outcome = compose(program, index, small_channel, "-o", f"at-{length}", "--name", "work")
        assert (outcome.status, outcome.err) == (0, "")
        assert (program.folder / f"at-{length}/pixi.lock").read_bytes() == right["pixi.lock"]


def alpha_page(index: FakeIndex, promise: str) -> Reply:
    """The page of alpha with metadata promised beside its wheels (PEP 714)."""
    page = index.truth(ALPHA_PAGE)
    return replace(page, body=page.body.replace(b"<a ", f'<a data-core-metadata="{promise}" '.encode()))


@pytest.mark.parametrize("promise", ["true", f"sha256={hashlib.sha256(b'something').hexdigest()}"])
def test_metadata_that_are_not_those_of_the_wheel_never_make_a_lock(
    promise: str, tmp_path: Path, index: FakeIndex, small_channel: str
) -> None:
    index.wheel("beta", "1.0")
    answers = {
        ALPHA_PAGE: alpha_page(index, promise),
        f"{ALPHA_WHEEL}.metadata": Reply(body=metadata("alpha", "1.0", "beta<2").encode(), kind="text/plain"),
    }
    index.answer = answers.get
    program = program_at(tmp_path / "two-faced")
    outcome = compose(program, index, small_channel, "--json")
    assert outcome.status == 3
    assert [m["code"] for m in outcome.document["messages"] if m["level"] == "error"] == ["file-broken"]
    assert program.tree() == {}


def test_a_wheel_that_changes_between_two_reads_of_it_is_a_broken_file(
    tmp_path: Path, index: FakeIndex, small_channel: str
) -> None:
    def wheel_of(*requires: str) -> bytes:
        # The metadata stand before what fills the first read, which is of the end.
        head = {"alpha-2.0.dist-info/METADATA": metadata("alpha", "2.0", *requires)}
        return zip_of({**head, "alpha/__init__.py": "#" * 100_000})

    filename = index.add("alpha", "alpha-2.0-py3-none-any.whl", wheel_of("beta>=2"))
    reads = iter([wheel_of("beta>=2")])
    other = wheel_of("delta<1")

    def answer(path: str) -> Reply | None:
        return Reply(body=next(reads, other), kind="application/zip") if path == f"/files/{filename}" else None

    index.answer = answer
    program = program_at(tmp_path / "changing")
    outcome = compose(program, index, small_channel)
    assert outcome.status == 3
    assert outcome.err.startswith(f"error: {filename} is not what its index promised")
    assert program.tree() == {}


def test_each_hash_in_the_lock_is_that_of_the_file_at_its_address(
    index: FakeIndex, right: dict[str, bytes | None]
) -> None:
    lines = (right["pixi.lock"] or b"").decode().splitlines()
    start = lines.index("packages:")
    addresses = [line.removeprefix("- ").partition(": ")[2] for line in lines[start:] if line.startswith("- ")]
    hashes = [line.partition(": ")[2] for line in lines[start:] if line.startswith("  sha256: ")]
    assert len(addresses) == len(hashes) > 3
    for address, promised in zip(addresses, hashes, strict=True):
        # What a folder channel holds stands by its path (facts: pixi.md §9.3).
        ours = address.startswith(index.url.removesuffix("/simple"))
        data = index.truth(urlsplit(address).path).body if ours else Path(address).read_bytes()
        assert hashlib.sha256(data).hexdigest() == promised
