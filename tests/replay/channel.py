"""A small conda-forge for whole commands: real archives, served on loopback, known under conda-forge's own address.

The solver follows pixi's `[mirrors]` configuration, so records keep the public address and outputs name no port.
"""

from __future__ import annotations

import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from envcompose.model.facts import Facts
from envcompose.ports import CondaSolver, NameMap
from envcompose.world.cache import Cache
from envcompose.world.http import Http
from envcompose.world.name_map import PublicNameMap
from envcompose.world.rattler import RattlerSolver
from tests.conda_channel import SMALL, Package, write_channel

PUBLIC = "https://conda.anaconda.org/conda-forge"


def _library(name: str, version: str, line: str) -> Package:
    above = f"{line.split('.', maxsplit=1)[0]}.{int(line.split('.')[1]) + 1}"
    return Package(name=name, version=version, build="h0_0", depends=(f"cuda-version >={line},<{above}.0a0",))


def _pure(name: str, version: str) -> Package:
    return Package(name=name, version=version, build="pyh0_0", noarch="python", depends=("python >=3.9",))


PACKAGES: tuple[Package, ...] = (
    *SMALL,
    *(
        _library(name, version, line)
        for line, version in (("12.4", "12.4.5"), ("12.6", "12.6.4"))
        for name in (
            "cuda-cccl",
            "cuda-cudart-dev",
            "libcublas-dev",
            "libcurand-dev",
            "libcusolver-dev",
            "libcusparse-dev",
        )
    ),
    *(_pure("setuptools", version) for version in ("75.8.2", "80.9.0", "82.0.0")),
    *(_pure("packaging", version) for version in ("23.2", "24.2", "26.0")),
    _pure("wheel", "0.45.1"),
    Package(name="psutil", version="7.0.0", build="py312h0_0", depends=("python >=3.12,<3.13.0a0",)),
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what a test prints is about the test."""


class SmallCondaForge:
    """The channel, from its making until `close`."""

    def __init__(self, facts: Facts) -> None:
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        write_channel(root / "channel", PACKAGES)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root / "channel")))
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        settings = root / "config.toml"
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        settings.write_text(f'[mirrors]\n"{PUBLIC}" = ["{address}"]\n', encoding="utf-8")
        self.solver: CondaSolver = RattlerSolver(cache=None, settings=[settings])
        self.names: NameMap = PublicNameMap(facts, cache=Cache(None), http=Http(), now=lambda: 0.0, offline=True)

    def close(self) -> None:
        """Stop serving and remove the archives."""
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()
