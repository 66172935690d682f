"""Bounds of both worlds as one conda spec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from rattler import Version, VersionSpec

from envcompose.decide.specs import both, conda_spec
from envcompose.errors import TwoBuilds


@pytest.mark.parametrize(
    ("bounds", "spec"),
    [
        ([], "*"),
        (["", ""], "*"),
        ([">=1.0", "<2"], ">=1.0,<2a0"),
        (["<2 , >= 1.0"], ">=1.0,<2a0"),
        (["<2.0.0"], "<2a0"),
        (["<2.0.1"], "<2.0.1a0"),
        (["<2.0rc1"], "<2.0rc1"),
        (["<2a0"], "<2a0"),
        ([">=1,<3", ">=2,<4"], ">=2,<3a0"),
        ([">=1", ">1"], ">1,!=1.post.*"),
        ([">1.0rc1"], ">1.0rc1"),
        (["<=2", "<2"], "<2a0"),
        ([">=1,<3", "==2.1"], "==2.1"),
        (["==1.2.*"], "1.2.*"),
        (["===1.2"], "==1.2"),
        (["!=1.5", ">=1"], ">=1,!=1.5"),
        (["!=4.7.0", ">=4.16", "~=4.0", "~=4.12"], ">=4.16,<5a0"),
        (["~=4.12"], "~=4.12"),
        (["~=1.4.2", "!=1.4.5"], ">=1.4.2,<1.5a0,!=1.4.5"),
    ],
)
def test_bounds_are_joined_as_people_write_them(bounds: list[str], spec: str):
    assert conda_spec(bounds) == spec


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("*", "*", "*"),
        ("*", "==1.2", "==1.2"),
        ("12.4.*", "12.4.*", "12.4.*"),
        ("1.2.*", "==1.2.3", "==1.2.3"),
        ("1.3.*", "==1.2.3", "1.3.*,==1.2.3"),
        ("1.2.* py312_0", "==1.2.3", "==1.2.3 py312_0"),
        ("* py312_0", ">=1", ">=1 py312_0"),
        ("<1|>=2", ">=2.1", "(<1|>=2),>=2.1"),
        (">=9d_1", ">=9e_1", ">=9d_1,>=9e_1"),
        ("<2", ">=1", ">=1,<2"),
        ("<2", "<2a0", "<2a0"),
        ("1.2.* py*", "1.2.* py312_0", "1.2.* py312_0"),
        ("* cuda126*", "2.6.* cuda*", "2.6.* cuda126*"),
    ],
)
def test_conda_specs_of_a_user_are_joined_with_bounds(first: str, second: str, joined: str):
    assert both(first, second) == joined


def test_two_builds_of_which_none_is_within_the_other_are_an_error():
    with pytest.raises(TwoBuilds) as raised:
        both("1.2.* py*", "1.* cuda*")
    assert raised.value.sentence == "A conda package is asked for as 1.2.* py* and as 1.* cuda*, and no build is both"
    assert raised.value.exit_status == 2


versions = st.sampled_from(["1", "1.5", "2", "2.0.1", "3"])
pieces = st.builds("{}{}".format, st.sampled_from([">=", ">", "<=", "<", "==", "!="]), versions) | st.sampled_from(
    ["~=1.5", "~=2.0.1"]
)


FINAL = ("0.9", "1", "1.2", "1.5", "1.7", "2", "2.0.1", "2.5", "3", "4")
EARLY = tuple(f"{version}{mark}" for version in (*FINAL, "2.0", "3.0.0") for mark in ("a1", "rc1", ".dev1"))


@given(bounds=st.lists(pieces, max_size=5))
def test_conda_admits_what_pypi_admits_pre_releases_and_post_releases_included(bounds: list[str]):
    joined, told = SpecifierSet(",".join(bounds)), VersionSpec(conda_spec(bounds))
    tried = (*FINAL, *EARLY, "1.5.post1", "2.0.1.post2")
    fitting = [version for version in tried if joined.contains(version, prereleases=True)]
    assert [version for version in tried if told.matches(Version(version))] == fitting
