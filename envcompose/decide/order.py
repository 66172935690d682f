"""The build order of what is built without isolation: each after what it needs, ties by name."""

from __future__ import annotations

import heapq
from collections.abc import Mapping


def build_order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Names so that every name stands behind those of `needs[name]` that are built too; a cycle is cut at its first name.

    pixi builds in list order and does not sort (facts: pixi.md §2.2).
    """
    left = {name: {other for other in wanted if other in needs and other != name} for name, wanted in needs.items()}
    order: list[str] = []
    ready = sorted(name for name, wanted in left.items() if not wanted)
    heapq.heapify(ready)
    while left:
        name = heapq.heappop(ready) if ready else min(left)
        if name not in left:
            continue
        order.append(name)
        del left[name]
        for other, wanted in left.items():
            if name in wanted:
                wanted.discard(name)
                if not wanted:
                    heapq.heappush(ready, other)
    return tuple(order)
