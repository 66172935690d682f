"""What the evaluated program sees of files: the archive's members, and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from posixpath import dirname, join, normpath

from envcompose.analyse.machine import ROOT, Machine
from envcompose.analyse.values import Raised, TextFile, Unknown, Value, shown

MAX_WRITTEN = 1_000
NOT_FOUND = ("FileNotFoundError", "OSError", "Exception", "BaseException")


def member_path(value: Value) -> str | None:
    """Give the path inside the archive that a value names; None where it names something else or is unknown."""
    if not isinstance(value, (str, PurePosixPath)):
        return None
    text = str(value)
    path = normpath(text if text.startswith("/") else join(ROOT, text))
    if path == ROOT:
        return "."
    return path[len(ROOT) + 1 :] if path.startswith(f"{ROOT}/") else None


def exists(machine: Machine, value: Value, kind: str = "") -> Value:
    """Tell whether a path exists in the archive ('file' or 'dir' where asked); unknown for paths outside of it."""
    if isinstance(value, Unknown):
        return machine.unknown(f"exists({value.text})")
    path = member_path(value)
    if path is None or is_written(machine, path):
        return machine.unknown(f"exists({shown(value)[:80]})")
    is_file = path in machine.members.sizes
    if kind == "file" or is_file:
        return is_file if kind != "dir" else False
    return path == "." or machine.members.is_folder(path)


def open_member(machine: Machine, value: Value, mode: Value = "r") -> Value:
    """Open a member for reading. A path that the archive lacks is the program's FileNotFoundError."""
    if isinstance(mode, str) and any(letter in mode for letter in "wax+"):
        written(machine, value)
        return TextFile(shown(value), None, writing=True)
    path = member_path(value)
    if path is None:
        return TextFile("?", None)
    if path not in machine.members.sizes:
        if is_written(machine, path):
            return TextFile(path, None)
        raise Raised(NOT_FOUND, f"No such file: {path}")
    return TextFile(path, machine.sdist.texts.get(path))


def written(machine: Machine, value: Value) -> None:
    """Remember that the program makes a file, or a folder."""
    path = member_path(value)
    if path is not None and len(machine.written) < MAX_WRITTEN:
        machine.written.add(path)


def is_written(machine: Machine, path: str) -> bool:
    """Does the program make a file, or a folder above it?"""
    while path:
        if path in machine.written:
            return True
        path = dirname(path)
    return False


def call_file(machine: Machine, file: TextFile, name: str, arguments: list[Value], node: Value) -> Value:
    """Call a method of an open file; reading is from the start, as nearly every setup.py does."""
    if name in ("__enter__",):
        return file
    if name in ("close", "__exit__", "write", "writelines", "flush", "seek"):
        return None
    if file.content is None or arguments:
        return machine.unknown(f"{name}() of {file.path}")
    machine.sized(len(file.content))
    if name == "read":
        return file.content
    if name == "readlines":
        return file.content.splitlines(keepends=True)
    if name == "readline":
        line, _, rest = file.content.partition("\n")
        file.content = rest
        return f"{line}\n" if rest else line
    return machine.unknown(node)


def call_path(
    machine: Machine, path: PurePosixPath, name: str, arguments: list[Value], keywords: dict[str, Value], node: Value
) -> Value:
    """Call a method of a pathlib path that asks the file system."""
    if name in ("exists", "is_file", "is_dir"):
        return exists(machine, path, {"is_file": "file", "is_dir": "dir"}.get(name, ""))
    if name in ("resolve", "absolute", "expanduser"):
        return path if path.is_absolute() else PurePosixPath(normpath(join(ROOT, str(path))))
    if name in ("read_text", "read_bytes"):
        content = call_file(machine, open_member(machine, path), "read", [], node)
        return content.encode("utf-8", "replace") if name == "read_bytes" and isinstance(content, str) else content
    if name == "open":
        return open_member(machine, path, arguments[0] if arguments else keywords.get("mode", "r"))
    if name in ("glob", "rglob") and arguments and isinstance(arguments[0], str):
        pattern = f"**/{arguments[0]}" if name == "rglob" else arguments[0]
        return [PurePosixPath(found) for found in find(machine, join(str(path), pattern))]
    if name == "iterdir":
        return [path / child for child in children(machine, path)]
    if name in ("mkdir", "touch", "unlink", "write_text", "write_bytes", "symlink_to", "rmdir", "chmod"):
        written(machine, path)
        return None
    if name == "__truediv__":
        return path / shown(arguments[0] if arguments else "")
    return machine.unknown(node)


def children(machine: Machine, value: Value) -> list[str]:
    """List the names directly inside a folder of the archive, sorted."""
    path = member_path(value)
    if path is None:
        return []
    return machine.members.children("" if path == "." else path)


def find(machine: Machine, pattern: str) -> list[str]:
    """Find members and folders by a glob pattern, as glob.glob gives them: relative patterns give relative paths."""
    path = member_path(pattern)
    if path is None or len(pattern) > 300:
        return []
    absolute = pattern.startswith("/")
    parts = path.split("/")
    if len(parts) > 20 or parts.count("**") > 2 or path.count("*") > 8:
        return []
    literal = path.split("*")[0].split("?")[0].split("[")[0]
    names = machine.members.under(literal)
    folders = {dirname(name) for name in names}
    machine.steps += len(names) >> 2
    pattern_of = _compiled("/".join(parts))
    found = sorted(name for name in {*names, *folders} if name and pattern_of.fullmatch(name))
    return [f"{ROOT}/{name}" if absolute else name for name in found]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Translate a glob pattern: a star stays inside one part, two stars cross folders."""
    parts = pattern.split("/")
    text = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:[^/]+/)*"
        else:
            inner = "".join("[^/]*" if c == "*" else "[^/]" if c == "?" else re.escape(c) for c in part)
            text += inner if last else f"{inner}/"
    return re.compile(text)
