"""Methods and attributes of plain values, by allow-list and within the bounds on size."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, cast

from packaging.version import Version

from envcompose.analyse import files
from envcompose.analyse.machine import MAX_SIZE, Machine, program_error
from envcompose.analyse.operations import join_parts, text_of
from envcompose.analyse.values import ABSENT, PLAIN, Method, Raised, TextFile, Unknown, Value, shown

STRING_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "index",
        "isalnum",
        "isalpha",
        "isascii",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isspace",
        "istitle",
        "isupper",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rfind",
        "rindex",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
        "encode",
        "decode",
        "replace",
        "join",
        "format",
        "ljust",
        "rjust",
        "center",
        "zfill",
        "expandtabs",
        "hex",
        "isprintable",
    ]
)
PURE = {
    str: STRING_METHODS,
    bytes: STRING_METHODS,
    int: frozenset({"bit_length", "conjugate"}),
    float: frozenset({"is_integer"}),
    tuple: frozenset({"count", "index"}),
    range: frozenset({"count", "index"}),
    list: frozenset({"count", "index", "copy"}),
    dict: frozenset({"copy", "get"}),
    set: frozenset({"union", "intersection", "difference", "issubset", "issuperset", "copy", "isdisjoint"}),
    re.Match: frozenset({"group", "groups", "groupdict", "start", "end", "span"}),
    PurePosixPath: frozenset(
        [
            "joinpath",
            "with_suffix",
            "with_name",
            "with_stem",
            "relative_to",
            "as_posix",
            "is_absolute",
            "match",
            "is_relative_to",
        ]
    ),
}
ATTRIBUTES = {
    PurePosixPath: frozenset({"parent", "name", "stem", "suffix", "parts", "suffixes", "anchor"}),
    Version: frozenset(
        [
            "major",
            "minor",
            "micro",
            "release",
            "base_version",
            "public",
            "local",
            "is_prerelease",
            "is_devrelease",
            "is_postrelease",
            "pre",
            "post",
            "dev",
            "epoch",
        ]
    ),
    int: frozenset({"real", "imag", "numerator", "denominator"}),
    re.Match: frozenset({"string", "lastindex", "lastgroup"}),
    slice: frozenset({"start", "stop", "step"}),
}


KNOWN = (*PLAIN, list, tuple, dict, set, frozenset)
OWNERS = (*KNOWN, TextFile)
VERSION_INFO = ("major", "minor", "micro", "releaselevel", "serial")
"""The names of sys.version_info's parts; it is a plain tuple otherwise."""


def attribute(machine: Machine, owner: Value, name: str) -> Value:
    """Give an attribute of a plain value: a value by allow-list, otherwise a method to be called."""
    if isinstance(owner, PurePosixPath) and name == "parents":
        return list(owner.parents)
    if isinstance(owner, tuple) and len(owner) == 5 and name in VERSION_INFO:
        return owner[VERSION_INFO.index(name)]
    kind: Any = type(owner)
    sort = _sort_of(kind, name)
    if sort == "value":
        return getattr(owner, name)
    if sort == "missing":
        raise Raised(("AttributeError", "Exception", "BaseException"), name)
    return Method(owner, name) if sort == "method" else machine.unknown(name)


@lru_cache(maxsize=4096)
def _sort_of(kind: type, name: str) -> str:
    """Say what an attribute of values of a type is: a 'value', a 'method', 'missing', or '' for what is not known."""
    if any(issubclass(kind, known) and name in names for known, names in ATTRIBUTES.items()):
        return "value"
    if not issubclass(kind, OWNERS):
        return ""
    real = hasattr(kind, name) or issubclass(kind, (TextFile, PurePosixPath, Version))
    return "method" if real or name in (_pure(cast(Any, kind)) or ()) else "missing"


@lru_cache(maxsize=256)
def _pure(kind: type) -> frozenset[str] | None:
    """Name the methods of a type that are called as they are."""
    return next((names for known, names in PURE.items() if issubclass(kind, known)), None)


def call_method(
    machine: Machine, owner: Value, name: str, arguments: list[Value], keywords: dict[str, Value], node: Value
) -> Value:
    """Call a method of a plain value. Its error is the program's; what is not allowed gives an unknown value."""
    if isinstance(owner, TextFile):
        return files.call_file(machine, owner, name, arguments, node)
    if isinstance(owner, PurePosixPath) and name not in PURE[PurePosixPath]:
        return files.call_path(machine, owner, name, arguments, keywords, node)
    changer = _CHANGERS.get((dict if isinstance(owner, dict) else type(owner), name))
    if changer is not None:
        machine.touch(owner)
        return _guarded(machine, lambda: changer(machine, owner, arguments, keywords))
    if isinstance(owner, dict) and name in ("keys", "values", "items", "get"):
        return _view(machine, owner, name, arguments, node)
    kind: Any = type(owner)
    names = _pure(kind)
    if names is None or name not in names:
        return machine.unknown(node)
    if name in ("format", "join", "replace") and isinstance(owner, (str, bytes)):
        return _text_method(machine, owner, name, arguments, keywords, node)
    if any(_open(value) for value in (*arguments, *keywords.values())) or not _narrow(name, arguments):
        return machine.unknown(node)
    machine.weigh(owner if isinstance(owner, (list, tuple)) else None, arguments)
    return _guarded(machine, lambda: getattr(owner, name)(*arguments, **keywords))


def _open(value: Value) -> bool:
    return isinstance(value, Unknown) or not isinstance(value, KNOWN)


def _narrow(name: str, arguments: list[Value]) -> bool:
    """Is no width among the arguments of a padding method large enough to hurt?"""
    if name in ("ljust", "rjust", "center", "zfill", "expandtabs"):
        return all(not isinstance(value, int) or value < 10_000 for value in arguments)
    return True


def _guarded(machine: Machine, work: Callable[[], Value]) -> Value:
    try:
        return work()
    except (Raised, RecursionError, MemoryError):
        raise
    except Exception as error:
        if type(error).__module__ in ("builtins", "packaging.version", "re"):
            raise program_error(error) from error
        raise


def _text_method(
    machine: Machine, owner: Value, name: str, arguments: list[Value], keywords: dict[str, Value], node: Value
) -> Value:
    from envcompose.analyse.calls import items_of

    if name == "replace":
        if any(not isinstance(value, type(owner)) for value in arguments[:2]) or len(arguments) < 2:
            return machine.unknown(node)
        machine.sized(len(owner) + owner.count(arguments[0]) * len(arguments[1]))
        return _guarded(machine, lambda: owner.replace(*arguments))
    if name == "join":
        items = items_of(machine, arguments[0]) if arguments else None
        if items is None:
            return machine.unknown(node)
        parts = [part for item in items if item is not ABSENT for part in (owner, item)][1:]
        if not all(isinstance(part, (type(owner), Unknown)) for part in parts):
            raise Raised(("TypeError", "Exception", "BaseException"), "join")
        return join_parts(machine, parts, node) if isinstance(owner, str) else machine.unknown(node)
    if "://" in str(owner)[:200]:
        machine.see("url", (str(owner)[:1000], dict(keywords)))
    values = [text_of(machine, v) if isinstance(v, (list, tuple, dict, set)) else v for v in arguments]
    runs = "".join(c if c.isdigit() else " " for c in str(owner)).split()
    plain = all(isinstance(v, PLAIN) for v in (*values, *keywords.values()))
    # A format text may reach into attributes and index deeply; only plain fields are worth knowing.
    if (
        not plain
        or any(len(run) > 3 for run in runs)
        or (re.search(r"\{[^}]*[._\[][^}]*\}", str(owner)) and "._" in owner)
    ):
        return machine.unknown(node, truth=True if re.sub(r"\{[^}]*\}", "", str(owner)) else None)
    if re.search(r"\{[^}:!]*[.\[]", str(owner)) or re.search(r":[^}]*\{", str(owner)):
        return machine.unknown(node)
    machine.sized(len(owner) + sum(len(str(v)) for v in (*values, *keywords.values())) * (str(owner).count("{") + 1))
    return _guarded(machine, lambda: owner.format(*values, **keywords))


def _view(machine: Machine, owner: dict[Value, Value], name: str, arguments: list[Value], node: Value) -> Value:
    from envcompose.analyse.calls import present

    if name == "get":
        if not arguments or isinstance(arguments[0], Unknown):
            return machine.unknown(node)
        machine.weigh(arguments[0])
        default = arguments[1] if len(arguments) > 1 else None
        found = _guarded(machine, lambda: owner.get(arguments[0], default))
        return present(machine, found, shown(arguments[0])[:80])
    entries = [(key, present(machine, value, shown(key)[:80])) for key, value in owner.items() if value is not ABSENT]
    if name == "items":
        return entries
    return [pair[0] if name == "keys" else pair[1] for pair in entries]


Changer = Callable[[Machine, Value, list[Value], dict[str, Value]], Value]


def _append(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    owner.append(*arguments)
    machine.sized(len(owner))


def _extend(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    from envcompose.analyse.calls import items_of

    items = items_of(machine, arguments[0]) if arguments else []
    machine.sized(len(owner) + len(items or ()))
    owner.extend(items if items is not None else [arguments[0]])


def _insert(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    if isinstance(arguments[0], int):
        owner.insert(*arguments)


def _list_pop(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    if any(isinstance(value, Unknown) for value in arguments):
        return machine.unknown("pop()")
    return owner.pop(*arguments)


def _remove(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    if isinstance(arguments[0], Unknown):
        return
    machine.weigh(owner if isinstance(owner, list) else None, arguments)
    if arguments[0] in owner or not any(isinstance(item, Unknown) for item in owner):
        owner.remove(*arguments)


def _sort(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    if not keywords.get("key") and all(isinstance(value, (str, int, float)) for value in owner):
        owner.sort(reverse=bool(machine.truth(keywords.get("reverse", False))))


def _clear(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    owner.clear()


def _reverse(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    owner.reverse()


def _update(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    from envcompose.analyse.calls import items_of

    if isinstance(owner, set):
        for argument in arguments:
            for item in items_of(machine, argument) or []:
                _add(machine, owner, [item], {})
        return
    for argument in arguments:
        pairs = list(argument.items()) if isinstance(argument, dict) else items_of(machine, argument) or []
        for pair in pairs:
            if isinstance(pair, tuple) and len(pair) == 2:
                machine.weigh(pair[0])
                owner[pair[0]] = pair[1]
    owner.update(keywords)
    machine.sized(min(len(owner), MAX_SIZE + 1))


def _dict_pop(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    if isinstance(arguments[0], Unknown):
        return machine.unknown("pop()")
    machine.weigh(arguments[0])
    return owner.pop(*arguments[:2])


def _setdefault(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    machine.weigh(arguments[0])
    return owner.setdefault(arguments[0], arguments[1] if len(arguments) > 1 else None)


def _add(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    machine.weigh(arguments)
    owner.add(*arguments)


def _discard(machine: Machine, owner: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    machine.weigh(arguments)
    owner.discard(*arguments)


_CHANGERS: Mapping[tuple[type, str], Changer] = {
    (list, "append"): _append,
    (list, "extend"): _extend,
    (list, "insert"): _insert,
    (list, "pop"): _list_pop,
    (list, "remove"): _remove,
    (list, "sort"): _sort,
    (list, "clear"): _clear,
    (list, "reverse"): _reverse,
    (dict, "update"): _update,
    (dict, "pop"): _dict_pop,
    (dict, "setdefault"): _setdefault,
    (dict, "clear"): _clear,
    (set, "add"): _add,
    (set, "update"): _update,
    (set, "discard"): _discard,
    (set, "remove"): _remove,
    (set, "clear"): _clear,
}
