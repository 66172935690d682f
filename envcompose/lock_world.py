"""The real world for locking: indexes, resolver, solver, names and sources, closed at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envcompose.api import load_recipes
from envcompose.locking import LockWorld
from envcompose.model.values import dataclass
from envcompose.world.default_index import default_index
from envcompose.world.files import DiskFiles

if TYPE_CHECKING:
    from envcompose.world.cache import Cache
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex
    from envcompose.world.name_map import PublicNameMap


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWishes:
    """How the world is to be asked: without a connection, or past what is cached; `tell` and `trace` hear of it."""

    offline: bool = False
    refresh: bool = False
    tell: Callable[[str], None] = lambda line: None
    trace: Callable[[str], None] = lambda line: None


@contextmanager
def lock_world(folder: Path, wishes: LockWishes, *, now: datetime) -> Iterator[LockWorld]:
    """The world as seen from a manifest's folder."""
    from envcompose.analyse import load_rules
    from envcompose.world.cache import Cache, cache_folder
    from envcompose.world.git import GitRepositories
    from envcompose.world.http import Http
    from envcompose.world.links import LinkPages
    from envcompose.world.own_names import NameFiles
    from envcompose.world.rattler import RattlerSolver
    from envcompose.world.trees import DiskSources
    from envcompose.world.uv import UvResolver

    offline, refresh = wishes.offline, wishes.refresh
    with ExitStack() as open_until_the_end:
        place, http = cache_folder(), Http()
        cache = Cache(place)
        open_until_the_end.callback(cache.close)
        repositories = GitRepositories(place, offline=offline)
        open_until_the_end.callback(repositories.close)
        own = NameFiles(DiskFiles(folder), cache=cache, http=http, now=time.time, offline=offline)
        links = LinkPages(cache=cache, http=http, now=time.time, offline=offline, refresh=refresh)
        names = _names(cache, http, wishes)
        yield LockWorld(
            rules=load_rules(load_recipes()[1]),
            open_index=_indexes(cache, http, wishes),
            resolver=open_until_the_end.enter_context(UvResolver(wishes.trace)),
            solver=RattlerSolver(cache=place, offline=offline, refresh=refresh, tell=wishes.trace),
            names=names,
            near=names.nearest,
            sources=DiskSources(folder, repositories),
            read_mapping=own.read,
            read_links=links.read,
            default_index=default_index(),
            root=folder.as_uri(),
            now=now,
            tell=wishes.tell,
        )


def _indexes(cache: Cache, http: Http, wishes: LockWishes) -> Callable[[str, tuple[str | None, ...], bool], HttpIndex]:
    from envcompose.world.index import HttpIndex, IndexPolicy

    policy, rules = IndexPolicy(offline=wishes.offline, refresh=wishes.refresh), load_recipes()[1]

    def open_index(subdir: str, urls: tuple[str | None, ...], dated: bool) -> HttpIndex:
        return HttpIndex(replace(policy, urls=urls, subdir=subdir, dated=dated), cache, rules, time.time, http)

    return open_index


def _names(cache: Cache, http: Http, wishes: LockWishes) -> PublicNameMap:
    from envcompose.world.name_map import PublicNameMap

    return PublicNameMap(
        load_recipes()[0],
        cache=cache,
        http=http,
        now=time.time,
        offline=wishes.offline,
        refresh=wishes.refresh,
        tell=wishes.trace,
    )
