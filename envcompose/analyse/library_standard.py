"""The pure parts of the standard library, and packaging.version."""

from __future__ import annotations

import ast
import itertools
import json
import math
import textwrap
import tomllib
from pathlib import PurePosixPath
from typing import Any

from packaging.version import Version

from envcompose.analyse.calls import items_of, present
from envcompose.analyse.files import call_file
from envcompose.analyse.library import ALIASES, ATTRIBUTES, CALLS, METHODS
from envcompose.analyse.library_builtins import ignored, pure_call
from envcompose.analyse.machine import Machine, condition_of, negate, program_error
from envcompose.analyse.patterns import match_pattern
from envcompose.analyse.values import (
    ABSENT,
    PLAIN,
    Choice,
    DefaultDict,
    Instance,
    TextFile,
    Value,
)

Values = list[Value]
Keywords = dict[str, Value]


NAMED = ("pattern", "repl", "string", "count", "flags")


def _search(kind: str) -> Any:
    names = NAMED if kind == "sub" else ("pattern", "string")
    needed = 3 if kind == "sub" else 2

    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        values = [*arguments, *(keywords[name] for name in names[len(arguments) :] if name in keywords)]
        if len(values) < needed:
            return machine.unknown(node)
        if isinstance(values[0], Instance) and values[0].cls == "re.Pattern":
            values[0] = values[0].names.get("pattern")
        flags = keywords.get("flags", values[-1] if len(values) > (4 if kind == "sub" else 2) else 0)
        if not all(isinstance(v, str) for v in values[:needed]):
            return machine.unknown(node)
        return match_pattern(machine, kind, values, _flags(flags), node)

    return handler


def _flags(value: Value) -> int:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _compile(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    flags = keywords.get("flags", arguments[1] if len(arguments) > 1 else 0)
    if arguments and isinstance(arguments[0], str):
        return Instance("re.Pattern", {"pattern": arguments[0], "flags": _flags(flags)})
    return machine.unknown(node)


def _pattern_method(kind: str) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        # A program may set whatever it wants on a pattern that it compiled.
        values = [arguments[0].names.get("pattern"), *arguments[1:]]
        needed = 3 if kind == "sub" else 2
        if len(values) < needed or not all(isinstance(value, str) for value in values[:needed]):
            return machine.unknown(node)
        return match_pattern(machine, kind, values, _flags(arguments[0].names.get("flags")), node)

    return handler


def _literal(text: Any) -> Value:
    if not isinstance(text, str) or len(text) > 100_000:
        raise ValueError("not a text")
    return ast.literal_eval(text)


def _load(parse: Any) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        source = arguments[0] if arguments else None
        text = call_file(machine, source, "read", [], node) if isinstance(source, TextFile) else source
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if not isinstance(text, str):
            return machine.unknown(node)
        machine.sized(len(text))
        try:
            return _plain(parse(text))
        except (RecursionError, MemoryError):
            return machine.unknown(node)
        except Exception as error:
            raise program_error(error) from error

    return handler


def _plain(value: Value) -> Value:
    """Keep what our own readers give as plain values; dates become texts."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, PLAIN) else str(value)


def _version(text: Any) -> Value:
    try:
        return text if isinstance(text, Version) else Version(str(text))
    except ValueError as error:
        raise program_error(error) from error


def _chain(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    columns = [items_of(machine, argument) for argument in arguments]
    return machine.unknown(node) if any(c is None for c in columns) else [item for c in columns for item in c or []]


def _chain_all(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    inner = items_of(machine, arguments[0]) if arguments else None
    return machine.unknown(node) if inner is None else _chain(machine, inner, {}, node)


MAX_PRODUCT = 5_000


def _product(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    columns = [items_of(machine, argument) for argument in arguments]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns) or keywords or math.prod(map(len, known)) > MAX_PRODUCT:
        return machine.unknown(node)
    return [_together(machine, row) for row in itertools.product(*known)]


def _together(machine: Machine, row: tuple[Value, ...]) -> Value:
    """Give a row that is there where all of its parts are."""
    conditions = [condition for part in row if (condition := condition_of(part)) is not None]
    if not conditions:
        return row
    whole, told = tuple(present(machine, part, "") for part in row), " and ".join(dict.fromkeys(conditions))
    return Choice(told, None, (machine.file, machine.line), ((told, whole), (negate(told), ABSENT)))


def _path(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if any(not isinstance(value, (str, PurePosixPath)) for value in arguments):
        return machine.unknown(node)
    return PurePosixPath(*arguments)


def _default_dict(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    made = DefaultDict(arguments[0] if arguments else None)
    given = arguments[1] if len(arguments) > 1 else {}
    made.update(given if isinstance(given, dict) else {})
    made.update(keywords)
    return made


def _partial(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return arguments[0] if len(arguments) == 1 and not keywords else machine.unknown(node)


ATTRIBUTES.update(
    {
        "re.MULTILINE": lambda m: 8,
        "re.M": lambda m: 8,
        "re.DOTALL": lambda m: 16,
        "re.S": lambda m: 16,
        "re.IGNORECASE": lambda m: 2,
        "re.I": lambda m: 2,
        "re.VERBOSE": lambda m: 64,
        "re.X": lambda m: 64,
        "typing.TYPE_CHECKING": lambda m: False,
    }
)


METHODS.update(
    {("re.Pattern", kind): _pattern_method(kind) for kind in ("search", "match", "fullmatch", "findall", "sub")}
)


ALIASES.update(
    {
        "packaging.version.parse": "packaging.version.Version",
        "pkg_resources.parse_version": "packaging.version.Version",
        "distutils.version.LooseVersion": "packaging.version.Version",
        "distutils.version.StrictVersion": "packaging.version.Version",
        "setuptools._vendor.packaging": "packaging",
        "setuptools.extern.packaging": "packaging",
        "pkg_resources.extern.packaging": "packaging",
        "pip._vendor.packaging": "packaging",
        "tomli": "tomllib",
        "toml": "tomllib",
        "builtins.dict.fromkeys": "dict.fromkeys",
        "pathlib.PosixPath": "pathlib.Path",
        "pathlib.PurePath": "pathlib.Path",
        "os.PathLike": "pathlib.Path",
    }
)

CALLS.update(
    {
        "collections.defaultdict": _default_dict,
        "re.search": _search("search"),
        "re.match": _search("match"),
        "re.fullmatch": _search("fullmatch"),
        "re.findall": _search("findall"),
        "re.split": _search("split"),
        "re.sub": _search("sub"),
        "re.compile": _compile,
        "ast.literal_eval": pure_call(_literal),
        "json.loads": _load(json.loads),
        "json.load": _load(json.loads),
        "tomllib.loads": _load(tomllib.loads),
        "tomllib.load": _load(tomllib.loads),
        "textwrap.dedent": pure_call(textwrap.dedent),
        "packaging.version.Version": pure_call(_version),
        "itertools.chain": _chain,
        "itertools.product": _product,
        "itertools.chain.from_iterable": _chain_all,
        "pathlib.Path": _path,
        "pathlib.Path.cwd": lambda m, a, k, n: PurePosixPath("/sdist"),
        "functools.partial": _partial,
        "warnings.warn": ignored,
        "typing.cast": lambda m, a, k, n: a[1] if len(a) > 1 else m.unknown(n),
    }
)
