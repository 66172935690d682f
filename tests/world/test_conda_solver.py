"""The conda solver port over small channels of our own: real archives, real repodata, the real solver."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envcompose.errors import ChannelUnknown, ChannelUnreachable, CondaSpecInvalid
from envcompose.model.record import CondaAnswer, CondaRecord
from envcompose.world.rattler import RattlerSolver
from tests.conda_channel import Package, write_channel
from tests.world.conda_questions import files, question, versions

Solve = Callable[..., CondaAnswer]


@pytest.fixture(scope="module")
def solver() -> RattlerSolver:
    return RattlerSolver(cache=None, settings=())


@pytest.fixture
def solve(solver: RattlerSolver, small_channel: str) -> Solve:
    def run(*specs: str, channel: str = small_channel, **wishes: Any) -> CondaAnswer:
        return solver.solve(question(*specs, channels=(channel,), **wishes))

    return run


def test_pytorch_2_6_takes_cuda_12_6_with_the_compiler_that_its_nvcc_accepts(solve: Solve) -> None:
    assert files(solve("python 3.11.*", "pytorch 2.6.* cuda*", "cuda-version 12.6.*", "cuda-nvcc")) == [
        "cuda-nvcc-12.6.85-h0_0.conda",
        "gcc-13.3.0-h0_0.conda",
        "gxx-13.3.0-h0_0.conda",
        "libzlib-1.3.1-h0_2.conda",
        "numpy-2.0.2-py311h0_0.conda",
        "python-3.11.9-h0_0_cp311.conda",
        "pytorch-2.6.0-cuda126_py311h0_200.conda",
        "cuda-version-12.6-h0_3.conda",
        "python_abi-3.11-0_cp311.conda",
        "typing_extensions-4.12.2-pyh0_0.conda",
    ]


def test_pytorch_2_6_refuses_cuda_12_4_in_the_solvers_words(solve: Solve) -> None:
    answer = solve("python 3.12.*", "pytorch 2.6.* cuda*", "cuda-version 12.4.*")

    assert answer.records is None
    assert answer.words.startswith("pytorch 2.6.* cuda* cannot be installed")
    assert "cuda-version >=12.6,<13, for which no candidates were found" in answer.words


@pytest.mark.parametrize(
    ("specs", "wishes", "missing"),
    [
        (("pytorch-gpu",), {"cuda": None}, "__cuda"),
        (("cuda-version 13.*",), {"cuda": "12.9"}, "__cuda >=13"),
        (("needs-new-glibc",), {"glibc": "2.17"}, "__glibc >=2.28"),
        (("level ==1 3_x86_64",), {}, "__archspec"),
        (("cuda-version 12.6.*", "cuda-nvcc", "gxx 14.*"), {}, "gcc"),
    ],
)
def test_a_target_that_lacks_what_a_record_asks_of_it_has_no_solution(
    solve: Solve, specs: tuple[str, ...], wishes: dict[str, Any], missing: str
) -> None:
    answer = solve(*specs, **wishes)

    assert answer.records is None
    assert missing in answer.words


def test_virtual_packages_come_from_the_question_and_never_from_this_machine(
    solver: RattlerSolver, small_channel: str
) -> None:
    asked = question("python", channels=(small_channel,))
    bare = type(asked)(
        specs=asked.specs, constraints=(), channels=asked.channels, subdir="linux-64", virtual=asked.virtual[:0]
    )

    assert "__glibc" in solver.solve(bare).words


@pytest.mark.parametrize(("arch", "build"), [("x86_64", "1_x86_64"), ("x86_64_v3", "3_x86_64")])
def test_the_machine_level_of_the_question_decides_between_builds(solve: Solve, arch: str, build: str) -> None:
    assert files(solve("level", arch=arch)) == [f"level-1-{build}.conda"]


def test_a_constraint_binds_what_is_installed_and_brings_nothing_in(solve: Solve) -> None:
    found = versions(solve("python", "pip", constraints=("packaging ==24.2", "numpy <2")))

    assert found["packaging"] == "24.2"
    assert "numpy" not in found


def test_a_constraint_that_nothing_meets_is_a_conflict(solve: Solve) -> None:
    assert solve("wheel", constraints=("packaging <24",)).records is None


def test_records_tell_all_that_their_channel_tells(solve: Solve, small_channel: str) -> None:
    answer = solve("python 3.11.*", "libzlib 1.2.*", "python_abi", "typing-extensions")
    assert answer.records is not None
    found = {record.name: record for record in answer.records}
    python = found["python"]

    assert python == CondaRecord(
        name="python",
        version="3.11.9",
        build="h0_0_cp311",
        build_number=0,
        subdir="linux-64",
        url=f"{small_channel}/linux-64/python-3.11.9-h0_0_cp311.conda",
        channel=f"{small_channel}/",
        file_name="python-3.11.9-h0_0_cp311.conda",
        sha256=python.sha256,
        md5=python.md5,
        size=python.size,
        timestamp=1_700_000_000_000,
        depends=("__glibc >=2.17,<3.0.a0", "libzlib >=1.2"),
        constrains=("python_abi 3.11.* *_cp311",),
        license="Python-2.0",
        python_site_packages_path="lib/python3.11/site-packages",
    )
    assert (len(python.sha256 or ""), len(python.md5 or "")) == (64, 32)
    assert found["libzlib"].file_name.endswith(".tar.bz2")
    assert found["libzlib"].build_number == 5
    assert (found["typing_extensions"].noarch, found["typing-extensions"].noarch) == ("python", "generic")


def test_records_are_sorted_by_address_and_the_same_in_every_solve(solve: Solve) -> None:
    first, second = (solve("pytorch-gpu", "cuda-nvcc").records for _ in range(2))

    assert first is not None
    assert first == second == tuple(sorted(first, key=lambda record: record.url))


def odd_channel(folder: Path) -> str:
    """A channel as of long ago: seconds, words, `true`, no hashes; and one as of today."""
    write_channel(folder, ())
    (folder / "linux-64" / "repodata.json").write_text(
        """{"info": {"subdir": "linux-64"}, "packages": {
            "old-1-0.tar.bz2": {"name": "old", "version": "1", "build": "0", "build_number": 0, "depends": ["any", "new"],
              "timestamp": 1500000000, "track_features": "one two", "features": "mkl", "license_family": "BSD"}},
          "packages.conda": {
            "new-1.0-h_2.conda": {"name": "new", "version": "1.0", "build": "h_2", "build_number": 2, "depends": [],
              "constrains": ["other <2"], "extra_depends": {"full": ["any >=1"], "big": []}, "flags": ["gpu"],
              "timestamp": 1500000000123, "track_features": ["three"], "purls": ["pkg:pypi/new"]}},
          "repodata_version": 1}""",
        encoding="utf-8",
    )
    (folder / "noarch" / "repodata.json").write_text(
        """{"info": {"subdir": "noarch"}, "packages": {
            "any-1-0.tar.bz2": {"name": "any", "version": "1", "build": "0", "build_number": 0, "depends": [], "noarch": true}},
          "packages.conda": {}, "repodata_version": 1}""",
        encoding="utf-8",
    )
    return folder.as_uri()


def test_records_of_every_age_come_out_in_one_form(solve: Solve, tmp_path: Path) -> None:
    channel = odd_channel(tmp_path / "odd")
    answer = solve("old", channel=channel)
    assert answer.records is not None
    new, old, generic = answer.records

    assert (old.timestamp, new.timestamp, generic.timestamp) == (1_500_000_000_000, 1_500_000_000_123, None)
    assert (old.track_features, new.track_features, old.features) == (("one", "two"), ("three",), "mkl")
    assert (old.sha256, old.md5, old.size, old.license, old.license_family) == (None, None, None, None, "BSD")
    assert new.extra_depends == {"big": (), "full": ("any >=1",)}
    assert (new.flags, new.constrains, old.noarch, generic.noarch) == (("gpu",), ("other <2",), None, "generic")


def test_records_after_a_moment_are_left_out_and_those_without_a_time_are_not(solve: Solve) -> None:
    # The records are of 2023-11-14 22:13:20 in UTC.
    assert solve("ninja", "old-tool", exclude_newer="2023-11-14T22:13:20Z").records
    assert solve("old-tool", exclude_newer="2023-11-01").records
    assert not solve("ninja", exclude_newer="2023-11-14").records


@pytest.mark.parametrize(
    ("moment", "there"),
    [("2023-11-15T00:30:00+02:00", True), ("2023-11-14T20:30:00-02:00", True), ("2023-11-15T00:00:00+02:00", False)],
)
def test_a_moment_of_another_zone_is_that_moment(solve: Solve, moment: str, there: bool) -> None:
    assert bool(solve("ninja", exclude_newer=moment).records) is there


def test_the_lowest_versions_are_found_where_they_are_asked_for(solve: Solve) -> None:
    assert versions(solve("packaging", strategy="lowest"))["packaging"] == "23.2"
    assert versions(solve("wheel", strategy="lowest-direct"))["packaging"] == "25.0"


def two_channels(folder: Path) -> tuple[str, str]:
    first = write_channel(folder / "first", [Package(name="tool", version="1.0")])
    second = write_channel(folder / "second", [Package(name="tool", version="2.0"), Package(name="only", version="3")])
    return first, second


def test_a_package_comes_from_the_first_channel_that_has_it_unless_priority_is_off(
    solver: RattlerSolver, tmp_path: Path
) -> None:
    channels = two_channels(tmp_path)
    strict = solver.solve(question("tool", "only", channels=channels))
    free = solver.solve(question("tool", "only", channels=channels, priority="disabled"))

    assert versions(strict) == {"tool": "1.0", "only": "3"}
    assert versions(free) == {"tool": "2.0", "only": "3"}


def test_a_spec_may_name_its_channel(solver: RattlerSolver, tmp_path: Path) -> None:
    first, second = two_channels(tmp_path)

    assert versions(solver.solve(question(f"{second}::tool", channels=(first, second)))) == {"tool": "2.0"}


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_channel_is_the_same_with_and_without_a_slash_or_with_a_blank_in_its_path(
    solver, tmp_path: Path, ending: str
) -> None:
    write_channel(tmp_path / "my channel", [Package(name="tool", version="1.0")])
    for address in (f"file://{tmp_path}/my channel{ending}", f"file://{tmp_path}/my%20channel{ending}"):
        answer = solver.solve(question("tool", channels=(address,)))
        assert answer.records is not None
        assert answer.records[0].channel == f"file://{tmp_path}/my%20channel/"


@pytest.mark.parametrize("text", ["", "  ", "https://", "http://[::1", "a\nb"])
def test_a_text_that_is_no_channel_is_said_to_be_none(solver: RattlerSolver, text: str) -> None:
    with pytest.raises(ChannelUnknown):
        solver.solve(question("python", channels=(text,)))
    with pytest.raises(ChannelUnknown):
        solver.reach((text,), "linux-64")


@pytest.mark.parametrize("spec", ["pytorch=2.6.*=cuda*", "numpy >=1.0,<", "", ">=1", "a b c d"])
def test_a_spec_that_nobody_reads_is_told_by_name(solve: Solve, spec: str) -> None:
    with pytest.raises(CondaSpecInvalid) as raised:
        solve("python", spec)
    assert repr(spec) in raised.value.sentence
    with pytest.raises(CondaSpecInvalid):
        solve("python", constraints=(spec,))


def test_a_folder_that_is_not_there_cannot_be_reached(
    solver: RattlerSolver, tmp_path: Path, small_channel: str
) -> None:
    missing = (tmp_path / "nothing").as_uri()

    assert solver.reach((small_channel, missing), "linux-64") == "there is no noarch/repodata.json in that folder"
    with pytest.raises(ChannelUnreachable, match="nothing"):
        solver.solve(question("python", channels=(small_channel, missing)))
    assert solver.reach((small_channel,), "linux-64") is None


def test_offline_a_folder_is_read_all_the_same(small_channel: str) -> None:
    offline = RattlerSolver(cache=None, settings=(), offline=True)

    assert offline.reach((small_channel,), "linux-64") is None
    assert versions(offline.solve(question("ninja", channels=(small_channel,)))) == {"ninja": "1.12.1"}


def test_offline_a_channel_that_was_never_read_cannot_be_asked(tmp_path: Path) -> None:
    offline = RattlerSolver(cache=tmp_path, settings=(), offline=True)

    assert offline.reach(("conda-forge",), "linux-64") == "it is not in the cache, and --offline asks nobody"


def test_several_threads_and_a_running_event_loop_may_solve_with_one_solver(solve: Solve) -> None:
    found: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: found.append(versions(solve("pytorch-gpu")))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def inside() -> dict[str, str]:
        return versions(solve("pytorch-gpu"))

    found.append(asyncio.run(inside()))
    assert found == [found[0]] * 7


def test_a_cache_folder_that_cannot_be_made_is_no_error(tmp_path: Path, small_channel: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    solver = RattlerSolver(cache=tmp_path / "file", settings=())

    assert versions(solver.solve(question("ninja", channels=(small_channel,)))) == {"ninja": "1.12.1"}
