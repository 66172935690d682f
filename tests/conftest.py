"""What all tests share. The folder of the repository is on the path because `tests` is a package."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

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
