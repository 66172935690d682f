"""Which toolkit packages the build's sources ask for: by the includes of the sources that the build can reach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, dirname, join, normpath

from envcompose.analyse.conclusions import compiles
from envcompose.analyse.found import (
    TORCH_BUILDERS,
    Found,
    backend_module,
    builds_with_torch,
    cmake_torch_place,
    extensions,
    is_cmake_build,
    kind_of,
)
from envcompose.analyse.tools import tool_needs
from envcompose.analyse.trim import is_aside
from envcompose.analyse.values import Unknown, paths_in
from envcompose.model.analysis import Place, SystemNeed

VENDORED = re.compile(
    r"(?:^|/)(?:third[-_]?party|3rd[-_]?party|vendor(?:ed)?(?:-\w+)?|extern(?:al)?|submodules|deps)/", re.IGNORECASE
)
"""Folders of other projects: their sources count where those of the sdist's own reach them."""


def toolkit_needs(found: Found) -> tuple[SystemNeed, ...]:
    """Give the conda packages that carry the headers, sorted by name; each with the first include that asks for it.

    Followed from the sources of the default build's extension modules through the sdist's own headers. Where these
    sources are not known, every source counts that does not stand in a folder of tests, tools, examples or documents.
    """
    if not compiles(found):
        return ()
    needs: dict[str, SystemNeed] = {}
    includes = list(outside_includes(found))
    switched = _switched(found)
    for header, place in includes:
        package = package_of(found, header)
        if package:
            why = f"a source of the build includes {header}"
            needs.setdefault(package, SystemNeed(name=package, condition=switched, place=place, why=why))
    for name, place, condition in [*((header, place, switched) for header, place in includes), *_builders(found)]:
        for package in _implied(found, name):
            why = f"{name} brings the header that it carries"
            needs.setdefault(package, SystemNeed(name=package, condition=condition, place=place, why=why))
    return tuple(needs[name] for name in sorted(needs))


def _switched(found: Found) -> str | None:
    """Say when a build by CMake compiles CUDA code at all; None where it always does, or where torch decides."""
    by_itself = is_cmake_build(found) or backend_module(found.project) == "mesonpy"
    if not by_itself or builds_with_torch(found):
        return None
    nvcc = next((need for need in tool_needs(found) if need.name.partition(">=")[0] == "nvcc"), None)
    return "its CUDA code is compiled" if nvcc is None else nvcc.condition


def package_of(found: Found, header: str) -> str | None:
    """Name the conda package that carries a header, by the rules."""
    rules = found.rules.headers
    package = rules.get(header) or rules.get("/".join(header.split("/")[:2]) + "/")
    return package or (rules.get(header.partition("/")[0] + "/") if "/" in header else None)


def _builders(found: Found) -> Iterator[tuple[str, Place | None, str | None]]:
    for seen, record in extensions(found):
        if kind_of(record) in TORCH_BUILDERS:
            yield kind_of(record), seen.place, " and ".join(seen.conditions) or None
    place = cmake_torch_place(found)
    if place is not None and any(name.endswith(".cu") for name, _ in found.sdist.names):
        yield "find_package(Torch)", place, None


def _implied(found: Found, name: str) -> tuple[str, ...]:
    entries = found.rules.implied_packages.items()
    every = [packages for key, packages in entries if key == name or (key.endswith("/") and name.startswith(key))]
    return tuple(package for packages in every for package in packages)


def outside_includes(found: Found) -> Iterator[tuple[str, Place | None]]:
    """Give the headers from outside that reached sources include, each once, in the order of reaching them."""
    own = _own_files(found)
    if not found.sdist.included:
        for header in found.sdist.includes:
            if not _suffixed(own, header):
                yield header, None
        return
    queue = _starts(found)
    reached = set(queue)
    known: dict[tuple[str, str, bool], list[str]] = {}
    told: set[str] = set()
    for path in queue:
        folder, aside = dirname(path), is_aside(path)
        for header, line in found.sdist.included.get(path, ()):
            targets = known.get((folder, header, aside))
            if targets is None:
                targets = known[folder, header, aside] = _resolved(own, folder, header, aside=aside)
            if not targets and header not in told:
                told.add(header)
                yield header, Place(file=path, line=line, text=f"#include <{header}>")
            for target in targets:
                if target not in reached:
                    reached.add(target)
                    queue.append(target)


def _own_files(found: Found) -> dict[str, list[str]]:
    own: dict[str, list[str]] = {}
    for name, _ in found.sdist.names:
        own.setdefault(name.rpartition("/")[2], []).append(name)
    return own


def _suffixed(own: dict[str, list[str]], header: str) -> list[str]:
    return [name for name in own.get(basename(header), ()) if name == header or name.endswith(f"/{header}")]


def _resolved(own: dict[str, list[str]], folder: str, header: str, *, aside: bool) -> list[str]:
    """Give the sdist's own files that an include may mean: the one beside the file, else those with such an ending."""
    beside = normpath(join(folder, header))
    matching = _suffixed(own, header.removeprefix("./")) if ".." not in header else []
    if beside in own.get(basename(header), ()):
        return [beside]
    kept = [name for name in matching if not is_aside(name)]
    return kept if kept or not aside else matching


def _starts(found: Found) -> list[str]:
    """Give the sources of the extension modules where all are known, else all of its own that are not aside.

    Where only C++ is certain and there is CUDA code too, that code is what a machine with a GPU would compile.
    """
    every = [path for path in found.sdist.included if not is_aside(path) and not VENDORED.search(path)]
    cuda = any(path.endswith(".cu") for path in every)
    made = extensions(found)
    if not made and not cuda:
        return []
    sources: list[str] = []
    for _, record in made:
        listed = record.names.get("sources")
        if not isinstance(listed, (list, tuple)) or any(isinstance(source, Unknown) for source in listed):
            return every
        sources += [normpath(path.removeprefix("/sdist/")) for path in paths_in(listed) if len(path) < 500]
    known = [path for path in dict.fromkeys(sources) if path in found.sdist.included]
    if cuda and builds_with_torch(found) and not any(path.endswith(".cu") for path in sources):
        tops = {path.partition("/")[0] for path in known}
        return [path for path in every if path.partition("/")[0] in tops] or every
    return known or every
