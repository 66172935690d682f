"""Find what a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def edit_distance(left: str, right: str) -> int:
    """Give the number of single letters to insert, delete, replace or swap with their neighbour (OSA distance)."""
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for row, letter in enumerate(left, start=1):
        current = [row]
        for column, other in enumerate(right, start=1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != other))
            swapped = row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other
            current.append(min(cost, before_last[column - 2] + 1) if swapped else cost)
        before_last, last = last, current
    return last[-1]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that looks most like `word`, or None where none does; ties go to the first by name."""
    matches = get_close_matches(word[:100].lower(), sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
