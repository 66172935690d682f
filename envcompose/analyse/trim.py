"""An archive or a folder -> the texts that can matter, small enough to keep and to send around."""

from __future__ import annotations

import ast
import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from posixpath import basename, dirname, join, normpath, splitext

from envcompose.analyse.archive import Listing, fault_of_path, read_archive
from envcompose.model.analysis import SdistTexts

MAX_TEXT = 1 << 20
"""Bytes of one text that are read; longer ones are named in `refused` and not read at all."""
MAX_NATIVE = 1 << 19
"""Bytes of one native source that are searched for includes: they stand at its head."""
MAX_TEXTS = 20 << 20
MAX_REACHED = 120
MAX_EDGES = 200_000
"""Includes that are kept with their places, of all sources together."""
MAX_STEPS = 3
MAX_KEPT_TEXT = 1 << 20

NATIVE = frozenset({".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".hh", ".hxx", ".inl"})
DATA = frozenset({".txt", ".in", ".cfg", ".toml", ".json", ".yaml", ".yml", ".cmake", ".version", ".ini", ""})
INCLUDE = re.compile(rb'#[ \t]*include[ \t]*[<"]([^>"\n\r]{1,200})[>"]')
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
NEWLINE = ord("\n")
WORDS = re.compile(r"[\w./*+-]{2,200}")


ASIDE = re.compile(
    r"(?:^|/)(?:(?:unit_?)?tests?(?:[ _]cases)?|tools?|examples?|samples?|benchmarks?|docs?)/|(?:^|/)test_[^/]*$|_test\.[^/.]*$"
)
"""Native sources that a library's users do not compile: a vendored tree's own tests and programs."""


def is_aside(path: str) -> bool:
    """Does a path stand among tests, tools, examples, benchmarks or documents?"""
    return ASIDE.search(path) is not None


class _Collector:
    """Takes contents during the pass: texts under a budget, and the includes of native sources."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.includes: set[bytes] = set()
        self.included: dict[str, list[tuple[bytes, int]]] = {}
        self._edges = MAX_EDGES
        self.refused: list[str] = []
        self._budget = MAX_TEXTS

    def wanted(self, path: str, size: int) -> int | None:
        suffix = splitext(path)[1].lower()
        if suffix in NATIVE:
            return None if is_aside(path) else min(size, MAX_NATIVE)
        name = basename(path)
        limit = MAX_TEXT if suffix == ".py" or name in ALWAYS or name in EGG_INFO else MAX_TEXT >> 2
        if name not in ALWAYS and (path.count("/") > (5 if suffix == ".py" else 3) or suffix not in DATA | {".py"}):
            return None
        if size > limit:
            if name in ALWAYS and path.count("/") <= 1:
                self.refused.append(f"{path}: {size} bytes, longer than what is read")
            return None
        if name in ALWAYS and path.count("/") <= 1:
            # What every analysis needs is never crowded out by what comes before it in the archive.
            return size
        if size > self._budget:
            return None
        self._budget -= size
        return size

    def take(self, path: str, body: bytes) -> None:
        if splitext(path)[1].lower() in NATIVE:
            self._take_includes(path, body)
        else:
            self.texts[path] = body

    def _take_includes(self, path: str, body: bytes) -> None:
        """Keep the headers that a source includes, with their lines; commented ones and plain standard ones do not count."""
        found: list[tuple[bytes, int]] = []
        line, last = 1, 0
        for match in INCLUDE.finditer(body):
            name, at = match[1], match.start()
            self.includes.add(name)
            if b"." not in name and b"/" not in name:
                continue
            if at and body[at - 1] != NEWLINE and body[body.rfind(b"\n", 0, at) + 1 : at].strip():
                continue
            line, last = line + body.count(b"\n", last, at), at
            found.append((name, line))
        if found and self._edges >= len(found):
            self._edges -= len(found)
            self.included[path] = found


def trim_sdist(data: bytes, filename: str) -> SdistTexts:
    """Reduce an sdist (tar.gz or zip) to the texts that the analyser may read, in one pass and in memory.

    Nothing is extracted or run. Raises ArchiveRefused (a ValueError), and nothing else, for an archive that is damaged
    or beyond the bounds; single members that are refused are named in `refused`.
    """
    collector = _Collector()
    listing = read_archive(data, collector.wanted, collector.take)
    return _reduce(listing, collector, filename)


def trim_checkout(files: Mapping[str, bytes], name: str) -> SdistTexts:
    """Reduce a source folder, given as path -> bytes, the same way. Paths are relative to its root."""
    collector, listing = _Collector(), Listing({}, [])
    for path in sorted(files):
        fault = fault_of_path(path)
        if fault is not None:
            listing.refused.append(f"{path[:200]!r}: {fault}")
            continue
        body = files[path]
        listing.sizes[path] = len(body)
        length = collector.wanted(path, len(body))
        if length is not None:
            collector.take(path, body[:length])
    return _reduce(listing, collector, name, strip=False)


def _reduce(listing: Listing, collector: _Collector, filename: str, *, strip: bool = True) -> SdistTexts:
    top = _top_folder(listing.sizes) if strip else ""
    # Each body is let go as soon as it is decoded: an archive may hold as many texts as the budget allows.
    texts = {path[len(top) :]: _decode(collector.texts.pop(path)) for path in list(collector.texts)}
    sizes = {path[len(top) :]: size for path, size in listing.sizes.items()}
    kept = _kept(texts, sizes)
    return SdistTexts(
        filename=basename(filename),
        names=tuple(sorted(sizes.items())),
        texts={path: texts[path] for path in sorted(kept)},
        included=_included(collector, len(top)),
        includes=tuple(sorted({name.decode("ascii", "replace") for name in collector.includes})),
        refused=tuple(sorted(listing.refused + collector.refused)),
    )


def _included(collector: _Collector, cut: int) -> dict[str, tuple[tuple[str, int], ...]]:
    names: dict[bytes, str] = {}
    kept: dict[str, tuple[tuple[str, int], ...]] = {}
    for path in sorted(collector.included):
        entries = collector.included.pop(path)
        kept[path[cut:]] = tuple(
            (names.setdefault(name, name.decode("ascii", "replace")), line) for name, line in entries
        )
    return kept


def _top_folder(paths: Iterable[str]) -> str:
    """Give the folder, with its slash, under which every member stands; '' where there is none."""
    tops = {path.partition("/")[0] if "/" in path else "" for path in paths}
    only = tops.pop() if len(tops) == 1 else ""
    return f"{only}/" if only else ""


def _decode(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8-sig", "replace")


def _kept(texts: Mapping[str, str], sizes: Mapping[str, int]) -> set[str]:
    """Choose the metadata, then what the build's Python files reach by import or by name, breadth first."""
    by_name: dict[str, list[str]] = {}
    for path in sorted(texts):
        by_name.setdefault(basename(path), []).append(path)
    kept = {path for path in texts if _is_metadata(path)}
    queue = [(path, 0) for path in ["setup.py", *_backend_files(texts)] if path in texts]
    budget, seen = MAX_KEPT_TEXT, {path for path, _ in queue}
    for path, depth in queue:
        budget -= len(texts[path])
        if budget < 0:
            break
        kept.add(path)
        reach = _reached(path, depth, texts, by_name) if path.endswith(".py") and depth < MAX_STEPS else ()
        for reached, further in reach:
            if reached not in seen and len(seen) < MAX_REACHED:
                seen.add(reached)
                queue.append((reached, depth + 1 if further else MAX_STEPS))
    return kept


def _is_metadata(path: str) -> bool:
    name, depth = basename(path), path.count("/")
    if name in EGG_INFO or name == "PKG-INFO":
        return depth <= 2
    if name in ALWAYS:
        return depth <= 1
    return depth <= 1 and bool(re.match(r"(requirements|VERSION|version|.*constraints).*", name)) and name[-3:] != ".py"


def _backend_files(texts: Mapping[str, str]) -> list[str]:
    """Find the Python files that pyproject.toml hands to the build: in-tree backends, hooks and version files."""
    try:
        document = tomllib.loads(texts.get("pyproject.toml", ""))
    except ValueError:
        return []
    system, tool = table_at(document, "build-system"), table_at(document, "tool")
    modules = [word for word in strings_in(system.get("build-backend"))]
    folders = [*strings_in(system.get("backend-path")), ""]
    setuptools = table_at(tool, "setuptools")
    modules += [*strings_in(setuptools.get("py-modules")), *strings_in(setuptools.get("cmdclass"))]
    hatch = strings_in(table_at(tool, "hatch"))
    files = [word for word in hatch if word.endswith(".py")] + ["hatch_build.py"] * ("custom" in str(tool.get("hatch")))
    for module in modules:
        parts = module.partition(":")[0].split(".")
        for folder in folders:
            stems = [normpath(join(folder, *parts[:count])) for count in range(len(parts), 0, -1)]
            files += [f"{stem}{tail}" for stem in stems for tail in (".py", "/__init__.py")]
    return [path for path in dict.fromkeys(files) if path in texts and path != "setup.py"]


def table_at(table: object, key: str) -> Mapping[str, object]:
    """Give the table at a key of a TOML table, an empty one where there is something else or nothing."""
    found = table.get(key) if isinstance(table, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def strings_in(value: object) -> list[str]:
    """Give the strings anywhere in a TOML value, in their order."""
    if isinstance(value, str):
        return [value]
    inner = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return [text for part in inner for text in strings_in(part)]


LOADERS = re.compile(r"spec_from_file_location|SourceFileLoader|runpy|import_module|load_source|\bexec\(|execfile")


def _reached(
    path: str, depth: int, texts: Mapping[str, str], by_name: Mapping[str, list[str]]
) -> Iterator[tuple[str, bool]]:
    """Give the files that a Python file names, and whether to follow them further.

    Local modules that it imports are followed; a file whose path it spells is followed only where the source has the
    means to run it, and is otherwise kept to be read.
    """
    imports, words = _names_in(texts[path], everywhere=depth < 2)
    runs = bool(LOADERS.search(texts[path]))
    parts = {part for word in words for part in word.split("/")}
    for module in imports:
        for found in _module_files(module, dirname(path), texts):
            yield found, True
        for other in by_name.get(f"{module}.py", ()):
            # sys.path may have been given a folder that the source spells.
            if "/" in other and parts.issuperset(dirname(other).split("/")):
                yield other, True
    for name in sorted(parts):
        for other in by_name.get(name, ()):
            folders = dirname(other).split("/") if "/" in other else []
            plain = "." in name or name.isupper()
            if (plain and len(folders) <= 4 and parts.issuperset(folders) and name != "__init__.py") or other in words:
                yield other, runs
    # A package's own file is spelt to find a version in it; following its imports would bring the whole package.
    yield from ((p, False) for p in by_name.get("__init__.py", ()) if parts.issuperset(p.split("/")) and "/" in p)


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


@lru_cache(maxsize=200)
def parse_python(source: str) -> ast.Module | None:
    """Parse Python text without warnings; None for what cannot be parsed (another syntax, null bytes, bombs)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _module_files(module: str, folder: str, texts: Mapping[str, str]) -> Iterator[str]:
    level = len(module) - len(module.lstrip("."))
    base = folder
    for _ in range(level - 1):
        base = dirname(base)
    stem = module.lstrip(".").replace(".", "/")
    for root in [base] if level else sorted({folder, ""}):
        for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
            path = normpath(join(root, candidate))
            if path in texts:
                yield path
                yield from _siblings(path, texts)


def _siblings(path: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Give a package's other modules: build packages often load them in a loop. Only small folders near the root."""
    if path.endswith("/__init__.py") and path.count("/") == 1:
        folder = dirname(path)
        siblings = [other for other in sorted(texts) if dirname(other) == folder and other.endswith(".py")]
        if len(siblings) <= 40:
            yield from siblings
