"""Which requirements hold is the same whether or not their lines are looked at before they are parsed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from envcompose.resolve.metadata import active_requirements

ENVIRONMENT = {"python_version": "3.12", "sys_platform": "linux", "extra": ""}
TERMS = st.sampled_from(
    [
        "extra == 'a'", 'extra=="A"', "extra == 'b_c'", "'a' == extra", "extra != 'a'", "extra in 'a b'",
        "python_version < '3.9'", "python_version >= '3.9'", "sys_platform == 'linux'", "sys_platform == 'extra'",
    ]
)  # fmt: skip
MARKERS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join), inner.map("({})".format)
    ),
    max_leaves=5,
)


@given(st.lists(MARKERS, max_size=6), st.lists(st.sampled_from(["a", "A", "b-c", "d"]), max_size=3))
def test_exactly_those_hold_whose_marker_holds_for_one_of_the_extras(markers: list[str], extras: list[str]) -> None:
    texts = [f"project{number} ; {marker}" for number, marker in enumerate(markers)]
    parsed = [(Requirement(text), marker) for text, marker in zip(texts, markers, strict=True)]
    expected = [
        requirement.name
        for requirement, marker in parsed
        if ("extra" not in marker or extras)
        and requirement.marker is not None
        and any(requirement.marker.evaluate({**ENVIRONMENT, "extra": one}) for one in ("", *extras))
    ]

    assert [one.name for one in active_requirements(texts, extras, ENVIRONMENT)] == expected
