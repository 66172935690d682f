"""The programs and services that a default build needs, each with the place that says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from posixpath import splitext

from envcompose.analyse.cmake import Branch, branch_at, is_off, joined, options_of, without_alternatives
from envcompose.analyse.found import (
    TORCH_BUILDERS,
    Found,
    backend_module,
    backend_place,
    backends,
    cmake_build,
    cmake_torch_place,
    commands,
    extensions,
    is_cmake_build,
    kind_of,
    place_in,
    started_program,
)
from envcompose.analyse.machine import Seen
from envcompose.analyse.trim import is_aside
from envcompose.analyse.values import Choice, Unknown, Value, paths_in
from envcompose.model.analysis import Place, SystemNeed

NVCC_FLOOR = re.compile(r"(?:cuda|nvcc|bare_metal)\w*\s*<\s*(?:\w+\.)*(?:Version|parse)\(['\"](\d+\.\d+)['\"]\)", re.I)
BY_SUFFIX = {".cpp": "cxx", ".cc": "cxx", ".cxx": "cxx", ".c": "c", ".pyx": "c", ".cu": "nvcc", ".i": "swig"}
BY_SUFFIX |= {".f": "fortran", ".f90": "fortran"}
BY_KIND = {"CUDAExtension": ("nvcc", "cxx"), "CppExtension": ("cxx",), "Pybind11Extension": ("cxx",)}
FETCHING = re.compile(r"\b(?:urlretrieve|urlopen|requests\.get|httpx\.get)\b")
FETCHERS_OF_PYTHON = re.compile(r"(urllib\.request|urllib2?$|requests|httpx)\b")
CMAKE_FETCH = re.compile(
    r"^[ \t]*(?:FetchContent_Declare|ExternalProject_Add|CPM(?:Add|Find)Package|file\s{0,9}\(\s{0,99}DOWNLOAD)\b",
    re.MULTILINE | re.IGNORECASE,
)
CMAKE_ADDRESS = re.compile(r"_REPOSITORY\b|\bURL\b|DOWNLOAD|CPM", re.IGNORECASE)
"""What a project of others is fetched from; one that has none of these stands in a folder."""
COMPILING = frozenset(
    [
        "pkg-config",
        "pg_config",
        "mysql_config",
        "xml2-config",
        "xslt-config",
        "llvm-config",
        "mpicc",
        "mpicxx",
        "swig",
        "protoc",
        "gfortran",
        "bison",
        "flex",
        "autoconf",
        "patchelf",
    ]
)
"""Programs that a build of native code may start, besides its compilers."""
ALWAYS_TOLD = frozenset(
    {"cmake", "ninja", "git", "make", "bazel", "meson", "node", "npm", "yarn", "pnpm", "go", "java"}
)
"""Programs that build things by themselves, of native code or not."""
FETCHERS = frozenset({"curl", "wget"})


def tool_needs(found: Found) -> tuple[SystemNeed, ...]:
    """Give the tools sorted by name, each once with the first reason; nvcc carries its minimum where the code names one."""
    needs: dict[str, SystemNeed] = {}
    for need in [
        *_of_backend(found),
        *_of_meson(found),
        *_of_extensions(found),
        *_of_commands(found),
        *_of_arguments(found),
        *_of_cuda_code(found),
        *_of_network(found),
    ]:
        known = needs.setdefault(need.name, need)
        if known.condition is not None and need.condition is None:
            needs[need.name] = need
    if "cmake" in needs:
        cmake = needs["cmake"]
        needs.setdefault("cxx", replace(cmake, name="cxx", why="CMake compiles"))
    floor = _nvcc_floor(found)
    if "nvcc" in needs and floor is not None:
        version, place = floor
        del needs["nvcc"]
        needs[f"nvcc>={version}"] = _need(f"nvcc>={version}", None, "refuses older ones", place)
    return tuple(needs[name] for name in sorted(needs))


def _shared(one: str | None, other: str | None) -> str | None:
    """Give the leading conditions that two have in common."""
    shared: list[str] = []
    for first, second in zip((one or "").split(" and "), (other or "").split(" and "), strict=False):
        if first != second:
            break
        shared.append(first)
    return " and ".join(shared) or None


def _need(name: str, seen: Seen | None, why: str, place: Place | None = None) -> SystemNeed:
    condition = (" and ".join(seen.conditions) or None) if seen else None
    return SystemNeed(name=name, condition=condition, place=seen.place if seen else place, why=why)


def _of_backend(found: Found) -> Iterator[SystemNeed]:
    for module in backends(found):
        for name in found.rules.backends.get(module, ()):
            yield _need(name, None, f"{module} builds it", backend_place(found, module))


MESON_PROJECT = re.compile(r"\bproject\s*\(([^)]*?)(?:\w+\s*:|\))", re.S)
MESON_TOOLS = {"c": "c", "cpp": "cxx", "fortran": "fortran", "rust": "rust", "cuda": "nvcc"}


def _of_meson(found: Found) -> Iterator[SystemNeed]:
    """Give the compilers of the languages that a meson project names."""
    text = found.sdist.texts.get("meson.build", "") if backend_module(found.project) == "mesonpy" else ""
    project = MESON_PROJECT.search(text)
    named = re.findall(r"['\"](\w+)['\"]", project.group(1))[1:] if project else []
    for name in [*named, *re.findall(r"\badd_languages\s*\(\s*['\"](\w+)['\"]", text)]:
        if name in MESON_TOOLS:
            place = line_with(found, re.compile(rf"['\"]{name}['\"]"), "meson.build")
            yield _need(MESON_TOOLS[name], None, f"meson compiles {name}", place)


def _of_extensions(found: Found) -> Iterator[SystemNeed]:
    """Give the compilers; where one line makes an extension in several ways, what all of them ask for decides."""
    made: dict[str, SystemNeed] = {}
    for need in [*_of_each_extension(found), *_of_unknown_extensions(found)]:
        known = made.setdefault(need.name, need)
        if known.condition != need.condition and known.place == need.place:
            made[need.name] = replace(known, condition=_shared(known.condition, need.condition))
    yield from made.values()


def _of_each_extension(found: Found) -> Iterator[SystemNeed]:
    for seen, record in extensions(found):
        kind = kind_of(record)
        for name in BY_KIND.get(kind, ()):
            yield _need(name, seen, f"compiles a {kind}")
        for suffix in sorted(_suffixes(record.names.get("sources")) & BY_SUFFIX.keys()):
            if suffix != ".cu" or kind != "CppExtension":
                # What the sources of a C++ extension may be can stand under another condition than its own.
                by_language = suffix == ".pyx" and record.names.get("language") in ("c++", "C++")
                yield _need("cxx" if by_language else BY_SUFFIX[suffix], seen, f"compiles {suffix} sources")


def _of_unknown_extensions(found: Found) -> Iterator[SystemNeed]:
    """Give the compilers of the sources where setup() is given extensions that cannot be followed."""
    modules = found.argument("ext_modules")
    followed = not isinstance(modules, Unknown) or isinstance(modules, Choice)
    if extensions(found) or is_cmake_build(found) or (followed and not found.argument("configuration")):
        return
    seen = next(iter(found.seen("setup")), None)
    own = {splitext(name)[1] for name, _ in found.sdist.names if not is_aside(name)}
    for suffix in sorted(own & (BY_SUFFIX.keys() - {".i"})):
        yield _need(BY_SUFFIX[suffix], seen, f"compiles what cannot be followed, and holds {suffix} sources")


def _suffixes(sources: Value) -> set[str]:
    return {splitext(path)[1].lower() for path in paths_in(sources) if len(path) < 500}


def _of_commands(found: Found) -> Iterator[SystemNeed]:
    compiles = bool(extensions(found)) or bool(found.argument("ext_modules"))
    for seen, argv in commands(found):
        program = started_program(argv).rstrip(">")
        if seen.dead or ((seen.soft or (seen.unminded and program != "git")) and not seen.conditions):
            # git is started to name a version where there is a repository: it is told, and may be missing.
            continue
        if program in ALWAYS_TOLD or (compiles and program in ("nvcc", *COMPILING)):
            yield _need(program, seen, f"starts {program}")
        if program in ("cargo", "rustc"):
            yield _need("rust", seen, f"starts {program}")


CMAKE_CUDA = re.compile(
    r"^[ \t]*(?:enable_language\s{0,9}\(\s{0,99}CUDA\b|project\s{0,9}\([^)]{0,200}\bCUDA\b"
    r"|(?:set|list)\s{0,9}\(\s{0,9}(?:APPEND\s{1,9})?\w{0,50}languages?\b[^)\n]{0,99}\bCUDA\b|cuda_add_(?:library|executable)\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""CMake compiles CUDA code: a language of the project, also by a list of them, or by the older commands."""


def _of_cuda_code(found: Found) -> Iterator[SystemNeed]:
    """Give nvcc where CMake compiles CUDA, or where a build for torch does so under a condition only."""
    cuda = next((name for name, _ in found.sdist.names if name.endswith(".cu") and not is_aside(name)), None)
    for place, branch in _cuda_of_cmake(found, any_cuda=cuda is not None):
        condition = _cmake_condition(found) or branch
        yield SystemNeed(name="nvcc", condition=condition, place=place, why="CMake compiles CUDA code")
    made = [seen for seen, record in extensions(found) if kind_of(record) in TORCH_BUILDERS]
    if cuda is not None and made:
        why = f"compiles {cuda} where the build finds a GPU, or is told to"
        place, condition = made[0].place, "CUDA is found or forced"
        yield SystemNeed(name="nvcc", condition=condition, place=place, why=why)


def _cuda_of_cmake(found: Found, *, any_cuda: bool) -> list[tuple[Place, str | None]]:
    """Give where CMake turns CUDA on, each with its condition; else where it looks for torch, if there is CUDA code."""
    places = list(cmake_lines(found, CMAKE_CUDA))
    torch = cmake_torch_place(found) if any_cuda and not places else None
    if torch is not None:
        places.append((torch, branch_at(found.sdist.texts[torch.file], torch.line).condition))
    return places


def cmake_lines(
    found: Found, pattern: re.Pattern[str], *, default: bool = False, within: re.Pattern[str] | None = None
) -> Iterator[tuple[Place, str | None]]:
    """Give the first line of each file of a build by CMake that holds a pattern, with the conditions that it has.

    The lines that stand under fewest come first. Not given: what never holds on Linux, and what only tests, benchmarks,
    examples or documents come to; by `default` what an option asks for that is off at its default; and calls that do
    not hold another pattern `within` them.
    """
    files = cmake_build(found)
    options = options_of(found.sdist.texts, files) if default else {}
    for file in files:
        if CMAKE_ASIDE.search(file.condition or "") or (default and file.off):
            continue
        text = found.sdist.texts[file.path]
        matches = [match.span() for match in islice(pattern.finditer(text), MAX_MATCHES)]
        calls = ((start, text[start : end + MAX_CALL].partition(")")[0]) for start, end in matches)
        lines = [text.count("\n", 0, start) + 1 for start, call in calls if within is None or within.search(call)]
        stands = [(branch_at(text, line), line) for line in lines]
        others = [branch for branch, _ in stands]
        for branch, line in sorted(((without_alternatives(b, others), n) for b, n in stands), key=_conditions):
            if not branch.dead and not CMAKE_ASIDE.search(branch.condition or "") and not is_off(branch, options):
                yield place_in(found, file.path, line), joined((file.condition, *branch.conditions))
                break


def _conditions(stand: tuple[Branch, int]) -> int:
    return len(stand[0].conditions)


CMAKE_ASIDE = re.compile(r"TEST|BENCH|EXAMPLE|DOC", re.I)
MAX_MATCHES = 50
MAX_CALL = 2_000
"""Characters of a call of CMake that are looked at."""


def _cmake_condition(found: Found) -> str | None:
    """Say under which condition the build starts CMake; None where it always does."""
    started = [
        seen for seen in found.seen("command") if not seen.dead and started_program(list(seen.subject)) == "cmake"
    ]
    if not started or not all(seen.soft for seen in started):
        return None
    return " and ".join(started[0].conditions) or None


def _of_arguments(found: Found) -> Iterator[SystemNeed]:
    if found.argument("rust_extensions"):
        yield _need("rust", next(iter(found.seen("setup")), None), "setup() is given rust_extensions")


def _of_network(found: Found) -> Iterator[SystemNeed]:
    fetched = download(found)
    if fetched is not None:
        place, condition = fetched
        yield SystemNeed(name="network", condition=condition, place=place, why="the build fetches files")


def download(found: Found) -> tuple[Place, str | None] | None:
    """Give where the build fetches a wheel of its own releases or the sources of others, and under which condition."""
    files = [s.place.file for s in found.seen("import") if FETCHERS_OF_PYTHON.match(str(s.subject)) and not s.dead]
    place = line_with(found, FETCHING, *dict.fromkeys(files)) if files else None
    if place is not None:
        return place, None
    by_cmake = sorted(
        cmake_lines(found, CMAKE_FETCH, default=True, within=CMAKE_ADDRESS), key=lambda fetched: fetched[1] is not None
    )
    if by_cmake:
        return by_cmake[0]
    fetching = [s for s, argv in commands(found) if not s.dead and _fetches(argv) and (s.conditions or not s.soft)]
    return (fetching[0].place, " and ".join(fetching[0].conditions) or None) if fetching else None


def _fetches(argv: list[str]) -> bool:
    return started_program(argv) in FETCHERS or argv[:2] == ["git", "clone"]


def _nvcc_floor(found: Found) -> tuple[str, Place] | None:
    # A refusal that asks for more than an old nvcc (an architecture that it lacks, too) is no floor.
    refused = [(NVCC_FLOOR.fullmatch(str(seen.subject[1])), seen.place) for seen in found.seen("raises")]
    floors = [(match.group(1), place) for match, place in refused if match is not None]
    return max(floors, key=lambda floor: tuple(int(part) for part in floor[0].split(".")), default=None)


def line_with(found: Found, pattern: re.Pattern[str], *files: str) -> Place | None:
    """Give the first line of these files (setup.py and CMakeLists.txt unless told) that holds a pattern."""
    for file in files or ("setup.py", "CMakeLists.txt"):
        for number, line in enumerate(found.sdist.texts.get(file, "").splitlines(), 1):
            if pattern.search(line[:1000]):
                return Place(file=file, line=number, text=line.strip()[:200])
    return None
