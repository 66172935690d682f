"""Dependencies of a manifest: conda specs, PyPI specs, and the tables that hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from envcompose.manifest.match_spec import MatchSpec, TextPattern, parse_build_number
from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.urls import parse_url
from envcompose.manifest.version_spec import SpecInvalid, VersionSpec, parse_version_spec
from envcompose.manifest.workspace import CondaWish, PypiOrigin, PypiWish

CONDA_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ARCHIVE = re.compile(r"\.(?:conda|tar\.bz2)$")
_LOCATIONS = ("url", "git", "path")
_REFERENCES = ("branch", "rev", "tag")


def parse_manifest_version(text: str) -> VersionSpec:
    """A version spec of a manifest: strict, but a version alone means `==`. Raises SpecInvalid with a hint in it."""
    try:
        return parse_version_spec(text, strict=True)
    except SpecInvalid as error:
        if error.ambiguous:
            return parse_version_spec(text)
        bare = re.sub(r"\s+", "", text)
        if bare != text and _reads(bare):
            raise SpecInvalid(f"'{text}' has blanks: did you mean \"{bare}\"?") from error
        head, _, build = text.partition(" ")
        if build and _reads(head):
            raise SpecInvalid(
                f'\'{text}\' has a build string: write it as {{ version = "{head}", build = "{build.strip()}" }}'
            ) from error
        raise SpecInvalid(f"'{text}' is no version: {error}") from error


def _reads(text: str) -> bool:
    try:
        parse_version_spec(text)
    except SpecInvalid:
        return False
    return True


def conda_name(name: str) -> str:
    """A conda name in lower case. Raises ValueError."""
    if not CONDA_NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no package name: only letters, digits, '-', '_' and '.' may stand in it")
    return name.lower()


def pypi_name(name: str) -> str:
    """A PyPI name, normalised. Raises ValueError."""
    try:
        return str(canonicalize_name(name, validate=True))
    except InvalidName as error:
        raise ValueError(f"'{name}' is no PyPI name") from error


class CondaTables:
    """Reads conda dependency tables; knows the pool of `[workspace.dependencies]` and whether sources are allowed."""

    def __init__(self, pool: Mapping[str, object], *, sources: bool) -> None:
        self._pool = pool
        self._sources = sources

    def read(self, table: TomlTable | None, *, constraints: bool = False) -> dict[str, tuple[CondaWish, ...]]:
        """All wishes of one table. Raises ManifestInvalid."""
        wishes: dict[str, tuple[CondaWish, ...]] = {}
        for key, value in table.entries() if table is not None else ():
            assert table is not None
            name = table.read(key, key, conda_name)
            if name in wishes:
                raise table.wrong(key, f"{name} stands there twice")
            wish = self._wish(table, key, name, self._inherited(table, key, name, value))
            if wish.source and constraints:
                raise table.wrong(key, f"{name}: a constraint cannot have a source")
            if wish.source and not self._sources:
                raise table.wrong(
                    key,
                    f"{name}: conda packages are built from source only with the pixi-build preview",
                    'add preview = ["pixi-build"] to [workspace]',
                )
            wishes[name] = (wish,)
        return wishes

    def _inherited(self, table: TomlTable, key: str, name: str, value: object) -> object:
        """A value with what `workspace = true` takes from the pool."""
        if not isinstance(value, dict) or "workspace" not in value:
            return value
        if value["workspace"] is not True:
            raise table.wrong(key, f"{key}.workspace must be true where it stands")
        base = self._pool.get(name)
        if base is None:
            raise table.wrong(key, f"[workspace.dependencies] has no {name}", f"add {name} to [workspace.dependencies]")
        own = {field: one for field, one in value.items() if field != "workspace"}
        for field in ("version", *_LOCATIONS):
            if field in own:
                raise table.wrong(key, f"{key}: {field} comes from [workspace.dependencies] and cannot stand here")
        return {**(base if isinstance(base, dict) else {"version": base}), **own}

    def _wish(self, table: TomlTable, key: str, name: str, value: object) -> CondaWish:
        line = table.line(key)
        if isinstance(value, str):
            version = table.read(key, value, parse_manifest_version)
            return CondaWish(name=name, spec=MatchSpec(name=name, version=version), line=line)
        if not isinstance(value, dict):
            raise table.wrong(key, f"{key} must be a version or a table, not {kind_of(value)}")
        spec = table.as_table(key, value)
        if "package" in spec:
            spec.take("package")
        return _conda_table(spec, name, line)


def _conda_table(table: TomlTable, name: str, line: int | None) -> CondaWish:
    given = set(table.left())
    locations = {
        "url": table.parsed("url", parse_url),
        "git": table.parsed("git", parse_url),
        "path": table.text("path"),
    }
    for key in (*_REFERENCES, "subdirectory"):
        table.text(key)
    table.flag("lfs")
    spec = MatchSpec(
        name=name,
        version=table.parsed("version", parse_manifest_version),
        build=table.parsed("build", TextPattern),
        build_number=table.parsed("build-number", parse_build_number),
        file_name=table.text("file-name"),
        extras=table.texts("extras") or (),
        flags=tuple(TextPattern(flag) for flag in table.texts("flags") or ()),
        channel=table.text("channel"),
        subdir=table.text("subdir"),
        license=table.text("license"),
        license_family=table.text("license-family"),
        track_features=table.texts("track-features") or (),
        md5=table.parsed("md5", lambda text: _digest(text, 32)),
        sha256=table.parsed("sha256", lambda text: _digest(text, 64)),
        url=locations["url"] if locations["url"] and _ARCHIVE.search(locations["url"]) else None,
    )
    _check_when(table)
    table.finish()
    _check_combination(table, given, {key: value for key, value in locations.items() if value is not None})
    return CondaWish(name=name, spec=spec, line=line, source=_source(locations))


def _check_when(table: TomlTable) -> None:
    """Conditions of a manifest's specs are read by nobody yet; a text or a table may stand there."""
    value = table.take("when")
    if value is not None and not isinstance(value, str | dict):
        raise table.wrong("when", f"when must be a text or a table, not {kind_of(value)}")


def _source(locations: Mapping[str, str | None]) -> str | None:
    for key in _LOCATIONS:
        value = locations[key]
        if value and not (key != "git" and _ARCHIVE.search(value)):
            return f"{key} {value}"
    return None


def _check_combination(table: TomlTable, given: set[str], locations: Mapping[str, str]) -> None:
    """The combinations of keys that pixi refuses."""
    if "git" not in locations and given & {"branch", "rev", "tag", "lfs"}:
        raise table.wrong(None, "branch, rev, tag and lfs need git")
    if len(locations) > 1:
        raise table.wrong(None, f"only one of {', '.join(locations)} can stand there")
    if len(given & set(_REFERENCES)) > 1:
        raise table.wrong(None, "only one of branch, rev and tag can stand there")
    if not locations:
        if not given - {"license-family", "subdirectory", "package"}:
            raise table.wrong(None, "nothing is asked of the package: give at least a version")
        return
    (key, value), *_ = locations.items()
    forbidden = {"channel", "file-name", "license-family"}
    if key != "url":
        forbidden |= {"sha256", "md5"}
    if key != "git" and _ARCHIVE.search(value):
        forbidden |= {"version", "build", "build-number", "extras", "flags", "subdir", "license", "when"}
        forbidden |= {"track-features"}
    for one in sorted(given & forbidden):
        raise table.wrong(one, f"{one} cannot be used with {key}")


def _digest(text: str, length: int) -> str:
    if not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", text):
        raise ValueError(f"'{text}' is no hash of {length} hexadecimal digits")
    return text.lower()


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
        return SpecifierSet(text)
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
        return Marker(text)
    except InvalidMarker as error:
        raise ValueError(f"'{text}' is no environment marker (PEP 508)") from error


def _subdirectory(text: str) -> str | None:
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
    subdirectory = table.parsed("subdirectory", _subdirectory)
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
