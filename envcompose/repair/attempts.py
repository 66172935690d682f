"""Composing changed intents: each once, a bounded number of times, with what a failure says about others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from envcompose.compose import World, compose
from envcompose.errors import (
    ChannelBroken,
    ChannelUnreachable,
    EnvcomposeError,
    IndexUnreachable,
    Infeasible,
    ProofRequired,
    ResolverBroken,
)
from envcompose.model.composition import Composition
from envcompose.model.intent import Intent
from envcompose.ports import Answer, Question, Resolver, Universe
from envcompose.search.relaxation import Choice, Relaxation, relaxed

_GONE = (IndexUnreachable, ChannelUnreachable, ChannelBroken, ResolverBroken)
"""Errors after which the next question would fail alike, and slowly."""


LITTLE = 5
"""What counts no more than this is often part of a choice, and is tried all at once before it is tried in parts."""

MOST_REFUSED = 4
"""How many changed intents may be refused without a solve, for each solve that the effort allows."""


_MORE = "a search resolves only so many candidates, and there are more"


class OutOfEffort(Exception):
    """No more changed intents may be composed."""


class _Counting:
    """A resolver that counts what it is asked."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.asked = 0

    def resolve(self, question: Question, universe: Universe) -> Answer:
        """See ports.Resolver."""
        self.asked += 1
        return self._resolver.resolve(question, universe)


class Attempts:
    """The changed intents of one infeasible intent. `solves` counts those that a solver was asked about.

    What facts and tables refuse takes no solver and counts as none. `trouble` tells why some could not be judged; what is then said of repairs is not complete.
    """

    def __init__(
        self,
        intent: Intent,
        relaxations: tuple[Relaxation, ...],
        world: World,
        *,
        effort: int,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.intent = intent
        self.relaxations = relaxations
        self.solves = 0
        self.trouble: list[str] = []
        self._effort = effort
        little = (place for place, one in enumerate(relaxations) if one.nested and one.steps[0].cost <= LITTLE)
        self._little = frozenset(little)
        self._refusals = effort * MOST_REFUSED
        self._resolver = _Counting(world.resolver)
        self._world = replace(world, resolver=self._resolver)
        self._tell = tell
        self._composed: dict[Choice, Composition | EnvcomposeError] = {}
        self._refuted: list[Choice] = []

    def note(self, choice: Choice, error: Infeasible) -> None:
        """Take a failure that is known already."""
        self._composed[choice] = error
        if error.complete:
            self._refuted.append(choice)
        else:
            self.trouble.append(f"{self._labels(choice) or 'what is asked for'}: {_MORE}")

    def compose(self, choice: Choice) -> Composition | None:
        """The composition of a changed intent, None where it has none. Raises OutOfEffort."""
        found = self._composed.get(choice)
        if found is None:
            if self.solves >= self._effort or self._refusals <= 0:
                raise OutOfEffort
            before = self._resolver.asked
            found = self._composed[choice] = self._attempt(choice)
            if self._resolver.asked > before:
                self.solves += 1
            else:
                self._refusals -= 1
        return found if isinstance(found, Composition) else None

    def error(self, choice: Choice) -> Infeasible | None:
        """Why a choice that was composed in vain is infeasible."""
        found = self._composed.get(choice)
        return found if isinstance(found, Infeasible) else None

    def is_refuted(self, choice: Choice) -> bool:
        """Is it certain that a choice has no composition, since it admits nothing that another one did not?"""
        return any(self._is_within(choice, known) for known in self._refuted)

    def wider(self, choice: Choice) -> Iterator[Choice]:
        """Choices that admit everything that this one does, to be asked before it: a failure of theirs refutes many.

        First with everything that counts little loosened at once, where the choice loosens some of it, then with each
        of its own steps as wide as is asked first for it.
        """
        own = dict(choice)
        if not self._little.isdisjoint(own):
            widest = {place: len(self.relaxations[place].steps) - 1 for place in self._little}
            yield tuple(sorted((own | widest).items()))
        pairs = ((place, step, self.relaxations[place]) for place, step in choice)
        yield tuple((place, max(step, one.wide) if one.nested else step) for place, step, one in pairs)

    def _is_within(self, choice: Choice, wider: Choice) -> bool:
        """Does the wider choice admit everything that the choice admits?"""
        own, other = dict(choice), dict(wider)
        for place in own.keys() | other.keys():
            nested = self.relaxations[place].nested
            taken, has = own.get(place, -1), other.get(place, -1)
            if taken != has and not (nested and taken < has):
                return False
        return True

    def _labels(self, choice: Choice) -> str:
        return ", ".join(self.relaxations[place].steps[step].label for place, step in choice)

    def _attempt(self, choice: Choice) -> Composition | EnvcomposeError:
        labels = self._labels(choice)
        told = f"solve {self.solves + 1} of at most {self._effort} for repairs ({labels})"
        self._tell(told)
        world = replace(self._world, tell=lambda line: self._tell(f"{told}: {line}"))
        try:
            return compose(relaxed(self.intent, self.relaxations, choice), world)
        except Infeasible as error:
            if error.complete:
                self._refuted.append(choice)
            else:
                self.trouble.append(f"{labels}: {_MORE}")
            return error
        except EnvcomposeError as error:
            if error.exit_status > 2 and not isinstance(error, ProofRequired):
                self.trouble.append(f"{labels}: {error.sentence}")
            if isinstance(error, _GONE):
                self._effort = 0
            return error
