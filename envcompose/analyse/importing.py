"""Imports: modules of the sdist are evaluated, others are known by their name."""

from __future__ import annotations

import ast
import sys
from pathlib import PurePosixPath
from posixpath import dirname, join, normpath

from envcompose.analyse import library
from envcompose.analyse.machine import ROOT, Machine
from envcompose.analyse.signals import Signal
from envcompose.analyse.trim import parse_python
from envcompose.analyse.values import LocalModule, Opaque, OutOfBudget, Raised, Scope, Unknown, Value, shown

MISSING = ("ModuleNotFoundError", "ImportError", "Exception", "BaseException")
MAX_MODULES = 60
MAX_SOFT = 3
"""Undecided conditions, one inside the other, under which a module's needs say nothing about a build any more."""
STANDARD = sys.stdlib_module_names | {"distutils", "imp", "asynchat", "asyncore", "smtpd"}


def import_module(machine: Machine, name: str, scope: Scope, *, quiet: bool = False) -> Value:
    """Import an absolute dotted name. Raises Raised where the module is assumed to be missing."""
    local = _local(machine, name, "", scope)
    if local is not None:
        return local
    if not quiet:
        need_module(machine, name)
    return Opaque(name)


def import_from(machine: Machine, module: str, name: str, level: int, scope: Scope) -> Value:
    """Import a name from a module, relative to the present file where `level` says so."""
    base = _base(scope.file, level)
    owner = _local(machine, module, base, scope) if module else None
    if owner is None and level:
        found = _local(machine, f"{module}.{name}" if module else name, base, scope)
        return found if found is not None else machine.unknown(f"{'.' * level}{module}.{name}")
    if owner is None:
        need_module(machine, f"{module}.{name}" if name != "*" else module)
        return library.attribute(machine, module, name)
    if name == "*" or not isinstance(owner, LocalModule):
        return owner
    if name in owner.scope.names:
        return owner.scope.names[name]
    found = _local(machine, f"{module}.{name}", base, scope)
    return found if found is not None else machine.unknown(f"{module}.{name}")


def submodule(machine: Machine, owner: LocalModule, name: str) -> Value:
    """Give a submodule as an attribute, None where none was imported; that may have happened elsewhere."""
    stem = join(dirname(owner.scope.file), name)
    return machine.modules.get(f"{stem}.py", machine.modules.get(f"{stem}/__init__.py"))


NO_TORCH = "No module named 'torch'"


def need_module(machine: Machine, name: str) -> None:
    """Record the import of a module from outside; raise where it is assumed to be missing."""
    top = name.split(".", maxsplit=1)[0]
    if top == "torch":
        machine.touched_torch = True
    if f"{top}/__init__.py" in machine.members.sizes or f"{top}.py" in machine.members.sizes:
        # A part of the sdist's own package that the sdist lacks (a link, or made by the build) is not from outside.
        return
    if machine.dead and any(f"{top}.py" in condition for condition in machine.conditions):
        # A file of the sdist's own that may be put beside setup.py, and is not there.
        return
    machine.see("import", name)
    if machine.world.lenient or top in STANDARD:
        return
    if top == "torch":
        missing = machine.world.torch is None
        machine.asked_torch |= machine.trying > 0
    else:
        # Whoever handles a missing module expects it missing; who does not, needs it, and the build brings it.
        missing = machine.trying > 0 and top.replace("_", "-").lower() not in machine.world.declared
    if missing:
        raise Raised(MISSING, f"No module named '{name}'")


def _base(file: str, level: int) -> str:
    folder = dirname(file)
    for _ in range(level - 1):
        folder = dirname(folder)
    return folder if level else ""


def _local(machine: Machine, name: str, base: str, scope: Scope) -> Value:
    """Find and evaluate a module of the sdist: beside the importing file, at the root, or on sys.path's additions."""
    if name.rsplit(".", 1)[-1] not in machine.members.modules:
        return None
    stem = name.replace(".", "/")
    roots = [base] if base else list(dict.fromkeys(["", *_path_folders(machine), dirname(scope.file)]))
    for root in roots:
        for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
            path = normpath(join(root, candidate))
            if path not in machine.members.sizes:
                continue
            if path == scope.file:
                return Unknown(name, True, (machine.file, machine.line))
            if path in machine.sdist.texts:
                return evaluate_file(machine, path, name)
            return Unknown(name, True, (machine.file, machine.line))
        # A namespace package must hold Python files itself; a folder of C++ sources named like a module is none.
        if (
            not base
            and name.split(".", maxsplit=1)[0] not in STANDARD
            and "." not in name
            and normpath(join(root, stem)) in machine.members.code_folders
        ):
            return Unknown(name, True, (machine.file, machine.line))
    if not base and any(isinstance(entry, Unknown) for entry in machine.path):
        return _somewhere(machine, name, stem, scope)
    return None


def _somewhere(machine: Machine, name: str, stem: str, scope: Scope) -> Value:
    """Find a module of the sdist in any folder: one that is not known was put on sys.path."""
    endings = (f"/{stem}.py", f"/{stem}/__init__.py")
    paths = [path for path in machine.sdist.texts if path.endswith(endings) and path != scope.file]
    if name.split(".", maxsplit=1)[0] in STANDARD or not paths:
        return None
    return evaluate_file(machine, min(paths, key=lambda path: (path.count("/"), path)), name)


def _path_folders(machine: Machine) -> list[str]:
    folders = [shown(entry) for entry in machine.path if isinstance(entry, (str, PurePosixPath))]
    return [normpath(folder.removeprefix(ROOT).lstrip("/") or ".") for folder in folders]


def docstring(tree: ast.Module | None) -> str | None:
    """Give a module's docstring, None where it has none."""
    first = tree.body[0] if tree is not None and tree.body else None
    value = first.value.value if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else None
    return value if isinstance(value, str) else None


def evaluate_file(machine: Machine, path: str, name: str) -> Value:
    """Evaluate a module of the sdist once; what stops it leaves what was defined until then.

    One that was only looked into, in a branch that may not be taken, is evaluated again where it is imported for sure:
    what it needs is needed then. As in Python, one that raises is not there, and raises again.
    """
    known = machine.modules.get(path)
    if known is not None and (_unsure(machine) or path not in machine.unsure_modules):
        return known
    if machine.soft >= MAX_SOFT or len(machine.modules) >= MAX_MODULES:
        return machine.unknown(name, True)
    tree = parse_python(machine.sdist.texts.get(path, ""))
    if tree is None:
        return machine.unknown(name, True)
    scope = Scope({"__file__": f"{ROOT}/{path}", "__name__": name, "__doc__": docstring(tree)}, path)
    scope.module = scope
    machine.close_over(scope)
    module = machine.modules[path] = LocalModule(name, scope)
    (machine.unsure_modules.add if _unsure(machine) else machine.unsure_modules.discard)(path)
    line, file = machine.line, machine.file
    try:
        with machine.born(scope.names):
            _evaluate_body(machine, tree.body, scope)
    except Raised:
        machine.modules.pop(path, None)
        raise
    finally:
        machine.line, machine.file = line, file
    return module


def _unsure(machine: Machine) -> bool:
    return machine.soft > 0 or machine.guarded > 0


def _evaluate_body(machine: Machine, body: list[ast.stmt], scope: Scope) -> None:
    try:
        with machine.deeper():
            for statement in body:
                machine.execute([statement], scope)
    except Signal:
        pass
    except OutOfBudget as error:
        if str(error) == "steps":
            raise
        machine.see("stopped", f"{scope.file}: {error}", soft=True)
