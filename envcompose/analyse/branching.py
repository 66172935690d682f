"""Conditions: the live branch is executed, both where that is not known, and a dead one is looked into for needs."""

from __future__ import annotations

import ast
import re
from functools import partial

from envcompose.analyse.machine import Machine, choose, negate, shorten
from envcompose.analyse.signals import Break, Continue, Return, Signal
from envcompose.analyse.values import (
    OutOfBudget,
    Raised,
    Scope,
)

MAX_EXPLORED = 3
MAX_EXPLORED_STEPS = 2_000
HOST_WORDS = ("platform", "system()", "version_info", "os.name", "__name__", "sys.argv", "maxsize", "hexversion")


OTHER_COMMAND = re.compile(r"--help|help-commands|display_option|--version")
"""Words of a condition on the command line that ask whether setup.py is only to tell about itself."""


def execute_if(machine: Machine, node: ast.If, scope: Scope) -> None:
    """Execute the live branch under its condition, or both where the condition is not known."""
    truth = machine.truth(machine.evaluate(node.test, scope))
    condition = shorten(node.test)
    if truth is None and "sys.argv" in condition and OTHER_COMMAND.search(condition):
        # A wheel is built: what is done for another command only is not done.
        truth = condition.startswith("not ")
    if truth is None:
        execute_both(machine, condition, partial(machine.execute, node.body, scope), node.orelse, scope)
        return
    live, dead = (node.body, node.orelse) if truth else (node.orelse, node.body)
    about_host = any(word in condition for word in HOST_WORDS)
    if machine.world.lenient and dead and not about_host:
        explore(machine, dead, scope, negate(condition) if truth else condition)
    if about_host or not live:
        machine.execute(live, scope)
        return
    machine.conditions.append(condition if truth else negate(condition))
    try:
        machine.execute(live, scope)
    finally:
        machine.conditions.pop()


def explore(machine: Machine, body: list[ast.stmt], scope: Scope, condition: str) -> None:
    """Look into statements that are not executed: what they need is optional, and nothing else stays of them.

    A few times only: the same statements in a later turn of a loop need the same.
    """
    times = machine.explored.get(id(body), 0)
    if machine.soft > 3 or times >= MAX_EXPLORED:
        return
    machine.explored[id(body)] = times + 1
    machine.soft += 1
    machine.dead += 1
    machine.conditions.append(condition)
    limit, machine.limit = machine.limit, min(machine.limit, machine.steps + MAX_EXPLORED_STEPS)
    try:
        with machine.undone():
            machine.execute(body, scope)
    except (Signal, Raised):
        pass
    except OutOfBudget:
        if machine.steps > limit:
            raise
    finally:
        machine.limit = limit
        machine.conditions.pop()
        machine.soft -= 1
        machine.dead -= 1


def execute_both(machine: Machine, condition: str, body: partial[None], orelse: list[ast.stmt], scope: Scope) -> None:
    """Execute both branches, undo them, and join what they changed; a branch that raises counts as not taken."""
    signal = _joined(machine, condition, body, orelse, scope)
    if signal is not None:
        try:
            raise signal
        finally:
            # Its traceback holds this frame, which would hold it: garbage that only a collection finds.
            del signal


def _joined(
    machine: Machine, condition: str, body: partial[None], orelse: list[ast.stmt], scope: Scope
) -> BaseException | None:
    machine.soft += 1
    try:
        with machine.deeper():
            left, effects = machine.branch(condition, body)
            other, other_effects = machine.branch(negate(condition), partial(machine.execute, orelse, scope))
    finally:
        machine.soft -= 1
    if isinstance(left, Raised) or isinstance(other, Raised):
        if isinstance(left, Raised) and isinstance(other, Raised):
            return left
        # The branch that raises is the program's refusal; what is asked is what happens where it does not refuse.
        raising, going, kept = (left, other, other_effects) if isinstance(left, Raised) else (other, left, effects)
        machine.see("raises", (raising.text if isinstance(raising, Raised) else "", condition), soft=True)
        machine.apply(kept)
        return going
    machine.join(condition, effects, other_effects)
    return _leaving(machine, condition, left, other, scope)


def _leaving(
    machine: Machine, condition: str, left: BaseException | None, other: BaseException | None, scope: Scope
) -> BaseException | None:
    """Give the signal that ends the present block, after branches of which at most one goes on for sure."""
    if isinstance(left, Return) and isinstance(other, Return):
        return Return(choose(condition, left.value, other.value))
    machine.unsure_exits += any(isinstance(signal, (Break, Return)) for signal in (left, other))
    for signal, holds in ((left, condition), (other, negate(condition))):
        if isinstance(signal, Return):
            scope.pending.append((holds, signal.value))
        elif (signal is not None and left is not None and other is not None) or (
            signal is not None and not isinstance(signal, (Break, Continue))
        ):
            return signal
    return None
