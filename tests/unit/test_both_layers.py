"""Both layers over small worlds in memory: twins pin PyPI, PyPI's bounds hold conda, and neither has the last word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envcompose.check.acceptance import judge
from envcompose.check.own_lock import reasons_against
from envcompose.compose import World, compose
from envcompose.errors import ChannelUnreachable, Infeasible, ProofRequired
from envcompose.manifest.lock import LockedConda, LockedPypi
from envcompose.manifest.lock_text import render_lock
from envcompose.manifest.pixi_toml import render_manifest
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.model.composition import Composition
from envcompose.model.intent import InputReading, Intent, Wishes
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import CondaRequest, Origin, OriginKind
from envcompose.write.lock import lock_of
from envcompose.write.manifest import manifest_of
from tests.unit.conda_fakes import FakeCondaSolver, SameNames, record
from tests.unit.core_fakes import FakeIndex, FakeResolver, asked, facts_of, torch_release
from tests.unit.read_fakes import FakeTextFiles

HERE = Origin(kind=OriginKind.FILE, file="environment.yml", line=4)
FACTS = facts_of(torches=(torch_release("2.6.0", ("3.12", "3.13")),))
PYTHONS = (record("python", "3.12.4"), record("python", "3.13.1"))


def composed(
    index: FakeIndex,
    *records: CondaRecord,
    requirements: tuple[str, ...] = ("app",),
    conda: tuple[str, ...] = (),
    wishes: Wishes | None = None,
    solver: FakeCondaSolver | None = None,
    reading: InputReading | None = None,
) -> Composition:
    requests = tuple(
        CondaRequest(name=text.split()[0], spec=text.partition(" ")[2], origin=HERE, channel=None) for text in conda
    )
    intent = Intent(
        stacks=(),
        reading=reading or InputReading(requirements=tuple(asked(text) for text in requirements), conda=requests),
        wishes=wishes or Wishes(),
    )
    world = World(
        facts=FACTS,
        index=index,
        resolver=FakeResolver(),
        solver=solver or FakeCondaSolver(*PYTHONS, *records),
        names=SameNames("python", "compiler"),
        default_index="https://index.example/simple",
    )
    return compose(intent, world)


def locked(composition: Composition) -> dict[str, str]:
    """What the lock holds: `layer:name` with its version."""
    lock = lock_of(composition)
    assert lock is not None
    packages = lock.environments[0].packages["linux-64"]
    kinds = {LockedConda: "conda", LockedPypi: "pypi"}
    return {f"{kinds[type(package)]}:{package.name}": str(package.version) for package in packages}


def locked_records(composition: Composition) -> dict[str, str]:
    """The conda layer: names with versions."""
    assert composition.solution is not None
    return {one.name: one.version for one in composition.solution.conda.records}


def judged(composition: Composition) -> tuple[str, ...]:
    """What pixi would have against the lock."""
    manifest = render_manifest(manifest_of(composition, version="0", set_digest="0"))
    lock = lock_of(composition)
    assert lock is not None
    index = "https://index.example/simple"
    reasons = reasons_against(manifest, lock, FakeTextFiles(), default_index=index, root="/nowhere")
    workspace = read_workspace(manifest, "pixi.toml")
    of_text = judge(workspace, render_lock(lock), FakeTextFiles(), default_index=index, root="/nowhere")
    assert reasons == tuple(reason.text for reason in of_text.reasons)
    return reasons


def constraints(composition: Composition) -> dict[str, str]:
    return {line.name: line.spec for line in composition.system.constraints}


def index_of(**requires: tuple[str, ...]) -> FakeIndex:
    """Wheels by `name_version`, each with its requirements."""
    index = FakeIndex()
    for key, texts in requires.items():
        name, _, version = key.partition("_")
        index.add(f"{name}-{version.replace('_', '.')}-py3-none-any.whl", *texts)
    return index


def test_what_conda_provides_is_not_locked_again_from_pypi() -> None:
    index = index_of(app_1_0=("lib",), lib_2_0=("dep",), dep_1_0=())
    found = composed(index, record("lib", "1.9"), conda=("lib",))
    assert locked(found) == {"conda:lib": "1.9", "conda:python": "3.13.1", "pypi:app": "1.0"}
    package = found.package("lib")
    assert package is not None
    assert (package.version, package.layer.value, package.artifact.rule) == ("1.9", "system", "conda-provides")


def test_a_bound_of_the_closure_holds_what_conda_brings_by_itself() -> None:
    index = index_of(app_1_0=("lib<2",), lib_1_5=(), lib_2_0=())
    found = composed(index, record("tool", "1.0", "lib"), record("lib", "1.9"), record("lib", "2.1"), conda=("tool",))
    assert locked(found)["conda:lib"] == "1.9"
    assert constraints(found) == {"lib": "<2a0"}
    assert [line.why for line in found.system.constraints] == ["app (PyPI) bounds it, and tool brings it"]


def test_a_bound_keeps_out_the_pre_release_that_pypi_would_not_take() -> None:
    index = index_of(app_1_0=("lib<2",), lib_1_0=(), lib_2_0=())
    found = composed(
        index, record("tool", "1.0", "lib"), record("lib", "1.0"), record("lib", "2.0rc1"), conda=("tool",)
    )
    assert locked(found)["conda:lib"] == "1.0"


def test_the_closure_follows_conda_where_conda_cannot_follow_the_closure() -> None:
    index = index_of(app_1_0=("lib>=2",), app_2_0=("lib==1.0",), lib_1_0=(), lib_2_1=())
    found = composed(index, record("tool", "1.0", "lib >=2"), record("lib", "2.1"), conda=("tool",))
    assert locked(found) == {
        "conda:lib": "2.1",
        "conda:python": "3.13.1",
        "conda:tool": "1.0",
        "pypi:app": "1.0",
    }
    assert constraints(found) == {"lib": ">=2"}


def test_a_conflict_is_told_by_the_lines_that_clash() -> None:
    index = index_of(app_1_0=("lib==1.0",), lib_1_0=())
    with pytest.raises(Infeasible) as raised:
        composed(index, record("tool", "1.0", "lib >=2"), record("lib", "2.1"), conda=("tool",))
    told = [entry for entry in raised.value.rejected if entry.rule == "conda-solves"]
    assert told[0].why.startswith(
        "lib ==1.0 (app (PyPI) bounds it, and tool brings it) and tool (you ask for it (environment.yml:4)) "
        "cannot hold together"
    )


def test_a_user_constraint_bounds_a_twin_too() -> None:
    index = index_of(app_1_0=("lib",), lib_1_0=(), lib_2_0=())
    intent_reading = InputReading(
        requirements=(asked("app"),),
        constraints=(asked("lib<2"),),
        conda=(CondaRequest(name="tool", spec="*", origin=HERE, channel=None),),
    )
    world = World(
        facts=FACTS,
        index=index,
        resolver=FakeResolver(),
        solver=FakeCondaSolver(*PYTHONS, record("tool", "1.0", "lib"), record("lib", "1.9"), record("lib", "2.1")),
        names=SameNames("python"),
        default_index="https://index.example/simple",
    )
    found = compose(Intent(stacks=(), reading=intent_reading, wishes=Wishes()), world)
    assert constraints(found) == {"lib": "<2a0"}
    assert locked(found)["conda:lib"] == "1.9"


def test_a_bound_on_a_conda_package_that_pypi_does_not_know_asks_nothing_of_pypi() -> None:
    found = composed(index_of(app_1_0=()), record("zlib-ng", "2.2"), record("zlib-ng", "2.1"), conda=("zlib-ng 2.1.*",))
    assert locked(found)["conda:zlib-ng"] == "2.1"


def test_a_source_that_the_user_names_is_no_twin() -> None:
    url = "https://index.example/lib-2.0-py3-none-any.whl"
    with pytest.raises(Infeasible) as raised:
        composed(
            index_of(app_1_0=("lib",), lib_2_0=()),
            record("tool", "1.0", "lib"),
            record("lib", "1.9"),
            requirements=("app", f"lib @ {url}"),
            conda=("tool",),
        )
    assert [entry.rule for entry in raised.value.rejected] == ["twin-has-one-source"]
    assert raised.value.rejected[0].why.startswith("you name the source of lib, and tool brings conda's lib")


def test_markers_are_judged_for_the_python_that_conda_has() -> None:
    marked = ("old ; python_full_version < '3.13.1'", "new ; python_full_version >= '3.13.1'")
    index = index_of(app_1_0=marked, old_1_0=(), new_1_0=())
    found = composed(index)
    assert locked(found) == {"conda:python": "3.13.1", "pypi:app": "1.0", "pypi:new": "1.0"}
    assert judged(found) == ()


def test_another_conda_package_may_hold_an_older_python_than_was_guessed() -> None:
    marked = ("old ; python_full_version < '3.13.1'", "new ; python_full_version >= '3.13.1'")
    index = index_of(app_1_0=marked, old_1_0=(), new_1_0=())
    found = composed(index, record("python", "3.13.0"), record("tool", "1.0", "python <3.13.1"), conda=("tool",))
    assert locked(found)["conda:python"] == "3.13.0"
    assert "pypi:old" in locked(found) and "pypi:new" not in locked(found)


def test_an_override_is_in_the_manifest_and_in_the_lock() -> None:
    index = index_of(app_1_0=("lib<2",), lib_1_0=(), lib_2_0=("dep",), dep_1_0=())
    reading = InputReading(requirements=(asked("app"),), overrides=(asked("lib>=2"),))
    found = composed(index, reading=reading)
    assert locked(found)["pypi:lib"] == "2.0"
    text = render_manifest(manifest_of(found, version="0", set_digest="0"))
    assert 'dependency-overrides = { lib = ">=2" }' in text
    assert judged(found) == ()


def test_an_overridden_bound_does_not_hold_conda() -> None:
    index = index_of(app_1_0=("lib<2",), lib_1_0=(), lib_2_0=())
    tool = CondaRequest(name="tool", spec="*", origin=HERE, channel=None)
    reading = InputReading(requirements=(asked("app"),), overrides=(asked("lib>=2"),), conda=(tool,))
    found = composed(index, record("tool", "1.0", "lib"), record("lib", "2.0"), reading=reading)
    assert locked(found)["conda:lib"] == "2.0"
    assert constraints(found) == {"lib": ">=2"}


def test_only_files_with_the_hash_of_the_user_are_there() -> None:
    index = index_of(app_1_0=())
    reading = InputReading(requirements=(replace(asked("app"), hashes=("sha256:" + "a" * 64,)),))
    with pytest.raises(Infeasible) as raised:
        composed(index, reading=reading)
    assert raised.value.rejected[0].why == "no file of the index has one of the hashes that stand with it"


def test_a_reference_whose_marker_does_not_hold_is_not_used() -> None:
    url = "https://index.example/lib-2.0-py3-none-any.whl"
    index = index_of(app_1_0=("lib",), lib_2_0=(), lib_3_0=())
    found = composed(index, requirements=("app", f"lib @ {url} ; sys_platform == 'win32'"))
    assert locked(found)["pypi:lib"] == "3.0"


def test_a_constraint_whose_marker_does_not_hold_bounds_no_twin() -> None:
    tool = CondaRequest(name="tool", spec="*", origin=HERE, channel=None)
    constraint = asked("lib<2 ; python_version < '3'")
    reading = InputReading(requirements=(asked("app"),), constraints=(constraint,), conda=(tool,))
    index = index_of(app_1_0=("lib",), lib_1_0=(), lib_2_0=())
    found = composed(index, record("tool", "1.0", "lib"), record("lib", "1.0"), record("lib", "2.0"), reading=reading)
    assert locked(found)["conda:lib"] == "2.0"
    assert [(fate.text, fate.outcome.value) for fate in found.fates if fate.text == constraint.text] == [
        (constraint.text, "inactive")
    ]


def test_extras_of_what_conda_provides_are_told() -> None:
    found = composed(index_of(app_1_0=("lib[x]",), lib_1_0=()), record("lib", "1.0"), conda=("lib",))
    assert [message.code for message in found.messages] == ["extras-dropped"]


def test_a_conda_line_of_another_thing_is_not_the_distribution_of_its_name() -> None:
    index = index_of(app_1_0=("compiler",), compiler_4_0=())
    found = composed(index, record("compiler", "3.9"), conda=("compiler",))
    package = found.package("compiler")
    assert package is not None and (package.version, package.layer.value) == ("4.0", "pypi")
    assert locked(found)["conda:compiler"] == "3.9" and locked(found)["pypi:compiler"] == "4.0"


def test_a_build_stands_beside_its_version_as_pixi_reads_it() -> None:
    found = composed(index_of(app_1_0=()), record("zlib-ng", "2.1", build="h1_0"), conda=("zlib-ng 2.1.* h1*",))
    text = render_manifest(manifest_of(found, version="0", set_digest="0"))
    assert 'zlib-ng = { version = "2.1.*", build = "h1*" }' in text


def test_a_conda_package_that_asks_for_a_driver_gets_the_one_of_the_target() -> None:
    index = index_of(app_1_0=())
    found = composed(
        index,
        record("gpu-tool", "1.0", "__cuda >=12"),
        conda=("gpu-tool",),
        wishes=Wishes(cuda="12.4", driver="12.4"),
    )
    assert found.system.needs_driver
    lock = lock_of(found)
    assert lock is not None and "- name: p1\n  subdir: linux-64\n  virtual-packages:\n  - __cuda=12.4\n" in render_lock(
        lock
    )


def test_a_driver_that_is_stated_gets_the_builds_that_ask_for_one() -> None:
    builds = (record("tool", "1.0", build="cpu"), record("tool", "1.1", "__cuda", build="cuda"))
    stated = composed(index_of(app_1_0=()), *builds, conda=("tool",), wishes=Wishes(driver="12.4", cuda="12.4"))
    assert locked_records(stated)["tool"] == "1.1" and stated.system.needs_driver
    silent = composed(index_of(app_1_0=()), *builds, conda=("tool",))
    assert locked_records(silent)["tool"] == "1.0" and not silent.system.needs_driver


def test_a_driver_that_nothing_asks_for_is_not_declared() -> None:
    found = composed(
        index_of(app_1_0=()), record("tool", "1.0"), conda=("tool",), wishes=Wishes(driver="12.4", cuda="12.4")
    )
    assert not found.system.needs_driver
    assert 'platforms = ["linux-64"]' in render_manifest(manifest_of(found, version="0", set_digest="0"))


def test_a_default_channel_out_of_reach_leaves_the_conda_layer_to_tables_and_writes_no_lock() -> None:
    solver = FakeCondaSolver()
    solver.out_of_reach = "no connection"
    found = composed(index_of(app_1_0=()), solver=solver)
    assert found.solution is None and lock_of(found) is None
    assert [message.code for message in found.messages] == ["channel-by-tables"]


def test_a_named_channel_out_of_reach_is_an_error() -> None:
    solver = FakeCondaSolver()
    solver.out_of_reach = "no connection"
    with pytest.raises(ChannelUnreachable):
        composed(index_of(app_1_0=()), solver=solver, wishes=Wishes(channels=("https://mirror.example/main",)))


def test_proof_is_asked_of_both_layers() -> None:
    solver = FakeCondaSolver()
    solver.out_of_reach = "no connection"
    with pytest.raises(ProofRequired):
        composed(index_of(app_1_0=()), solver=solver, wishes=Wishes(require_proof=True))
    composed(index_of(app_1_0=()), wishes=Wishes(require_proof=True))


def test_a_pixi_that_reads_no_such_lock_gets_none_and_is_told() -> None:
    from packaging.version import Version

    found = composed(index_of(app_1_0=()), wishes=Wishes(requires_pixi=Version("0.66")))
    assert found.solution is not None and lock_of(found) is None
    assert found.solution.lacking == ("pixi 0.66, which --requires-pixi admits, does not read it",)
    assert found.target.pixi == "0.66"
    assert [message.code for message in found.messages] == ["no-lock"]


def test_an_address_with_a_login_is_told_without_it() -> None:
    wishes = Wishes(channels=("https://someone:secret@conda.example/main",), index="https://index.example/simple")
    found = composed(index_of(app_1_0=()), wishes=wishes)
    told = [(message.code, message.text, message.hint) for message in found.messages]
    assert told == [
        (
            "login-left-out",
            "https://****@conda.example/main was given with a login, which no file of the set holds",
            "pixi auth login conda.example (or a netrc file) gives it to pixi",
        )
    ]
    assert "secret" not in str(lock_of(found))
