"""How each kind of Python expression is evaluated. Unknown parts make unknown wholes, never errors."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from envcompose.analyse.binding import assign
from envcompose.analyse.calls import YIELDS, call_value, get_attribute, items_of, lookup
from envcompose.analyse.classes import class_of_names
from envcompose.analyse.machine import MAX_SIZE, Expression, Machine, choose, negate, shorten
from envcompose.analyse.operations import (
    compare,
    get_item,
    hashed,
    is_printable,
    join_parts,
    operate,
    put,
    run_plain,
    text_of,
)
from envcompose.analyse.values import (
    ABSENT,
    Choice,
    Function,
    Instance,
    Opaque,
    OutOfBudget,
    Scope,
    Super,
    Unknown,
    Value,
    shown,
)


def _constant(machine: Machine, node: ast.Constant, scope: Scope) -> Value:
    value = node.value
    if isinstance(value, str) and value.endswith(".whl") and "://" in value[:20] and machine.world.lenient:
        machine.see("template", (value[:1000], value[:1000]))
    return value


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


def _joined(machine: Machine, node: ast.JoinedStr, scope: Scope) -> Value:
    parts = [machine.evaluate(part, scope) for part in node.values]
    made = join_parts(machine, parts, node)
    if machine.world.lenient and (isinstance(made, Unknown) or "://" in made):
        _see_template(machine, node, parts, made)
    return made


def _see_template(machine: Machine, node: ast.JoinedStr, parts: list[Value], made: Value) -> None:
    """Record a file name or an address that is put together, with its unknown parts in braces."""
    literal = "".join(part for part in parts if isinstance(part, str) and len(part) < 500)
    if literal.endswith(".whl") or "://" in literal:
        pairs = zip(node.values, parts, strict=True)
        template = "".join(part if isinstance(part, str) else f"{{{_source_of(value)}}}" for value, part in pairs)
        machine.see("template", (template[:1000], shown(made)))


def _source_of(node: ast.expr) -> str:
    return shorten(node.value) if isinstance(node, ast.FormattedValue) else shorten(node)


def _formatted(machine: Machine, node: ast.FormattedValue, scope: Scope) -> Value:
    value = machine.evaluate(node.value, scope)
    spec = machine.evaluate(node.format_spec, scope) if node.format_spec else ""
    if isinstance(value, Unknown) or not isinstance(spec, str):
        return value if isinstance(value, Choice) and not spec else machine.unknown(node.value)
    if node.conversion == ord("r"):
        machine.weigh(value)
        value = repr(value) if is_printable(value) else machine.unknown(node.value)
    if not spec:
        return text_of(machine, value)
    if any(len(run) > 3 for run in "".join(c if c.isdigit() else " " for c in spec).split()):
        return machine.unknown(node)
    return run_plain(machine, format, node, value, spec)


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


def _unary(machine: Machine, node: ast.UnaryOp, scope: Scope) -> Value:
    value = machine.evaluate(node.operand, scope)
    if isinstance(node.op, ast.Not):
        truth = machine.truth(value)
        return machine.unknown(node) if truth is None else not truth
    operators: Mapping[type[ast.unaryop], Callable[[Value], Value]] = {
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
        ast.Invert: operator.invert,
    }
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
    truth = machine.truth(machine.evaluate(node.test, scope))
    if truth is not None:
        return machine.evaluate(node.body if truth else node.orelse, scope)
    condition = shorten(node.test)
    body = _under(machine, condition, node.body, scope)
    return choose(condition, body, _under(machine, negate(condition), node.orelse, scope))


def _under(machine: Machine, condition: str, node: ast.expr, scope: Scope) -> Value:
    machine.soft += 1
    machine.conditions.append(condition)
    try:
        return machine.evaluate(node, scope)
    finally:
        machine.conditions.pop()
        machine.soft -= 1


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


def _subscript(machine: Machine, node: ast.Subscript, scope: Scope) -> Value:
    container = machine.evaluate(node.value, scope)
    return get_item(machine, container, machine.evaluate(node.slice, scope), node)


def _slice(machine: Machine, node: ast.Slice, scope: Scope) -> Value:
    parts = [machine.evaluate(p, scope) if p else None for p in (node.lower, node.upper, node.step)]
    return machine.unknown(node) if any(isinstance(part, Unknown) for part in parts) else slice(*parts)


BUILT = frozenset({"ext_modules", "cmdclass", "rust_extensions", "data_files", "package_data"})
"""Arguments of setup() that say nothing about requirements."""


def _call(machine: Machine, node: ast.Call, scope: Scope) -> Value:
    callee = machine.evaluate(node.func, scope)
    arguments = _elements(machine, node.args, scope)
    keywords: dict[str, Value] = {}
    skips_build = isinstance(callee, Opaque) and machine.world.skips_build and callee.path.endswith(".setup")
    for keyword in node.keywords:
        if keyword.arg in BUILT and skips_build and not isinstance(keyword.value, (ast.Name, ast.Constant)):
            continue
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
    """Give the present object as the bases of the class see it that the present function stands in."""
    inside: Scope | None = scope
    while inside is not None and inside.outer is not None and not inside.outer.is_class:
        inside = inside.outer
    if inside is not None and inside.outer is not None:
        owner = next((value for name, value in inside.names.items() if name != YIELDS), None)
        cls = class_of_names(owner.cls, inside.outer.names) if isinstance(owner, Instance) else None
        if isinstance(owner, Instance) and cls is not None:
            return Super(owner, cls.bases)
    return Opaque("super()")


def _lambda(machine: Machine, node: ast.Lambda, scope: Scope) -> Value:
    machine.close_over(scope)
    return Function("<lambda>", node, scope, tuple(machine.evaluate(d, scope) for d in node.args.defaults))


def _comprehension(machine: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Value:
    rows = _followed(machine, _rows(machine, node.generators, scope, lambda inner: machine.evaluate(node.elt, inner)))
    if any(row is ABSENT for row in rows):
        return machine.unknown(node)
    return hashed(machine, rows, node) if isinstance(node, ast.SetComp) else rows


def _dict_comprehension(machine: Machine, node: ast.DictComp, scope: Scope) -> Value:
    made: dict[Value, Value] = {}

    def row(inner: Scope) -> Value:
        put(machine, made, machine.evaluate(node.key, inner), machine.evaluate(node.value, inner))

    rows = _followed(machine, _rows(machine, node.generators, scope, row))
    return machine.unknown(node) if any(row is ABSENT for row in rows) else made


MAX_ROW_STEPS = 20_000
"""Steps of one comprehension: what goes over thousands of files is not followed, so that the rest still is."""


def _followed(machine: Machine, rows: Iterator[Value]) -> list[Value]:
    """Give the rows of a comprehension, ABSENT among them where there are too many to follow."""
    limit, machine.limit = machine.limit, min(machine.limit, machine.steps + MAX_ROW_STEPS)
    try:
        return list(rows)
    except OutOfBudget as error:
        if str(error) != "steps" or machine.steps > limit:
            raise
        return [ABSENT]
    finally:
        machine.limit = limit


def _rows(
    machine: Machine, generators: list[ast.comprehension], scope: Scope, row: Callable[[Scope], Value]
) -> Iterator[Value]:
    """Give a row per turn; ABSENT where what is looped over is not known."""
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
