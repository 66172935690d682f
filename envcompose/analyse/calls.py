"""Names, attributes and calls: where a value comes from and what calling it gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import cast

from envcompose.analyse import library, natives
from envcompose.analyse.classes import find_in_class, is_named_tuple, is_property, outer_bases
from envcompose.analyse.machine import MAX_SIZE, Machine, choice_of, choose, shorten
from envcompose.analyse.signals import Return
from envcompose.analyse.values import (
    ABSENT,
    PLAIN,
    Bound,
    Choice,
    Class,
    Function,
    Instance,
    LocalModule,
    Method,
    Opaque,
    Raised,
    Scope,
    Super,
    TextFile,
    Unknown,
    Value,
    shown,
)

MAX_UNSURE_CALLS = 3
SPEC = re.compile(r"^(?:\w+\.)*find_spec\(['\"]([\w.]+)['\"]\)$")
SPEC_FIELDS = frozenset({"origin", "loader", "submodule_search_locations", "parent", "has_location"})
YIELDS = "(yields)"
"""The name, impossible in Python, under which a generator's values collect in its scope."""


def lookup(machine: Machine, name: str, scope: Scope) -> Value:
    """Find a name as Python does: local, enclosing, module, built-in. An unknown name is an unknown value."""
    where: Scope | None = scope
    while where is not None:
        if name in where.names and (where is scope or not where.is_class):
            return present(machine, where.names[name], name)
        where = where.outer
    return library.builtin(machine, name)


def present(machine: Machine, value: Value, name: str) -> Value:
    """Give a value without its option of not being there: the program reads it, so it is."""
    if isinstance(value, Choice) and any(option is ABSENT for _, option in value.options):
        options = tuple(pair for pair in value.options if pair[1] is not ABSENT)
        return options[0][1] if len(options) == 1 else Choice(value.text, None, value.place, options)
    return machine.unknown(name) if value is ABSENT else value


def get_attribute(machine: Machine, owner: Value, name: str) -> Value:
    """Give owner.name. What is not known to exist is unknown, never an error."""
    if isinstance(owner, Opaque):
        return library.attribute(machine, owner.path, name)
    if isinstance(owner, Choice):
        plain = all(option is ABSENT or isinstance(option, (*PLAIN, list, dict)) for _, option in owner.options)
        return Method(owner, name) if plain else machine.unknown(f"{owner.text}.{name}")
    if isinstance(owner, Unknown):
        found = SPEC.search(owner.text) if name in SPEC_FIELDS else None
        if found is not None and owner.text.endswith(")"):
            # Who asks where a module lies without asking whether it is there needs it.
            machine.see("import", found.group(1))
        return machine.unknown(f"{owner.text}.{name}"[:160])
    if isinstance(owner, Instance):
        return _instance_attribute(machine, owner, name)
    if isinstance(owner, Class):
        found = find_in_class(owner, name)
        if isinstance(found, Function) and found.kind == "classmethod":
            return Bound(found, owner)
        return machine.unknown(f"{owner.name}.{name}") if found is ABSENT else found
    if isinstance(owner, LocalModule):
        if name in owner.scope.names:
            return present(machine, owner.scope.names[name], name)
        return _module_attribute(machine, owner, name)
    if isinstance(owner, Bound):
        return machine.unknown(f"method.{name}")
    if isinstance(owner, Super):
        return _super_attribute(machine, owner, name)
    return natives.attribute(machine, owner, name)


def _module_attribute(machine: Machine, owner: LocalModule, name: str) -> Value:
    from envcompose.analyse.importing import submodule

    known = submodule(machine, owner, name)
    lazy = owner.scope.names.get("__getattr__")
    if known is None and isinstance(lazy, Function) and not name.startswith("__"):
        return call_function(machine, lazy, [name], {})  # PEP 562
    return machine.unknown(f"{owner.name}.{name}") if known is None else known


def _instance_attribute(machine: Machine, owner: Instance, name: str) -> Value:
    if name in owner.names and not is_property(owner, name):
        return present(machine, owner.names[name], name)
    if isinstance(owner.cls, str):
        method = library.instance_method(owner.cls, name)
        return Bound(method, owner) if method else machine.unknown(f"{owner.cls}.{name}")
    found = find_in_class(owner.cls, name)
    if isinstance(found, Function):
        if found.kind == "property":
            return call_function(machine, found, [owner], {})
        return found if found.kind == "staticmethod" else Bound(found, owner)
    inherited = library.inherited_method(outer_bases(owner.cls), name) if found is ABSENT else None
    if inherited is not None:
        return Bound(inherited, owner)
    return machine.unknown(f"{owner.cls.name}.{name}") if found is ABSENT else found


def _super_attribute(machine: Machine, owner: Super, name: str) -> Value:
    for base in owner.bases:
        found = find_in_class(base, name) if isinstance(base, Class) else ABSENT
        if isinstance(found, Function):
            return (
                call_function(machine, found, [owner.owner], {})
                if found.kind == "property"
                else Bound(found, owner.owner)
            )
        if isinstance(base, Opaque) and name == "__init__":
            return Bound(library.initialiser(base.path), owner.owner)
    return Opaque(f"super().{name}")


def items_of(machine: Machine, value: Value) -> list[Value] | None:
    """Give what iterating over a value gives, None where that is not known. Sets come sorted: their order is none."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return [key for key, inner in value.items() if inner is not ABSENT]
    if isinstance(value, (set, frozenset)):
        return _ordered(value)
    if isinstance(value, (str, bytes, range)):
        machine.sized(len(value))
        return list(value)
    if isinstance(value, TextFile):
        return None if value.content is None else value.content.splitlines(keepends=True)
    if isinstance(value, Choice):
        return _choice_items(machine, value)
    if isinstance(value, Instance) and not isinstance(value.cls, str):
        found = find_in_class(value.cls, "__iter__")
        return items_of(machine, call_function(machine, found, [value], {})) if isinstance(found, Function) else None
    return None


def _ordered(values: set[Value] | frozenset[Value]) -> list[Value] | None:
    """Order the elements of a set; None where two of them cannot be told apart by what they show."""
    ranked = {(type(item).__name__, _shown_parts(item, 4)): item for item in values}
    return [ranked[rank] for rank in sorted(ranked)] if len(ranked) == len(values) else None


def _shown_parts(item: Value, depth: int) -> str:
    if isinstance(item, (tuple, frozenset)) and depth:
        parts = [_shown_parts(part, depth - 1) for part in item]
        return f"({', '.join(parts if isinstance(item, tuple) else sorted(parts))})"
    return item.name if isinstance(item, (Function, Class)) else shown(item)


def _choice_items(machine: Machine, value: Choice) -> list[Value] | None:
    merged: list[Value] | None = None
    from envcompose.analyse.machine import merge

    for condition, option in value.options:
        items = [] if option is ABSENT else items_of(machine, option) if not isinstance(option, Unknown) else None
        if items is None:
            return None
        merged = items if merged is None else merge(condition, items, merged)
    return merged


Node = ast.AST | str


def call_value(
    machine: Machine, callee: Value, arguments: list[Value], keywords: dict[str, Value], node: Node
) -> Value:
    """Call a value. Raises Raised for the program's exceptions; what is not known gives an unknown value."""
    if isinstance(callee, Function):
        return call_function(machine, callee, arguments, keywords)
    if isinstance(callee, Bound):
        if isinstance(callee.function, Function):
            return call_function(machine, callee.function, [callee.owner, *arguments], keywords)
        return callee.function(machine, [callee.owner, *arguments], keywords, node)
    if isinstance(callee, Class):
        return instantiate(machine, callee, arguments, keywords)
    if isinstance(callee, Method):
        return _call_method(machine, callee, arguments, keywords, node)
    if isinstance(callee, Opaque):
        return library.call(machine, callee.path, arguments, keywords, node)
    if isinstance(callee, Choice):
        return _call_choice(machine, callee, arguments, keywords, node)
    return machine.unknown(node)


def _call_choice(
    machine: Machine, callee: Choice, arguments: list[Value], keywords: dict[str, Value], node: Node
) -> Value:
    """Call each of several callables under its own condition; one that raises is not the one."""
    options: list[tuple[str, Value]] = []
    for condition, option in callee.options:
        if not isinstance(option, (Function, Bound, Class, Opaque)):
            continue
        machine.soft += 1
        machine.conditions.append(condition)
        try:
            options.append((condition, call_value(machine, option, list(arguments), dict(keywords), node)))
        except Raised:
            continue
        finally:
            machine.conditions.pop()
            machine.soft -= 1
    return choice_of(describe(node), (machine.file, machine.line), options)


def _call_method(
    machine: Machine, method: Method, arguments: list[Value], keywords: dict[str, Value], node: Node
) -> Value:
    owner = method.owner
    if not isinstance(owner, Choice):
        return natives.call_method(machine, owner, method.name, arguments, keywords, node)
    options: list[tuple[str, Value]] = []
    for condition, option in owner.options:
        if option is ABSENT:
            options.append((condition, option))
            continue
        try:
            result = natives.call_method(machine, option, method.name, arguments, keywords, node)
        except Raised:
            continue
        options.append((condition, result))
    if options and all(isinstance(option, bool) for _, option in options) and len({o for _, o in options}) == 1:
        return options[0][1]
    return choice_of(owner.text, owner.place, options)


def instantiate(machine: Machine, cls: Class, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    """Make an object of a class of the sdist and run its `__init__`."""
    made = Instance(cls, {})
    first = arguments[0] if arguments else keywords.get("name")
    if isinstance(first, str):
        made.names["text"] = first
    initialise, outer = find_in_class(cls, "__init__"), outer_bases(cls)
    if isinstance(initialise, Function):
        call_function(machine, initialise, [made, *arguments], keywords)
    for base in outer if not isinstance(initialise, Function) else ():
        library.initialiser(base)(machine, [made, *arguments], keywords, cls.name)
    library.instantiated(machine, made, outer)
    if not isinstance(initialise, Function) and (cls.bases == () or is_named_tuple(cls)):
        names = [name for name in cls.names if not isinstance(cls.names[name], Function)]
        made.names.update(zip(names, arguments, strict=False))
        made.names.update(keywords)
    return made


def call_function(machine: Machine, function: Function, arguments: list[Value], keywords: Mapping[str, Value]) -> Value:
    """Run a function of the sdist. A generator gives the list of what it yields.

    One that calls itself under undecided conditions, again and again, gives an unknown value.
    """
    node = function.node
    deep = machine.running.get(id(node), 0)
    if deep >= MAX_UNSURE_CALLS and machine.soft:
        return machine.unknown(f"{function.name}()")
    machine.running[id(node)] = deep + 1
    try:
        return _run_function(machine, function, node, arguments, keywords)
    finally:
        machine.running[id(node)] = deep


def _run_function(
    machine: Machine,
    function: Function,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    arguments: list[Value],
    keywords: Mapping[str, Value],
) -> Value:
    scope = Scope({YIELDS: []} if yields(node) else {}, function.scope.file, function.scope, function.scope.module)
    _bind(machine, function, arguments, keywords, scope)
    with machine.deeper():
        if isinstance(node, ast.Lambda):
            return machine.evaluate(node.body, scope)
        line, file = machine.line, machine.file
        result: Value = None
        try:
            machine.execute(node.body, scope)
        except Return as signal:
            result = signal.value
        except Raised as error:
            if not scope.pending:
                raise
            # It may have returned before; what is asked is what happens where it does not refuse.
            condition, result = scope.pending.pop()
            machine.see("raises", (error.text, f"not ({condition})"), soft=True)
        finally:
            machine.line, machine.file = line, file
    if YIELDS in scope.names:
        return scope.names[YIELDS]
    for condition, early in reversed(scope.pending):
        result = choose(condition, early, result)
    return result


def _bind(
    machine: Machine, function: Function, arguments: list[Value], keywords: Mapping[str, Value], scope: Scope
) -> None:
    spec = function.node.args
    positional, known = _parameters(function.node)
    names = scope.names
    # The first name of a method is its object: what was given comes before what defaults fill in.
    names.update(zip(positional, arguments, strict=False))
    if spec.vararg:
        names[spec.vararg.arg] = tuple(arguments[len(positional) :])
    names.update({key: value for key, value in keywords.items() if key in known})
    if spec.kwarg:
        names[spec.kwarg.arg] = {key: value for key, value in keywords.items() if key not in known}
    defaults = zip(positional[len(positional) - len(function.defaults) :], function.defaults, strict=False)
    for name, value in (*defaults, *function.keyword_defaults.items()):
        names.setdefault(name, value)
    for name in sorted(known - names.keys()):
        names[name] = Unknown(name, None, (function.scope.file, function.node.lineno))


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> tuple[list[str], frozenset[str]]:
    """Give a function's positional names and all that an argument may be given for. Kept on the node."""
    kept = node.__dict__.get("_parameters")
    if kept is None:
        positional = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        kept = (positional, frozenset([*positional, *(arg.arg for arg in node.args.kwonlyargs)]))
        node.__dict__["_parameters"] = kept
    return cast(tuple[list[str], frozenset[str]], kept)


def yields(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    """Is a function a generator: does a yield stand in it, outside of the functions inside? Kept on the node."""
    known = node.__dict__.get("_yields")
    if known is None:
        queue: list[ast.AST] = list(node.body) if isinstance(node.body, list) else [node.body]
        known = False
        while queue and not known:
            inner = queue.pop()
            known = isinstance(inner, (ast.Yield, ast.YieldFrom))
            if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                queue.extend(ast.iter_child_nodes(inner))
        node.__dict__["_yields"] = known
    return bool(known)


def yielded(machine: Machine, node: ast.Yield | ast.YieldFrom, scope: Scope) -> Value:
    """Collect what a generator yields. A yield outside of functions is nothing that Python would run."""
    value = machine.evaluate(node.value, scope) if node.value else None
    collected = scope.names.get(YIELDS)
    if not isinstance(collected, list):
        return machine.unknown(node)
    machine.touch(collected)
    if isinstance(node, ast.YieldFrom):
        collected.extend(items_of(machine, value) or [machine.unknown(node)])
    else:
        collected.append(value)
    machine.sized(min(len(collected), MAX_SIZE + 1))
    return None


def describe(node: Node) -> str:
    """Give a node's text."""
    return node if isinstance(node, str) else shorten(node)


Handler = Callable[[Machine, list[Value], dict[str, Value], Node], Value]
