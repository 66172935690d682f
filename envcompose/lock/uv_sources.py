"""`[tool.uv.sources]` of a project that a manifest names: where its requirements come from instead of an index.

The resolver inside pixi follows them (uv, "Dependency sources"); so does a lock.
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from envcompose.lock.places import Place
from envcompose.model.values import dataclass

PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """Where names come from: other `places`, or `indexes` of their own. `unread` are sources that are not followed."""

    places: Mapping[str, Place] = field(default_factory=dict)
    indexes: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def redirected(files: Mapping[str, bytes], project: Place, markers: Mapping[str, str]) -> Redirected:
    """The sources of a project that hold in an environment. A pyproject.toml that cannot be read has none."""
    try:
        values: dict[str, Any] = tomllib.loads(files[PYPROJECT].decode())
        uv = values["tool"]["uv"]
        sources = dict(uv["sources"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return Redirected()
    reader = _Reader(files, project, uv)
    places: dict[str, Place] = {}
    indexes: dict[str, str] = {}
    unread = []
    for spelled, said in sources.items():
        name = str(canonicalize_name(spelled))
        source = next((one for one in _tables(said) if _holds(one, markers)), None)
        if source is None:
            continue
        found = reader.index(source) if "index" in source else reader.place(name, source)
        if isinstance(found, Place):
            places[name] = found
        elif found is not None:
            indexes[name] = found
        else:
            unread.append(spelled)
    return Redirected(places=places, indexes=indexes, unread=tuple(unread))


class _Reader:
    def __init__(self, files: Mapping[str, bytes], project: Place, uv: Mapping[str, Any]) -> None:
        self._files = files
        self._project = project
        self._uv = uv

    def index(self, source: Mapping[str, Any]) -> str | None:
        known = {one.get("name"): one.get("url") for one in _tables(self._uv.get("index"))}
        url = known.get(source["index"])
        return url if isinstance(url, str) else None

    def place(self, name: str, source: Mapping[str, Any]) -> Place | None:
        inside = source.get("subdirectory")
        if isinstance(source.get("git"), str):
            reference = next(((key, str(source[key])) for key in ("rev", "tag", "branch") if key in source), None)
            repository = source["git"].removeprefix("git+")
            return Place(repository=repository, reference=reference, inside=inside, by_project=True)
        if isinstance(source.get("url"), str):
            return Place(url=source["url"], inside=inside)
        if isinstance(source.get("path"), str):
            return self._below(source["path"])
        return self._member(name) if source.get("workspace") is True else None

    def _below(self, path: str) -> Place:
        """A path as seen from the project, which may itself be a folder of a repository."""
        if self._project.repository is not None:
            return replace(self._project, inside=posixpath.normpath(posixpath.join(self._project.inside or "", path)))
        return Place(path=posixpath.normpath(posixpath.join(self._project.path or ".", path)))

    def _member(self, name: str) -> Place | None:
        """The member of the project's own workspace that has this name."""
        workspace = self._uv.get("workspace")
        members = workspace.get("members", []) if isinstance(workspace, dict) else []
        for path in sorted(self._files):
            folder, _, file = path.rpartition("/")
            if file == PYPROJECT and folder and any(_matches(folder, pattern) for pattern in members):
                try:
                    project = tomllib.loads(self._files[path].decode()).get("project", {})
                except (ValueError, RecursionError):
                    continue
                if canonicalize_name(str(project.get("name", ""))) == name:
                    return self._below(folder)
        return None


def _matches(folder: str, pattern: object) -> bool:
    """Does a folder match a pattern of members, whose star stands for one level?"""
    steps, wanted = folder.split("/"), str(pattern).removeprefix("./").rstrip("/").split("/")
    return len(steps) == len(wanted) and all(want in ("*", step) for step, want in zip(steps, wanted, strict=True))


def _tables(said: object) -> list[dict[str, Any]]:
    listed = said if isinstance(said, list) else [said]
    return [one for one in listed if isinstance(one, dict)]


def _holds(source: Mapping[str, Any], markers: Mapping[str, str]) -> bool:
    """Does a source hold here? One for a dependency group is none of the project's requirements."""
    if "group" in source:
        return False
    try:
        return "marker" not in source or Marker(str(source["marker"])).evaluate({**markers, "extra": ""})
    except InvalidMarker:
        return False
