"""torch: its CUDA line and C++ ABI, read from its files, and asked of torch itself only where they do not say."""

from __future__ import annotations

import ast
import contextlib
import os
import re
from dataclasses import dataclass

from . import children, elf
from .case import Case, Check
from .environment import Environment
from .words import ERROR, UNKNOWN, Finding, Result

_ASK = "import torch; print(torch.version.cuda, int(torch.compiled_with_cxx11_abi()))"


@dataclass(frozen=True)
class Build:
    """What the installed torch was built for; None where its files do not say."""

    folder: str
    version: str | None
    cuda: str | None
    cxx11_abi: bool | None
    stated: bool
    """Whether torch/version.py was there to be read: a CPU build states a CUDA of None."""


def find(environment: Environment) -> Build | None:
    """The build of the torch that an import would find; None where there is none."""
    for site in environment.path:
        folder = os.path.join(site or os.curdir, "torch")
        if site and os.path.isfile(os.path.join(folder, "__init__.py")):
            return read_build(folder, environment.prefix)
    return None


def read_build(folder: str, prefix: str) -> Build:
    """The build of the torch in a folder; conda keeps its libraries in the prefix."""
    stated = _assignments(os.path.join(folder, "version.py"))
    return Build(
        folder=folder,
        version=_text(stated.get("__version__")),
        cuda=_text(stated.get("cuda")),
        cxx11_abi=_abi(folder, prefix),
        stated="cuda" in stated,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _assignments(path: str) -> dict[str, object]:
    """The constants that a module assigns at its top level, without running it."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, ValueError, SyntaxError):
        return {}
    found: dict[str, object] = {}
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(getattr(node, "value", None), ast.Constant):
                found[target.id] = node.value.value  # type: ignore[attr-defined]
    return found


def _abi(folder: str, prefix: str) -> bool | None:
    """The C++ ABI, from the symbols that libc10 exports, else from the flags that torch ships for CMake."""
    exported: frozenset[bytes] = frozenset()
    for place in (folder, prefix):
        with contextlib.suppress(OSError, ValueError):
            exported = exported or elf.read_symbols(os.path.join(place, "lib", "libc10.so")).defined
    # A std::string parameter is mangled as `Ss` in the old ABI and as `NSt7__cxx1112basic_string` in the new one.
    ours = [name for name in exported if name.startswith((b"_ZN3c10", b"_ZNK3c10"))]
    new = sum(b"__cxx1112basic_string" in name for name in ours)
    old = sum(name.endswith((b"RKSs", b"ESs", b"RKSsS2_")) or b"ERKSs" in name for name in ours)
    if bool(new) != bool(old):
        return bool(new)
    for place in (folder, prefix):
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(place, "share", "cmake", "Torch", "TorchConfig.cmake"), encoding="utf-8") as file:
                flag = re.search(r"_GLIBCXX_USE_CXX11_ABI=([01])", file.read())
            if flag:
                return flag.group(1) == "1"
    return None


def _ask(case: Case) -> tuple[str | None, bool] | children.Ended:
    """What torch says when it is imported, or how the import ended."""
    ended = children.run([case.environment.python, "-c", _ASK], case.limit)
    words = ended.output.split()
    if not ended.ok or len(words) < 2:
        return ended
    return (None if words[-2] == "None" else words[-2]), words[-1] == "1"


def judge_cuda(case: Case) -> Result:
    """torch is built for the expected CUDA line, and is no CPU build by accident."""
    wanted, build = case.expect.torch, find(case.environment)
    if wanted is None or build is None:
        return Result(skipped="no torch is expected" if wanted is None else "torch is missing")
    found = build.cuda
    if not build.stated:
        asked = _ask(case)
        if isinstance(asked, children.Ended):
            fix = "pixi reinstall torch"
            return Result(1, (Finding(UNKNOWN, "torch", f"CUDA {wanted.cuda}", f"not to be told: {asked.story}", fix),))
        found = asked[0]
    if _same_line(found, wanted.cuda):
        return Result(1)
    fix = "take torch from the index that the manifest names: pixi reinstall torch"
    return Result(1, (Finding(ERROR, "torch", _line(wanted.cuda), _line(found), fix),))


def _line(cuda: str | None) -> str:
    return "a CPU build" if cuda is None else f"CUDA {cuda}"


def _same_line(left: str | None, right: str | None) -> bool:
    if left is None or right is None:
        return left == right
    return left.split(".")[:2] == right.split(".")[:2]


def judge_abi(case: Case) -> Result:
    """torch's C++ ABI flag is the one that the extensions were chosen for."""
    build = find(case.environment)
    wanted = case.expect.torch.cxx11_abi if case.expect.torch else case.expect.cxx11_abi
    if wanted is None or build is None:
        return Result(skipped="no C++ ABI is expected" if wanted is None else "torch is missing")
    found = build.cxx11_abi
    expected = f"_GLIBCXX_USE_CXX11_ABI={int(wanted)}"
    if found is None:
        asked = _ask(case)
        if isinstance(asked, children.Ended):
            story = f"not to be told: {asked.story}"
            return Result(1, (Finding(UNKNOWN, "torch", expected, story, "pixi reinstall torch"),))
        found = asked[1]
    if found == wanted:
        return Result(1)
    fix = "take torch from the layer and index that the manifest names: pixi reinstall torch"
    return Result(1, (Finding(ERROR, "torch", expected, f"_GLIBCXX_USE_CXX11_ABI={int(found)}", fix),))


CHECKS = (
    Check("torch.cuda", "CUDA line of torch", judge_cuda),
    Check("torch.abi", "C++ ABI of torch", judge_abi),
)
