"""pixi.lock as text: what pixi wrote comes back byte for byte, and what pixi cannot read is an error with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envcompose.errors import LockInvalid, LockUnsupported
from envcompose.manifest.conda_url import conda_location
from envcompose.manifest.lock import LockedConda, LockedPypi, LockEnvironment, LockFile, LockPlatform, OtherLockVersion
from envcompose.manifest.lock_document import read_document
from envcompose.manifest.lock_reading import read_lock
from envcompose.manifest.lock_text import render_lock
from envcompose.manifest.lock_yaml import yaml_text

LOCKS = Path(__file__).parents[1] / "golden" / "locks"
VERDICTS = Path(__file__).parents[2] / ".." / "shared" / "data" / "pixi-lock-verdicts.json"
URL = "https://conda.anaconda.org/conda-forge/noarch/ca-certificates-2026.7.22-hbd8a1cb_0.conda"
SMALL = f"""version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: {URL}
packages:
- conda: {URL}
  sha256: {"0b" * 32}
  size: 10
  timestamp: 1784754889428
"""
ENTRY = f"- conda: {URL}\n  sha256"


def read(text: str) -> LockFile:
    lock = read_lock(text, "pixi.lock")
    assert isinstance(lock, LockFile)
    return lock


def verdicts() -> dict[str, Any]:
    if not VERDICTS.exists():
        pytest.skip("the verdicts of a real pixi are not here")
    found: dict[str, Any] = json.loads(VERDICTS.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*.lock")), ids=lambda path: path.stem)
def test_a_lock_that_pixi_wrote_comes_back_byte_for_byte(path: Path) -> None:
    text = path.read_bytes().decode()
    lock = read(text)
    assert render_lock(lock) == text
    assert lock.unread == ()


def test_every_base_of_the_verdicts_comes_back_byte_for_byte() -> None:
    texts = {name: files["pixi.lock"] for name, files in verdicts()["bases"].items()}
    assert len(texts) >= 13
    assert {name: render_lock(read(text)) for name, text in texts.items()} == texts


def test_what_pixi_cannot_read_is_an_error_here_and_nothing_else_is() -> None:
    data = verdicts()
    wrong = {}
    for case in data["cases"]:
        lock = data["bases"][case["base"]]["pixi.lock"]
        edit = case["edit"] or {"file": "pixi.toml"}
        if edit["file"] == "pixi.toml" and case["check"] == "error":
            continue
        if edit["file"] == "pixi.lock":
            lock = edit.get("text", lock)
            for one in edit.get("replacements", ()):
                lock = lock.replace(one["find"], one["replace"])
        try:
            read_lock(lock, "pixi.lock")
            found = "read"
        except LockInvalid as error:
            found = "error" if error.line is not None else "error without a line"
        if found != ("error" if case["check"] == "error" else "read"):
            wrong[case["id"]] = (case["what"], found)
    assert wrong == {}


def test_entries_come_in_the_order_of_their_urls_and_once() -> None:
    zlib = LockedConda(
        url="https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3.2-h25fd6f3_3.conda",
        name="zlib",
        version="1.3.2",
        build="h25fd6f3_3",
        build_number=3,
        subdir="linux-64",
    )
    files = [
        LockedPypi(url="https://index.example/a/a-1.0-py3-none-any.whl", name="a", version="1.0"),
        LockedPypi(url="git+https://index.example/b?rev=v1#abc", name="b", version="1e5"),
        LockedPypi(url="direct+https://index.example/c-2.0.tar.gz", name="c", version="2.0.0", sha256="0e" * 32),
        LockedPypi(url="./d", name="d", requires_dist=("a>=1 ; extra == 'x'",)),
    ]
    environment = LockEnvironment(
        name="default",
        channels=("https://conda.anaconda.org/conda-forge/",),
        indexes=("https://index.example/simple",),
        find_links=(("path", "./wheels"), ("url", "https://index.example/links")),
        options={"channel-priority": "disabled", "strategy": "highest"},
        packages={"p2": (*files, zlib), "p1": (zlib,)},
    )
    text = render_lock(
        LockFile(
            platforms=(
                LockPlatform(name="p2", subdir="linux-64"),
                LockPlatform(name="p1", subdir="linux-64", virtual=("__cuda=12.4",)),
            ),
            environments=(environment, LockEnvironment(name="a", channels=())),
        )
    )
    assert (
        text
        == """version: 7
platforms:
- name: p1
  subdir: linux-64
  virtual-packages:
  - __cuda=12.4
- name: p2
  subdir: linux-64
environments:
  a:
    channels: []
    packages: {}
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    indexes:
    - https://index.example/simple
    find-links:
    - path: ./wheels
    - url: https://index.example/links
    options:
      channel-priority: disabled
    packages:
      p1:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3.2-h25fd6f3_3.conda
      p2:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3.2-h25fd6f3_3.conda
      - pypi: ./d
      - pypi: direct+https://index.example/c-2.0.tar.gz
      - pypi: git+https://index.example/b?rev=v1#abc
      - pypi: https://index.example/a/a-1.0-py3-none-any.whl
packages:
- conda: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3.2-h25fd6f3_3.conda
- pypi: ./d
  name: d
  requires_dist:
  - a>=1 ; extra == 'x'
- pypi: direct+https://index.example/c-2.0.tar.gz
  name: c
  version: 2.0.0
  sha256: 0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e
- pypi: git+https://index.example/b?rev=v1#abc
  name: b
  version: '1e5'
- pypi: https://index.example/a/a-1.0-py3-none-any.whl
  name: a
  version: '1.0'
"""
    )


@pytest.mark.parametrize(
    ("find", "replace", "line", "reason"),
    [
        ("version: 7", "version: '7'", 1, "version must be a whole number without quotes"),
        ("version: 7", "version: 7.0", 1, "version must be a whole number without quotes"),
        ("  size: 10", "  size: '10'", 14, "size must be a whole number"),
        ("  size: 10", "  size: 10\n  version: 2.7", 15, "version must be a text"),
        ("  size: 10", "  size: 10\n  depends: [1]", 15, "each of depends must be a text"),
        ("  size: 10", "  size: 10\n  size: 11", 15, "the key size stands twice"),
        ("  size: 10", "  size: 10\n  purls: [packaging]", 15, "is no package URL"),
        ("  size: 10", "  size: 10\n  purls: ['pkg:pypi']", 15, "is no package URL"),
        ("  size: 10", "  size: 10\n  version: a b", 15, "is no version"),
        ("  size: 10", "  size: 10\n  name: a b", 15, "is no name"),
        ("  size: 10", "  size: 10\n  channel: conda-forge", 15, "is no URL"),
        ("  size: 10", "  size: 10\n  file_name: a", 15, "is no name"),
        ("  size: 10", "  size: 10\n  noarch: perl", 15, "noarch must be"),
        (ENTRY, ENTRY.replace("0.conda", "0.zip"), 12, "no name of a conda package"),
        (ENTRY, ENTRY.replace("noarch/", "any/"), 12, "subdir has to be given"),
        (ENTRY, ENTRY.replace("- conda", "- kond"), 12, "neither a conda nor a pypi package"),
        ("- name: linux-64", "- name: p1", 3, "a name of its own needs a subdir"),
        ("      linux-64:", "      osx-64:", 9, "osx-64 is not among the platforms"),
        ("    channels:\n    - url: https://conda.anaconda.org/conda-forge/\n", "", 6, "channels is missing"),
        ("    packages:\n", "    options: {strategy: cheapest}\n    packages:\n", 8, "strategy must be one of"),
        ("packages:\n- conda", "<<<<<<< HEAD\npackages:\n- conda", 12, "(YAML)"),
        ("version: 7", "--- {}\n--- 1", 2, "a second YAML document"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(find: str, replace: str, line: int, reason: str) -> None:
    assert find in SMALL
    with pytest.raises(LockInvalid) as caught:
        read_lock(SMALL.replace(find, replace, 1), "pixi.lock")
    assert (caught.value.line, caught.value.exit_status) == (line, 2)
    assert reason in caught.value.sentence


PYPI = """- pypi: https://index.example/a-1.0.tar.gz
  name: a
  version: '1.0'
  index: https://index.example/simple
  requires_dist:
  - b>=1
  requires_python: '>=3.8'
"""


@pytest.mark.parametrize(
    ("find", "replace", "line"),
    [
        ("  name: a\n", "  name: a b\n", 17),
        ("  name: a\n", "", 16),
        ("'1.0'", "1.0", 18),
        ("'1.0'", "abc", 18),
        ("'1.0'", "1.*", 18),
        ("https://index.example/simple", "simple", 19),
        ("b>=1", "b c", 21),
        ("b>=1", "b>=1.*", 21),
        ("b>=1", "b>=1+local", 21),
        ("b>=1", "b ; foo == 'a'", 21),
        ("b>=1", "'b # comment'", 21),
        ("'>=3.8'", "'>=3.8.*'", 22),
        ("'>=3.8'", "3.8", 22),
    ],
)
def test_what_pixi_cannot_read_of_a_pypi_entry_is_told_with_its_line(find: str, replace: str, line: int) -> None:
    read(SMALL + PYPI)
    with pytest.raises(LockInvalid) as caught:
        read_lock(SMALL + PYPI.replace(find, replace, 1), "pixi.lock")
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text", ["b @ ./c", "b @ hg+https://index.example/c", "b ; 'a' == 'b'", "b[c]>=1,<2 ; extra == 'd'"]
)
def test_requirements_of_a_lock_may_be_what_uv_itself_would_not_take(text: str) -> None:
    used = SMALL.replace(
        f"      - conda: {URL}\n", f"      - conda: {URL}\n      - pypi: https://index.example/a-1.0.tar.gz\n"
    )
    entry = read(used + PYPI.replace("b>=1", text)).packages[1]
    assert isinstance(entry, LockedPypi)
    assert entry.requires_dist == (text,)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]\n", "platforms: []\n"])
def test_a_file_without_a_version_is_an_error(text: str) -> None:
    with pytest.raises(LockInvalid, match="it has no version"):
        read_lock(text, "pixi.lock")


@pytest.mark.parametrize(("version", "is_newer"), [(6, False), (8, True)])
def test_another_version_of_the_format_is_a_value_of_its_own(version: int, is_newer: bool) -> None:
    lock = read_lock(f"version: {version}\nanything: [goes]\n", "pixi.lock")
    assert isinstance(lock, OtherLockVersion)
    assert (lock.version, lock.is_newer) == (version, is_newer)


def test_edits_that_pixi_passes_over_change_nothing_that_is_read() -> None:
    edited = SMALL.replace("version: 7\n", "# edited by hand\n").replace(
        f"      - conda: {URL}\n", f"      - {{conda: '{URL}'}}\n"
    )
    edited = edited.replace(f"sha256: {'0b' * 32}", f'sha256: "{"0B" * 32}"\n  sha512: abc') + "version: 7\n"
    lock = read(edited)
    assert lock == read(SMALL)
    assert lock.unread == (("packages[0].sha512", 14),)
    assert lock.lines == {URL: 12}
    assert render_lock(lock) == SMALL


def test_a_malformed_hash_of_a_pypi_file_is_passed_over_as_pixi_does_and_told() -> None:
    text = SMALL.replace(f"      - conda: {URL}\n", "      - pypi: ./a.whl\n")
    text += "- pypi: ./a.whl\n  name: A_b\n  version: '1.0'\n  sha256: abc\n"
    lock = read(text)
    assert lock.packages == (LockedPypi(url="./a.whl", name="a-b", version="1.0"),)
    assert lock.unread == (("packages[1].sha256", 19),)


def test_a_package_that_pixi_builds_from_source_is_told_to_be_beyond_us() -> None:
    text = SMALL.replace("- conda: " + URL, "- conda_source: a[0123] @ ./a")
    with pytest.raises(LockUnsupported, match=r"line 12 .*conda_source"):
        read_lock(text, "pixi.lock")


def test_one_url_with_two_meanings_is_no_lock() -> None:
    one, other = (LockedPypi(url="./a", name=name) for name in "ab")
    environments = tuple(
        LockEnvironment(name=package.name, channels=(), packages={"linux-64": (package,)}) for package in (one, other)
    )
    with pytest.raises(ValueError, match="two different entries"):
        LockFile(platforms=(LockPlatform(name="linux-64", subdir="linux-64"),), environments=environments)


# What serde_yaml 0.9, the writer inside pixi, makes of a text in a list.
SCALARS = {
    "''": "",
    "'~'": "~",
    "'null'": "null",
    "'true'": "true",
    "yes": "yes",
    "off": "off",
    "2026-11-21": "2026-11-21",
    "12:30": "12:30",
    "'1'": "1",
    "'-1'": "-1",
    "'+1'": "+1",
    "'1.0'": "1.0",
    "'1.'": "1.",
    "'.5'": ".5",
    "'1e5'": "1e5",
    "1e999": "1e999",
    "1_000": "1_000",
    "'01'": "01",
    "0123.x": "0123.x",
    "'0123.5'": "0123.5",
    "'0x1F'": "0x1F",
    "0X1F": "0X1F",
    "'0o17'": "0o17",
    "0o18": "0o18",
    "'.inf'": ".inf",
    "inf": "inf",
    "2.7.0": "2.7.0",
    "'0e462097431906509019562988736854'": "0e462097431906509019562988736854",
    "12e345678": "12e345678",
    "'>=1'": ">=1",
    "==2": "==2",
    "'!=1'": "!=1",
    "a>=1,<2 ; extra == 'b'": "a>=1,<2 ; extra == 'b'",
    "'''a'' in b'": "'a' in b",
    "a:b": "a:b",
    "'a: b'": "a: b",
    "'a #b'": "a #b",
    "a#b": "a#b",
    "'- a'": "- a",
    "-a": "-a",
    "'---'": "---",
    "' a'": " a",
    '"a\\tb"': "a\tb",
    '"\\a"': "\x07",
    "é 😀": "é 😀",
    "|-\n  a\n  b": "a\nb",
    "|+\n  a\n": "a\n\n",
    "|2-\n   a\n  b": " a\nb",
    '"a \\nb"': "a \nb",
}


@pytest.mark.parametrize(("written", "text"), SCALARS.items())
def test_a_text_is_quoted_where_pixi_quotes_it(written: str, text: str) -> None:
    assert yaml_text({"a": [text]}) == f"a:\n- {written}\n"
    assert read_document(f"a:\n- {written}\n", "x") == {"a": [text]}


def test_a_package_of_a_folder_is_placed_by_its_path() -> None:
    assert conda_location("file:///srv/a%20b/noarch/a-1-0.conda") == "/srv/a b/noarch/a-1-0.conda"
    assert conda_location("file:///C:/a/noarch/a-1-0.conda") == "C:/a/noarch/a-1-0.conda"
    assert conda_location(URL) == URL


def test_times_in_seconds_become_milliseconds() -> None:
    (record,) = read(SMALL.replace("1784754889428", "1784754889")).packages
    assert isinstance(record, LockedConda)
    assert record.timestamp == 1784754889000


def test_of_repeated_entries_the_last_counts() -> None:
    (record,) = read(SMALL + f"- conda: {URL}\n  size: 11\n").packages
    assert isinstance(record, LockedConda)
    assert record.size == 11


@pytest.mark.parametrize(
    ("build", "entry", "noarch"),
    [
        ("pyhd8ed1ab_0", "", "python"),
        ("hbd8a1cb_0", "", "generic"),
        ("hbd8a1cb_0", "  noarch: python\n", "python"),
        ("pyhd8ed1ab_0", "  noarch: false\n", None),
    ],
)
def test_the_kind_of_a_noarch_package_is_written_only_where_its_build_does_not_say_it(
    build: str, entry: str, noarch: str | None
) -> None:
    text = SMALL.replace("hbd8a1cb_0", build).replace("  sha256", f"{entry}  sha256")
    lock = read(text)
    (record,) = lock.packages
    assert isinstance(record, LockedConda)
    assert record.noarch == noarch
    assert render_lock(lock) == text
