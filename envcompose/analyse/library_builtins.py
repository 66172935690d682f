"""Python's built-in functions, as far as a setup.py uses them."""

from __future__ import annotations

import ast
import builtins
from dataclasses import replace
from typing import Any

from envcompose.analyse.calls import call_value, get_attribute, items_of
from envcompose.analyse.files import open_member
from envcompose.analyse.library import CALLS
from envcompose.analyse.machine import MAX_SIZE, Machine, program_error
from envcompose.analyse.operations import hashed, operate, put, text_of
from envcompose.analyse.trim import parse_python
from envcompose.analyse.values import (
    EXECUTED,
    PLAIN,
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
    shown,
)

Values = list[Value]
Keywords = dict[str, Value]


def _known(values: Values) -> bool:
    return all(isinstance(value, (*PLAIN, list, tuple, dict, set, frozenset)) for value in values)


def pure_call(function: Any, *, limit: int = 4) -> Any:
    """Make a handler of an operation of ours on plain values; with anything else it gives an unknown value."""

    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        if not _known([*arguments, *keywords.values()]) or len(arguments) > limit:
            return machine.unknown(node)
        machine.weigh(arguments)
        try:
            return function(*arguments, **keywords)
        except (RecursionError, MemoryError):
            return machine.unknown(node)
        except Exception as error:
            raise program_error(error) from error

    return handler


def _len(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    value = arguments[0] if arguments else None
    if isinstance(value, (list, tuple, set, dict, str, bytes, range, frozenset)):
        unsure = isinstance(value, (list, tuple)) and any(isinstance(item, Choice) for item in value)
        return machine.unknown(node) if unsure else len(value)
    return machine.unknown(node)


def _str(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    value = arguments[0] if arguments else ""
    if isinstance(value, Instance) and isinstance(value.names.get("text"), str):
        return value.names["text"]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return text_of(machine, value) if isinstance(value, (*PLAIN, list, tuple, dict, Unknown)) else machine.unknown(node)


def _int(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if not _known(arguments) or any(isinstance(v, str) and len(v) > 100 for v in arguments):
        return machine.unknown(node)
    try:
        return int(*arguments)
    except (ValueError, TypeError, OverflowError) as error:
        raise program_error(error) from error


def _list(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else []
    return machine.unknown(node) if items is None else items


def _tuple(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else []
    return machine.unknown(node) if items is None else tuple(items)


def _set(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else []
    return machine.unknown(node) if items is None else hashed(machine, items, node)


def _dict(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    made: dict[Value, Value] = {}
    source = arguments[0] if arguments else {}
    if isinstance(source, dict):
        made.update(source)
    else:
        for pair in items_of(machine, source) or []:
            if isinstance(pair, (tuple, list)) and len(pair) == 2:
                put(machine, made, pair[0], pair[1])
    made.update(keywords)
    return made


def _fromkeys(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else None
    made: dict[Value, Value] = {}
    for item in items or []:
        put(machine, made, item, arguments[1] if len(arguments) > 1 else None)
    return machine.unknown(node) if items is None else made


def _sorted(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else None
    if items is None:
        return machine.unknown(node)
    machine.weigh(items)
    if "key" in keywords or not _known(items):
        return items
    try:
        return sorted(items, reverse=bool(machine.truth(keywords.get("reverse", False))))
    except TypeError as error:
        raise program_error(error) from error


def _reversed(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else None
    return machine.unknown(node) if items is None else items[::-1]


def _enumerate(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else None
    start = keywords.get("start", arguments[1] if len(arguments) > 1 else 0)
    return machine.unknown(node) if items is None or not isinstance(start, int) else list(enumerate(items, start))


def _zip(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    columns = [items_of(machine, argument) for argument in arguments]
    return (
        machine.unknown(node)
        if any(c is None for c in columns)
        else list(zip(*(c or [] for c in columns), strict=False))
    )


def _map(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[1]) if len(arguments) == 2 else None
    return machine.unknown(node) if items is None else [call_value(machine, arguments[0], [i], {}, node) for i in items]


def _filter(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[1]) if len(arguments) == 2 else None
    if items is None:
        return machine.unknown(node)
    test = arguments[0]
    kept = [
        i for i in items if machine.truth(i if test is None else call_value(machine, test, [i], {}, node)) is not False
    ]
    return kept


def _any_all(stops_at: bool) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        items = items_of(machine, arguments[0]) if arguments else None
        truths = [machine.truth(item) for item in items] if items is not None else [None]
        if stops_at in truths:
            return stops_at
        return machine.unknown(node) if None in truths else not stops_at

    return handler


def _sum(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else None
    total: Value = keywords.get("start", arguments[1] if len(arguments) > 1 else 0)
    if items is None:
        return machine.unknown(node)
    for item in items:
        total = operate(machine, ast.Add(), total, item, ast.Constant("sum"))
        machine.steps += len(total) if isinstance(total, (list, tuple)) else 1
    return total


def _range(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if not arguments or not all(isinstance(v, int) and abs(v) < 10**12 for v in arguments):
        return machine.unknown(node)
    try:
        made = range(*arguments)
    except (TypeError, ValueError) as error:
        raise program_error(error) from error
    return made if len(made) <= MAX_SIZE else machine.unknown(node)


_TYPES = {"str": str, "int": int, "float": float, "list": list, "tuple": tuple, "dict": dict, "set": set, "bool": bool}


def _isinstance(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if len(arguments) != 2 or isinstance(arguments[0], Unknown):
        return machine.unknown(node)
    wanted = arguments[1] if isinstance(arguments[1], tuple) else (arguments[1],)
    answers: list[bool | None] = []
    for cls in wanted:
        name = cls.path.removeprefix("builtins.") if isinstance(cls, Opaque) else ""
        if name in _TYPES:
            answers.append(isinstance(arguments[0], _TYPES[name]))
        elif name in ("bytes", "NoneType") or isinstance(arguments[0], (str, int, float, list, tuple, dict)):
            answers.append(isinstance(arguments[0], bytes) if name == "bytes" else False)
        else:
            answers.append(None)
    return True if True in answers else machine.unknown(node) if None in answers else False


def _hasattr(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    owner, name = [*arguments, None, None][:2]
    if isinstance(name, str) and isinstance(owner, (Instance, Class, LocalModule)):
        found = get_attribute(machine, owner, name)
        return machine.unknown(node) if isinstance(found, Unknown) and not isinstance(found, Opaque) else True
    return machine.unknown(node)


def _getattr(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if len(arguments) < 2 or not isinstance(arguments[1], str):
        return machine.unknown(node)
    return get_attribute(machine, arguments[0], arguments[1])


def _setattr(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    owner, name, value = [*arguments, None, None, None][:3]
    if isinstance(owner, (Instance, Class)) and isinstance(name, str):
        machine.touch(owner.names)
        owner.names[name] = value


def ignored(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    """Do nothing and give None."""
    return None


def _open(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if not arguments or isinstance(arguments[0], Unknown):
        return TextFile("?", None)
    return open_member(machine, arguments[0], keywords.get("mode", arguments[1] if len(arguments) > 1 else "r"))


def _exit(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    status = arguments[0] if arguments else None
    raise Raised(("SystemExit", "BaseException"), shown(status)[:200] if arguments else "exit", status)


def _next(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    items = items_of(machine, arguments[0]) if arguments else None
    if items:
        return items[0]
    return arguments[1] if items is not None and len(arguments) > 1 else machine.unknown(node)


def first_argument(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    """Give the first argument as it is."""
    return arguments[0] if arguments else machine.unknown(node)


def _exec(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    code = arguments[0] if arguments else None
    tree = parse_python(code) if isinstance(code, str) and len(code) < MAX_SIZE else None
    names = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], dict) else None
    scope = machine.scope
    if names is not None or scope is None:
        scope = Scope(names if names is not None else {}, machine.file)
        scope.module = scope
    if tree is None:
        # What unknown code defines is unknown: names that are missed later are no errors.
        machine.touch(scope.names)
        scope.names[EXECUTED] = True
        return machine.unknown(node)
    with machine.deeper():
        machine.execute(tree.body, scope)
    if len(arguments) > 2 and isinstance(arguments[2], dict):
        machine.touch(arguments[2])
        arguments[2].update(scope.names)
    return None


def _globals(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    scope = machine.scope.module if machine.scope else None
    return scope.names if scope else {}


def _locals(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return machine.scope.names if machine.scope else {}


def _type(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if len(arguments) == 3 and isinstance(arguments[0], str) and isinstance(arguments[2], dict):
        bases = items_of(machine, arguments[1]) or []
        return Class(arguments[0], tuple(bases), dict(arguments[2]), machine.file, machine.line)
    return arguments[0].cls if arguments and isinstance(arguments[0], Instance) else machine.unknown(node)


def _property(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    getter = arguments[0] if arguments else keywords.get("fget")
    return replace(getter, kind="property") if isinstance(getter, Function) else machine.unknown(node)


def _error(name: str) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        return Instance(f"builtins.{name}", {"text": text, "args": tuple(arguments)})

    return handler


def _hash_free(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return isinstance(arguments[0], (Function, Class, Opaque)) if arguments else False


CALLS.update(
    {
        "builtins.len": _len,
        "builtins.str": _str,
        "builtins.repr": _str,
        "builtins.int": _int,
        "builtins.float": pure_call(float),
        "builtins.bool": lambda m, a, k, n: m.unknown(n) if a and m.truth(a[0]) is None else bool(a) and m.truth(a[0]),
        "builtins.list": _list,
        "builtins.tuple": _tuple,
        "builtins.set": _set,
        "builtins.frozenset": _set,
        "builtins.dict": _dict,
        "collections.OrderedDict": _dict,
        "dict.fromkeys": _fromkeys,
        "builtins.sorted": _sorted,
        "builtins.reversed": _reversed,
        "builtins.enumerate": _enumerate,
        "builtins.zip": _zip,
        "builtins.map": _map,
        "builtins.filter": _filter,
        "builtins.any": _any_all(True),
        "builtins.all": _any_all(False),
        "builtins.sum": _sum,
        "builtins.min": pure_call(min, limit=50),
        "builtins.max": pure_call(max, limit=50),
        "builtins.abs": pure_call(abs),
        "builtins.round": pure_call(round),
        "builtins.ord": pure_call(ord),
        "builtins.chr": pure_call(chr),
        "builtins.range": _range,
        "builtins.isinstance": _isinstance,
        "builtins.hasattr": _hasattr,
        "builtins.getattr": _getattr,
        "builtins.setattr": _setattr,
        "builtins.callable": _hash_free,
        "builtins.print": ignored,
        "builtins.open": _open,
        "io.open": _open,
        "codecs.open": _open,
        "builtins.exit": _exit,
        "builtins.quit": _exit,
        "sys.exit": _exit,
        "os._exit": _exit,
        "builtins.next": _next,
        "builtins.iter": first_argument,
        "builtins.exec": _exec,
        "builtins.compile": first_argument,
        "builtins.globals": _globals,
        "builtins.locals": _locals,
        "builtins.vars": _locals,
        "builtins.type": _type,
        "builtins.property": _property,
        "builtins.staticmethod": first_argument,
    }
)
CALLS.update(
    {f"builtins.{name}": _error(name) for name in dir(builtins) if name.endswith(("Error", "Exception", "Exit"))}
)
