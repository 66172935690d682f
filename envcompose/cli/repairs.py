"""What `init` does about an infeasible wish: it tells what conflicts, and looks for repairs."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    """The conflict and the repairs; unless `quiet`, the error, the conflict and the repairs are told as they are known."""
    if not quiet:
        print_error(_in_own_words(error))
        emit(f"looking for repairs: at most {effort} solves (--effort 0 skips)", sys.stderr)
    with Progress(verbose=verbose) as progress:

        def told(conflict: Conflict) -> None:
            if not quiet:
                progress.say("\n".join(_conflict_lines(conflict)))

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
        emit("\n".join(_repair_lines(repairs, effort)), sys.stderr)
    return repairs


def _in_own_words(error: Infeasible) -> Infeasible:
    """The error without what a solver says in its own words: the conflict says it in the user's."""
    shown = Infeasible(subject="", target="", rejected=own_reasons(error), hints=error.hints)
    shown.sentence = error.sentence
    return shown


def _conflict_lines(conflict: Conflict) -> list[str]:
    head = folded(f"conflict: {one_line(conflict_sentence(conflict))}", sys.stderr).removeprefix("conflict:")
    facts = (folded(f"  {one_line(fact)}", sys.stderr) for fact in conflict.why)
    return [bold("conflict:", sys.stderr) + head, *facts]


def _repair_lines(repairs: Repairs, effort: int) -> list[str]:
    lines = [line for number, repair in enumerate(repairs.repairs, 1) for line in repair_lines(number, repair)]
    lines += closing_lines(repairs, effort=effort)
    return [bold(heading(repairs), sys.stderr), *(folded(one_line(line), sys.stderr) for line in lines)]
