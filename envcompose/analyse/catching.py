"""Exceptions of the evaluated program. What a handler does decides whether an import is needed."""

from __future__ import annotations

import ast
import builtins
from functools import partial

from envcompose.analyse.branching import execute_both, explore
from envcompose.analyse.machine import Machine, shorten
from envcompose.analyse.values import (
    Class,
    Instance,
    Opaque,
    Raised,
    Scope,
    Unknown,
    Value,
    kinds_of,
    shown,
)


def execute_raise(machine: Machine, node: ast.Raise, scope: Scope) -> None:
    """Raise the program's exception, with the names of its bases."""
    value = machine.evaluate(node.exc, scope) if node.exc else None
    kinds, text = _kinds(value)
    raise Raised(kinds, text or shorten(node), value)


def _kinds(value: Value) -> tuple[tuple[str, ...], str]:
    names: list[str] = []
    text = ""
    if isinstance(value, Instance):
        text = shown(value.names.get("text", ""))[:1000]
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
            builtin = getattr(builtins, name, None)
            if isinstance(builtin, type) and issubclass(builtin, BaseException):
                names.extend(k for k in kinds_of_class(builtin) if k not in names)
    return (*dict.fromkeys([*names, "Exception", "BaseException"]),), text


def kinds_of_class(cls: type[BaseException]) -> tuple[str, ...]:
    """Name an exception class and its bases."""
    return tuple(base.__name__ for base in cls.__mro__ if base is not object)


def execute_assert(machine: Machine, node: ast.Assert, scope: Scope) -> None:
    """Raise AssertionError where the test is known to fail."""
    if machine.truth(machine.evaluate(node.test, scope)) is False:
        if machine.world.lenient and not machine.soft:
            # The build stops here unless something is set first; what it needs after that is still asked. What an
            # object holds by then is changed by too much that is not known.
            if "self." not in shorten(node.test) and not machine.guessed:
                machine.see("raised", ("AssertionError", shorten(node.msg) if node.msg else shorten(node.test)))
            return
        raise Raised(kinds_of(AssertionError()), shorten(node.msg) if node.msg else shorten(node.test))


def execute_try(machine: Machine, node: ast.Try, scope: Scope) -> None:
    """Execute a try statement; what its handlers do with a missing import decides whether the import is needed."""
    catches_import = any(_catches(machine, handler, IMPORT_KINDS, scope) for handler in node.handlers)
    softens = catches_import and not any(
        _gives_up(h, scope) for h in node.handlers if _catches(machine, h, IMPORT_KINDS, scope)
    )
    try:
        if softens and machine.world.lenient and not _imports_torch(node.body):
            _either(machine, node, scope, IMPORT_KINDS)
            return
        foreign = _asks_program(node.body) and _first_catching(machine, node, PROGRAM_KINDS, scope) is not None
        if machine.world.lenient and foreign:
            _either(machine, node, scope, PROGRAM_KINDS)
            return
        with machine.deeper():
            machine.foreign += foreign
            try:
                _try_body(machine, node, scope, softens)
            finally:
                machine.foreign -= foreign
    finally:
        machine.execute(node.finalbody, scope)


def _imports_torch(body: list[ast.stmt]) -> bool:
    # Only torch is assumed to be there where its absence is handled: a build without it would succeed and be useless.
    imports = [node for statement in body for node in ast.walk(statement)]
    names = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in imports if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] == "torch" for name in names)


PROGRAM_KINDS = ("FileNotFoundError", "CalledProcessError", "SubprocessError", "OSError", "Exception", "BaseException")
MISSING_KINDS = ("FileNotFoundError", "OSError", "Exception", "BaseException")
"""What a missing program raises; CalledProcessError says that it was there, and failed."""
COMMON = frozenset(
    ["nvcc", "nvidia-smi", "git", "cmake", "ninja", "gcc", "g++", "cc", "c++", "make", "pip", "uname", "swig", "cargo"]
)
"""Programs that are assumed to be there where a build asks for them, or (git) are dealt with apart."""


def _asks_program(body: list[ast.stmt]) -> bool:
    """Is another program started, of a vendor perhaps whose machine this is not?"""
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, ast.Call) and node.args and shorten(node.func).startswith("subprocess."):
            first = node.args[0]
            first = first.elts[0] if isinstance(first, (ast.List, ast.Tuple)) and first.elts else first
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                word = first.value.split(maxsplit=1)[:1]
                return bool(word) and is_foreign(word[0])
    return False


def is_foreign(program: str) -> bool:
    """Is a program one that machines in general do not have?"""
    return program not in COMMON and not program.startswith(("python", "<"))


def _first_catching(machine: Machine, node: ast.Try, kinds: tuple[str, ...], scope: Scope) -> ast.ExceptHandler | None:
    return next((handler for handler in node.handlers if _catches(machine, handler, kinds, scope)), None)


def _either(machine: Machine, node: ast.Try, scope: Scope, kinds: tuple[str, ...]) -> None:
    """Take a try whose failure is handled as two branches: with the modules or programs, and without them."""
    handler = _first_catching(machine, node, kinds, scope)
    if handler is None:
        return
    _bind_error(machine, handler, None, scope)
    machine.trying += 1
    try:
        body = partial(machine.execute, [*node.body, *node.orelse], scope)
        execute_both(machine, f"no {shorten(handler.type) if handler.type else 'error'}", body, handler.body, scope)
    finally:
        machine.trying -= 1


IMPORT_KINDS = ("ModuleNotFoundError", "ImportError", "Exception", "BaseException")


def _try_body(machine: Machine, node: ast.Try, scope: Scope, softens: bool) -> None:
    handler = _first_catching(machine, node, MISSING_KINDS, scope)
    unminded = handler is not None and not _gives_up(handler, scope)
    active = True

    def leave() -> None:
        machine.guarded -= softens
        machine.unminded -= unminded
        machine.trying -= bool(node.handlers)

    machine.guarded += softens
    machine.unminded += unminded
    machine.trying += bool(node.handlers)
    try:
        machine.execute(node.body, scope)
        leave()
        active = False
        if machine.world.lenient:
            for handler in node.handlers:
                _bind_error(machine, handler, None, scope)
                explore(machine, handler.body, scope, f"except {shorten(handler.type) if handler.type else ''}".strip())
        machine.execute(node.orelse, scope)
    except Raised as error:
        if active:
            leave()
            active = False
            for handler in node.handlers:
                if _catches(machine, handler, error.kinds, scope):
                    _bind_error(machine, handler, error, scope)
                    _handle(machine, handler, error, scope)
                    return
        raise
    finally:
        if active:
            leave()


def _handle(machine: Machine, handler: ast.ExceptHandler, error: Raised, scope: Scope) -> None:
    try:
        machine.execute(handler.body, scope)
    except Raised as again:
        raise (error if again.value is None and again.text.startswith("raise") else again) from None
    finally:
        del error


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


def _gives_up(handler: ast.ExceptHandler, scope: Scope) -> bool:
    """Does the handler end the program whatever happens: by raising or exiting among its own statements?

    Those under a name that is known to be true, as an argument of the function is, count too.
    """
    body = list(handler.body)
    for node in handler.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and scope.names.get(node.test.id) is True:
            body += node.body
    for node in body:
        if isinstance(node, ast.Raise):
            return True
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if call is not None and shorten(call.func).split(".")[-1] in EXITS:
            return True
    return False
