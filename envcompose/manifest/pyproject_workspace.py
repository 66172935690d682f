"""`[tool.pixi]` of a pyproject.toml, with what pixi takes from the standard tables around it (PEP 621, PEP 735)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from envcompose.errors import ManifestInvalid
from envcompose.manifest.marker_reading import read_marker
from envcompose.manifest.match_spec import MatchSpec
from envcompose.manifest.pyproject_standard import check_build_system, check_project, parse_requires_python
from envcompose.manifest.requirement_parts import RequirementInvalid, RequirementParts, read_requirement
from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.urls import parse_url
from envcompose.manifest.version_spec import parse_version_spec
from envcompose.manifest.workspace import DEFAULT, CondaWish, Feature, PypiOrigin, PypiWish, Workspace

if TYPE_CHECKING:
    from envcompose.manifest.workspace_reading import ManifestReader

Lines = tuple[tuple[str, int | None], ...]
"""Requirement texts with their lines."""


def read_pyproject(document: TomlTable, reader: ManifestReader) -> Workspace:
    """The workspace of a pyproject.toml. Raises ManifestInvalid, also where it has no `[tool.pixi]`."""
    tool = document.table("tool")
    pixi = tool.table("pixi") if tool is not None else None
    if tool is None or pixi is None:
        raise document.wrong(None, "there is no [tool.pixi] table", "add [tool.pixi.workspace]")
    project = document.table("project")
    name = project.text("name") if project is not None else None
    if project is not None and name is None:
        raise document.wrong("project", "[project] has no name")
    poetry = tool.table("poetry")
    poetry_name = poetry.take("name") if poetry is not None else None
    name = name or (poetry_name if isinstance(poetry_name, str) else None)
    groups = _groups(document, project, canonicalize_name(name or ""))
    dependencies = _list(project, "dependencies")
    python = project.parsed("requires-python", parse_requires_python) if project is not None else None
    if project is not None:
        check_project(project)
    check_build_system(document)
    features = {group: Feature(name=group) for group in groups}
    workspace = reader.read(pixi, name=name, groups=features)
    groups[DEFAULT] = (*groups.get(DEFAULT, ()), *dependencies)
    return _with_python(_with_groups(document, workspace, groups), project, python)


def _list(table: TomlTable | None, key: str) -> Lines:
    if table is None:
        return ()
    value = table.take(key)
    if value is None:
        return ()
    return tuple(
        (text, table.source.line((*table.where, key, index))) for index, text in enumerate(table.as_texts(key, value))
    )


def _groups(document: TomlTable, project: TomlTable | None, name: str) -> dict[str, Lines]:
    """The requirements of every extra and dependency group, with the groups that they include."""
    extras = project.table("optional-dependencies") if project is not None else None
    found: dict[str, Lines] = {}
    if extras is not None:
        for extra in extras.left():
            found[extra] = _list(extras, extra)
    found = {extra: tuple(_self_references(found, extra, name, ())) for extra in found}
    table = document.table("dependency-groups")
    if table is not None:
        raw = dict(table.entries())
        for group in raw:
            found[group] = tuple(_group(table, raw, group, ()))
    return found


def _self_references(
    extras: Mapping[str, Lines], extra: str, name: str, seen: tuple[str, ...]
) -> Iterable[tuple[str, int | None]]:
    """An extra's requirements, with `name[other]` replaced by what the other extra requires."""
    for text, line in extras[extra]:
        inner = _requirement(text)
        if inner is None or not name or inner.name != name:
            yield text, line
            continue
        for other in sorted(inner.extras):
            if other in extras and other not in (*seen, extra):
                yield from _self_references(extras, other, name, (*seen, extra))


def _requirement(text: str) -> RequirementParts | None:
    try:
        return read_requirement(text)
    except RequirementInvalid:
        return None


def _group(
    table: TomlTable, raw: Mapping[str, object], group: str, seen: tuple[str, ...]
) -> Iterable[tuple[str, int | None]]:
    value = raw[group]
    if not isinstance(value, list):
        raise table.wrong(group, f"the dependency group {group} must be a list, not {kind_of(value)}")
    for index, one in enumerate(value):
        where = (*table.where, group, index)
        if isinstance(one, str):
            yield one, table.source.line(where)
            continue
        included = one.get("include-group") if isinstance(one, dict) and len(one) == 1 else None
        if not isinstance(included, str):
            raise table.source.wrong(where, 'an entry of a dependency group is a text or { include-group = "…" }')
        if included not in raw:
            raise table.source.wrong(where, f"the dependency group {included} is not defined")
        if included in (*seen, group):
            raise table.source.wrong(where, f"the dependency group {included} includes itself")
        yield from _group(table, raw, included, (*seen, group))


def _with_groups(document: TomlTable, workspace: Workspace, groups: Mapping[str, Lines]) -> Workspace:
    features = dict(workspace.features)
    for group, lines in groups.items():
        feature = features[group]
        head, *targets = feature.targets
        pypi = {name: list(wishes) for name, wishes in head.pypi.items()}
        for text, line in lines:
            wish = _wish(document, text, line)
            known = pypi.setdefault(wish.name, [])
            if replace(wish, line=None) not in [replace(one, line=None) for one in known]:
                known.append(wish)
        head = replace(head, pypi={name: tuple(wishes) for name, wishes in pypi.items()})
        features[group] = replace(feature, targets=(head, *targets))
    return replace(workspace, features=features)


def _wish(document: TomlTable, text: str, line: int | None) -> PypiWish:
    try:
        parts = read_requirement(text)
        if parts.marker is not None:
            read_marker(parts.marker)
        wish = PypiWish(
            name=parts.name,
            version=parts.specifiers,
            extras=tuple(sorted(parts.extras)),
            marker=None if parts.marker is None else Marker(parts.marker),
            line=line,
        )
        return _located(wish, parts.address) if parts.address else wish
    except (InvalidMarker, ValueError) as error:
        reason = f"the requirement '{text}' cannot be read: {str(error).splitlines()[0]}"
        raise ManifestInvalid(path=document.source.path, reason=reason, line=line) from error


def _located(wish: PypiWish, address: str) -> PypiWish:
    """A requirement by URL as pixi takes it: git, a file on disk, or an address."""
    url, _, fragment = address.partition("#")
    options = dict(part.partition("=")[::2] for part in fragment.split("&"))
    subdirectory = options.get("subdirectory") or None
    if url.startswith("git+") or url.partition("@")[0].endswith(".git"):
        scheme, mark, rest = url.removeprefix("git+").partition("://")
        host, slash, path = rest.partition("/")
        path, _, reference = path.partition("@")
        return replace(
            wish,
            origin=PypiOrigin.GIT,
            location=parse_url(f"{scheme}{mark}{host}{slash}{path}"),
            reference=("rev", reference) if reference else None,
            subdirectory=subdirectory,
        )
    if url.startswith("file:"):
        return replace(wish, origin=PypiOrigin.PATH, location=url.removeprefix("file://").removeprefix("file:"))
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", url):
        return replace(wish, origin=PypiOrigin.PATH, location=url)
    return replace(wish, origin=PypiOrigin.URL, location=parse_url(address), subdirectory=subdirectory)


def _with_python(workspace: Workspace, project: TomlTable | None, wanted: str | None) -> Workspace:
    """pixi adds a conda python to the default feature where none is asked: the one of `requires-python`."""
    feature = workspace.features[DEFAULT]
    head, *targets = feature.targets
    if "python" in head.dependencies:
        return workspace
    version = line = None
    if wanted is not None and project is not None:
        line = project.line("requires-python")
        version = parse_version_spec(wanted.removeprefix("=="))
    wish = CondaWish(name="python", spec=MatchSpec(name="python", version=version), line=line)
    head = replace(head, dependencies={**head.dependencies, "python": (wish,)})
    return replace(workspace, features={**workspace.features, DEFAULT: replace(feature, targets=(head, *targets))})
