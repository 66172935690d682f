"""What an sdist declares in files that need no evaluation: PKG-INFO, pyproject.toml, setup.cfg, egg-info."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Mapping
from email.parser import HeaderParser

from packaging.utils import canonicalize_name

from envcompose.analyse.tables import strings_in, table_at
from envcompose.model.analysis import SdistTexts
from envcompose.model.values import dataclass

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
LEGACY_REQUIRES = ("setuptools >= 40.8.0",)
"""What PEP 517 and pip fill in where pyproject.toml or its build-system table is missing."""

FIELDS = ("Requires-Dist", "Requires-Python", "Provides-Extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Requirements as a declarative file states them, not yet normalised."""

    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]]
    requires_python: str | None = None
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageInfo:
    """The sdist's own PKG-INFO."""

    name: str
    version: str
    metadata_version: tuple[int, ...]
    dynamic: tuple[str, ...]
    metadata: Metadata

    def is_static(self, *, case_sensitive: bool = False) -> bool:
        """May Requires-Dist and its companions be trusted (PEP 643)? uv 0.11.15 compares `Dynamic` with its case."""
        dynamic = {field if case_sensitive else field.lower() for field in self.dynamic}
        wanted = FIELDS if case_sensitive else tuple(field.lower() for field in FIELDS)
        return self.metadata_version >= (2, 2) and dynamic.isdisjoint(wanted)


def read_package_info(sdist: SdistTexts) -> PackageInfo | None:
    """Read PKG-INFO at the root; None where there is none."""
    text = sdist.texts.get("PKG-INFO")
    if text is None:
        return None
    head = HeaderParser().parsestr(text.split("\n\n", 1)[0] + "\n\n")
    version = re.findall(r"\d+", str(head.get("Metadata-Version", "")))[:2]
    return PackageInfo(
        name=str(head.get("Name", "")).strip(),
        version=str(head.get("Version", "")).strip(),
        metadata_version=tuple(int(part[:6]) for part in version),
        dynamic=tuple(str(field).strip() for field in head.get_all("Dynamic", [])),
        metadata=Metadata(
            requires=tuple(str(line).strip() for line in head.get_all("Requires-Dist", [])),
            extras={},
            requires_python=str(head["Requires-Python"]).strip() if head.get("Requires-Python") else None,
            provides=tuple(str(line).strip() for line in head.get_all("Provides-Extra", [])),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What pyproject.toml says; the defaults of PEP 517 and 518 are filled in."""

    document: Mapping[str, object]
    build_backend: str
    build_requires: tuple[str, ...]
    backend_path: tuple[str, ...]
    project: Mapping[str, object] | None
    dynamic: frozenset[str]
    faults: tuple[str, ...] = ()

    def has_static(self, *fields: str) -> bool:
        """Does `[project]` state these fields, or their absence, for good (PEP 621)?"""
        return self.project is not None and self.dynamic.isdisjoint(fields)


def read_project(sdist: SdistTexts) -> Project:
    """Read pyproject.toml. A file that is no TOML counts as absent, and is reported."""
    faults: list[str] = []
    document: Mapping[str, object] = {}
    try:
        document = tomllib.loads(sdist.texts.get("pyproject.toml", ""))
    except (ValueError, RecursionError) as error:
        faults.append(f"pyproject.toml: {error}")
    system = table_at(document, "build-system")
    requires = strings_in(system.get("requires")) if "requires" in system else list(LEGACY_REQUIRES)
    project = document.get("project")
    return Project(
        document=document,
        build_backend=next(iter(strings_in(system.get("build-backend"))), LEGACY_BACKEND),
        build_requires=tuple(requires),
        backend_path=tuple(strings_in(system.get("backend-path"))),
        project=project if isinstance(project, Mapping) else None,
        dynamic=frozenset(strings_in(table_at(document, "project").get("dynamic"))),
        faults=tuple(faults),
    )


def project_metadata(project: Project) -> Metadata:
    """Give the requirements that `[project]` states."""
    table = project.project or {}
    optional = table_at(table, "optional-dependencies")
    return Metadata(
        requires=tuple(strings_in(table.get("dependencies"))),
        extras={extra: tuple(strings_in(value)) for extra, value in optional.items()},
        requires_python=next(iter(strings_in(table.get("requires-python"))), None),
    )


def read_setup_cfg(sdist: SdistTexts) -> Mapping[str, Mapping[str, str]]:
    """Read setup.cfg as sections of texts; a file that is none counts as empty."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(sdist.texts.get("setup.cfg", ""))
        return {section: dict(parser.items(section)) for section in parser.sections()}
    except (configparser.Error, ValueError, RecursionError):
        return {}


def cfg_lines(sdist: SdistTexts, value: str) -> list[str]:
    """Split a list value of setup.cfg, following `file:` (setuptools' declarative configuration)."""
    if value.strip().startswith("file:"):
        names = [name.strip() for name in value.strip()[5:].split(",")]
        return [line for name in names for line in requirement_lines(sdist.texts.get(name, ""))]
    lines = value.splitlines() if "\n" in value else value.split(";") if ";" in value and "==" not in value else [value]
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def requirement_lines(text: str) -> list[str]:
    """Give the requirements of a requirements file, without comments, options and includes."""
    lines = [re.split(r"(^|\s)#", line, maxsplit=1)[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("-")]


def cfg_metadata(sdist: SdistTexts, cfg: Mapping[str, Mapping[str, str]]) -> Metadata:
    """Give the requirements that setup.cfg declares."""
    options = cfg.get("options", {})
    extras = {name: tuple(cfg_lines(sdist, value)) for name, value in cfg.get("options.extras_require", {}).items()}
    return Metadata(
        requires=tuple(cfg_lines(sdist, options.get("install_requires", ""))),
        extras=extras,
        requires_python=options.get("python_requires", "").strip() or None,
    )


def egg_info_text(sdist: SdistTexts, name: str) -> str | None:
    """Give a text of the sdist's egg-info folder, from the one nearest to the root."""
    found = sorted((path.count("/"), path) for path in sdist.texts if path.endswith(f".egg-info/{name}"))
    return sdist.texts[found[0][1]] if found else None


def egg_info_metadata(sdist: SdistTexts) -> Metadata | None:
    """Give the requirements in egg-info's requires.txt; None where the sdist has no egg-info."""
    text = egg_info_text(sdist, "requires.txt")
    if text is None:
        return None
    requires: list[str] = []
    extras: dict[str, list[str]] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            extras.setdefault(section, [])
        elif line and section:
            extras[section].append(line)
        elif line:
            requires.append(line)
    return Metadata(requires=tuple(requires), extras={key: tuple(value) for key, value in extras.items()})


def entry_points(text: str) -> dict[str, list[str]]:
    """Give the names of each group of an entry points text (ini form)."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError):
        return {}
    return {section: [name for name, _ in parser.items(section)] for section in parser.sections()}


def name_from_file(filename: str) -> tuple[str, str]:
    """Split an sdist's file name into name and version ('' where there is none)."""
    stem = re.sub(r"\.(tar\.gz|tgz|zip|tar)$", "", filename)
    name, dash, version = stem.rpartition("-")
    return (canonicalize_name(name), version) if dash and version[:1].isdigit() else (canonicalize_name(stem), "")
