"""The build order of what is built without isolation: each after what it needs, ties by name."""

from __future__ import annotations

from collections.abc import Mapping


def build_order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Names so that every name stands behind those of `needs[name]` that are built too, ties by name.

    A cycle is cut at its first name; what only needs a cycle stands behind all of it. pixi builds in list order and
    does not sort (facts: pixi.md §2.2).
    """
    reached = {name: _reached(name, needs) for name in needs}
    cycles = {name: {other for other in reached[name] if name in reached[other]} for name in needs}
    order: list[str] = []
    left = set(needs)
    while left:
        free = [name for name in left if not (reached[name] & left) - cycles[name]]
        ready = [name for name in free if not (needs[name] & left) - {name}]
        order.append(min(ready or free))
        left.remove(order[-1])
    return tuple(order)


def _reached(name: str, needs: Mapping[str, frozenset[str]]) -> set[str]:
    """What is built too and that a name needs, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in needs[waiting.pop()] & needs.keys() - found:
            found.add(other)
            waiting.append(other)
    return found
