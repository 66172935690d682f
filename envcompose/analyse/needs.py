"""What must be importable while an sdist is built without isolation, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from posixpath import normpath

from packaging.utils import canonicalize_name

from envcompose.analyse.build_scripts import hook_dependencies
from envcompose.analyse.cmake_python import cmake_imports
from envcompose.analyse.declared import cfg_lines, read_setup_cfg
from envcompose.analyse.found import (
    TORCH_BUILDERS,
    Found,
    backend_module,
    backend_place,
    backends,
    builds_with_torch,
    child_modules,
    cmake_torch_place,
    commands,
    extensions,
    kind_of,
    refusal,
    started_program,
    uses_cmake,
)
from envcompose.analyse.importing import STANDARD
from envcompose.analyse.machine import Seen
from envcompose.analyse.rules import distribution_of
from envcompose.analyse.values import paths_in, shown
from envcompose.model.analysis import BuildNeed, Place
from envcompose.model.foreign import foreign_requirement

NOT_MODULES = frozenset(
    {"__future__", "__main__", "builtins", "__builtin__", "_winreg", "winreg", "urllib2", "ConfigParser"}
)


def build_needs(found: Found, declared_place: Place | None) -> tuple[BuildNeed, ...]:
    """Give the needs, sorted by name; of several reasons for one distribution the strongest counts."""
    if backend_module(found.project) in found.rules.stub_backends or refusal(found):
        return ()
    strongest: dict[str, BuildNeed] = {}
    needs = [
        *_declared(found, declared_place),
        *_imported(found),
        *_probed(found),
        *_asked(found),
        *_started(found),
        *_from_extensions(found),
        *_from_cython_sources(found),
        *_from_cmake(found),
        *_setup_requires(found),
        *_from_arguments(found),
        *_hooked(found),
        *_from_hooks(found),
    ]
    optional_with_torch = builds_with_torch(found)
    for need in needs:
        known = strongest.get(need.distribution)
        if known is None or (need.required, need.taken) > (known.required, known.taken):
            strongest[need.distribution] = need
    if optional_with_torch and "ninja" in strongest and not uses_cmake(found):
        # torch's builder compiles without ninja, one file after the other; declaring it does not make it needed.
        strongest["ninja"] = replace(strongest["ninja"], required=False)
    return tuple(sorted(strongest.values(), key=lambda need: need.distribution))


def _declared(found: Found, place: Place | None) -> Iterator[BuildNeed]:
    project = found.project
    for text in project.build_requires:
        requirement = foreign_requirement(text)
        if requirement is None:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate(_environment(found.python)):
            continue
        why, where = f"declared in build-system.requires: {text}", _spelled(found, text, place)
        if "pyproject.toml" not in found.sdist.texts or "build-system" not in project.document:
            why, where = f"no build-system table: PEP 517 fills in {text}", _setup_place(found)
        yield BuildNeed(
            distribution=canonicalize_name(requirement.name), required=True, condition=None, place=where, why=why
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


def _setup_place(found: Found) -> Place | None:
    """Give the call of setup(), which a build without a build-system table comes to; else the first line of setup.py."""
    called = next((seen.place for seen in found.seen("setup")), None)
    lines = found.sdist.texts.get("setup.py", "").split("\n")
    first = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), None)
    return called or (Place(file="setup.py", line=first[0], text=first[1].strip()[:200]) if first else None)


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
    distribution = distribution_of(module, found.rules)
    shared = top in found.rules.namespaces and distribution == canonicalize_name(top)
    return "" if top in STANDARD or shared else distribution


def _need(distribution: str, seen: Seen, why: str, *, required: bool | None = None) -> BuildNeed:
    return BuildNeed(
        distribution=distribution,
        required=not seen.soft if required is None else required,
        condition=" and ".join(seen.conditions) or None,
        place=seen.place,
        why=why,
        taken=not seen.dead,
    )


PROBE = re.compile(r"(?:^not (?:\w+\.)*find_spec\(['\"](\w+)|find_spec\(['\"](\w+)['\"][^)]*\) is None)")


def _probed(found: Found) -> Iterator[BuildNeed]:
    """Give what a build insists on without importing it: `if find_spec(x) is None: raise`."""
    for seen in found.seen("raises"):
        for groups in PROBE.findall(str(seen.subject[1])):
            distribution = outside_distribution(groups[0] or groups[1], found)
            if distribution and not seen.dead:
                yield _need(distribution, seen, f"stops unless {groups[0] or groups[1]} is there", required=True)


def _asked(found: Found) -> Iterator[BuildNeed]:
    """Give what a build asks for without needing it: is it installed, and in which version?"""
    for seen in found.seen("probe"):
        name = str(seen.subject)
        distribution = outside_distribution(name, found) if re.fullmatch(r"[A-Za-z_][\w.]*", name) else ""
        if re.fullmatch(r"[A-Za-z][\w.-]*", name) and not distribution:
            distribution = "" if name.partition(".")[0] in STANDARD else canonicalize_name(name)
        if distribution and distribution not in ("pip", canonicalize_name(shown(found.argument("name")))):
            yield _need(distribution, seen, f"asks whether {name} is installed", required=False)


def _started(found: Found) -> Iterator[BuildNeed]:
    """Give what child processes need: `python -m X`, `python -c 'import X'`, `pip show X`, programs on PATH."""
    for seen, argv in commands(found):
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
            required = not seen.soft and not seen.unminded
            yield _need(found.rules.commands[program], seen, f"starts {program}", required=required)


def _from_extensions(found: Found) -> Iterator[BuildNeed]:
    for seen, record in extensions(found):
        if kind_of(record) in TORCH_BUILDERS:
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


def _from_cython_sources(found: Found) -> Iterator[BuildNeed]:
    """Give Cython where an extension is made of .pyx sources, and the sdist does not hold the C that they become."""
    stems = {name.rpartition(".")[0] for name, _ in found.sdist.names if name.endswith((".c", ".cpp", ".cxx", ".cc"))}
    for seen, record in extensions(found):
        paths = [normpath(path.removeprefix("/sdist/")) for path in paths_in(record.names.get("sources"))]
        bare = [path for path in paths if path.endswith(".pyx") and path.rpartition(".")[0] not in stems]
        if bare:
            required = not seen.soft
            yield _need("cython", seen, f"compiles {bare[0]}, and the sdist holds no C of it", required=required)


def _from_cmake(found: Found) -> Iterator[BuildNeed]:
    place = cmake_torch_place(found)
    if place is not None:
        yield BuildNeed(distribution="torch", required=True, condition=None, place=place, why="CMake looks for torch")
    for asked in cmake_imports(found):
        distribution = outside_distribution(asked.module, found)
        if distribution not in ("", "torch", "pip"):
            yield BuildNeed(
                distribution=distribution,
                required=asked.condition is None and not asked.checked,
                condition=asked.condition,
                place=asked.place,
                why=f"CMake has Python import {asked.module}",
            )


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


def _from_arguments(found: Found) -> Iterator[BuildNeed]:
    """Give the plugins of setuptools whose arguments setup() is given: without them these are ignored with a warning."""
    seen = next(iter(found.seen("setup")), None)
    for name, distribution in found.rules.setup_arguments.items():
        if seen is not None and found.argument(name):
            yield _need(distribution, seen, f"setup() is given {name}", required=True)


def setup_requires(found: Found) -> list[tuple[str, str]]:
    """Give the names and texts of setup_requires that hold on the target; setuptools adds them to what is declared."""
    value = found.argument("setup_requires")
    texts = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    texts = [*texts, *cfg_lines(found.sdist, read_setup_cfg(found.sdist).get("options", {}).get("setup_requires", ""))]
    named: list[tuple[str, str]] = []
    for text in texts:
        requirement = foreign_requirement(text) if isinstance(text, str) else None
        if requirement and (requirement.marker is None or requirement.marker.evaluate(_environment(found.python))):
            named.append((canonicalize_name(requirement.name), text))
    return named


def is_declared(found: Found, need: BuildNeed) -> bool:
    """Does an isolated build bring a need: is it declared, or in setup_requires?

    setup_requires are told when setup() is called: what setup.py imports at its top is missed before.
    """
    declared = (foreign_requirement(text) for text in found.project.build_requires)
    if need.distribution in {canonicalize_name(one.name) for one in declared if one is not None}:
        return True
    return not _imported_at_top(found, need) and need.distribution in {name for name, _ in setup_requires(found)}


def brought_by(found: Found, need: BuildNeed) -> str | None:
    """Name the declared requirement whose own requirements bring a need that is not declared; None where none does."""
    for text in found.project.build_requires:
        requirement = foreign_requirement(text)
        name = canonicalize_name(requirement.name) if requirement is not None else ""
        if need.distribution in found.rules.brings.get(name, ()):
            return name
    return None


def _imported_at_top(found: Found, need: BuildNeed) -> bool:
    place = need.place
    if place is None or place.file != "setup.py" or not need.why.startswith("imports "):
        return False
    line = "".join(found.sdist.texts.get(place.file, "").split("\n")[place.line - 1 : place.line])
    return line[:1].strip() != ""


def _from_hooks(found: Found) -> Iterable[BuildNeed]:
    for text in hook_dependencies(found.project.document):
        requirement = foreign_requirement(text)
        if requirement is not None:
            yield BuildNeed(
                distribution=canonicalize_name(requirement.name),
                required=True,
                condition=None,
                place=_spelled(found, text, Place(file="pyproject.toml", line=1, text="")),
                why=f"a hook of the build depends on {text}",
            )
    for module in backends(found):
        for name in found.rules.hook_requirements.get(module, ()):
            yield BuildNeed(
                distribution=name,
                required=False,
                condition="no such program on PATH",
                place=backend_place(found, module),
                why=f"{module} asks for it when it runs",
            )
