"""A project folder -> one InputReading: which of its files speak, and which do not and are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType

from packaging.utils import canonicalize_name

from envcompose.errors import FileMissing, NothingToRead
from envcompose.model.intent import IndexOptions, InputReading, ProjectFolder
from envcompose.model.message import Level, Message
from envcompose.model.requirement import Fate, Origin, OriginKind, Outcome, UserRequirement
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles
from envcompose.read.extras import add_with_extras, known_name
from envcompose.read.own_metadata import requires_dist
from envcompose.read.paths import inside, is_folder, reference_of_path
from envcompose.read.project_name import project_name
from envcompose.read.pyproject import ProjectTables, read_project_tables
from envcompose.read.reading_parts import Parts
from envcompose.read.requirements_txt import PipReader
from envcompose.read.setup_files import EvaluateSetup, SetupLists, setup_cfg_lists, setup_py_lists
from envcompose.read.suggest import nearest

_REQUIREMENTS = "requirements*.txt"
_MAIN_REQUIREMENTS = "requirements.txt"
_ENVIRONMENT_FILES = ("environment.yaml", "environment.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A folder, the names in it, and the way to its files."""

    path: str
    names: tuple[str, ...]
    files: TextFiles

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def file(self, name: str) -> str:
        """The path of a file in it."""
        return inside(self.path, name)

    @property
    def shown(self) -> str:
        """The folder as a person writes it."""
        return "this folder" if self.path == "." else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The extras and groups that the user asked for."""

    extras: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """What the project's own files say: `is_declared` where they list dependencies, if only an empty list."""

    reading: InputReading
    name: str | None
    is_installable: bool
    is_declared: bool
    files: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] | None = None
    """What the project's built metadata would list, None where that is computed and could not be read."""
    requires_python: str | None = None


def read_folder(
    path: str,
    files: TextFiles,
    *,
    extras: Sequence[str],
    groups: Sequence[str],
    evaluate_setup: EvaluateSetup | None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> InputReading:
    """Read a project folder. pyproject.toml speaks first, then setup.cfg, then setup.py through `evaluate_setup`.

    A requirements file is read only where no project file declares dependencies; every file that could speak and
    was not read is told. `project` is set for an installable project. Raises NothingToRead for a folder with none
    of these files, FileMissing, and what the readers of the files raise.
    """
    folder = inside("", path)
    if not is_folder(folder, files):
        above, _, name = folder.rpartition("/")
        near = nearest(name, files.listing(above or "."))
        suggestion = None if near is None else inside(above, near)
        raise FileMissing(path=path, named_by="the command line", suggestion=suggestion)
    place = _Folder(path=folder, names=files.listing(folder), files=files)
    asked = _Asked(extras=tuple(extras), groups=tuple(groups))
    return _with_requirements(place, _read_lists(place, asked, evaluate_setup), asked, environ)


def _read_lists(folder: _Folder, asked: _Asked, evaluate_setup: EvaluateSetup | None) -> _Lists:
    tables: ProjectTables | None = None
    if "pyproject.toml" in folder:
        path = folder.file("pyproject.toml")
        tables = read_project_tables(path, folder.files, extras=asked.extras, groups=asked.groups)
        if tables.name is not None and not tables.computed:
            return _Lists(
                reading=tables.reading,
                name=tables.name,
                is_installable=tables.is_installable,
                is_declared=tables.has_dependencies,
                files=tables.files,
                requires_dist=tables.requires_dist,
                requires_python=tables.requires_python,
            )
    elif asked.groups:
        known_name("--group", asked.groups[0], (), folder.shown)
    return _of_setup_files(folder, asked, tables, evaluate_setup)


def _of_setup_files(
    folder: _Folder, asked: _Asked, tables: ProjectTables | None, evaluate_setup: EvaluateSetup | None
) -> _Lists:
    """Read what setup.cfg and setup.py add to pyproject.toml, which speaks first where it says a thing plainly."""
    parts = Parts()
    lists = _setup_lists(folder, parts, evaluate_setup)
    named = project_name(folder.path, folder.files)
    name = tables.name if tables is not None and tables.name else (named[0] if named else None)
    computed = tables.computed if tables is not None else ()
    if tables is not None and tables.name is not None and "dependencies" not in computed:
        lists = replace(lists, always=())
    if name is None and "setup.py" in folder:
        origin = Origin(kind=OriginKind.FILE, file=folder.file("setup.py"))
        text = "setup.py computes the name of its project, so the project itself is not installed"
        parts.say("setup-name-unknown", Level.WARNING, text, origin, "add a pyproject.toml with [project] name")
    wanted = _wanted_extras(folder, asked, lists, tables, parts)
    add_with_extras(parts, name, lists.always, lists.optional, wanted)
    reading = parts.reading()
    return _Lists(
        reading=reading if tables is None else _together(tables.reading, reading),
        name=name,
        is_installable=name is not None and (tables is None or tables.name is None or tables.is_installable),
        is_declared=lists.is_declared or (tables is not None and tables.has_dependencies),
        files=tables.files if tables else (),
        computed=() if lists.is_declared else computed,
        requires_dist=requires_dist(lists.always, lists.optional) if _is_whole(lists, parts, computed) else None,
        requires_python=tables.requires_python if tables is not None else None,
    )


def _is_whole(lists: SetupLists, parts: Parts, computed: Sequence[str]) -> bool:
    """Were all lists of the project read to the end, from one place?"""
    doubts = {message.code for message in parts.messages} & {"setup-incomplete", "setup-not-read"}
    return lists.is_declared and not doubts and not computed


def _wanted_extras(
    folder: _Folder, asked: _Asked, lists: SetupLists, tables: ProjectTables | None, parts: Parts
) -> tuple[str, ...]:
    """Give the extras in normal form; they are checked where the lists could be read to the end."""
    if any(one.code in ("setup-incomplete", "setup-not-read") for one in parts.messages):
        return tuple(canonicalize_name(extra) for extra in asked.extras)
    known = {*lists.optional, *(tables.extras if tables else ())}
    return tuple(known_name("--extra", extra, known, folder.shown) for extra in asked.extras)


def _setup_lists(folder: _Folder, parts: Parts, evaluate_setup: EvaluateSetup | None) -> SetupLists:
    """Read setup.cfg, whose lists setuptools prefers, and setup.py for what it does not list."""
    lists = SetupLists(always=(), optional={}, is_declared=False)
    if "setup.cfg" in folder:
        lists = setup_cfg_lists(folder.file("setup.cfg"), folder.files, parts)
    if "setup.py" not in folder or (lists.is_declared and lists.optional):
        return lists
    path = folder.file("setup.py")
    if evaluate_setup is None:
        origin = Origin(kind=OriginKind.FILE, file=path)
        parts.say("setup-not-read", Level.WARNING, "setup.py was not read", origin)
        return lists
    computed = setup_py_lists(path, folder.files, parts, evaluate_setup)
    return SetupLists(
        always=lists.always if lists.is_declared else computed.always,
        optional={**computed.optional, **lists.optional},
        is_declared=lists.is_declared or computed.is_declared,
    )


def _together(first: InputReading, second: InputReading) -> InputReading:
    """Give pyproject.toml's reading with what another file adds; the bound on Python and the index are the first's."""
    return replace(
        first,
        requirements=(*first.requirements, *second.requirements),
        constraints=(*first.constraints, *second.constraints),
        indexes=IndexOptions(
            index_url=first.indexes.index_url or second.indexes.index_url,
            extra_index_urls=(*first.indexes.extra_index_urls, *second.indexes.extra_index_urls),
            find_links=(*first.indexes.find_links, *second.indexes.find_links),
            pinned=(*first.indexes.pinned, *second.indexes.pinned),
        ),
        requires_python=first.requires_python or second.requires_python,
        fates=(*first.fates, *second.fates),
        messages=(*first.messages, *second.messages),
    )


def _with_requirements(folder: _Folder, lists: _Lists, asked: _Asked, environ: Mapping[str, str]) -> InputReading:
    """Add the requirements file where it is to be read, and tell what is not."""
    candidates = [name for name in folder.names if fnmatchcase(name, _REQUIREMENTS)]
    chosen = _chosen(candidates, lists)
    reading = lists.reading
    if chosen is not None:
        reading = _together(reading, _of_requirements(folder, chosen, lists, environ))
    elif lists.name is None and not reading.requirements:
        raise NothingToRead(folder=folder.shown, files=[name for name in folder.names if _could_speak(name)])
    read_already = {folder.file(name) for name in (chosen, *lists.files) if name}
    unread = [name for name in candidates if folder.file(name) not in read_already]
    messages = [_unread(folder, name, _why_unread(lists, chosen)) for name in unread]
    why = "a folder speaks through its Python project"
    messages += [_unread(folder, name, why, option="-f") for name in folder.names if name in _ENVIRONMENT_FILES]
    if lists.computed and chosen is None:
        messages.append(_computed(folder, lists.computed))
    project = None
    if lists.name is not None and lists.is_installable:
        project = ProjectFolder(
            path=folder.path,
            name=lists.name,
            extras=asked.extras,
            groups=asked.groups,
            requires_dist=lists.requires_dist,
            requires_python=lists.requires_python,
        )
    return replace(reading, project=project, name=lists.name, messages=(*reading.messages, *messages))


def _chosen(candidates: Sequence[str], lists: _Lists) -> str | None:
    """Give the requirements file to read: the plain one, or the only one; several may be variants of one another."""
    if lists.name is not None and lists.is_declared:
        return None
    if _MAIN_REQUIREMENTS in candidates:
        return _MAIN_REQUIREMENTS
    return candidates[0] if len(candidates) == 1 else None


def _of_requirements(folder: _Folder, name: str, lists: _Lists, environ: Mapping[str, str]) -> InputReading:
    """Read one requirements file; `-e .` in it is the project itself, which is there already."""
    reader = PipReader(files=folder.files, environ=environ, base=folder.path)
    reader.read_file(folder.file(name))
    reading = reader.reading()
    own = reference_of_path(folder.path)
    is_own = [one.requirement.url == own and lists.is_installable for one in reading.requirements]
    kept: list[UserRequirement] = []
    fates: list[Fate] = []
    for one, is_project in zip(reading.requirements, is_own, strict=True):
        if is_project:
            note = "the project itself, which becomes an editable dependency"
            fates.append(Fate(text=one.text, origin=one.origin, outcome=Outcome.MERGED, note=note))
        else:
            kept.append(one)
    return replace(reading, requirements=tuple(kept), fates=(*reading.fates, *fates))


def _could_speak(name: str) -> bool:
    return name in _ENVIRONMENT_FILES or fnmatchcase(name, _REQUIREMENTS)


def _why_unread(lists: _Lists, chosen: str | None) -> str:
    if chosen is not None:
        return f"{chosen} speaks"
    if lists.name is not None and lists.is_declared:
        return "the project declares its own dependencies"
    return "several such files are there, and they may be variants of one another"


def _unread(folder: _Folder, name: str, why: str, option: str = "-r") -> Message:
    path = folder.file(name)
    return Message(
        code="file-not-read",
        level=Level.NOTE,
        text=f"{name} was not read: {why}",
        file=path,
        hint=f"{option} {path} adds it",
    )


def _computed(folder: _Folder, lists: Sequence[str]) -> Message:
    return Message(
        code="dynamic-dependencies",
        level=Level.WARNING,
        text=f"The {' and '.join(lists)} of this project are computed by its build backend and were not read",
        file=folder.file("pyproject.toml"),
        hint="write them into [project], or give a requirements file with -r",
    )
