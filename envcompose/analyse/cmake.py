"""The files of a build by CMake: its first one, and those that it includes or adds, each with its condition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from posixpath import dirname, normpath

from envcompose.model.values import dataclass

AT_THE_TOP = frozenset(
    [
        "PROJECT_IS_TOP_LEVEL",
        "CMAKE_SOURCE_DIR STREQUAL PROJECT_SOURCE_DIR",
        "PROJECT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR",
        "CMAKE_CURRENT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR",
        "CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR",
        "CMAKE_PROJECT_NAME STREQUAL PROJECT_NAME",
    ]
)
"""Conditions that ask whether a project is built for itself, as an sdist's is."""
MAX_FILES = 40
MAX_READS = 500
"""Commands of one file that are looked at for further files."""
MAX_DEPTH = 6
MAX_LENGTH = 1 << 20
"""Characters of all the files together that are followed."""
MAX_BLOCKS = 64
"""if() blocks inside each other that are told apart."""
MAX_TOLD = 5
"""Conditions of one line that are told, the innermost of them."""

COMMAND = re.compile(
    r"^[ \t]*(if|elseif|else|endif|include|add_subdirectory|find_package)[ \t]*\((.{0,500})",
    re.IGNORECASE | re.MULTILINE,
)
FIRST = re.compile(r"[ \t]*[\"']?([^\s\"')#]+)")
HERE = re.compile(r"\$\{(?:CMAKE_CURRENT_(?:SOURCE|LIST)_DIR)\}/?")
TOP = re.compile(r"\$\{(?:CMAKE|PROJECT|\w{1,80})_SOURCE_DIR\}/?")
ON_LINUX = {"UNIX": True, "LINUX": True, "WIN32": False, "APPLE": False, "MSVC": False, "CYGWIN": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CMakeFile:
    """A file of the build; `condition` says under which it is read, None where it always is."""

    path: str
    condition: str | None
    off: bool = False
    """Is it read only where an option is set that is off at its default?"""


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a line stands: under which conditions, the outermost first, and whether these never hold on Linux."""

    conditions: tuple[str, ...]
    dead: bool

    @property
    def condition(self) -> str | None:
        """Give the conditions as one text, None where there is none."""
        return joined(self.conditions)


ALWAYS = Branch((), False)
ADDED = "CMake adds"
"""How the condition of a folder begins that only a variable names: whether it is meant is not known."""
READING = ("include", "add_subdirectory", "find_package")


def joined(conditions: Iterable[str | None]) -> str | None:
    """Give conditions that must all hold as one text, each once; None where there is none."""
    return " and ".join(dict.fromkeys(one for one in conditions if one))[:500] or None


def first_file(texts: Mapping[str, str]) -> str:
    """Name the build's CMakeLists.txt: the one at the root, else the first of those one folder below."""
    files = sorted(path for path in texts if path.endswith("/CMakeLists.txt") and path.count("/") == 1)
    return "CMakeLists.txt" if "CMakeLists.txt" in texts or not files else files[0]


def cmake_files(texts: Mapping[str, str]) -> tuple[CMakeFile, ...]:
    """Give the first file and what it includes or adds, breadth first and within bounds; each file once.

    What stands under a condition that does not hold on Linux is left out. A name that is put together from variables
    other than those of the source folders is not followed.
    """
    first = first_file(texts)
    if first not in texts:
        return ()
    by_name: dict[str, list[str]] = {}
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        if path.endswith(".cmake"):
            by_name.setdefault(path.rpartition("/")[2], []).append(path)
    found = {first: CMakeFile(path=first, condition=None)}
    queue, length, options = [(first, 0)], 0, dict[str, bool]()
    for path, depth in queue:
        length += len(texts[path])
        if length > MAX_LENGTH or depth >= MAX_DEPTH:
            break
        options |= _options(texts[path])
        for target, branch in _targets(texts, by_name, path, dirname(first)):
            if target not in found and len(found) < MAX_FILES:
                off = found[path].off or is_off(branch, options)
                condition = joined((found[path].condition, *branch.conditions))
                found[target] = CMakeFile(path=target, condition=condition, off=off)
                queue.append((target, depth + 1))
    return tuple(found.values())


OPTION = re.compile(
    r"^[ \t]*option\s{0,9}\(\s{0,99}(\w{1,99})\s{1,99}\"[^\"]{0,300}\"\s{0,99}(\w*)\s{0,99}\)", re.I | re.M
)
ON = frozenset({"ON", "TRUE", "YES", "1"})
MAX_OPTIONS = 300


def options_of(texts: Mapping[str, str], files: Iterable[CMakeFile]) -> Mapping[str, bool]:
    """Give the options that these files define, with their defaults; the first definition counts."""
    options: dict[str, bool] = {}
    for file in files:
        options = _options(texts[file.path]) | options
    return options


def _options(text: str) -> dict[str, bool]:
    found = islice(OPTION.finditer(text), MAX_OPTIONS) if "option" in text.lower() else ()
    return {match[1]: match[2].upper() in ON for match in found if match[2].upper() in ON | OFF}


OFF = frozenset({"", "OFF", "FALSE", "NO", "0"})


def without_alternatives(branch: Branch, others: Iterable[Branch]) -> Branch:
    """Drop the last condition of a line that another line has in its other half: one of the two always holds."""
    told = branch.conditions
    prefix, last = told[:-1], told[-1] if told else ""
    plain = last.removeprefix("CMake's ")
    other = plain.removeprefix("not ") if plain.startswith("not ") else f"not {plain}"
    both = any(one.conditions == (*prefix, f"CMake's {other}") for one in others)
    return Branch(prefix, branch.dead) if told and both else branch


def is_off(branch: Branch, options: Mapping[str, bool]) -> bool:
    """Does a line wait for an option that has another default?"""
    for condition in branch.conditions:
        if condition.startswith(ADDED):
            return True
        words = condition.removeprefix("CMake's ").lower().split()
        name = condition.rpartition(" ")[2]
        if name in options and words[:-1] in ([], ["not"]) and options[name] == (words[:-1] == ["not"]):
            return True
    return False


REQUIRED = re.compile(r"(?<![{\w])REQUIRED\b")


def _targets(
    texts: Mapping[str, str], by_name: Mapping[str, list[str]], path: str, top: str
) -> Iterator[tuple[str, Branch]]:
    """Give the files that a file reads, those that it always reads first."""
    every = ((line, match) for line, match in _commands(texts[path]) if match[1].lower() in READING)
    reads = list(islice(every, MAX_READS))
    branches = branches_of(texts[path]) if reads else ()
    named = [(match, branches[line]) for line, match in reads if not branches[line].dead]
    for match, branch in sorted(named, key=lambda pair: len(pair[1].conditions)):
        command, word = match[1].lower(), FIRST.match(match[2][:500])
        target = word[1] if word is not None else ""
        if command == "find_package" and not REQUIRED.search(match[2].partition("#")[0]):
            # Its own module looks for something, and the build goes on where that is not found.
            yield from (
                (found, _also(branch, f"CMake finds {target}")) for found in by_name.get(f"Find{target}.cmake", ())
            )
        elif command == "add_subdirectory" and "$" in HERE.sub("", TOP.sub("", target)):
            yield from _below(texts, dirname(path), branch)
        elif target:
            candidates = _candidates(by_name, command, target, dirname(path), top)
            known = next((name for name in map(normpath, candidates) if name in texts), None)
            if known is not None:
                yield known, branch


def _candidates(by_name: Mapping[str, list[str]], command: str, target: str, folder: str, top: str) -> list[str]:
    """Give the paths that the first word of a command may mean, the likeliest first."""
    if command == "find_package":
        return list(by_name.get(f"Find{target}.cmake", ()))
    path = TOP.sub(f"{top}/" if top else "", HERE.sub(f"{folder}/", target)).lstrip("/")
    beside = f"{folder}/{target}".lstrip("/")
    if command == "add_subdirectory":
        return [f"{path if '${' in target else beside}/CMakeLists.txt"]
    return [path, beside, *by_name.get(f"{target}.cmake", ())]


def _also(branch: Branch, condition: str) -> Branch:
    return Branch((*branch.conditions, condition), branch.dead)


def _below(texts: Mapping[str, str], folder: str, branch: Branch) -> Iterator[tuple[str, Branch]]:
    """Give the folders that an add_subdirectory() of a variable may mean, each under the condition that it is meant."""
    prefix = f"{folder}/" if folder else ""
    depth = prefix.count("/") + 1
    names = (path for path in texts if path.endswith("/CMakeLists.txt") and path.startswith(prefix))
    for path in sorted(path for path in names if path.count("/") == depth):
        name = dirname(path)[len(prefix) :]
        yield path, _also(branch, f"{ADDED} {name}")


@lru_cache(maxsize=128)
def branches_of(text: str) -> tuple[Branch, ...]:
    """Give for every line, by its index, where it stands among the file's if() blocks."""
    stack: list[_Block] = []
    branches: list[Branch] = []
    now, deeper = ALWAYS, 0
    for index, match in _commands(text):
        word = match[1].lower()
        if word in READING:
            continue
        branches += [now] * (index - len(branches))
        if word == "if" and len(stack) >= MAX_BLOCKS:
            deeper += 1
        elif word == "endif" and deeper:
            deeper -= 1
        elif not deeper:
            _enter(stack, word, match[2])
            now = _branch(stack)
    return (*branches, *([now] * (text.count("\n") + 1 - len(branches))))


@dataclass(slots=True)
class _Block:
    """One if() block: the half of it that is being read, and what is known of those before."""

    condition: str
    holds: bool | None
    earlier: tuple[str, ...] = ()
    """Conditions of earlier halves, negated, that are not known to fail; the last few of them."""
    closed: bool = False
    """Does one of the earlier halves hold for certain, so that no later one does?"""

    def go_on(self, condition: str, holds: bool | None) -> None:
        """The next half begins."""
        if self.holds is None:
            self.earlier = (*self.earlier, f"not {self.condition}"[:200])[-MAX_TOLD:]
        self.closed = self.closed or self.holds is True
        self.condition, self.holds = condition, holds

    @property
    def undecided(self) -> tuple[str, ...]:
        """What must hold for this half to be taken, as far as nobody knows."""
        return (*self.earlier, self.condition) if self.holds is None else self.earlier


def _enter(stack: list[_Block], word: str, rest: str) -> None:
    if word == "if":
        stack.append(_Block(*_tested(rest)))
    elif word == "elseif" and stack:
        stack[-1].go_on(*_tested(rest))
    elif word == "else" and stack:
        stack[-1].go_on("", True)
    elif word == "endif" and stack:
        stack.pop()


def _branch(stack: list[_Block]) -> Branch:
    undecided = dict.fromkeys(f"CMake's {condition}" for block in stack for condition in block.undecided)
    return Branch(tuple(undecided)[-MAX_TOLD:], any(block.closed or block.holds is False for block in stack))


def branch_at(text: str, line: int) -> Branch:
    """Give where a line stands, counted from one."""
    branches = branches_of(text)
    return branches[line - 1] if 0 < line <= len(branches) else ALWAYS


def _commands(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Give the commands that matter, each with the index of its line."""
    index, last = 0, 0
    for match in COMMAND.finditer(text):
        index += text.count("\n", last, match.start())
        last = match.start()
        yield index, match


def _tested(rest: str) -> tuple[str, bool | None]:
    """Give a condition's text, and whether it holds on Linux where that is certain."""
    text = rest.partition("#")[0].strip()
    depth, end = 1, len(text)
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            end = index
            break
    text = " ".join(text[:end].split())[:200]
    parts = [_holds(part) for part in text.split(" AND ")] if " OR " not in text and "(" not in text else [None]
    if False in parts:
        return text, False
    return text, None if None in parts else True


def _holds(part: str) -> bool | None:
    if part.startswith("NOT TARGET ") or part in AT_THE_TOP:
        return True
    negated = part.startswith("NOT ")
    holds = ON_LINUX.get(part.removeprefix("NOT ").strip())
    return holds if holds is None or not negated else not holds
