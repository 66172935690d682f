"""`[environments]` of a manifest: which features each has, what it says of itself, and whether its features agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.workspace import DEFAULT, Environment, Feature, PypiOptions
from envcompose.manifest.workspace_options import join_options
from envcompose.manifest.workspace_platforms import SystemRequirements, check_union
from envcompose.manifest.workspace_tasks import environment_name

Inline = Callable[[TomlTable, str], Feature | None]


def read_environments(top: TomlTable, inline: Inline) -> tuple[Environment, ...]:
    """All environments, the default one first where the manifest does not name it. Raises ManifestInvalid."""
    table = top.table("environments")
    found = {}
    for name, value in table.entries() if table is not None else ():
        assert table is not None
        table.read(name, name, environment_name)
        found[name] = _environment(table, name, value, inline)
    if DEFAULT not in found:
        return (Environment(name=DEFAULT), *found.values())
    return tuple(found.values())


def _environment(table: TomlTable, name: str, value: object, inline: Inline) -> Environment:
    if isinstance(value, list):
        return Environment(name=name, features=table.as_texts(name, value))
    if not isinstance(value, dict):
        raise table.wrong(
            name, f"the environment {name} must be a list or a table, not {kind_of(value)}", f'write {name} = ["…"]'
        )
    entry = table.as_table(name, value)
    features, group = entry.texts("features"), entry.text("solve-group")
    without_default = entry.flag("no-default-feature")
    own = inline(entry, name)
    entry.finish()
    if features is None and group is None and own is None:
        raise table.wrong(name, f"the environment {name} has no features", f"write {name} = {{ features = [] }}")
    return Environment(
        name=name,
        features=features or (),
        solve_group=group,
        no_default_feature=bool(without_default),
        own=own,
    )


def check_environments(
    top: TomlTable,
    environments: tuple[Environment, ...],
    features: Mapping[str, Feature],
    requirements: Mapping[str, SystemRequirements],
) -> None:
    """Refuse unknown and repeated features, and features that contradict each other. Raises ManifestInvalid."""
    for environment in environments:
        where = (*top.where, "environments", environment.name)
        seen: set[str] = set()
        for name in environment.features:
            if name not in features:
                raise top.source.wrong(where, f"the feature {name} is not defined", _known(features))
            if name in seen:
                raise top.source.wrong(where, f"the feature {name} stands there twice")
            seen.add(name)
        used = [features[name] for name in environment.features]
        if not environment.no_default_feature:
            used.append(features[DEFAULT])
        try:
            check_union(requirements[feature.name] for feature in used if feature.name in requirements)
            own = [environment.own] if environment.own is not None else []
            _check_options([*own, *used])
        except ValueError as error:
            raise top.source.wrong(where, f"the environment {environment.name}: {error}") from error


def _check_options(features: list[Feature]) -> None:
    joined = PypiOptions()
    for feature in features:
        if feature.pypi_options is not None:
            joined = join_options(joined, feature.pypi_options)


def _known(features: Mapping[str, Feature]) -> str:
    names = sorted(name for name in features if name != DEFAULT)
    return f"defined here: {', '.join(names)}" if names else "define it with a table [feature.NAME]"
