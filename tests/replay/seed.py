"""The recording as a cache of envcompose: what one online run would have left, for runs of the whole program offline."""

from __future__ import annotations

import json
from pathlib import Path

from envcompose.analyse import ANALYSER_VERSION
from envcompose.model.distribution import PackageFile
from envcompose.world.cache import Cache
from envcompose.world.pages import file_to_json
from tests.replay.recording import Recording, file_of


def seed_cache(recording: Recording, folder: Path, *, at: float = 0.0) -> None:
    """Fill the cache in a folder with everything that was recorded, as if it had been fetched at this time."""
    cache = Cache(folder)
    for name, rows in recording.pages.items():
        files = None if rows is None else [file_of(row, name, None) for row in rows]
        document = None if files is None else [file_to_json(file) for file in files]
        cache.put("page", f"default {name}", json.dumps(document), at)
        for file in files or ():
            _seed_file(cache, recording, file, at)
    cache.close()


def _seed_file(cache: Cache, recording: Recording, file: PackageFile, at: float) -> None:
    key = file.sha256 or file.url
    if file.filename in recording.metadata:
        held = recording.contents.get(file.filename)
        packed = held and [held.size, held.top_level, held.extensions, held.scripts]
        cache.put("wheel", key, json.dumps([recording.metadata[file.filename], packed]), at)
    if file.filename in recording.sdists:
        cache.put(f"sdist-{ANALYSER_VERSION}", key, recording.sdists[file.filename].to_json(), at)
    if file.filename in recording.sizes:
        cache.put("size", key, str(recording.sizes[file.filename]), at)
