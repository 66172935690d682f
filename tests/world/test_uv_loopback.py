"""The real uv over the loopback index: it sees the universe and nothing else."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.version import Version

from envcompose.errors import IndexUnreachable, ResolverBroken
from envcompose.model.analysis import Analysis
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.ports import Offer, Question
from envcompose.resolve.universe import TargetUniverse
from envcompose.world.loopback import Loopback
from envcompose.world.uv import UvResolver


class FakeUniverse:
    """A universe of plain wheels: (name, version) to requirements; `asked` lists what was wanted."""

    def __init__(self, releases: dict[tuple[str, str], tuple[str, ...]], failing: str | None = None) -> None:
        self._releases = releases
        self._failing = failing
        self.asked: list[str] = []

    def page(self, name: str) -> Sequence[Offer] | None:
        self.asked.append(name)
        if name == self._failing:
            raise IndexUnreachable(index="the default index", reason="no connection")
        offers = [
            Offer(filename=filename(*key), sha256=digest(*key), requires_python=None, yanked=False, uploaded=None)
            for key in self._releases
            if key[0] == name
        ]
        return offers or None

    def metadata(self, name: str, filename_: str) -> str | None:
        for (own, version), requires in self._releases.items():
            if filename(own, version) == filename_:
                self.asked.append(filename_)
                needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
                return f"Metadata-Version: 2.1\nName: {own}\nVersion: {version}\n{needs}"
        return None


def filename(name: str, version: str) -> str:
    return f"{name}-{version}-py3-none-any.whl"


def digest(name: str, version: str) -> str:
    return hashlib.sha256(filename(name, version).encode()).hexdigest()


def question(*requirements: str, **more: tuple[str, ...]) -> Question:
    given = {"constraints": (), "overrides": (), **more}
    return Question(requirements=requirements, python="3.12", glibc="2.28", **given)  # type: ignore[arg-type]


RELEASES = {
    ("alpha", "1.0"): ("beta>=2",),
    ("alpha", "0.9"): (),
    ("beta", "1.0"): (),
    ("beta", "2.0"): ("gamma ; python_version < '3'", "delta ; sys_platform == 'linux'"),
    ("delta", "0.1"): (),
}


def test_pins_are_what_uv_chose_with_the_markers_of_the_target() -> None:
    with UvResolver() as resolver:
        answer = resolver.resolve(question("alpha"), FakeUniverse(RELEASES))
    assert answer.pins == {"alpha": "1.0", "beta": "2.0", "delta": "0.1"}


def test_only_the_metadata_that_uv_asks_for_are_made() -> None:
    universe = FakeUniverse(RELEASES)
    with UvResolver() as resolver:
        resolver.resolve(question("alpha"), universe)
    assert filename("alpha", "0.9") not in universe.asked
    assert "gamma" not in universe.asked


def test_constraints_and_overrides_are_honoured() -> None:
    with UvResolver() as resolver:
        held = resolver.resolve(question("alpha", constraints=("beta<2",)), FakeUniverse(RELEASES))
        turned = resolver.resolve(question("alpha", overrides=("beta==1.0",)), FakeUniverse(RELEASES))
    assert held.pins == {"alpha": "0.9"}
    assert turned.pins == {"alpha": "1.0", "beta": "1.0"}


def test_what_cannot_be_resolved_comes_with_uvs_words_and_without_the_loopback_address() -> None:
    with UvResolver() as resolver:
        answer = resolver.resolve(question("alpha==1.0", "beta<2"), FakeUniverse(RELEASES))
        missing = resolver.resolve(question("omega"), FakeUniverse(RELEASES))
    assert answer.pins is None
    assert "depends on beta>=2" in " ".join(answer.words.split())
    assert missing.pins is None
    assert "127.0.0.1" not in answer.words + missing.words


def test_an_error_of_the_universe_is_raised_and_not_taken_for_a_missing_project() -> None:
    with UvResolver() as resolver, pytest.raises(IndexUnreachable):
        resolver.resolve(question("alpha"), FakeUniverse(RELEASES, failing="beta"))


def test_a_failure_of_uv_itself_is_said_as_such() -> None:
    with UvResolver() as resolver, pytest.raises(ResolverBroken) as caught:
        resolver.resolve(question("this is no requirement"), FakeUniverse(RELEASES))
    assert caught.value.exit_status == 3


def test_the_users_settings_of_uv_steer_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\nresolution = "lowest"\n')
    for name, value in {
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "UV_INDEX_URL": "http://127.0.0.1:9/simple",
        "UV_EXTRA_INDEX_URL": "http://127.0.0.1:9/simple",
        "UV_RESOLUTION": "lowest",
        "UV_OFFLINE": "1",
        "UV_PRERELEASE": "disallow",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with UvResolver() as resolver:
        answer = resolver.resolve(question("beta"), FakeUniverse(RELEASES))
    assert answer.pins == {"beta": "2.0", "delta": "0.1"}


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with UvResolver() as resolver:
        resolver.resolve(question("alpha"), FakeUniverse(RELEASES))
        scratch = Path(resolver._scratch.name)
        assert [path.name for path in scratch.glob("r*")] == ["r1"]
    assert not scratch.exists()
    assert list(tmp_path.iterdir()) == []


class HashlessIndex:
    """An index as plain HTML mirrors are: two releases, no hashes."""

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        if name not in ("beta", "delta"):
            return None
        return tuple(
            PackageFile(name=name, version=Version(v), filename=filename(name, v), url="https://x", sha256=None)
            for own, v in RELEASES
            if own == name
        )

    def metadata(self, file: PackageFile) -> str:
        needs = "".join(f"Requires-Dist: {text}\n" for text in RELEASES[file.name, str(file.version)])
        return f"Metadata-Version: 2.1\nName: {file.name}\nVersion: {file.version}\n{needs}"

    def contents(self, file: PackageFile) -> WheelContents | None:
        return None

    def known_size(self, file: PackageFile) -> int | None:
        return None

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        raise AssertionError("there is no sdist")

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        return None


# uv takes files with equal hashes for one file, whatever their names.
def test_releases_without_a_hash_keep_their_own_metadata() -> None:
    with UvResolver() as resolver:
        answer = resolver.resolve(question("beta"), TargetUniverse(HashlessIndex(), python="3.12", glibc="2.28"))
    assert answer.pins == {"beta": "2.0", "delta": "0.1"}


# The loopback index by itself


def fetch(url: str, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_a_page_lists_the_offers_with_their_metadata() -> None:
    with Loopback() as loopback:
        url = loopback.show(FakeUniverse(RELEASES))
        root = urlsplit(url).path.removesuffix("/simple")
        status, body = fetch(url, f"{root}/simple/alpha/")
        document = json.loads(body)
        assert (status, document["name"]) == (200, "alpha")
        assert {file["filename"] for file in document["files"]} == {filename("alpha", "1.0"), filename("alpha", "0.9")}
        file = next(file for file in document["files"] if file["filename"] == filename("alpha", "1.0"))
        status, body = fetch(url, file["url"] + ".metadata")
        assert (status, body.splitlines()[-1]) == (200, b"Requires-Dist: beta>=2")


@pytest.mark.parametrize(
    "path", ["/", "/u0", "/u9/simple/alpha/", "/u0/simple/omega/", "/u0/files/alpha/x.whl", "/u0/%2e%2e/x"]
)
def test_everything_else_is_not_found(path: str) -> None:
    with Loopback() as loopback:
        assert fetch(loopback.show(FakeUniverse(RELEASES)), path)[0] == 404


def test_two_universes_are_kept_apart() -> None:
    with Loopback() as loopback:
        first = loopback.show(FakeUniverse(RELEASES))
        second = loopback.show(FakeUniverse({}))
        assert first != second
        assert fetch(first, urlsplit(first).path + "/alpha/")[0] == 200
        assert fetch(second, urlsplit(second).path + "/alpha/")[0] == 404


def test_nobody_else_on_the_network_can_ask() -> None:
    with Loopback() as loopback:
        assert urlsplit(loopback.show(FakeUniverse({}))).hostname == "127.0.0.1"
