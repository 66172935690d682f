"""Which changes to take: sets of steps in the order of their cost, so that the first that composes is the cheapest."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from envcompose.model.composition import Composition
from envcompose.repair.attempts import Attempts
from envcompose.search.relaxation import Choice

MOST_CHANGES = 3
"""How many things one repair may change."""

MOST_REPAIRS = 5
"""How many repairs are offered."""

REACH = 3
"""A repair that counts more than so many times the nearest is not looked for: it is no near one."""


def cheapest_choices(
    attempts: Attempts, *, must: Sequence[frozenset[int]] = (), likely: frozenset[int] = frozenset()
) -> Iterator[tuple[Choice, Composition]]:
    """The choices that compose, cheapest first, none of them with all the changes of a cheaper one and more.

    `must` holds sets of places of which every repair is known to take one; `likely` places come first among equals.
    Raises OutOfEffort where the bound on solves is met: what came before it is right, and more may follow.
    """
    return _BestFirst(attempts, must, likely).choices()


class _BestFirst:
    def __init__(self, attempts: Attempts, must: Sequence[frozenset[int]], likely: frozenset[int]) -> None:
        self._attempts = attempts
        self._relaxations = attempts.relaxations
        self._must = must
        self._likely = likely
        self._heap: list[tuple[int, int, int, Choice]] = []
        self._taken: list[frozenset[int]] = []
        self._outcomes: set[tuple[object, ...]] = set()

    def choices(self) -> Iterator[tuple[Choice, Composition]]:
        for place in range(len(self._relaxations)):
            self._push(((place, 0),))
        found, reach = 0, float("inf")
        while self._heap and found < MOST_REPAIRS and self._heap[0][0] <= reach:
            cost, *_, choice = heapq.heappop(self._heap)
            places = frozenset(place for place, _ in choice)
            if any(taken <= places for taken in self._taken):
                continue
            composition = self._composition(choice, places)
            if composition is None:
                self._extend(choice)
                continue
            self._taken.append(places)
            reach = min(reach, cost * REACH)
            outcome = _outcome(composition)
            if outcome not in self._outcomes:
                self._outcomes.add(outcome)
                found += 1
                yield choice, composition

    def _composition(self, choice: Choice, places: frozenset[int]) -> Composition | None:
        if any(not places & needed for needed in self._must) or self._attempts.is_refuted(choice):
            return None
        for wide in self._attempts.wider(choice):
            if wide == choice:
                continue
            found = self._attempts.compose(wide)
            if found is not None and self._fulfils(found, choice, wide):
                return found
            if self._attempts.is_refuted(choice):
                return None
        return self._attempts.compose(choice)

    def _fulfils(self, composition: Composition, choice: Choice, wide: Choice) -> bool:
        """Is what a wider choice gave within this one too?"""
        own = dict(choice)
        steps = [(self._relaxations[place], own.get(place)) for place, step in wide if own.get(place) != step]
        return all(step is not None and one.steps[step].holds(composition) for one, step in steps)

    def _extend(self, choice: Choice) -> None:
        """The next dearer choices; each set of steps is reached in one way only."""
        *rest, (last, step) = choice
        if step + 1 < len(self._relaxations[last].steps):
            self._push((*rest, (last, step + 1)))
        if len(choice) == MOST_CHANGES:
            return
        groups = {self._relaxations[place].group for place, _ in choice}
        for place in range(last + 1, len(self._relaxations)):
            if self._relaxations[place].group not in groups:
                self._push((*choice, (place, 0)))

    def _push(self, choice: Choice) -> None:
        cost = sum(self._relaxations[place].steps[step].cost for place, step in choice)
        unlikely = sum(place not in self._likely for place, _ in choice)
        heapq.heappush(self._heap, (cost, unlikely, len(choice), choice))


def _outcome(composition: Composition) -> tuple[object, ...]:
    """What two compositions have in common where a user could not tell them apart."""
    target = composition.target
    packages = tuple((p.name, p.version, p.artifact.kind) for p in composition.packages)
    return target.python, target.cuda, target.glibc, target.gpus, composition.torch, packages
