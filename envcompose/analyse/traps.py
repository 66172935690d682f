"""What makes a build fail, or succeed wrongly: one function per trap, in a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envcompose.analyse.conclusions import compiles, cxx_standards, downloads, links_torch
from envcompose.analyse.needs import Found, backend_module, extensions, refusal
from envcompose.analyse.values import Unknown
from envcompose.model.analysis import BuildNeed, Place, Trap

Finder = Callable[[Found, tuple[BuildNeed, ...]], Iterator[Trap]]


def traps(found: Found, needs: tuple[BuildNeed, ...]) -> tuple[Trap, ...]:
    """Give what was found, in the order of the table and then of the source; each code and place once."""
    every = [trap for finder in FINDERS for trap in finder(found, needs)]
    return tuple(dict.fromkeys(every))


def _declares_torch(found: Found, needs: tuple[BuildNeed, ...]) -> bool:
    for text in found.project.build_requires:
        try:
            if canonicalize_name(Requirement(text).name) == "torch":
                return True
        except InvalidRequirement:
            continue
    return False


def _torch(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    need = next((need for need in needs if need.distribution == "torch" and need.required), None)
    if need is None:
        return
    if _declares_torch(found, needs):
        text = "declares torch as a build requirement: an isolated build links whatever torch it resolves"
        yield Trap(code="torch-declared", text=text, place=need.place)
    else:
        text = "needs torch to build and does not declare it: an isolated build fails"
        yield Trap(code="torch-undeclared", text=text, place=need.place)


def _undeclared(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    declared = {
        canonicalize_name(text.split(";")[0].split("[")[0].strip(" <>=!~.0123456789,"))
        for text in found.project.build_requires
    }
    for need in needs:
        if need.required and need.distribution not in declared | {"torch", "setuptools"}:
            yield Trap(
                code="undeclared-need", text=f"needs {need.distribution} and does not declare it", place=need.place
            )


def _stub(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    if backend_module(found.project) in found.rules.stub_backends:
        text = f"{found.project.build_backend} builds nothing: it downloads a wheel from another index"
        yield Trap(code="stub-sdist", text=text, place=None)


def _missing_sources(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    names = {name for name, _ in found.sdist.names}
    for seen, record in extensions(found):
        sources = record.names.get("sources")
        listed = [str(s) for s in sources if not isinstance(s, Unknown)] if isinstance(sources, (list, tuple)) else []
        paths = [normpath(path.removeprefix("/sdist/")) for path in listed]
        missing = [
            path for path in paths if path not in names and not path.startswith("/") and _stem(path) not in names
        ]
        if missing:
            text = f"{len(missing)} of {len(paths)} sources are not in the sdist, {missing[0]} among them"
            yield Trap(code="sources-missing", text=text, place=seen.place)


def _stem(path: str) -> str:
    # Cython writes x.c from x.pyx during the build.
    return f"{path.rsplit('.', 1)[0]}.pyx"


def _removed(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    told: set[str] = set()
    for seen in found.seen("import"):
        top = str(seen.subject).split(".")[0]
        if top in told or seen.soft:
            continue
        told.add(top)
        removed = found.rules.removed_modules.get(top)
        if removed and found.python >= tuple(int(part) for part in removed[0].split(".")):
            yield Trap(code="removed-module", text=f"imports {top}, gone since Python {removed[0]}", place=seen.place)
        ceiling = found.rules.ceilings.get(top)
        if ceiling:
            yield Trap(code="ceiling", text=f"imports {top}, which needs its distribution {ceiling}", place=seen.place)


def _environment(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    for seen in found.seen("switch"):
        if seen.subject[0] == "CONDA_PREFIX":
            text = "reads CONDA_PREFIX, which is not set while pixi builds"
            yield Trap(code="conda-prefix", text=text, place=seen.place)
            return


def _raises(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    refused = refusal(found)
    if refused is not None:
        yield Trap(code="refuses", text="setup.py stops on purpose: nothing can be built from it", place=refused.place)
        return
    for seen in found.seen("raised"):
        kind, text = seen.subject
        yield Trap(code="raises", text=f"stops with {kind}" + (f": {text}" if text else ""), place=seen.place)


def _fetches(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    if downloads(found) and compiles(found):
        place = line_with(found, re.compile(r"urlretrieve|urlopen|requests\.get|FetchContent_Declare|https?://"))
        yield Trap(code="downloads", text="the build fetches files from the network", place=place)


def line_with(found: Found, pattern: re.Pattern[str]) -> Place | None:
    """Give the first line of setup.py, else of CMakeLists.txt, that holds a pattern."""
    for file in ("setup.py", "CMakeLists.txt"):
        for number, line in enumerate(found.sdist.texts.get(file, "").splitlines(), 1):
            if pattern.search(line[:1000]):
                return Place(file=file, line=number, text=line.strip()[:200])
    return None


def _standard(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    standards = cxx_standards(found)
    if standards and links_torch(found, needs):
        text = f"compiles with a fixed -std={standards[-1]}, whatever its torch asks for"
        place = line_with(found, re.compile(rf"std[=:](c|gnu)\+\+{standards[-1][3:]}"))
        yield Trap(code="cxx-standard", text=text, place=place)


FINDERS: tuple[Finder, ...] = (
    _torch,
    _undeclared,
    _stub,
    _missing_sources,
    _removed,
    _environment,
    _raises,
    _fetches,
    _standard,
)
