"""Binding values to targets: names, attributes, items, and patterns of them."""

from __future__ import annotations

import ast

from envcompose.analyse.calls import items_of
from envcompose.analyse.machine import Machine, choice_of, program_error
from envcompose.analyse.operations import put
from envcompose.analyse.values import (
    Choice,
    Class,
    Instance,
    LocalModule,
    Opaque,
    Scope,
    Unknown,
    Value,
)


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
    items = _choice_columns(machine, targets, value) if isinstance(value, Choice) else items_of(machine, value)
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


def _choice_columns(machine: Machine, targets: list[ast.expr], value: Choice) -> list[Value] | None:
    """Give the values for each target, of those that a value may be which fit the targets; None where one is unknown."""
    rows = [(c, items_of(machine, option)) for c, option in value.options if not isinstance(option, Unknown)]
    fitting = [(condition, row) for condition, row in rows if row is not None and len(row) == len(targets)]
    if not fitting or any(isinstance(target, ast.Starred) for target in targets):
        return None
    if len(fitting) == 1:
        return fitting[0][1]
    columns = ([(condition, row[index]) for condition, row in fitting] for index in range(len(targets)))
    return [choice_of(value.text, value.place, column) for column in columns]


def _text(value: Value) -> str:
    return value.text if isinstance(value, Unknown) else "value"


def _set_attribute(machine: Machine, owner: Value, name: str, value: Value) -> None:
    if isinstance(owner, (Instance, Class)):
        machine.touch(owner.names)
        owner.names[name] = value
    elif isinstance(owner, LocalModule):
        machine.touch(owner.scope.names)
        owner.scope.names[name] = value
    elif isinstance(owner, Opaque) and (owner.path, name) == ("sys", "path") and isinstance(value, list):
        machine.touch(machine.path)
        machine.path[:] = value


def _set_item(machine: Machine, container: Value, key: Value, value: Value) -> None:
    if isinstance(container, Opaque) and container.path == "os.environ":
        machine.touch(machine.env)
        if isinstance(key, str):
            machine.env[key] = value
    elif isinstance(key, Unknown) and not isinstance(container, dict):
        return
    elif isinstance(key, slice) and isinstance(container, list):
        _set_slice(machine, container, key, value)
    elif isinstance(container, dict):
        put(machine, container, key, value)
    elif isinstance(container, list):
        machine.touch(container)
        try:
            container[key] = value
        except (IndexError, TypeError, ValueError) as error:
            raise program_error(error) from error


def _set_slice(machine: Machine, container: list[Value], key: slice, value: Value) -> None:
    """Put the elements of a value in the place of others; of what is not known to have any, one stands for all."""
    items = items_of(machine, value)
    if items is None and (value is None or isinstance(value, (int, float))):
        raise program_error(TypeError("can only assign an iterable"))
    machine.touch(container)
    machine.sized(len(container) + len(items or ()))
    try:
        container[key] = [value] if items is None else items
    except (TypeError, ValueError) as error:
        raise program_error(error) from error
