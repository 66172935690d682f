"""What a new lock changes: what counts as a change, and how it is told."""

from __future__ import annotations

from dataclasses import replace

from lock_fakes import HEAD, conda, lock, python, wheel

from envcompose.cli.lock_changes import change_lines, counts_of
from envcompose.lock.moved import moved_between
from envcompose.manifest.lock import LockFile, LockPlatform
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.model.moved import Moved
from envcompose.model.target import Layer

WORKSPACE = read_workspace(HEAD, "pixi.toml")
GROUP = read_workspace(
    f'{HEAD}[environments]\ndefault = {{ solve-group = "g" }}\ntest = {{ features = [], solve-group = "g" }}\n',
    "pixi.toml",
)


def moved(before: LockFile, after: LockFile) -> tuple[Moved, ...]:
    return moved_between(before, after, WORKSPACE)


def test_equal_locks_move_nothing_and_what_is_only_told_otherwise_does_not_count() -> None:
    before = lock(python(), conda("a"), wheel("b", "1.0", "c"))
    assert moved(before, before) == ()
    after = lock(python(), replace(conda("a"), license="MIT"), wheel("b", "1.0", "c>=1", sha256=None))
    assert moved(before, after) == ()
    assert counts_of(()) == "unchanged"
    assert change_lines((), ["default"]) == []


def test_what_changed_comes_first_then_what_came_then_what_went() -> None:
    before = lock(python("3.11.5"), conda("gone"), conda("built", build="h1_0"), wheel("b", "1.0"), wheel("old", "2"))
    after = lock(python("3.11.6"), conda("come"), conda("built", build="h2_0"), wheel("b", "1.1"), wheel("new", "3"))
    found = moved(before, after)
    assert counts_of(found) == "3 changed, 2 added, 2 removed"
    assert change_lines(found, ["default"]) == [
        "  b 1.0 -> 1.1 (PyPI)",
        "  built 1.0 h1_0 -> h2_0 (conda)",
        "  python 3.11.5 -> 3.11.6 (conda)",
        "  added: come 1.0 (conda)",
        "  added: new 3 (PyPI)",
        "  removed: gone 1.0 (conda)",
        "  removed: old 2 (PyPI)",
    ]


def test_another_hash_another_address_and_another_commit_of_one_version_are_told() -> None:
    def git(commit: str) -> str:
        return f"git+https://git.example/it?branch=main#{commit}"

    before = lock(
        wheel("a", sha256="0" * 64),
        wheel("b"),
        wheel("c", url=git("1" * 40)),
        wheel("folder", None, url="./here"),
    )
    after = lock(
        wheel("a", sha256="1" * 64),
        wheel("b", url="https://other.example/b-1.0-py3-none-any.whl"),
        wheel("c", url=git("2" * 40)),
        wheel("folder", None, url="./there"),
    )
    assert change_lines(moved(before, after), ["default"]) == [
        "  a 1.0 with another hash (PyPI)",
        "  b 1.0 from another address (PyPI)",
        "  c 1.0 commit 111111111111 -> 222222222222 (PyPI)",
        "  folder ./here -> ./there (PyPI)",
    ]


def test_a_package_that_goes_from_one_layer_to_the_other_has_changed() -> None:
    (one,) = moved(lock(conda("numpy", "2.0")), lock(wheel("numpy", "2.1")))
    assert (one.change, one.before and one.before.layer, one.after and one.after.layer) == (
        "changed",
        Layer.SYSTEM,
        Layer.PYPI,
    )
    assert change_lines([one], ["default"]) == ["  numpy 2.0 (conda) -> 2.1 (PyPI)"]
    # Both layers may have something of this name; what stays in one of them has not gone to the other.
    (added,) = moved(lock(conda("cmake")), lock(conda("cmake"), wheel("cmake")))
    assert added.change == "added"


def test_environments_of_a_group_tell_a_change_once_and_whose_it_is_where_it_is_not_of_all() -> None:
    before = lock(environments={"default": [conda("a", "1")], "test": [conda("a", "1"), conda("t", "1")]})
    after = lock(environments={"default": [conda("a", "2")], "test": [conda("a", "2"), conda("t", "2")]})
    found = moved_between(before, after, GROUP)
    assert len(found) == 3
    assert counts_of(found) == "2 changed"
    assert change_lines(found, ["default", "test"]) == ["  a 1 -> 2 (conda)", "  t 1 -> 2 (conda), test"]


def test_many_changes_are_told_up_to_a_bound() -> None:
    names = [f"p{number:02}" for number in range(20)]
    found = moved(lock(), lock(*map(wheel, names)))
    lines = change_lines(found, ["default"])
    assert len(lines) == 17
    assert lines[-2:] == ["  added: p15 1.0 (PyPI)", "  and 4 more, which --json tells"]
    assert len(change_lines(found[:17], ["default"])) == 17
    assert "p16" in change_lines(found[:17], ["default"])[-1]


def test_platforms_are_those_of_the_manifest_whatever_the_locks_call_them() -> None:
    workspace = read_workspace(HEAD + '[system-requirements]\ncuda = "12.4"\n', "pixi.toml")

    def at(name: str, version: str) -> LockFile:
        made = lock(conda("a", version))
        (environment,) = made.environments
        virtual = ("__cuda=12.4", *made.platforms[0].virtual)
        return LockFile(
            platforms=(LockPlatform(name=name, subdir="linux-64", virtual=virtual),),
            environments=(replace(environment, packages={name: environment.packages["linux-64"]}),),
        )

    (one,) = moved_between(at("cuda-box", "1"), at("p1", "2"), workspace)
    assert (one.platform, one.change) == ("linux-64-cuda-12-4", "changed")
