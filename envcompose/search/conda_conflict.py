"""Why a conda layer has no solution, in the words of its lines: the fewest of them that cannot hold together.

The solver's own prose lists every build that it tried. Asking again without each line in turn tells more, and what was
learned of one candidate turns down the next without a solve.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from envcompose.model.composition import CondaDependency, SystemLayer
from envcompose.model.record import CondaAnswer
from envcompose.model.values import dataclass
from envcompose.resolve.virtual import told_virtual

MOST_SOLVES = 40
"""How many solves one conflict may take; what is left then is a conflict too, only not the smallest."""

_LEAF = re.compile(
    r"([\w.+-]+ [^\n]*?) would (require|constrain)\n[\s│├└─]*([^\n]+?), (?:for which no candidates|which conflicts)"
)
_ABSENT = re.compile(r"No candidates were found for ([^\n]+)")

Solve = Callable[[SystemLayer], CondaAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Lines of a system layer that no solution has together, and the solver's words about just these."""

    lines: tuple[CondaDependency, ...]
    words: str

    def applies_to(self, system: SystemLayer) -> bool:
        """Does a layer ask for all of them again?"""
        asked = {_key(line) for line in _lines(system)}
        return all(_key(line) in asked for line in self.lines)

    @property
    def absent(self) -> str | None:
        """What no channel has: a name, with a bound where only no such version is there; None where that is not it."""
        found = _ABSENT.search(self.words)
        return None if found is None else found[1].rstrip(". *")

    def told(self) -> str:
        """The conflict in the words of the lines, with the record's requirement that breaks it."""
        shown = [f"{line.name} {line.spec}".removesuffix(" *") + f" ({line.why})" for line in self.lines]
        if self.absent is not None:
            own = next((line.why for line in self.lines if line.name == self.absent.split()[0]), None)
            return f"the channels have no {self.absent} ({own or f'needed by {shown[0]}'})"
        because = _because(self.words)
        if len(shown) == 1:
            return f"no build of {shown[0]} fits{because}"
        return f"{' and '.join([', '.join(shown[:-1]), shown[-1]])} cannot hold together{because}"


def _because(words: str) -> str:
    """The record's own requirement that breaks it, where the solver's words come down to one."""
    leaves = [(match[1], match[2], match[3]) for match in _LEAF.finditer(words)]
    constraining = [leaf for leaf in leaves if leaf[1] == "constrain"]
    wanted = {leaf[2] for leaf in leaves}
    if not constraining and len(wanted) != 1:
        return ""
    who, verb, what = (constraining or leaves)[0]
    return f": {who} {'requires' if verb == 'require' else 'allows only'} {told_virtual(what)}"


def find_conflict(system: SystemLayer, words: str, solve: Solve) -> Conflict:
    """The fewest lines that still have no solution: whole halves are tried away first, then single lines.

    `system` is known to have none, with `words`. The lines keep their order.
    """
    lines, spent = list(_lines(system)), 0
    size = max(1, len(lines) // 2)
    while size >= 1:
        start = 0
        while start < len(lines) and spent < MOST_SOLVES and len(lines) > 1:
            fewer = lines[:start] + lines[start + size :]
            answer = solve(_with(system, fewer)) if fewer else None
            spent += 1
            if answer is not None and answer.records is None:
                lines, words = fewer, answer.words
            else:
                start += size
        size = size // 2
    return Conflict(lines=tuple(lines), words=words)


def _with(system: SystemLayer, lines: Sequence[CondaDependency]) -> SystemLayer:
    keys = {_key(line) for line in lines}
    return replace(
        system,
        dependencies=tuple(line for line in system.dependencies if _key(line) in keys),
        constraints=tuple(line for line in system.constraints if _key(line) in keys),
    )


def _lines(system: SystemLayer) -> tuple[CondaDependency, ...]:
    return (*system.constraints, *system.dependencies)


def _key(line: CondaDependency) -> tuple[str, str, str | None]:
    return line.name, line.spec, line.channel
