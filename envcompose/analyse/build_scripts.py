"""Python files that pyproject.toml hands to the build: scripts and hooks of the common backends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envcompose.analyse.tables import strings_in, table_at


def build_scripts(document: Mapping[str, object]) -> list[str]:
    """Name the files, as they are spelt or by the backend's default name; whether they are there is not asked."""
    tool = table_at(document, "tool")
    poetry = table_at(tool, "poetry").get("build")
    named = strings_in(poetry.get("script") if isinstance(poetry, Mapping) else poetry)
    for hook in _custom_hooks(table_at(tool, "hatch")):
        named += strings_in(hook.get("path")) or ["hatch_build.py"]
    named += strings_in(table_at(table_at(tool, "pdm"), "build").get("custom-hook"))
    for command in strings_in(table_at(tool, "setuptools").get("cmdclass")):
        named.append(f"{command.rpartition('.')[0].replace('.', '/')}.py")
    return list(dict.fromkeys(named))


def hook_dependencies(document: Mapping[str, object]) -> list[str]:
    """Give the requirements that hatch's hooks add to what is declared (hatchling: get_requires_for_build_wheel)."""
    build = table_at(table_at(table_at(document, "tool"), "hatch"), "build")
    groups = [table_at(build, "hooks"), table_at(table_at(table_at(build, "targets"), "wheel"), "hooks")]
    hooks = [hook for group in groups for hook in group.values() if isinstance(hook, Mapping)]
    wanted = [hook for hook in hooks if hook.get("enable-by-default", True) is not False]
    return [text for hook in wanted for text in strings_in(hook.get("dependencies"))]


def _custom_hooks(hatch: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    build = table_at(hatch, "build")
    targets = [target for target in table_at(build, "targets").values() if isinstance(target, Mapping)]
    for table in (build, *targets, table_at(hatch, "metadata")):
        hooks = table_at(table, "hooks")
        if "custom" in hooks:
            yield table_at(hooks, "custom")
