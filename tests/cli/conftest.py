from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_index import FakeIndex
from program import Program

from tests.conda_channel import write_channel
from tests.world.lock_parts import LOCK_CHANNEL, Workspace


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    """An index with a small world: alpha needs beta, which has only an sdist, and delta."""
    with FakeIndex() as made:
        made.wheel("alpha", "1.0", "beta>=2", "delta<1; python_version >= '3.8'", "gamma; python_version < '3'")
        made.wheel("alpha", "0.9", "beta")
        made.sdist("beta", "2.1", "delta")
        made.wheel("delta", "0.3")
        made.wheel("delta", "1.2")
        made.wheel("epsilon", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64", files={"epsilon/core.so": ""})
        yield made


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / "work"
    folder.mkdir()
    return Program(folder=folder, cache=tmp_path / "cache")


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_channel(tmp_path_factory.mktemp("lock-channel"), LOCK_CHANNEL)


@pytest.fixture
def workspace(program: Program, channel: str, index: FakeIndex) -> Workspace:
    made = Workspace(program.folder, channel, index)
    made.write(conda='python = "3.12.*"\npackaging = "*"', pypi='alpha = "*"')
    return made
