"""The parts of locking that need no engine: what is solved, name maps, indexes, places, subsets, tags of platforms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from core_fakes import FakeIndex
from packaging.requirements import Requirement
from packaging.version import Version

from envcompose.lock.conda_half import channel_address
from envcompose.lock.goals import goals_of
from envcompose.lock.indexes import IndexRules, ManifestIndex
from envcompose.lock.names import MappedNames
from envcompose.lock.places import Place, locked_git, locked_path, locked_url, place_of_url, requirement_at
from envcompose.lock.subset import conda_subset
from envcompose.lock.uv_sources import redirected
from envcompose.manifest.workspace import IndexStrategy, NameMapping, PypiOptions
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.manifest.workspace_views import environments_of
from envcompose.model.distribution import PackageFile
from envcompose.model.record import CondaRecord
from envcompose.resolve.tags import WheelPlatform, platform_ranks

CHANNEL = "https://channels.example/own/"
MARKERS = {"python_version": "3.12", "python_full_version": "3.12.4", "sys_platform": "linux", "os_name": "posix"}


def record(name: str, version: str = "1.0", *depends: str, channel: str = CHANNEL) -> CondaRecord:
    file = f"{name}-{version}-0.conda"
    return CondaRecord(
        name=name,
        version=version,
        build="0",
        build_number=0,
        subdir="noarch",
        url=f"{channel}noarch/{file}",
        channel=channel,
        file_name=file,
        depends=depends,
    )


# What is solved


def test_a_group_is_solved_once_for_each_platform_and_environments_alone_for_theirs() -> None:
    text = """
[workspace]
channels = ["conda-forge"]
platforms = ["linux-64", "osx-arm64"]
[dependencies]
python = "3.12.*"
[feature.a]
platforms = ["linux-64"]
[feature.a.dependencies]
one = "*"
[feature.b.pypi-dependencies]
two = "*"
[environments]
default = { solve-group = "all" }
a = { features = ["a"], solve-group = "all" }
b = ["b"]
"""
    goals = goals_of(read_workspace(text, "pixi.toml"))
    assert [(goal.label, [view.environment for view in goal.views]) for goal in goals] == [
        ("solve group all (environments default, a) on linux-64", ["default", "a"]),
        ("solve group all (environment default) on osx-arm64", ["default"]),
        ("environment b on linux-64", ["b"]),
        ("environment b on osx-arm64", ["b"]),
    ]
    assert [wish.name for wish in goals[0].dependencies] == ["python", "one"]
    assert [goal.system for goal in goals] == ["2.28", "13.0", "2.28", "13.0"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://channels.example/own/", "https://channels.example/own/"),
        ("./own/", "file:///home/me/work/own/"),
        ("../own/", "file:///home/me/own/"),
        ("/own/", "file:///own/"),
    ],
)
def test_channels_on_disk_are_seen_from_the_folder_of_the_manifest(url: str, expected: str) -> None:
    assert channel_address(url, "file:///home/me/work") == expected


# Name maps


class PublicMap:
    """A public map that gives every package its name in capitals, so that its answers can be told."""

    source = "a test"

    def pypi_names(self, record: CondaRecord) -> tuple[str, ...]:
        return (f"public-{record.name}",)


def names(*said: NameMapping, files: Mapping[str, tuple[str, ...]] | None = None) -> MappedNames:
    return MappedNames(PublicMap(), said, lambda location: files or {})


def test_a_map_that_is_off_gives_no_names() -> None:
    assert names().pypi_names(record("numpy")) == ()


def test_entries_of_the_manifest_go_before_the_public_map_and_before_those_of_its_file() -> None:
    said = NameMapping(channel=CHANNEL, location="map.json", mapping={"A": ("One", "two_2"), "b": ()})
    mapped = names(said, files={"a": ("other",), "c": ("three",)})
    assert mapped.pypi_names(record("a")) == ("one", "two-2")
    assert mapped.pypi_names(record("b")) == ()
    assert mapped.pypi_names(record("c")) == ("three",)
    assert mapped.pypi_names(record("d")) == ("public-d",)
    assert mapped.pypi_names(record("a", channel="https://channels.example/another/")) == ("public-a",)
    assert [mapped.says(record(name)) for name in "abd"] == [True, True, False]


def test_a_map_that_replaces_leaves_the_public_one_out() -> None:
    said = NameMapping(channel=CHANNEL, mapping={"a": ("one",)}, replace=True)
    assert names(said).pypi_names(record("d")) == ()
    alike = NameMapping(channel=CHANNEL, mapping={}, replace=True, same_name=True)
    assert names(alike).pypi_names(record("Some_Tool")) == ("some-tool",)
    assert names(alike).pypi_names(record("tool", "2026a.b")) == ()
    forge = NameMapping(channel="conda-forge", mapping={}, replace=True)
    assert names(forge).pypi_names(record("tool", channel="https://conda.anaconda.org/conda-forge/")) == ("tool",)


def test_a_channel_can_be_left_without_names() -> None:
    assert names(NameMapping(channel=CHANNEL, disabled=True)).pypi_names(record("a")) == ()


# Indexes


def wheel(version: str, *, uploaded: str | None = None, url: str = "https://index.example/") -> PackageFile:
    filename = f"own-{version}-py3-none-any.whl"
    return PackageFile(
        name="own", version=Version(version), filename=filename, url=url + filename, sha256=None, uploaded=uploaded
    )


def index_of(rules: IndexRules, pages: Mapping[str | None, tuple[PackageFile, ...]]) -> ManifestIndex:
    """The indexes of a manifest over pages of one project each."""

    class Pages(FakeIndex):
        def __init__(self, urls: tuple[str | None, ...]) -> None:
            super().__init__()
            self.urls = urls

        def project(self, name: str) -> tuple[PackageFile, ...] | None:
            return next((pages[url] for url in self.urls if pages.get(url)), None)

    return ManifestIndex(Pages, rules)


def test_indexes_are_asked_extra_ones_first_and_all_of_them_on_request() -> None:
    pages = {"extra": (wheel("1"),), None: (wheel("1", url="https://late.example/"), wheel("2"))}
    options = PypiOptions(extra_index_urls=("extra",))
    assert index_of(IndexRules(options=options), pages).project("own") == pages["extra"]
    every = PypiOptions(extra_index_urls=("extra",), index_strategy=IndexStrategy.UNSAFE_BEST_MATCH)
    assert index_of(IndexRules(options=every), pages).project("own") == (wheel("1"), wheel("2"))


def test_with_find_links_alone_no_index_is_asked() -> None:
    linked = wheel("9", url="./links/")
    rules = IndexRules(options=PypiOptions(find_links=(("path", "links"),)), links={"own": (linked,)})
    index = index_of(rules, {None: (wheel("1"),)})
    assert index.project("own") == (linked,)
    assert index.project("other") is None


def test_after_the_day_of_a_name_nothing_is_shown_and_nothing_without_a_time() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    files = (
        wheel("1", uploaded="2025-12-31T23:59:59+00:00"),
        wheel("2", uploaded="2026-01-01T00:00:00Z"),
        wheel("3", uploaded="2026-01-01T01:00:00+02:00"),
        wheel("4"),
    )
    rules = IndexRules(options=PypiOptions(), cutoff=lambda name: day)
    found = index_of(rules, {None: files}).project("own") or ()
    assert [str(file.version) for file in found] == ["1", "3"]


# Places


def test_paths_are_locked_as_seen_from_the_lock() -> None:
    paths = (".", "own", "./own/", "sub/../own", "../own", "/own")
    assert [locked_path(Place(path=path)) for path in paths] == ["./", "./own", "./own", "./own", "../own", "/own"]


def test_commits_and_addresses_are_locked_without_logins() -> None:
    place = Place(repository="https://me:secret@git.example/own.git", reference=("branch", "a/b c"), inside="./python/")
    assert (
        locked_git(place, "c" * 40) == f"git+https://git.example/own.git?subdirectory=python&branch=a%2Fb+c#{'c' * 40}"
    )
    by_project = Place(repository="https://git.example/own", reference=("tag", "v1"), by_project=True)
    assert locked_git(by_project, "c" * 40) == f"git+https://git.example/own?rev=v1#{'c' * 40}"
    assert (
        locked_url(Place(url="https://me:secret@files.example/own-1.0.zip"))
        == "direct+https://files.example/own-1.0.zip"
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("git+https://git.example/own@v1#subdirectory=a", Place(repository="https://git.example/own", reference=("rev", "v1"), inside="a")),
        ("git+ssh://git@git.example/own", Place(repository="ssh://git@git.example/own")),
        ("https://files.example/own-1.0.zip", Place(url="https://files.example/own-1.0.zip")),
        ("file:///home/me/own%20one", Place(path="/home/me/own one")),
        ("./own", Place(path="./own")),
    ],
)  # fmt: skip
def test_direct_references_are_places(address: str, expected: Place) -> None:
    assert place_of_url(address) == expected


def test_requirements_say_where_a_project_takes_them_from() -> None:
    wanted = Requirement("other[x]>=2; python_version < '4'")
    place = Place(repository="https://git.example/other", reference=("rev", "v1"), inside="a", by_project=True)
    assert requirement_at(wanted, place) == (
        'other[x] @ git+https://git.example/other@v1#subdirectory=a ; python_version < "4"'
    )
    assert requirement_at(Requirement("other"), Place(path="../other")) == "other @ ../other"


def test_the_first_source_that_holds_counts_and_what_is_not_followed_is_named() -> None:
    text = b"""
[tool.uv.sources]
one = [{ path = "win", marker = "sys_platform == 'win32'" }, { path = "../one" }]
two = { git = "https://git.example/two", rev = "v1" }
three = { index = "unknown" }
four = { url = "https://files.example/four-1.0.zip", group = "dev" }
five = { workspace = true }
"""
    found = redirected({"pyproject.toml": text}, Place(path="own"), MARKERS)
    assert found.places == {
        "one": Place(path="one"),
        "two": Place(repository="https://git.example/two", reference=("rev", "v1"), by_project=True),
    }
    assert found.unread == ("three", "five")
    within = Place(repository="https://git.example/own", inside="python")
    assert redirected({"pyproject.toml": text}, within, MARKERS).places["one"].inside == "one"
    assert redirected({"pyproject.toml": b"[tool"}, within, MARKERS).places == {}


# Environments of a group


def test_an_environment_has_what_its_requests_and_its_twins_reach() -> None:
    text = """
[workspace]
channels = ["conda-forge"]
platforms = ["linux-64"]
[dependencies]
a = "*"
"""
    (view,) = environments_of(read_workspace(text, "pixi.toml"))
    records = {
        one.name: one
        for one in (record("a", "1", "b >=1", "__glibc"), record("b"), record("c", "1", "d"), record("d"), record("e"))
    }
    assert [one.name for one in conda_subset(view, records, ())] == ["a", "b"]
    assert [one.name for one in conda_subset(view, records, [records["c"]])] == ["a", "b", "c", "d"]


# Platforms


@pytest.mark.parametrize(
    ("platform", "fitting", "not_fitting"),
    [
        (WheelPlatform(), "cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_29_x86_64"),
        (WheelPlatform(subdir="linux-aarch64"), "cp312-cp312-manylinux2014_aarch64", "cp312-cp312-manylinux2014_x86_64"),
        (WheelPlatform(subdir="osx-arm64", system="13.0"), "cp312-cp312-macosx_11_0_universal2", "cp312-cp312-macosx_14_0_arm64"),
        (WheelPlatform(subdir="osx-64", system="13.0"), "cp312-abi3-macosx_10_9_x86_64", "cp312-cp312-macosx_11_0_arm64"),
        (WheelPlatform(subdir="win-64", system=""), "cp312-cp312-win_amd64", "cp312-cp312-win32"),
        (WheelPlatform(free_threaded=True), "cp312-cp312t-linux_x86_64", "cp312-cp312-linux_x86_64"),
        (WheelPlatform(subdir="linux-s390x"), "py3-none-any", "cp312-cp312-manylinux2014_s390x"),
    ],
)  # fmt: skip
def test_wheels_fit_their_platform_alone(platform: WheelPlatform, fitting: str, not_fitting: str) -> None:
    ranks = platform_ranks("3.12", platform)
    assert fitting in ranks
    assert not_fitting not in ranks
