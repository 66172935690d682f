"""What must be importable while an sdist is built without isolation, and why."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envcompose.analyse.build_scripts import hook_dependencies
from envcompose.analyse.declared import Project, cfg_lines, read_setup_cfg
from envcompose.analyse.importing import STANDARD
from envcompose.analyse.machine import Seen
from envcompose.analyse.program import Outcome
from envcompose.analyse.rules import BuildRules, distribution_of
from envcompose.analyse.values import Instance, Value
from envcompose.model.analysis import BuildNeed, Place, SdistTexts

TORCH_BUILDERS = frozenset({"CUDAExtension", "CppExtension"})
NOT_MODULES = frozenset(
    {"__future__", "__main__", "builtins", "__builtin__", "_winreg", "winreg", "urllib2", "ConfigParser"}
)


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


def build_needs(found: Found, declared_place: Place | None) -> tuple[BuildNeed, ...]:
    """Give the needs, sorted by name; of several reasons for one distribution the strongest counts."""
    if backend_module(found.project) in found.rules.stub_backends or refusal(found):
        return ()
    strongest: dict[str, BuildNeed] = {}
    needs = [
        *_declared(found, declared_place),
        *_imported(found),
        *_probed(found),
        *_started(found),
        *_from_extensions(found),
        *_from_cmake(found),
        *_setup_requires(found),
        *_hooked(found),
        *_from_hooks(found),
    ]
    optional_with_torch = builds_with_torch(found)
    for need in needs:
        known = strongest.get(need.distribution)
        if known is None or (need.required and not known.required):
            strongest[need.distribution] = need
    if optional_with_torch and "ninja" in strongest and not _uses_cmake(found):
        # torch's builder compiles without ninja, one file after the other; declaring it does not make it needed.
        strongest["ninja"] = replace(strongest["ninja"], required=False)
    return tuple(sorted(strongest.values(), key=lambda need: need.distribution))


def refusal(found: Found) -> Seen | None:
    """Give the place where setup.py stops on purpose, whatever the machine: it raises and never reaches setup()."""
    if any(not seen.soft for seen in found.seen("setup")):
        return None
    return next((s for s in found.seen("raised") if s.subject[0] == "RuntimeError" and not s.conditions), None)


def backend_module(project: Project) -> str:
    """Name the build backend's top-level module."""
    return project.build_backend.partition(":")[0].split(".")[0]


def _declared(found: Found, place: Place | None) -> Iterator[BuildNeed]:
    project = found.project
    for text in project.build_requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate(_environment(found.python)):
            continue
        why = f"declared in build-system.requires: {text}"
        if "pyproject.toml" not in found.sdist.texts or "build-system" not in project.document:
            why = f"no build-system table: PEP 517 fills in {text}"
        yield BuildNeed(
            distribution=canonicalize_name(requirement.name),
            required=True,
            condition=None,
            place=_spelled(found, text, place),
            why=why,
        )
    module = backend_module(project)
    # Where requirements are declared, the backend's own distribution is among them, whatever its name.
    if module and not project.backend_path and (module == "setuptools" or not project.build_requires):
        yield BuildNeed(
            distribution=distribution_of(project.build_backend.partition(":")[0], found.rules),
            required=True,
            condition=None,
            place=place,
            why=f"the build backend is {project.build_backend}",
        )


def _spelled(found: Found, text: str, place: Place | None) -> Place | None:
    """Give the line of pyproject.toml that spells a build requirement, at or after the line of the key."""
    if place is None:
        return None
    lines = found.sdist.texts.get(place.file, "").splitlines()
    for number in range(place.line, len(lines) + 1):
        line = lines[number - 1]
        if f'"{text}"' in line or f"'{text}'" in line:
            return Place(file=place.file, line=number, text=line.strip()[:200])
    return place


def _environment(python: tuple[int, int]) -> Mapping[str, str]:
    version = f"{python[0]}.{python[1]}"
    return {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "implementation_version": f"{version}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
        "extra": "",
    }


def _imported(found: Found) -> Iterator[BuildNeed]:
    for seen in found.seen("import"):
        distribution = outside_distribution(str(seen.subject), found)
        if distribution:
            yield _need(distribution, seen, f"imports {seen.subject}")


def outside_distribution(module: str, found: Found) -> str:
    """Name the distribution that brings a module; '' for the standard library of the target's Python."""
    top = module.split(".", maxsplit=1)[0]
    if not top or top in NOT_MODULES:
        return ""
    removed = found.rules.removed_modules.get(top)
    if removed is not None:
        since = tuple(int(part) for part in removed[0].split("."))
        return removed[1] if found.python >= since else ""
    return "" if top in STANDARD else distribution_of(module, found.rules)


def _need(distribution: str, seen: Seen, why: str, *, required: bool | None = None) -> BuildNeed:
    return BuildNeed(
        distribution=distribution,
        required=not seen.soft if required is None else required,
        condition=" and ".join(seen.conditions) or None,
        place=seen.place,
        why=why,
    )


PROBE = re.compile(r"(?:^not (?:\w+\.)*find_spec\(['\"](\w+)|find_spec\(['\"](\w+)['\"][^)]*\) is None)")


def _probed(found: Found) -> Iterator[BuildNeed]:
    """Give what a build insists on without importing it: `if find_spec(x) is None: raise`."""
    for seen in found.seen("raises"):
        for groups in PROBE.findall(str(seen.subject[1])):
            distribution = outside_distribution(groups[0] or groups[1], found)
            if distribution and not seen.dead:
                yield _need(distribution, seen, f"stops unless {groups[0] or groups[1]} is there", required=True)


CHILD_IMPORT = re.compile(r"(?:^|[;\n])\s*(?:import|from)\s+([A-Za-z_]\w*)")


def _started(found: Found) -> Iterator[BuildNeed]:
    """Give what child processes need: `python -m X`, `python -c 'import X'`, `pip show X`, programs on PATH."""
    for seen in found.seen("command"):
        argv = [word for word in seen.subject if isinstance(word, str)]
        for module in child_modules(argv):
            distribution = outside_distribution(module, found)
            if distribution and distribution != "pip":
                yield _need(distribution, seen, f"a child process imports {module}")
        if argv[1:2] == ["show"] or argv[1:4] == ["-m", "pip", "show"]:
            for name in argv[-1:]:
                if re.fullmatch(r"[A-Za-z][\w.-]*", name):
                    yield _need(canonicalize_name(name), seen, f"asks pip for {name}")
        program = started_program(argv)
        if program in found.rules.commands:
            yield _need(found.rules.commands[program], seen, f"starts {program}")


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
    return [(seen, record) for seen, record in made if not seen.dead]


def builds_with_torch(found: Found) -> bool:
    """Are extensions of a default build made by torch's builder, or by a CMake that looks for torch?"""
    if any(record.names.get("kind") in TORCH_BUILDERS for _, record in extensions(found)):
        return True
    return bool(_cmake_torch(found))


def _from_extensions(found: Found) -> Iterator[BuildNeed]:
    for seen, record in extensions(found):
        if record.names.get("kind") in TORCH_BUILDERS:
            yield _need("torch", seen, f"builds a {record.names['kind']}", required=True)
            yield _need("ninja", seen, "torch's builder uses ninja where it is importable", required=False)
            break
    for seen in found.seen("torch-builder"):
        yield _need("ninja", seen, "torch's builder uses ninja where it is importable", required=False)
        break
    for seen in found.seen("import"):
        if str(seen.subject).startswith("torch.utils.cpp_extension"):
            yield _need("ninja", seen, "torch's builder uses ninja where it is importable", required=False)
            break


def _uses_cmake(found: Found) -> bool:
    return any(need.distribution == "cmake" for need in _started(found))


CMAKE_IMPORT = re.compile(
    r"-c\s+[\"']?\s*import\s+([A-Za-z_]\w*)|find_package\s*\(\s*(Torch|pybind11|nanobind)\b", re.I
)


def cmake_file(found: Found) -> str:
    """Name the build's CMakeLists.txt: the one at the root, else the first of those one folder below."""
    files = sorted(path for path in found.sdist.texts if path.endswith("/CMakeLists.txt") and path.count("/") == 1)
    return "CMakeLists.txt" if "CMakeLists.txt" in found.sdist.texts or not files else files[0]


def _cmake_torch(found: Found) -> list[str]:
    if not is_cmake_build(found):
        return []
    text = found.sdist.texts.get(cmake_file(found), "")
    names = [(first or second).lower() for first, second in CMAKE_IMPORT.findall(_uncommented(text))]
    return [name for name in names if name == "torch"]


def is_cmake_build(found: Found) -> bool:
    """Does the build run CMake?"""
    module = backend_module(found.project)
    return "cmake" in found.rules.backends.get(module, ()) or _uses_cmake(found)


def _uncommented(text: str) -> str:
    return "\n".join(line.split("#")[0] for line in text.splitlines())


def _from_cmake(found: Found) -> Iterator[BuildNeed]:
    place = cmake_torch_place(found)
    if place is not None:
        yield BuildNeed(distribution="torch", required=True, condition=None, place=place, why="CMake looks for torch")


def cmake_torch_place(found: Found) -> Place | None:
    """Give the line where the build's CMake looks for torch."""
    if _cmake_torch(found):
        file = cmake_file(found)
        lines = found.sdist.texts[file].splitlines()
        number = next((n for n, line in enumerate(lines, 1) if CMAKE_IMPORT.search(line) and "orch" in line), 1)
        return Place(file=file, line=number, text=lines[number - 1].strip()[:200])
    return None


def _hooked(found: Found) -> Iterator[BuildNeed]:
    """Give what an in-tree backend asks for when it runs; a frontend asks only where the machine lacks it."""
    for seen in found.seen("hook"):
        name, value = seen.subject
        for text in value if name.startswith("get_requires") and isinstance(value, list) else ():
            match = re.match(r"[A-Za-z][\w.-]*", text) if isinstance(text, str) else None
            if match:
                yield _need(canonicalize_name(match.group()), seen, f"{name} asks for {text}", required=False)


def _setup_requires(found: Found) -> Iterator[BuildNeed]:
    seen = next(iter(found.seen("setup")), None)
    for name, text in setup_requires(found):
        if seen is not None:
            yield _need(name, seen, f"setup_requires: {text}", required=False)


def setup_requires(found: Found) -> list[tuple[str, str]]:
    """Give the names and texts of setup_requires that hold on the target; setuptools adds them to what is declared."""
    value = found.argument("setup_requires")
    texts = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    texts = [*texts, *cfg_lines(found.sdist, read_setup_cfg(found.sdist).get("options", {}).get("setup_requires", ""))]
    named: list[tuple[str, str]] = []
    for text in texts:
        try:
            requirement = Requirement(text) if isinstance(text, str) else None
        except InvalidRequirement:
            continue
        if requirement and (requirement.marker is None or requirement.marker.evaluate(_environment(found.python))):
            named.append((canonicalize_name(requirement.name), text))
    return named


def is_declared(found: Found, need: BuildNeed) -> bool:
    """Does an isolated build bring a need: is it declared, or in setup_requires?

    setup_requires are told when setup() is called: what setup.py imports at its top is missed before.
    """
    names = set()
    for text in found.project.build_requires:
        with contextlib.suppress(InvalidRequirement):
            names.add(canonicalize_name(Requirement(text).name))
    if need.distribution in names:
        return True
    lines = found.sdist.texts.get("setup.py", "").splitlines()
    place = need.place
    at_top = (
        place is not None and place.file == "setup.py" and "".join(lines[place.line - 1 : place.line])[:1].strip() != ""
    )
    return not at_top and need.distribution in {name for name, _ in setup_requires(found)}


def _from_hooks(found: Found) -> Iterable[BuildNeed]:
    for text in hook_dependencies(found.project.document):
        with contextlib.suppress(InvalidRequirement):
            yield BuildNeed(
                distribution=canonicalize_name(Requirement(text).name),
                required=True,
                condition=None,
                place=_spelled(found, text, Place(file="pyproject.toml", line=1, text="")),
                why=f"a hook of the build depends on {text}",
            )
    for name in found.rules.hook_requirements.get(backend_module(found.project), ()):
        yield BuildNeed(
            distribution=name,
            required=False,
            condition="no such program on PATH",
            place=None,
            why=f"{found.project.build_backend} asks for it when it runs",
        )
