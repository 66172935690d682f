"""Requirements as pixi writes them into its lock: each line of the golden file is what a real uv and pixi made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcompose.errors import PackageRequirementInvalid
from envcompose.manifest.requirement_text import requirement_text, requires_python_text
from envcompose.manifest.url_text import url_text

GOLDEN = Path(__file__).parents[1] / "golden" / "requirements.tsv"


def lines() -> list[list[str]]:
    return [line.split("\t") for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def test_every_requirement_becomes_what_pixi_writes() -> None:
    expected = dict(lines())
    assert len(expected) > 250
    assert {text: requirement_text(text) for text in expected} == expected


def test_what_pixi_writes_is_written_the_same_again() -> None:
    # A list of full versions keeps its zeros (3.0), which a comparison does not.
    assert [text for _, text in lines() if requirement_text(text) != text and "'3.0'" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "a-",
        "a.whl",
        "a 1.0",
        "a=1.0",
        "a>=1.0+cpu",
        "a>=1.0,b",
        "a~=1",
        "a[b",
        "a[,b]",
        "a # c",
        "a @ a/b",
        "a @ hg+https://index.example/a",
        "a @ https://index.example/a.whl;extra=='b'",
        "a ; foo == 'a'",
        "a ; python_version",
        "a ; extra == 'a' and",
        "a ; (extra == 'a'",
        "a ; os_name === 'nt'",
        "a ; os_name == nt",
        "a ; not extra == 'a'",
        "a ; " + "(" * 3000 + "os_name == 'nt'" + ")" * 3000,
    ],
)
def test_what_uv_refuses_is_an_error_that_shows_the_text(text: str) -> None:
    with pytest.raises(PackageRequirementInvalid) as caught:
        requirement_text(text)
    assert repr(text[:200]) in caught.value.sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (">=3.8", ">=3.8"),
        (">= 3.8 , <4", ">=3.8,<4"),
        ("!=3.0.*, !=3.1.*, >=2.7", ">=2.7,!=3.0.*,!=3.1.*"),
        ("<3.13,>=3.7.0", ">=3.7.0,<3.13"),
        (">=3.6,", ">=3.6"),
        (">=3.5.*", ">=3.5"),
        (">='2.7'", ">=2.7"),
        ("~=3.6", "~=3.6"),
    ],
)
def test_a_requires_python_is_sorted_and_without_spaces(text: str, expected: str) -> None:
    assert requires_python_text(text) == expected


def test_of_a_source_only_the_subdirectory_of_a_git_address_stays() -> None:
    text = "a @ git+https://index.example/a.git@v1#egg=a&subdirectory=sub"
    assert requirement_text(text) == text
    assert requirement_text(text, of_source=True) == "a @ git+https://index.example/a.git@v1#subdirectory=sub"
    assert requirement_text("a @ git+https://index.example/a.git#egg=a", of_source=True) == (
        "a @ git+https://index.example/a.git"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Index.Example:443/A/../b c?d e#f g", "https://index.example/b%20c?d%20e#f%20g"),
        ("https://index.example", "https://index.example/"),
        ("http://index.example:8080/./x+y-1.0%2Bcu", "http://index.example:8080/x+y-1.0%2Bcu"),
        ("git+https://Index.Example:443/A.git@v1", "git+https://Index.Example:443/A.git@v1"),
        ("direct+https://index.example", "direct+https://index.example"),
        ("https://index.example/é?é='#é", "https://index.example/%C3%A9?%C3%A9=%27#%C3%A9"),
        ("file://localhost/a b", "file:///a%20b"),
        ("./project", "./project"),
        ("C:\\project", "C:\\project"),
    ],
)
def test_a_url_is_written_as_the_standard_normalises_it(url: str, expected: str) -> None:
    assert url_text(url) == expected
    assert url_text(expected) == expected
