"""How each kind of Python statement is executed. Undecided branches are both taken, and joined."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import partial

from envcompose.analyse.binding import assign
from envcompose.analyse.branching import execute_both, execute_if
from envcompose.analyse.calls import call_value, get_attribute, items_of, present
from envcompose.analyse.catching import execute_assert, execute_raise, execute_try
from envcompose.analyse.importing import import_from, import_module
from envcompose.analyse.machine import Machine, Statement, condition_of, shorten
from envcompose.analyse.operations import delete_item, operate
from envcompose.analyse.signals import Break, Continue, Return
from envcompose.analyse.values import (
    Class,
    Function,
    Instance,
    LocalModule,
    Opaque,
    Scope,
    TextFile,
    Unknown,
    Value,
)

MAX_TURNS = 5_000
MAX_LOOP_STEPS = 60_000
"""Steps of one for loop, so that what comes after it is still followed."""
MAX_UNSURE = 20
"""Turns of a for loop that may have ended before: more of them would show nothing new."""
MAX_UNTIL = 400
"""Turns of a while loop: real ones trim a text or read a file's lines, and one that goes on is endless."""


def _assign(machine: Machine, node: ast.Assign, scope: Scope) -> None:
    value = machine.evaluate(node.value, scope)
    for target in node.targets:
        assign(machine, target, value, scope)


def _annotated(machine: Machine, node: ast.AnnAssign, scope: Scope) -> None:
    if node.value is not None:
        assign(machine, node.target, machine.evaluate(node.value, scope), scope)


def _augmented(machine: Machine, node: ast.AugAssign, scope: Scope) -> None:
    load = ast.copy_location(_as_load(node.target), node)
    before = machine.evaluate(load, scope)
    value = machine.evaluate(node.value, scope)
    if isinstance(before, list) and isinstance(node.op, ast.Add):
        items = items_of(machine, value)
        machine.sized(len(before) + len(items or ()))
        machine.touch(before)
        before.extend(items if items is not None else [machine.unknown(node.value)])
        return
    if isinstance(before, set) and isinstance(value, set) and isinstance(node.op, ast.BitOr):
        machine.touch(before)
        before |= value
        return
    assign(machine, node.target, operate(machine, node.op, before, value, node.value), scope)


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target


def _expression(machine: Machine, node: ast.Expr, scope: Scope) -> None:
    machine.evaluate(node.value, scope)


def _delete(machine: Machine, node: ast.Delete, scope: Scope) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            machine.touch(scope.names)
            scope.names.pop(target.id, None)
        elif isinstance(target, ast.Subscript):
            container = machine.evaluate(target.value, scope)
            key = machine.evaluate(target.slice, scope)
            if isinstance(container, (dict, list)) and not isinstance(key, Unknown):
                machine.touch(container)
                delete_item(machine, container, key)


# Branches.


# Loops.


def _for(machine: Machine, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
    items = items_of(machine, machine.evaluate(node.iter, scope))
    with machine.deeper():
        if items is None:
            assign(machine, node.target, machine.unknown(f"an element of {shorten(node.iter)}"), scope)
            execute_both(
                machine, f"for {shorten(node.target)} in {shorten(node.iter)}", _turn(machine, node, scope), [], scope
            )
            return
        before, started = machine.unsure_exits, machine.steps
        for count, item in enumerate(items):
            if count > MAX_TURNS:
                break
            if machine.unsure_exits - before > MAX_UNSURE:
                break
            if machine.steps - started > MAX_LOOP_STEPS:
                machine.see("stopped", f"{scope.file}: a loop with too many turns to follow", soft=True)
                break
            condition = condition_of(item)
            if condition is not None:
                turn = partial(_assigned_turn, machine, node, present(machine, item, condition), scope)
                execute_both(machine, condition, turn, [], scope)
                continue
            try:
                _assigned_turn(machine, node, item, scope)
            except Break:
                return
            except Continue:
                continue
        _after_loop(machine, node, scope, sure=machine.unsure_exits == before)


def _assigned_turn(machine: Machine, node: ast.For | ast.AsyncFor, item: Value, scope: Scope) -> None:
    assign(machine, node.target, item, scope)
    machine.execute(node.body, scope)


def _after_loop(machine: Machine, node: ast.For | ast.AsyncFor, scope: Scope, *, sure: bool) -> None:
    """Execute a loop's else, which only a loop that was not left early comes to."""
    if node.orelse and not sure:
        execute_both(machine, f"no break out of for {shorten(node.target)}", _orelse(machine, node, scope), [], scope)
    else:
        machine.execute(node.orelse, scope)


def _orelse(machine: Machine, node: ast.For | ast.AsyncFor, scope: Scope) -> partial[None]:
    return partial(machine.execute, node.orelse, scope)


def _turn(machine: Machine, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> partial[None]:
    return partial(machine.execute, node.body, scope)


def _while(machine: Machine, node: ast.While, scope: Scope) -> None:
    with machine.deeper():
        for _ in range(MAX_UNTIL):
            truth = machine.truth(machine.evaluate(node.test, scope))
            if truth is False:
                machine.execute(node.orelse, scope)
                return
            if truth is None:
                execute_both(machine, shorten(node.test), _turn(machine, node, scope), [], scope)
                return
            before = machine.unsure_exits
            try:
                machine.execute(node.body, scope)
            except Break:
                return
            except Continue:
                continue
            if machine.unsure_exits > before:
                # The loop may have ended in this turn; another one would show nothing new.
                return


def _break(machine: Machine, node: ast.Break, scope: Scope) -> None:
    raise Break


def _continue(machine: Machine, node: ast.Continue, scope: Scope) -> None:
    raise Continue


def _return(machine: Machine, node: ast.Return, scope: Scope) -> None:
    raise Return(machine.evaluate(node.value, scope) if node.value else None)


# Exceptions.


# Definitions and the rest.


def _function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
    defaults = tuple(machine.evaluate(default, scope) for default in node.args.defaults)
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    keywords = {arg.arg: machine.evaluate(default, scope) for arg, default in pairs if default is not None}
    kind = ""
    for decorator in node.decorator_list:
        name = shorten(decorator).split("(")[0].split(".")[-1]
        if name in ("setter", "deleter"):
            # The name stays the property that is read.
            return
        kind = name if name in ("property", "classmethod", "staticmethod", "cached_property") else kind
    kind = "property" if kind == "cached_property" else kind
    machine.close_over(scope)
    machine.touch(scope.names)
    scope.names[node.name] = Function(node.name, node, scope, defaults, keywords, kind)


def _class(machine: Machine, node: ast.ClassDef, scope: Scope) -> None:
    bases = tuple(machine.evaluate(base, scope) for base in node.bases)
    inner = Scope({}, scope.file, scope, scope.module, is_class=True)
    with machine.deeper():
        machine.execute(node.body, inner)
    machine.touch(scope.names)
    scope.names[node.name] = Class(node.name, bases, inner.names, scope.file, node.lineno)


def _import(machine: Machine, node: ast.Import, scope: Scope) -> None:
    for alias in node.names:
        module = import_module(machine, alias.name, scope)
        name = alias.asname or alias.name.split(".")[0]
        if alias.asname is None and "." in alias.name:
            module = import_module(machine, name, scope, quiet=True)
        machine.touch(scope.names)
        scope.names[name] = module


def _import_from(machine: Machine, node: ast.ImportFrom, scope: Scope) -> None:
    for alias in node.names:
        value = import_from(machine, node.module or "", alias.name, node.level, scope)
        machine.touch(scope.names)
        if alias.name == "*":
            if isinstance(value, LocalModule):
                public = {k: v for k, v in value.scope.names.items() if not k.startswith("_")}
                scope.names.update(public)
            continue
        scope.names[alias.asname or alias.name] = value


def _global(machine: Machine, node: ast.Global, scope: Scope) -> None:
    scope.globals.update(node.names)


PASS: list[ast.stmt] = [ast.Pass(lineno=1, col_offset=0)]


def _suppressing(machine: Machine, node: ast.With | ast.AsyncWith, scope: Scope) -> ast.Try | None:
    """Give the try statement that `with contextlib.suppress(...)` is another way to write."""
    call = node.items[0].context_expr
    if len(node.items) > 1 or not isinstance(call, ast.Call) or not call.args or "suppress" not in shorten(call.func):
        return None
    callee = machine.evaluate(call.func, scope)
    if not isinstance(callee, Opaque) or callee.path != "contextlib.suppress":
        return None
    caught = call.args[0] if len(call.args) == 1 else ast.Tuple(elts=call.args, ctx=ast.Load())
    handler = ast.ExceptHandler(type=caught, name=None, body=PASS)
    return ast.copy_location(ast.Try(body=node.body, handlers=[handler], orelse=[], finalbody=[]), node)


def _with(machine: Machine, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
    suppressing = _suppressing(machine, node, scope)
    if suppressing is not None:
        execute_try(machine, suppressing, scope)
        return
    for item in node.items:
        value = machine.evaluate(item.context_expr, scope)
        if isinstance(value, Instance) and not isinstance(value.cls, str):
            enter = get_attribute(machine, value, "__enter__")
            value = call_value(machine, enter, [], {}, node)
        if item.optional_vars is not None:
            entered = value if isinstance(value, (TextFile, Instance)) else machine.unknown(item.context_expr)
            assign(machine, item.optional_vars, entered, scope)
    machine.execute(node.body, scope)


STATEMENTS: Mapping[type[ast.AST], Statement] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.Delete: _delete,
    ast.If: execute_if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Return: _return,
    ast.Raise: execute_raise,
    ast.Assert: execute_assert,
    ast.Try: execute_try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.With: _with,
    ast.AsyncWith: _with,
}
