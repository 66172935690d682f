"""Law 9 with a lock: an index and a channel that want a login get it, and it is shown and kept nowhere."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_index import FakeIndex
from fake_index import Reply as IndexReply
from locked import know_names, program_at
from program import Outcome, Program

from tests.conda_channel import SMALL, write_channel
from tests.world.channel_server import ChannelServer, Reply

INDEX_SECRET, CHANNEL_SECRET, TOKEN = "inDex-s3cr3t", "chan-s3cr3t", "tk-0123456789"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


HIDDEN = (
    INDEX_SECRET,
    CHANNEL_SECRET,
    TOKEN,
    basic("me", INDEX_SECRET).split()[1],
    basic("me", CHANNEL_SECRET).split()[1],
)


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """An index and a channel that answer to one login each; their addresses hold it."""

    program: Program
    index: FakeIndex
    channels: ChannelServer

    @property
    def index_url(self) -> str:
        return self.index.url.replace("//", f"//me:{INDEX_SECRET}@")

    @property
    def channel_url(self) -> str:
        return self.channels.url.replace("//", f"//me:{CHANNEL_SECRET}@") + "/open"

    @property
    def token_url(self) -> str:
        return f"{self.channels.url}/t/{TOKEN}/open"

    def run(self, *more: str, index: str | None = None, channel: str | None = None, wish: str = "alpha") -> Outcome:
        addresses = ("--index", index or self.index_url, "--channel", channel or self.channel_url)
        return self.program.run("init", wish, "--python", "3.12", *addresses, *more)

    def cached(self) -> list[bytes]:
        """The entries of our own cache, which are compressed there, with their keys."""
        with contextlib.closing(sqlite3.connect(self.program.cache / "cache-1.db")) as database:
            rows = database.execute("select kind, key, text from entry").fetchall()
        assert rows
        return [f"{kind} {key} ".encode() + zlib.decompress(text) for kind, key, text in rows]

    def hides(self, *outcomes: Outcome) -> None:
        """Nothing that was printed, written or cached holds a secret."""
        kept = [path.read_bytes() for path in self.program.folder.rglob("*") if path.is_file()]
        kept += [path.read_bytes() for path in self.program.cache.rglob("*") if path.is_file()]
        kept += self.cached()
        kept += [f"{outcome.out}{outcome.err}".encode() for outcome in outcomes]
        assert {hidden for hidden in HIDDEN if any(hidden.encode() in data for data in kept)} == set()


@pytest.fixture
def guarded(tmp_path: Path, index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    """Both, with nothing of the user's own logins in reach."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RATTLER_AUTH_FILE", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    index.wanted = basic("me", INDEX_SECRET)
    write_channel(tmp_path / "channels" / "open", SMALL)
    write_channel(tmp_path / "channels" / "t" / TOKEN / "open", SMALL)
    with ChannelServer(tmp_path / "channels") as channels:

        def guard(path: str, reply: Reply) -> Reply | None:
            wanted = None if path.startswith("t/") else basic("me", CHANNEL_SECRET)
            return None if channels.asked[-1].login == wanted else Reply(status=401)

        channels.fault = guard
        yield Guarded(program=program_at(tmp_path / "guarded"), index=index, channels=channels)


@pytest.mark.parametrize("more", [(), ("-v",), ("--json",), ("--dry-run", "--json"), ("-v", "--dry-run")])
def test_the_logins_of_addresses_are_used_and_nothing_holds_them(guarded: Guarded, more: tuple[str, ...]) -> None:
    outcome = guarded.run(*more)
    assert outcome.status == 0, outcome.err
    assert set(guarded.index.authorizations) == {basic("me", INDEX_SECRET)}
    assert {asked.login for asked in guarded.channels.asked} == {basic("me", CHANNEL_SECRET)}
    if "--dry-run" not in more:
        lock = (guarded.program.folder / "pixi.lock").read_text()
        assert f"- url: {guarded.channels.url}/open/\n" in lock
        assert f"- pypi: {guarded.index.url.removesuffix('/simple')}/files/alpha-1.0-py3-none-any.whl\n" in lock
    guarded.hides(outcome)


def test_a_later_run_offline_needs_no_login_and_gives_the_same_files(guarded: Guarded) -> None:
    first = guarded.run()
    assert first.status == 0, first.err
    files = guarded.program.tree()
    guarded.index.asked.clear()
    guarded.channels.asked.clear()
    outcome = guarded.run("--offline")
    assert outcome.status == 0, outcome.err
    assert guarded.program.tree() == files
    assert (guarded.index.asked, guarded.channels.asked) == ([], [])
    guarded.hides(first, outcome)


def test_a_token_in_the_path_of_a_channel_is_used_and_nothing_holds_it(guarded: Guarded) -> None:
    outcome = guarded.run("-v", channel=guarded.token_url)
    assert outcome.status == 0, outcome.err
    assert f"- url: {guarded.channels.url}/open/\n" in (guarded.program.folder / "pixi.lock").read_text()
    guarded.hides(outcome)


def test_without_a_login_neither_answers(guarded: Guarded) -> None:
    assert guarded.run(index=guarded.index.url).status == 3
    assert guarded.run(channel=f"{guarded.channels.url}/open").status == 3
    assert guarded.program.tree() == {}


def test_a_refused_login_is_an_error_that_does_not_show_it(guarded: Guarded) -> None:
    guarded.index.wanted = basic("me", "another")
    for more in ((), ("-v",), ("--json",)):
        outcome = guarded.run(*more)
        assert outcome.status == 3
        assert "HTTP status 401" in outcome.out + outcome.err
        guarded.hides(outcome)
    guarded.index.wanted = None
    guarded.channels.fault = lambda path, reply: Reply(status=401)
    for more in ((), ("-v",), ("--json",)):
        outcome = guarded.run(*more)
        assert outcome.status == 3
        assert "asks for a login" in outcome.out + outcome.err
        guarded.hides(outcome)
    assert guarded.program.tree() == {}


def test_hosts_that_are_silent_or_broken_show_no_login(guarded: Guarded) -> None:
    guarded.index.answer = lambda path: IndexReply(status=500)
    outcome = guarded.run("-v")
    assert outcome.status == 3
    guarded.hides(outcome)
    guarded.index.answer = lambda path: None
    guarded.channels.fault = lambda path, reply: Reply(body=b"<html>what?</html>")
    outcome = guarded.run("-v")
    assert outcome.status == 3
    guarded.hides(outcome)
    outcome = guarded.run("-v", index=f"http://me:{INDEX_SECRET}@127.0.0.1:9/simple")
    assert outcome.status == 3
    guarded.hides(outcome)


@pytest.mark.parametrize("more", [("--effort", "0"), ("--effort", "2"), ("--json", "--effort", "2"), ("-v",)])
def test_what_cannot_be_fulfilled_is_told_without_a_login(guarded: Guarded, more: tuple[str, ...]) -> None:
    outcome = guarded.run("delta<0.3", *more)
    assert outcome.status == 1, outcome.err
    guarded.hides(outcome)


def test_addresses_of_a_requirements_file_and_of_an_environment_file_are_hidden_too(guarded: Guarded) -> None:
    requirements = guarded.program.folder / "requirements.txt"
    requirements.write_text(f"--index-url {guarded.index_url}\nalpha\n")
    environment = guarded.program.folder / "environment.yml"
    environment.write_text(
        f"channels:\n  - {guarded.channel_url}\n  - nodefaults\ndependencies:\n  - python=3.12\n  - pip:\n"
        f"    - --index-url {guarded.index_url}\n    - alpha\n"
    )
    ways = (
        ("-r", "requirements.txt", "--channel", guarded.channel_url),
        ("-f", "environment.yml", "--channel", guarded.channel_url),
    )
    for number, way in enumerate(ways):
        for more in ((), ("--json",)):
            outcome = guarded.program.run("init", *way, "--python", "3.12", "-v", *more, "-o", f"to{number}{len(more)}")
            assert outcome.status == 0, outcome.err
            written = guarded.program.folder / f"to{number}{len(more)}"
            assert (written / "pixi.lock").is_file()
            kept = b"".join(path.read_bytes() for path in written.rglob("*") if path.is_file())
            shown = f"{outcome.out}{outcome.err}".encode()
            assert {hidden for hidden in HIDDEN if hidden.encode() in kept + shown} == set()


def test_another_cache_that_only_offline_runs_know_holds_no_login(guarded: Guarded, tmp_path: Path) -> None:
    know_names(tmp_path / "empty")
    program = Program(folder=guarded.program.folder, cache=tmp_path / "empty")
    outcome = program.run("init", "alpha", "--index", guarded.index_url, "--channel", guarded.channel_url, "--offline")
    assert outcome.status == 3
    assert {hidden for hidden in HIDDEN if hidden in outcome.out + outcome.err} == set()
