"""How each kind of Python expression is evaluated. Unknown parts make unknown wholes, never errors."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath

from envcompose.analyse.calls import call_value, get_attribute, items_of, lookup
from envcompose.analyse.machine import MAX_SIZE, Expression, Machine, program_error, shorten
from envcompose.analyse.values import (
    ABSENT,
    PLAIN,
    Choice,
    Function,
    Opaque,
    Raised,
    Scope,
    Unknown,
    Value,
)


def _constant(machine: Machine, node: ast.Constant, scope: Scope) -> Value:
    return node.value


def _name(machine: Machine, node: ast.Name, scope: Scope) -> Value:
    return lookup(machine, node.id, scope)


def _attribute(machine: Machine, node: ast.Attribute, scope: Scope) -> Value:
    return get_attribute(machine, machine.evaluate(node.value, scope), node.attr)


def _elements(machine: Machine, nodes: list[ast.expr], scope: Scope) -> list[Value]:
    values: list[Value] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            inner = items_of(machine, machine.evaluate(node.value, scope))
            values.extend(inner if inner is not None else [machine.unknown(node.value)])
        else:
            values.append(machine.evaluate(node, scope))
        machine.sized(len(values))
    return values


def _list(machine: Machine, node: ast.List, scope: Scope) -> Value:
    return _elements(machine, node.elts, scope)


def _tuple(machine: Machine, node: ast.Tuple, scope: Scope) -> Value:
    return tuple(_elements(machine, node.elts, scope))


def _set(machine: Machine, node: ast.Set, scope: Scope) -> Value:
    return hashed(machine, _elements(machine, node.elts, scope), node)


def hashed(machine: Machine, values: list[Value], node: ast.AST) -> Value:
    """Make a set, ordered as Python would print it never: an unknown or unhashable element makes it unknown."""
    machine.weigh(values)
    try:
        return set(values)
    except TypeError:
        return machine.unknown(node)


def _dict(machine: Machine, node: ast.Dict, scope: Scope) -> Value:
    made: dict[Value, Value] = {}
    for key, value_node in zip(node.keys, node.values, strict=True):
        value = machine.evaluate(value_node, scope)
        if key is None:
            if isinstance(value, dict):
                made.update(value)
            continue
        put(machine, made, machine.evaluate(key, scope), value)
    return made


def put(machine: Machine, container: dict[Value, Value], key: Value, value: Value) -> None:
    """Set a key; an unhashable key is the program's TypeError."""
    machine.weigh(key)
    try:
        hash(key)
    except TypeError as error:
        raise program_error(error) from error
    machine.touch(container)
    container[key] = value
    machine.sized(len(container))


def _joined(machine: Machine, node: ast.JoinedStr, scope: Scope) -> Value:
    parts = [machine.evaluate(part, scope) for part in node.values]
    return join_parts(machine, parts, node)


def join_parts(machine: Machine, parts: list[Value], node: ast.AST) -> Value:
    """Concatenate texts; with one Choice among them the result is a Choice, with an Unknown it is unknown."""
    open_parts = [index for index, part in enumerate(parts) if isinstance(part, Unknown)]
    if not open_parts:
        machine.sized(sum(len(part) for part in parts))
        return "".join(parts)
    index = open_parts[0]
    choice = parts[index]
    if len(open_parts) > 1 or not isinstance(choice, Choice):
        return machine.unknown(node, truth=True if any(isinstance(p, str) and p for p in parts) else None)
    options = tuple(
        (condition, join_parts(machine, [*parts[:index], text_of(machine, option), *parts[index + 1 :]], node))
        for condition, option in choice.options
        if option is not ABSENT
    )
    return Choice(text=shorten(node), options=options)


def _formatted(machine: Machine, node: ast.FormattedValue, scope: Scope) -> Value:
    value = machine.evaluate(node.value, scope)
    spec = machine.evaluate(node.format_spec, scope) if node.format_spec else ""
    if isinstance(value, Unknown) or not isinstance(spec, str):
        return value if isinstance(value, Choice) and not spec else machine.unknown(node.value)
    if node.conversion == ord("r"):
        machine.weigh(value)
        value = repr(value) if _printable(value) else machine.unknown(node.value)
    if not spec:
        return text_of(machine, value)
    if any(len(run) > 3 for run in "".join(c if c.isdigit() else " " for c in spec).split()):
        return machine.unknown(node)
    return run_plain(machine, format, node, value, spec)


def text_of(machine: Machine, value: Value) -> Value:
    """Give str(value), unknown where a part of it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, Unknown):
        return machine.unknown(value.text, truth=value.truth)
    machine.weigh(value)
    if not _printable(value):
        return machine.unknown("str(...)", truth=True)
    return run_plain(machine, str, "str(...)", value)


def _printable(value: Value) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_printable(part) for part in value)
    if isinstance(value, dict):
        return all(_printable(key) and _printable(part) for key, part in value.items())
    return isinstance(value, PLAIN)


def run_plain(machine: Machine, function: Callable[..., Value], node: ast.AST | str, *values: Value) -> Value:
    """Apply an operation of ours to plain values; its error becomes the program's."""
    if any(isinstance(value, Unknown) or value is ABSENT for value in values):
        return machine.unknown(node)
    try:
        return function(*values)
    except (RecursionError, MemoryError):
        return machine.unknown(node)
    except Exception as error:
        if all(isinstance(value, (*PLAIN, list, tuple, dict, set)) for value in values):
            raise program_error(error) from error
        return machine.unknown(node)


_OPERATORS: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


def _binary(machine: Machine, node: ast.BinOp, scope: Scope) -> Value:
    # A long chain `a + b + c + ...` leans left: walk it instead of recursing.
    chain: list[ast.BinOp] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        chain.append(left)
        left = left.left
    value = machine.evaluate(left, scope)
    for link in reversed(chain):
        value = operate(machine, link.op, value, machine.evaluate(link.right, scope), link)
    return value


def operate(machine: Machine, kind: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
    """Apply a binary operator within the bounds on size."""
    if isinstance(left, list) and isinstance(right, list) and isinstance(kind, ast.Add):
        machine.sized(len(left) + len(right))
        return left + right
    if isinstance(left, str) and isinstance(right, Choice) or isinstance(left, Choice) and isinstance(right, str):
        return join_parts(machine, [left, right], node) if isinstance(kind, ast.Add) else machine.unknown(node)
    if isinstance(left, Unknown) or isinstance(right, Unknown) or not _bounded(machine, kind, left, right):
        return machine.unknown(node)
    if isinstance(kind, ast.Mod) and isinstance(left, (str, bytes)):
        return percent(machine, left, right, node)
    return run_plain(machine, _OPERATORS.get(type(kind), _no_operator), node, left, right)


def _no_operator(left: Value, right: Value) -> Value:
    raise NotImplementedError


def percent(machine: Machine, template: Value, values: Value, node: ast.AST) -> Value:
    """Apply printf-style formatting, unless a width could make it huge or a part is unknown."""
    digits = "".join(c if c.isdigit() else " " for c in str(template)).split()
    machine.weigh(values)
    if any(len(run) > 3 for run in digits) or "*" in str(template) or not _printable(values):
        return machine.unknown(node)
    return run_plain(machine, operator.mod, node, template, values)


def _bounded(machine: Machine, kind: ast.operator, left: Value, right: Value) -> bool:
    if isinstance(kind, ast.Pow):
        return isinstance(left, (int, float)) and isinstance(right, (int, float)) and abs(right) < 64 > abs(left) ** 0.2
    if isinstance(kind, ast.LShift):
        return isinstance(right, int) and 0 <= right < 64
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (str, bytes, list, tuple)):
            if isinstance(other, int) and isinstance(kind, ast.Mult):
                return len(one) * max(other, 0) <= MAX_SIZE
            if isinstance(other, (str, bytes, list, tuple)):
                machine.sized(len(one) + len(other))
        if isinstance(one, int) and one.bit_length() > 4096:
            return False
    return True


def _unary(machine: Machine, node: ast.UnaryOp, scope: Scope) -> Value:
    value = machine.evaluate(node.operand, scope)
    if isinstance(node.op, ast.Not):
        truth = machine.truth(value)
        return machine.unknown(node) if truth is None else not truth
    operators = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert}
    return run_plain(machine, operators[type(node.op)], node, value)


def _boolean(machine: Machine, node: ast.BoolOp, scope: Scope) -> Value:
    stops_at = isinstance(node.op, ast.Or)
    undecided = False
    value: Value = None
    for part in node.values:
        value = machine.evaluate(part, scope)
        truth = machine.truth(value)
        if truth is stops_at:
            return machine.unknown(node, truth=stops_at) if undecided else value
        undecided = undecided or truth is None
    return machine.unknown(node) if undecided else value


def _conditional(machine: Machine, node: ast.IfExp, scope: Scope) -> Value:
    from envcompose.analyse.machine import choose

    truth = machine.truth(machine.evaluate(node.test, scope))
    if truth is not None:
        return machine.evaluate(node.body if truth else node.orelse, scope)
    return choose(shorten(node.test), machine.evaluate(node.body, scope), machine.evaluate(node.orelse, scope))


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Value, Value], Value]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _compare(machine: Machine, node: ast.Compare, scope: Scope) -> Value:
    left = machine.evaluate(node.left, scope)
    undecided = False
    for kind, right_node in zip(node.ops, node.comparators, strict=True):
        right = machine.evaluate(right_node, scope)
        result = compare(machine, kind, left, right, node)
        truth = machine.truth(result)
        if truth is False:
            return False
        undecided = undecided or truth is None
        left = right
    return machine.unknown(node) if undecided else True


def compare(machine: Machine, kind: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
    """Compare two values; None is told apart from everything that is known not to be None."""
    if isinstance(kind, (ast.In, ast.NotIn)):
        found = _contains(machine, left, right, node)
        return found if isinstance(kind, ast.In) or isinstance(found, Unknown) else not found
    if isinstance(kind, (ast.Is, ast.IsNot)):
        known = _identical(machine, left, right)
        return machine.unknown(node) if known is None else known is isinstance(kind, ast.Is)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        if (left is None or right is None) and isinstance(kind, (ast.Eq, ast.NotEq)):
            known = _identical(machine, left, right)
            return machine.unknown(node) if known is None else known is isinstance(kind, ast.Eq)
        return machine.unknown(node)
    machine.weigh(left, right)
    if not (_printable(left) and _printable(right)):
        equal = left is right
        return equal is isinstance(kind, ast.Eq) if isinstance(kind, (ast.Eq, ast.NotEq)) else machine.unknown(node)
    return run_plain(machine, _COMPARISONS[type(kind)], node, left, right)


def _identical(machine: Machine, left: Value, right: Value) -> bool | None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Unknown):
            return False if other is None and (one.truth or isinstance(one, Opaque)) else None
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left is right or (isinstance(left, (str, int)) and bool(left == right))


def _contains(machine: Machine, item: Value, container: Value, node: ast.AST) -> Value:
    if isinstance(container, Opaque) and container.path == "os.environ" and isinstance(item, str):
        machine.see("switch", (item, None))
        return item in machine.env
    if isinstance(item, Unknown) or isinstance(container, Unknown):
        return machine.unknown(node)
    machine.weigh(item)
    if isinstance(container, (list, tuple)) and any(isinstance(part, Unknown) for part in container):
        return True if item in [p for p in container if not isinstance(p, Unknown)] else machine.unknown(node)
    if isinstance(container, (str, bytes, dict, set, frozenset, list, tuple, range)):
        machine.weigh(container if isinstance(container, (list, tuple)) else None)
        return run_plain(machine, lambda a, b: b in a, node, container, item)
    return machine.unknown(node)


def _subscript(machine: Machine, node: ast.Subscript, scope: Scope) -> Value:
    container = machine.evaluate(node.value, scope)
    return get_item(machine, container, machine.evaluate(node.slice, scope), node)


def get_item(machine: Machine, container: Value, key: Value, node: ast.AST | str) -> Value:
    """Give container[key]. A missing key is the program's own KeyError or IndexError."""
    if isinstance(container, Opaque) and container.path == "os.environ" and isinstance(key, str):
        machine.see("switch", (key, None))
        if key in machine.env:
            return machine.env[key]
        if machine.trying:
            raise Raised(("KeyError", "LookupError", "Exception", "BaseException"), key)
        return machine.unknown(node)
    if isinstance(container, Choice):
        return machine.unknown(node)
    if isinstance(container, (str, bytes, list, tuple, dict, range)) and not isinstance(key, Unknown):
        machine.weigh(key)
        return run_plain(machine, operator.getitem, node, container, key)
    if isinstance(container, Opaque):
        return machine.unknown(node)
    if isinstance(container, re.Match) and not isinstance(key, Unknown):
        return run_plain(machine, re.Match.__getitem__, node, container, key)
    return machine.unknown(node)


def _slice(machine: Machine, node: ast.Slice, scope: Scope) -> Value:
    parts = [machine.evaluate(p, scope) if p else None for p in (node.lower, node.upper, node.step)]
    return machine.unknown(node) if any(isinstance(part, Unknown) for part in parts) else slice(*parts)


def _call(machine: Machine, node: ast.Call, scope: Scope) -> Value:
    callee = machine.evaluate(node.func, scope)
    arguments = _elements(machine, node.args, scope)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = machine.evaluate(keyword.value, scope)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
        elif isinstance(value, dict):
            keywords.update({key: inner for key, inner in value.items() if isinstance(key, str)})
    machine.line, machine.file = node.lineno, scope.file
    if isinstance(node.func, ast.Name) and node.func.id == "super" and not arguments:
        return _super(machine, scope)
    return call_value(machine, callee, arguments, keywords, node)


def _super(machine: Machine, scope: Scope) -> Value:
    return Opaque("super()")


def _lambda(machine: Machine, node: ast.Lambda, scope: Scope) -> Value:
    return Function("<lambda>", node, scope, tuple(machine.evaluate(d, scope) for d in node.args.defaults))


def _comprehension(machine: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Value:
    rows = list(_rows(machine, node.generators, scope, lambda inner: machine.evaluate(node.elt, inner)))
    if any(row is ABSENT for row in rows):
        return machine.unknown(node)
    return hashed(machine, rows, node) if isinstance(node, ast.SetComp) else rows


def _dict_comprehension(machine: Machine, node: ast.DictComp, scope: Scope) -> Value:
    made: dict[Value, Value] = {}

    def row(inner: Scope) -> Value:
        put(machine, made, machine.evaluate(node.key, inner), machine.evaluate(node.value, inner))

    rows = list(_rows(machine, node.generators, scope, row))
    return machine.unknown(node) if any(row is ABSENT for row in rows) else made


def _rows(
    machine: Machine, generators: list[ast.comprehension], scope: Scope, row: Callable[[Scope], Value]
) -> Iterator[Value]:
    """Give a row per turn; ABSENT where what is looped over is not known."""
    from envcompose.analyse.statements import assign

    inner = Scope({}, scope.file, scope, scope.module)
    first, *rest = generators
    items = items_of(machine, machine.evaluate(first.iter, scope))
    if items is None:
        yield ABSENT
        return
    for item in islice(items, MAX_SIZE):
        machine.steps += 1
        assign(machine, first.target, item, inner)
        truths = (machine.truth(machine.evaluate(test, inner)) for test in first.ifs)
        if any(truth is False for truth in truths):
            continue
        if rest:
            yield from _rows(machine, rest, inner, row)
        else:
            yield row(inner)


def _named(machine: Machine, node: ast.NamedExpr, scope: Scope) -> Value:
    value = machine.evaluate(node.value, scope)
    machine.touch(scope.names)
    scope.names[node.target.id] = value
    return value


def is_path(value: Value) -> bool:
    """Is the value a pathlib path?"""
    return isinstance(value, PurePosixPath)


def _await(machine: Machine, node: ast.Await | ast.Starred, scope: Scope) -> Value:
    return machine.evaluate(node.value, scope)


EXPRESSIONS: Mapping[type[ast.AST], Expression] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.List: _list,
    ast.Tuple: _tuple,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.IfExp: _conditional,
    ast.Compare: _compare,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Call: _call,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.NamedExpr: _named,
    ast.Await: _await,
    ast.Starred: _await,
}
