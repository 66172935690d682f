"""The fewest of several things that still do not go together, found by asking about some of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


def fewest(things: Sequence[Thing], refused: Callable[[Sequence[Thing]], bool], *, most: int) -> tuple[Thing, ...]:
    """A smallest part of `things` that is refused, in their order; empty where all of them together are not.

    None of it can be left out (Junker, "QuickXplain", AAAI 2004). `refused` is asked at most `most` times; what could not
    be tried by then stays in.
    """
    search = _Search(things, refused, most)
    everything = tuple(range(len(things)))
    if not search.is_refused(everything):
        return ()
    return tuple(things[number] for number in sorted(search.needed((), (), everything)))


class _Search(Generic[Thing]):
    def __init__(self, things: Sequence[Thing], refused: Callable[[Sequence[Thing]], bool], most: int) -> None:
        self._things = things
        self._refused = refused
        self._left = most

    def is_refused(self, numbers: Sequence[int]) -> bool:
        """Ask, while it may be asked; what is not asked counts as fine, so that nothing is left out for it."""
        self._left -= 1
        return self._left >= 0 and self._refused([self._things[number] for number in sorted(numbers)])

    def needed(self, base: Sequence[int], added: Sequence[int], open_ones: Sequence[int]) -> tuple[int, ...]:
        """Which of the open ones are needed beside the base, to which some were added last."""
        if added and self.is_refused(base):
            return ()
        if len(open_ones) <= 1:
            return tuple(open_ones)
        half = len(open_ones) // 2
        first, second = open_ones[:half], open_ones[half:]
        later = self.needed((*base, *first), first, second)
        earlier = self.needed((*base, *later), later, first)
        return (*earlier, *later)
