"""What makes a build fail, or succeed wrongly: one function per trap, in a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from packaging.utils import canonicalize_name

from envcompose.analyse.found import Found, backend_module, commands, refusal
from envcompose.analyse.native_traps import NATIVE_FINDERS
from envcompose.analyse.needs import brought_by, is_declared
from envcompose.analyse.tools import line_with
from envcompose.model.analysis import BuildNeed, Trap
from envcompose.model.foreign import foreign_requirement

Finder = Callable[[Found, tuple[BuildNeed, ...]], Iterator[Trap]]


def traps(found: Found, needs: tuple[BuildNeed, ...]) -> tuple[Trap, ...]:
    """Give what was found, in the order of the table and then of the source; each code and place once."""
    every = [trap for finder in FINDERS for trap in finder(found, needs)]
    return tuple(dict.fromkeys(every))


def _torch(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    need = next((need for need in needs if need.distribution == "torch" and need.required), None)
    if need is None:
        return
    if is_declared(found, need):
        text = "declares torch as a build requirement: an isolated build links whatever torch it resolves"
        yield Trap(code="torch-declared", text=text, place=need.place)
        yield from _window(found)
    elif _only_softly(found, "torch"):
        text = "builds without torch as well, and leaves out in silence what needs it; torch is not declared"
        yield Trap(code="torch-left-out", text=text, place=need.place)
    else:
        text = "needs torch to build and does not declare it: an isolated build fails"
        yield Trap(code="torch-undeclared", text=text, place=need.place)


def _only_softly(found: Found, module: str) -> bool:
    """Is a module imported, and its absence handled wherever it is?"""
    imports = [seen.soft for seen in found.seen("import") if str(seen.subject).split(".")[0] == module]
    return bool(imports) and all(imports)


def _window(found: Found) -> Iterator[Trap]:
    """Tell of a declared torch that admits few releases: one that is not among them is a conflict."""
    for text in found.project.build_requires:
        requirement = foreign_requirement(text)
        if requirement is None:
            continue
        bounds = [s for s in requirement.specifier if s.operator in ("==", "===", "~=", "<", "<=")]
        if canonicalize_name(requirement.name) == "torch" and bounds:
            told = f"its build admits only torch {requirement.specifier}: with another torch installed it is a conflict"
            yield Trap(code="torch-window", text=told, place=line_with(found, re.compile("torch"), "pyproject.toml"))


def _undeclared(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    for need in needs:
        if need.required and need.distribution not in ("torch", "setuptools") and not is_declared(found, need):
            text = f"needs {need.distribution} and does not declare it"
            if need.why.startswith("starts "):
                text = f"{need.why}, which no declared requirement brings: it must be on PATH"
            code = "undeclared-program" if need.why.startswith("starts ") else "undeclared-need"
            carrier = brought_by(found, need)
            if carrier is not None:
                code, text = (
                    "indirect-need",
                    f"needs {need.distribution}, which comes only with {carrier}: not declared",
                )
            yield Trap(code=code, text=text, place=need.place)


def _stub(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    if backend_module(found.project) in found.rules.stub_backends:
        text = f"{found.project.build_backend} builds nothing: it downloads a wheel from another index"
        yield Trap(code="stub-sdist", text=text, place=line_with(found, re.compile("build-backend"), "pyproject.toml"))


def _removed(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    told: set[str] = set()
    for seen in found.seen("import"):
        top = str(seen.subject).split(".")[0]
        inner = next(
            (m for m in found.rules.removed_modules if "." in m and f"{seen.subject}.".startswith(f"{m}.")), top
        )
        if inner in told or seen.soft:
            continue
        told.update((top, inner))
        removed = found.rules.removed_modules.get(inner)
        if removed and found.python >= tuple(int(part) for part in removed[0].split(".")):
            yield Trap(code="removed-module", text=f"imports {inner}, gone since Python {removed[0]}", place=seen.place)
        ceiling = found.rules.ceilings.get(top)
        if ceiling:
            yield Trap(code="ceiling", text=f"imports {top}, which needs its distribution {ceiling}", place=seen.place)


def _moved(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    told: set[str] = set()
    for seen in found.seen("import"):
        module = next((m for m in found.rules.module_notes if f"{seen.subject}.".startswith(f"{m}.")), None)
        if module is not None and module not in told and not seen.dead:
            told.add(module)
            text = f"imports {module}: {found.rules.module_notes[module]}"
            yield Trap(code="moved-module", text=text, place=seen.place)


def _runs_pip(found: Found, needs: tuple[BuildNeed, ...]) -> Iterator[Trap]:
    """Tell of a build that has pip install something, into whatever environment it runs in."""
    for seen, argv in commands(found):
        words = [word.rpartition("/")[2] for word in argv[:5]]
        if "install" in words and any(re.match(r"pip[\d.]*$", word) for word in words) and not seen.soft:
            yield Trap(code="runs-pip", text=f"the build runs {' '.join(argv)[:120]}", place=seen.place)
            return


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


FINDERS: tuple[Finder, ...] = (
    _torch,
    _undeclared,
    _stub,
    _removed,
    _moved,
    _runs_pip,
    _environment,
    _raises,
    *NATIVE_FINDERS,
)
