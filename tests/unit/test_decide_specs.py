"""Bounds of both worlds as one conda spec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envcompose.decide.specs import both, conda_spec


@pytest.mark.parametrize(
    ("bounds", "spec"),
    [
        ([], "*"),
        (["", ""], "*"),
        ([">=1.0", "<2"], ">=1.0,<2"),
        (["<2 , >= 1.0"], ">=1.0,<2"),
        ([">=1,<3", ">=2,<4"], ">=2,<3"),
        ([">=1", ">1"], ">1"),
        (["<=2", "<2"], "<2"),
        ([">=1,<3", "==2.1"], "==2.1"),
        (["==1.2.*"], "1.2.*"),
        (["===1.2"], "==1.2"),
        (["!=1.5", ">=1"], ">=1,!=1.5"),
        (["!=4.7.0", ">=4.16", "~=4.0", "~=4.12"], ">=4.16,<5.0a0"),
        (["~=4.12"], "~=4.12"),
        (["~=1.4.2", "!=1.4.5"], ">=1.4.2,<1.5.0a0,!=1.4.5"),
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
    ],
)
def test_conda_specs_of_a_user_are_joined_with_bounds(first: str, second: str, joined: str):
    assert both(first, second) == joined


versions = st.sampled_from(["1", "1.5", "2", "2.0.1", "3"])
pieces = st.builds("{}{}".format, st.sampled_from([">=", ">", "<=", "<", "==", "!="]), versions) | st.sampled_from(
    ["~=1.5", "~=2.0.1"]
)


@given(bounds=st.lists(pieces, max_size=5))
def test_what_is_left_out_changes_nothing(bounds: list[str]):
    spec = conda_spec(bounds)
    joined, told = SpecifierSet(",".join(bounds)), SpecifierSet("" if spec == "*" else spec)
    tried = ("0.9", "1", "1.2", "1.5", "1.7", "2", "2.0.1", "2.5", "3", "4")
    assert [version in joined for version in tried] == [version in told for version in tried]
