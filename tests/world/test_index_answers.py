"""The package index over HTTP, against a server that behaves oddly: an answer, a retry, or one clear error (exit 3)."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from envcompose.api import load_recipes
from envcompose.errors import (
    EnvcomposeError,
    FileBroken,
    FileGone,
    IndexBroken,
    IndexUnreachable,
    NotCached,
    UploadTimesUnknown,
)
from envcompose.model.distribution import PackageFile
from envcompose.world.cache import Cache
from envcompose.world.http import TRIES, Http
from envcompose.world.index import FRESH_SECONDS, HttpIndex, IndexPolicy
from tests.world.odd_server import Answer, OddServer

RULES = load_recipes()[1]
METADATA = "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\nRequires-Dist: beta>=2\n"
ENTRY_POINTS = "[console_scripts]\nalpha = alpha.cli:main\n"


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def index_on(
    url: str,
    *,
    cache: Cache | None = None,
    clock: Callable[[], float] | None = None,
    offline: bool = False,
    refresh: bool = False,
    as_of: str | None = None,
) -> HttpIndex:
    policy = IndexPolicy(urls=(url,), offline=offline, refresh=refresh, as_of=as_of)
    return HttpIndex(policy, cache or Cache(None), RULES, clock or Clock(), Http(pause=0.001))


def wheel(*, metadata: str = METADATA, padding: int = 0) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("alpha/__init__.py", "#" * padding)
        archive.writestr("alpha/core.cpython-312-x86_64-linux-gnu.so", "")
        archive.writestr("alpha-1.0.dist-info/METADATA", f"{metadata}\nA description that nobody needs.\n")
        archive.writestr("alpha-1.0.dist-info/entry_points.txt", ENTRY_POINTS)
    return made.getvalue()


def sdist() -> bytes:
    made = io.BytesIO()
    text = b"Metadata-Version: 2.2\nName: alpha\nVersion: 1.0\nRequires-Dist: beta>=2\n"
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo("alpha-1.0/PKG-INFO")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


def page(*files: dict[str, object]) -> Answer:
    document = {"meta": {"api-version": "1.1"}, "name": "alpha", "files": list(files), "versions": []}
    return Answer(body=json.dumps(document).encode(), kind="application/vnd.pypi.simple.v1+json")


def listed(filename: str, data: bytes = b"", more: dict[str, object] | None = None) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    return {"filename": filename, "url": f"/files/{filename}", "hashes": {"sha256": digest}, **(more or {})}


WHEEL = "alpha-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
SDIST = "alpha-1.0.tar.gz"


def only_file(index: HttpIndex) -> PackageFile:
    files = index.project("alpha")
    assert files is not None
    (file,) = files
    return file


def failure(call: Callable[[], object]) -> EnvcomposeError:
    with pytest.raises(EnvcomposeError) as caught:
        call()
    return caught.value


# Pages


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


# Wheels


def test_a_size_that_only_an_earlier_run_found_out_is_not_told() -> None:
    data = wheel()
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, data, {"core-metadata": True}))],
        f"/files/{WHEEL}.metadata": [Answer(body=METADATA.encode())],
        f"/files/{WHEEL}": [Answer(body=data)],
    }
    cache, told = Cache(None), []
    with OddServer(answers) as server:
        for _ in range(2):
            index = index_on(server.url, cache=cache)
            file = only_file(index)
            index.metadata(file)
            told.append(index.known_size(file))
            index.contents(file)
    assert told == [None, None]


def test_metadata_beside_the_file_are_taken_where_the_page_promises_them() -> None:
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, more={"core-metadata": True}))],
        f"/files/{WHEEL}.metadata": [Answer(body=f"{METADATA}\nA description.\n".encode())],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.metadata(only_file(index)) == METADATA
        assert [path for path, _ in server.asked] == ["/simple/alpha/", f"/files/{WHEEL}.metadata"]


def test_a_promised_metadata_file_that_is_missing_is_read_from_the_wheel() -> None:
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, wheel(), {"core-metadata": True}))],
        f"/files/{WHEEL}": [Answer(body=wheel())],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.metadata(only_file(index)) == METADATA


def test_a_server_that_ignores_ranges_and_sends_the_whole_wheel_is_understood() -> None:
    data = wheel()
    with OddServer({"/simple/alpha/": [page(listed(WHEEL, data))], f"/files/{WHEEL}": [Answer(body=data)]}) as server:
        index = index_on(server.url)
        file = only_file(index)
        assert index.metadata(file) == METADATA
        contents = index.contents(file)
        assert contents is not None
        assert (contents.size, contents.top_level, contents.extensions, contents.scripts) == (
            len(data),
            ("alpha",),
            ("alpha.core",),
            ("alpha",),
        )


BROKEN_WHEELS = {
    "no archive": Answer(body=b"<html>Sign in to the hotel's network</html>"),
    "cut short": Answer(body=wheel()[:-30]),
    "no metadata": Answer(body=b"PK\x05\x06" + bytes(18)),
    "a range without its place": Answer(status=206, body=wheel()),
    "a range with an odd place": Answer(status=206, body=wheel(), headers={"Content-Range": "bytes ?-?/many"}),
}


@pytest.mark.parametrize("word", BROKEN_WHEELS)
def test_a_wheel_that_cannot_be_read_is_a_broken_file(word: str) -> None:
    answers = {"/simple/alpha/": [page(listed(WHEEL, more={"hashes": {}}))], f"/files/{WHEEL}": [BROKEN_WHEELS[word]]}
    with OddServer(answers) as server:
        index = index_on(server.url)
        error = failure(lambda: index.metadata(only_file(index)))
        assert isinstance(error, FileBroken)
        assert error.exit_status == 3
        assert WHEEL in error.sentence


def test_a_wheel_that_is_listed_and_not_there_is_gone_and_a_newer_list_may_help() -> None:
    with OddServer({"/simple/alpha/": [page(listed(WHEEL))]}) as server:
        index = index_on(server.url)
        error = failure(lambda: index.metadata(only_file(index)))
        assert isinstance(error, FileGone)
        assert error.exit_status == 3
        assert "--refresh" in error.hints[0]


def with_digest(metadata: str) -> dict[str, object]:
    """What a page says of metadata beside a file (PEP 714)."""
    return {"core-metadata": {"sha256": hashlib.sha256(metadata.encode()).hexdigest()}}


def test_metadata_beside_the_file_that_are_not_what_the_page_promised_are_fetched_again() -> None:
    other = METADATA.replace("beta>=2", "beta<2")
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, more=with_digest(METADATA)))],
        f"/files/{WHEEL}.metadata": [Answer(body=other.encode()), Answer(body=METADATA.encode())],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.metadata(only_file(index)) == METADATA


def test_metadata_beside_the_file_that_stay_other_ones_are_a_broken_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, more=with_digest(METADATA)))],
        f"/files/{WHEEL}.metadata": [Answer(body=METADATA.replace("beta>=2", "beta<2").encode())],
    }
    with OddServer(answers) as server:
        # The second one knows the page from the cache, and its promise too.
        for index in (index_on(server.url, cache=cache), index_on(server.url, cache=cache)):
            error = failure(partial(index.metadata, only_file(index)))
            assert isinstance(error, FileBroken)
            assert f"{WHEEL}.metadata" in error.sentence


def test_a_whole_wheel_that_is_another_one_than_the_page_promised_is_a_broken_file() -> None:
    answers = {"/simple/alpha/": [page(listed(WHEEL, wheel()))], f"/files/{WHEEL}": [Answer(body=wheel(padding=9))]}
    with OddServer(answers) as server:
        index = index_on(server.url)
        error = failure(lambda: index.metadata(only_file(index)))
        assert isinstance(error, FileBroken)
        assert "sha256" in error.sentence


def test_a_wheel_whose_metadata_are_not_those_beside_it_is_a_broken_file() -> None:
    # The first of them were resolved with, the second would be installed.
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, more={"core-metadata": True, "hashes": {}}))],
        f"/files/{WHEEL}.metadata": [Answer(body=METADATA.encode())],
        f"/files/{WHEEL}": [Answer(body=wheel(metadata=METADATA.replace("beta>=2", "beta<2")))],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        file = only_file(index)
        assert index.metadata(file) == METADATA
        error = failure(lambda: index.contents(file))
        assert isinstance(error, FileBroken)


def test_metadata_are_read_as_utf_8_whatever_the_server_says_of_them() -> None:
    odd = METADATA.replace("beta>=2", "beta>=2; extra == 'ü'")
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, more={"core-metadata": True}))],
        f"/files/{WHEEL}.metadata": [Answer(body=odd.encode(), kind="text/plain")],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.metadata(only_file(index)) == odd


def test_a_metadata_file_that_fails_once_is_tried_again() -> None:
    answers = {
        "/simple/alpha/": [page(listed(WHEEL, more={"core-metadata": True}))],
        f"/files/{WHEEL}.metadata": [Answer(status=503), Answer(body=METADATA.encode())],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.metadata(only_file(index)) == METADATA


# Source distributions


def test_an_sdist_is_fetched_checked_and_read() -> None:
    data = sdist()
    with OddServer({"/simple/alpha/": [page(listed(SDIST, data))], f"/files/{SDIST}": [Answer(body=data)]}) as server:
        index = index_on(server.url)
        file = only_file(index)
        analysis = index.analysis(file, torches=(None,), python="3.12")
        assert analysis.readings[0].requires_dist == ("beta>=2",)
        assert index.known_size(file) == len(data)


def test_an_sdist_with_another_hash_than_the_index_promised_is_a_broken_file() -> None:
    with OddServer({"/simple/alpha/": [page(listed(SDIST))], f"/files/{SDIST}": [Answer(body=sdist())]}) as server:
        index = index_on(server.url)
        error = failure(lambda: index.analysis(only_file(index), torches=(None,), python="3.12"))
        assert isinstance(error, FileBroken)
        assert (error.exit_status, error.sentence) == (
            3,
            f"{SDIST} is not what its index promised: its sha256 is another one",
        )


def test_an_sdist_that_is_listed_and_not_there_is_gone() -> None:
    with OddServer({"/simple/alpha/": [page(listed(SDIST))]}) as server:
        index = index_on(server.url)
        error = failure(lambda: index.analysis(only_file(index), torches=(None,), python="3.12"))
        assert isinstance(error, FileGone)


def test_an_sdist_that_is_another_one_once_is_fetched_again() -> None:
    data = sdist()
    answers = {
        "/simple/alpha/": [page(listed(SDIST, data))],
        f"/files/{SDIST}": [Answer(body=data[::-1]), Answer(body=data)],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.analysis(only_file(index), torches=(None,), python="3.12").name == "alpha"


def test_an_sdist_cut_short_is_fetched_again() -> None:
    data = sdist()
    answers = {
        "/simple/alpha/": [page(listed(SDIST, data))],
        f"/files/{SDIST}": [Answer(body=data[:50], promised=len(data)), Answer(body=data)],
    }
    with OddServer(answers) as server:
        index = index_on(server.url)
        assert index.analysis(only_file(index), torches=(None,), python="3.12").name == "alpha"


def test_an_sdist_that_is_always_cut_short_is_an_error_with_exit_status_3() -> None:
    data = sdist()
    cut = Answer(body=data[:50], promised=len(data))
    with OddServer({"/simple/alpha/": [page(listed(SDIST, data))], f"/files/{SDIST}": [cut]}) as server:
        index = index_on(server.url)
        error = failure(lambda: index.analysis(only_file(index), torches=(None,), python="3.12"))
        assert error.exit_status == 3


def test_an_sdist_that_is_no_archive_is_one_clear_error() -> None:
    data = b"<html>Sign in to the hotel's network</html>"
    with OddServer({"/simple/alpha/": [page(listed(SDIST, data))], f"/files/{SDIST}": [Answer(body=data)]}) as server:
        index = index_on(server.url)
        error = failure(lambda: index.analysis(only_file(index), torches=(None,), python="3.12"))
        assert error.exit_status == 3


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
