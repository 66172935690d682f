"""What makes compiling fail, or compile the wrong thing: one function per trap, in a table."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from posixpath import dirname, normpath

from envcompose.analyse.conclusions import (
    CUDA,
    compiles,
    count_sources,
    cxx_standards,
    links_torch,
    standard_files,
)
from envcompose.analyse.files import member_path
from envcompose.analyse.found import Found, cmake_file, commands, extensions, is_cmake_build, kind_of
from envcompose.analyse.headers import outside_includes
from envcompose.analyse.machine import Seen
from envcompose.analyse.tools import download, line_with
from envcompose.analyse.trim import is_aside
from envcompose.analyse.values import paths_in
from envcompose.model.analysis import BuildNeed, Trap

Finder = Callable[[Found, tuple[BuildNeed, ...]], Iterator[Trap]]


REPLACES = re.compile(r"\bself\.extensions\s*(?:\[:\]\s*)?=[^=]|\.ext_modules\s*=[^=]")
"""A build command that exchanges the extensions for others: what setup() was given is only there to have it run."""


def _missing_sources(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    if any(REPLACES.search(text) for path, text in found.sdist.texts.items() if path.endswith(".py")):
        return
    names = {name for name, _ in found.sdist.names}
    made = {path for outcome in found.outcomes for path in outcome.written} - _folders(found)
    for seen, record in extensions(found):
        paths = [normpath(path.removeprefix("/sdist/")) for path in paths_in(record.names.get("sources"))]
        missing = [
            path for path in paths if path not in names and not path.startswith("/") and _stem(path) not in names
        ]
        # The build may make them, or a folder that it copies them to.
        missing = [path for path in missing if not any(above in made for above in _above(path))]
        # Cython takes patterns of files.
        missing = [path for path in missing if "*" not in path or len(path) > 200 or not fnmatch.filter(names, path)]
        if missing:
            text = f"{len(missing)} of {len(paths)} sources are not in the sdist, {missing[0]} among them"
            yield Trap(code="sources-missing", text=text, place=seen.place)


def _above(path: str) -> Iterator[str]:
    """Give a path and the folders that it stands in."""
    while path and len(path) < 1_000:
        yield path
        path = dirname(path)


def _missing_scripts(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    """Tell of a script that the build has Python run, and that neither the sdist holds nor the build writes."""
    names = {name for name, _ in found.sdist.names}
    folders = _folders(found)
    for seen, argv in commands(found):
        script = argv[1] if len(argv) > 1 and re.fullmatch(r"python[\d.]*", argv[0]) else ""
        path = normpath(script.removeprefix("/sdist/")) if len(script) < 500 else ""
        if not path.endswith(".py") or path.startswith(("/", "..", "<")) or path in names:
            continue
        if not (seen.soft or seen.dead or seen.unminded) and (dirname(path) or ".") in folders and "/" in path:
            yield Trap(code="sources-missing", text=f"runs {path}, which is not in the sdist", place=seen.place)
            return


def _stem(path: str) -> str:
    # Cython writes x.c from x.pyx during the build.
    return f"{path.rsplit('.', 1)[0]}.pyx"


def _no_cuda_sources(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    """Tell of a CUDA extension whose sources are globbed or computed, in an sdist without any native source."""
    for seen, record in extensions(found):
        if kind_of(record) == "CUDAExtension" and not any(
            name.endswith((".cu", ".cpp", ".cc", ".cxx", ".c")) for name, _ in found.sdist.names
        ):
            if not paths_in(record.names.get("sources")):
                text = "compiles a CUDAExtension, and the sdist holds no native source at all"
                yield Trap(code="sources-missing", text=text, place=seen.place)
            return


def _submodules(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    """Tell of folders that the build looks into and that a git submodule would have filled."""
    folders = _folders(found)
    told: set[str] = set()
    for line in found.sdist.texts.get(".gitmodules", "").splitlines():
        key, _, value = line.partition("=")
        path = normpath(value.strip()) if key.strip() == "path" and value.strip() else ""
        if path and path not in folders and path not in told and not is_aside(f"{path}/x"):
            told.add(path)
            place = line_with(found, re.compile(rf"path\s*=\s*{re.escape(value.strip())}\s*$"), ".gitmodules")
            yield Trap(code="submodule-missing", text=f"the git submodule {path} is not there", place=place)
    for seen, record in extensions(found):
        for text in paths_in(record.names.get("include_dirs")):
            member = member_path(text) if len(text) < 500 else None
            if member and member not in folders and member not in told and _is_missed(found, needs, member):
                told.add(member)
                what = f"the include folder {member} is not in the sdist: a git submodule that was left out looks so"
                yield Trap(code="submodule-missing", text=what, place=seen.place)


def _is_missed(found: Found, needs: tuple[BuildNeed, ...], folder: str) -> bool:
    """Is a folder one that sources are kept in, and do others include something of it, if there are any to tell?"""
    if re.match(r"(build|_build|_skbuild|dist|\.)", folder):
        return False
    # What a distribution of the build brings is not missed either.
    parts = set(folder.split("/")) - {need.distribution for need in needs}
    heads = (header.partition("/")[0] for header, _ in outside_includes(found) if "/" in header)
    return not found.sdist.included or any(head in parts for head in heads)


def _folders(found: Found) -> set[str]:
    folders: set[str] = {"."}
    for parent in {dirname(name) for name, _ in found.sdist.names}:
        folder = parent
        while folder and folder not in folders:
            folders.add(folder)
            folder = dirname(folder)
    return folders


ADD_FOLDER = re.compile(r"^add_subdirectory\s*\(\s*([\w./-]+)", re.I)


def _cmake_folders(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    if not is_cmake_build(found):
        return
    folders = _folders(found)
    for line in found.sdist.texts.get("CMakeLists.txt", "").splitlines():
        match = ADD_FOLDER.match(line)
        if match and normpath(match.group(1)) not in folders and not is_aside(f"{match.group(1)}/x"):
            place = line_with(found, re.compile(re.escape(line)), "CMakeLists.txt")
            text = f"CMake adds the folder {match.group(1)}, which is not in the sdist"
            yield Trap(code="submodule-missing", text=text, place=place)


ASKS_GPU = "is_available"
ASKED = re.compile(r"is_available|device_count")


def _gpu(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    """Tell of builds that need a GPU, and of those that leave out their CUDA code where there is none."""
    if not compiles(found) and next(found.seen("extension"), None) is None:
        return
    needing = next(_needing_gpu(found), None)
    if needing is not None:
        told = " and ".join(needing.conditions)
        names = sorted({str(s.subject[0]) for s in found.seen("switch") if str(s.subject[0]) in told})
        remedy = f", unless {' or '.join(names)} is set" if names else ""
        text = f"asks the GPU of the building machine: without one, the build fails{remedy}"
        yield Trap(code="gpu-needed", text=text, place=needing.place)
        return
    asking = next((s for s in found.seen("gpu") if ASKED.search(s.subject) and not s.dead), None)
    made = [seen for seen, record in extensions(found) if kind_of(record) == "CUDAExtension"]
    if asking is None or not _has_cuda(found) or not compiles(found) or (made and not any(s.soft for s in made)):
        # An extension that is compiled in any case is not left out, whatever the GPU is asked for.
        return
    switches = {str(seen.subject[0]) for seen in found.seen("switch")}
    forced = sorted(
        name
        for name in switches
        if re.search(r"FORCE_(ONLY_)?CUDA(_EXT\w*)?$|(WITH|BUILD|USE)_CUDA$|^TORCH_CUDA_ARCH_LIST$", name)
    )
    remedy = f"; {' or '.join(forced)} decides it instead" if forced else ""
    text = f"where the building machine has no GPU, CUDA code is left out in silence{remedy}"
    yield Trap(code="silent-cpu", text=text, place=asking.place)


def _needing_gpu(found: Found) -> Iterator[Seen]:
    for seen in found.seen("gpu"):
        if ASKS_GPU not in seen.subject and "device_count" not in seen.subject and not seen.soft:
            yield seen
    for seen in found.seen("raises"):
        if re.match(r"not (torch\.)?cuda\.is_available\(\)$", str(seen.subject[1])) and not seen.dead:
            yield seen


def _has_cuda(found: Found) -> bool:
    cuda = any(kind_of(record) == "CUDAExtension" for _, record in extensions(found))
    return cuda or count_sources(found.sdist, CUDA) > 0


ARCHES = re.compile(r"gencode|generate-code|-arch[= ]|TORCH_CUDA_ARCH_LIST|--gpu-architecture")


def _arch_list(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    """Tell of CUDA extensions that name no GPU architecture: torch then asks the building machine's GPUs."""
    made = [seen for seen, record in extensions(found) if kind_of(record) == "CUDAExtension"]
    texts = [found.sdist.texts[file] for file in standard_files(found)]
    if made and not any(ARCHES.search(text) for text in texts):
        text = (
            "names no GPU architecture: without TORCH_CUDA_ARCH_LIST torch's builder asks the building machine's GPUs"
        )
        yield Trap(code="arch-list", text=text, place=made[0].place)


def _fetches(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    fetched = download(found)
    if fetched is not None and compiles(found):
        place, condition = fetched
        told = "the build fetches files from the network" + (f", where it is so: {condition}" if condition else "")
        yield Trap(code="downloads", text=told, place=place)


def _standard(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    standards = cxx_standards(found)
    if standards and links_torch(found, needs):
        number = standards[-1][3:]
        pattern = re.compile(rf"std[=:](c|gnu)\+\+{number}|CMAKE_C(?:XX|UDA)_STANDARD\s+{number}")
        text = f"compiles with a fixed -std={standards[-1]}, whatever its torch asks for"
        place = line_with(found, pattern, *standard_files(found), cmake_file(found))
        yield Trap(code="cxx-standard", text=text, place=place)


NATIVE_FINDERS: tuple[Finder, ...] = (
    _missing_sources,
    _missing_scripts,
    _no_cuda_sources,
    _submodules,
    _cmake_folders,
    _gpu,
    _arch_list,
    _fetches,
    _standard,
)
