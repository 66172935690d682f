"""The machine that would build, as the evaluated program sees it: paths, environment, processes, platform."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from posixpath import basename, dirname, isabs, join, normpath, split, splitext
from typing import Any

from envcompose.analyse.catching import is_foreign
from envcompose.analyse.files import children, exists, find, member_path, written
from envcompose.analyse.library import ATTRIBUTES, CALLS, INHERITED
from envcompose.analyse.machine import ROOT, Machine, program_error
from envcompose.analyse.operations import ALWAYS_SET
from envcompose.analyse.values import (
    Choice,
    Instance,
    Raised,
    Unknown,
    Value,
    shown,
)

Values = list[Value]
Keywords = dict[str, Value]


# Paths and the environment.


def _on_paths(function: Any) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        if not arguments or not all(isinstance(value, (str, PurePosixPath)) for value in arguments):
            return machine.unknown(node)
        try:
            return function(*(str(value) for value in arguments))
        except (TypeError, ValueError) as error:
            raise program_error(error) from error

    return handler


def _expanded(path: str) -> str:
    return path


def _absolute(path: str) -> str:
    return normpath(path if path.startswith("/") else join(ROOT, path))


def _relative(path: str, start: str = ROOT) -> str:
    try:
        return str(PurePosixPath(_absolute(path)).relative_to(_absolute(start)))
    except ValueError:
        return path


def _exists(kind: str) -> Any:
    def handler(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
        return exists(machine, arguments[0], kind) if arguments else machine.unknown(node)

    return handler


def _getenv(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    name = arguments[0] if arguments else keywords.get("key")
    default = arguments[1] if len(arguments) > 1 else keywords.get("default")
    if not isinstance(name, str):
        return default if isinstance(name, Unknown) else machine.unknown(node)
    machine.see("switch", (name, default if isinstance(default, (str, int, bool)) else None))
    if name in machine.env:
        return machine.env[name]
    return machine.unknown(node, True) if name in ALWAYS_SET else default


def _set_default_env(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    if len(arguments) == 2 and isinstance(arguments[0], str):
        machine.touch(machine.env)
        return machine.env.setdefault(arguments[0], arguments[1])
    return machine.unknown(node)


def _listdir(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    value = arguments[0] if arguments else "."
    return machine.unknown(node) if member_path(value) is None else list(children(machine, value))


def _walk(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    top = member_path(arguments[0]) if arguments else None
    if top is None:
        return machine.unknown(node)
    rows: list[Value] = []
    queue = [str(arguments[0])]
    while queue and len(rows) < 300:
        folder = queue.pop(0)
        names = children(machine, folder)
        files = [name for name in names if exists(machine, join(folder, name), "file") is True]
        folders = [name for name in names if name not in set(files)]
        rows.append((folder, folders, files))
        queue += [join(folder, name) for name in folders]
        machine.steps += len(names)
    return rows


def _makes(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    written(machine, arguments[0] if arguments else keywords.get("name"))
    return None


def _copies(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    written(machine, arguments[1] if len(arguments) > 1 else keywords.get("dst"))
    return machine.unknown(node)


def _glob(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    pattern = arguments[0] if arguments else None
    if not isinstance(pattern, (str, PurePosixPath)) or member_path(str(pattern)) is None:
        return machine.unknown(node)
    return list(find(machine, str(pattern)))


# Processes.


def _command(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    words = arguments[0] if arguments else keywords.get("args", keywords.get("cmd"))
    argv = _words(words)
    for line in _lines(words) or [argv]:
        machine.see("command", tuple(line))
    programs = _texts(words[0]) if isinstance(words, (list, tuple)) and words else []
    for program in programs if len(programs) > 1 else ():
        # One of several programs: where it is missing, another is taken.
        machine.see("command", (program, *argv[1:]), soft=True)
    absent = machine.foreign and not machine.world.lenient and argv and is_foreign(argv[0])
    if argv and (absent or (argv[0] == "git" and machine.trying)):
        # An sdist is no repository: git fails there, and whoever expects that falls back, as for another vendor's tool.
        raise Raised(
            ("CalledProcessError", "SubprocessError", "FileNotFoundError", "OSError", "Exception", "BaseException")
        )
    return machine.unknown(node)


NEXT = re.compile(r"&&|\|\||;|\n|\\n")
MAX_LINES = 20


def _lines(words: Value) -> list[list[str]]:
    """Give the commands of a text for the shell, also of one of which only its source is known."""
    text = words if isinstance(words, str) else ""
    if isinstance(words, Unknown) and words.text[:2] in ("f'", 'f"'):
        text = words.text[2:].strip("'\"")
    return [line.split()[:50] for line in NEXT.split(text[:5000]) if line.strip()][:MAX_LINES]


def _words(words: Value) -> list[str]:
    if isinstance(words, str):
        return words.split()[:50]
    if not isinstance(words, (list, tuple)):
        return []
    return [word if isinstance(word, str) else _placeholder(word) for word in words[:200]]


def _texts(word: Value) -> list[str]:
    """Give the different texts that a value may be."""
    options = [option for _, option in word.options] if isinstance(word, Choice) else []
    return list(dict.fromkeys(option for option in options if isinstance(option, str)))


def _placeholder(word: Value) -> str:
    texts = _texts(word)
    if texts:
        return texts[0][:1000] if len(texts) == 1 else f"<{' or '.join(texts)[:80]}>"
    text = shown(word)
    return "python" if text.endswith("sys.executable") else f"<{text[:80]}>"


# Other modules.


# setuptools and the extension builders.


def named_unknown(text: str, truth: bool | None = None) -> Any:
    """Make an entry for a value that is unknown under this name."""
    return lambda machine: machine.unknown(text, truth)


def constant(value: Value) -> Any:
    """Make an entry for a value that is always the same."""
    return lambda machine: value


def _argv(machine: Machine) -> Value:
    return ["setup.py", "bdist_wheel" if machine.world.lenient else "dist_info"]


def _first(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return arguments[0] if arguments else machine.unknown(node)


def _nothing(machine: Machine, arguments: Values, keywords: Keywords, node: Value) -> Value:
    return None


def _result(value: Value) -> Any:
    return lambda machine, arguments, keywords, node: value


CALLS.update(
    {
        "os.path.join": _on_paths(join),
        "os.path.dirname": _on_paths(dirname),
        "os.path.basename": _on_paths(basename),
        "os.path.abspath": _on_paths(_absolute),
        "os.path.realpath": _on_paths(_absolute),
        "os.path.normpath": _on_paths(normpath),
        "os.path.expanduser": _on_paths(_expanded),
        "os.path.relpath": _on_paths(_relative),
        "os.path.isabs": _on_paths(isabs),
        "os.path.split": _on_paths(split),
        "os.path.splitext": _on_paths(splitext),
        "os.path.exists": _exists(""),
        "os.path.lexists": _exists(""),
        "os.path.isfile": _exists("file"),
        "os.path.isdir": _exists("dir"),
        "os.path.islink": _result(False),
        "os.getenv": _getenv,
        "os.environ.get": _getenv,
        "os.environ.keys": lambda m, a, k, n: sorted(m.env),
        "os.environ.setdefault": _set_default_env,
        "os.getcwd": _result(ROOT),
        "os.listdir": _listdir,
        "os.walk": _walk,
        "os.fspath": _first,
        "glob.glob": _glob,
        "glob.iglob": _glob,
        "platform.system": _result("Linux"),
        "platform.machine": _result("x86_64"),
        "platform.processor": _result("x86_64"),
        "platform.python_implementation": _result("CPython"),
        "platform.python_version": lambda m, a, k, n: ".".join(map(str, m.world.python)) + ".0",
        "platform.architecture": _result(("64bit", "ELF")),
        "platform.uname": _result(Instance("platform.uname", {"machine": "x86_64", "system": "Linux"})),
        "os.uname": _result(Instance("os.uname", {"machine": "x86_64", "sysname": "Linux"})),
        "sysconfig.get_platform": _result("linux-x86_64"),
        "os.makedirs": _makes,
        "os.mkdir": _makes,
        "shutil.copy": _copies,
        "shutil.copyfile": _copies,
        "shutil.copy2": _copies,
        "shutil.copytree": _copies,
        "shutil.move": _copies,
        "os.rename": _copies,
        "os.replace": _copies,
        "os.symlink": _copies,
        "os.chdir": _nothing,
        "functools.wraps": _first,
    }
)
CALLS.update(
    {f"subprocess.{name}": _command for name in ("run", "call", "check_call", "check_output", "Popen", "getoutput")}
)
CALLS.update({f"os.{name}": _command for name in ("system", "popen")})
CALLS.update({f"{spawn}.spawn": _command for spawn in ("distutils.spawn", "setuptools._distutils.spawn")})
INHERITED.update({"spawn": lambda m, a, k, n: _command(m, a[1:], k, n)})
ATTRIBUTES.update(
    {
        "sys.platform": lambda m: m.world.platform,
        "sys.version_info": lambda m: (*m.world.python, 0, "final", 0),
        "sys.version": lambda m: f"{m.world.python[0]}.{m.world.python[1]}.0 (main)",
        "sys.argv": _argv,
        "sys.path": lambda m: m.path,
        "sys.executable": named_unknown("sys.executable", True),
        "sys.maxsize": constant(2**63 - 1),
        "sys.byteorder": constant("little"),
        "sys.implementation.name": constant("cpython"),
        "sys.hexversion": lambda m: (m.world.python[0] << 24) + (m.world.python[1] << 16),
        "os.name": constant("posix"),
        "os.sep": constant("/"),
        "os.path.sep": constant("/"),
        "os.pathsep": constant(":"),
        "os.linesep": constant("\n"),
        "os.curdir": constant("."),
    }
)
