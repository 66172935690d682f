"""One sdist analysed by itself: `envcompose analyze` as a library function."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from envcompose.errors import IndexAddress
from envcompose.inputs import is_http, load_recipes
from envcompose.model.facts import Facts
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets

if TYPE_CHECKING:
    from envcompose.model.analysis import Analysis
    from envcompose.world.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """What `analyze` found, and where it read it."""

    analysis: Analysis
    source: Source


def analyze(
    what: str | Path,
    *,
    torches: Sequence[str] = (),
    python: str | None = None,
    index: str | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> Analysed:
    """What an sdist needs to build, read and never run: a path (an archive or a source folder) or a requirement.

    The readings assume no torch first and then each of `torches` in order; without any, the newest release of each
    torch minor that the tables know. Raises EnvcomposeError: exit status 2 input, 3 the index.
    """
    from envcompose.analyse import load_rules
    from envcompose.world.cache import Cache, cache_folder
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy
    from envcompose.world.sources import Assumptions, analyse_path, analyse_release

    facts, rules = load_recipes()
    assumed = Assumptions(torches=(None, *(torches or _minors(facts))), python=python or facts.pythons[-1].version)
    if isinstance(what, Path):
        analysis, source = analyse_path(what, load_rules(rules), assumed)
        return Analysed(analysis=analysis, source=source)
    if index is not None and not is_http(index):
        raise IndexAddress(shown=mask_secrets(index))
    cache = Cache(cache_folder())
    policy = IndexPolicy(urls=(index,), offline=offline, refresh=refresh)
    try:
        analysis, source = analyse_release(what, lambda: HttpIndex(policy, cache, rules, time.time, Http()), assumed)
    finally:
        cache.close()
    return Analysed(analysis=analysis, source=source)


def _minors(facts: Facts) -> tuple[str, ...]:
    """The newest release of each torch minor in the tables, oldest first."""
    newest: dict[tuple[int, int], Version] = {}
    for release in facts.torch:
        minor = (release.version.major, release.version.minor)
        newest[minor] = max(newest.get(minor, release.version), release.version)
    return tuple(str(newest[minor]) for minor in sorted(newest))
