"""pixi's verdict on a lock, with the reason in words: what is asked and not locked, locked and not asked, or changed since."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from envcompose.check.acceptance import judge
from envcompose.check.verdict import Reason, Standing, Verdict
from envcompose.check.wheel_fit import fitting_tags
from envcompose.errors import LockUnsupported
from envcompose.manifest.lock import Locked
from envcompose.manifest.workspace_reading import read_workspace
from tests.unit.lock_fakes import FORGE, HEAD, INDEX, conda, lock_text, python, wheel
from tests.unit.read_fakes import FakeTextFiles


def verdict(manifest: str, text: str, files: dict[str, str] | None = None, **more: Any) -> Verdict:
    workspace = read_workspace(HEAD + manifest, "home/pixi.toml")
    fakes = FakeTextFiles({f"home/{name}": content for name, content in (files or {}).items()})
    return judge(workspace, text, fakes, default_index=INDEX, **more)


def reasons(manifest: str, *packages: Locked, files: dict[str, str] | None = None, **more: Any) -> list[str]:
    return [f"{one.code} | {one}" for one in verdict(manifest, lock_text(*packages, **more), files).reasons]


A = '[dependencies]\na = ">=1"\n'
X = '[dependencies]\npython = "*"\n[pypi-dependencies]\nx = ">=1"\n'


def test_a_lock_of_what_is_asked_is_taken_as_it_is() -> None:
    found = verdict(X, lock_text(python(), wheel("x", "1.5", "y>=2"), wheel("y", "2.0")))
    assert found == Verdict(standing=Standing.UP_TO_DATE)
    assert found.accepted


def test_a_stale_lock_says_where_and_of_which_package() -> None:
    found = verdict(A, lock_text(conda("a", "0.9")))
    assert found.standing is Standing.STALE
    assert not found.accepted
    assert found.reasons == (
        Reason(
            code="conda-unmet",
            text="the manifest asks for a >=1, and 0.9 h0_0 is locked",
            environment="default",
            platform="linux-64",
            package="a",
        ),
    )


@pytest.mark.parametrize(
    ("manifest", "packages", "expected"),
    [
        (A, [], "conda-unmet | default on linux-64: the manifest asks for a >=1, and it is not locked"),
        (A, [conda("a", "1.0", "b >=2"), conda("b", "1.0")], "conda-unmet | default on linux-64: a 1.0 asks for b >=2, and 1.0 h0_0 is locked"),
        (A, [conda("a", "1.0", "__glibc >=2.34")], "conda-unmet | default on linux-64: a 1.0 asks for __glibc >=2.34, and the platform has 2.28"),
        (A, [conda("a"), conda("b")], "conda-unneeded | default on linux-64: locked, and needed by nothing: b"),
        ("", [conda("a")], "conda-unneeded | default on linux-64: no conda package is asked for, and locked are a"),
        (A + '[constraints]\nb = "<1"\n', [conda("a", "1.0", "b"), conda("b")], "constraint-violated | default on linux-64: b 1.0 is locked, and a constraint asks for <1"),
        (A, [conda("a", "1.0", "b >=")], None),
        (X, [python()], "pypi-missing | default on linux-64: the manifest requires x>=1, and x is not locked"),
        (X, [python(), wheel("x", "0.9")], "pypi-version | default on linux-64: x>=1 is asked for, and 0.9 is locked"),
        (X, [python(), wheel("x"), wheel("y")], "pypi-unneeded | default on linux-64: locked, and needed by nothing: y"),
        (X, [python(), wheel("x", "1.0", "y[e]>=2"), wheel("y", "2.0", "z ; extra == 'e'")], "pypi-missing | default on linux-64: y requires z ; extra == 'e', and z is not locked"),
        (X, [python(), wheel("x", requires_python=">=3.12")], "requires-python | default on linux-64: x requires Python >=3.12, and 3.11.5 is locked"),
        (X, [python(), wheel("x", tags="cp312-cp312-manylinux_2_17_x86_64")], "wheel-unfit | default: the locked wheel of x does not fit the platform: x-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"),
        (X, [python(), wheel("x", index="https://other.example/simple")], "pypi-index | default on linux-64: x is locked from https://other.example/simple, which is none of the environment's indexes"),
        (X, [wheel("x")], None),
    ],
)  # fmt: skip
def test_each_rule_has_its_reason(manifest: str, packages: list[Locked], expected: str | None) -> None:
    found = reasons(manifest, *packages)
    assert len(found) == 1
    assert expected in (None, found[0])


@pytest.mark.parametrize(
    "packages",
    [
        [python("3.11.5"), wheel("x", requires_python=">=3.8,<3.11")],
        [python(), wheel("x", "1.0", "y ; sys_platform == 'win32'")],
        [python(), wheel("x", "1.0", "y ; extra == 'unasked'")],
        [python(), wheel("x", "1.0", "x[more]", "y ; extra == 'more'"), wheel("y")],
        [python(), wheel("x", tags="cp311-abi3-manylinux2014_x86_64")],
        [python(), conda("twin", purls=("pkg:pypi/x",))],
        [python(), wheel("x", "1.0", "y>=1", index=INDEX), wheel("y", index="https://other.example/simple")],
    ],
)
def test_what_pixi_does_not_look_at_makes_no_lock_stale(packages: list[Locked]) -> None:
    twin = 'twin = "*"\n' if any(one.name == "twin" for one in packages) else ""
    assert reasons(X.replace('python = "*"\n', f'python = "*"\n{twin}'), *packages) == []


def test_a_package_that_only_conda_needs_is_not_one_that_pypi_may_rest_on() -> None:
    found = reasons(X, python(), conda("twin", purls=("pkg:pypi/x",)))
    assert [one.partition(" | ")[0] for one in found] == ["conda-for-pypi-only"]


@pytest.mark.parametrize(
    ("manifest", "more", "code"),
    [
        (A.replace("[dep", '[pypi-options]\nextra-index-urls = ["https://a.example/simple"]\n[dep'), {}, None),
        (A, {"channels": (FORGE, "https://conda.anaconda.org/bioconda/")}, "channels-differ"),
        (A, {"channels": ()}, "channels-extended"),
        (A, {"options": {"strategy": "lowest-version"}}, "strategy-differs"),
        (A, {"options": {"channel-priority": "disabled"}}, "channel-priority-differs"),
        (A, {"environments": {"other": [conda("a")]}}, "environment-missing"),
        (A, {"environments": {"default": [conda("a")], "more": []}}, "environment-surplus"),
    ],
)
def test_an_environment_must_have_been_locked_with_the_same_settings(
    manifest: str, more: dict[str, Any], code: str | None
) -> None:
    packages = [] if "environments" in more else [conda("a")]
    assert [one.partition(" | ")[0] for one in reasons(manifest, *packages, **more)][:1] == (
        [] if code is None else [code]
    )


def test_indexes_count_where_there_are_pypi_dependencies() -> None:
    manifest = X + '[pypi-options]\nextra-index-urls = ["https://a.example/simple"]\n'
    assert reasons(manifest, python(), wheel("x")) == [
        "indexes-differ | default: PyPI indexes were https://index.example/simple, "
        "and are https://index.example/simple, https://a.example/simple"
    ]
    assert reasons(manifest, python(), wheel("x"), indexes=(INDEX, "https://a.example/simple")) == []


def test_members_of_a_solve_group_must_be_locked_alike() -> None:
    manifest = (
        A
        + '[feature.f]\n[environments]\ndefault = { solve-group = "g" }\nf = { features = ["f"], solve-group = "g" }\n'
    )
    alike = {"default": [conda("a")], "f": [conda("a")]}
    unlike = {"default": [conda("a")], "f": [conda("a", "2.0")]}
    assert reasons(manifest, environments=alike) == []
    assert [one.partition(" | ")[0] for one in reasons(manifest, environments=unlike)] == ["group-unlike"]


PROJECT = '[project]\nname = "here"\nversion = "1"\ndependencies = ["x>=1"]\n'
HERE = '[dependencies]\npython = "*"\n[pypi-dependencies]\nhere = { path = "here", editable = true }\n'


def test_a_project_on_disk_must_say_what_is_locked() -> None:
    entry = replace(wheel("here", "1", "x>=1"), url="./here", version=None, sha256=None)
    files = {"here/pyproject.toml": PROJECT}
    assert reasons(HERE, python(), entry, wheel("x"), files=files) == []
    changed = {"here/pyproject.toml": PROJECT.replace("x>=1", 'x>=1", "z')}
    assert [one.partition(" | ")[0] for one in reasons(HERE, python(), entry, wheel("x"), files=changed)] == [
        "local-changed"
    ]
    assert [one.partition(" | ")[0] for one in reasons(HERE, python(), entry, wheel("x"))] == ["requirement-unusable"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[dependency-groups]\na = ["x y"]\n', "the dependency group a: 'x y' is no requirement: expected ; or the end before 'y'"),
        ('[dependency-groups]\na = [{ include-group = "b" }]\n', "the dependency group a includes what is no group"),
        ('[dependency-groups]\na = [{ include-group = "a" }]\n', "a dependency group includes itself"),
        ("[tool.uv]\nmanaged = 1\n", "tool.uv.managed is neither true nor false"),
        ("[tool.uv.sources]\nx = { foo = 1 }\n", "tool.uv.sources.x is no source"),
        ("[[tool.uv.index]]\nname = 'x'\n", "tool.uv.index is no list of tables with a url"),
        ("[tool.uv]\ndev-dependencies = ['x y']\n", None),
        ("[tool.uv]\nworkspace = 1\n", "tool.uv.workspace is no table"),
    ],
)  # fmt: skip
def test_a_project_whose_tables_uv_cannot_read_is_solved_again(more: str, problem: str | None) -> None:
    entry = replace(wheel("here", "1", "x>=1"), url="./here", version=None, sha256=None)
    found = reasons(HERE, python(), entry, wheel("x"), files={"here/pyproject.toml": PROJECT + more})
    assert len(found) == 1
    start = "local-unreadable | default on linux-64: home/here/pyproject.toml cannot be read by uv: "
    assert found[0].startswith(start)
    assert problem in (None, found[0].removeprefix(start))


def test_a_project_in_newer_toml_is_read_too() -> None:
    entry = replace(wheel("here", "1", "x>=1"), url="./here", version=None, sha256=None)
    text = "\ufeff" + PROJECT + "urls = {\n  home = 'x',\n}\n"
    assert reasons(HERE, python(), entry, wheel("x"), files={"here/pyproject.toml": text}) == []
    changed = {"here/pyproject.toml": text.replace("x>=1", "x>=2")}
    assert [one.partition(" | ")[0] for one in reasons(HERE, python(), entry, wheel("x"), files=changed)] == [
        "local-changed"
    ]


def test_the_index_of_a_file_on_disk_is_that_of_another_machine_and_does_not_count() -> None:
    manifest = X + '[pypi-options]\nindex-url = "https://index.example/simple"\nfind-links = [{ path = "links" }]\n'
    entry = wheel("x", url="./links/x-1.0-py3-none-any.whl", sha256=None, index="file:///elsewhere/links")
    assert reasons(manifest, python(), entry, find_links=(("path", "links"),)) == []


def test_a_git_source_must_be_locked_at_the_asked_reference() -> None:
    manifest = X.replace('">=1"', '{ git = "https://example.org/x.git", branch = "main" }')
    at = "git+https://example.org/x.git?branch={}#" + "a" * 40
    assert reasons(manifest, python(), wheel("x", url=at.format("main"), sha256=None)) == []
    assert reasons(manifest, python(), wheel("x", url=at.format("dev"), sha256=None)) == [
        "pypi-git | default on linux-64: x is asked for at main, and locked at dev"
    ]


def test_a_date_in_the_manifest_makes_newer_records_stale() -> None:
    late = conda("a", timestamp=int(datetime(2026, 6, 2, tzinfo=UTC).timestamp() * 1000))
    manifest = 'exclude-newer = "{}"\n' + A
    assert [one.partition(" | ")[0] for one in reasons(manifest.format("2026-05-01"), late)] == ["newer-than-allowed"]
    assert reasons(manifest.format("2026-06-02"), late) == []
    assert reasons(manifest.format("7d"), late) == []
    now = datetime(2026, 6, 3, tzinfo=UTC)
    assert verdict(manifest.format("7d"), lock_text(late), now=now).standing is Standing.STALE


@pytest.mark.parametrize(
    ("text", "standing", "code"),
    [
        ("", Standing.ERROR, "lock-unreadable"),
        ("version: 7\n", Standing.ERROR, "lock-unreadable"),
        ("version: 6\n", Standing.STALE, "lock-version"),
        ("version: 8\n", Standing.STALE, "lock-version"),
    ],
)
def test_a_lock_of_another_form_or_version_is_told_as_such(text: str, standing: Standing, code: str) -> None:
    found = verdict("", text)
    assert (found.standing, [one.code for one in found.reasons]) == (standing, [code])


@pytest.mark.parametrize("key", ["platforms", "environments", "packages"])
def test_a_collection_may_be_null_as_for_pixi(key: str) -> None:
    text = "version: 7\nplatforms:\nenvironments:\npackages:\n"
    assert verdict("", text).standing is Standing.STALE
    missing = text.replace(f"{key}:\n", "")
    expected = Standing.STALE if key == "platforms" else Standing.ERROR
    assert verdict("", missing).standing is expected


def test_an_address_in_a_requirement_must_be_one() -> None:
    text = lock_text(python(), wheel("x", "1.0", "y @ https://[::1/y-1-py3-none-any.whl ; python_version < '3'"))
    found = verdict(X, text)
    assert found.standing is Standing.ERROR
    line = found.reasons[0].line
    assert line is not None
    assert text.splitlines()[line - 1] == "- pypi: https://files.example/x-1.0-py3-none-any.whl"
    fine = text.replace("[::1/", "y.example/a b/")
    assert verdict(X, fine).accepted


def test_packages_under_development_are_not_judged() -> None:
    with pytest.raises(LockUnsupported) as caught:
        verdict(A + '[dev]\nmine = { path = "." }\n', lock_text(conda("a")))
    assert "mine" in caught.value.sentence


@pytest.mark.parametrize(
    ("platform", "fitting", "unfit"),
    [
        ("linux-64", "manylinux_2_28_x86_64 manylinux2014_x86_64 linux_x86_64 any", "manylinux_2_29_x86_64 musllinux_1_2_x86_64 win_amd64"),
        ("linux-aarch64", "manylinux_2_17_aarch64", "manylinux_2_17_x86_64 manylinux_2_12_aarch64"),
        ("osx-arm64", "macosx_11_0_arm64 macosx_13_0_arm64 macosx_12_0_universal2", "macosx_14_0_arm64 macosx_11_0_x86_64"),
        ("osx-64", "macosx_10_9_x86_64 macosx_13_0_x86_64", "macosx_14_0_x86_64"),
        ("win-64", "win_amd64 any", "win32 win_arm64"),
        ("win-arm64", "win_arm64", "win_amd64"),
    ],
)  # fmt: skip
def test_the_tags_that_fit_are_those_of_the_platform(platform: str, fitting: str, unfit: str) -> None:
    (one,) = read_workspace(HEAD.replace("linux-64", platform), "pixi.toml").platforms
    tags = fitting_tags(one, python())
    assert tags is not None
    assert [
        tag for tag in fitting.split() if f"{'py3-none' if tag == 'any' else 'cp311-cp311'}-{tag}" not in tags
    ] == []
    assert [tag for tag in unfit.split() if f"cp311-cp311-{tag}" in tags] == []


def test_a_free_threaded_python_takes_its_own_wheels_only() -> None:
    (one,) = read_workspace(HEAD, "pixi.toml").platforms
    free = replace(python("3.13.1"), depends=("python_abi 3.13.* *_cp313t",))
    tags = fitting_tags(one, free)
    assert tags is not None
    assert "cp313-cp313t-linux_x86_64" in tags
    assert "cp313-cp313-linux_x86_64" not in tags
    assert "cp313-abi3-linux_x86_64" not in tags


def test_where_nothing_is_known_of_the_tags_nothing_is_said() -> None:
    (one,) = read_workspace(HEAD.replace("linux-64", "emscripten-wasm32"), "pixi.toml").platforms
    assert fitting_tags(one, python()) is None
