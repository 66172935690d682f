"""Tasks and activation of a manifest: read only to refuse what pixi refuses; their content is nobody's concern here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envcompose.manifest.toml_table import TomlTable, kind_of

_ENVIRONMENT = re.compile(r"[a-z0-9-]+")


def environment_name(text: str) -> str:
    """An environment's name. Raises ValueError."""
    if not _ENVIRONMENT.fullmatch(text):
        raise ValueError(f"'{text}' is no environment name: only lower-case letters, digits and '-' may stand in it")
    return text


def read_activation(table: TomlTable) -> Mapping[str, str]:
    """The variables of `[activation.env]`; scripts are checked to be texts. Raises ManifestInvalid."""
    activation = table.table("activation")
    if activation is None:
        return {}
    activation.texts("scripts")
    env = _texts(activation, "env")
    activation.finish()
    return env


def _texts(table: TomlTable, key: str) -> dict[str, str]:
    below = table.table(key)
    found = {}
    for name, value in below.entries() if below is not None else ():
        assert below is not None
        if not isinstance(value, str):
            raise below.wrong(name, f"{key}.{name} must be a text, not {kind_of(value)}", f'write it as "{value}"')
        found[name] = value
    return found


def check_tasks(table: TomlTable) -> None:
    """Refuse what pixi refuses in `[tasks]`. Raises ManifestInvalid."""
    tasks = table.table("tasks")
    for name, value in tasks.entries() if tasks is not None else ():
        assert tasks is not None
        if isinstance(value, str):
            continue
        if isinstance(value, list):
            _dependencies(tasks, name, value, texts=False)
        elif isinstance(value, dict):
            _check_task(tasks.as_table(name, value))
        else:
            raise tasks.wrong(name, f"the task {name} must be a text, a list or a table, not {kind_of(value)}")


def _check_task(task: TomlTable) -> None:
    command = task.take("cmd")
    if command is not None and not isinstance(command, str):
        if not isinstance(command, list):
            raise task.wrong("cmd", f"cmd must be a text or a list, not {kind_of(command)}")
        task.as_texts("cmd", command)
    for key in ("depends-on", "depends_on"):
        if key in task:
            _depends_on(task, key, task.take(key))
            break
    task.text("description")
    if command is not None:
        _check_command_keys(task)
    _check_arguments(task, task.take("args"), ordered=command is not None)
    task.finish(also=("cmd", "depends-on"))


def _check_command_keys(task: TomlTable) -> None:
    task.texts("inputs")
    task.texts("outputs")
    task.text("cwd")
    _texts(task, "env")
    task.parsed("default-environment", environment_name)
    task.flag("clean-env")


def _depends_on(task: TomlTable, key: str, value: object) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise task.wrong(key, f"{key} must be a text or a list, not {kind_of(value)}")
    _dependencies(task, key, value, texts=True)


def _dependencies(table: TomlTable, key: str, value: list[object], *, texts: bool) -> None:
    for index, one in enumerate(value):
        where = (*table.where, key, index)
        if isinstance(one, str) and texts:
            continue
        if not isinstance(one, dict):
            raise table.source.wrong(where, f"an entry of {key} must be a table, not {kind_of(one)}")
        entry = TomlTable(one, where, table.source)
        if entry.text("task") is None:
            raise entry.wrong(None, f"an entry of {key} needs the key task")
        entry.parsed("environment", environment_name)
        _check_passed(entry, entry.take("args"))
        if texts and key == "depends-on":
            entry.finish()


def _check_passed(entry: TomlTable, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, list):
        raise entry.wrong("args", f"args must be a list, not {kind_of(value)}")
    for one in value:
        named = isinstance(one, dict) and len(one) == 1 and all(isinstance(text, str) for text in one.values())
        if not isinstance(one, str) and not named:
            raise entry.wrong("args", "an entry of args must be a text or one name with a text")


def _check_arguments(task: TomlTable, value: object, *, ordered: bool) -> None:
    if value is None:
        return
    if not isinstance(value, list):
        raise task.wrong("args", f"args must be a list, not {kind_of(value)}")
    has_default = False
    for index, one in enumerate(value):
        where = (*task.where, "args", index)
        if isinstance(one, str):
            default = None
            TomlTable({}, (*task.where, "args"), task.source).read(index, one, argument_name)
        elif isinstance(one, dict):
            default = _check_argument(TomlTable(one, where, task.source))
        else:
            raise task.source.wrong(where, f"an argument must be a text or a table, not {kind_of(one)}")
        if ordered and has_default and default is None:
            raise task.wrong(None, "an argument without default stands behind one with a default")
        has_default = has_default or default is not None


def _check_argument(entry: TomlTable) -> str | None:
    name, default, choices = entry.text("arg"), entry.text("default"), entry.texts("choices")
    entry.finish()
    if name is None:
        raise entry.wrong(None, "an argument needs the key arg")
    entry.read("arg", name, argument_name)
    if default is not None and choices is not None and default not in choices:
        raise entry.wrong("default", f"the default '{default}' is none of the choices {', '.join(choices)}")
    return default


def argument_name(text: str) -> str:
    """An argument's name. Raises ValueError."""
    if "-" in text:
        raise ValueError(f"'{text}' is no name of an argument: it holds a '-'")
    return text
