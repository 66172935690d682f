"""Conda's versions and match specs, without a solver: their order, their forms, and what they match."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import LockedConda
from envcompose.manifest.match_condition import parse_condition
from envcompose.manifest.match_spec import MatchSpec, parse_match_spec, render_match_spec
from envcompose.manifest.version_spec import SpecInvalid, parse_version_spec

CHANNEL = "https://conda.anaconda.org/conda-forge"
# Each is newer than the one before it (the ladder of conda's own documentation, and pre- and post-releases of C libraries).
LADDER = """
0.4 0.4.1.rc 0.4.1 0.5a1 0.5b3 0.5C1 0.5 0.9.6 0.960923 1.0 1.1dev1 1.1_ 1.1a1 1.1.0dev1 1.1.a1 1.1.0rc1 1.1.0 1.1.0post1
1.1post1 1996.07.12 1!0.4.1 1!3.1.1.6 2!0.4.1
"""


def record(version: str = "1.2.3", build: str = "h0_1", **more: Any) -> LockedConda:
    return LockedConda(
        **{
            "url": f"{CHANNEL}/linux-64/some-{version}-{build}.conda",
            "name": "some",
            "version": version,
            "build": build,
            "build_number": 1,
            "subdir": "linux-64",
        }
        | more
    )


def test_versions_are_ordered_as_conda_orders_them() -> None:
    versions = [parse_version(text) for text in LADDER.split() if text not in {"1.1.0dev1", "1.1.a1", "1.1.0post1"}]
    assert versions == sorted(versions)
    assert all(one < other for one, other in pairwise(versions))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1"),
        ("1.0.0", "1.0"),
        ("1.1.0", "1.1"),
        ("0.5.0", "0.5"),
        ("1.0-a", "1.0_a"),
        ("1.0+1", "1.0+1.0"),
        ("1.0A", "1.0a"),
    ],
)
def test_versions_that_are_written_differently_are_the_same(one: str, other: str) -> None:
    assert parse_version(one) == parse_version(other)
    assert hash(parse_version(one)) == hash(parse_version(other))


@pytest.mark.parametrize("text", ["", "1..2", "1.2!", "a b", "1+2+3", "1.é", "1-2_3"])
def test_a_text_that_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(VersionInvalid):
        parse_version(text)


@pytest.mark.parametrize(
    ("spec", "admitted", "refused"),
    [
        ("1.2.*", "1.2 1.2.3 1.2.9rc1", "1.20 1.3 1.1"),
        ("=1.2", "1.2 1.2.3", "1.20 1.3"),
        ("1.2", "1.2 1.2.0", "1.2.1"),
        ("~=1.2", "1.2 1.9", "2.0 1.1"),
        ("~=1.2.3", "1.2.3 1.2.9", "1.3 1.2.2"),
        (">=1.2,<2", "1.2 1.9.9", "2.0 1.1"),
        (">=1.2,<2.0a0", "1.99", "2.0a1 2.0"),
        ("1.2.*|1.4.*", "1.2.1 1.4", "1.3"),
        (">=1,<1.3|>=1.5,!=1.6", "1.2 1.5 1.7", "1.4 1.6"),
        ("(>=1|<0.5),!=1.1", "0.4 1.0", "0.6 1.1"),
        ("!=1.2.*", "1.3", "1.2.7"),
        ("*", "0 99", ""),
    ],
)
def test_a_version_spec_admits_what_it_says(spec: str, admitted: str, refused: str) -> None:
    parsed = parse_version_spec(spec)
    assert [text for text in admitted.split() if not parsed.admits(parse_version(text))] == []
    assert [text for text in refused.split() if parsed.admits(parse_version(text))] == []


@pytest.mark.parametrize("text", ["1.2 3", ">=", ">=1,", "|1", "(>=1", ">=1)", "=>1", "1.2@3", "^1[.]2$", "1.*.3"])
def test_a_text_that_is_no_version_spec_is_refused(text: str) -> None:
    with pytest.raises(SpecInvalid):
        parse_version_spec(text)


def test_the_words_of_a_bad_spec_never_repeat_a_whole_page() -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_version_spec("(" * 5000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "some",
        "SOME 1.2.*",
        "some >=1.2,<2",
        "some=1.2.3",
        "some=1.2.3=h0_1",
        "some 1.2.3 h0_*",
        "some ==1.2.3 h0_1",
        "some * *_1",
        "some 1.2.* ^h.*1$",
        "some[version='>=1', build=h0*]",
        'some[build_number=">=1"]',
        "some[build_number=1, md5=" + "a" * 32 + "]",
        "conda-forge::some 1.2.*",
        "conda-forge/linux-64::some",
        "https://example.org/channel::some",
        "some[subdir=osx-64]",
        "some[license=MIT]",
        f"{CHANNEL}/linux-64/some-1.2.3-h0_1.conda",
    ],
)
def test_a_spec_of_any_form_matches(text: str) -> None:
    assert parse_match_spec(text).matches(record(md5="a" * 32, license="MIT"))


@pytest.mark.parametrize(
    "text",
    [
        "other",
        "some 1.3.*",
        "some 1.2.3 h1_*",
        "some=1.2.3=h0",
        "some * *_2",
        'some[build_number=">1"]',
        "some[md5=" + "b" * 32 + "]",
        "some[license=GPL]",
        "some[track_features=mkl]",
        f"{CHANNEL}/linux-64/some-1.2.3-h0_2.conda",
    ],
)
def test_a_spec_that_asks_for_something_else_does_not_match(text: str) -> None:
    assert not parse_match_spec(text).matches(record(md5="a" * 32, license="MIT"))


@pytest.mark.parametrize("text", ["", "some >=", "some[build=", "some[nonsense=1]", "some::", "so me[x"])
def test_a_text_that_is_no_match_spec_is_refused(text: str) -> None:
    with pytest.raises(SpecInvalid):
        parse_match_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        "some",
        "some >=1.2,<2",
        "some 1.2.3 h0_1",
        "some * *_cuda",
        'some[build_number=">=1"]',
        "conda-forge::some 1.2.*",
        "some[extras=[a, b]]",
        'some[when="python >=3.10 and (__unix or __win)"]',
        "some 1.2.*[when='python[build=\"*cp*\"] or zlib']",
    ],
)
def test_a_spec_comes_back_from_its_own_text(text: str) -> None:
    spec = parse_match_spec(text)
    assert parse_match_spec(render_match_spec(spec)) == spec


def test_a_condition_is_read_with_and_before_or() -> None:
    condition = parse_condition("python >=3.10 and (__unix or __win) or zlib")
    assert not condition.every
    first, last = condition.parts
    assert first.every
    assert first.parts[0].spec == parse_match_spec("python >=3.10")
    assert [part.spec.name for part in first.parts[1].parts if part.spec] == ["__unix", "__win"]
    assert last.spec == parse_match_spec("zlib")


@pytest.mark.parametrize(
    "text", ["", "python and", "or python", "(python", "python)", "(" * 200 + "python" + ")" * 200]
)
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SpecInvalid):
        parse_condition(text)


def test_the_solver_s_own_match_specs_agree_on_the_sample_of_conda_forge(sample_channel: str) -> None:
    rattler = pytest.importorskip("rattler")
    build_string = pytest.importorskip("rattler.package.build_string")
    records = _sample(Path(sample_channel.removeprefix("file://")))
    specs = sorted({text for one in records for text in (*one["depends"], *one.get("constrains", ()))})
    by_name: dict[str, list[dict[str, Any]]] = {}
    for one in records:
        by_name.setdefault(one["name"], []).append(one)
    compared = 0
    for text in random.Random(7).sample(specs, min(len(specs), 1500)):
        ours = parse_match_spec(text)
        theirs = rattler.MatchSpec(text)
        for one in by_name.get(ours.name or "", ())[:40]:
            package = rattler.PackageRecord(
                name=one["name"],
                version=one["version"],
                build=build_string.BuildString(one["build"]),
                build_number=one["build_number"],
                subdir=one["subdir"],
            )
            mine = record(one["version"], one["build"], name=one["name"], build_number=one["build_number"])
            assert ours.matches(mine) == theirs.matches(package), (text, one["version"], one["build"])
            compared += 1
    assert compared > 5000


def _sample(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*/repodata.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for kind in ("packages", "packages.conda"):
            found += document.get(kind, {}).values()
    return found


def test_a_spec_without_a_name_is_one_of_a_manifest_s_table() -> None:
    assert MatchSpec(version=parse_version_spec("1.2.*")).matches(record())
