"""Manifests locked with the real engines: uv over an index on loopback, py-rattler over a channel on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcompose.errors import (
    ChannelUnreachable,
    LockInfeasible,
    LockMissing,
    LockNotSupported,
    ManifestMissing,
    NotCached,
    PythonMissing,
)
from envcompose.lock_files import check_lock, lock_manifest
from envcompose.manifest.lock import LockedConda, LockedPypi, LockFile
from envcompose.manifest.lock_reading import read_lock
from tests.cli.fake_index import FakeIndex
from tests.world.lock_parts import Workspace, packages, versions


def test_both_layers_are_locked_and_pixi_would_take_it(workspace: Workspace) -> None:
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi='alpha = "*"')
    result = workspace.lock()
    assert versions(result) == {"python": "3.12.4", "packaging": "25.0", "alpha": "1.0", "beta": "1.1"}
    found = packages(result)
    assert isinstance(found["packaging"], LockedConda)
    assert found["packaging"].purls == ("pkg:pypi/packaging?source=project-defined-mapping",)
    assert isinstance(found["alpha"], LockedPypi)
    assert found["alpha"].requires_dist == ("beta>=1", "packaging")
    assert check_lock(workspace.folder).is_fine
    assert result.messages == ()


def test_equal_manifests_give_equal_bytes_with_and_without_the_lock_that_is_there(workspace: Workspace) -> None:
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi='alpha = "*"')
    first = workspace.lock()
    again, fresh = workspace.lock(), workspace.lock(fresh=True)
    assert again.text == first.text == fresh.text
    assert [file.action for file in again.files] == ["unchanged"]


def test_the_manifest_stays_as_it_is(workspace: Workspace) -> None:
    path = workspace.write(pypi='alpha = "*"')
    before = path.read_bytes()
    workspace.lock()
    assert path.read_bytes() == before


# Two layers


def test_conda_goes_back_where_pypi_cannot_have_its_choice(workspace: Workspace) -> None:
    workspace.index.wheel("gamma", "1.0", "packaging==23.2")
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi='gamma = "*"')
    result = workspace.lock()
    assert versions(result)["packaging"] == "23.2"
    message = next(one for one in result.messages if one.code == "constraint-missing")
    assert "gamma 1.0 requires packaging==23.2" in message.text
    assert message.hint == 'add to [constraints] of pixi.toml: packaging = "==23.2"'


def test_a_release_of_pypi_gives_way_where_the_manifest_holds_conda(workspace: Workspace) -> None:
    workspace.index.wheel("delta", "2.0", "numpy>=2.2")
    workspace.index.wheel("delta", "1.0", "numpy<2")
    workspace.write(conda='python = "3.12.*"\nnumpy = "1.26.*"', pypi='delta = "*"')
    assert versions(workspace.lock()) == {"python": "3.12.4", "numpy": "1.26.4", "delta": "1.0"}


def test_a_bound_that_conda_cannot_meet_sends_pypi_to_another_release(workspace: Workspace) -> None:
    # numpy itself is not named; what is named needs a new one, so that the newest delta cannot be.
    workspace.index.wheel("delta", "2.0", "numpy<2")
    workspace.index.wheel("delta", "1.0", "numpy>=2")
    workspace.index.wheel("gamma", "1.0", "packaging==23.2")
    conda = 'python = "3.12.*"\nwide-tool = "*"'
    workspace.write(conda=conda, pypi='delta = "*"')
    assert versions(workspace.lock())["delta"] == "1.0"
    # Once packaging has to move, numpy is let loose too, and what delta would like of it is found not to be there.
    workspace.write(conda=f'{conda}\npackaging = "*"', pypi='delta = "*"\ngamma = "*"')
    found = versions(workspace.lock(fresh=True))
    assert (found["delta"], found["packaging"], found["numpy"]) == ("1.0", "23.2", "2.2.6")


def test_lines_of_both_layers_that_cannot_be_together_are_named(workspace: Workspace) -> None:
    workspace.index.wheel("delta", "1.0", "numpy<2")
    workspace.write(conda='python = "3.12.*"\nnumpy = "2.*"', pypi='delta = "==1.0"')
    with pytest.raises(LockInfeasible) as caught:
        workspace.lock()
    line, other = workspace.line_of("delta"), workspace.line_of('numpy = "2.*"')
    assert caught.value.facts == (
        f"pixi.toml, line {line}, asks for delta==1.0",
        f"pixi.toml, line {other}, asks conda for numpy 2.*",
        "delta 1.0 requires numpy<2",
    )
    assert caught.value.exit_status == 1
    assert not (workspace.folder / "pixi.lock").exists()


def test_conda_lines_that_cannot_be_together_are_named(workspace: Workspace) -> None:
    workspace.write(conda='python = "3.12.*"\nnumpy = "<2"\nwide-tool = "*"')
    with pytest.raises(LockInfeasible) as caught:
        workspace.lock()
    (fact,) = caught.value.facts
    for line in ('numpy = "<2"', "wide-tool = "):
        assert f"pixi.toml, line {workspace.line_of(line)}" in fact


def test_extras_of_what_conda_provides_are_told_as_dropped(workspace: Workspace) -> None:
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi='packaging = { version = "*", extras = ["x"] }')
    (message,) = workspace.lock().messages
    assert (message.code, message.line) == ("extras-dropped", workspace.line_of("packaging = { version"))


# Options


def test_versions_of_the_lock_that_is_there_are_kept_unless_it_is_fresh(workspace: Workspace) -> None:
    workspace.write(conda='python = "3.12.*"\npackaging = "24.*"', pypi='beta = "==1.0"')
    workspace.lock()
    workspace.write(conda='python = "3.12.*"\npackaging = "*"', pypi='beta = "*"')
    kept, fresh = workspace.lock(), workspace.lock(fresh=True)
    assert versions(kept) == {"python": "3.12.4", "packaging": "24.2", "beta": "1.0"}
    assert versions(fresh) == {"python": "3.12.4", "packaging": "25.0", "beta": "1.1"}


def test_overrides_stand_in_for_every_requirement_of_their_name(workspace: Workspace) -> None:
    workspace.index.wheel("gamma", "1.0", "beta>=1.1")
    workspace.write(pypi='gamma = "*"', options='dependency-overrides = { beta = "==1.0" }')
    assert versions(workspace.lock())["beta"] == "1.0"


def test_builds_and_wheels_that_are_forbidden_are_not_locked(workspace: Workspace) -> None:
    workspace.index.sdist("beta", "2.0")
    workspace.index.sdist("beta", "1.1")
    workspace.write(pypi='beta = "*"', options="no-build = true")
    assert packages(workspace.lock())["beta"].url.endswith("/beta-1.1-py3-none-any.whl")
    workspace.write(pypi='beta = "*"', options='no-binary = ["beta"]')
    assert packages(workspace.lock(fresh=True))["beta"].url.endswith("/beta-2.0.tar.gz")


def test_the_lowest_versions_and_pre_releases_are_locked_on_request(workspace: Workspace) -> None:
    workspace.index.wheel("beta", "1.2rc1")
    workspace.write(
        conda='python = ">=3.11"\npackaging = "*"', pypi='beta = "*"', workspace='solve-strategy = "lowest"'
    )
    assert versions(workspace.lock()) == {"python": "3.11.9", "packaging": "23.2", "beta": "1.0"}
    workspace.write(pypi='beta = "*"', options='prerelease-mode = "allow"')
    assert versions(workspace.lock(fresh=True))["beta"] == "1.2rc1"


def test_conda_packages_that_are_too_new_are_left_out_but_for_those_with_a_day_of_their_own(
    workspace: Workspace,
) -> None:
    dates = 'exclude-newer = "2024-06-01"'
    workspace.write(conda='python = "3.12.*"\ndated = "*"', workspace=dates)
    assert versions(workspace.lock())["dated"] == "1.0"
    workspace.write(
        conda='python = "3.12.*"\ndated = "*"', workspace=dates, more='[exclude-newer]\ndated = "2026-01-01"'
    )
    assert versions(workspace.lock(fresh=True))["dated"] == "2.0"


def test_a_name_that_is_pinned_to_an_index_comes_from_there_alone(workspace: Workspace) -> None:
    with FakeIndex() as other:
        other.wheel("beta", "0.5")
        workspace.write(pypi=f'alpha = "*"\nbeta = {{ version = "*", index = "{other.url}" }}')
        workspace.index.wheel("alpha", "1.1", "beta")
        found = packages(workspace.lock())
        assert isinstance(found["beta"], LockedPypi)
        assert (found["beta"].version, found["beta"].index) == ("0.5", other.url)


def test_the_first_index_that_knows_a_name_hides_the_others_unless_all_are_asked(workspace: Workspace) -> None:
    with FakeIndex() as other:
        other.wheel("beta", "0.5")
        extra = f'extra-index-urls = ["{other.url}"]'
        workspace.write(pypi='beta = "*"', options=extra)
        assert versions(workspace.lock())["beta"] == "0.5"
        workspace.write(pypi='beta = "*"', options=f'{extra}\nindex-strategy = "unsafe-best-match"')
        assert versions(workspace.lock(fresh=True))["beta"] == "1.1"


def test_a_conda_archive_by_address_is_locked(workspace: Workspace) -> None:
    address = f"{workspace.channel}/noarch/packaging-23.2-pyh0_0.conda"
    workspace.write(conda=f'python = "3.12.*"\npackaging = {{ url = "{address}" }}')
    assert versions(workspace.lock()) == {"python": "3.12.4", "packaging": "23.2"}


# Platforms and environments


def test_every_platform_has_the_wheel_that_fits_it(workspace: Workspace) -> None:
    tags = {
        "linux-64": "cp312-cp312-manylinux_2_17_x86_64",
        "linux-aarch64": "cp312-cp312-manylinux_2_17_aarch64",
        "osx-arm64": "cp312-cp312-macosx_11_0_arm64",
        "win-64": "cp312-cp312-win_amd64",
    }
    for tag in (*tags.values(), "cp312-cp312-macosx_14_0_arm64", "cp312-cp312-manylinux_2_34_x86_64"):
        workspace.index.wheel("epsilon", "1.0", "beta; sys_platform == 'win32'", tag=tag)
    workspace.write(pypi='epsilon = "*"', platforms=str(list(tags)).replace("'", '"'))
    result = workspace.lock()
    for platform, tag in tags.items():
        found = packages(result, platform=platform)
        assert found["epsilon"].url.endswith(f"/epsilon-1.0-{tag}.whl")
        assert ("beta" in found) == (platform == "win-64")


def test_rich_platforms_are_solved_for_what_they_declare(workspace: Workspace) -> None:
    for tag in ("manylinux_2_17_x86_64", "manylinux_2_34_x86_64"):
        workspace.index.wheel("epsilon", "1.0", tag=f"cp312-cp312-{tag}")
    platforms = '[{ name = "new", platform = "linux-64", glibc = "2.35" }, { name = "old", platform = "linux-64", glibc = "2.17" }]'
    workspace.write(pypi='epsilon = "*"', platforms=platforms)
    result = workspace.lock()
    # pixi judges both by the tags of one of them, whichever comes first in a table of its own.
    assert [message.code for message in result.messages] == ["pixi-by-chance"]
    assert packages(result, platform="p1")["epsilon"].url.endswith("manylinux_2_34_x86_64.whl")
    assert packages(result, platform="p2")["epsilon"].url.endswith("manylinux_2_17_x86_64.whl")


def test_environments_of_a_solve_group_share_versions_and_have_only_what_they_ask_for(workspace: Workspace) -> None:
    workspace.index.wheel("zeta", "1.0", "beta<1.1")
    workspace.write(
        pypi='alpha = "*"',
        more='[feature.test.pypi-dependencies]\nzeta = "*"\n[feature.test.dependencies]\nnumpy = "*"\n'
        '[environments]\ndefault = { solve-group = "all" }\ntest = { features = ["test"], solve-group = "all" }',
    )
    result = workspace.lock()
    assert versions(result) == {"python": "3.12.4", "alpha": "1.0", "beta": "1.0", "packaging": "25.0"}
    assert set(versions(result, "test")) == {"python", "numpy", "alpha", "beta", "packaging", "zeta"}


def test_pypi_names_stand_only_where_an_environment_of_the_solve_has_pypi_dependencies(workspace: Workspace) -> None:
    """Seen with pixi 0.77: a record that only an environment without PyPI has stands without names, a shared one with them."""
    workspace.write(
        conda="",
        pypi='alpha = "*"',
        more='[feature.plain.dependencies]\nnumpy = "*"\npython = "3.12.*"\n'
        '[environments]\nplain = { features = ["plain"], no-default-feature = true }\n'
        "bare = { features = [], no-default-feature = true }",
    )
    result = workspace.lock()
    plain = packages(result, "plain")
    assert isinstance(plain["python"], LockedConda) and isinstance(plain["numpy"], LockedConda)
    assert (plain["python"].purls, plain["numpy"].purls) == ((), None)
    lock = read_lock(result.text, "pixi.lock")
    assert isinstance(lock, LockFile)
    assert next(one.packages for one in lock.environments if one.name == "bare") == {}
    assert "    packages: {}\n" in result.text
    assert check_lock(workspace.folder).is_fine


def test_the_lock_of_a_manifest_that_is_a_link_lies_beside_the_link(workspace: Workspace) -> None:
    workspace.write(pypi='alpha = "*"')
    elsewhere = workspace.folder.parent / "elsewhere.toml"
    (workspace.folder / "pixi.toml").rename(elsewhere)
    (workspace.folder / "pixi.toml").symlink_to(elsewhere)
    workspace.lock()
    assert (workspace.folder / "pixi.lock").is_file() and not (elsewhere.parent / "pixi.lock").exists()
    assert check_lock(workspace.folder).is_fine
    assert (workspace.folder / "pixi.toml").is_symlink()


# Errors


def test_what_cannot_be_locked_is_named(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write(platforms='["linux-ppc64le"]', pypi='beta = "*"')
    with pytest.raises(LockNotSupported, match="PyPI dependencies for linux-ppc64le"):
        workspace.lock()
    workspace.write(conda='python = "3.12.*"\nown = { path = "./own" }', workspace='preview = ["pixi-build"]')
    with pytest.raises(LockNotSupported, match="own, a conda package that pixi builds from source") as caught:
        workspace.lock()
    assert caught.value.line == workspace.line_of("own = ")
    workspace.write(conda='"dated" = "*"', pypi='beta = "*"')
    with pytest.raises(PythonMissing) as without:
        workspace.lock()
    assert without.value.line == workspace.line_of("beta = ")
    assert "add a line to [dependencies]" in without.value.hints[0]
    lint = '[feature.lint.pypi-dependencies]\nbeta = "*"\n[environments]\nlint = {{ features = ["lint"]{} }}'
    workspace.write(conda='"dated" = "*"', more=lint.format(""))
    with pytest.raises(PythonMissing) as beside:
        workspace.lock()
    assert "add a line to [dependencies]" in beside.value.hints[0]
    workspace.write(conda='python = "3.12.*"', more=lint.format(", no-default-feature = true"))
    with pytest.raises(PythonMissing, match="The environment lint on linux-64 has PyPI dependencies") as alone:
        workspace.lock()
    assert "add a line to [feature.lint.dependencies]" in alone.value.hints[0]
    with pytest.raises(ManifestMissing):
        lock_manifest(tmp_path / "nowhere")
    with pytest.raises(LockMissing):
        check_lock(workspace.folder)


def test_offline_what_is_not_cached_is_an_error_and_what_is_is_locked(workspace: Workspace) -> None:
    workspace.write(pypi='alpha = "*"')
    with pytest.raises(NotCached):
        workspace.lock(offline=True)
    first = workspace.lock()
    asked = len(workspace.index.asked)
    assert workspace.lock(offline=True, fresh=True).text == first.text
    assert len(workspace.index.asked) == asked


def test_a_channel_that_is_not_there_is_an_error_of_the_source(workspace: Workspace) -> None:
    path = workspace.write()
    path.write_text(path.read_text().replace(workspace.channel, "http://127.0.0.1:9/none"))
    with pytest.raises(ChannelUnreachable) as caught:
        workspace.lock()
    assert caught.value.exit_status == 3
