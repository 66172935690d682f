"""What all tests share. The folder of the repository is on the path because `tests` is a package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.conda_channel import SMALL, write_channel

# Shared machines are slow now and then; a law is about results, never about time.
settings.register_profile("envcompose", deadline=None, print_blob=True)
settings.load_profile("envcompose")


@pytest.fixture(scope="session", autouse=True)
def no_home_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache."""
    before = os.environ.get("ENVCOMPOSE_CACHE_DIR")
    os.environ["ENVCOMPOSE_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["ENVCOMPOSE_CACHE_DIR"]
    else:
        os.environ["ENVCOMPOSE_CACHE_DIR"] = before


@pytest.fixture(scope="session")
def small_channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file:// address of a channel that holds the little CUDA world of tests/conda_channel.py."""
    return write_channel(tmp_path_factory.mktemp("small-channel"), SMALL)


@pytest.fixture(scope="session")
def sample_channel() -> str:
    """The file:// address of the collection of real conda-forge records, where the checkout has it beside it."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "conda-forge-sample"
    if not folder.is_dir():
        pytest.skip("the sample of conda-forge is not there")
    return folder.as_uri()
