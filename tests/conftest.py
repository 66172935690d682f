"""What all tests share. The folder of the repository is on the path because `tests` is a package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import settings

from tests.conda_channel import SMALL, write_channel

# Shared machines are slow now and then; a law is about results, never about time.
settings.register_profile("envcompose", deadline=None, print_blob=True)
settings.load_profile("envcompose")


@pytest.fixture(scope="session", autouse=True)
def no_home_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache."""
    yield from _with_variable("ENVCOMPOSE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session", autouse=True)
def no_conda_forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test asks the real conda-forge: a mirror on loopback stands for it and refuses everybody.

    pixi's configuration says so, which also keeps the user's own out of every test.
    """
    server = _Server(("127.0.0.1", 0), _Refusing)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    folder = tmp_path_factory.mktemp("config")
    (folder / "pixi").mkdir()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    text = f'[mirrors]\n"https://conda.anaconda.org/conda-forge" = ["{address}"]\n'
    (folder / "pixi" / "config.toml").write_text(text, encoding="utf-8")
    yield from _with_variable("XDG_CONFIG_HOME", str(folder))
    server.shutdown()
    server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: it would stand in the standard error of a test."""


class _Refusing(BaseHTTPRequestHandler):
    """Answers every question with 403, which nobody asks twice."""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_error(403)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _with_variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    yield
    if before is None:
        del os.environ[name]
    else:
        os.environ[name] = before


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
