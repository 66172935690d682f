"""Our own findings about a lock that pixi takes: what is broken in it, what it leaves open, and silence about sound ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envcompose.check.finding import Finding
from envcompose.check.findings import findings_of
from envcompose.manifest.lock import Locked, LockFile, LockPlatform
from envcompose.manifest.lock_reading import read_lock
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.model.message import Level
from tests.unit.lock_fakes import HEAD, LINUX, conda, lock, lock_text, python, wheel

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "pixi-lock-verdicts.json"
X = '[dependencies]\npython = "*"\n[pypi-dependencies]\nx = ">=1"\n'
A = '[dependencies]\na = ">=1"\n'


def findings(manifest: str, *packages: Locked, **more: Any) -> list[str]:
    workspace = read_workspace(HEAD + manifest, "pixi.toml")
    return [f"{one.level}: {one.code} | {one}" for one in findings_of(workspace, lock(*packages, **more))]


def of_text(manifest: str, text: str) -> tuple[Finding, ...]:
    read = read_lock(text, "pixi.lock")
    assert isinstance(read, LockFile)
    return findings_of(read_workspace(HEAD + manifest, "pixi.toml"), read)


def test_a_sound_lock_has_no_findings() -> None:
    packages = [
        python(),
        conda("a", "1.0", "b", constrains=("c <2", "d >=9", "__glibc >=2.17")),
        conda("b"),
        conda("c", "1.5"),
        wheel("x", "1.5", "y>=1 ; python_version >= '3'", requires_python=">=3.9,<3.13"),
        wheel("y", "2.0+cu126", tags="cp311-cp311-manylinux_2_28_x86_64"),
    ]
    assert findings(X, *packages) == []


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (
            [python("3.12.1"), wheel("x", requires_python=">=3.9,<3.12")],
            "error: requires-python | default on linux-64: x requires Python >=3.9,<3.12, and 3.12.1 is locked",
        ),
        (
            [conda("a", constrains=("b <1",)), conda("b")],
            "error: constrains | default on linux-64: a 1.0 goes only with b <1, and b 1.0 h0_0 is locked",
        ),
        (
            [conda("a", constrains=("__glibc >=2.34",))],
            "error: constrains | default on linux-64: a 1.0 goes only with __glibc >=2.34, and the platform has __glibc 2.28",
        ),
        (
            [python(), replace(wheel("x"), version="1.1")],
            "error: file-differs | x 1.1 is locked, and its file is x-1.0-py3-none-any.whl: what is installed is the file",
        ),
        (
            [python(), replace(wheel("x"), name="z")],
            "error: file-differs | z 1.0 is locked, and its file is x-1.0-py3-none-any.whl: what is installed is the file",
        ),
        (
            [python(), wheel("x", url="https://files.example/x-0.9.tar.gz")],
            "error: file-differs | x 1.0 is locked, and its file is x-0.9.tar.gz: what is installed is the file",
        ),
        (
            [python(), wheel("x", url="https://files.example/x-1.0%2Bcu12-py3-none-any.whl")],
            "error: file-differs | x 1.0 is locked, and its file is x-1.0%2Bcu12-py3-none-any.whl: what is installed is the file",
        ),
        (
            [python(), wheel("x", url="https://files.example/y-z-1.0.tar.gz")],
            "error: file-differs | x 1.0 is locked, and its file is y-z-1.0.tar.gz: what is installed is the file",
        ),
        (
            [replace(conda("a"), version="1.1")],
            "error: file-differs | a 1.1 h0_0 is locked, and its file is a-1.0-h0_0.conda: what is installed is the file",
        ),
        (
            [python(), wheel("x", tags="cp310-cp310-manylinux2014_x86_64")],
            "error: wheel-unfit | default on linux-64: x-1.0-cp310-cp310-manylinux2014_x86_64.whl does not fit linux-64 with Python 3.11.5",
        ),
        (
            [python(), wheel("x", tags="cp311-cp311-manylinux_2_35_x86_64")],
            "error: wheel-unfit | default on linux-64: x-1.0-cp311-cp311-manylinux_2_35_x86_64.whl does not fit linux-64 with Python 3.11.5",
        ),
        (
            [python(), wheel("x", "1.0", "y"), wheel("y", index="https://other.example/simple")],
            "error: index-foreign | default on linux-64: y comes from https://other.example/simple, which is none of the environment's indexes",
        ),
        (
            [conda("a", url="https://mirror.example/conda-forge/noarch/a-1.0-h0_0.conda")],
            "error: channel-foreign | default on linux-64: a 1.0 comes from https://mirror.example/conda-forge, which is none of the environment's channels",
        ),
        (
            [conda("a", subdir="osx-arm64")],
            "error: subdir-foreign | default on linux-64: a 1.0 is for osx-arm64, not linux-64",
        ),
        ([conda("a", sha256="0" * 64)], "error: hash-odd | the sha256 of a is that of no real file: 000000000000…"),
        (
            [conda("a", md5="d41d8cd98f00b204e9800998ecf8427e")],
            "error: hash-odd | the md5 of a is that of no real file: d41d8cd98f00…",
        ),
        (
            [conda("a"), conda("b", sha256=conda("a").sha256)],
            "error: hash-shared | b and a have the same sha256, so one of them is wrong",
        ),
        (
            [python(), wheel("x", url=f"https://files.example/x-1.0-py3-none-any.whl#sha256={'ab' * 32}")],
            f"error: hash-differs | the URL of x says the sha256 abababababab…, and the entry {(wheel('x').sha256 or '')[:12]}…",
        ),
        ([conda("a", sha256=None)], "warning: hash-missing | a has no hash: pixi installs what it finds"),
        ([python(), wheel("x", sha256=None)], "warning: hash-missing | x has no hash: pixi installs what it finds"),
        (
            [conda("a", sha256=None, md5="1f28b88f454b189f104af3629932847e")],
            "warning: hash-weak | a has an md5 and no sha256",
        ),
        (
            [python(), wheel("x", url="direct+https://files.example/x-1.0-py3-none-any.whl", sha256=None)],
            "warning: direct-unhashed | x comes by URL without sha256: pixi installs what it finds there",
        ),
        (
            [python(), wheel("x", url="git+https://example.org/x#abcdef1", sha256=None)],
            "warning: commit-short | x is locked at abcdef1, which is not a whole commit",
        ),
        (
            [python(), conda("x", noarch="python"), wheel("x")],
            "warning: both-layers | default on linux-64: x is locked from conda (1.0) and from PyPI (1.0) alike",
        ),
        ([conda("a"), conda("a")], "warning: reference-twice | default on linux-64: a is listed twice"),
        (
            [python(), wheel("x", url="https://me:secret@files.example/x-1.0-py3-none-any.whl")],
            "warning: credentials | an address of x holds a user name or password",
        ),
    ],
)  # fmt: skip
def test_each_finding_says_what_is_wrong_and_where(packages: list[Locked], expected: str) -> None:
    assert expected in findings(X, *packages)
    assert not [one for one in findings(X, *packages) if one.partition(" | ")[0] != expected.partition(" | ")[0]]


def test_a_finding_knows_its_place_in_the_file() -> None:
    text = lock_text(conda("a", constrains=("b <1",)), conda("b"))
    (found,) = of_text(A, text)
    assert found == Finding(
        code="constrains",
        level=Level.ERROR,
        text="a 1.0 goes only with b <1, and b 1.0 h0_0 is locked",
        environment="default",
        platform="linux-64",
        package="a",
        line=found.line,
    )
    assert found.line is not None
    assert text.splitlines()[found.line - 1].startswith("- conda: https://conda.anaconda.org/conda-forge/noarch/a-1.0")


def test_no_secret_of_an_address_is_repeated() -> None:
    foreign = wheel(
        "y", url="https://me:secret@a.example/y-1.0-py3-none-any.whl", index="https://me:secret@a.example/simple"
    )
    found = findings(X, python(), wheel("x", "1.0", "y"), foreign)
    assert [one.partition(" | ")[0] for one in found] == ["error: index-foreign", "warning: credentials"]
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "packages",
    [
        [python(), wheel("x", requires_python=">=3.9,<4"), wheel("y", requires_python="!=3.10.*")],
        [python(), wheel("x", url="direct+https://example.org/archive/v9.zip")],
        [python(), wheel("x", url="direct+https://files.example/x-1.0%2Bcu12torch2.6-py3-none-any.whl")],
        [python(), wheel("x", url="./links/x.tar.gz", sha256=None)],
        [python(), wheel("x", url="./x", sha256=None, version=None)],
        [python(), wheel("x", url="git+https://example.org/x#" + "ab" * 20, sha256=None)],
        [python(), wheel("a-b", url="https://files.example/a_b-1.0.tar.gz")],
        [python(), wheel("a-b", url="https://files.example/a-b-1.0.zip")],
        [conda("a", constrains=('b <1[when="c"]',)), conda("b")],
        [conda("a"), conda("b", channel="", url="https://example.org/b-1.0-h0_0.conda")],
        [python(), conda("cmake"), wheel("cmake")],
        [conda("a", url="https://conda.anaconda.org/conda-forge/noarch/a-1.0-h0_0.conda", channel=None)],
    ],
)  # fmt: skip
def test_what_only_looks_odd_is_no_finding(packages: list[Locked]) -> None:
    assert findings(X.replace("x =", "# x ="), *packages) == []


def test_a_pinned_index_and_the_urls_of_find_links_are_known_indexes() -> None:
    pinned = X.replace('">=1"', '{ version = "*", index = "https://pin.example/simple" }')
    entry = wheel("x", index="https://pin.example/simple")
    assert findings(pinned, python(), entry) == []
    other = wheel("y", index="https://pin.example/simple")
    assert [one.partition(" | ")[0] for one in findings(pinned, python(), entry, other)] == ["error: index-foreign"]
    links = (("url", "https://links.example/all"),)
    assert findings(X, python(), wheel("x", index="https://links.example/all/"), find_links=links) == []


def test_a_channel_that_one_dependency_names_is_known() -> None:
    manifest = '[dependencies]\na = { version = "*", channel = "bioconda" }\n'
    record = conda("a", url="https://conda.anaconda.org/bioconda/noarch/a-1.0-h0_0.conda")
    assert findings(manifest, record) == []
    assert len(findings(A, record)) == 1


def test_extras_that_bring_nothing_are_told() -> None:
    manifest = X.replace('">=1"', '{ version = "*", extras = ["fast", "slow"] }')
    twin = [python(), conda("twin", purls=("pkg:pypi/x",))]
    assert findings(manifest, *twin) == [
        "warning: extra-by-conda | default on linux-64: conda provides x, so that x[fast,slow] brings nothing of its extras"
    ]
    own = [python(), wheel("x", "1.0", "y ; extra == 'slow'"), wheel("y")]
    assert findings(manifest, *own) == [
        "note: extra-unknown | default on linux-64: x 1.0 requires nothing for its extra fast, if it has one"
    ]


def test_what_pixi_passes_over_in_the_text_is_told_with_its_line() -> None:
    text = lock_text(conda("a"))
    entry = text[text.index("- conda: https", text.index("\npackages:")) :]
    odd = text.replace("  sha256", "  sha265: x\n  sha256").replace("environments:", "more: 1\nenvironments:")
    assert [(one.code, one.level, one.text) for one in of_text(A, odd)] == [
        ("key-unread", Level.WARNING, "pixi passes over the file.more"),
        ("key-unread", Level.WARNING, "pixi passes over packages[0].sha265"),
    ]
    (twice,) = of_text(A, text + entry)
    assert (twice.code, twice.line) == ("entry-replaced", text[: text.index(entry)].count("\n") + 1)
    (unused,) = of_text(A, text + entry.replace("/a-1.0", "/b-1.0"))
    assert (unused.code, unused.level) == ("entry-unused", Level.NOTE)


def test_a_hash_of_a_wheel_that_is_none_leaves_the_file_unchecked() -> None:
    text = lock_text(python(), wheel("x"))
    cut = text.replace(f"sha256: {wheel('x').sha256}", f"sha256: {(wheel('x').sha256 or '')[:-1]}")
    assert cut != text
    assert [one.code for one in of_text(X, cut)] == ["hash-unread", "hash-missing"]


def test_a_platform_that_the_manifest_does_not_have_is_told() -> None:
    found = lock(conda("a"))
    extra = LockPlatform(name="gpu", subdir="linux-64", virtual=("__cuda=12", *LINUX))
    environment = found.environments[0]
    more = replace(
        found,
        platforms=(*found.platforms, extra),
        environments=(
            replace(environment, packages={**environment.packages, "gpu": environment.packages["linux-64"]}),
        ),
    )
    (told,) = findings_of(read_workspace(HEAD + A, "pixi.toml"), more)
    assert (told.code, told.platform) == ("platform-unknown", "gpu")


@pytest.mark.parametrize(
    ("requires", "platform", "admitted"),
    [
        (">=0.68", '"linux-64"', None),
        (">=0.50", '"linux-64"', "0.67.9"),
        ("<0.60", '"linux-64"', "0.59.9"),
        (">=0.68", '{ name = "gpu", platform = "linux-64", cuda = "12" }', "0.70.9"),
        (">=0.72.2", '{ name = "gpu", platform = "linux-64", cuda = "12" }', None),
    ],
)
def test_a_pixi_that_cannot_read_the_lock_must_not_be_admitted(
    requires: str, platform: str, admitted: str | None
) -> None:
    manifest = HEAD.replace('"linux-64"', platform) + f'requires-pixi = "{requires}"\n'
    found = findings_of(read_workspace(manifest, "pixi.toml"), lock())
    assert [one.code for one in found] == ([] if admitted is None else ["pixi-too-old"])
    assert admitted is None or f"admits pixi {admitted}," in found[0].text


def test_errors_come_first() -> None:
    packages = [python("3.12.1"), wheel("x", sha256=None, requires_python="<3.12")]
    assert [one.partition(":")[0] for one in findings(X, *packages)] == ["error", "warning"]


def test_the_locks_that_pixi_wrote_itself_have_no_findings_but_their_missing_hashes() -> None:
    if not SHARED.exists():
        pytest.skip("the verdicts of a real pixi are not here")
    bases = json.loads(SHARED.read_text(encoding="utf-8"))["bases"]
    for name, files in bases.items():
        manifest = "pixi.toml" if "pixi.toml" in files else "pyproject.toml"
        read = read_lock(files["pixi.lock"], "pixi.lock")
        assert isinstance(read, LockFile)
        found = findings_of(read_workspace(files[manifest].replace("<dir>", "/home"), manifest), read)
        assert {one.code for one in found} <= {"hash-missing"}, name


LOCKS = Path(__file__).parents[1] / "golden" / "cases"


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*/pixi.lock")), ids=lambda path: path.parent.name)
def test_the_locks_that_we_write_have_no_errors(path: Path) -> None:
    read = read_lock(path.read_text(encoding="utf-8"), "pixi.lock")
    assert isinstance(read, LockFile)
    workspace = read_workspace((path.parent / "pixi.toml").read_text(encoding="utf-8"), "pixi.toml")
    assert [one for one in findings_of(workspace, read) if one.level is Level.ERROR] == []
