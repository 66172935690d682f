"""setup.cfg read as data, and setup.py through the analyser: neither is ever run (law 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from envcompose.errors import FileUnreadable
from envcompose.model.intent import InputReading
from envcompose.model.message import Level
from envcompose.model.requirement import Fate, Origin, OriginKind, Outcome, UserRequirement
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles
from envcompose.read.decode import decode_text
from envcompose.read.direct import Words, is_named_reference, read_requirement
from envcompose.read.extras import add_with_extras, known_name
from envcompose.read.paths import folder_of, inside
from envcompose.read.project_name import parse_cfg, project_name
from envcompose.read.reading_parts import Parts
from envcompose.read.requirement_text import parse_requirement
from envcompose.read.requirements_txt import PipReader
from envcompose.read.secrets import mask_secrets

EvaluateSetup = Callable[
    [Mapping[str, bytes]], tuple[tuple[str, ...], Mapping[str, tuple[str, ...]], str | None, tuple[str, ...]]
]
"""Gives install_requires, extras, requires_python and what could not be followed, from a project's files."""

# A project's own code may read any small file of its folder; what these hold is none of it.
_SKIPPED_FOLDERS = frozenset({"node_modules", "build", "dist", "tests", "docs", "envs", "venv"})
_MOST_FILES = 2000
_DEEPEST_FOLDER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupLists:
    """The dependency lists of setup.cfg or setup.py, before extras are chosen."""

    always: tuple[UserRequirement, ...]
    optional: Mapping[str, tuple[UserRequirement, ...]]
    is_declared: bool


def read_setup_cfg(path: str, files: TextFiles, *, extras: Sequence[str]) -> InputReading:
    """Read a setup.cfg on its own. Raises FileUnreadable, RequirementSyntax and UnknownValue with file and line."""
    parts = Parts()
    lists = setup_cfg_lists(path, files, parts)
    wanted = [known_name("--extra", extra, lists.optional, path) for extra in extras]
    named = project_name(folder_of(path), files)
    add_with_extras(parts, named[0] if named else None, lists.always, lists.optional, wanted)
    return replace(parts.reading(), name=named[0] if named else None)


def setup_cfg_lists(path: str, files: TextFiles, parts: Parts) -> SetupLists:
    """Read the lists of setup.cfg; its python_requires, and what is not honoured, go to `parts`."""
    text = decode_text(files.read_bytes(path), path)
    parser = parse_cfg(text, path)
    reader = _SetupReader(path, text, files, parts)
    python = parser.get("options", "python_requires", fallback="").strip()
    if python:
        reader.read_python(python)
    is_declared = parser.has_option("options", "install_requires")
    always = reader.of_value(parser.get("options", "install_requires", fallback=""))
    optional: dict[str, tuple[UserRequirement, ...]] = {}
    if parser.has_section("options.extras_require"):
        for extra, value in parser.items("options.extras_require"):
            optional[canonicalize_name(extra)] = reader.of_value(value)
    for key in ("setup_requires", "tests_require", "dependency_links"):
        if parser.has_option("options", key):
            note = "deprecated by setuptools, and not read"
            parts.tell(f"[options] {key}", reader.origin(key), Outcome.UNSUPPORTED, note)
    return SetupLists(always=always, optional=optional, is_declared=is_declared)


def setup_py_lists(path: str, files: TextFiles, parts: Parts, evaluate_setup: EvaluateSetup) -> SetupLists:
    """Read the lists of setup.py as the analyser sees them; what it could not follow is told as a warning."""
    folder = folder_of(path)
    text = decode_text(files.read_bytes(path), path, coding_line=True)
    requires, extras, python, incomplete = evaluate_setup(FolderFiles(folder, files))
    reader = _SetupReader(path, text, files, parts)
    if python:
        reader.read_python(python)
    for reason in incomplete:
        origin = Origin(kind=OriginKind.FILE, file=path)
        parts.say("setup-incomplete", Level.WARNING, f"setup.py could not be followed to the end: {reason}", origin)
    optional: dict[str, tuple[UserRequirement, ...]] = {}
    for extra, texts in sorted(extras.items()):
        optional[canonicalize_name(extra)] = reader.of_texts(texts)
    return SetupLists(always=reader.of_texts(requires), optional=optional, is_declared=bool(requires))


class FolderFiles(Mapping[str, bytes]):
    """The files of a project folder by their path inside it, each read when it is asked for.

    Hidden folders, build results and whatever lies deeper than four folders are left out.
    """

    def __init__(self, folder: str, files: TextFiles) -> None:
        self._folder = folder
        self._files = files
        self._names: tuple[str, ...] | None = None

    def __getitem__(self, name: str) -> bytes:
        path = inside(self._folder, name)
        if name.startswith(("/", "..")) or self._files.listing(path) or not self._files.exists(path):
            raise KeyError(name)
        return self._files.read_bytes(path)

    def __iter__(self) -> Iterator[str]:
        if self._names is None:
            self._names = tuple(self._walk("", 0))[:_MOST_FILES]
        return iter(self._names)

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def _walk(self, below: str, depth: int) -> Iterator[str]:
        for name in self._files.listing(inside(self._folder, below) or "."):
            if name.startswith(".") or name in _SKIPPED_FOLDERS:
                continue
            path = f"{below}/{name}" if below else name
            if self._files.listing(inside(self._folder, path)):
                if depth < _DEEPEST_FOLDER:
                    yield from self._walk(path, depth + 1)
            else:
                yield path


class _SetupReader:
    """Reads the values of one setup file; lines are looked up in its text."""

    def __init__(self, path: str, text: str, files: TextFiles, parts: Parts) -> None:
        self._path = path
        self._files = files
        self._parts = parts
        self._lines: dict[str, int] = {}
        for number, line in enumerate(text.split("\n"), start=1):
            for word in (line.strip(), *re.findall(r"[\"']([^\"']+)[\"']", line), line.partition("=")[0].strip()):
                self._lines.setdefault(word, number)

    def origin(self, text: str) -> Origin:
        """Give the place of a text: its line where a line or a literal says just this."""
        return Origin(kind=OriginKind.FILE, file=self._path, line=self._lines.get(text.strip()))

    def read_python(self, text: str) -> None:
        """Keep a bound on Python."""
        origin = self.origin("python_requires")
        try:
            self._parts.requires_python.append((SpecifierSet(text), origin))
        except InvalidSpecifier as error:
            reason = "python_requires is no version specifier, such as >=3.10"
            raise FileUnreadable(path=self._path, reason=reason, line=origin.line) from error

    def of_value(self, value: str) -> tuple[UserRequirement, ...]:
        """Read a list of setup.cfg: lines, or texts between semicolons on one line, or `file: requirements.txt`."""
        value = value.strip()
        if value.startswith("file:"):
            return self._of_files([one.strip() for one in re.split(r"[,\n]", value.removeprefix("file:"))])
        pieces = value.split("\n") if "\n" in value else value.split(";")
        stripped = (piece.strip() for piece in pieces)
        return self.of_texts([piece for piece in stripped if piece and not piece.startswith("#")])

    def of_texts(self, texts: Sequence[str]) -> tuple[UserRequirement, ...]:
        """Read requirement texts, each with its line."""
        found: list[UserRequirement] = []
        for text in texts:
            origin = self.origin(text)
            if not is_named_reference(text):
                requirement = parse_requirement(text, origin)
                found.append(UserRequirement(text=mask_secrets(text), requirement=requirement, origin=origin))
                continue
            words = Words(text=text, shown=text, origin=origin)
            read = read_requirement(words, self._files, folder_of(self._path))
            if isinstance(read, Fate):
                self._parts.fates.append(read)
            else:
                found.append(read)
        return tuple(found)

    def _of_files(self, paths: Sequence[str]) -> tuple[UserRequirement, ...]:
        folder = folder_of(self._path)
        reader = PipReader(files=self._files, environ={}, base=folder)
        for path in paths:
            if path:
                reader.read_file(inside(folder, path), named_by=self.origin(f"file: {path}"))
        reading = reader.reading()
        self._parts.add(replace(reading, requirements=()))
        return reading.requirements
