"""Which of an archive's texts the build can reach: its metadata, and the files that its Python names, breadth first."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from posixpath import basename, dirname, join, normpath

from envcompose.analyse.build_scripts import build_scripts
from envcompose.analyse.cmake import cmake_files
from envcompose.analyse.tables import strings_in, table_at

MAX_REACHED = 120
MAX_STEPS = 3
MAX_KEPT_TEXT = 1 << 20
MAX_SIBLINGS = 40
MAX_IN_FOLDER = 25

ALWAYS = frozenset(
    {
        "PKG-INFO",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "CMakeLists.txt",
        "meson.build",
        "Cargo.toml",
        ".gitmodules",
    }
)
EGG_INFO = frozenset({"requires.txt", "entry_points.txt", "top_level.txt"})
NAMED = re.compile(r"(requirements|VERSION|version|.*constraints).*")
WORDS = re.compile(r"[\w./*+-]{2,200}")
LOADERS = re.compile(r"spec_from_file_location|SourceFileLoader|runpy|import_module|load_source|\bexec\(|execfile")


def reached_texts(texts: Mapping[str, str]) -> set[str]:
    """Choose the metadata, then what the build's Python files reach by import or by name, breadth first."""
    known = _Known(texts)
    kept = {path for path in texts if _is_metadata(path)}
    queue = [(path, 0) for path in ["setup.py", *_backend_files(texts)] if path in texts]
    budget, seen = MAX_KEPT_TEXT, {path for path, _ in queue}
    for path, depth in queue:
        budget -= len(texts[path])
        if budget < 0:
            break
        kept.add(path)
        reach = known.reached_from(path, depth) if path.endswith(".py") and depth < MAX_STEPS else ()
        for reached, further in reach:
            if reached not in seen and len(seen) < MAX_REACHED:
                seen.add(reached)
                queue.append((reached, depth + 1 if further else MAX_STEPS))
    return kept | {file.path for file in cmake_files(texts)}


def _is_metadata(path: str) -> bool:
    name, depth = basename(path), path.count("/")
    if name in EGG_INFO or name == "PKG-INFO":
        return depth <= 2
    if name in ALWAYS:
        return depth <= 1
    return depth <= 1 and name[-3:] != ".py" and NAMED.match(name) is not None


def _backend_files(texts: Mapping[str, str]) -> list[str]:
    """Find the Python files that pyproject.toml hands to the build: in-tree backends, hooks and version files."""
    try:
        document = tomllib.loads(texts.get("pyproject.toml", ""))
    except (ValueError, RecursionError):
        return []
    system, tool = table_at(document, "build-system"), table_at(document, "tool")
    modules = strings_in(system.get("build-backend"))
    folders = [*strings_in(system.get("backend-path")), ""]
    modules += strings_in(table_at(tool, "setuptools").get("py-modules"))
    files = [*build_scripts(document), *(word for word in strings_in(tool.get("hatch")) if word.endswith(".py"))]
    for module in modules:
        parts = module.partition(":")[0].split(".")
        for folder in folders:
            stems = [normpath(join(folder, *parts[:count])) for count in range(len(parts), 0, -1)]
            files += [f"{stem}{tail}" for stem in stems for tail in (".py", "/__init__.py")]
    return [path for path in dict.fromkeys(files) if path in texts and path != "setup.py"]


class _Known:
    """The archive's texts by their names and folders, for the question which of them a file reaches."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._by_name: dict[str, list[str]] = {}
        self._modules_in: dict[str, list[str]] = {}
        self._texts_in: dict[str, list[str]] = {}
        self._roots: set[str] = set()
        for path in sorted(texts):
            self._by_name.setdefault(basename(path), []).append(path)
            if path.endswith((".txt", ".in")):
                self._texts_in.setdefault(dirname(path), []).append(path)
            if path.endswith(".py"):
                self._modules_in.setdefault(dirname(path), []).append(path)

    def reached_from(self, path: str, depth: int) -> Iterator[tuple[str, bool]]:
        """Give the files that a Python file names, and whether to follow them further.

        Local modules that it imports are followed; a file whose path it spells is followed only where the source has
        the means to run it, and is otherwise kept to be read.
        """
        source = self._texts[path]
        imports, words = _names_in(source, everywhere=depth < 2)
        parts = {part for word in words for part in word.split("/")}
        folder = dirname(path)
        for module in imports:
            for found in self._module_files(module, folder):
                yield found, True
            for found in self._spelled_modules(module, parts):
                yield found, True
        yield from self._spelled(parts, words, bool(LOADERS.search(source)))

    def _spelled_modules(self, module: str, parts: set[str]) -> Iterator[str]:
        """Give an absolute module below a folder that this source spells, or one before it: sys.path may be given it."""
        if module.startswith("."):
            return
        stem = module.replace(".", "/")
        for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
            for other in self._by_name.get(candidate.rpartition("/")[2], ()):
                root = other[: -len(candidate) - 1]
                if other.endswith(f"/{candidate}") and (root in self._roots or parts.issuperset(root.split("/"))):
                    self._roots.add(root)
                    yield other

    def _spelled(self, parts: set[str], words: list[str], runs: bool) -> Iterator[tuple[str, bool]]:
        """Give the files whose paths stand among a source's words, followed where the source runs files."""
        whole = set(words)
        for word in sorted(word for word in whole if word.endswith("/")):
            # A name that is put together in a folder that is spelt: of few texts, all may be meant.
            inside = self._texts_in.get(normpath(word), [])
            yield from ((other, False) for other in (inside if len(inside) <= MAX_IN_FOLDER else ()))
        for name in sorted(parts):
            for other in self._by_name.get(name, ()):
                folders = dirname(other).split("/") if "/" in other else []
                plain = "." in name or name.isupper()
                near = plain and len(folders) <= 4 and name != "__init__.py" and parts.issuperset(folders)
                if near or other in whole:
                    yield other, runs
        # A package's own file is spelt to find a version in it; following its imports would bring the whole package.
        if "__init__.py" in parts:
            for other in self._by_name.get("__init__.py", ()):
                if "/" in other and parts.issuperset(other.split("/")):
                    yield other, False

    def _module_files(self, module: str, folder: str) -> Iterator[str]:
        stem = module.lstrip(".").replace(".", "/")
        if not stem:
            return
        level = len(module) - len(module.lstrip("."))
        base = folder
        for _ in range(level - 1):
            base = dirname(base)
        if f"{basename(stem)}.py" not in self._by_name and "__init__.py" not in self._by_name:
            return
        for root in [base] if level else sorted({folder, ""}):
            for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
                path = normpath(f"{root}/{candidate}") if root else candidate
                if path in self._texts:
                    yield path
                    yield from self._siblings(path)

    def _siblings(self, path: str) -> list[str]:
        """Give a package's other modules: build packages often load them in a loop. Only small folders near the root."""
        if path.endswith("/__init__.py") and path.count("/") == 1:
            modules = self._modules_in[dirname(path)]
            if len(modules) <= MAX_SIBLINGS:
                return modules
        return []


IMPORTS = re.compile(
    r"(?:^|[:;])[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#;]+)|import[ \t]+([^\n#;]+))", re.M
)
IMPORTED = re.compile(r"(?:^|,)[\s(]*([\w.]+)")
QUOTED = re.compile(r"(\"{3}|'{3})(.{0,5000}?)\1|\"([^\"\n]{2,1000})\"|'([^'\n]{2,1000})'", re.S)
DEFINED = re.compile(r"[ \t]*(?:async[ \t]+)?def[ \t]")


def _names_in(source: str, *, everywhere: bool) -> tuple[list[str], list[str]]:
    """Give the modules that a file imports (relative ones with their dots) and the path-like words in its strings.

    Unless `everywhere`, what stands inside functions is left out. The text is searched and not parsed: to keep a file
    too many costs little, and most of the files that are kept are never evaluated.
    """
    text = source if everywhere else _outside_functions(source)
    imports: set[str] = set()
    for base, names, modules in IMPORTS.findall(text):
        if base:
            imports.add(base)
            joint = base if base.strip(".") == "" else f"{base}."
            imports.update(f"{joint}{name}" for name in IMPORTED.findall(_plain(names)))
        else:
            imports.update(IMPORTED.findall(modules))
    words = {word for groups in QUOTED.findall(text) for part in groups[1:] if part for word in WORDS.findall(part)}
    return sorted(imports), sorted(words)


def _plain(names: str) -> str:
    return re.sub(r"#[^\n]*", "", names) if "#" in names else names


def _outside_functions(source: str) -> str:
    """Give the lines that do not stand inside a function, by their indentation."""
    kept: list[str] = []
    inside: int | None = None
    for line in source.split("\n"):
        indent = len(line) - len(line.lstrip())
        if inside is not None and (indent > inside or not line.strip()):
            continue
        inside = indent if DEFINED.match(line) else None
        kept.append(line)
    return "\n".join(kept)
