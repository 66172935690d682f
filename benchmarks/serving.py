"""What one command asked its engines, so that they can be asked the same without us: run in a process of its own.

    python benchmarks/serving.py 'init axolotl --cuda 12.4 --offline' FOLDER COPIES

Composes once, offline, then serves over loopback what uv was shown until standard input closes. Prints one line of
JSON: `warm`, the uv commands of the resolves over an index that has all pages in memory; `fresh`, the same commands
once for each of COPIES runs, over indexes that must read and prepare their pages as the one inside of the command
does; and `conda`, the questions of the conda solves.
"""

from __future__ import annotations

import contextlib
import gc
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from measuring import ROOT, clean, timed


@contextlib.contextmanager
def served(words: Sequence[str], folder: Path, cache: Path, copies: int) -> Iterator[dict[str, Any]]:
    """Give what a command asks, with its indexes served by another process for as long as the context lasts."""
    folder.mkdir()
    server = subprocess.Popen(
        [sys.executable, __file__, shlex.join(words), str(folder), str(copies)],
        env={**clean(), "ENVCOMPOSE_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        yield json.loads(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait()


def uv_alone(commands: Sequence[list[str]]) -> float:
    """The seconds that uv takes for these resolves, each with a cache that starts empty where a command's own does."""
    from envcompose.world.uv import _environment, _memory

    with tempfile.TemporaryDirectory(prefix="envcompose-bench-", dir=_memory()) as name:
        return sum(timed(command, _environment(f"{name}/{number}")) for number, command in enumerate(commands))


def main(arguments: Sequence[str]) -> int:
    """Compose, print what was asked, and serve until standard input closes."""
    from envcompose.cli.leave import leave
    from envcompose.cli.main import _COLLECTED
    from envcompose.compose import compose
    from envcompose.errors import Infeasible
    from envcompose.model.record import CondaAnswer, CondaQuestion
    from envcompose.ports import Answer, CondaSolver, Question, Resolver, Universe
    from envcompose.world.loopback import Loopback
    from envcompose.world.uv import UvResolver

    # As every command does.
    gc.set_threshold(_COLLECTED)
    words, folder, copies = shlex.split(arguments[0]), Path(arguments[1]), int(arguments[2])
    resolved: list[tuple[Question, Universe]] = []
    solved: list[CondaQuestion] = []

    class NotingResolver:
        def __init__(self, resolver: Resolver) -> None:
            self._resolver = resolver

        def resolve(self, question: Question, universe: Universe) -> Answer:
            resolved.append((question, universe))
            return self._resolver.resolve(question, universe)

    class NotingSolver:
        def __init__(self, solver: CondaSolver) -> None:
            self._solver = solver

        def reach(self, channels: Sequence[str], subdir: str) -> str | None:
            return self._solver.reach(channels, subdir)

        def solve(self, question: CondaQuestion) -> CondaAnswer:
            solved.append(question)
            return self._solver.solve(question)

    intent, opened = _asked_of(words)
    with opened() as world, contextlib.suppress(Infeasible):
        solver = None if world.solver is None else NotingSolver(world.solver)
        compose(intent, replace(world, resolver=NotingResolver(world.resolver), solver=solver))
    with Loopback() as loopback:

        def command(question: Question, universe: Universe, name: str) -> list[str]:
            own = folder / name
            own.mkdir()
            return UvResolver()._command(question, loopback.show(universe), own)

        def forgetful(universe: Universe) -> Universe:
            twin = copy(universe)
            twin._shown, twin._by_version, twin._index = {}, {}, _new_index(words)  # type: ignore[attr-defined]
            return twin

        warm = [command(question, universe, f"w{i}") for i, (question, universe) in enumerate(resolved)]
        fresh = [
            [command(question, forgetful(universe), f"f{run}-{i}") for i, (question, universe) in enumerate(resolved)]
            for run in range(copies)
        ]
        print(
            json.dumps({"warm": warm, "fresh": fresh, "conda": [asdict(question) for question in solved]}), flush=True
        )
        sys.stdin.read()
    leave(0)


def _asked_of(words: Sequence[str]) -> tuple[Any, Any]:
    """The intent of a command, and what opens the world that it is composed in."""
    from envcompose.api import Inputs, load_recipes, read_intent, world_of
    from envcompose.cli.init import read_wishes
    from envcompose.cli.main import build_parser

    facts, _ = load_recipes()
    options = build_parser().parse_args(list(words))
    inputs = Inputs(words=tuple(options.words), requirement_files=tuple(options.requirement))
    intent, _ = read_intent(inputs, read_wishes(options, facts), facts)

    def silent(line: str) -> None:
        """Progress is nobody's business here."""

    return intent, lambda: world_of(intent, tell=silent, trace=silent)


def _new_index(words: Sequence[str]) -> Any:
    from envcompose.api import load_recipes
    from envcompose.world.cache import Cache, cache_folder
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy

    wishes = _asked_of(words)[0].wishes
    policy = IndexPolicy(urls=(wishes.index,), offline=True, as_of=wishes.as_of)
    return HttpIndex(policy, Cache(cache_folder()), load_recipes()[1], time.time, Http())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
