"""What tests of locking start from; a test's own `index` may stand in for the one here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fake_index import FakeIndex
from tests.conda_channel import write_channel
from tests.world.lock_parts import LOCK_CHANNEL, Workspace


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_channel(tmp_path_factory.mktemp("lock-channel"), LOCK_CHANNEL)


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with FakeIndex() as made:
        made.wheel("alpha", "1.0", "beta>=1", "packaging")
        made.wheel("beta", "1.0")
        made.wheel("beta", "1.1")
        made.wheel("packaging", "23.2")
        made.wheel("packaging", "25.0")
        made.wheel("numpy", "1.26.4")
        made.wheel("numpy", "2.2.6")
        yield made


@pytest.fixture
def workspace(tmp_path: Path, channel: str, index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("ENVCOMPOSE_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    return Workspace(folder, channel, index)
