"""A pixi manifest of somebody's own (`pixi.toml`, `[tool.pixi]`) -> one InputReading, to compose from.

Its default environment on linux-64 speaks. What the composition makes anew (tasks, activation, platforms) is told,
and so are other environments (`pixi_rest`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envcompose.manifest.toml_places import Path, places_of
from envcompose.manifest.workspace import DEFAULT, CondaWish, PypiOptions, PypiOrigin, PypiWish, Workspace
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.manifest.workspace_views import View, environments_of
from envcompose.model.intent import InputReading
from envcompose.model.message import Level
from envcompose.model.requirement import CondaRequest, Origin, OriginKind, Outcome, UserRequirement
from envcompose.ports import TextFiles
from envcompose.read.decode import decode_text
from envcompose.read.paths import folder_of, inside, reference_of_path
from envcompose.read.pixi_rest import rest_of, shown
from envcompose.read.reading_parts import Parts

SUBDIR = "linux-64"


def read_pixi_manifest(path: str, files: TextFiles) -> InputReading:
    """Read a manifest by its path. Raises FileMissing, FileUnreadable and ManifestInvalid with file and line."""
    text = decode_text(files.read_bytes(path), path)
    workspace = read_workspace(text, path)
    reader = _Reader(path)
    view = next(
        (view for view in environments_of(workspace) if view.environment == DEFAULT and view.platform.subdir == SUBDIR),
        None,
    )
    if view is not None:
        reader.read(view)
    reader.tell_rest(workspace, view, _places(text, path))
    return replace(reader.reading(), name=workspace.name)


class _Reader:
    """Collects what one view says."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._base = folder_of(path)
        self._parts = Parts()
        self._conda: list[CondaRequest] = []
        self._channels: tuple[str, ...] = ()

    def read(self, view: View) -> None:
        """Everything that the default environment asks for on the platform."""
        self._channels = tuple(channel.text for channel in view.channels)
        for wish in view.dependencies:
            self._dependency(wish)
        for wish in view.constraints:
            note = "a constraint on conda: the composition computes them from the closure"
            self._parts.tell(shown(wish), self._origin(wish.line), Outcome.REPLACED, note)
        for pypi in view.pypi:
            self._pypi(pypi, self._parts.requirements)
        self._options(view.pypi_options)

    def reading(self) -> InputReading:
        """Give everything that was read."""
        return replace(self._parts.reading(), conda=tuple(self._conda), channels=self._channels)

    def tell_rest(self, workspace: Workspace, view: View | None, places: Mapping[Path, int]) -> None:
        """What does not speak here (law 4)."""
        if view is None:
            text = f"{self._path} has no default environment for {SUBDIR}, so nothing of it was read"
            self._parts.say("environment-not-read", Level.WARNING, text, self._origin(None))
        for rest in rest_of(workspace, view, places):
            self._parts.tell(rest.text, self._origin(rest.line), rest.outcome, rest.note)

    def _dependency(self, wish: CondaWish) -> None:
        origin = self._origin(wish.line)
        if wish.source is not None:
            note = f"it is built from its {wish.source}, which a composition cannot do"
            self._parts.tell(shown(wish), origin, Outcome.UNSUPPORTED, note)
            return
        version = str(wish.spec.version) if wish.spec.version is not None else "*"
        if wish.name == "python":
            self._python(version, wish, origin)
            return
        spec = f"{version} {wish.spec.build.text}" if wish.spec.build is not None else version
        self._conda.append(CondaRequest(name=wish.name, spec=spec, origin=origin, channel=wish.spec.channel))

    def _python(self, version: str, wish: CondaWish, origin: Origin) -> None:
        clauses = [text if not text[:1].isdigit() else f"=={text}" for text in version.split(",") if text != "*"]
        try:
            specifier = SpecifierSet(",".join(clauses))
        except InvalidSpecifier:
            self._parts.tell(shown(wish), origin, Outcome.UNSUPPORTED, "this set of Pythons has no PEP 440 form")
            return
        if specifier:
            self._parts.requires_python.append((specifier, origin))
        note = "a bound on the Python of the target" if specifier else "every environment has a Python"
        self._parts.tell(shown(wish), origin, Outcome.KEPT, note)

    def _pypi(self, wish: PypiWish, into: list[UserRequirement]) -> None:
        origin, text = self._origin(wish.line), self._requirement_text(wish)
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self._parts.tell(shown(wish), origin, Outcome.UNSUPPORTED, "it has no form as a requirement")
            return
        editable = bool(wish.editable)
        into.append(UserRequirement(text=shown(wish), requirement=requirement, origin=origin, editable=editable))
        if wish.index is not None:
            self._parts.pinned.append((wish.name, wish.index))

    def _requirement_text(self, wish: PypiWish) -> str:
        if wish.origin is not PypiOrigin.PATH:
            return str(wish)
        place = reference_of_path(inside(self._base, wish.location or "."))
        extras = f"[{','.join(wish.extras)}]" if wish.extras else ""
        marker = f" ; {wish.marker}" if wish.marker else ""
        return f"{wish.name}{extras} @ {place}{marker}"

    def _options(self, options: PypiOptions) -> None:
        origin, parts = self._origin(None), self._parts
        parts.index_url = options.index_url
        parts.extra_index_urls += options.extra_index_urls
        parts.find_links += [value for _, value in options.find_links]
        if isinstance(options.no_build_isolation, tuple):
            parts.no_build_isolation += [(name, origin) for name in options.no_build_isolation]
        for wish in _values(options.dependency_overrides):
            self._pypi(wish, parts.overrides)

    def _origin(self, line: int | None) -> Origin:
        return Origin(kind=OriginKind.FILE, file=self._path, line=line)


def _places(text: str, path: str) -> Mapping[Path, int]:
    """The lines of the manifest's own tables; in a pyproject.toml they stand below `tool.pixi`."""
    places = places_of(text)
    if not path.endswith("pyproject.toml"):
        return places
    return {place[2:]: line for place, line in places.items() if place[:2] == ("tool", "pixi") and place[2:]}


def _values(overrides: Mapping[str, PypiWish]) -> Iterable[PypiWish]:
    return (overrides[name] for name in sorted(overrides))
