"""What a resolver is shown of a project: for each version the file that the target takes."""

from __future__ import annotations

import pytest
from packaging.version import Version

from envcompose.resolve.universe import Fitting, TargetUniverse
from tests.unit.core_fakes import FakeIndex

OTHER_TAG = "cp312-cp312-manylinux_2_17_x86_64"


@pytest.fixture
def index() -> FakeIndex:
    made = FakeIndex()
    made.add("alpha-1.0.tar.gz")
    made.add("alpha-1.0-py3-none-any.whl")
    made.add(f"alpha-1.0-{OTHER_TAG}.whl")
    made.add("alpha-2.0-cp310-cp310-manylinux_2_17_x86_64.whl")
    made.add("alpha-3.0.tar.gz")
    return made


def shown(universe: TargetUniverse) -> dict[str, str]:
    releases = universe.releases("alpha") or {}
    return {str(release.version): release.file.filename for release in releases.values() if release.file is not None}


def test_each_version_is_shown_with_its_best_wheel_or_its_sdist_and_without_either_not_at_all(index: FakeIndex) -> None:
    universe = TargetUniverse(index, python="3.12", glibc="2.28")
    assert shown(universe) == {"1.0": f"alpha-1.0-{OTHER_TAG}.whl", "3.0": "alpha-3.0.tar.gz"}
    assert universe.release("alpha", Version("3")).from_sdist
    with pytest.raises(KeyError):
        universe.release("alpha", Version("2.0"))


def test_universes_that_share_what_fits_differ_in_python_and_in_what_they_admit(index: FakeIndex) -> None:
    fitting = Fitting()
    universes = [
        TargetUniverse(index, python="3.12", glibc="2.28", fitting=fitting),
        TargetUniverse(index, python="3.10", glibc="2.28", fitting=fitting),
        TargetUniverse(
            index, python="3.12", glibc="2.28", fitting=fitting, admits=lambda _, version: version.major < 3
        ),
        TargetUniverse(index, python="3.12", glibc="2.28", fitting=fitting),
    ]
    assert [shown(universe) for universe in universes] == [
        {"1.0": f"alpha-1.0-{OTHER_TAG}.whl", "3.0": "alpha-3.0.tar.gz"},
        {
            "1.0": "alpha-1.0-py3-none-any.whl",
            "2.0": "alpha-2.0-cp310-cp310-manylinux_2_17_x86_64.whl",
            "3.0": "alpha-3.0.tar.gz",
        },
        {"1.0": f"alpha-1.0-{OTHER_TAG}.whl"},
        {"1.0": f"alpha-1.0-{OTHER_TAG}.whl", "3.0": "alpha-3.0.tar.gz"},
    ]


def test_a_project_that_changes_between_two_universes_is_grouped_again(index: FakeIndex) -> None:
    fitting = Fitting()
    before = shown(TargetUniverse(index, python="3.12", glibc="2.28", fitting=fitting))
    index.add("alpha-4.0-py3-none-any.whl")
    after = shown(TargetUniverse(index, python="3.12", glibc="2.28", fitting=fitting))
    assert after == {**before, "4.0": "alpha-4.0-py3-none-any.whl"}
