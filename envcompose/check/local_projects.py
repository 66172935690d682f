"""Projects on disk that a lock names: what their pyproject.toml says, and whether the lock still says the same."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.check.markers import TRUE, Combined, Comparison, Marker, comparisons, holds
from envcompose.check.requirements import RequirementInvalid, Wanted, parse_specifiers, parse_wanted
from envcompose.check.verdict import Unmet
from envcompose.errors import EnvcomposeError, PackageRequirementInvalid
from envcompose.manifest.lock import LockedPypi
from envcompose.manifest.requirement_text import requirement_text
from envcompose.ports import TextFiles

_MOST_WORLDS = 20_000
_SYSTEMS = {"Windows": "win32", "Darwin": "darwin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProject:
    """The static metadata of a project on disk. `redirected` are names that `[tool.uv.sources]` sends elsewhere."""

    name: str
    version: Version | None
    requires: tuple[Wanted, ...]
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

    That is so without a readable pyproject, with dynamic dependencies, and with requirements that do not parse.
    Raises Unmet where pixi solves again.
    """
    try:
        values = tomllib.loads(files.read_bytes(f"{folder}/pyproject.toml").decode())
    except (EnvcomposeError, OSError, ValueError, RecursionError):
        return None
    project = values.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        return None
    tool = values.get("tool")
    tool = tool if isinstance(tool, dict) else {}
    dynamic = project.get("dynamic", [])
    if "dependencies" in dynamic or "optional-dependencies" in dynamic:
        return None
    if "dependencies" not in project and "poetry" in tool:
        return None
    try:
        requires = tuple(_requires(project))
    except (PackageRequirementInvalid, RequirementInvalid, TypeError):
        return None
    return LocalProject(
        name=str(canonicalize_name(project["name"])),
        version=_version(project.get("version")),
        requires=requires,
        requires_python=_specifiers(project.get("requires-python")),
        redirected=_redirected(tool),
    )


def _requires(project: dict[str, object]) -> Iterable[Wanted]:
    for text in _texts(project.get("dependencies", [])):
        yield parse_wanted(requirement_text(text))
    extras = project.get("optional-dependencies", {})
    if not isinstance(extras, dict):
        raise TypeError
    for extra, texts in extras.items():
        asked = Comparison("extra", "==", str(canonicalize_name(extra)))
        for text in _texts(texts):
            wanted = parse_wanted(requirement_text(text))
            yield replace(wanted, marker=asked if wanted.marker == TRUE else Combined(True, (wanted.marker, asked)))


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
    locked = _expanded([parse_wanted(text) for text in package.requires_dist], package.name)
    current = _expanded(project.requires, package.name)
    added = [one for one in current if not any(_same(one, other, project.redirected) for other in locked)]
    removed = [one for one in locked if not any(_same(one, other, project.redirected) for other in current)]
    if added or removed:
        changes = [f"now requires {one.text}" for one in added] + [f"no longer requires {one.text}" for one in removed]
        raise Unmet("local-changed", f"the project {package.name} {', '.join(changes)}", package.name)
    if not _same_specifiers(package.requires_python, project.requires_python):
        now, before = project.requires_python or "any Python", package.requires_python or "any Python"
        raise Unmet("local-changed", f"the project {package.name} now requires {now}, not {before}", package.name)


def _same_specifiers(first: str | None, second: str | None) -> bool:
    if first is None or second is None:
        return first is second
    return parse_specifiers(first) == parse_specifiers(second)


def _same(first: Wanted, second: Wanted, redirected: frozenset[str]) -> bool:
    if (first.name, first.extras) != (second.name, second.extras):
        return False
    if first.name not in redirected:
        if (first.origin, first.location, first.reference) != (second.origin, second.location, second.reference):
            return False
        if _bounds(first) != _bounds(second):
            return False
    return same_marker(_lowered(first.marker), _lowered(second.marker))


def _bounds(wanted: Wanted) -> list[tuple[str, str]]:
    """The specifiers in one order, versions as they are written: pixi compares `1.0` and `1.0.0` as texts."""
    found = []
    for specifier in wanted.specifiers or ():
        stem = specifier.version.removesuffix(".*")
        found.append((specifier.operator, str(Version(stem)) + specifier.version[len(stem) :]))
    return sorted(found)


def _lowered(marker: Marker) -> Marker:
    """A marker with systems in one spelling, as the resolver inside pixi writes them: `Windows` is `win32`."""
    if isinstance(marker, Combined):
        return Combined(marker.every, tuple(map(_lowered, marker.parts)))
    if marker.key == "platform_system" and marker.operator in ("==", "!=") and marker.value in _SYSTEMS:
        return Comparison("sys_platform", marker.operator, _SYSTEMS[marker.value])
    return marker


def _expanded(requires: Sequence[Wanted], name: str) -> list[Wanted]:
    """Requirements with `project[extra]` of itself replaced by what the extra requires."""
    found: list[Wanted] = []

    def expand(wanted: Wanted, path: frozenset[str]) -> None:
        if wanted.name != name:
            found.append(wanted)
            return
        for extra in sorted(wanted.extras - path):
            for child in requires:
                rest = _without_extra(child.marker, extra)
                if rest is not None:
                    expand(replace(child, marker=_both(rest, wanted.marker)), path | {extra})

    for wanted in requires:
        expand(wanted, frozenset())
    return found


def _both(first: Marker, second: Marker) -> Marker:
    parts = tuple(part for part in (first, second) if part != TRUE)
    return parts[0] if len(parts) == 1 else Combined(True, parts)


def _without_extra(marker: Marker, extra: str) -> Marker | None:
    """What is left of a marker that asks for this extra at its top; None where it does not."""
    parts = marker.parts if isinstance(marker, Combined) and marker.every else (marker,)
    asked = [part for part in parts if isinstance(part, Comparison) and part.key == "extra" and part.operator == "=="]
    if not asked or str(canonicalize_name(asked[0].value)) != extra:
        return None
    rest = tuple(part for part in parts if part not in asked)
    return rest[0] if len(rest) == 1 else Combined(True, rest)


def same_marker(first: Marker, second: Marker) -> bool:
    """Whether two markers hold in the same environments: tried on all that their own values tell apart."""
    if first == second:
        return True
    values: dict[str, set[str]] = {}
    for comparison in itertools.chain(comparisons(first), comparisons(second)):
        values.setdefault(comparison.key, set()).update(_around(comparison))
    extras = sorted(values.pop("extra", set()))
    pythons = values.pop("python_version", set()) | values.pop("python_full_version", set())
    axes = [[("python", one) for one in sorted(pythons)]] if pythons else []
    axes += [[(key, one) for one in sorted(found)] for key, found in values.items()]
    worlds = 1 << len(extras)
    for axis in axes:
        worlds *= len(axis)
    if worlds > _MOST_WORLDS:
        return False
    for chosen in itertools.product(*axes):
        environment = _environment(dict(chosen))
        for bits in range(1 << len(extras)):
            asked = frozenset(extra for index, extra in enumerate(extras) if bits >> index & 1)
            if holds(first, environment, asked) != holds(second, environment, asked):
                return False
    return True


def _environment(chosen: dict[str, str]) -> dict[str, str]:
    python = chosen.pop("python", "3.11.5")
    environment = dict.fromkeys(
        [
            "implementation_name",
            "implementation_version",
            "os_name",
            "platform_machine",
            "platform_python_implementation",
            "platform_release",
            "platform_system",
            "platform_version",
            "sys_platform",
        ],
        "",
    )
    return {
        **environment,
        **chosen,
        "python_full_version": python,
        "python_version": ".".join([*python.split("."), "0"][:2]),
    }


def _around(comparison: Comparison) -> set[str]:
    """Values that one comparison tells apart: at, just below and just above its own."""
    if comparison.key == "extra":
        return {str(canonicalize_name(comparison.value))}
    if comparison.key not in ("python_version", "python_full_version", "implementation_version"):
        return {comparison.value, f"{comparison.value}~", ""}
    found = set()
    for text in comparison.value.replace(",", " ").split():
        try:
            release = Version(text.removesuffix(".*")).release
        except InvalidVersion:
            continue
        major, minor, micro = (*release, 0, 0, 0)[:3]
        for change in (-1, 0, 1):
            for small in {0, max(micro - 1, 0), micro, micro + 1}:
                if minor + change >= 0:
                    found.add(f"{major}.{minor + change}.{small}")
    return found or {"3.11.5"}
