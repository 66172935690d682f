"""The parts of telling a conflict that need no engine: the fewest things, files for other Pythons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.lock.fewest import fewest
from envcompose.lock.unfit import why_unfit
from envcompose.model.distribution import PackageFile

CORES = st.lists(st.frozensets(st.integers(0, 9), min_size=1, max_size=4), max_size=4)


@given(cores=CORES, count=st.integers(0, 10))
def test_what_is_left_is_refused_and_nothing_of_it_can_be_left_out(cores: list[frozenset[int]], count: int) -> None:
    things = list(range(count))

    def refused(some: Sequence[int]) -> bool:
        return any(core <= set(some) for core in cores)

    found = fewest(things, refused, most=10_000)
    assert list(found) == sorted(found)
    if not refused(things):
        assert found == ()
    else:
        assert refused(found)
        assert not any(refused(some) for some in combinations(found, len(found) - 1))


@given(cores=CORES, most=st.integers(1, 12))
def test_what_could_not_be_tried_stays_in(cores: list[frozenset[int]], most: int) -> None:
    asked: list[Sequence[int]] = []

    def refused(some: Sequence[int]) -> bool:
        asked.append(some)
        return any(core <= set(some) for core in cores)

    found = fewest(range(10), refused, most=most)
    assert len(asked) <= most
    assert (found != ()) == any(core <= set(range(10)) for core in cores)
    assert found == () or any(core <= set(found) for core in cores)


def file(filename: str, requires_python: str | None = None) -> PackageFile:
    version = filename.split("-")[1].removesuffix(".tar.gz")
    return PackageFile(
        name="own",
        version=Version(version),
        filename=filename,
        url=f"https://files.example/{filename}",
        sha256=None,
        requires_python=requires_python,
    )


CP39, CP311 = "own-1.0-cp39-cp39-win_amd64.whl", "own-1.0-cp311-cp311-win_amd64.whl"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([file(CP311), file(CP39)], "own==1.0 has files for Python 3.9 to 3.11 alone"),
        ([file(CP311)], "own==1.0 has files for Python 3.11 alone"),
        # A Python that has a file lacks one for its platform only.
        ([file(CP39), file("own-1.0-cp312-cp312-win_amd64.whl")], None),
        # What any Python can take is not about the Python.
        ([file(CP39), file("own-1.0.tar.gz")], None),
        ([file("own-1.0-cp39-abi3-win_amd64.whl")], None),
        ([file("own-1.0-py3-none-win_amd64.whl")], None),
        ([file(CP39, ">=3.9"), file("own-1.0.tar.gz", ">=3.13")], "own==1.0 has files for Python 3.9 alone"),
        ([file("own-1.0.tar.gz", ">=3.13")], "own==1.0 requires Python >=3.13"),
        (
            [file("own-1.0.tar.gz", "!=3.13.*,>=3.14"), file("own-1.0-py3-none-any.whl", ">=3.13,<4")],
            "own==1.0 requires Python >=3.13,<4, some of it a later one",
        ),
        (
            [file("own-1.0.tar.gz", ">=3.8,>=3.14"), file("own-1.0-py3-none-any.whl", ">=3.13")],
            "own==1.0 requires Python >=3.13, some of it a later one",
        ),
        # The resolver does not mind upper bounds and exclusions, so they are no reason.
        ([file(CP39, ">=3.8,<3.10"), file(CP311, ">=3.9,<3.12")], "own==1.0 has files for Python 3.9 to 3.11 alone"),
        ([file("own-1.0.tar.gz", ">=3.8,<3.12"), file(CP39, ">=3.8,<3.10")], None),
        ([file("own-1.0.tar.gz", "==3.11.*"), file("own-1.0-py3-none-any.whl", ">=3.8,!=3.12.*")], None),
        ([file("own-1.0.tar.gz", "what?")], None),
        ([file("own-2.0.tar.gz", ">=3.13")], None),
    ],
)
def test_files_for_other_pythons_are_told(files: list[PackageFile], expected: str | None) -> None:
    assert why_unfit("own", SpecifierSet("==1.0"), files, "3.12.4") == expected
