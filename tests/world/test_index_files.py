"""Files of an index: wheels, metadata beside them and sdists, right, broken and cut short."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import pytest

from envcompose.errors import (
    FileBroken,
    FileGone,
)
from envcompose.world.cache import Cache
from tests.world.index_parts import SDIST, WHEEL, failure, index_on, listed, only_file, page
from tests.world.odd_server import Answer, OddServer

METADATA = "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\nRequires-Dist: beta>=2\n"


ENTRY_POINTS = "[console_scripts]\nalpha = alpha.cli:main\n"


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
