"""What of a pixi manifest a composition leaves out or makes anew: each with its line and what was done about it (law 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envcompose.manifest.toml_places import Path
from envcompose.manifest.workspace import (
    DEFAULT,
    ChannelPriority,
    CondaWish,
    Feature,
    PypiOptions,
    PypiWish,
    SolveStrategy,
    Target,
    Workspace,
)
from envcompose.manifest.workspace_views import View, features_of, platforms_of, selects
from envcompose.model.requirement import Outcome
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets

_BY_RULE = "a composition decides it by its rules"
_TAKEN = frozenset({"name", "channels", "platforms"})
_TOLD_APART = frozenset({"channel-priority", "solve-strategy", "exclude-newer", "requires-pixi", "conda-pypi-map"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """One thing that the composition does not take as it is written; `line` counts from 1."""

    text: str
    line: int | None
    outcome: Outcome
    note: str


def rest_of(workspace: Workspace, view: View | None, places: Mapping[Path, int]) -> Iterator[Rest]:
    """Everything beside the dependencies of the view, in the order of how much it may matter.

    `places` are the lines of the manifest's own tables, without the `tool.pixi` in front of them in a pyproject.toml.
    """
    yield from _environments(workspace, places)
    if view is not None:
        yield from _platforms(workspace, view, places)
        yield from _targets(workspace, view)
        yield from _options(view.pypi_options, places)
        yield from _solving(workspace, view, places)
    yield from _copied(places, _default_features(workspace))


def _default_features(workspace: Workspace) -> frozenset[str]:
    """The features of the environment that is composed."""
    return frozenset(name for one in workspace.environments if one.name == DEFAULT for name in one.features)


def shown(wish: CondaWish | PypiWish) -> str:
    """A wish as a user would write it, without secrets."""
    if isinstance(wish, PypiWish):
        return mask_secrets(str(wish))
    return f"{wish.name} {wish.spec.version if wish.spec.version is not None else '*'}"


def _environments(workspace: Workspace, places: Mapping[Path, int]) -> Iterator[Rest]:
    others = [environment.name for environment in workspace.environments if environment.name != DEFAULT]
    if others:
        note = "only the default environment is composed; envcompose lock locks all of them as they are written"
        yield Rest(
            text=f"environments {', '.join(others)}",
            line=_line(places, "environments"),
            outcome=Outcome.UNSUPPORTED,
            note=note,
        )
    used = {name for environment in workspace.environments for name in environment.features}
    for name in workspace.features:
        if name not in used and name != DEFAULT:
            yield Rest(
                text=f"feature {name}",
                line=_line(places, "feature", name),
                outcome=Outcome.INACTIVE,
                note="no environment has it",
            )


def _platforms(workspace: Workspace, view: View, places: Mapping[Path, int]) -> Iterator[Rest]:
    line = _line(places, "workspace", "platforms") or _line(places, "project", "platforms")
    own = next(one for one in workspace.environments if one.name == view.environment)
    others = [one.name for one in platforms_of(workspace, own) if one.name != view.platform.name]
    if others:
        note = f"a composition is for one platform, and {view.platform.name} is read"
        yield Rest(text=f"platforms {', '.join(others)}", line=line, outcome=Outcome.UNSUPPORTED, note=note)
    for package in () if view.platform.is_bare else view.platform.virtual:
        option = {"__cuda": "--driver", "__glibc": "--glibc"}.get(package.name)
        if option is not None:
            text = f"{package.name.removeprefix('__')} {package.version} of the platform {view.platform.name}"
            note = f"the target says it: {option} {package.version}"
            yield Rest(text=text, line=line, outcome=Outcome.REPLACED, note=note)


def _targets(workspace: Workspace, view: View) -> Iterator[Rest]:
    """What the default environment asks for on other platforms, and what a later table of the same feature replaces."""
    environment = next(one for one in workspace.environments if one.name == view.environment)
    held: tuple[CondaWish | PypiWish, ...] = (*view.dependencies, *view.constraints, *view.pypi)
    for feature in features_of(workspace, environment):
        for target in feature.targets:
            for wish in _wishes(target):
                if wish in held:
                    continue
                note = _why_not(feature, target, view)
                outcome = Outcome.REPLACED if selects(target.selector, view.platform) else Outcome.INACTIVE
                yield Rest(text=shown(wish), line=wish.line, outcome=outcome, note=note)


def _why_not(feature: Feature, target: Target, view: View) -> str:
    table = "" if target.selector is None else f"target.{target.selector}"
    if not selects(target.selector, view.platform):
        return f"[{table}] does not hold on {view.platform.subdir}"
    return f"another line of {'the manifest' if feature.name == DEFAULT else f'feature {feature.name}'} says it for {view.platform.subdir}"


def _wishes(target: Target) -> Iterator[CondaWish | PypiWish]:
    for dependencies in (target.dependencies, target.constraints):
        for conda in dependencies.values():
            yield from conda
    for pypi in target.pypi.values():
        yield from pypi


def _options(options: PypiOptions, places: Mapping[Path, int]) -> Iterator[Rest]:
    unread = {
        "no-build": options.no_build,
        "no-binary": options.no_binary,
        "index-strategy": options.index_strategy,
        "prerelease-mode": options.prerelease_mode,
        "skip-wheel-filename-check": options.skip_wheel_filename_check,
    }
    for key, value in unread.items():
        if value:
            line = _nearest(places, "pypi-options", key)
            yield Rest(text=f"pypi-options.{key}", line=line, outcome=Outcome.UNSUPPORTED, note=_BY_RULE)
    line = _nearest(places, "pypi-options", "no-build-isolation")
    isolation = options.no_build_isolation
    if isolation is True:
        note = "it is decided for each package; name those that it is about"
        yield Rest(text="pypi-options.no-build-isolation", line=line, outcome=Outcome.UNSUPPORTED, note=note)
    elif isolation:
        text = f"pypi-options.no-build-isolation {', '.join(isolation)}"
        note = "what of them is built is built without isolation"
        yield Rest(text=text, line=line, outcome=Outcome.KEPT, note=note)


def _solving(workspace: Workspace, view: View, places: Mapping[Path, int]) -> Iterator[Rest]:
    """How pixi was to solve it."""
    said = {
        "channel-priority": view.channel_priority is not ChannelPriority.STRICT,
        "solve-strategy": view.solve_strategy is not SolveStrategy.HIGHEST,
        "conda-pypi-map": workspace.conda_pypi_map is not None,
        "exclude-newer": workspace.exclude_newer is not None or any(one.exclude_newer for one in view.channels),
    }
    notes = {"exclude-newer": "--as-of DATE leaves out what is newer"}
    for key, is_said in said.items():
        if is_said:
            yield Rest(
                text=key,
                line=_line(places, "workspace", key) or _line(places, key),
                outcome=Outcome.UNSUPPORTED,
                note=notes.get(key, _BY_RULE),
            )
    for name in sorted({*workspace.package_cutoffs, *workspace.pypi_cutoffs}):
        note = "--as-of DATE leaves out what is newer of all packages"
        line = _nearest(places, "exclude-newer", name)
        yield Rest(text=f"exclude-newer of {name}", line=line, outcome=Outcome.UNSUPPORTED, note=note)
    if view.dev:
        note = "what the sources of a conda package need is not composed"
        yield Rest(text=f"dev {', '.join(view.dev)}", line=_line(places, "dev"), outcome=Outcome.UNSUPPORTED, note=note)
    if workspace.requires_pixi is not None:
        note = "the manifest that is written says its own; --requires-pixi asks for one"
        line = _line(places, "workspace", "requires-pixi") or _line(places, "project", "requires-pixi")
        yield Rest(text=f"requires-pixi {workspace.requires_pixi}", line=line, outcome=Outcome.REPLACED, note=note)


def _copied(places: Mapping[Path, int], features: frozenset[str]) -> Iterator[Rest]:
    """What has nothing to do with packages: it can stand outside of the blocks of what is written.

    `features` are those of the environment that is composed; what others have goes with their environments.
    """
    found: dict[str, list[tuple[str, int]]] = {}
    for path, line in places.items():
        own = _within(path, features)
        words = ".".join(map(str, path))
        if own[:2] == ("activation", "env") and len(own) == 3:
            found.setdefault("activation", []).append((words, line))
        elif len(own) == 2 and (own[0] == "tasks" or (own[0] == "activation" and own[1] != "env")):
            found.setdefault(str(own[0]), []).append((words, line))
        elif len(path) == 2 and path[0] in ("workspace", "project") and path[1] not in _TAKEN | _TOLD_APART:
            found.setdefault("workspace", []).append((words, line))
        elif len(path) == 2 and path[0] == "tool" and path[1] != "envcompose":
            found.setdefault("tool", []).append((words, line))
    note = "not taken over; what you write outside of the blocks of the new manifest stays in it"
    for entries in found.values():
        text = ", ".join(text for text, _ in entries)
        yield Rest(text=text, line=entries[0][1], outcome=Outcome.UNSUPPORTED, note=note)


def _within(path: Path, features: frozenset[str]) -> Path:
    """A path as seen from its feature, if that is one of these, and from its target."""
    if path[:1] == ("feature",) and len(path) > 2 and path[1] in features:
        path = path[2:]
    return path[2:] if path[:1] == ("target",) else path


def _line(places: Mapping[Path, int], *path: str) -> int | None:
    return places.get(path)


def _nearest(places: Mapping[Path, int], *path: str) -> int | None:
    """The line of a key of the manifest, or the first one of the same name in a feature or target."""
    return next((line for place, line in places.items() if place == path or place[-len(path) :] == path), None)
