"""`[tool.uv.sources]` -> pinned indexes and direct references (uv, "Dependency sources")."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envcompose.errors import FileMissing
from envcompose.model.requirement import Outcome, UserRequirement
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles
from envcompose.read.marker import holds_on_linux
from envcompose.read.paths import inside, is_folder, reference_of_path
from envcompose.read.project_name import project_name
from envcompose.read.reading_parts import Parts
from envcompose.read.secrets import mask_secrets
from envcompose.read.suggest import nearest
from envcompose.read.toml_table import TomlTable
from envcompose.read.tool_uv import index_urls

_KINDS = ("index", "git", "url", "path", "workspace")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScope:
    """What decides which of several sources of one name holds: the normalised extras and groups asked for."""

    extras: tuple[str, ...]
    groups: tuple[str, ...]
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The one source of a name that holds: a direct reference, or nothing to change (an index pin)."""

    url: str | None
    editable: bool = False
    is_missing: bool = False


def apply_sources(document: TomlTable, files: TextFiles, parts: Parts, scope: SourceScope) -> list[UserRequirement]:
    """Give the requirements with their sources applied; index sources go to `parts.pinned`.

    A requirement whose source cannot be followed is taken out and told: the project of the same name on an index
    may be someone else's.
    """
    reader = _Sources(document.table("tool", "uv"), files, parts, scope)
    sources = reader.by_name()
    kept: list[UserRequirement] = []
    for one in parts.requirements:
        source = sources.get(one.name)
        if source is None or one.requirement.url is not None:
            kept.append(one)
        elif source.is_missing:
            note = "its source in [tool.uv.sources] is not there, and an index may have another project of this name"
            parts.tell(one.text, one.origin, Outcome.UNSUPPORTED, note)
        else:
            kept.append(_redirected(one, source) if source.url is not None else one)
    return kept


class _Sources:
    """Reads the sources of one document for one scope."""

    def __init__(self, uv: TomlTable, files: TextFiles, parts: Parts, scope: SourceScope) -> None:
        self._uv = uv
        self._table = uv.table("sources")
        self._files = files
        self._parts = parts
        self._scope = scope

    def by_name(self) -> dict[str, _Source]:
        """Give the source that holds, by normalised name."""
        found: dict[str, _Source] = {}
        for spelled in self._table.values:
            if (source := self._choose(spelled)) is not None:
                found[canonicalize_name(spelled)] = source
        return found

    def _choose(self, spelled: str) -> _Source | None:
        """Give the first source of a name that surely holds; those that do not are told."""
        chosen: _Source | None = None
        origin = self._table.origin(spelled)
        for source in self._table.tables(spelled, lone=True):
            kinds = [kind for kind in _KINDS if kind in source]
            if len(kinds) != 1:
                raise self._table.wrong(spelled, f"needs one of {', '.join(_KINDS)}")
            text = f"source of {spelled}: {kinds[0]} {mask_secrets(str(source.values[kinds[0]]))}"
            if not self._is_asked(source):
                self._parts.tell(text, origin, Outcome.INACTIVE, "its extra or group was not asked for")
            elif (holds := holds_on_linux(self._marker(spelled, source))) is False:
                self._parts.tell(text, origin, Outcome.INACTIVE, "its marker does not hold on linux-64")
            elif holds is None:
                note = "its marker depends on the Python that is chosen, and a source cannot"
                self._parts.tell(text, origin, Outcome.UNSUPPORTED, note)
            elif chosen is not None:
                self._parts.tell(text, origin, Outcome.UNSUPPORTED, "an earlier source of this name holds")
            else:
                chosen = self._follow(spelled, source)
                self._parts.tell(text, origin, *_outcome(chosen))
        return chosen

    def _is_asked(self, source: TomlTable) -> bool:
        extra, group = source.text("extra"), source.text("group")
        if extra is not None and canonicalize_name(extra) not in self._scope.extras:
            return False
        return group is None or canonicalize_name(group) in self._scope.groups

    def _marker(self, spelled: str, source: TomlTable) -> Marker | None:
        text = source.text("marker")
        if text is None:
            return None
        try:
            return Marker(text)
        except (ValueError, RecursionError) as error:
            raise self._table.wrong(spelled, "holds a marker that does not parse") from error

    def _follow(self, spelled: str, source: TomlTable) -> _Source:
        if "index" in source:
            self._parts.pinned.append((canonicalize_name(spelled), self._index_url(spelled, source)))
            return _Source(url=None)
        if "git" in source:
            return _Source(url=_git_url(source))
        if "url" in source:
            return _Source(url=_with_subdirectory(source.text("url") or "", source))
        if "path" in source:
            place = inside(self._scope.base, source.text("path") or "")
            if not self._files.exists(place) and not is_folder(place, self._files):
                raise FileMissing(path=place, named_by=str(self._table.origin(spelled)))
            url = _with_subdirectory(reference_of_path(place), source)
            return _Source(url=url, editable=source.flag("editable"))
        member = self._workspace_member(canonicalize_name(spelled))
        return _Source(url=member, editable=member is not None, is_missing=member is None)

    def _index_url(self, spelled: str, source: TomlTable) -> str:
        known = index_urls(self._uv)
        name = source.text("index") or ""
        if name not in known:
            near = nearest(name, known)
            hint = f", did you mean {near}?" if near else ""
            reason = f"names the index {mask_secrets(name)}, which [[tool.uv.index]] does not have{hint}"
            raise self._table.wrong(spelled, reason)
        return known[name]

    def _workspace_member(self, name: str) -> str | None:
        """Give the folder of a workspace member; a star stands for one level of folders, as in `packages/*`."""
        workspace = self._uv.table("workspace")
        left_out = {inside(self._scope.base, path) for path in workspace.texts("exclude")}
        for pattern in workspace.texts("members"):
            for folder in _matching_folders(inside(self._scope.base, pattern), self._files):
                found = None if folder in left_out else project_name(folder, self._files)
                if found is not None and canonicalize_name(found[0]) == name:
                    return reference_of_path(folder)
        return None


def _redirected(one: UserRequirement, source: _Source) -> UserRequirement:
    """Give the requirement with the URL of its source; uv then ignores its version bounds, and so does PEP 508."""
    extras = f"[{','.join(sorted(one.requirement.extras))}]" if one.requirement.extras else ""
    marker = f" ; {one.requirement.marker}" if one.requirement.marker else ""
    url = "%20".join((source.url or "").split())
    requirement = Requirement(f"{one.requirement.name}{extras} @ {url}{marker}")
    return replace(one, requirement=requirement, editable=source.editable)


def _outcome(source: _Source) -> tuple[Outcome, str]:
    if source.is_missing:
        return Outcome.UNSUPPORTED, "no member of the workspace has this name"
    if source.url is None:
        return Outcome.KEPT, "this index serves it"
    return Outcome.KEPT, "it comes from here instead of an index"


def _git_url(source: TomlTable) -> str:
    url = source.text("git") or ""
    url = url if url.startswith("git+") else f"git+{url}"
    revision = source.text("rev") or source.text("tag") or source.text("branch")
    return _with_subdirectory(f"{url}@{revision}" if revision else url, source)


def _with_subdirectory(url: str, source: TomlTable) -> str:
    subdirectory = source.text("subdirectory")
    return f"{url}#subdirectory={subdirectory}" if subdirectory else url


def _matching_folders(pattern: str, files: TextFiles) -> list[str]:
    above, star, below = pattern.partition("*")
    if not star:
        return [pattern]
    if below or not (above == "" or above.endswith("/")):
        return []
    return [posixpath.join(above, name) for name in files.listing(above.rstrip("/") or ".")]
