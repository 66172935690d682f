"""What the tests of index answers have alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from envcompose.api import load_recipes
from envcompose.errors import (
    EnvcomposeError,
)
from envcompose.model.distribution import PackageFile
from envcompose.world.cache import Cache
from envcompose.world.http import Http
from envcompose.world.index import HttpIndex, IndexPolicy
from tests.world.odd_server import Answer

RULES = load_recipes()[1]


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def index_on(
    url: str,
    *,
    cache: Cache | None = None,
    clock: Callable[[], float] | None = None,
    offline: bool = False,
    refresh: bool = False,
    as_of: str | None = None,
) -> HttpIndex:
    policy = IndexPolicy(urls=(url,), offline=offline, refresh=refresh, as_of=as_of)
    return HttpIndex(policy, cache or Cache(None), RULES, clock or Clock(), Http(pause=0.001))


def page(*files: dict[str, object]) -> Answer:
    document = {"meta": {"api-version": "1.1"}, "name": "alpha", "files": list(files), "versions": []}
    return Answer(body=json.dumps(document).encode(), kind="application/vnd.pypi.simple.v1+json")


def listed(filename: str, data: bytes = b"", more: dict[str, object] | None = None) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    return {"filename": filename, "url": f"/files/{filename}", "hashes": {"sha256": digest}, **(more or {})}


WHEEL = "alpha-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"


SDIST = "alpha-1.0.tar.gz"


def only_file(index: HttpIndex) -> PackageFile:
    files = index.project("alpha")
    assert files is not None
    (file,) = files
    return file


def failure(call: Callable[[], object]) -> EnvcomposeError:
    with pytest.raises(EnvcomposeError) as caught:
        call()
    return caught.value
