"""`[tool.poetry]` -> requirements (Poetry, "Dependency specification")."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.errors import FileMissing
from envcompose.model.requirement import Outcome, UserRequirement
from envcompose.ports import TextFiles
from envcompose.read.marker import both_markers
from envcompose.read.paths import folder_of, inside, is_folder, reference_of_path
from envcompose.read.project_name import is_name
from envcompose.read.reading_parts import Parts
from envcompose.read.secrets import mask_secrets
from envcompose.read.toml_table import TomlTable

_CLAUSE = re.compile(r"(\^|~=|~|===|==|!=|<=|>=|<|>|=)?\s*v?([0-9][0-9A-Za-z.!+_*-]*|\*)\s*(?:,|\s|$)\s*")


def poetry_specifier(text: str) -> SpecifierSet | None:
    """Give the PEP 440 form of one of Poetry's version constraints; None for unions (`||`) and what does not parse."""
    clauses: list[str] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _CLAUSE.match(text, position)
        clause = _clause(match[1] or "", match[2]) if match else None
        if match is None or clause is None:
            return None
        clauses += clause
        position = match.end()
    try:
        return SpecifierSet(",".join(clauses))
    except InvalidSpecifier:
        return None


def _clause(operator: str, version: str) -> list[str] | None:
    if version == "*":
        return [] if operator in ("", "==", "=") else None
    if operator in ("", "=", "==") and version.endswith(".*"):
        return [f"=={version}"]
    if operator in ("", "="):
        return [f"=={version}"]
    if operator not in ("^", "~"):
        return [f"{operator}{version}"]
    try:
        release = Version(version).release
    except (InvalidVersion, ValueError):
        return None
    return [f">={version}", f"<{_next(release, is_caret=operator == '^')}"]


def _next(release: Sequence[int], *, is_caret: bool) -> str:
    """Give the first version that is too new: ^ keeps the first number that is not zero, ~ the second number."""
    kept = min(2, len(release))
    if is_caret:
        kept = next((place + 1 for place, number in enumerate(release) if number), len(release))
    return ".".join(str(number) for number in (*release[: kept - 1], release[kept - 1] + 1))


class PoetryReader:
    """Reads Poetry's tables; what has no PEP 508 form is told."""

    def __init__(self, poetry: TomlTable, files: TextFiles, parts: Parts) -> None:
        self._poetry = poetry
        self._files = files
        self._parts = parts

    def dependencies(self) -> tuple[tuple[UserRequirement, ...], dict[str, tuple[UserRequirement, ...]]]:
        """Give the dependencies that always hold, and by extra those that are optional."""
        table = self._poetry.table("dependencies")
        always: list[UserRequirement] = []
        optional: dict[str, list[UserRequirement]] = {}
        for name, value in table.values.items():
            if name == "python":
                self._read_python(table, value)
                continue
            found = self._read(table, name, value)
            is_optional = isinstance(value, dict) and value.get("optional") is True
            optional.setdefault(canonicalize_name(name), []).extend(found if is_optional else ())
            always += [] if is_optional else found
        extras = self._poetry.table("extras")
        by_extra: dict[str, tuple[UserRequirement, ...]] = {}
        for extra in extras.values:
            names = [canonicalize_name(name) for name in extras.texts(extra)]
            by_extra[canonicalize_name(extra)] = tuple(one for name in names for one in optional.get(name, ()))
        self._read_sources()
        return tuple(always), by_extra

    def groups(self) -> dict[str, TomlTable]:
        """Map normalised group names to the tables that hold their dependencies."""
        tables = self._poetry.table("group")
        found: dict[str, TomlTable] = {
            canonicalize_name(name): tables.table(name, "dependencies") for name in tables.values
        }
        if "dev-dependencies" in self._poetry:
            found.setdefault("dev", self._poetry.table("dev-dependencies"))
        return found

    def group(self, table: TomlTable) -> list[UserRequirement]:
        """Read the dependencies of one group."""
        return [one for name, value in table.values.items() for one in self._read(table, name, value)]

    def _read_python(self, table: TomlTable, value: object) -> None:
        specifier = poetry_specifier(value) if isinstance(value, str) else None
        if specifier is None:
            note = "this range of Pythons has no PEP 440 form"
            self._parts.tell(f"python = {value}"[:200], table.origin("python"), Outcome.UNSUPPORTED, note)
        else:
            self._parts.requires_python.append((specifier, table.origin("python")))

    def _read(self, table: TomlTable, name: str, value: object) -> list[UserRequirement]:
        if not is_name(name):
            raise table.wrong(name, "is no distribution name")
        if isinstance(value, str):
            value = {"version": value}
        entries = value if isinstance(value, list) else [value]
        found: list[UserRequirement] = []
        for entry in entries:
            if not isinstance(entry, dict):
                raise table.wrong(name, "must be a version or a table")
            below = TomlTable(values=entry, where=f"{table.where}.{name}", path=table.path, lines=table.lines)
            found += self._read_entry(table, name, below)
        return found

    def _read_entry(self, table: TomlTable, name: str, entry: TomlTable) -> list[UserRequirement]:
        origin = table.origin(name)
        shown = _shown(name, entry)
        extras = f"[{','.join(entry.texts('extras'))}]" if "extras" in entry else ""
        reference = self._reference(table, name, entry)
        specifier = None if reference else poetry_specifier(entry.text("version") or "*")
        if reference is None and specifier is None:
            self._parts.tell(shown, origin, Outcome.UNSUPPORTED, "this version constraint has no PEP 440 form")
            return []
        head = f"{name}{extras} @ {reference} " if reference else f"{name}{extras}{specifier}"
        try:
            marker = self._marker(entry)
            requirement = Requirement(f"{head} ; {marker}" if marker else head)
        except (ValueError, RecursionError) as error:
            raise table.wrong(name, "does not make a requirement: look at its extras, markers and python") from error
        self._pin(table, name, entry)
        editable = entry.flag("develop")
        return [UserRequirement(text=shown, requirement=requirement, origin=origin, editable=editable)]

    @staticmethod
    def _marker(entry: TomlTable) -> str:
        markers = [Requirement(f"x ; {text}").marker for text in (entry.text("markers"),) if text]
        python = entry.text("python")
        if python is not None:
            specifier = poetry_specifier(python)
            if specifier is None:
                raise ValueError(python)
            # Comparing python_full_version is right for bounds with two and with three numbers.
            clauses = [f"python_full_version {one.operator} '{one.version}'" for one in sorted(specifier, key=str)]
            markers += [Requirement(f"x ; {' and '.join(clauses)}").marker] if clauses else []
        first, second = (*markers, None, None)[:2]
        return both_markers(first, second)

    def _reference(self, table: TomlTable, name: str, entry: TomlTable) -> str | None:
        git, url, path = entry.text("git"), entry.text("url"), entry.text("path") or entry.text("file")
        subdirectory = entry.text("subdirectory")
        suffix = f"#subdirectory={subdirectory}" if subdirectory else ""
        if git is not None:
            revision = entry.text("rev") or entry.text("tag") or entry.text("branch")
            return f"git+{git}{'@' + revision if revision else ''}{suffix}"
        if url is not None:
            return url + suffix
        if path is None:
            return None
        place = inside(folder_of(table.path), path)
        if not self._files.exists(place) and not is_folder(place, self._files):
            raise FileMissing(path=place, named_by=str(table.origin(name)))
        return reference_of_path(place) + suffix

    def _pin(self, table: TomlTable, name: str, entry: TomlTable) -> None:
        source = entry.text("source")
        if source is None:
            return
        urls = {one.text("name"): one.text("url") for one in self._poetry.tables("source")}
        url = urls.get(source)
        if url is None and source.lower() != "pypi":
            raise table.wrong(name, f"names the source {source}, which [[tool.poetry.source]] does not have")
        if url is not None:
            self._parts.pinned.append((canonicalize_name(name), url))

    def _read_sources(self) -> None:
        for source in self._poetry.tables("source"):
            url = source.text("url")
            priority = source.text("priority") or ("primary" if source.flag("default") else "supplemental")
            shown = f"source {source.text('name')} {mask_secrets(url or '')}".strip()
            note = "a source of packages"
            if url is None:
                note = "the default index"
            elif priority in ("primary", "default") and self._parts.index_url is None:
                self._parts.index_url = url
            elif priority == "explicit":
                note = "used only for the packages that name it"
            else:
                self._parts.extra_index_urls.append(url)
            self._parts.tell(shown, source.origin("url", url or None), Outcome.KEPT, note)


def _shown(name: str, entry: TomlTable) -> str:
    """Give a dependency as one line of TOML, with secrets masked."""
    if set(entry.values) == {"version"}:
        return f'{name} = "{entry.values["version"]}"'
    parts = [f'{key} = "{value}"' for key, value in entry.values.items() if isinstance(value, str)]
    return mask_secrets(f"{name} = {{{', '.join(parts)}}}")
