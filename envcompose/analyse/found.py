"""What was gathered about one sdist's build, and the questions that several conclusions ask of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from posixpath import normpath

from envcompose.analyse.cmake import ALWAYS, CMakeFile, branch_at, cmake_files, first_file
from envcompose.analyse.declared import Project
from envcompose.analyse.machine import Seen
from envcompose.analyse.program import Outcome
from envcompose.analyse.rules import BuildRules
from envcompose.analyse.values import Instance, Value
from envcompose.model.analysis import Place, SdistTexts
from envcompose.model.values import dataclass

TORCH_BUILDERS = frozenset({"CUDAExtension", "CppExtension"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that was gathered about one sdist's build, for the functions that draw conclusions."""

    sdist: SdistTexts
    project: Project
    outcomes: tuple[Outcome, ...]
    """Lenient evaluations: of setup.py, of in-tree backends, of scripts that the build starts."""
    rules: BuildRules
    python: tuple[int, int]

    def seen(self, *kinds: str) -> Iterator[Seen]:
        """Give what was seen of these kinds, in the order of the evaluations."""
        for outcome in self.outcomes:
            for seen in outcome.seen:
                if seen.kind in kinds:
                    yield seen

    def argument(self, name: str) -> Value:
        """Give an argument of setup(), None where it is absent."""
        for outcome in self.outcomes:
            if outcome.keywords is not None and name in outcome.keywords:
                return outcome.keywords[name]
        return None


def refusal(found: Found) -> Seen | None:
    """Give the place where setup.py stops on purpose, whatever the machine: it raises and never reaches setup()."""
    if any(not seen.soft for seen in found.seen("setup")):
        return None
    return next((s for s in found.seen("raised") if s.subject[0] == "RuntimeError" and not s.conditions), None)


def backends(found: Found) -> list[str]:
    """Name the build backend's top-level module, and those of the backends that setup.py or an in-tree one builds on."""
    imported = [str(seen.subject).split(".")[0] for seen in found.seen("import") if not seen.dead]
    known = found.rules.backends.keys() | found.rules.hook_requirements.keys()
    return list(dict.fromkeys([backend_module(found.project), *(name for name in imported if name in known)]))


def backend_module(project: Project) -> str:
    """Name the build backend's top-level module."""
    return project.build_backend.partition(":")[0].split(".")[0]


CHILD_IMPORT = re.compile(r"(?:^|[;\n])\s*(?:import|from)\s+([A-Za-z_]\w*)")


SHELL = re.compile(r"&&|\|\||;|\|")


def commands(found: Found) -> Iterator[tuple[Seen, list[str]]]:
    """Give the commands that a build starts, and those of the sdist's own shell scripts that it starts."""
    for seen in found.seen("command"):
        argv = [word for word in seen.subject if isinstance(word, str)]
        yield seen, argv
        scripts = [normpath(word.removeprefix("/sdist/")) for word in argv[:3] if word.endswith(".sh")]
        for script in scripts:
            for number, line in enumerate(found.sdist.texts.get(script, "").split("\n"), 1):
                place = Place(file=script, line=number, text=line.strip()[:200])
                for part in SHELL.split(line.split("#", maxsplit=1)[0]):
                    if part.strip():
                        # What stands under an if of the script is not told apart; only its first level is taken.
                        yield replace(seen, place=place, soft=seen.soft or line[:1].isspace()), part.split()[:50]


WHICH = re.compile(r"(?:which|find_executable)\(['\"]([\w+-]+)")


def started_program(argv: list[str]) -> str:
    """Name the program that an argument list starts, also where it was looked up on PATH first."""
    first = argv[0] if argv else ""
    looked_up = WHICH.search(first)
    return looked_up.group(1).rstrip("3") if looked_up else first.rsplit("/", 1)[-1]


def child_modules(argv: list[str]) -> list[str]:
    """Give the modules that a `python -m` or `python -c` command line imports."""
    if not argv or not re.search(r"python[\d.]*$|executable>$", argv[0]):
        return []
    if "-m" in argv[:-1]:
        return [argv[argv.index("-m") + 1].split(".")[0]]
    if "-c" in argv[:-1]:
        return CHILD_IMPORT.findall(argv[argv.index("-c") + 1])
    return []


def extensions(found: Found) -> list[tuple[Seen, Instance]]:
    """Give the extension modules that a default build compiles, or may compile."""
    made = [(seen, seen.subject) for seen in found.seen("extension") if isinstance(seen.subject, Instance)]
    return [(seen, record) for seen, record in made if not seen.dead] if made and not _unused(found) else []


HANDED_ON = re.compile(r"ext_modules|\.extensions\b|\*\*")


def _unused(found: Found) -> bool:
    """Is setup() known to be given no extensions: nothing in its file hands them on?"""
    given = [outcome for outcome in found.outcomes if outcome.keywords is not None]
    files = {seen.place.file for seen in found.seen("setup", "extension")}
    hands_on = any(HANDED_ON.search(found.sdist.texts.get(file, "")) for file in files)
    return bool(given) and not hands_on and not any("ext_modules" in (o.keywords or {}) for o in given)


def kind_of(record: Instance) -> str:
    """Name the class that an extension was made by; the program may have set anything there."""
    kind = record.names.get("kind")
    return kind if isinstance(kind, str) else ""


def builds_with_torch(found: Found) -> bool:
    """Are extensions of a default build made by torch's builder, or by a CMake that looks for torch?"""
    if any(kind_of(record) in TORCH_BUILDERS for _, record in extensions(found)):
        return True
    return cmake_torch_place(found) is not None


def uses_cmake(found: Found) -> bool:
    """Does the build start CMake?"""
    return any(started_program(argv) == "cmake" for _, argv in commands(found))


def cmake_file(found: Found) -> str:
    """Name the build's first CMakeLists.txt."""
    return first_file(found.sdist.texts)


def is_cmake_build(found: Found) -> bool:
    """Does the build run CMake?"""
    return any("cmake" in found.rules.backends.get(name, ()) for name in backends(found)) or uses_cmake(found)


def cmake_build(found: Found) -> tuple[CMakeFile, ...]:
    """Give the files of the build by CMake, none where it is no such build."""
    return cmake_files(found.sdist.texts) if is_cmake_build(found) else ()


TORCH_PACKAGE = re.compile(r"find_package\s*\(\s*Torch\b|-c\s+[\"']?\s*import\s+torch\b", re.IGNORECASE)


def cmake_torch_place(found: Found) -> Place | None:
    """Give the line where the build's CMake looks for torch: anywhere in its first file, or where it always comes to."""
    for position, file in enumerate(cmake_build(found)):
        text = found.sdist.texts[file.path]
        for number, line in enumerate(text.split("\n"), 1) if "orch" in text else ():
            if "orch" in line and TORCH_PACKAGE.search(line.partition("#")[0][:1000]):
                branch = branch_at(text, number)
                if position == 0 or (file.condition is None and branch == ALWAYS):
                    return place_in(found, file.path, number)
    return None


def place_in(found: Found, path: str, number: int) -> Place:
    """Name a line of a text, counted from one."""
    lines = found.sdist.texts.get(path, "").split("\n")
    text = lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""
    return Place(file=path, line=number, text=text)


def backend_place(found: Found, module: str) -> Place | None:
    """Give the line that names a backend: in pyproject.toml, else where it is imported."""
    if module == backend_module(found.project):
        lines = found.sdist.texts.get("pyproject.toml", "").splitlines()
        numbered = ((number, line) for number, line in enumerate(lines, 1) if "build-backend" in line)
        return next((Place(file="pyproject.toml", line=n, text=line.strip()[:200]) for n, line in numbered), None)
    seen = (s for s in found.seen("import") if str(s.subject).split(".")[0] == module and not s.dead)
    return next((s.place for s in seen), None)
