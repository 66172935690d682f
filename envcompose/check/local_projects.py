"""Projects on disk that a lock names: what their pyproject.toml says, and whether the lock still says the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.check.project_tables import table_problem
from envcompose.check.verdict import Unmet
from envcompose.errors import EnvcomposeError, PackageRequirementInvalid
from envcompose.manifest.lock import LockedPypi
from envcompose.manifest.marker_reading import Comparison, Joined, read_marker
from envcompose.manifest.marker_text import marker_text
from envcompose.manifest.requirement_parts import parse_specifiers
from envcompose.manifest.requirement_text import requirement_text
from envcompose.manifest.toml_table import read_values
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One requirement in pixi's form: what is asked (`name[extras]>=1`, or an address) and its marker."""

    name: str
    asked: str
    marker: str

    @property
    def extras(self) -> frozenset[str]:
        """The extras that it asks for."""
        found = re.match(r"[a-z0-9-]+\[([^\]]*)\]", self.asked)
        return frozenset(found[1].split(",")) if found else frozenset()

    def key(self, redirected: frozenset[str]) -> tuple[str, frozenset[str], str, str]:
        """What two equal lines have in common; of a redirected name the place does not count."""
        bounds = "" if self.name in redirected else re.sub(r"^[a-z0-9-]+(\[[^\]]*\])?", "", self.asked)
        return self.name, self.extras, bounds, self.marker

    def __str__(self) -> str:
        return f"{self.asked} ; {self.marker}" if self.marker else self.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProject:
    """The static metadata of a project on disk. `redirected` are names that `[tool.uv.sources]` sends elsewhere."""

    name: str
    version: Version | None
    requires: tuple[Line, ...]
    requires_python: str | None
    redirected: frozenset[str] = frozenset()


def is_folder(files: TextFiles, path: str) -> bool:
    """Whether a path is a folder; an empty one is told from a file by trying to read it."""
    if files.listing(path):
        return True
    if not files.exists(path):
        return False
    try:
        files.read_bytes(path)
    except (EnvcomposeError, OSError):
        return True
    return False


def read_local_project(files: TextFiles, folder: str) -> LocalProject | None:
    """What a folder's pyproject.toml says without building; None where pixi trusts the lock instead.

    That is so without a readable pyproject, with dynamic dependencies, and with metadata that do not parse.
    Raises Unmet where pixi solves again, as for tables beside the metadata that uv does not take.
    """
    try:
        values = read_values(files.read_bytes(f"{folder}/pyproject.toml").decode("utf-8-sig"), "pyproject.toml")
    except (EnvcomposeError, OSError, ValueError):
        return None
    project, tool = values.get("project"), values.get("tool", {})
    if not isinstance(project, dict) or not isinstance(tool, dict):
        return None
    try:
        _check_metadata(project)
        dynamic = _texts(project.get("dynamic", []))
        if "dependencies" in dynamic or "optional-dependencies" in dynamic:
            return None
        if "dependencies" not in project and "poetry" in tool:
            return None
        requires = tuple(_requires(project))
    except (PackageRequirementInvalid, InvalidVersion, InvalidName, TypeError):
        return None
    problem = table_problem(values)
    if problem is not None:
        raise Unmet("local-unreadable", f"{folder}/pyproject.toml cannot be read by uv: {problem}", project["name"])
    return LocalProject(
        name=str(canonicalize_name(project["name"])),
        version=_version(project.get("version")),
        requires=requires,
        requires_python=_specifiers(project.get("requires-python")),
        redirected=_redirected(tool),
    )


def _check_metadata(project: dict[str, object]) -> None:
    """Raises InvalidName, InvalidVersion or TypeError."""
    name, version, python = (project.get(key) for key in ("name", "version", "requires-python"))
    if not isinstance(name, str) or not isinstance(version, str | None) or not isinstance(python, str | None):
        raise TypeError
    canonicalize_name(name, validate=True)
    if version is not None:
        Version(version)


def _requires(project: dict[str, object]) -> Iterable[Line]:
    for text in _texts(project.get("dependencies", [])):
        yield _line(text)
    extras = project.get("optional-dependencies", {})
    if not isinstance(extras, dict):
        raise TypeError
    for extra, texts in extras.items():
        asked = f"extra == '{canonicalize_name(extra, validate=True)}'"
        for text in _texts(texts):
            line = _line(text)
            yield replace(line, marker=_both(line.marker, asked))


def _line(text: str) -> Line:
    """A requirement in the form in which pixi writes it, taken apart. Raises PackageRequirementInvalid."""
    asked, _, marker = requirement_text(text, of_source=True).partition(" ; ")
    return Line(name=re.split(r"[^a-z0-9-]", asked, maxsplit=1)[0], asked=asked, marker=marker)


def _both(first: str, second: str) -> str:
    texts = [text for text in (first, second) if text]
    return texts[0] if len(texts) == 1 else marker_text(" and ".join(f"({text})" for text in texts)) if texts else ""


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError
    return value


def _version(value: object) -> Version | None:
    try:
        return Version(value) if isinstance(value, str) else None
    except InvalidVersion:
        return None


def _specifiers(value: object) -> str | None:
    try:
        return str(SpecifierSet(value)) if isinstance(value, str) else None
    except InvalidSpecifier:
        return None


def _redirected(tool: dict[str, object]) -> frozenset[str]:
    uv = tool.get("uv")
    sources = uv.get("sources") if isinstance(uv, dict) else None
    return frozenset(str(canonicalize_name(name)) for name in sources) if isinstance(sources, dict) else frozenset()


def check_local_project(package: LockedPypi, project: LocalProject) -> None:
    """Whether a lock's entry says what the project says now. Raises Unmet."""
    locked = _expanded([_line(text) for text in package.requires_dist], package.name)
    current = _expanded(project.requires, package.name)
    before = {line.key(project.redirected) for line in locked}
    now = {line.key(project.redirected) for line in current}
    changes = [f"now requires {line}" for line in current if line.key(project.redirected) not in before]
    changes += [f"no longer requires {line}" for line in locked if line.key(project.redirected) not in now]
    if changes:
        raise Unmet("local-changed", f"the project {package.name} {', '.join(changes)}", package.name)
    if not _same_specifiers(package.requires_python, project.requires_python):
        says, said = project.requires_python or "any Python", package.requires_python or "any Python"
        raise Unmet("local-changed", f"the project {package.name} now requires {says}, not {said}", package.name)


def _same_specifiers(first: str | None, second: str | None) -> bool:
    if first is None or second is None:
        return first is second
    return parse_specifiers(first) == parse_specifiers(second)


def _expanded(requires: Sequence[Line], name: str) -> list[Line]:
    """Requirements with `project[extra]` of itself replaced by what the extra requires."""
    found: list[Line] = []

    def expand(line: Line, path: frozenset[str]) -> None:
        if line.name != name:
            found.append(line)
            return
        for extra in line.extras - path:
            for child in requires:
                rest = _without_extra(child.marker, extra)
                if rest is not None:
                    expand(replace(child, marker=_both(rest, line.marker)), path | {extra})

    for line in requires:
        expand(line, frozenset())
    return found


def _without_extra(marker: str, extra: str) -> str | None:
    """What is left of a marker that asks for this extra in each of its clauses; None where it does not."""
    read = read_marker(marker) if marker else None
    if read is None:
        return None
    clauses = read.parts if isinstance(read, Joined) and read.word == "or" else (read,)
    rests = []
    for clause in clauses:
        parts = clause.parts if isinstance(clause, Joined) else (clause,)
        rest = [part for part in parts if part != Comparison("extra", "==", extra)]
        if len(rest) == len(parts):
            return None
        # A marker in pixi's form has comparisons only below its clauses.
        rests.append(" and ".join(_shown(part) for part in rest if isinstance(part, Comparison)))
    return "" if "" in rests else marker_text(" or ".join(f"({rest})" for rest in rests))


def _shown(one: Comparison) -> str:
    if one.operator.endswith("contains"):
        return f"'{one.value}' {one.operator.replace('contains', 'in')} {one.key}"
    return f"{one.key} {one.operator} '{one.value}{'.*' if one.star else ''}'"
