"""What is said of a manifest that cannot be locked, with the real engines: lines and facts, and no solver's prose."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from envcompose.errors import LockInfeasible
from envcompose.lock_files import lock_manifest
from envcompose.world.cache import Cache
from envcompose.world.name_map import PUBLIC_MAP
from tests.cli.fake_index import FakeIndex
from tests.world.lock_parts import Workspace


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with FakeIndex() as made:
        made.wheel("alpha", "1.0", "beta>=1")
        made.wheel("beta", "1.0")
        made.wheel("beta", "2.0")
        made.wheel("packaging", "25.0")
        made.wheel("numpy", "1.26.4")
        made.wheel("numpy", "2.2.6")
        yield made


@pytest.fixture
def workspace(workspace: Workspace, tmp_path: Path) -> Workspace:
    """With a map of names that an earlier run has fetched."""
    cache = Cache(tmp_path / "cache")
    names = {"packaging": ["packaging"], "beta": ["beta", "no-such-project"], "wide-tool": []}
    cache.put("conda-names", PUBLIC_MAP, json.dumps({"day": None, "digest": "0" * 64, "names": names}), time.time())
    cache.close()
    return workspace


def refused(workspace: Workspace) -> LockInfeasible:
    """The error, of which every line is ours: the resolver's prose speaks of what one can conclude."""
    with pytest.raises(LockInfeasible) as caught:
        lock_manifest(workspace.folder)
    assert not any("conclude" in text or "Because" in text for text in caught.value.facts)
    return caught.value


def at(workspace: Workspace, text: str) -> str:
    return f"pixi.toml, line {workspace.line_of(text)}"


def test_a_name_that_no_index_has_is_told_with_its_line_and_what_it_may_mean(workspace: Workspace) -> None:
    workspace.write(pypi='alpha = "*"\nbetta = "*"\nno-such-projects = ">=1"\nunlike-anything = "*"')
    error = refused(workspace)
    assert error.facts == (
        f"the index has no project betta ({at(workspace, 'betta')})",
        f"the index has no project no-such-projects ({at(workspace, 'no-such')})",
        f"the index has no project unlike-anything ({at(workspace, 'unlike')})",
    )
    # What the index does not have either is no help.
    assert error.hints == (
        "did you mean beta?",
        "check the spelling of no-such-projects, or say which index has it",
        "check the spelling of unlike-anything, or say which index has it",
    )
    assert error.line == workspace.line_of("betta")


def test_a_conda_name_that_no_channel_has_is_told_with_what_it_may_mean(workspace: Workspace) -> None:
    workspace.write(conda='python = "3.12.*"\nwide-tol = "*"')
    error = refused(workspace)
    assert error.facts == (f"the channels have no wide-tol ({at(workspace, 'wide-tol')})",)
    assert error.hints == ("did you mean wide-tool?",)
    assert error.line == workspace.line_of("wide-tol")


def test_a_name_that_only_a_requirement_knows_is_told_with_who_requires_it(workspace: Workspace) -> None:
    workspace.index.wheel("gamma", "1.0", "nowhere>=2")
    workspace.write(pypi='alpha = "*"\ngamma = "*"')
    assert refused(workspace).facts == (
        f"{at(workspace, 'gamma')}, asks for gamma",
        "gamma 1.0 requires nowhere>=2",
        "the index has no project nowhere",
    )


def test_lines_with_many_releases_between_them_are_named(workspace: Workspace) -> None:
    for minor in range(25):
        workspace.index.wheel("gamma", f"1.{minor}", "beta>=2")
    workspace.write(pypi='alpha = "*"\nbeta = "<2"\ngamma = "*"')
    error = refused(workspace)
    assert error.facts == (
        f"{at(workspace, 'beta')}, asks for beta<2",
        f"{at(workspace, 'gamma')}, asks for gamma",
        "gamma 1.0 to 1.24 require beta>=2",
    )
    assert error.hints == ("loosen one of the lines that are named",)


def test_where_the_metadata_show_no_single_reason_the_resolver_is_asked_which_lines_it_takes(
    workspace: Workspace,
) -> None:
    # Each release of gamma meets another line: no single requirement is that of all of them.
    workspace.index.wheel("gamma", "1.0", "beta>=2")
    workspace.index.wheel("gamma", "2.0", "delta>=2")
    workspace.index.wheel("delta", "1.0")
    workspace.index.wheel("delta", "2.0")
    for name in ("one", "two", "three", "four"):
        workspace.index.wheel(name, "1.0")
    workspace.write(pypi='one = "*"\ntwo = "*"\nbeta = "<2"\nthree = "*"\ngamma = "*"\ndelta = "<2"\nfour = "*"')
    error = refused(workspace)
    assert error.facts == (
        f"{at(workspace, 'beta')}, asks for beta<2",
        f"{at(workspace, 'gamma')}, asks for gamma",
        f"{at(workspace, 'delta')}, asks for delta<2",
        "no releases of these, and of what they require, go together",
    )
    assert error.hints == ("loosen one of the lines that are named", "-v tells the resolver's own words")


def test_a_conda_line_among_those_that_the_resolver_takes_is_named(workspace: Workspace) -> None:
    workspace.index.wheel("gamma", "1.0", "numpy<2")
    workspace.index.wheel("gamma", "2.0", "delta>=2")
    workspace.index.wheel("delta", "1.0")
    workspace.index.wheel("delta", "2.0")
    workspace.write(conda='python = "3.12.*"\nnumpy = "2.*"\npackaging = "*"', pypi='gamma = "*"\ndelta = "<2"')
    numpy = at(workspace, 'numpy = "2')
    assert refused(workspace).facts[:3] == (
        f"{at(workspace, 'gamma')}, asks for gamma",
        f"{at(workspace, 'delta')}, asks for delta<2",
        f"{numpy}, asks conda for numpy 2.*",
    )


def test_a_release_for_other_pythons_is_told_with_the_line_that_says_which_python(workspace: Workspace) -> None:
    for tag in ("cp39-cp39-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64"):
        workspace.index.wheel("gamma", "1.0", tag=tag)
    workspace.index.wheel("gamma", "2.0")
    workspace.write(pypi='gamma = "==1.0"')
    assert refused(workspace).facts == (
        f"{at(workspace, 'gamma')}, asks for gamma==1.0",
        f"{at(workspace, 'python = ')}, asks conda for python 3.12.*",
        "gamma==1.0 has files for Python 3.9 to 3.11 alone",
        "no release of gamma with a file for this Python and platform satisfies ==1.0; the nearest is 2.0",
    )


def test_a_release_for_older_pythons_is_locked_and_a_clash_of_it_is_told_and_not_the_python(
    workspace: Workspace,
) -> None:
    workspace.index.wheel("gamma", "1.0", "numpy<2", python=">=3.8,<3.12")
    workspace.index.wheel("gamma", "2.0", python=">=3.13")
    workspace.write(pypi='gamma = "==1.0"')
    assert "gamma-1.0" in lock_manifest(workspace.folder).text
    workspace.write(pypi='gamma = "==1.0"\nnumpy = ">=2"')
    numpy = at(workspace, 'numpy = ">=2')
    assert refused(workspace).facts == (
        f"{at(workspace, 'gamma')}, asks for gamma==1.0",
        f"{numpy}, asks for numpy>=2",
        "gamma 1.0 requires numpy<2",
    )
    workspace.write(pypi='gamma = ">=2"')
    assert refused(workspace).facts[1:3] == (
        f"{at(workspace, 'python = ')}, asks conda for python 3.12.*",
        "gamma>=2 requires Python >=3.13",
    )


def test_what_options_of_the_manifest_leave_out_is_told_with_the_option(workspace: Workspace) -> None:
    workspace.index.sdist("gamma", "1.0")
    workspace.index.wheel("delta", "1.0", "gamma>=1")
    workspace.write(pypi='gamma = "*"', options="no-build = true")
    assert refused(workspace).facts == (
        f"{at(workspace, 'gamma')}, asks for gamma",
        "no-build leaves out what there is of gamma",
        "the index has nothing of gamma that fits",
    )
    workspace.write(pypi='delta = "*"', options='no-build = ["gamma"]')
    assert refused(workspace).facts == (
        f"{at(workspace, 'delta')}, asks for delta",
        "delta 1.0 requires gamma>=1",
        "no-build leaves out what there is of gamma>=1",
        "the index has nothing of gamma that fits",
    )
    workspace.write(pypi='beta = ">=2"', options='no-binary = ["beta"]')
    assert "no-binary leaves out what there is of beta>=2" in refused(workspace).facts
    workspace.write(pypi='alpha = "*"', workspace='exclude-newer = "2024-01-01"')
    # Of an index that tells no upload times, nothing is shown where a day is asked for.
    assert "exclude-newer leaves out what there is of alpha" in refused(workspace).facts
    workspace.write(conda='python = "3.12.*"\ndated = ">=2"', workspace='exclude-newer = "2024-01-01"')
    assert refused(workspace).facts[-1] == "exclude-newer leaves out what would fit"
    workspace.write(conda='python = "3.12.*"\ndated = ">=3"', workspace='exclude-newer = "2024-01-01"')
    assert not any("exclude-newer" in fact for fact in refused(workspace).facts)
    # An option that has nothing to do with it is not blamed.
    workspace.write(pypi='beta = ">=9"', options="no-build = true")
    assert not any("no-build" in fact for fact in refused(workspace).facts)


@pytest.mark.parametrize(
    ("name", "fact", "hint"),
    [
        ("gpu-tool", "requires a driver that shows CUDA >=12", 'the driver of the machines, as in platforms = [{ platform = "linux-64", cuda = "12" }]'),
        ("any-gpu-tool", "requires a driver that shows CUDA", 'the driver of the machines, as in platforms = [{ platform = "linux-64", cuda = "12.4" }]'),
        ("new-tool", "requires glibc >=2.34", 'the glibc of the machines, if it is that new, as in platforms = [{ platform = "linux-64", glibc = "2.34" }]'),
    ],
)  # fmt: skip
def test_what_a_platform_would_have_to_declare_is_told(workspace: Workspace, name: str, fact: str, hint: str) -> None:
    workspace.write(conda=f'{name} = "*"')
    error = refused(workspace)
    assert error.facts == (f"no build of {name} ({at(workspace, name)}) fits: {name} 1.0 {fact}",)
    assert error.hints == (f"declare {hint}",)
    # The hint holds: with it the manifest is locked, or its own declaration is what clashes.
    declared = hint.partition("platforms = ")[2]
    workspace.write(conda=f'{name} = "*"', platforms=declared)
    assert lock_manifest(workspace.folder).text
    workspace.write(conda=f'{name} = "*"', platforms=declared.replace('"12', '"11').replace("2.34", "2.30"))
    if name != "any-gpu-tool":
        assert refused(workspace).hints == ("loosen one of the lines that are named",)


def test_a_driver_that_only_the_solvers_words_speak_of_is_told_too(workspace: Workspace) -> None:
    workspace.write(conda='gpu-suite = "*"')
    error = refused(workspace)
    first, second = error.facts
    assert first == f"no build of gpu-suite ({at(workspace, 'gpu-suite')}) fits"
    assert re.fullmatch("a driver that shows CUDA( >=12)? is asked for, and the platform declares none", second)
    assert error.hints[0].startswith("declare the driver of the machines")


def test_what_an_override_replaces_is_not_told_as_the_reason(workspace: Workspace) -> None:
    workspace.index.wheel("gamma", "1.0", "beta<1", "delta>=3")
    workspace.index.wheel("delta", "1.0")
    override = '[pypi-options.dependency-overrides]\nbeta = "*"'
    workspace.write(pypi='gamma = "*"', more=override)
    assert refused(workspace).facts == (
        f"{at(workspace, 'gamma')}, asks for gamma",
        "gamma 1.0 requires delta>=3",
        "no release of delta with a file for this Python and platform satisfies >=3; the newest that has one is 1.0",
    )


def test_an_override_of_which_there_is_no_release_is_named(workspace: Workspace) -> None:
    override = '[pypi-options.dependency-overrides]\nbeta = "{}"\npackaging = "==25.0"'
    workspace.write(pypi='alpha = "==1.0"', more=override.format("==99"))
    text = 'beta = "==99"'
    error = refused(workspace)
    assert error.facts == (
        f"{at(workspace, 'alpha')}, asks for alpha==1.0",
        f"{at(workspace, text)}, overrides all bounds on beta: it is to be beta==99",
        "no release of beta with a file for this Python and platform satisfies ==99; the nearest is 2.0",
    )
    assert error.hints == ("loosen one of the lines that are named",)
    # The hint holds for the override; what the others require of it never counts.
    workspace.write(pypi='alpha = "==1.0"', more=override.format("<99"))
    assert "beta-2.0" in lock_manifest(workspace.folder).text
    # An override stands for the manifest's own line too.
    workspace.write(pypi='beta = "*"', more=override.format("==99"))
    assert refused(workspace).facts[1:] == (
        f"{at(workspace, text)}, overrides all bounds on beta: it is to be beta==99",
        "no release of beta with a file for this Python and platform satisfies ==99; the nearest is 2.0",
    )


def test_an_override_whose_releases_clash_with_another_line_is_named(workspace: Workspace) -> None:
    workspace.index.wheel("beta", "3.0", "delta<2")
    workspace.index.wheel("delta", "1.0")
    workspace.index.wheel("delta", "2.0")
    override = '[pypi-options.dependency-overrides]\nbeta = ">=3"\npackaging = "==99"'
    workspace.write(pypi='alpha = "*"\ndelta = ">=2"', more=override)
    assert refused(workspace).facts == (
        f"{at(workspace, 'alpha')}, asks for alpha",
        f"{at(workspace, 'delta')}, asks for delta>=2",
        f"{at(workspace, 'beta')}, overrides all bounds on beta: it is to be beta>=3",
        "no releases of these, and of what they require, go together",
    )


def test_a_name_that_no_index_has_is_told_where_it_is_overridden_too(workspace: Workspace) -> None:
    workspace.index.wheel("gamma", "1.0", "nowhere")
    workspace.write(pypi='gamma = "*"', more='[pypi-options.dependency-overrides]\nnowhere = "==1"')
    assert refused(workspace).facts == (
        f"{at(workspace, 'gamma')}, asks for gamma",
        "gamma 1.0 requires nowhere",
        "the index has no project nowhere",
    )
