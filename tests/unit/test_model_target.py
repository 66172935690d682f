"""What a bound on Python says about a minor release."""

import pytest
from packaging.specifiers import SpecifierSet

from envcompose.model.target import admits_python


@pytest.mark.parametrize(
    ("bound", "admitted"),
    [
        ("", ["3.11", "3.12", "3.13"]),
        (">=3.12", ["3.12", "3.13"]),
        (">3.11", ["3.11", "3.12", "3.13"]),
        (">=3.11.4,<3.13", ["3.11", "3.12"]),
        ("<3.12.4", ["3.11", "3.12"]),
        ("==3.12.*", ["3.12"]),
        ("!=3.12.*", ["3.11", "3.13"]),
    ],
)
def test_a_bound_that_cuts_through_a_minor_admits_it(bound: str, admitted: list[str]):
    assert [python for python in ("3.11", "3.12", "3.13") if admits_python(SpecifierSet(bound), python)] == admitted
