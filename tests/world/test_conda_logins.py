"""Channels that want a login: found where pixi finds it, sent to that host, and shown nowhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from envcompose.errors import ChannelUnreachable, EnvcomposeError
from envcompose.model.record import CondaAnswer
from envcompose.world.rattler import RattlerSolver
from tests.conda_channel import Package, write_channel
from tests.world.channel_server import ChannelServer, Reply
from tests.world.conda_questions import question

SECRET = "s3cr3t"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Guarded:
    """A channel that answers only to one login; `wanted` is the header."""

    def __init__(self, server: ChannelServer) -> None:
        self.server = server
        self.wanted: str | None = None
        server.fault = self._guard

    def _guard(self, path: str, reply: Reply) -> Reply | None:
        return None if self.server.asked[-1].login == self.wanted else Reply(status=401)


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    """The channel; nothing of the user's own logins is read."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RATTLER_AUTH_FILE", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    write_channel(tmp_path / "channel", [Package(name="tool", version="1.0")])
    with ChannelServer(tmp_path / "channel") as server:
        yield Guarded(server)


def solve(channel: str, cache: Path | None = None, *, offline: bool = False) -> CondaAnswer:
    return RattlerSolver(cache=cache, settings=(), offline=offline).solve(question("tool", channels=(channel,)))


def test_without_a_login_the_error_says_how_to_give_one(guarded: Guarded) -> None:
    guarded.wanted = "nobody knows"

    with pytest.raises(
        ChannelUnreachable, match=r"it asks for a login .HTTP status 401.; pixi auth login, a netrc file or"
    ):
        solve(guarded.server.url)


@pytest.mark.parametrize(
    ("entry", "header"),
    [
        ({"BasicHTTP": {"username": "me", "password": SECRET}}, basic("me", SECRET)),
        ({"BearerToken": SECRET}, f"Bearer {SECRET}"),
    ],
    ids=["user and password", "token"],
)
def test_a_login_of_the_auth_file_is_used(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, object], header: str
) -> None:
    guarded.wanted = header
    (tmp_path / "auth.json").write_text(json.dumps({"127.0.0.1": entry}), encoding="utf-8")
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(tmp_path / "auth.json"))

    assert solve(guarded.server.url).records


def test_a_login_of_a_netrc_file_is_used(guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded.wanted = basic("me", SECRET)
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1\nlogin me\npassword {SECRET}\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert solve(guarded.server.url).records


def test_a_login_in_the_address_is_used_and_stands_in_no_record(guarded: Guarded) -> None:
    guarded.wanted = basic("me", SECRET)
    channel = guarded.server.url.replace("http://", f"http://me:{SECRET}@")
    records = solve(channel).records

    assert records is not None
    assert SECRET not in str(records)
    assert records[0].channel == f"{guarded.server.url}/"
    assert records[0].url == f"{guarded.server.url}/linux-64/tool-1.0-0.conda"


def test_a_conda_token_in_the_address_is_used_and_stands_in_no_record(tmp_path: Path) -> None:
    write_channel(tmp_path / "t" / SECRET / "team", [Package(name="tool", version="1.0")])
    with ChannelServer(tmp_path) as server:
        records = solve(f"{server.url}/t/{SECRET}/team").records

    assert records is not None
    assert SECRET not in str(records)
    assert records[0].channel == f"{server.url}/team/"


@pytest.mark.parametrize("sharded", [False, True])
def test_no_login_and_no_token_of_an_address_reaches_the_cache(tmp_path: Path, sharded: bool) -> None:
    tool = [Package(name="tool", version="1.0")]
    write_channel(tmp_path / "server" / "open", tool, sharded=sharded)
    write_channel(tmp_path / "server" / "t" / SECRET / "team", tool, sharded=sharded)
    with ChannelServer(tmp_path / "server", max_age=60) as server:
        login, token = server.url.replace("//", f"//me:{SECRET}@") + "/open", f"{server.url}/t/{SECRET}/team"
        for channel in (login, token):
            assert solve(channel, tmp_path / "cache").records
            assert solve(channel, tmp_path / "cache", offline=True).records
        assert {asked.login for asked in server.asked if "/open/" in asked.path} == {basic("me", SECRET)}
        assert {asked.login for asked in server.asked if "/team/" in asked.path} == {None}

    kept = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    for hidden in (SECRET, basic("me", SECRET).split()[1]):
        assert not any(hidden.encode() in data for data in kept)


def test_a_login_goes_to_its_own_channel_only(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_channel(tmp_path / name, [Package(name=f"tool-{name}", version="1.0")])
    with ChannelServer(tmp_path) as server:
        channels = (server.url.replace("//", f"//{SECRET}@") + "/one", f"{server.url}/two")
        answer = RattlerSolver(cache=None, settings=()).solve(question("tool-one", "tool-two", channels=channels))
        logins = {part: {asked.login for asked in server.asked if f"/{part}/" in asked.path} for part in ("one", "two")}

    assert answer.records
    assert logins == {"one": {basic(SECRET, "")}, "two": {None}}


def test_a_solver_takes_up_a_login_that_comes_with_a_later_question(guarded: Guarded) -> None:
    guarded.wanted = basic("me", SECRET)
    other = write_channel(guarded.server.folder / "other", [Package(name="tool", version="2.0")])
    solver = RattlerSolver(cache=None, settings=())

    assert solver.solve(question("tool", channels=(other,))).records
    assert solver.solve(question("tool", channels=(guarded.server.url.replace("//", f"//me:{SECRET}@"),))).records


def test_stored_logins_that_cannot_be_read_are_told_without_what_they_hold(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "auth.json").write_text('{"127.0.0.1": "' + SECRET, encoding="utf-8")
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(tmp_path / "auth.json"))

    with pytest.raises(ChannelUnreachable, match="the stored logins cannot be read") as raised:
        solve(guarded.server.url)
    assert SECRET not in told(raised.value)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
def test_no_error_shows_a_login_or_a_token_of_an_address(guarded: Guarded, status: int) -> None:
    said: list[str] = []
    guarded.server.fault = lambda path, reply: Reply(status=status, body=b"<html>no</html>")
    for channel in (
        guarded.server.url.replace("http://", f"http://me:{SECRET}@"),
        guarded.server.url.replace("http://", f"http://{SECRET}@"),
        f"{guarded.server.url}/t/{SECRET}/team",
    ):
        solver = RattlerSolver(cache=None, settings=(), tell=said.append)
        with pytest.raises(EnvcomposeError) as raised:
            solver.solve(question("tool", channels=(channel,)))
        said.append(told(raised.value))
        with pytest.raises(EnvcomposeError) as raised:
            solver.solve(question("tool", f"{channel}::tool", channels=(channel,)))
        said.append(told(raised.value))

    assert SECRET not in "\n".join(said)


def told(error: EnvcomposeError) -> str:
    return "\n".join((error.sentence, *error.facts, *error.hints, str(error)))
