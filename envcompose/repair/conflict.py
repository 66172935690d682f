"""What in an intent conflicts, in the user's words: the lines and options of which each is needed for the conflict.

Where the metadata alone show a clash, nothing is composed. Otherwise things are loosened in turn: what the reasons do
not name goes first, all of it at once; of the rest each thing is needed whose loosening alone lets the intent compose,
or lets the conflict's own things compose without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from envcompose.errors import Infeasible
from envcompose.model.decision import Rejection
from envcompose.model.repair import Conflict, Part
from envcompose.repair.attempts import Attempts, OutOfEffort
from envcompose.search.relaxation import Choice, Relaxation
from envcompose.search.relaxations import LineClash

MOST_FACTS = 3
"""How many facts a conflict tells."""

SOLVER_RULE = "closure-resolves"
"""The rule whose reasons are uv's own words."""


def is_named(relaxation: Relaxation, text: str) -> bool:
    """May a reason in these words be about this thing?"""
    return not relaxation.words or any(_names(text, word) for word in relaxation.words)


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(word.lower())}(?![\w-]|\.\d)", text.lower()) is not None


def _text(error: Infeasible) -> str:
    return "\n".join(f"{entry.what}: {entry.why}" for entry in error.rejected)


def named_places(relaxations: Sequence[Relaxation], error: Infeasible) -> frozenset[int]:
    """The places of the relaxations that the reasons of a failure name."""
    text = _text(error)
    return frozenset(place for place, one in enumerate(relaxations) if is_named(one, text))


def conflict_of_lines(lines: Mapping[str, Part], relaxations: Sequence[Relaxation], clash: LineClash) -> Conflict:
    """The conflict of lines (by key) that clash by their metadata alone."""
    parts = [part for key, part in lines.items() if key in clash.lines]
    parts += [one.part for one in relaxations if one.key in clash.extras]
    return Conflict(parts=_ordered(parts), given=(), why=clash.facts, minimal=clash.same)


def find_conflict(attempts: Attempts, first: Infeasible, lines: Mapping[str, Part], *, most: int) -> Conflict | None:
    """The conflict behind a failure, by at most this many solves; None where nothing can be loosened.

    `lines` are all lines of the intent by key; those that no relaxation loosens are told as given.
    """
    loosened = {one.line for one in attempts.relaxations if one.key == one.line}
    fixed = [part for key, part in lines.items() if key not in loosened]
    search = _Shrinking(attempts, first, attempts.solves + most, fixed)
    try:
        search.run()
        minimal = True
    except OutOfEffort:
        minimal = False
    # What was not tried to its end may compose after all.
    minimal = minimal and not attempts.trouble
    return search.conflict(minimal=minimal)


class _Shrinking:
    def __init__(self, attempts: Attempts, first: Infeasible, bound: int, fixed: Sequence[Part]) -> None:
        self._attempts = attempts
        self._relaxations = attempts.relaxations
        self._bound = bound
        self._fixed = fixed
        self._first = first
        self._why = first
        self._named = named_places(self._relaxations, first)
        self._nested = {place for place, one in enumerate(self._relaxations) if one.nested}
        self._kept = set(self._nested)
        self._options: set[int] = set()

    def run(self) -> None:
        """Loosen what is not needed. Raises OutOfEffort."""
        self._drop(sorted(self._nested - self._named))
        for place in sorted(self._kept):
            if not self._composes(((place, self._relaxations[place].wide),)):
                self._drop([place])
        for place in sorted(self._named - self._nested):
            known = {self._relaxations[option].part for option in self._options}
            if self._relaxations[place].part not in known and self._composes(((place, 0),)):
                self._options.add(place)

    def conflict(self, *, minimal: bool) -> Conflict | None:
        """What is left, in the order of the input, and the options that were not shown to be part of it."""
        told = self._told(sorted(self._kept | self._options), minimal)
        text = _text(self._why)
        fixed = [part for part in self._fixed if part.package is not None and _names(text, part.package)]
        given = [*fixed, *self._told(sorted(set(range(len(self._relaxations))) - self._nested), True)]
        given = [part for part in given if part not in told]
        if not told:
            # No single step frees it: the options that the reasons name are told, unproved.
            minimal = False
            told = self._told(sorted(self._named - self._nested), True)
            given = [part for part in given if part not in told]
        if not told:
            return None
        # The reasons of the wish itself say it best, unless they are about something that is not needed.
        why = self._first if self._named & self._nested <= self._kept else self._why
        return Conflict(parts=_ordered(told), given=_ordered(given), why=_facts(why), minimal=minimal)

    def _told(self, places: list[int], minimal: bool) -> list[Part]:
        """The parts at these places; of many that may be bystanders, those that the reasons name tell most."""
        if not minimal:
            places = [place for place in places if place in self._named] or places[:MOST_FACTS]
        return list(dict.fromkeys(self._relaxations[place].part for place in places))

    def _drop(self, chunk: list[int]) -> None:
        """Leave out as much of a chunk as the conflict does not need."""
        if not chunk:
            return
        loose = (self._nested - self._kept) | set(chunk)
        choice = tuple((place, len(self._relaxations[place].steps) - 1) for place in sorted(loose))
        if not self._composes(choice):
            error = self._attempts.error(choice)
            if error is not None:
                self._kept -= set(chunk)
                self._why = error
                return
        if len(chunk) > 1:
            half = len(chunk) // 2
            self._drop(chunk[:half])
            self._drop(chunk[half:])

    def _composes(self, choice: Choice) -> bool:
        if self._attempts.solves >= self._bound:
            raise OutOfEffort
        return self._attempts.compose(choice) is not None


def _ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Each part once: lines of the input first, then options and defaults."""
    unique = dict.fromkeys(parts)
    return (*(part for part in unique if part.origin is not None), *(part for part in unique if part.origin is None))


def own_reasons(error: Infeasible) -> tuple[Rejection, ...]:
    """The reasons of a failure without those in a solver's own words, which are for the trace; one of each kind.

    Candidates that lost for one reason differ only in what they were tried with.
    """
    told: dict[tuple[str, str], Rejection] = {}
    for entry in error.rejected:
        if entry.rule != SOLVER_RULE:
            told.setdefault((entry.what, entry.why.partition(" (with ")[0]), entry)
    return tuple(told.values())


def _facts(error: Infeasible) -> tuple[str, ...]:
    """The reasons that are no solver's own words; empty where there are no others."""
    return tuple(f"{entry.what}: {entry.why}" for entry in own_reasons(error))[:MOST_FACTS]
