"""Small texts of manifests and locks: addresses, dates and durations, requirements taken apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from packaging.specifiers import SpecifierSet

from envcompose.manifest.cutoff_text import parse_cutoff
from envcompose.manifest.requirement_parts import RequirementInvalid, RequirementParts, read_requirement
from envcompose.manifest.toml_places import places_of
from envcompose.manifest.urls import parse_url, without_credentials


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTPS://Example.ORG", "https://example.org/"),
        ("https://example.org:443/a/../b/./c", "https://example.org/b/c"),
        ("http://example.org:8080", "http://example.org:8080/"),
        ("https:///example.org/a", "https://example.org/a"),
        ("https:example.org\\a", "https://example.org/a"),
        ("https://example.org/a b?c d#e f", "https://example.org/a%20b?c%20d#e%20f"),
        ("https://me:secret@Example.org/", "https://me:secret@example.org/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
        ("ssh://git@example.org/a.git", "ssh://git@example.org/a.git"),
        ("FILE:///a/../b", "file:///a/../b"),
    ],
)
def test_an_address_is_written_in_one_way(text: str, normal: str) -> None:
    assert parse_url(text) == normal
    assert parse_url(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "/a",
        "https://",
        "https://a b/",
        "https://a%20b/",
        "https://a^b/",
        "https://a:99999/",
        "https://a:b/",
        "https://1.2.3.4.5/",
        "https://256.0.0.1/",
        "https://-1.0.0.1/",
        "https://09.1/",
        "https://[::g]/",
        "git+ssh://git@example.org:user/a.git",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no|port|IPv"):
        parse_url(text)


def test_a_login_can_be_left_out_of_an_address() -> None:
    assert without_credentials("https://me:secret@example.org/a@b") == "https://example.org/a@b"
    assert without_credentials("./a@b") == "./a@b"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02", datetime(2026, 1, 3, tzinfo=UTC)),
        ("2026-1-2", datetime(2026, 1, 3, tzinfo=UTC)),
        ("26-01-02", datetime(26, 1, 3, tzinfo=UTC)),
        ("-5-01-02", datetime(1, 1, 1, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05.5+01:00", datetime(2026, 1, 2, 2, 4, 5, 500000, tzinfo=UTC)),
        ("2026-01-02t23:59:60z", datetime(2026, 1, 3, tzinfo=UTC)),
    ],
)
def test_a_day_or_an_instant_is_a_cutoff(text: str, at: datetime) -> None:
    assert parse_cutoff(text).at == at


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("7d", timedelta(days=7)),
        ("1w 2 days", timedelta(days=9)),
        ("1.5d", timedelta(hours=36)),
        ("1 1d", timedelta(days=11)),
        ("1h30m", timedelta(minutes=90)),
        ("0", timedelta()),
        ("1M", timedelta(seconds=2630016)),
        ("999999999999y", timedelta(seconds=9e10)),
    ],
)
def test_a_duration_is_a_cutoff_before_now(text: str, before: timedelta) -> None:
    cutoff = parse_cutoff(text)
    assert (cutoff.at, cutoff.before) == (None, before)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "7",
        "7 fortnights",
        "-1d",
        ".5d",
        "1.d",
        "1.55555555555d",
        "1.5ns",
        "1d2",
        "1,5d",
        "2026-02-30",
        "2026-01",
        "2026-01-02T00:00",
        "2026-01-02T00:00:00",
        "2026-01-02T00:00:00+01",
        "2026-01-02T24:00:00Z",
        "02026-01-02",
    ],
)
def test_what_is_no_cutoff_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no day"):
        parse_cutoff(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Foo_Bar", RequirementParts(name="foo-bar")),
        (
            "a[X,y_z] (>=1, <2)",
            RequirementParts(name="a", extras=frozenset({"x", "y-z"}), specifiers=SpecifierSet(">=1,<2")),
        ),
        (
            "a>=1 ; os_name == 'nt'",
            RequirementParts(name="a", specifiers=SpecifierSet(">=1"), marker=" os_name == 'nt'"),
        ),
        ("a @ ../b", RequirementParts(name="a", address="../b")),
        (
            "a@https://e.org/x y.whl ; os_name == 'nt'",
            RequirementParts(name="a", address="https://e.org/x y.whl", marker=" os_name == 'nt'"),
        ),
        ("a @ https://e.org/x;y", RequirementParts(name="a", address="https://e.org/x;y")),
    ],
)
def test_a_requirement_is_taken_apart(text: str, parts: RequirementParts) -> None:
    assert read_requirement(text) == parts


@pytest.mark.parametrize(
    "text", ["", "a b", "-a", "a>=", "a>=1.*", "a>=1,", "a ===x", "a @ ; os_name == 'nt'", "./a", "a>=1<2"]
)
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(RequirementInvalid):
        read_requirement(text)


def test_every_key_and_entry_of_a_toml_text_has_its_line() -> None:
    text = '''a = 1
[b."c d"]
x.y = [
  1,  # [
  { z = "]" },
]
[[e]]
f = """
g = 1
"""
[[e]]
h = { i = 1,
  j = 2 }
'''
    assert places_of(text) == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c d"): 2,
        ("b", "c d", "x"): 3,
        ("b", "c d", "x", "y"): 3,
        ("b", "c d", "x", "y", 0): 4,
        ("b", "c d", "x", "y", 1): 5,
        ("b", "c d", "x", "y", 1, "z"): 5,
        ("e",): 7,
        ("e", 0): 7,
        ("e", 0, "f"): 8,
        ("e", 1): 11,
        ("e", 1, "h"): 12,
        ("e", 1, "h", "i"): 12,
        ("e", 1, "h", "j"): 13,
    }
