"""Which PyPI projects a conda record stands for: by the public map, fetched once and kept, or by our own table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from envcompose.model.facts import Facts
from envcompose.model.record import CondaRecord
from envcompose.read.recipes import load_facts
from envcompose.world.cache import Cache
from envcompose.world.files import recipe_texts
from envcompose.world.http import Http
from envcompose.world.name_map import FRESH_SECONDS, PublicNameMap
from tests.world.channel_server import ChannelServer, Reply, free_port

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
CONDA_FORGE = "https://conda.anaconda.org/conda-forge/"
MAP = {
    "pytorch": "torch",
    "jaxlib": ["jaxlib", "jax-cuda12-plugin", "Jax_CUDA12.pjrt"],
    "ninja": None,
    "numpy": ["numpy"],
    "cuda-nvcc": [],
}


@pytest.fixture(scope="module")
def facts() -> Facts:
    return load_facts({path: text for path, text in recipe_texts().items() if path != "tables/build_rules.toml"})


def record(
    name: str,
    *,
    channel: str = CONDA_FORGE,
    version: str = "1.0",
    noarch: str | None = None,
    depends: tuple[str, ...] = (),
) -> CondaRecord:
    return CondaRecord(
        name=name,
        version=version,
        build="0",
        build_number=0,
        subdir="noarch" if noarch else "linux-64",
        url=f"{channel}linux-64/{name}-{version}-0.conda",
        channel=channel,
        file_name=f"{name}-{version}-0.conda",
        noarch=noarch,
        depends=depends,
    )


class World:
    """A server with a map, a cache and a clock."""

    def __init__(self, server: ChannelServer, cache: Path, facts: Facts) -> None:
        self.server = server
        self.cache = cache
        self.facts = facts
        self.clock = 1_000_000_000.0
        self.told: list[str] = []

    def names(self, address: str | None = None, **wishes: Any) -> PublicNameMap:
        return PublicNameMap(
            self.facts,
            cache=Cache(self.cache),
            http=Http(pause=0.001),
            now=lambda: self.clock,
            address=address or f"{self.server.url}/map.json",
            tell=self.told.append,
            **wishes,
        )

    def write(self, document: object) -> None:
        (self.server.folder / "map.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def world(tmp_path: Path, facts: Facts) -> Iterator[World]:
    (tmp_path / "server").mkdir()
    with ChannelServer(tmp_path / "server") as server:
        made = World(server, tmp_path / "cache", facts)
        made.write(MAP)
        yield made


def test_the_public_map_answers_by_conda_name_in_normalised_sorted_names(world: World) -> None:
    names = world.names()

    assert names.pypi_names(record("pytorch")) == ("torch",)
    assert names.pypi_names(record("jaxlib")) == ("jax-cuda12-pjrt", "jax-cuda12-plugin", "jaxlib")
    assert names.pypi_names(record("ninja")) == names.pypi_names(record("cuda-nvcc")) == ()
    assert not names.by_tables


def test_a_name_that_the_map_lacks_is_itself_on_conda_forge_as_pixi_has_it(world: World) -> None:
    names = world.names()

    assert names.pypi_names(record("Brand_New")) == ("brand-new",)
    assert names.pypi_names(record("libbrand", version="9e")) == ()
    assert names.pypi_names(record("_brand")) == ()


def test_a_name_that_the_map_lacks_follows_the_rule_on_any_other_channel(world: World) -> None:
    names, channel = world.names(), "file:///srv/conda-forge-copy/"

    assert names.pypi_names(record("pytorch", channel=channel)) == ("torch",)
    assert names.pypi_names(record("brand", channel=channel)) == ()
    assert names.pypi_names(record("brand", channel=channel, noarch="python")) == ("brand",)


@pytest.mark.parametrize(
    "channel",
    [
        "https://conda.anaconda.org/nvidia/",
        "https://conda.anaconda.org/nvidia/label/cuda-11.8.0/",
        "https://conda.anaconda.org/pytorch/",
        "https://repo.anaconda.com/pkgs/main/",
        "file:///srv/mirror/bioconda/",
    ],
)
def test_a_channel_that_is_known_to_be_another_has_no_names(world: World, channel: str) -> None:
    assert world.names().pypi_names(record("numpy", channel=channel)) == ()


@pytest.mark.parametrize(
    "channel",
    [
        CONDA_FORGE,
        "https://repo.prefix.dev/conda-forge/",
        "https://host.example/api/conda/conda-forge-remote/",
        "file:///srv/channel/",
        "https://conda.anaconda.org/conda-forge/label/rc/",
    ],
)
def test_conda_forge_its_mirrors_and_private_channels_have_names(world: World, channel: str) -> None:
    assert world.names().pypi_names(record("numpy", channel=channel)) == ("numpy",)


def test_the_map_is_asked_for_only_when_a_name_is_wanted_and_once(world: World) -> None:
    names = world.names()
    assert world.server.asked == []
    for _ in range(3):
        names.pypi_names(record("numpy"))

    assert world.server.paths() == ["map.json"]


def test_a_map_is_kept_for_a_day_and_then_fetched_again(world: World) -> None:
    world.names().pypi_names(record("numpy"))
    world.write({**MAP, "numpy": "other"})
    world.clock += FRESH_SECONDS - 1
    assert world.names().pypi_names(record("numpy")) == ("numpy",)
    assert world.names(refresh=True).pypi_names(record("numpy")) == ("other",)
    world.write(MAP)
    world.clock += FRESH_SECONDS + 1

    assert world.names().pypi_names(record("numpy")) == ("numpy",)


def test_a_map_from_the_future_is_fetched_again(world: World) -> None:
    world.names().pypi_names(record("numpy"))
    world.clock -= 10
    world.names().pypi_names(record("numpy"))

    assert len(world.server.asked) == 2


def test_offline_the_kept_map_answers_however_old_and_nobody_is_asked(world: World) -> None:
    world.names().pypi_names(record("numpy"))
    world.server.asked.clear()
    world.clock += 400 * FRESH_SECONDS

    assert world.names(offline=True).pypi_names(record("pytorch")) == ("torch",)
    assert world.server.asked == []


def test_offline_without_a_kept_map_our_own_table_answers_and_nobody_is_asked(world: World) -> None:
    names = world.names(offline=True)

    assert names.pypi_names(record("pytorch")) == ("torch",)
    assert names.by_tables
    assert names.source.startswith("envcompose's own table of conda names of 20")
    assert world.server.asked == []


FAULTS: dict[str, Callable[[Reply], Reply]] = {
    "a page": lambda right: Reply(body=b"<html>log in</html>", kind="text/html"),
    "half": lambda right: Reply(body=right.body[: len(right.body) // 2]),
    "a broken connection": lambda right: Reply(body=right.body, cut=10),
    "nothing": lambda right: Reply(body=b""),
    "no names": lambda right: Reply(body=b"{}"),
    "a list": lambda right: Reply(body=b"[]"),
    "an error as JSON": lambda right: Reply(body=b'{"error": {"code": 7}}'),
    "no project's name": lambda right: Reply(body=b'{"numpy": "not a name"}'),
    "bytes": lambda right: Reply(body=b"\xff\xfe"),
    "404": lambda right: Reply(status=404),
    "500": lambda right: Reply(status=500),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_answer_that_is_no_map_is_told_and_never_believed(world: World, fault: Callable[[Reply], Reply]) -> None:
    world.server.fault = lambda path, right: fault(right)
    names = world.names()

    assert names.pypi_names(record("pytorch")) == ("torch",)
    assert names.by_tables
    assert len(world.told) == 1


def test_where_the_map_fails_an_old_one_that_is_kept_answers(world: World) -> None:
    world.names().pypi_names(record("numpy"))
    world.clock += 10 * FRESH_SECONDS
    world.server.fault = lambda path, right: Reply(status=500)
    names = world.names()

    assert names.pypi_names(record("jaxlib"))[0] == "jax-cuda12-pjrt"
    assert not names.by_tables


def test_a_server_that_is_not_there_leaves_our_own_table(world: World) -> None:
    names = world.names(f"http://127.0.0.1:{free_port()}/map.json")

    assert names.pypi_names(record("cuda-nvcc")) == ()
    assert names.by_tables


def test_the_source_names_the_maps_day_and_digest_and_no_hour(world: World) -> None:
    world.server.fault = lambda path, right: Reply(
        body=right.body, headers={"Last-Modified": "Wed, 19 Aug 2026 10:11:12 GMT"}
    )
    first = world.names().source
    assert first.startswith("the public map of conda names of 2026-08-19 (sha256 ")
    world.clock += 77

    assert world.names().source == first


# What our own table must say of the conda layers of CUDA stacks (facts: conda-forge.md, section 5).
TABLE = {
    "pytorch": ("torch",),
    "pytorch-gpu": (),
    "libtorch": (),
    "ninja": (),
    "cmake": (),
    "uv": (),
    "ninja-python": ("ninja",),
    "python-uv": ("uv",),
    "cuda-nvcc": (),
    "cuda-version": (),
    "nccl": (),
    "libcublas-dev": (),
    "python": (),
    "python_abi": (),
    "typing-extensions": (),
    "msgpack-python": ("msgpack", "msgpack-python"),
    "jaxlib": ("jax-cuda12-pjrt", "jax-cuda12-plugin", "jaxlib"),
}


@pytest.mark.parametrize(("name", "expected"), TABLE.items())
def test_our_own_table_knows_the_names_of_cuda_stacks(world: World, name: str, expected: tuple[str, ...]) -> None:
    assert world.names(offline=True).pypi_names(record(name)) == expected


def test_by_our_own_table_what_needs_python_is_the_project_of_its_name(world: World) -> None:
    names = world.names(offline=True)

    assert names.pypi_names(record("typing_extensions", noarch="python")) == ("typing-extensions",)
    assert names.pypi_names(record("flash-attn", depends=("python >=3.12,<3.13.0a0", "pytorch"))) == ("flash-attn",)
    assert names.pypi_names(record("brand", depends=("python_abi 3.13.* *_cp313",))) == ("brand",)
    assert names.pypi_names(record("brand", depends=("pythonx", "libpython"))) == ()


@pytest.mark.skipif(not DATA.is_dir(), reason="the data beside the checkout are not there")
def test_our_own_table_says_of_every_collected_record_what_the_public_map_says(world: World) -> None:
    document = json.loads((DATA / "conda-pypi-names.json").read_text(encoding="utf-8"))
    same, other = set(document["same"]), document["other"]
    names = world.names(offline=True)
    differing = {}
    for raw in collected():
        found = names.pypi_names(
            record(
                raw["name"],
                version=raw["version"],
                noarch="generic" if raw.get("noarch") is True else raw.get("noarch"),
                depends=tuple(raw["depends"]),
            )
        )
        expected = tuple(
            sorted(other.get(raw["name"], [canonicalize_name(raw["name"])] if raw["name"] in same else []))
        )
        if found != expected:
            differing[raw["name"]] = (found, expected)

    assert differing == {}


def collected() -> Iterator[dict[str, Any]]:
    for subdir in ("linux-64", "noarch"):
        document = json.loads((DATA / "conda-forge-sample" / subdir / "repodata.json").read_text(encoding="utf-8"))
        yield from document["packages"].values()
        yield from document["packages.conda"].values()
