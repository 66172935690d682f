"""Reads `pixi.toml` and `[tool.pixi]` of a pyproject.toml as pixi 0.77 does, and refuses what it refuses (pixi.md §1, §11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from envcompose.errors import ManifestInvalid
from envcompose.manifest.conda_version import parse_version
from envcompose.manifest.cutoff_text import parse_cutoff
from envcompose.manifest.subdirs import FAMILIES
from envcompose.manifest.toml_table import TomlTable, kind_of, read_toml
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import DEFAULT, Cutoff, Feature, Target, Workspace
from envcompose.manifest.workspace_conda import CondaTables, parse_manifest_version, read_development
from envcompose.manifest.workspace_environments import check_environments, read_environments
from envcompose.manifest.workspace_options import (
    read_channels,
    read_cutoffs,
    read_name_map,
    read_pypi_options,
    read_solving,
)
from envcompose.manifest.workspace_platforms import (
    SystemRequirements,
    migrate,
    platform_name,
    read_platforms,
    read_system_requirements,
)
from envcompose.manifest.workspace_pypi import read_pypi
from envcompose.manifest.workspace_tasks import check_tasks, read_activation
from envcompose.ports import TextFiles

_BUILD = "pixi-build"


def read_workspace(
    text: str, path: str, *, files: TextFiles | None = None, pixi: str | None = None, root: str | None = None
) -> Workspace:
    """The workspace that a pixi.toml says, or `[tool.pixi]` of a text whose path ends with pyproject.toml.

    With `files`, files that the manifest names (license, readme) must be there, as pixi asks; they are looked for
    beside the manifest, or in `root`. With `pixi`, a version, `requires-pixi` must admit it.
    Raises ManifestInvalid with the line. What pixi only warns about is accepted.
    """
    reader = ManifestReader(path, files, pixi, root)
    if path.endswith("pyproject.toml"):
        from envcompose.manifest.pyproject_workspace import read_pyproject

        # A mark of the byte order is taken in a pyproject.toml, and refused in a pixi.toml.
        return read_pyproject(read_toml(text.removeprefix("\ufeff"), path), reader)
    return reader.read(read_toml(text, path))


class ManifestReader:
    """Reads one manifest; `groups` are the features that a pyproject's dependency groups make."""

    def __init__(self, path: str, files: TextFiles | None, pixi: str | None, root: str | None) -> None:
        self.path = path
        self.files = files
        self.pixi = pixi
        self.root = path.rpartition("/")[0] if root is None else root

    def read(
        self, top: TomlTable, *, name: str | None = None, groups: Mapping[str, Feature] | None = None
    ) -> Workspace:
        """The workspace of a manifest's top table. Raises ManifestInvalid."""
        key = "workspace" if "workspace" in top else "project"
        if key not in top and "package" not in top:
            raise (
                top.wrong(None, "there is no [workspace] table")
                if top.where
                else ManifestInvalid(
                    path=self.path,
                    reason="there is no [workspace] table",
                    line=1,
                    hint="add [workspace] with channels and platforms",
                )
            )
        table = top.table(key)
        if table is None:
            raise top.wrong("package", "[package] needs a [workspace] beside it")
        self._check_requires_pixi(table)
        basis = self._workspace(table, name)
        pool = table.table("dependencies")
        table.finish()
        tables = CondaTables(dict(pool.entries()) if pool else {}, sources=_BUILD in basis.preview)
        return self._finished(top, basis, tables, groups or {})

    def _check_requires_pixi(self, table: TomlTable) -> None:
        wanted = table.parsed("requires-pixi", parse_manifest_version)
        if wanted is not None and self.pixi is not None and not wanted.admits(parse_version(self.pixi)):
            raise table.wrong("requires-pixi", f"it needs pixi {wanted}, and this is pixi {self.pixi}")
        self._requires_pixi = None if wanted is None else str(wanted)

    def _workspace(self, table: TomlTable, name: str | None) -> Workspace:
        """What `[workspace]` says, without features and environments."""
        own_name = table.text("name")
        if (version := table.text("version")) is not None:
            table.read("version", version, parse_version)
        table.text("description")
        table.texts("authors")
        table.parsed("license", _license)
        for key in ("license-file", "readme"):
            self._check_file(table, key, table.text(key))
        for key in ("homepage", "repository", "documentation"):
            table.parsed(key, parse_url)
        channels = read_channels(table, "channels")
        if channels is None:
            raise table.missing("channels", 'add channels = ["conda-forge"]')
        priority, strategy = read_solving(table)
        default = Feature(name=DEFAULT, channel_priority=priority, solve_strategy=strategy)
        basis = Workspace(
            path=self.path,
            name=own_name if own_name is not None else name,
            channels=channels,
            platforms=read_platforms(table),
            features={DEFAULT: default},
            pypi_options=read_pypi_options(table),
            exclude_newer=table.parsed("exclude-newer", parse_cutoff),
            conda_pypi_map=read_name_map(table),
            requires_pixi=self._requires_pixi,
            preview=_preview(table),
        )
        self._check_rest(table)
        return basis

    def _check_rest(self, table: TomlTable) -> None:
        """Keys that matter only to packages built from source."""
        buckets = table.table("s3-options")
        for name, value in buckets.entries() if buckets is not None else ():
            assert buckets is not None
            bucket = buckets.as_table(name, value)
            given = (bucket.parsed("endpoint-url", parse_url), bucket.text("region"), bucket.flag("force-path-style"))
            bucket.finish()
            if any(one is None for one in given):
                raise buckets.wrong(name, "an entry of s3-options needs endpoint-url, region and force-path-style")
        for key in table.texts("build-variants-files") or ():
            self._check_file(table, "build-variants-files", key)
        _check_variants(table)
        targets = table.table("target")
        for selector, value in targets.entries() if targets is not None else ():
            assert targets is not None
            targets.read(selector, selector, _selector)
            target = targets.as_table(selector, value)
            _check_variants(target)
            target.finish()

    def _check_file(self, table: TomlTable, key: str, name: str | None) -> None:
        if name is None or self.files is None:
            return
        path = f"{self.root}/{name}" if self.root and not name.startswith("/") else name
        if not self.files.exists(path) or self.files.listing(path):
            raise table.wrong(key, f"the file {name} is not there")

    def _finished(
        self, top: TomlTable, basis: Workspace, tables: CondaTables, groups: Mapping[str, Feature]
    ) -> Workspace:
        """The basis with features, environments, and platforms as environments see them."""
        building = _BUILD in basis.preview
        default = replace(
            basis.features[DEFAULT],
            targets=self._targets(top, tables, building),
            pypi_options=read_pypi_options(top),
        )
        requirements = {DEFAULT: read_system_requirements(top)}
        features = {DEFAULT: default}
        named = top.table("feature")
        for name, value in named.entries() if named is not None else ():
            assert named is not None
            if name == DEFAULT:
                raise named.wrong(name, "the feature default is made of the tables at the top", "write [dependencies]")
            features[name], requirements[name] = self._feature(named, name, value, tables, building)
        for name, group in groups.items():
            features.setdefault(name, group)
        environments = read_environments(top, lambda table, name: self._inline(table, name, tables, building))
        package_cutoffs, pypi_cutoffs = self._cutoffs(top)
        self._check_package(top, building)
        top.finish(also=("workspace",))
        check_environments(top, environments, features, requirements)
        return self._migrated(
            top,
            replace(basis, package_cutoffs=package_cutoffs, pypi_cutoffs=pypi_cutoffs, environments=environments),
            features,
            requirements,
        )

    def _migrated(
        self,
        top: TomlTable,
        basis: Workspace,
        features: Mapping[str, Feature],
        requirements: Mapping[str, SystemRequirements],
    ) -> Workspace:
        own = {f"\0{one.name}": one.own for one in basis.environments if one.own is not None}
        try:
            migrated = migrate(basis.platforms, {**features, **own}, requirements)
        except ValueError as error:
            raise ManifestInvalid(path=self.path, reason=str(error)) from error
        environments = tuple(
            replace(one, own=migrated.features[f"\0{one.name}"]) if one.own is not None else one
            for one in basis.environments
        )
        kept = {name: feature for name, feature in migrated.features.items() if not name.startswith("\0")}
        return replace(
            basis,
            platforms=migrated.platforms,
            composes_platforms=migrated.composes,
            features=kept,
            environments=environments,
        )

    def _cutoffs(self, top: TomlTable) -> tuple[Mapping[str, Cutoff], Mapping[str, Cutoff]]:
        return read_cutoffs(top, "exclude-newer", pypi=False), read_cutoffs(top, "pypi-exclude-newer", pypi=True)

    def _check_package(self, top: TomlTable, building: bool) -> None:
        package = top.table("package")
        if not top.where:
            tool = top.take("tool")
            if tool is not None and not isinstance(tool, dict):
                raise top.wrong("tool", f"tool must be a table, not {kind_of(tool)}")
            top.text("$schema")
        if package is None:
            return
        if "build" not in package:
            raise top.wrong("package", "[package] has no build table", "add [package.build] with a backend")
        if not building:
            raise top.wrong(
                "package", "[package] needs the pixi-build preview", 'add preview = ["pixi-build"] to [workspace]'
            )

    def _feature(
        self, named: TomlTable, name: str, value: object, tables: CondaTables, building: bool
    ) -> tuple[Feature, SystemRequirements]:
        table = named.as_table(name, value)
        requirements = read_system_requirements(table)
        feature = self._content(table, name, tables, building)
        table.finish()
        return feature, requirements

    def _inline(self, table: TomlTable, name: str, tables: CondaTables, building: bool) -> Feature | None:
        """What an environment says of itself; None where it says nothing."""
        if not table.left():
            return None
        for key in ("host-dependencies", "build-dependencies"):
            if key in table:
                raise table.wrong(key, f"{key} cannot stand in an environment")
        return self._content(table, name, tables, building)

    def _content(self, table: TomlTable, name: str, tables: CondaTables, building: bool) -> Feature:
        platforms = table.texts("platforms")
        for index, platform in enumerate(platforms or ()):
            below = TomlTable({}, (*table.where, "platforms"), table.source)
            below.read(index, platform, platform_name)
        channels = read_channels(table, "channels")
        priority, strategy = read_solving(table)
        return Feature(
            name=name,
            platforms=platforms,
            channels=channels,
            channel_priority=priority,
            solve_strategy=strategy,
            pypi_options=read_pypi_options(table),
            targets=self._targets(table, tables, building),
        )

    def _targets(self, table: TomlTable, tables: CondaTables, building: bool) -> tuple[Target, ...]:
        """What a feature says for all platforms, then its `[target.…]` tables."""
        targets = [_target(table, None, tables, building)]
        selected = table.table("target")
        for selector, value in selected.entries() if selected is not None else ():
            assert selected is not None
            selected.read(selector, selector, _selector)
            below = selected.as_table(selector, value)
            targets.append(_target(below, selector, tables, building))
            below.finish()
        return tuple(targets)


def _target(table: TomlTable, selector: str | None, tables: CondaTables, building: bool) -> Target:
    # pixi reads run, host and build dependencies as one, the later over the earlier.
    dependencies = tables.read(table.table("dependencies"))
    for key in ("host-dependencies", "build-dependencies"):
        below = table.table(key)
        if below is not None and building:
            raise table.wrong(key, f"with pixi-build, {key} belong to a package", f"write [package.{key}]")
        dependencies.update(tables.read(below))
    dev = read_development(table.table("dev"))
    check_tasks(table)
    return Target(
        selector=selector,
        dependencies=dependencies,
        constraints=tables.read(table.table("constraints"), constraints=True),
        pypi=read_pypi(table.table("pypi-dependencies")),
        dev=dev,
        activation_env=read_activation(table),
    )


def _selector(text: str) -> str:
    """A selector of targets: a platform's name, a subdir, a family or a pattern with `*`. Raises ValueError."""
    if text in FAMILIES:
        return text
    if "*" in text:
        if not re.fullmatch(r"[A-Za-z0-9*-]{1,64}", text):
            raise ValueError(f"'{text}' is no pattern of platform names: letters, digits, '-' and '*'")
        return text
    return platform_name(text)


def _license(text: str) -> str:
    """An SPDX expression, as far as its form goes."""
    if not re.fullmatch(r"\s*\(?[A-Za-z0-9.+-]+(?:[\s()]+(?:AND|OR|WITH)[\s()]+[A-Za-z0-9.+:-]+)*\)*\s*", text):
        raise ValueError(f"'{text}' is no SPDX expression")
    return text


def _preview(table: TomlTable) -> tuple[str, ...]:
    value = table.take("preview")
    if value is None or value is False:
        # pixi takes `preview = false` for all previews (its own slip), and so does this.
        return () if value is None else (_BUILD,)
    return (_BUILD,) if value is True else table.as_texts("preview", value)


def _check_variants(table: TomlTable) -> None:
    variants = table.table("build-variants")
    for name, value in variants.entries() if variants is not None else ():
        assert variants is not None
        variants.as_texts(name, value)
