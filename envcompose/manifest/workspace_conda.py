"""Conda dependencies of a manifest: version specs, tables of a spec, conditions, inheritance from the workspace's pool."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from envcompose.manifest.match_spec import Condition, MatchSpec, TextPattern, parse_build_number, parse_match_spec
from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.urls import parse_url
from envcompose.manifest.version_spec import SpecInvalid, VersionSpec, parse_version_spec
from envcompose.manifest.workspace import CondaWish
from envcompose.manifest.workspace_pypi import parse_subdirectory

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


def read_development(table: TomlTable | None) -> tuple[str, ...]:
    """The names of a `[dev]` table, whose entries say where each is built from. Raises ManifestInvalid."""
    names = []
    for key, value in table.entries() if table is not None else ():
        assert table is not None
        names.append(table.read(key, key, conda_name))
        entry = table.as_table(key, value)
        given = set(entry.left())
        locations = {
            "url": entry.parsed("url", parse_url),
            "git": entry.parsed("git", parse_url),
            "path": entry.text("path"),
        }
        for one in _REFERENCES:
            entry.text(one)
        _check_subdirectory(entry, locations["path"])
        entry.flag("lfs")
        entry.parsed("md5", lambda text: _digest(text, 32))
        entry.parsed("sha256", lambda text: _digest(text, 64))
        entry.finish()
        found = [one for one, location in locations.items() if location is not None]
        if not found:
            raise entry.wrong(None, f"{key} has no path, git or url")
        _check_source(entry, given, found)
        if found != ["url"] and given & {"md5", "sha256"}:
            raise entry.wrong(None, f"md5 and sha256 cannot be used with {found[0]}")
    return tuple(names)


def _check_subdirectory(table: TomlTable, path: str | None) -> None:
    text = table.text("subdirectory")
    if text is not None and path is None:
        table.read("subdirectory", text, parse_subdirectory)


def _check_source(table: TomlTable, given: set[str], locations: Sequence[str]) -> None:
    if "git" not in locations and given & {"branch", "rev", "tag", "lfs"}:
        raise table.wrong(None, "branch, rev, tag and lfs need git")
    if len(locations) > 1:
        raise table.wrong(None, f"only one of {', '.join(locations)} can stand there")
    if len(given & set(_REFERENCES)) > 1:
        raise table.wrong(None, "only one of branch, rev and tag can stand there")


def _conda_table(table: TomlTable, name: str, line: int | None) -> CondaWish:
    given = set(table.left())
    locations = {
        "url": table.parsed("url", parse_url),
        "git": table.parsed("git", parse_url),
        "path": table.text("path"),
    }
    for key in _REFERENCES:
        table.text(key)
    _check_subdirectory(table, locations["path"])
    table.flag("lfs")
    binary = locations["url"] if locations["url"] and _ARCHIVE.search(locations["url"]) else None
    spec = _fields(table, name, binary)
    table.finish()
    _check_combination(table, given, {key: value for key, value in locations.items() if value is not None})
    return CondaWish(name=name, spec=spec, line=line, source=_source(locations))


def _fields(table: TomlTable, name: str, url: str | None) -> MatchSpec:
    """The keys of a spec that say which builds are meant. Raises ManifestInvalid."""
    when = table.take("when")
    return MatchSpec(
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
        url=url,
        when=None if when is None else _condition(table, "when", when),
    )


def _condition(table: TomlTable, key: str | int, value: object) -> Condition:
    """A `when`: a spec, or a table with `all`, `any` or `package`. Raises ManifestInvalid."""
    if isinstance(value, str):
        return Condition(spec=table.read(key, value, _plain_spec))
    if not isinstance(value, dict):
        raise table.wrong(key, f"when must be a text or a table, not {kind_of(value)}")
    below = TomlTable(value, (*table.where, key), table.source)
    kinds = [kind for kind in ("all", "any", "package") if kind in below]
    if len(kinds) != 1:
        raise below.wrong(None, "a table of when has exactly one of all, any and package")
    if kinds == ["package"]:
        return Condition(spec=_conditional_spec(below))
    parts = below.take(kinds[0])
    below.finish()
    if not isinstance(parts, list) or not parts:
        raise below.wrong(kinds[0], f"{kinds[0]} must be a list with at least one condition")
    inner = TomlTable({}, (*below.where, kinds[0]), table.source)
    found = tuple(_condition(inner, index, part) for index, part in enumerate(parts))
    return Condition(every=kinds == ["all"], parts=found)


def _plain_spec(text: str) -> MatchSpec:
    spec = parse_match_spec(text)
    if spec != MatchSpec(name=spec.name, version=spec.version):
        raise ValueError(f"'{text}' must be a name with at most a version; write the rest as {{ package = … }}")
    return spec


def _conditional_spec(table: TomlTable) -> MatchSpec:
    name = table.parsed("package", conda_name)
    forbidden = {"url", "git", "path", "branch", "rev", "tag", "lfs", "subdirectory", "md5", "sha256", "channel"}
    for key in table.left():
        if key in forbidden:
            raise table.wrong(key, f"{key} cannot stand in a condition")
    spec = _fields(table, name or "", None)
    table.finish()
    return spec


def _source(locations: Mapping[str, str | None]) -> str | None:
    for key in _LOCATIONS:
        value = locations[key]
        if value and not (key != "git" and _ARCHIVE.search(value)):
            return f"{key} {value}"
    return None


def _check_combination(table: TomlTable, given: set[str], locations: Mapping[str, str]) -> None:
    """The combinations of keys that pixi refuses."""
    _check_source(table, given, list(locations))
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
