"""PyPI dependencies of a manifest: versions, and tables with an index, a path, a repository or a URL."""

from __future__ import annotations

import re

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from envcompose.manifest.marker_reading import MarkerInvalid, read_marker
from envcompose.manifest.requirement_parts import parse_specifiers
from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import PypiOrigin, PypiWish

_REFERENCES = ("branch", "rev", "tag")


def pypi_name(name: str) -> str:
    """A PyPI name, normalised. Raises ValueError."""
    try:
        return str(canonicalize_name(name, validate=True))
    except InvalidName as error:
        raise ValueError(f"'{name}' is no PyPI name") from error


def read_pypi(table: TomlTable | None) -> dict[str, tuple[PypiWish, ...]]:
    """All wishes of a table of PyPI dependencies. Raises ManifestInvalid."""
    wishes: dict[str, tuple[PypiWish, ...]] = {}
    for key, value in table.entries() if table is not None else ():
        assert table is not None
        name = table.read(key, key, pypi_name)
        wishes[name] = (read_pypi_wish(table, key, name, value),)
    return wishes


def read_pypi_wish(table: TomlTable, key: str, name: str, value: object) -> PypiWish:
    """One PyPI dependency: a version, or a table. Raises ManifestInvalid."""
    line = table.line(key)
    if isinstance(value, str):
        return PypiWish(name=name, version=table.read(key, value, _specifiers), line=line)
    if not isinstance(value, dict):
        raise table.wrong(key, f"{key} must be a version or a table, not {kind_of(value)}")
    return _pypi_table(table.as_table(key, value), name, line)


def _specifiers(text: str) -> SpecifierSet | None:
    if text == "*":
        return None
    try:
        return parse_specifiers(text)
    except InvalidSpecifier as error:
        if text.startswith(("/", ".", "\\", "~/")):
            raise ValueError(f"'{text}' is a path: write it as {{ path = \"{text}\" }}") from error
        if "git" in text or "://" in text:
            key = "git" if "git" in text else "url"
            raise ValueError(f"'{text}' is an address: write it as {{ {key} = \"{text}\" }}") from error
        if re.match(r"[0-9]", text):
            raise ValueError(f"'{text}' has no operator: write \"=={text}\"") from error
        raise ValueError(f"'{text}' is no version specifier of Python (PEP 440)") from error


def _marker(text: str) -> Marker:
    try:
        read_marker(text)
        return Marker(text)
    except (InvalidMarker, MarkerInvalid) as error:
        raise ValueError(f"'{text}' is no environment marker (PEP 508)") from error


def parse_subdirectory(text: str) -> str | None:
    """A folder below the root; None for the root itself."""
    if text.startswith("/"):
        raise ValueError(f"'{text}' must be relative")
    steps: list[str] = []
    for step in text.split("/"):
        if step == ".." and not steps:
            raise ValueError(f"'{text}' leaves the folder")
        if step == "..":
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps) or None


def _pypi_table(table: TomlTable, name: str, line: int | None) -> PypiWish:
    given = set(table.left())
    version = table.parsed("version", _specifiers)
    extras = tuple(table.read("extras", extra, pypi_name) for extra in table.texts("extras") or ())
    locations = {
        PypiOrigin.PATH: table.text("path"),
        PypiOrigin.GIT: table.parsed("git", parse_url),
        PypiOrigin.URL: table.parsed("url", parse_url),
    }
    editable, lfs = table.flag("editable"), table.flag("lfs")
    references = [(key, text) for key in ("branch", "tag", "rev") if (text := table.text(key)) is not None]
    subdirectory = table.parsed("subdirectory", parse_subdirectory)
    index = table.parsed("index", parse_url)
    marker = table.parsed("env-markers", _marker)
    table.finish()
    named = [(origin, text) for origin, text in locations.items() if text is not None]
    _check_pypi(table, given, [origin.value for origin, _ in named])
    origin, location = named[0] if named else (PypiOrigin.INDEX, None)
    return PypiWish(
        name=name,
        origin=origin,
        version=version,
        extras=extras,
        marker=marker,
        index=index,
        location=location,
        reference=references[0] if references else None,
        subdirectory=subdirectory if origin in (PypiOrigin.GIT, PypiOrigin.URL) else None,
        editable=editable,
        lfs=lfs,
        line=line,
    )


def _check_pypi(table: TomlTable, given: set[str], named: list[str]) -> None:
    if "git" not in given and given & {"branch", "rev", "tag", "lfs"}:
        raise table.wrong(None, "branch, rev, tag and lfs need git")
    if len(given & set(_REFERENCES)) > 1:
        raise table.wrong(None, "only one of branch, rev and tag can stand there")
    if named and "version" in given:
        raise table.wrong(None, f"version cannot be used with {' and '.join(named)}")
    if len(named) > 1 or (named and "index" in given):
        raise table.wrong(None, f"only one of {', '.join([*named, *given & {'index'}])} can stand there")
