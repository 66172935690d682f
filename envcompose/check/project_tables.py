"""Whether uv, inside pixi, can read a project's pyproject.toml as a whole: where it cannot, pixi solves again (pixi.md §9.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from envcompose.manifest.requirement_text import requirement_problem, requires_python_problem

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PLACES = frozenset({"git", "url", "path", "index", "workspace"})
_SOURCE_KEYS = _PLACES | {
    "subdirectory",
    "rev",
    "tag",
    "branch",
    "lfs",
    "editable",
    "package",
    "marker",
    "extra",
    "group",
}
_FLAGS = ("managed", "package")
_TABLES = ("workspace", "dependency-groups")
_REQUIREMENTS = (
    "dev-dependencies",
    "override-dependencies",
    "constraint-dependencies",
    "build-constraint-dependencies",
)


def table_problem(values: Mapping[str, object]) -> str | None:
    """The first thing that uv does not take in a pyproject.toml whose static metadata are fine; None where all is."""
    return next(_problems(values), None)


def _problems(values: Mapping[str, object]) -> Iterator[str]:
    project, tool = values.get("project"), values.get("tool")
    if isinstance(project, dict):
        if "version" not in project and "version" not in project.get("dynamic", ()):
            yield "[project] has no version, and does not call it dynamic"
        wanted = project.get("requires-python")
        problem = requires_python_problem(wanted) if isinstance(wanted, str) else None
        if problem is not None:
            yield f"requires-python: {problem}"
    yield from _groups(values.get("dependency-groups", {}))
    uv = tool.get("uv", {}) if isinstance(tool, dict) else {}
    if not isinstance(uv, dict):
        yield "tool.uv is no table"
        return
    yield from _uv(uv)


def _groups(groups: object) -> Iterator[str]:
    """Dependency groups (PEP 735)."""
    if not isinstance(groups, dict):
        yield "dependency-groups is no table"
        return
    for name, entries in groups.items():
        if not isinstance(entries, list):
            yield f"the dependency group {name} is no list"
            return
        for entry in entries:
            included = entry.get("include-group") if isinstance(entry, dict) else None
            if isinstance(entry, str):
                yield from _requirement(entry, f"the dependency group {name}")
            elif included not in groups:
                yield f"the dependency group {name} includes what is no group"
    if _turns(groups):
        yield "a dependency group includes itself"


def _turns(groups: Mapping[str, list[object]]) -> bool:
    done: set[str] = set()

    def visit(name: str, path: frozenset[str]) -> bool:
        if name in path:
            return True
        if name in done:
            return False
        done.add(name)
        inner = [str(one.get("include-group")) for one in groups.get(name, ()) if isinstance(one, dict)]
        return any(visit(one, path | {name}) for one in inner)

    return any(visit(name, frozenset()) for name in groups)


def _uv(uv: Mapping[str, object]) -> Iterator[str]:
    for key in _FLAGS:
        if not isinstance(uv.get(key, True), bool):
            yield f"tool.uv.{key} is neither true nor false"
    for key in _TABLES:
        if not isinstance(uv.get(key, {}), dict):
            yield f"tool.uv.{key} is no table"
    for key in _REQUIREMENTS:
        lines = uv.get(key, [])
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            yield f"tool.uv.{key} is no list of requirements"
            return
        for line in lines:
            yield from _requirement(line, f"tool.uv.{key}")
    indexes = uv.get("index", [])
    if not isinstance(indexes, list) or not all(
        isinstance(one, dict) and isinstance(one.get("url"), str) and isinstance(one.get("name", ""), str)
        for one in indexes
    ):
        yield "tool.uv.index is no list of tables with a url"
    yield from _sources(uv.get("sources", {}))


def _requirement(line: str, where: str) -> Iterator[str]:
    problem = requirement_problem(line)
    if problem is not None:
        yield f"{where}: '{line}' is no requirement: {problem}"


def _sources(sources: object) -> Iterator[str]:
    if not isinstance(sources, dict):
        yield "tool.uv.sources is no table"
        return
    for name, value in sources.items():
        entries = value if isinstance(value, list) else [value]
        fine = all(isinstance(one, dict) and _is_source(one) for one in entries)
        if not _NAME.fullmatch(name) or not entries or not fine:
            yield f"tool.uv.sources.{name} is no source"


def _is_source(entry: Mapping[str, object]) -> bool:
    return set(entry) <= _SOURCE_KEYS and len(_PLACES & set(entry)) == 1
