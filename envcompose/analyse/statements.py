"""How each kind of Python statement is executed. Undecided branches are both taken, and joined."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import partial

from envcompose.analyse.calls import call_value, get_attribute, items_of
from envcompose.analyse.expressions import get_item, operate, put
from envcompose.analyse.importing import import_from, import_module
from envcompose.analyse.machine import Machine, Statement, choose, negate, program_error, shorten
from envcompose.analyse.signals import BREAK, CONTINUE, Break, Continue, Return, Signal
from envcompose.analyse.values import (
    ABSENT,
    Choice,
    Class,
    Function,
    Instance,
    LocalModule,
    Opaque,
    Raised,
    Scope,
    TextFile,
    Unknown,
    Value,
    kinds_of,
)

MAX_TURNS = 5_000


def assign(machine: Machine, target: ast.expr, value: Value, scope: Scope) -> None:
    """Bind a value to a target: a name, an attribute, an item, or a pattern of them."""
    if isinstance(target, ast.Name):
        names = scope.module.names if target.id in scope.globals and scope.module else scope.names
        machine.touch(names)
        names[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(machine, target.elts, value, scope)
    elif isinstance(target, ast.Starred):
        assign(machine, target.value, value, scope)
    elif isinstance(target, ast.Attribute):
        _set_attribute(machine, machine.evaluate(target.value, scope), target.attr, value)
    elif isinstance(target, ast.Subscript):
        container = machine.evaluate(target.value, scope)
        _set_item(machine, container, machine.evaluate(target.slice, scope), value)


def _unpack(machine: Machine, targets: list[ast.expr], value: Value, scope: Scope) -> None:
    items = items_of(machine, value)
    starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if items is None:
        for index, target in enumerate(targets):
            assign(machine, target, Unknown(f"{_text(value)}[{index}]", None, (machine.file, machine.line)), scope)
        return
    if starred is not None and len(items) >= len(targets) - 1:
        tail = len(targets) - starred - 1
        items = [*items[:starred], items[starred : len(items) - tail], *items[len(items) - tail :]]
    if len(items) != len(targets):
        raise program_error(ValueError("wrong number of values to unpack"))
    for target, item in zip(targets, items, strict=True):
        assign(machine, target, item, scope)


def _text(value: Value) -> str:
    return value.text if isinstance(value, Unknown) else "value"


def _set_attribute(machine: Machine, owner: Value, name: str, value: Value) -> None:
    if isinstance(owner, (Instance, Class)):
        machine.touch(owner.names)
        owner.names[name] = value
    elif isinstance(owner, LocalModule):
        machine.touch(owner.scope.names)
        owner.scope.names[name] = value


def _set_item(machine: Machine, container: Value, key: Value, value: Value) -> None:
    if isinstance(container, Opaque) and container.path == "os.environ":
        machine.touch(machine.env)
        if isinstance(key, str):
            machine.env[key] = value
    elif isinstance(key, Unknown) and not isinstance(container, dict):
        return
    elif isinstance(container, dict):
        put(machine, container, key, value)
    elif isinstance(container, list):
        machine.touch(container)
        try:
            container[key] = value
        except (IndexError, TypeError, ValueError) as error:
            raise program_error(error) from error


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
                get_item(machine, container, key, node)
                machine.touch(container)
                del container[key]


# Branches.

HOST_WORDS = ("platform", "version_info", "os.name", "__name__", "sys.argv", "maxsize", "hexversion")


def _if(machine: Machine, node: ast.If, scope: Scope) -> None:
    truth = machine.truth(machine.evaluate(node.test, scope))
    condition = shorten(node.test)
    if truth is None:
        _both(machine, condition, partial(machine.execute, node.body, scope), node.orelse, scope)
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
    """Look into statements that are not executed: what they need is optional, and nothing else stays of them."""
    if machine.soft > 3:
        return
    machine.soft += 1
    machine.conditions.append(condition)
    try:
        with machine.undone():
            machine.execute(body, scope)
    except (Signal, Raised):
        pass
    finally:
        machine.conditions.pop()
        machine.soft -= 1


def _both(machine: Machine, condition: str, body: partial[None], orelse: list[ast.stmt], scope: Scope) -> None:
    machine.soft += 1
    try:
        with machine.deeper():
            left, effects = machine.branch(condition, body)
            other, other_effects = machine.branch(negate(condition), partial(machine.execute, orelse, scope))
    finally:
        machine.soft -= 1
    if isinstance(left, Raised) or isinstance(other, Raised):
        if isinstance(left, Raised) and isinstance(other, Raised):
            raise left
        # The branch that raises is the program's refusal; what is asked is what happens where it does not refuse.
        raising, going, kept = (left, other, other_effects) if isinstance(left, Raised) else (other, left, effects)
        machine.see("raises", (raising.text if isinstance(raising, Raised) else "", condition), soft=True)
        machine.apply(kept)
        if going is not None:
            raise going
        return
    machine.join(condition, effects, other_effects)
    _leave(condition, left, other, scope)


def _leave(condition: str, left: BaseException | None, other: BaseException | None, scope: Scope) -> None:
    if isinstance(left, Return) and isinstance(other, Return):
        raise Return(choose(condition, left.value, other.value))
    for signal, holds in ((left, condition), (other, negate(condition))):
        if isinstance(signal, Return):
            scope.pending.append((holds, signal.value))
        elif signal is not None and left is not None and other is not None:
            raise signal
        elif signal is not None and not isinstance(signal, (Break, Continue)):
            raise signal


# Loops.


def _for(machine: Machine, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
    items = items_of(machine, machine.evaluate(node.iter, scope))
    with machine.deeper():
        if items is None:
            assign(machine, node.target, machine.unknown(f"an element of {shorten(node.iter)}"), scope)
            _both(machine, f"for {shorten(node.target)} in {shorten(node.iter)}", _turn(machine, node, scope), [], scope)
            return
        for count, item in enumerate(items):
            if count > MAX_TURNS:
                break
            assign(machine, node.target, item, scope)
            try:
                machine.execute(node.body, scope)
            except Break:
                return
            except Continue:
                continue
        machine.execute(node.orelse, scope)


def _turn(machine: Machine, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> partial[None]:
    return partial(machine.execute, node.body, scope)


def _while(machine: Machine, node: ast.While, scope: Scope) -> None:
    with machine.deeper():
        for _ in range(MAX_TURNS):
            truth = machine.truth(machine.evaluate(node.test, scope))
            if truth is False:
                machine.execute(node.orelse, scope)
                return
            if truth is None:
                _both(machine, shorten(node.test), _turn(machine, node, scope), [], scope)
                return
            try:
                machine.execute(node.body, scope)
            except Break:
                return
            except Continue:
                continue


def _break(machine: Machine, node: ast.Break, scope: Scope) -> None:
    raise BREAK


def _continue(machine: Machine, node: ast.Continue, scope: Scope) -> None:
    raise CONTINUE


def _return(machine: Machine, node: ast.Return, scope: Scope) -> None:
    raise Return(machine.evaluate(node.value, scope) if node.value else None)


# Exceptions.


def _raise(machine: Machine, node: ast.Raise, scope: Scope) -> None:
    value = machine.evaluate(node.exc, scope) if node.exc else None
    kinds, text = _kinds(value)
    raise Raised(kinds, text or shorten(node), value)


def _kinds(value: Value) -> tuple[tuple[str, ...], str]:
    names: list[str] = []
    text = ""
    if isinstance(value, Instance):
        text = str(value.names.get("text", ""))
        value = value.cls if isinstance(value.cls, Class) else Opaque(value.cls)
    queue = [value]
    while queue and len(names) < 30:
        cls = queue.pop(0)
        if isinstance(cls, Class):
            names.append(cls.name)
            queue.extend(cls.bases)
        elif isinstance(cls, Unknown):
            name = cls.text.split("(")[0].split(".")[-1]
            names.append(name)
            builtin = __builtins__.get(name) if isinstance(__builtins__, dict) else getattr(__builtins__, name, None)
            if isinstance(builtin, type) and issubclass(builtin, BaseException):
                names.extend(k for k in kinds_of_class(builtin) if k not in names)
    return (*dict.fromkeys([*names, "Exception", "BaseException"]),), text


def kinds_of_class(cls: type[BaseException]) -> tuple[str, ...]:
    """Name an exception class and its bases."""
    return tuple(base.__name__ for base in cls.__mro__ if base is not object)


def _assert(machine: Machine, node: ast.Assert, scope: Scope) -> None:
    if machine.truth(machine.evaluate(node.test, scope)) is False:
        raise Raised(kinds_of(AssertionError()), shorten(node.msg) if node.msg else shorten(node.test))


def _try(machine: Machine, node: ast.Try, scope: Scope) -> None:
    catches_import = any(_catches(machine, handler, IMPORT_KINDS, scope) for handler in node.handlers)
    softens = catches_import and not any(_gives_up(h) for h in node.handlers if _catches(machine, h, IMPORT_KINDS, scope))
    try:
        with machine.deeper():
            _try_body(machine, node, scope, softens)
    finally:
        machine.execute(node.finalbody, scope)


IMPORT_KINDS = ("ModuleNotFoundError", "ImportError", "Exception", "BaseException")


def _try_body(machine: Machine, node: ast.Try, scope: Scope, softens: bool) -> None:
    machine.soft += softens
    machine.trying += bool(node.handlers)
    active = True
    try:
        machine.execute(node.body, scope)
        machine.soft -= softens
        machine.trying -= bool(node.handlers)
        active = False
        if machine.world.lenient:
            for handler in node.handlers:
                _bind_error(machine, handler, None, scope)
                explore(machine, handler.body, scope, f"except {shorten(handler.type) if handler.type else ''}".strip())
        machine.execute(node.orelse, scope)
    except Raised as error:
        if active:
            machine.soft -= softens
            machine.trying -= bool(node.handlers)
            active = False
            for handler in node.handlers:
                if _catches(machine, handler, error.kinds, scope):
                    _bind_error(machine, handler, error, scope)
                    _handle(machine, handler, error, scope)
                    return
        raise
    finally:
        if active:
            machine.soft -= softens
            machine.trying -= bool(node.handlers)


def _handle(machine: Machine, handler: ast.ExceptHandler, error: Raised, scope: Scope) -> None:
    try:
        machine.execute(handler.body, scope)
    except Raised as again:
        raise (error if again.value is None and again.text.startswith("raise") else again) from None


def _bind_error(machine: Machine, handler: ast.ExceptHandler, error: Raised | None, scope: Scope) -> None:
    if handler.name:
        machine.touch(scope.names)
        value = error.value if error is not None and error.value is not None else machine.unknown(handler.name, True)
        scope.names[handler.name] = value


def _catches(machine: Machine, handler: ast.ExceptHandler, kinds: tuple[str, ...], scope: Scope) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {shorten(cls).split(".")[-1] for cls in types}
    aliases = {"IOError": "OSError", "EnvironmentError": "OSError", "error": "OSError"}
    return bool({aliases.get(name, name) for name in names} & set(kinds))


EXITS = frozenset({"exit", "_exit", "quit", "abort", "fail", "fatal", "die"})


def _gives_up(handler: ast.ExceptHandler) -> bool:
    """Does the handler end the program whatever happens: by raising or exiting among its own statements?"""
    for node in handler.body:
        if isinstance(node, ast.Raise):
            return True
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if call is not None and shorten(call.func).split(".")[-1] in EXITS:
            return True
    return False


# Definitions and the rest.


def _function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
    defaults = tuple(machine.evaluate(default, scope) for default in node.args.defaults)
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    keywords = {arg.arg: machine.evaluate(default, scope) for arg, default in pairs if default is not None}
    kind = ""
    for decorator in node.decorator_list:
        name = shorten(decorator).split("(")[0].split(".")[-1]
        kind = name if name in ("property", "classmethod", "staticmethod", "cached_property") else kind
    kind = "property" if kind == "cached_property" else kind
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


def _with(machine: Machine, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
    for item in node.items:
        value = machine.evaluate(item.context_expr, scope)
        if isinstance(value, Instance) and not isinstance(value.cls, str):
            enter = get_attribute(machine, value, "__enter__")
            value = call_value(machine, enter, [], {}, node)
        if item.optional_vars is not None:
            entered = value if isinstance(value, (TextFile, Instance)) else machine.unknown(item.context_expr)
            assign(machine, item.optional_vars, entered, scope)
    machine.execute(node.body, scope)


def fold_pending(scope: Scope, value: Value) -> Value:
    """Give a function's result: what it returned under conditions before, then what it returned at the end."""
    for condition, early in reversed(scope.pending):
        value = choose(condition, early, value)
    return value if value is not ABSENT else None


STATEMENTS: Mapping[type[ast.AST], Statement] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.Delete: _delete,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Try: _try,
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

__all__ = ["STATEMENTS", "Choice", "assign", "explore", "fold_pending"]
