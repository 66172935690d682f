"""Run a setup.py through the evaluator: what it hands to setup(), and what was seen on the way there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from envcompose.analyse import library_builtins, library_machine, library_setup, library_standard
from envcompose.analyse.calls import call_function, items_of, yielded
from envcompose.analyse.classes import find_in_class
from envcompose.analyse.expressions import EXPRESSIONS
from envcompose.analyse.importing import NO_TORCH, docstring
from envcompose.analyse.machine import ROOT, Machine, Seen, World, shorten
from envcompose.analyse.members import members
from envcompose.analyse.signals import Signal
from envcompose.analyse.statements import STATEMENTS
from envcompose.analyse.trim import parse_python
from envcompose.analyse.values import (
    Bound,
    Choice,
    Class,
    Function,
    Instance,
    Opaque,
    OutOfBudget,
    Raised,
    Scope,
    Unknown,
    Value,
)
from envcompose.model.analysis import SdistTexts
from envcompose.model.values import dataclass

MODELS = (library_builtins, library_machine, library_setup, library_standard)
"""Importing these fills the tables of `library`."""

_EXPRESSIONS = {**EXPRESSIONS, ast.Yield: yielded, ast.YieldFrom: yielded}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one evaluation of a Python file gave."""

    file: str
    keywords: dict[str, Value] | None
    """The arguments of the setup() call that counts; None where none was reached."""
    seen: tuple[Seen, ...]
    stopped: tuple[str, ...]
    """What could not be followed, each with file and line."""
    touched_torch: bool
    asked_torch: bool
    names: dict[str, Value]
    scopes: Sequence[Scope] = ()
    written: frozenset[str] = frozenset()
    """Files and folders that the program makes, by their paths in the sdist."""

    def release(self) -> None:
        """Let go of the evaluated program, whose functions and scopes keep each other; nothing of it is known after."""
        for scope in self.scopes:
            scope.names.clear()
            scope.pending.clear()
            scope.outer = scope.module = None


def run_setup(
    sdist: SdistTexts, world: World, file: str = "setup.py", path: Sequence[str] = (), *, hooked: bool = False
) -> Outcome:
    """Evaluate a Python file of the sdist as if it were run. Never raises: what stops it is in `stopped`.

    `path` names folders of the sdist where modules are found too, as PEP 517's backend-path does. `hooked`: a backend
    calls what the file defines.
    """
    machine = Machine(world, sdist, _EXPRESSIONS, STATEMENTS, members(sdist.names), path=list(path))
    tree = parse_python(sdist.texts.get(file, ""))
    names: dict[str, Value] = {"__file__": f"{ROOT}/{file}", "__name__": "__main__", "__doc__": docstring(tree)}
    scope = Scope(names, file)
    scope.module = scope
    stopped: list[str] = []
    if tree is None:
        stopped.append(f"{file}:1: this Python cannot parse it")
    else:
        _run_body(machine, tree, scope, stopped)
        if world.lenient and file != "setup.py":
            _run_hooks(machine, scope, stopped, (*HOOKS, *SCRIPT_HOOKS) if hooked else HOOKS)
        for value in list(names.values()) if hooked else ():
            if isinstance(value, Class) and any(isinstance(base, Opaque) for base in value.bases):
                _run_class(machine, value, stopped)
    calls = [seen for seen in machine.seen if seen.kind == "setup" and not seen.soft]
    calls = calls or [seen for seen in machine.seen if seen.kind == "setup"]
    keywords = calls[-1].subject if calls else None
    if world.lenient and keywords is not None:
        _run_commands(machine, keywords, stopped, names)
    stopped += [f"{seen.place}: {seen.subject}" for seen in machine.seen if seen.kind == "stopped"]
    return Outcome(
        file=file,
        keywords=keywords,
        seen=tuple(machine.seen),
        stopped=tuple(dict.fromkeys(stopped)),
        touched_torch=machine.touched_torch,
        asked_torch=machine.asked_torch,
        names=names,
        scopes=machine.closed_over,
        written=frozenset(machine.written),
    )


def _run_body(machine: Machine, tree: ast.Module, scope: Scope, stopped: list[str]) -> None:
    """Execute a module statement by statement, so that one that fails does not hide the rest."""
    for statement in _flattened(tree.body):
        try:
            machine.execute([statement], scope)
        except Raised as error:
            line = machine.line if machine.file == scope.file else statement.lineno
            place = f"{machine.file}:{line}"
            if "SystemExit" in error.kinds and _ends_well(machine, error.value):
                continue
            if "SystemExit" in error.kinds and not machine.world.lenient:
                stopped.append(f"{place}: exits ({error.text})")
                continue
            machine.see("raised", (error.kinds[0], error.text), line=line)
            stopped.append(f"{place}: raises {error.kinds[0]}" + (f" ({error.text})" if error.text else ""))
            if machine.world.torch is None and error.text == NO_TORCH and not machine.world.lenient:
                # Nothing after this is reached without torch; what it would say with one is asked separately.
                return
        except (OutOfBudget, RecursionError, MemoryError) as error:
            stopped.append(f"{machine.file}:{statement.lineno}: too much to follow ({error or type(error).__name__})")
            if str(error) == "steps":
                machine.steps = max(machine.steps // 2, 0) if len(stopped) < 3 else machine.steps
        except Signal:
            continue
        finally:
            machine.reset()


def _ends_well(machine: Machine, status: Value) -> bool:
    """Is a program's exit status success, or that of something else that is not known, as in `sys.exit(main())`?"""
    if isinstance(status, Unknown):
        return machine.truth(status) is not True
    return status is None or (isinstance(status, int) and status == 0)


def _flattened(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give a module's statements, those under `if __name__ == "__main__"` one by one as well."""
    for statement in body:
        if isinstance(statement, ast.If) and "__name__" in shorten(statement.test) and not statement.orelse:
            yield from statement.body
        else:
            yield statement


HOOKS = ("get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel")
"""PEP 517's hooks, in the order a frontend calls them."""
SCRIPT_HOOKS = ("build", "pdm_build_initialize", "pdm_build_update_files", "pdm_build_update_setup_kwargs")
"""What Poetry and PDM call of a build script."""


def _run_hooks(machine: Machine, scope: Scope, stopped: list[str], names: Sequence[str]) -> None:
    for name in names:
        hook = scope.names.get(name)
        if not isinstance(hook, Function):
            continue
        try:
            machine.see("hook", (name, call_function(machine, hook, [], {})))
        except (Raised, Signal):
            pass
        except (OutOfBudget, RecursionError, MemoryError) as error:
            stopped.append(f"{scope.file}:{hook.node.lineno}: {name}: too much to follow ({error})")
        finally:
            machine.reset()


BUILDING = re.compile(r"^(?!.*(?:doc|sphinx|test)).*(?:build|install|bdist_wheel|egg_info|dist_info)")
"""The commands that a build runs; a package's own commands for tests, documents and uploads do not count."""
SETTING_UP = ("__init__", "initialize_options", "finalize_options")
COMMAND_METHODS = ("__init__", "initialize_options", "finalize_options", "run")


def _run_commands(machine: Machine, keywords: dict[str, Value], stopped: list[str], names: dict[str, Value]) -> None:
    """Run the methods of the command classes: setuptools does, some already for metadata.

    Those that a switch would put in their place are looked into as what is not taken.
    """
    commands = keywords.get("cmdclass")
    tables = [option for _, option in commands.options] if isinstance(commands, Choice) else [commands]
    named = [pair for table in tables if isinstance(table, dict) for pair in table.items()]
    classes = [value for name, value in named if isinstance(name, str) and BUILDING.search(name)]
    classes += [keywords.get("distclass")]
    taken: list[Value] = []
    for value in classes:
        options = value.options if isinstance(value, Choice) else ((None, value),)
        for condition, cls in options:
            if isinstance(cls, Class) and cls not in taken:
                taken.append(cls)
                _run_class(machine, cls, stopped, condition, dead=0)
    others = [value for value in names.values() if isinstance(value, Class) and value not in taken]
    for cls in others:
        if any(isinstance(base, Opaque) and COMMAND.search(base.path) for base in cls.bases):
            _run_class(machine, cls, stopped, f"cmdclass holds {cls.name}")


COMMAND = re.compile(r"\bcommand\b|BuildExtension$|bdist_wheel$")


def _run_class(
    machine: Machine, cls: Class, stopped: list[str], condition: str | None = None, *, dead: int = 1
) -> None:
    """Run the methods of a command class, where there is a condition as what may not be taken (or, dead, is not)."""
    made = Instance(cls, {})
    others = [name for name, value in cls.names.items() if isinstance(value, Function)]
    for name in dict.fromkeys((*COMMAND_METHODS, *others)):
        method = find_in_class(cls, name)
        if not isinstance(method, Function):
            continue
        if condition is not None:
            machine.soft, machine.dead = 1, dead
            machine.conditions.append(condition)
        machine.guessed = name not in COMMAND_METHODS
        # What a command is set up with holds while it runs; what one method of it does is not what another comes to.
        keeps = name in SETTING_UP and condition is None
        try:
            with nullcontext() if keeps else machine.undone():
                call_function(machine, method, [made], {})
        except Raised:
            pass
        except (OutOfBudget, RecursionError, MemoryError) as error:
            stopped.append(f"{cls.file}:{cls.line}: {cls.name}.{name}: too much to follow ({error})")
            if str(error) == "steps":
                return
        except Signal:
            pass
        finally:
            machine.reset()


def texts_of(machine_items: Value) -> list[str]:
    """Give the strings of a plain list, skipping what is not one."""
    return [item for item in machine_items if isinstance(item, str)] if isinstance(machine_items, (list, tuple)) else []


__all__ = ["Bound", "Outcome", "Unknown", "items_of", "run_setup"]
