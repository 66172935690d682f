"""What `init` does about an infeasible wish: it tells what conflicts, and looks for repairs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from envcompose.api import Inputs, Wishes, repairs_of
from envcompose.cli.terminal import Progress, bold, emit, folded, one_line, print_error
from envcompose.errors import Infeasible
from envcompose.model.repair import Conflict, Repairs
from envcompose.repair.conflict import own_reasons
from envcompose.write.repair_words import closing_lines, conflict_sentence, heading, repair_lines


def look_for_repairs(
    error: Infeasible,
    inputs: Inputs,
    wishes: Wishes,
    *,
    folder: Path | None,
    effort: int,
    quiet: bool,
    verbose: bool,
    trace: Callable[[str], None],
) -> Repairs:
    """The conflict and the repairs; unless `quiet`, the error, the conflict and the repairs are told as they are known.

    The hints of the error are guesses, and are told where no repair was found.
    """
    shown = _in_own_words(error)
    if not quiet:
        print_error(shown)
        emit(f"looking for repairs: at most {effort} solves (--effort 0 skips)", sys.stderr)
    with Progress(verbose=verbose) as progress:

        def told(conflict: Conflict) -> None:
            if not quiet:
                progress.say("\n".join(_conflict_lines(conflict, shown.facts)))

        repairs = repairs_of(
            inputs,
            wishes,
            folder=folder,
            error=error,
            effort=effort,
            tell=progress.tell,
            trace=trace,
            told=told,
        )
    if not quiet:
        hints = [] if repairs.repairs else [f"  hint: {one_line(hint)}" for hint in error.hints]
        emit("\n".join([*_repair_lines(repairs, effort), *(folded(hint, sys.stderr) for hint in hints)]), sys.stderr)
    return repairs


def _in_own_words(error: Infeasible) -> Infeasible:
    """The error without hints, and without what a solver says in its own words: the conflict says it in the user's."""
    shown = Infeasible(subject="", target="", rejected=own_reasons(error))
    shown.sentence, shown.hints = error.sentence, ()
    return shown


def _conflict_lines(conflict: Conflict, told: Sequence[str]) -> list[str]:
    """The conflict with its facts but for those that were told with the error."""
    head = folded(f"conflict: {one_line(conflict_sentence(conflict))}", sys.stderr).removeprefix("conflict:")
    facts = (folded(f"  {one_line(fact)}", sys.stderr) for fact in conflict.why if fact not in told)
    return [bold("conflict:", sys.stderr) + head, *facts]


def _repair_lines(repairs: Repairs, effort: int) -> list[str]:
    lines = [line for number, repair in enumerate(repairs.repairs, 1) for line in repair_lines(number, repair)]
    lines += closing_lines(repairs, effort=effort)
    return [bold(heading(repairs), sys.stderr), *(folded(one_line(line), sys.stderr) for line in lines)]
