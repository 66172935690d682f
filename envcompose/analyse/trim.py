"""An archive or a folder -> the texts that can matter, small enough to keep and to send around."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from posixpath import basename

from envcompose.analyse.archive import Listing, fault_of_path, read_archive
from envcompose.analyse.collecting import uncollected
from envcompose.analyse.reach import ALWAYS, EGG_INFO, reached_texts
from envcompose.model.analysis import SdistTexts

MAX_TEXT = 1 << 20
"""Bytes of one text that are read; longer ones are named in `refused` and not read at all."""
MAX_NATIVE = 1 << 19
"""Bytes of one native source that are searched for includes: they stand at its head."""
MAX_TEXTS = 20 << 20
MAX_EDGES = 200_000
"""Includes that are kept with their places, of all sources together."""

NATIVE = frozenset({".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".hh", ".hxx", ".inl"})
DATA = frozenset({".txt", ".in", ".cfg", ".toml", ".json", ".yaml", ".yml", ".cmake", ".version", ".ini", ".sh", ""})
INCLUDE = re.compile(rb'#[ \t]*include[ \t]*[<"]([^>"\n\r]{1,200})[>"]')
NEWLINE = ord("\n")


ASIDE = re.compile(r"(?:^|/)(?:(?:unit_?)?tests?(?:[ _]cases)?|tools?|examples?|samples?|benchmarks?|docs?)(?:/|$)")
ASIDE_NAME = re.compile(r"_test\.[^.]*$")
"""Native sources that a library's users do not compile: a vendored tree's own tests and programs."""


def is_aside(path: str) -> bool:
    """Does a path stand among tests, tools, examples, benchmarks or documents?"""
    folder, _, name = path.rpartition("/")
    return _is_aside_folder(folder) or name.startswith("test_") or ("_test." in name and bool(ASIDE_NAME.search(name)))


@lru_cache(maxsize=4096)
def _is_aside_folder(folder: str) -> bool:
    return ASIDE.search(folder) is not None


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


ASIDE_TEXTS = re.compile(r"(?:^|/)(?:tests?|testing|benchmarks?|examples?|samples?|docs?|\.[a-z]+)(?:/|$)")
"""Where no build looks for its Python: the budget is kept for what stands elsewhere."""


@lru_cache(maxsize=4096)
def _is_aside_for_texts(folder: str) -> bool:
    return ASIDE_TEXTS.search(folder) is not None


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
        name = path.rpartition("/")[2]
        suffix = _suffix(name)
        if suffix in NATIVE:
            return None if is_aside(path) else min(size, MAX_NATIVE)
        limit = MAX_TEXT if suffix == ".py" or name in ALWAYS or name in EGG_INFO else MAX_TEXT >> 2
        if name not in ALWAYS and (path.count("/") > (5 if suffix == ".py" else 3) or suffix not in DATA | {".py"}):
            return None
        if path.count("/") > 1 and _is_aside_for_texts(path.rpartition("/")[0]):
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
        if _suffix(path.rpartition("/")[2]) in NATIVE:
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
    with uncollected():
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
    texts = _Decoded({path[len(top) :]: body for path, body in collector.texts.items()})
    sizes = {path[len(top) :]: size for path, size in listing.sizes.items()}
    kept = reached_texts(texts)
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


class _Decoded(Mapping[str, str]):
    """Texts that are decoded when somebody reads them: most of an archive's are never read."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        self._bodies = bodies
        self._texts: dict[str, str] = {}

    def __getitem__(self, path: str) -> str:
        text = self._texts.get(path)
        if text is None:
            text = self._texts[path] = _decode(self._bodies[path])
        return text

    def __contains__(self, path: object) -> bool:
        return path in self._bodies

    def __iter__(self) -> Iterator[str]:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)


def _decode(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8-sig", "replace")


@lru_cache(maxsize=200)
def parse_python(source: str) -> ast.Module | None:
    """Parse Python text without warnings; None for what cannot be parsed (another syntax, null bytes, bombs)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
