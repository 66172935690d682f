"""The name of the project in a folder, without running anything of it (law 2)."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Mapping

from envcompose.errors import FileUnreadable
from envcompose.model.requirement import Origin, OriginKind
from envcompose.ports import TextFiles
from envcompose.read.decode import decode_text
from envcompose.read.paths import inside
from envcompose.read.toml_table import parse_toml

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

_CFG_REASONS: Mapping[type[configparser.Error], str] = {
    configparser.MissingSectionHeaderError: "it stands before the first section",
    configparser.DuplicateSectionError: "this section is there already",
    configparser.DuplicateOptionError: "this option is there already",
}


def is_name(text: object) -> bool:
    """Is this a distribution name as PEP 508 spells one?"""
    return isinstance(text, str) and text.isascii() and _NAME.fullmatch(text) is not None


def project_name(folder: str, files: TextFiles) -> tuple[str, Origin] | None:
    """Give the name that a folder's pyproject.toml, setup.cfg or setup.py says plainly, and where; None if none does.

    A name that setup.py computes is not found here. Raises FileUnreadable where a file is broken.
    """
    readers = (("pyproject.toml", _from_pyproject), ("setup.cfg", _from_setup_cfg), ("setup.py", _from_setup_py))
    for filename, read in readers:
        path = inside(folder, filename)
        if not files.exists(path):
            continue
        name = read(decode_text(files.read_bytes(path), path, coding_line=filename == "setup.py"), path)
        if name is not None:
            return name, Origin(kind=OriginKind.FILE, file=path)
    return None


def parse_cfg(text: str, path: str) -> configparser.RawConfigParser:
    """Parse an INI file as setuptools does, with option names in lower case. Raises FileUnreadable with its line."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        listed = getattr(error, "errors", ())
        line = listed[0][0] if listed else getattr(error, "lineno", None)
        reason = _CFG_REASONS.get(type(error), "it is neither a section nor an option with a value")
        raise FileUnreadable(path=path, reason=f"{reason} (INI)", line=line) from error
    except (ValueError, AttributeError, TypeError) as error:
        # A value without a section or key trips configparser itself on odd inputs.
        raise FileUnreadable(path=path, reason="it is no INI file") from error
    return parser


def _from_pyproject(text: str, path: str) -> str | None:
    document = parse_toml(text, path)
    names = (document.table("project").text("name"), document.table("tool", "poetry").text("name"))
    return next((name for name in names if is_name(name)), None)


def _from_setup_cfg(text: str, path: str) -> str | None:
    name = parse_cfg(text, path).get("metadata", "name", fallback="").strip()
    return name if is_name(name) else None


def _from_setup_py(text: str, path: str) -> str | None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and is_name(keyword.value.value):
                    return str(keyword.value.value)
    return None
