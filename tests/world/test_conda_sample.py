"""The conda solver over real conda-forge records: the tables of facts about CUDA, compilers and drivers come out.

The records are a collection of real ones and not all of conda-forge, so a count of packages is that of the collection.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from envcompose.model.record import CondaAnswer, CondaQuestion
from envcompose.world.rattler import RattlerSolver
from tests.world.conda_questions import question, versions


@pytest.fixture(scope="module")
def solver() -> RattlerSolver:
    return RattlerSolver(cache=None, settings=())


def asked(channel: str, specs: str, driver: str | None, glibc: str = "2.28") -> CondaQuestion:
    return question(*(spec.strip() for spec in specs.split(";")), channels=(channel,), cuda=driver, glibc=glibc)


# What is asked, the CUDA version of the driver, how many packages, and some versions of the solution.
SOLVED = [
    (
        "python 3.11.*; pytorch 2.6.* cuda*; cuda-version 12.6.*; cuda-nvcc; ninja; gxx",
        "12.4",
        118,
        {"pytorch": "2.6.0", "cuda-nvcc": "12.6.85", "gxx": "13.4.0"},
    ),
    (
        "python 3.11.*; pytorch-gpu 2.6.*; cuda-nvcc; ninja; gxx",
        "12.4",
        121,
        {"cuda-version": "12.9", "cuda-nvcc": "12.9.86", "gxx": "14.4.0"},
    ),
    ("python 3.12.*; pytorch-gpu; cuda-version 12.8.*; cuda-nvcc; gxx; setuptools", "12.8", 117, {"pytorch": "2.7.1"}),
    ("python 3.12.*; pytorch-gpu; cuda-version 12.9.*; cuda-nvcc; cxx-compiler", "12.9", 122, {"pytorch": "2.10.0"}),
    (
        "python 3.12.*; pytorch * cuda*; cuda-version 12.9.*; flash-attn",
        "12.9",
        92,
        {"pytorch": "2.9.1", "flash-attn": "2.8.3"},
    ),
    ("python 3.13.*; pytorch * cuda*; deepspeed", "12.9", 103, {"pytorch": "2.8.0", "deepspeed": "0.18.0"}),
    ("python 3.11.*; pytorch-gpu 2.4.*; cuda-version 11.8.*", "11.8", 67, {"pytorch": "2.4.0"}),
    ("pytorch 2.4.0.* cuda120*; cuda-version 12.4.*", "12.4", 73, {"pytorch": "2.4.0"}),
    (
        "python 3.11.*; cuda-version 12.4.*; cuda-nvcc; ninja; setuptools; libcublas-dev",
        "12.4",
        60,
        {"cuda-nvcc": "12.4.131", "gxx_impl_linux-64": "12.4.0"},
    ),
    ("python 3.12.*; pytorch 2.4.1.* cuda120*; cuda-version 12.4.*; cuda-nvcc", "12.4", 104, {"pytorch": "2.4.1"}),
    (
        "python 3.13.*; pytorch * cuda13*; cuda-version 13.0.*; cuda-nvcc",
        "13.0",
        114,
        {"pytorch": "2.10.0", "gxx_impl_linux-64": "15.2.0"},
    ),
]


@pytest.mark.parametrize(("specs", "driver", "count", "some"), SOLVED)
def test_what_can_be_solved_has_the_stated_packages(
    solver: RattlerSolver, sample_channel: str, specs: str, driver: str, count: int, some: dict[str, str]
) -> None:
    found = versions(solver.solve(asked(sample_channel, specs, driver)))

    assert {name: found[name] for name in some} == some
    assert len(found) == count


# What is asked, the driver, glibc, and what the words of the refusal name.
REFUSED = [
    (
        "python 3.11.*; pytorch 2.6.* cuda*; cuda-version 12.4.*; cuda-nvcc; ninja; gxx",
        "12.4",
        "2.28",
        "cuda-version >=12.6,<13",
    ),
    ("cuda-version 12.4.*; cuda-nvcc; gxx 13.*", "12.4", "2.28", "gcc_impl_linux-64 >=6,<13"),
    ("cuda-version 12.6.*; cuda-nvcc; gxx 14.*", "12.4", "2.28", "gcc_impl_linux-64 >=6,<14"),
    ("cuda-version 12.9.*; cuda-nvcc; gxx 15.*", "12.9", "2.28", "gcc_impl_linux-64 >=6,<15"),
    ("python 3.13.*; pytorch * cuda13*; cuda-version 13.0.*; cuda-nvcc", "13.0", "2.17", "__glibc >=2.28"),
    ("python 3.13.*; pytorch * cuda13*; cuda-version 13.0.*; cuda-nvcc", "12.9", "2.28", "__cuda >=13"),
    ("pytorch >=2 cuda*", None, "2.28", "__cuda"),
    ("cuda-nvcc; cuda-version 11.8.*", "11.8", "2.28", "cuda-version"),
]


@pytest.mark.parametrize(("specs", "driver", "glibc", "named"), REFUSED)
def test_what_cannot_be_solved_is_refused_for_the_stated_reason(
    solver: RattlerSolver, sample_channel: str, specs: str, driver: str | None, glibc: str, named: str
) -> None:
    answer = solver.solve(asked(sample_channel, specs, driver, glibc))

    assert answer.records is None
    assert named in answer.words


@pytest.mark.parametrize(
    ("line", "gxx"),
    [
        ("12.1", "12.4"),
        ("12.2", "12.4"),
        ("12.4", "12.4"),
        ("12.6", "13."),
        ("12.8", "14."),
        ("12.9", "14.4"),
        ("13.0", "15.2"),
    ],
)
def test_the_solver_picks_a_compiler_that_the_lines_nvcc_accepts(
    solver: RattlerSolver, sample_channel: str, line: str, gxx: str
) -> None:
    found = versions(solver.solve(asked(sample_channel, f"cuda-version {line}.*; cuda-nvcc", line)))

    assert found["cuda-nvcc"].startswith(f"{line}.")
    assert found["gxx_impl_linux-64"].startswith(gxx)


@pytest.mark.parametrize(
    ("line", "newest"),
    [
        ("11.8", "2.5.1"),
        ("12.4", "2.4.1"),
        ("12.6", "2.7.1"),
        ("12.8", "2.7.1"),
        ("12.9", "2.12.0"),
        ("13.0", "2.12.0"),
    ],
)
def test_a_pinned_cuda_version_admits_pytorch_up_to_the_stated_one(
    solver: RattlerSolver, sample_channel: str, line: str, newest: str
) -> None:
    # pytorch 2.5.1 for CUDA 12.0 is not in the collection, so 12.4 ends at 2.4.1 here.
    found = versions(solver.solve(asked(sample_channel, f"cuda-version {line}.*; pytorch * cuda*", line)))

    assert found["pytorch"] == newest


def alone(
    channel: str, specs: str, driver: str | None, glibc: str, cache: Path
) -> list[tuple[str, object, object]] | None:
    """The records that py-rattler by itself gives for a question; None where it finds none."""
    from rattler import Gateway, GenericVirtualPackage, PackageName, Version, solve
    from rattler.exceptions import SolverError
    from rattler.package import BuildString

    wanted = asked(channel, specs, driver, glibc)
    virtual = [
        GenericVirtualPackage(PackageName(one.name), Version(one.version), BuildString(one.build))
        for one in wanted.virtual
    ]
    try:
        records = asyncio.run(
            solve(
                [channel],
                list(wanted.specs),
                gateway=Gateway(cache_dir=cache),
                platforms=["linux-64", "noarch"],
                virtual_packages=virtual,
            )
        )
    except SolverError:
        return None
    return sorted((record.url, record.sha256, tuple(record.depends)) for record in records)


def ours(answer: CondaAnswer) -> list[tuple[str, object, object]] | None:
    if answer.records is None:
        return None
    return [(record.url, bytes.fromhex(record.sha256 or ""), record.depends) for record in answer.records]


@pytest.mark.parametrize(
    ("specs", "driver", "glibc"),
    [(specs, driver, "2.28") for specs, driver, _, _ in SOLVED]
    + [(specs, driver, glibc) for specs, driver, glibc, _ in REFUSED],
)
def test_a_solve_through_us_and_by_py_rattler_alone_give_the_same_records(
    solver: RattlerSolver, sample_channel: str, tmp_path: Path, specs: str, driver: str | None, glibc: str
) -> None:
    through_us = solver.solve(asked(sample_channel, specs, driver, glibc))

    assert ours(through_us) == alone(sample_channel, specs, driver, glibc, tmp_path)


_EVERYTHING = """
import asyncio, resource, sys
from envcompose.cli.leave import leave
from envcompose.world.rattler import RattlerSolver
from tests.world.conda_questions import question

channel = sys.argv[1]
solver = RattlerSolver(cache=None, settings=())
assert solver.solve(question("python", channels=(channel,))).records
gateway = solver._engine._gateway
names = [name.source for name in asyncio.run(gateway.names([channel], ["linux-64", "noarch"]))]
found = asyncio.run(gateway.query([channel], ["linux-64", "noarch"], names, recursive=True))
assert solver.solve(question("pytorch-gpu", "cuda-nvcc", channels=(channel,))).records
print(sum(map(len, found)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
leave(0)
"""


def test_with_every_record_of_the_collection_loaded_memory_stays_under_one_gigabyte(sample_channel: str) -> None:
    command = [sys.executable, "-c", _EVERYTHING, sample_channel]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=True)
    records, kilobytes = map(int, run.stdout.split())

    assert records > 19_000
    assert kilobytes < 1_000_000
