"""What a build by CMake has Python import: by CMake's own search for Python, and by the child processes that it starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from envcompose.analyse.cmake import branch_at, joined
from envcompose.analyse.found import CHILD_IMPORT, Found, cmake_build, place_in
from envcompose.model.analysis import Place
from envcompose.model.values import dataclass

FIND_PYTHON = re.compile(r"\bfind_package\s{0,9}\(\s{0,99}Python3?\b([^)]{0,500})", re.IGNORECASE)
CHILD = re.compile(r"\bexecute_process\s{0,9}\(", re.IGNORECASE)
SCRIPT = re.compile(r"\s[\"']?-c[\"']?\s{1,99}(?:\"([^\"]{1,400})|'([^']{1,400}))")
MODULE = re.compile(r"\s[\"']?-m[\"']?\s{1,99}[\"']?([A-Za-z_]\w{0,80})")
CHECKED = re.compile(r"\b(?:RESULT_VARIABLE|RESULTS_VARIABLE|ERROR_QUIET)\b")
MAX_CALLS = 100
MAX_LENGTH = 2_000
"""Characters of one call that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CMakeImport:
    """A module from outside that CMake has Python import. `checked`: it goes on, or may go on, without it."""

    module: str
    place: Place
    condition: str | None
    checked: bool


def cmake_imports(found: Found) -> Iterator[CMakeImport]:
    """Give them in the order of the files; those under a condition that never holds on Linux are left out."""
    own = {name.removesuffix(".py").removesuffix("/__init__").rpartition("/")[2] for name, _ in found.sdist.names}
    for file in cmake_build(found):
        text = found.sdist.texts[file.path]
        for start, module, checked in [*_components(text), *_children(text)]:
            number = text.count("\n", 0, start) + 1
            branch = branch_at(text, number)
            # What the sdist itself has may stand on the path that the child process is given.
            if module not in own and not branch.dead and "#" not in text[text.rfind("\n", 0, start) + 1 : start]:
                place, condition = place_in(found, file.path, number), joined((file.condition, *branch.conditions))
                yield CMakeImport(module=module, place=place, condition=condition, checked=checked)


def _components(text: str) -> Iterator[tuple[int, str, bool]]:
    """Give numpy where CMake is to find its headers: FindPython imports it to ask where they are."""
    for match in islice(FIND_PYTHON.finditer(text), MAX_CALLS):
        words = [word for line in match[1].split("\n") for word in line.partition("#")[0].split()]
        if "NumPy" in words:
            wished = "OPTIONAL_COMPONENTS" in words[: words.index("NumPy")]
            yield match.start(), "numpy", wished or "REQUIRED" not in words


def _children(text: str) -> Iterator[tuple[int, str, bool]]:
    for match in islice(CHILD.finditer(text), MAX_CALLS):
        call = _call(text, match.end())
        scripts = [script for groups in SCRIPT.findall(call) for script in groups]
        modules = [
            *MODULE.findall(call)[:1],
            *(module for script in scripts for module in CHILD_IMPORT.findall(script)),
        ]
        for module in dict.fromkeys(modules):
            yield match.start(), module, CHECKED.search(call) is not None


def _call(text: str, start: int) -> str:
    """Give the text of a call up to its closing parenthesis, of which those in quotes are none."""
    depth, quoted = 1, False
    for index in range(start, min(len(text), start + MAX_LENGTH)):
        character = text[index]
        if character == '"' and text[index - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return text[start:index]
    return text[start : start + MAX_LENGTH]
