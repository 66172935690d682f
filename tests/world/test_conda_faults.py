"""Channels that fail in every way that a network knows never make a wrong solution: the right one, or a clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcompose.errors import ChannelBroken, ChannelUnreachable
from envcompose.model.record import CondaAnswer
from envcompose.world.rattler import Patience, RattlerSolver
from tests.conda_channel import SMALL, Package, write_channel
from tests.world.channel_server import ChannelServer, Fault, Reply, black_hole, free_port
from tests.world.conda_questions import files, question, versions

IMPATIENT = Patience(before_probe=0.2, probe=1)
"""For hosts that never answer; a busy machine may need longer for those that do."""
HTML = Reply(body=b"<html>Please log in to this network.</html>", kind="text/html")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The little world twice: with one list of all packages for each platform, and with shards."""
    root = tmp_path_factory.mktemp("channels")
    write_channel(root / "plain", SMALL)
    write_channel(root / "sharded", SMALL, sharded=True)
    return {"plain": root / "plain", "sharded": root / "sharded"}


@pytest.fixture(params=["plain", "sharded"])
def server(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[ChannelServer]:
    with ChannelServer(folders[request.param]) as made:
        yield made


@pytest.fixture
def sharded(folders: dict[str, Path]) -> Iterator[ChannelServer]:
    with ChannelServer(folders["sharded"]) as made:
        yield made


def solve(
    server: ChannelServer, *specs: str, cache: Path | None = None, offline: bool = False, refresh: bool = False
) -> CondaAnswer:
    solver = RattlerSolver(cache=cache, settings=(), offline=offline, refresh=refresh)
    return solver.solve(question(*(specs or ("pytorch-gpu", "cuda-nvcc")), channels=(server.url,)))


@pytest.fixture(scope="module")
def right(folders: dict[str, Path]) -> list[str]:
    """The files of the right solution."""
    solver = RattlerSolver(cache=None, settings=())
    return files(solver.solve(question("pytorch-gpu", "cuda-nvcc", channels=(folders["plain"].as_uri(),))))


def test_a_channel_over_http_gives_the_records_of_its_folder_with_its_own_addresses(
    server: ChannelServer, right: list[str]
) -> None:
    answer = solve(server)

    assert files(answer) == right
    assert answer.records is not None
    assert {record.channel for record in answer.records} == {f"{server.url}/"}
    assert all(record.url == f"{server.url}/{record.subdir}/{record.file_name}" for record in answer.records)


def test_one_solver_reads_a_channel_once(server: ChannelServer) -> None:
    solver = RattlerSolver(cache=None, settings=())
    asked = question("pytorch-gpu", channels=(server.url,))
    solver.solve(asked)
    before = len(server.asked)

    assert solver.reach((server.url,), "linux-64") is None
    assert solver.solve(asked) == solver.solve(asked)
    assert len(server.asked) == before


def always(reply: Reply) -> Fault:
    return lambda path, right: reply


def below(part: str, reply: Reply) -> Fault:
    return lambda path, right: reply if part in path else None


def bodies(change: Callable[[bytes], Reply]) -> Fault:
    return lambda path, right: change(right.body) if right.body else None


def refusals(status: int) -> Fault:
    return always(Reply(status=status))


UNREACHABLE = {
    "a server that is down": (refusals(500), "HTTP status 500, also after retries"),
    "a server that wants a login": (refusals(401), "it asks for a login"),
    "a server that refuses": (refusals(403), "it refuses access"),
}
BROKEN = {
    "a network's login page": (always(HTML), "what should be compressed repodata is not"),
    "no channel": (refusals(404), "it has no folder noarch with repodata"),
    "redirects in a circle": (
        lambda path, right: Reply(status=302, headers={"Location": f"/channel/{path}"}),
        "too many redirects",
    ),
}


@pytest.mark.parametrize(("fault", "reason"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_server_that_gives_nothing_is_told_as_not_reached(sharded: ChannelServer, fault: Fault, reason: str) -> None:
    sharded.fault = fault

    with pytest.raises(ChannelUnreachable, match=reason) as raised:
        solve(sharded)
    assert sharded.url in raised.value.sentence


@pytest.mark.parametrize(("fault", "reason"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_no_channel_is_told_as_broken(server: ChannelServer, fault: Fault, reason: str) -> None:
    server.fault = fault

    with pytest.raises(ChannelBroken, match=reason) as raised:
        solve(server)
    assert server.url in raised.value.sentence


def test_a_channel_without_a_folder_for_the_platform_has_its_noarch_packages(server: ChannelServer) -> None:
    server.fault = below("linux-64", Reply(status=404))

    assert versions(solve(server, "python_abi 3.12.*")) == {"python_abi": "3.12"}


def test_a_channel_without_noarch_is_refused_as_pixi_refuses_it(server: ChannelServer) -> None:
    server.fault = below("noarch", Reply(status=404))

    with pytest.raises(ChannelBroken, match="it has no folder noarch with repodata, which every channel has"):
        solve(server, "ninja")


CUT_SHORT = {
    "breaks off": bodies(lambda body: Reply(body=body, cut=len(body) // 2)),
    "ends early": bodies(lambda body: Reply(body=body[: len(body) // 2])),
    "is garbled": bodies(lambda body: Reply(body=bytes(byte ^ 0x55 for byte in body))),
    "is empty": bodies(lambda body: Reply(body=b"")),
}


@pytest.mark.parametrize("fault", CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_list_of_shards_that_is_damaged_is_never_taken_for_the_whole(sharded: ChannelServer, fault: Fault) -> None:
    sharded.fault = fault

    with pytest.raises((ChannelBroken, ChannelUnreachable), match="break"):
        solve(sharded)


@pytest.mark.slow
@pytest.mark.parametrize("fault", CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_list_of_packages_that_is_damaged_is_never_taken_for_the_whole(
    folders: dict[str, Path], fault: Fault
) -> None:
    with ChannelServer(folders["plain"], fault) as server, pytest.raises((ChannelBroken, ChannelUnreachable)):
        solve(server)


@pytest.mark.parametrize("text", ["[]", '{"packages": [', "null", '"channel"', '{"packages": {"a-1-0.conda": 7}}'])
def test_a_list_of_packages_that_is_something_else_is_told_as_broken(tmp_path: Path, text: str) -> None:
    write_channel(tmp_path, SMALL)
    (tmp_path / "linux-64" / "repodata.json").write_text(text, encoding="utf-8")
    solver = RattlerSolver(cache=None, settings=())

    with pytest.raises(ChannelBroken, match="what should be repodata is not"):
        solver.solve(question("a", channels=(tmp_path.as_uri(),)))


SHARD_FAULTS = {
    "500": below("/shards/", Reply(status=500)),
    "404": below("/shards/", Reply(status=404)),
    "a page": below("/shards/", HTML),
    "half": lambda path, right: Reply(body=right.body[:50]) if "/shards/" in path else None,
}


@pytest.mark.parametrize("fault", SHARD_FAULTS.values(), ids=SHARD_FAULTS)
def test_a_shard_that_is_not_had_is_an_error_and_no_missing_package(sharded: ChannelServer, fault: Fault) -> None:
    sharded.fault = fault

    with pytest.raises((ChannelBroken, ChannelUnreachable)):
        solve(sharded)


def other_world(folder: Path) -> dict[str, bytes]:
    """The shards of a channel whose packages have the same names and other contents, by package name."""
    write_channel(
        folder, [Package(name=name, version="99") for name in ("pytorch-gpu", "cuda-nvcc", "ninja")], sharded=True
    )
    return {path.name: path.read_bytes() for path in (folder / "linux-64" / "shards").iterdir()}


def test_a_shard_with_another_hash_than_its_name_is_never_believed(sharded: ChannelServer, tmp_path: Path) -> None:
    wrong = next(iter(other_world(tmp_path / "other").values()))
    sharded.fault = below("/shards/", Reply(body=wrong))

    for specs in (("pytorch-gpu",), ("ninja",), ("psutil",)):
        with pytest.raises(ChannelBroken, match="another hash than it lists"):
            solve(sharded, *specs)


def test_a_wrong_shard_is_gone_from_the_cache_and_the_next_answer_is_right(
    sharded: ChannelServer, tmp_path: Path, right: list[str]
) -> None:
    wrong = next(iter(other_world(tmp_path / "other").values()))
    sharded.fault = below("/shards/", Reply(body=wrong))
    with pytest.raises(ChannelBroken):
        solve(sharded, cache=tmp_path / "cache")
    with pytest.raises(ChannelUnreachable):
        solve(sharded, cache=tmp_path / "cache", offline=True)
    sharded.fault = lambda path, reply: None

    assert files(solve(sharded, cache=tmp_path / "cache")) == right


def test_a_shard_that_was_mixed_up_once_does_not_change_the_answer(
    sharded: ChannelServer, tmp_path: Path, right: list[str]
) -> None:
    wrong = next(iter(other_world(tmp_path / "other").values()))
    mixed_up: list[str] = []

    def first(path: str, reply: Reply) -> Reply | None:
        if "/shards/" not in path or mixed_up:
            return None
        mixed_up.append(path)
        return Reply(body=wrong)

    sharded.fault = first

    assert files(solve(sharded)) == right


def test_shards_are_held_against_their_hashes_once(sharded: ChannelServer, tmp_path: Path) -> None:
    solve(sharded, cache=tmp_path)
    asked = len(sharded.paths(".msgpack.zst"))
    sharded.asked.clear()
    solve(sharded, cache=tmp_path)

    assert asked > 12
    assert {path.rpartition("/")[2] for path in sharded.paths()} == {"repodata_shards.msgpack.zst"}


def test_a_cache_that_was_damaged_is_read_anew(server: ChannelServer, tmp_path: Path, right: list[str]) -> None:
    server.max_age = 3600
    assert files(solve(server, cache=tmp_path)) == right
    damaged = [
        path
        for path in (tmp_path / "channels").rglob("*")
        if path.suffix in (".json", ".msgpack") and ".info" not in path.name
    ]
    for path in damaged:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert damaged
    assert files(solve(server, cache=tmp_path)) == right


def test_every_file_that_fails_at_first_is_asked_for_again(folders: dict[str, Path], right: list[str]) -> None:
    seen: set[str] = set()

    def first_time(path: str, reply: Reply) -> Reply | None:
        first = path not in seen
        seen.add(path)
        return Reply(status=503) if first else None

    with ChannelServer(folders["plain"], first_time) as server:
        assert files(solve(server)) == right


def test_a_channel_behind_a_redirect_keeps_its_own_address(
    server: ChannelServer, right: list[str], folders: dict[str, Path]
) -> None:
    with ChannelServer(server.folder) as moved:
        server.fault = lambda path, reply: Reply(status=301, headers={"Location": f"{moved.url}/{path}"})
        answer = solve(server)

    assert files(answer) == right
    assert answer.records is not None
    assert {record.channel for record in answer.records} == {f"{server.url}/"}
    assert all(record.url.startswith(f"{server.url}/") for record in answer.records)


def test_a_channel_through_a_mirror_of_pixis_configuration_keeps_its_own_address(
    server: ChannelServer, right: list[str], tmp_path: Path
) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'[mirrors]\n"https://conda.anaconda.org/conda-forge" = ["{server.url}"]\n', encoding="utf-8")
    solver = RattlerSolver(cache=None, settings=(settings,))
    answer = solver.solve(question("pytorch-gpu", "cuda-nvcc", channels=("conda-forge",)))

    assert files(answer) == right
    assert answer.records is not None
    assert {record.channel for record in answer.records} == {"https://conda.anaconda.org/conda-forge/"}


def test_a_configuration_that_cannot_be_read_is_left_out_and_told(small_channel: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("mirrors = 7\n", encoding="utf-8")
    told: list[str] = []
    solver = RattlerSolver(cache=None, settings=(tmp_path / "config.toml",), tell=told.append)

    assert versions(solver.solve(question("ninja", channels=(small_channel,)))) == {"ninja": "1.12.1"}
    assert told[0].startswith("pixi's configuration is left out: ")


def test_a_stale_cache_is_asked_about_and_followed(server: ChannelServer, tmp_path: Path) -> None:
    server.folder = tmp_path / "changing"
    sharded = (server.folder, server.paths())[0].name == "sharded"
    write_channel(server.folder, [Package(name="tool", version="1.0")], sharded=sharded)
    assert versions(solve(server, "tool", cache=tmp_path)) == {"tool": "1.0"}
    write_channel(server.folder, [Package(name="tool", version="2.0")], sharded=sharded)

    assert versions(solve(server, "tool", cache=tmp_path)) == {"tool": "2.0"}


def test_a_cache_that_is_said_to_be_fresh_is_asked_about_only_with_refresh(
    server: ChannelServer, tmp_path: Path
) -> None:
    server.folder = tmp_path / "changing"
    server.max_age = 3600
    write_channel(server.folder, [Package(name="tool", version="1.0")])
    assert versions(solve(server, "tool", cache=tmp_path)) == {"tool": "1.0"}
    write_channel(server.folder, [Package(name="tool", version="2.0")])

    assert versions(solve(server, "tool", cache=tmp_path)) == {"tool": "1.0"}
    assert versions(solve(server, "tool", cache=tmp_path, refresh=True)) == {"tool": "2.0"}
    assert versions(solve(server, "tool", cache=tmp_path, offline=True)) == {"tool": "2.0"}


def test_offline_the_cache_answers_and_nobody_is_asked(server: ChannelServer, tmp_path: Path, right: list[str]) -> None:
    solve(server, cache=tmp_path)
    server.asked.clear()
    server.fault = refusals(500)

    assert files(solve(server, cache=tmp_path, offline=True)) == right
    with pytest.raises(ChannelUnreachable, match="not in the cache, and --offline asks nobody"):
        solve(server, cache=tmp_path / "empty", offline=True)
    assert server.asked == []


def test_offline_a_package_whose_shard_was_never_read_is_named(sharded: ChannelServer, tmp_path: Path) -> None:
    solve(sharded, "ninja", cache=tmp_path)
    sharded.asked.clear()

    with pytest.raises(ChannelUnreachable, match="the records of psutil are not in the cache"):
        solve(sharded, "psutil", cache=tmp_path, offline=True)
    assert sharded.asked == []


def test_a_host_that_refuses_is_told_and_asked_only_once(folders: dict[str, Path]) -> None:
    solver = RattlerSolver(cache=None, settings=())
    port = free_port()
    channel = f"http://127.0.0.1:{port}/channel"

    assert solver.reach((channel,), "linux-64") == "connection refused"
    with ChannelServer(folders["plain"], port=port) as server:
        with pytest.raises(ChannelUnreachable, match="connection refused"):
            solver.solve(question("ninja", channels=(channel,)))
        assert server.url == channel
        assert server.asked == []


def test_a_host_that_takes_no_connection_is_told_in_bounded_time() -> None:
    with black_hole() as channel:
        solver = RattlerSolver(cache=None, settings=(), patience=IMPATIENT)
        assert solver.reach((channel,), "linux-64") == "no answer in time"


def test_a_host_that_never_answers_is_told_in_bounded_time(sharded: ChannelServer) -> None:
    sharded.fault = always(Reply(pause=30))
    solver = RattlerSolver(cache=None, settings=(), patience=IMPATIENT)

    with pytest.raises(ChannelUnreachable, match="no answer in time"):
        solver.solve(question("ninja", channels=(sharded.url,)))


def test_a_slow_channel_has_time(server: ChannelServer, right: list[str]) -> None:
    server.fault = lambda path, reply: Reply(status=reply.status, body=reply.body, pause=0.1)

    assert files(solve(server)) == right


def test_the_default_patience_is_bounded_by_twenty_seconds() -> None:
    assert Patience().before_probe + 2 * Patience().probe <= 20


def test_of_several_channels_the_one_at_fault_is_named(
    server: ChannelServer, small_channel: str, tmp_path: Path
) -> None:
    write_channel(tmp_path, [])
    (tmp_path / "linux-64" / "repodata.json").write_text("{", encoding="utf-8")
    solver = RattlerSolver(cache=None, settings=())

    with pytest.raises(ChannelBroken) as raised:
        solver.solve(question("ninja", "nothing", channels=(small_channel, tmp_path.as_uri(), server.url)))
    assert tmp_path.as_uri() in raised.value.sentence
