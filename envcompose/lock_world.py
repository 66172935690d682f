"""The real world for locking: indexes, resolver, solver, names and sources, closed at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envcompose.locking import LockWorld
from envcompose.model.values import dataclass
from envcompose.world.files import DiskFiles
from envcompose.worlds import engines

if TYPE_CHECKING:
    from envcompose.world.index import HttpIndex


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
    from envcompose.world.git import GitRepositories
    from envcompose.world.index import IndexPolicy
    from envcompose.world.links import LinkPages
    from envcompose.world.own_names import NameFiles
    from envcompose.world.trees import DiskSources

    offline, refresh = wishes.offline, wishes.refresh
    policy = IndexPolicy(offline=offline, refresh=refresh)
    with engines(offline=offline, refresh=refresh, trace=wishes.trace) as opened:
        cache, http = opened.cache, opened.http
        own = NameFiles(DiskFiles(folder), cache=cache, http=http, now=time.time, offline=offline)
        links = LinkPages(cache=cache, http=http, now=time.time, offline=offline, refresh=refresh)

        def open_index(subdir: str, urls: tuple[str | None, ...], dated: bool) -> HttpIndex:
            return opened.index(replace(policy, urls=urls, subdir=subdir, dated=dated))

        with closing(GitRepositories(opened.folder, offline=offline)) as repositories:
            yield LockWorld(
                rules=load_rules(opened.rules),
                open_index=open_index,
                resolver=opened.resolver,
                solver=opened.solver,
                names=opened.names,
                near=opened.names.nearest,
                sources=DiskSources(folder, repositories),
                read_mapping=own.read,
                read_links=links.read,
                default_index=opened.default_index,
                root=folder.as_uri(),
                now=now,
                tell=wishes.tell,
            )
