"""Compositions with a lock over the small index and a small channel, by programs that start with empty caches."""

from __future__ import annotations

import json
import time
from pathlib import Path

from fake_index import FakeIndex
from program import Outcome, Program

from envcompose.world.cache import Cache
from envcompose.world.name_map import PUBLIC_MAP


def program_at(folder: Path) -> Program:
    """A program in a folder of its own, which knows a public map of conda names and nothing else."""
    work = folder / "work"
    work.mkdir(parents=True)
    know_names(folder / "cache")
    return Program(folder=work, cache=folder / "cache")


def know_names(folder: Path) -> None:
    """Put a public map of conda names into a cache, so that nobody asks for the real one."""
    cache = Cache(folder)
    names = {"day": None, "digest": "0" * 64, "names": {"python": []}}
    cache.put("conda-names", PUBLIC_MAP, json.dumps(names), time.time())
    cache.close()


def words(index: FakeIndex, channel: str, *more: str) -> tuple[str, ...]:
    """The command."""
    return ("init", "alpha", "--python", "3.12", "--index", index.url, "--channel", channel, *more)


def compose(program: Program, index: FakeIndex, channel: str, *more: str) -> Outcome:
    """Run the command."""
    return program.run(*words(index, channel, *more))
