"""The package index over HTTP, against a server that behaves oddly: an answer, a retry, or one clear error (exit 3)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from envcompose.errors import (
    IndexBroken,
    IndexUnreachable,
    NotCached,
    UploadTimesUnknown,
)
from envcompose.world.cache import Cache
from envcompose.world.http import TRIES
from envcompose.world.index import FRESH_SECONDS
from tests.world.index_parts import SDIST, WHEEL, Clock, failure, index_on, listed, only_file, page
from tests.world.odd_server import Answer, OddServer


def test_a_project_that_the_index_does_not_know_is_none() -> None:
    with OddServer({}) as server:
        assert index_on(server.url).project("alpha") is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_of_the_server_is_tried_again(status: int) -> None:
    with OddServer({"/simple/alpha/": [Answer(status=status), page(listed(WHEEL))]}) as server:
        assert only_file(index_on(server.url)).filename == WHEEL


def test_a_hung_up_connection_is_tried_again() -> None:
    with OddServer({"/simple/alpha/": [Answer(hang_up=True), page(listed(WHEEL))]}) as server:
        assert only_file(index_on(server.url)).filename == WHEEL


def test_a_slow_answer_is_waited_for() -> None:
    slow = page(listed(WHEEL))
    answer = Answer(body=slow.body, kind=slow.kind, after_seconds=0.3)
    with OddServer({"/simple/alpha/": [answer]}) as server:
        assert only_file(index_on(server.url)).filename == WHEEL
        assert len(server.asked) == 1


def test_a_server_that_stays_broken_is_unreachable_after_three_tries_and_is_not_asked_again() -> None:
    with OddServer({"/simple/alpha/": [Answer(status=500)]}) as server:
        index = index_on(server.url)
        error = failure(lambda: index.project("alpha"))
        assert isinstance(error, IndexUnreachable)
        assert (error.exit_status, error.sentence) == (
            3,
            f"The package index {server.url} cannot be reached: HTTP status 500",
        )
        assert len(server.asked) == TRIES
        failure(lambda: index.project("beta"))
        assert len(server.asked) == TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 418])
def test_another_refusal_is_a_broken_index_at_once(status: int) -> None:
    with OddServer({"/simple/alpha/": [Answer(status=status)]}) as server:
        error = failure(lambda: index_on(server.url).project("alpha"))
        assert isinstance(error, IndexBroken)
        assert (error.exit_status, len(server.asked)) == (3, 1)
        assert f"HTTP status {status}" in error.sentence


GARBAGE = {
    "no JSON": Answer(body=b"{]", kind="application/vnd.pypi.simple.v1+json"),
    "another JSON": Answer(body=b'{"files": 3}', kind="application/vnd.pypi.simple.v1+json"),
    "a later format": Answer(
        body=b'{"meta": {"api-version": "2.0"}, "name": "alpha", "files": []}',
        kind="application/vnd.pypi.simple.v1+json",
    ),
    "an image": Answer(body=b"\x89PNG\r\n", kind="image/png"),
}


@pytest.mark.parametrize("word", GARBAGE)
def test_a_page_that_is_no_page_is_a_broken_index(word: str) -> None:
    with OddServer({"/simple/alpha/": [GARBAGE[word]]}) as server:
        error = failure(lambda: index_on(server.url).project("alpha"))
        assert isinstance(error, IndexBroken)
        assert (error.exit_status, error.facts) == (3, ("wanted: alpha",))


def test_html_without_links_is_a_project_without_files() -> None:
    with OddServer({"/simple/alpha/": [Answer(body=b"<html><p>It works!</html>")]}) as server:
        assert not index_on(server.url).project("alpha")


def test_files_with_odd_names_are_passed_over() -> None:
    names = [
        "alpha-1.0.exe",
        "alpha.whl",
        "beta-1.0.tar.gz",
        "alpha-one-py3-none-any.whl",
        "../alpha-1.0.tar.gz",
        WHEEL,
    ]
    with OddServer({"/simple/alpha/": [page(*(listed(name) for name in names))]}) as server:
        assert only_file(index_on(server.url)).filename == WHEEL


def test_a_page_cut_short_is_tried_again() -> None:
    whole = page(listed(WHEEL))
    cut = Answer(body=whole.body[:40], kind=whole.kind, promised=len(whole.body))
    with OddServer({"/simple/alpha/": [cut, whole]}) as server:
        assert only_file(index_on(server.url)).filename == WHEEL


def test_a_page_that_is_always_cut_short_is_an_error_with_exit_status_3() -> None:
    whole = page(listed(WHEEL))
    cut = Answer(body=whole.body[:40], kind=whole.kind, promised=len(whole.body))
    with OddServer({"/simple/alpha/": [cut]}) as server:
        assert failure(lambda: index_on(server.url).project("alpha")).exit_status == 3


# The freshness of pages


def test_a_page_is_believed_for_its_freshness_time_and_then_asked_again(tmp_path: Path) -> None:
    clock, cache = Clock(), Cache(tmp_path)
    with OddServer({"/simple/alpha/": [page(listed(WHEEL))]}) as server:
        for moved, times in ((0.0, 1), (FRESH_SECONDS - 1, 1), (2.0, 2)):
            clock.now += moved
            only_file(index_on(server.url, cache=cache, clock=clock))
            assert len(server.asked) == times


def test_refresh_asks_again_however_fresh_a_page_is(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with OddServer({"/simple/alpha/": [page(listed(WHEEL))]}) as server:
        only_file(index_on(server.url, cache=cache))
        only_file(index_on(server.url, cache=cache, refresh=True))
        assert len(server.asked) == 2


def test_offline_an_old_page_is_believed_and_a_missing_one_is_said(tmp_path: Path) -> None:
    clock, cache = Clock(), Cache(tmp_path)
    with OddServer({"/simple/alpha/": [page(listed(WHEEL))]}) as server:
        only_file(index_on(server.url, cache=cache, clock=clock))
        clock.now += 1e9
        index = index_on(server.url, cache=cache, clock=clock, offline=True)
        assert only_file(index).filename == WHEEL
        error = failure(lambda: index.project("beta"))
        assert isinstance(error, NotCached)
        assert (error.exit_status, len(server.asked)) == (3, 1)


def test_as_of_hides_later_files_and_refuses_an_index_that_gives_no_times() -> None:
    early = listed(WHEEL, more={"upload-time": "2026-01-31T23:59:59Z"})
    late = listed(SDIST, more={"upload-time": "2026-02-01T00:00:00Z"})
    with OddServer({"/simple/alpha/": [page(early, late), page(listed(WHEEL))]}) as server:
        assert only_file(index_on(server.url, as_of="2026-01-31")).filename == WHEEL
        error = failure(lambda: index_on(server.url, as_of="2026-01-31").project("alpha"))
        assert isinstance(error, UploadTimesUnknown)


def test_a_partner_index_that_gives_no_times_is_left_to_the_tables() -> None:
    with OddServer({"/simple/alpha/": [page(listed(WHEEL))]}) as server:
        assert index_on(server.url, as_of="2026-01-31").partner_index(server.url, "alpha") is None


def test_many_threads_that_ask_for_the_same_page_fetch_it_once() -> None:
    slow = page(listed(WHEEL))
    answer = Answer(body=slow.body, kind=slow.kind, after_seconds=0.05)
    with OddServer({"/simple/alpha/": [answer]}) as server:
        index = index_on(server.url)
        threads = [threading.Thread(target=index.project, args=("alpha",)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked) == 1
