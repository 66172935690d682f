"""pyproject.toml -> one InputReading (PEP 621, PEP 735, and the tables of uv, Poetry and PDM)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from envcompose.model.intent import InputReading, ProjectFolder
from envcompose.model.message import Level
from envcompose.model.requirement import Fate, Outcome, UserRequirement
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles
from envcompose.read.decode import decode_text
from envcompose.read.dependency_groups import group_names, read_groups
from envcompose.read.direct import Words, is_named_reference, read_requirement
from envcompose.read.extras import add_with_extras, known_name
from envcompose.read.own_metadata import requires_dist
from envcompose.read.paths import folder_of, inside
from envcompose.read.project_name import is_name
from envcompose.read.reading_parts import Parts
from envcompose.read.requirement_text import parse_requirement
from envcompose.read.requirements_txt import PipReader
from envcompose.read.secrets import mask_secrets
from envcompose.read.toml_table import TomlTable, parse_toml
from envcompose.read.tool_pdm import read_pdm_sources
from envcompose.read.tool_poetry import PoetryReader
from envcompose.read.tool_uv import read_uv_settings
from envcompose.read.uv_sources import SourceScope, apply_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTables:
    """What pyproject.toml alone says about a project.

    `name` is None where it names no project. `computed` holds those of `dependencies` and `optional-dependencies`
    that a build backend computes and nothing here could read; `files` are requirements files that were read for them.
    `requires_dist` and `requires_python` are what the built metadata would say, as far as nothing is computed.
    """

    reading: InputReading
    name: str | None = None
    is_installable: bool = False
    has_dependencies: bool = False
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """The dependency lists of a project before extras are chosen; optional ones by normalised name."""

    always: tuple[UserRequirement, ...]
    optional: dict[str, tuple[UserRequirement, ...]]
    computed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def read_pyproject(path: str, files: TextFiles, *, extras: Sequence[str], groups: Sequence[str]) -> InputReading:
    """Read a pyproject.toml on its own; lists that its build backend computes are told and not read.

    Raises FileMissing, FileUnreadable, RequirementSyntax, CyclicInclude and UnknownValue.
    """
    tables = read_project_tables(path, files, extras=extras, groups=groups)
    reading = tables.reading
    if tables.computed:
        parts = Parts()
        lists = " and ".join(tables.computed)
        origin = parse_toml(decode_text(files.read_bytes(path), path), path).table("project").origin("dynamic")
        text = f"The {lists} of this project are computed by its build backend and were not read"
        parts.say("dynamic-dependencies", Level.WARNING, text, origin, "give the project's folder instead of its file")
        reading = replace(reading, messages=(*reading.messages, *parts.messages))
    if tables.name is not None and tables.is_installable:
        project = ProjectFolder(
            path=folder_of(inside("", path)) or ".",
            name=tables.name,
            extras=tuple(extras),
            groups=tuple(groups),
            requires_dist=None if tables.computed else tables.requires_dist,
            requires_python=tables.requires_python,
        )
        reading = replace(reading, project=project)
    return replace(reading, name=tables.name)


def read_project_tables(path: str, files: TextFiles, *, extras: Sequence[str], groups: Sequence[str]) -> ProjectTables:
    """Read every table that speaks of requirements; an extra is checked only where no backend computes the extras."""
    document = parse_toml(decode_text(files.read_bytes(path), path), path)
    reader = _Reader(document, files)
    declared = reader.declared()
    parts = reader.parts
    name = reader.name
    wanted = reader.wanted_extras(extras, declared)
    group_table = document.table("dependency-groups")
    from_groups, groups_read = reader.of_groups(group_table, groups)
    used = add_with_extras(parts, name, (*declared.always, *from_groups), declared.optional, wanted)
    reader.tell_unasked(declared, used, group_table, groups_read)
    asked = tuple(canonicalize_name(group) for group in groups)
    scope = SourceScope(extras=tuple(wanted), groups=asked, base=reader.base)
    parts.requirements = apply_sources(document, files, parts, scope)
    return ProjectTables(
        reading=parts.reading(),
        name=name,
        is_installable=name is not None and document.table("tool", "uv").values.get("package") is not False,
        has_dependencies=bool(declared.always) or _is_listed(document),
        extras=tuple(declared.optional),
        groups=tuple(group_names(group_table)),
        computed=declared.computed,
        files=declared.files,
        requires_dist=requires_dist(declared.always, declared.optional),
        requires_python=reader.requires_python,
    )


def _is_listed(document: TomlTable) -> bool:
    """Does the project say plainly that it has these dependencies and no others?"""
    return "dependencies" in document.table("project") or "dependencies" in document.table("tool", "poetry")


class _Reader:
    """Reads the tables of one document into parts."""

    def __init__(self, document: TomlTable, files: TextFiles) -> None:
        self._document = document
        self._files = files
        self._project = document.table("project")
        self._poetry = document.table("tool", "poetry")
        self.base = folder_of(document.path)
        self.parts = Parts()
        self.name = self._name()
        stated = self._project.values.get("requires-python")
        self.requires_python = stated if isinstance(stated, str) else None
        self._poetry_reader = PoetryReader(self._poetry, files, self.parts)
        self._read_requires_python()
        read_uv_settings(document.table("tool", "uv"), self.parts, self.read_text)
        read_pdm_sources(document.table("tool", "pdm"), self.parts)
        self._tell_other_tools()

    def declared(self) -> _Declared:
        """Give the dependency lists: from [project], else from Poetry's table."""
        if "dependencies" in self._project or "name" in self._project:
            return self._of_project()
        if self._poetry.values:
            always, optional = self._poetry_reader.dependencies()
            return _Declared(always=always, optional=optional)
        return _Declared(always=(), optional={})

    def read_text(self, table: TomlTable, key: str, text: str) -> UserRequirement | None:
        """Read one PEP 508 text of a key; None where it could not be honoured and was told."""
        origin = table.origin(key, text)
        if not is_named_reference(text):
            requirement = parse_requirement(text, origin)
            return UserRequirement(text=mask_secrets(text), requirement=requirement, origin=origin)
        read = read_requirement(Words(text=text, shown=text, origin=origin), self._files, self.base)
        if isinstance(read, Fate):
            self.parts.fates.append(read)
            return None
        return read

    def wanted_extras(self, extras: Sequence[str], declared: _Declared) -> list[str]:
        """Give the normalised extras asked for. Raises UnknownValue for one that is not there."""
        if "optional-dependencies" in declared.computed or "dependencies" in declared.computed:
            return [canonicalize_name(extra) for extra in extras]
        if self.name is None and not declared.optional:
            # Then the extras are those of setup.cfg or setup.py, which check them.
            return [canonicalize_name(extra) for extra in extras]
        return [known_name("--extra", extra, declared.optional, self._document.path) for extra in extras]

    def of_groups(self, table: TomlTable, groups: Sequence[str]) -> tuple[list[UserRequirement], set[str]]:
        """Give the requirements of dependency groups, also of uv's, PDM's and Poetry's older ones, and their names."""
        older = self._older_groups()
        newer = [group for group in groups if canonicalize_name(group) not in older or group in group_names(table)]
        known = {*table.values, *older}
        for group in groups:
            known_name("--group", group, known, table.path)
        found, done = read_groups(table, newer, self.read_text)
        for group in groups:
            for read in older.get(canonicalize_name(group), ()):
                found += read()
                done.add(canonicalize_name(group))
        return found, done

    def tell_unasked(self, declared: _Declared, used: set[str], table: TomlTable, groups_read: set[str]) -> None:
        """Say which extras and groups the project has that nobody asked for."""
        extras = [extra for extra in declared.optional if extra not in used]
        others = [group for group in (*group_names(table), *self._older_groups()) if group not in groups_read]
        for option, names in (("extra", extras), ("group", list(dict.fromkeys(others)))):
            if names:
                text = f"Not asked for, so not read: {option}s {', '.join(names)}"
                origin = self._document.origin()
                self.parts.say(f"{option}-unasked", Level.NOTE, text, origin, f"--{option} {names[0]} adds it")

    def _name(self) -> str | None:
        for table in (self._project, self._poetry):
            if (name := table.text("name")) is not None:
                if not is_name(name):
                    raise table.wrong("name", "is no distribution name")
                return name
        return None

    def _read_requires_python(self) -> None:
        text = self._project.text("requires-python")
        if text is None:
            return
        try:
            specifier = SpecifierSet(text)
        except InvalidSpecifier as error:
            raise self._project.wrong("requires-python", "is no version specifier, such as >=3.10") from error
        self.parts.requires_python.append((specifier, self._project.origin("requires-python")))

    def _of_project(self) -> _Declared:
        always = self._read_texts(self._project, "dependencies")
        table = self._project.table("optional-dependencies")
        optional: dict[str, tuple[UserRequirement, ...]] = {}
        optional |= {canonicalize_name(extra): self._read_texts(table, extra) for extra in table.values}
        dynamic = self._project.texts("dynamic")
        computed: list[str] = []
        read: list[str] = []
        if "dependencies" in dynamic:
            paths = self._dynamic_files("dependencies")
            always += self._of_files(paths)
            read += paths
            computed += [] if paths else ["dependencies"]
        if "optional-dependencies" in dynamic:
            below = self._document.table("tool", "setuptools", "dynamic", "optional-dependencies")
            for extra in below.values:
                paths = below.table(extra).texts("file", lone=True)
                optional[canonicalize_name(extra)] = self._of_files(paths)
                read += paths
            computed += [] if below.values else ["optional-dependencies"]
        return _Declared(always=always, optional=optional, computed=tuple(computed), files=tuple(read))

    def _dynamic_files(self, key: str) -> tuple[str, ...]:
        """Give the requirements files that setuptools or hatch-requirements-txt read the list from."""
        setuptools = self._document.table("tool", "setuptools", "dynamic")
        if key in setuptools:
            return setuptools.table(key).texts("file", lone=True)
        return self._document.table("tool", "hatch", "metadata", "hooks", "requirements_txt").texts("files")

    def _of_files(self, paths: Sequence[str]) -> tuple[UserRequirement, ...]:
        found: list[UserRequirement] = []
        for path in paths:
            reader = PipReader(files=self._files, environ={}, base=self.base)
            reader.read_file(inside(self.base, path), named_by=self._document.origin())
            reading = reader.reading()
            found += reading.requirements
            self.parts.add(replace(reading, requirements=()))
        return tuple(found)

    def _read_texts(self, table: TomlTable, key: str) -> tuple[UserRequirement, ...]:
        read = (self.read_text(table, key, text) for text in table.texts(key))
        return tuple(one for one in read if one is not None)

    def _older_groups(self) -> dict[str, list[Callable[[], Sequence[UserRequirement]]]]:
        """Give readers of the groups from before PEP 735: uv's dev-dependencies, PDM's and Poetry's."""
        older: dict[str, list[Callable[[], Sequence[UserRequirement]]]] = {}
        uv = self._document.table("tool", "uv")
        if "dev-dependencies" in uv:
            older.setdefault("dev", []).append(partial(self._read_texts, uv, "dev-dependencies"))
        pdm = self._document.table("tool", "pdm", "dev-dependencies")
        for group in pdm.values:
            older.setdefault(canonicalize_name(group), []).append(partial(self._read_texts, pdm, group))
        for group, table in self._poetry_reader.groups().items():
            older.setdefault(group, []).append(partial(self._poetry_reader.group, table))
        return older

    def _tell_other_tools(self) -> None:
        notes = {
            "pixi": "pixi's own table is not read yet",
            "hatch.envs": "Hatch's environments are not read: ask for extras or groups",
            "conda-lock": "conda-lock's table is not read",
            "pdm.resolution": "PDM's overrides and exclusions are not read",
        }
        for dotted, note in notes.items():
            *above, key = dotted.split(".")
            table = self._document.table("tool", *above)
            if key in table:
                self.parts.tell(f"[tool.{dotted}]", table.origin(key), Outcome.UNSUPPORTED, note)
