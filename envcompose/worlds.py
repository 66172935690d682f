"""The real world, wired: one cache, one way to the network, the resolver and the solver, closed at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from envcompose.compose import World
from envcompose.inputs import load_recipes
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.model.values import dataclass

if TYPE_CHECKING:
    from envcompose.world.cache import Cache
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy
    from envcompose.world.name_map import PublicNameMap
    from envcompose.world.rattler import RattlerSolver
    from envcompose.world.uv import UvResolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """What composing and locking ask alike; `folder` holds the cache."""

    folder: Path
    cache: Cache
    http: Http
    resolver: UvResolver
    solver: RattlerSolver
    names: PublicNameMap
    facts: Facts
    rules: str
    default_index: str

    def index(self, policy: IndexPolicy) -> HttpIndex:
        """The package indexes that a policy names."""
        from envcompose.world.index import HttpIndex

        return HttpIndex(policy, self.cache, self.rules, time.time, self.http)


@contextmanager
def engines(
    *, offline: bool, refresh: bool, trace: Callable[[str], None], meanwhile: Callable[[], None] = lambda: None
) -> Iterator[Engines]:
    """Open the engines; `meanwhile` is called once, while the resolver starts (see UvResolver)."""
    from envcompose.world.cache import Cache, cache_folder
    from envcompose.world.default_index import default_index
    from envcompose.world.http import Http
    from envcompose.world.name_map import PublicNameMap
    from envcompose.world.rattler import RattlerSolver
    from envcompose.world.uv import UvResolver

    facts, rules = load_recipes()
    folder, http = cache_folder(), Http()
    with ExitStack() as open_until_the_end:
        cache = Cache(folder)
        open_until_the_end.callback(cache.close)
        yield Engines(
            folder=folder,
            cache=cache,
            http=http,
            resolver=open_until_the_end.enter_context(UvResolver(trace, meanwhile=meanwhile)),
            solver=RattlerSolver(cache=folder, offline=offline, refresh=refresh, tell=trace),
            names=PublicNameMap(
                facts, cache=cache, http=http, now=time.time, offline=offline, refresh=refresh, tell=trace
            ),
            facts=facts,
            rules=rules,
            default_index=default_index(),
        )


@contextmanager
def world_of(
    intent: Intent,
    *,
    refresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    trace: Callable[[str], None] = lambda line: None,
) -> Iterator[World]:
    """The real world for an intent, as a context: what `compose` asks; several compositions may share it."""
    from envcompose.world.index import IndexPolicy

    wishes, options = intent.wishes, intent.reading.indexes
    # An extra index is asked before the default one, as uv and pixi do (first-index rule).
    urls = (*options.extra_index_urls, wishes.index or options.index_url)
    policy = IndexPolicy(urls=urls, offline=wishes.offline, refresh=refresh, as_of=wishes.as_of)
    with engines(offline=wishes.offline, refresh=refresh, trace=trace, meanwhile=_load_writers) as opened:
        yield World(
            facts=opened.facts,
            index=opened.index(policy),
            resolver=opened.resolver,
            solver=opened.solver,
            names=opened.names,
            default_index=opened.default_index,
            trace=trace,
            tell=tell,
        )


def _load_writers() -> None:
    """Load what is needed once everything is resolved."""
    import envcompose.check.own_lock
    import envcompose.manifest.lock_text
    import envcompose.manifest.pixi_toml
    import envcompose.write.expectations
    import envcompose.write.lock
    import envcompose.write.manifest
    import envcompose.write.report  # noqa: F401
