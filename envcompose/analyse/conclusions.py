"""Tools, toolkit packages, names and switches that the evaluations speak of."""

from __future__ import annotations

import re
from posixpath import basename

from envcompose.analyse.declared import egg_info_text, entry_points, read_setup_cfg
from envcompose.analyse.found import (
    Found,
    backend_module,
    backends,
    builds_with_torch,
    cmake_file,
    extensions,
    is_cmake_build,
)
from envcompose.analyse.tables import strings_in, table_at
from envcompose.analyse.values import Choice, Instance, Unknown, Value
from envcompose.model.analysis import BuildNeed, SdistTexts

CUDA = frozenset({".cu"})
NATIVE = frozenset({".c", ".cc", ".cpp", ".cxx", ".cu", ".pyx", ".rs", ".f", ".f90"})
CMAKE_STANDARD = re.compile(r"\bCMAKE_C(?:XX|UDA)_STANDARD\s+(\d\d)\b")
STANDARD = re.compile(r"[-/]std[=:](c\+\+|gnu\+\+)(\d\w)")


def count_sources(sdist: SdistTexts, suffixes: frozenset[str]) -> int:
    """Count the members with one of these suffixes."""
    endings = tuple(suffixes)
    return sum(name.endswith(endings) or name.lower().endswith(endings) for name, _ in sdist.names)


def compiles(found: Found) -> bool:
    """Does a default build compile native code?"""
    if extensions(found):
        return True
    modules = found.argument("ext_modules")
    if isinstance(modules, (list, tuple)) and modules:
        return True
    if isinstance(modules, Unknown) and not isinstance(modules, Choice) and count_sources(found.sdist, NATIVE):
        # What cannot be followed is taken for what the sources say.
        return True
    if any(found.rules.backends.get(name) for name in backends(found)):
        return True
    if found.argument("configuration") and count_sources(found.sdist, NATIVE):
        # numpy.distutils is told of extensions by functions of its own, in many files.
        return True
    return any(found.argument(name) for name in ("rust_extensions", "cffi_modules"))


def links_torch(found: Found, needs: tuple[BuildNeed, ...]) -> bool:
    """Does a default build compile against torch: by torch's builder, or by its own means while torch is needed?"""
    needed = any(need.distribution == "torch" and need.required for need in needs)
    return builds_with_torch(found) or (needed and compiles(found))


def cxx_standards(found: Found) -> tuple[str, ...]:
    """Give the hard-coded C++ standards of the build's Python files, the highest last."""
    years = {digits for file in standard_files(found) for _, digits in STANDARD.findall(found.sdist.texts[file])}
    years |= {digits for text in _cmake_texts(found) for digits in CMAKE_STANDARD.findall(text)}
    order = {"98": 0, "03": 1, "0x": 2, "11": 2, "1y": 3, "14": 3, "1z": 4, "17": 4, "2a": 5, "20": 5, "2b": 6, "23": 6}
    return tuple(f"c++{digits}" for digits in sorted(years, key=lambda digits: (order.get(digits, 9), digits)))


def standard_files(found: Found) -> list[str]:
    """Name the Python files that say how extensions are compiled."""
    return [name for name in found.sdist.texts if name == "setup.py" or _is_build_file(name, found)]


def _cmake_texts(found: Found) -> list[str]:
    return [found.sdist.texts.get(cmake_file(found), "")] if is_cmake_build(found) else []


def _is_build_file(name: str, found: Found) -> bool:
    return name.endswith(".py") and any(seen.place.file == name for seen in found.seen("extension"))


def scripts(found: Found) -> tuple[str, ...]:
    """Name the programs that an installation puts on PATH, sorted."""
    names: set[str] = set()
    project = found.project.project or {}
    names.update(table_at(project, "scripts"), table_at(project, "gui-scripts"))
    points = found.argument("entry_points")
    groups = entry_points(points) if isinstance(points, str) else points if isinstance(points, dict) else {}
    cfg = read_setup_cfg(found.sdist).get("options.entry_points", {})
    for group in ("console_scripts", "gui_scripts"):
        lines = groups.get(group, ())
        lines = lines.splitlines() if isinstance(lines, str) else lines
        lines = [*(lines if isinstance(lines, (list, tuple)) else ()), *cfg.get(group, "").splitlines()]
        names.update(line.partition("=")[0].strip() for line in lines if isinstance(line, str))
    if not groups:
        recorded = entry_points(egg_info_text(found.sdist, "entry_points.txt") or "")
        names.update(recorded.get("console_scripts", ()), recorded.get("gui_scripts", ()))
    files = found.argument("scripts")
    files = [
        *(files if isinstance(files, (list, tuple)) else ()),
        *read_setup_cfg(found.sdist).get("options", {}).get("scripts", "").split(),
    ]
    names.update(basename(file) for file in files if isinstance(file, str))
    return tuple(sorted(name for name in names if name))


IMPORTED = re.compile(r"[A-Za-z_]\w{0,200}(?:\.[A-Za-z_]\w{0,200}){0,20}")


def extension_modules(found: Found) -> tuple[str, ...]:
    """Name the extension modules of a default build, as they are imported."""
    package = found.argument("ext_package")
    names = [record.names.get("name") for _, record in extensions(found)]
    if isinstance(package, str):
        names = [f"{package}.{name}" if isinstance(name, str) else name for name in names]
    rust = [seen.subject for seen in found.seen("rust-extension") if not seen.dead]
    targets = [record.names.get("target") for record in rust if isinstance(record, Instance)]
    names += [name for target in targets if isinstance(target, dict) for name in target.values()]
    if backend_module(found.project) == "maturin":
        names.append(table_at(table_at(found.project.document, "tool"), "maturin").get("module-name"))
    return tuple(sorted({name for name in names if isinstance(name, str) and IMPORTED.fullmatch(name)}))


def top_level(found: Found) -> tuple[str, ...]:
    """Name what an installation makes importable, as far as it is known, sorted."""
    names = set((egg_info_text(found.sdist, "top_level.txt") or "").split())
    for key in ("packages", "py_modules"):
        value = found.argument(key)
        names.update(_texts(value))
    tool = table_at(table_at(table_at(found.project.document, "tool"), "setuptools"), "packages")
    names.update(strings_in(tool) if isinstance(tool, list) else ())
    names.update(extension_modules(found))
    if not names:
        names.update(_guessed(found.sdist))
    tops = {name.split(".")[0].split("/")[0] for name in names}
    return tuple(sorted(name for name in tops if name))


def _texts(value: Value) -> list[str]:
    if isinstance(value, Choice):
        return [text for _, option in value.options for text in _texts(option)]
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def _guessed(sdist: SdistTexts) -> list[str]:
    packages = [name for name, _ in sdist.names if name.endswith("/__init__.py")]
    flat = [name.split("/")[0] for name in packages if name.count("/") == 1]
    nested = [name.split("/")[1] for name in packages if name.count("/") == 2 and name.startswith(("src/", "lib/"))]
    return nested or [name for name in flat if name not in ("tests", "test", "docs", "examples", "benchmarks")]


def switches(found: Found) -> tuple[tuple[str, str | None, str], ...]:
    """Give the environment variables that the build reads, with default and place, sorted by name."""
    read: dict[str, tuple[str, str | None, str]] = {}
    for seen in found.seen("switch"):
        name, default = seen.subject
        known = read.get(name)
        if known is None or (known[1] is None and default is not None):
            read[name] = (name, None if default is None else str(default), f"{seen.place}: {seen.place.text}")
    return tuple(read[name] for name in sorted(read))
