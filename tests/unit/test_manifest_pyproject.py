"""Workspaces that stand in a pyproject.toml, and its standard tables."""

from __future__ import annotations

import pytest

from envcompose.manifest.workspace_views import View, environments_of
from tests.unit.manifest_parts import read, refusal, specs

PYPROJECT = """
[project]
name = "my-app"
version = "1.0"
requires-python = ">=3.11,<3.13"
dependencies = ["rich>=13", "torch @ https://example.org/torch-2.7-py3-none-any.whl", "lib @ ./lib"]
[project.optional-dependencies]
test = ["pytest", "My_App[more]"]
more = ["attrs ; python_version < '3.12'"]
[dependency-groups]
docs = ["sphinx", { include-group = "base" }]
base = ["jinja2"]
[tool.pixi.workspace]
channels = ["conda-forge"]
platforms = ["linux-64"]
[tool.pixi.environments]
test = ["test"]
docs = { features = ["docs"], no-default-feature = true }
"""


def project_view(text: str, environment: str) -> View:
    views = environments_of(read(text, "pyproject.toml"))
    return next(one for one in views if one.environment == environment)


def test_a_pyproject_gives_its_own_name_dependencies_python_and_groups() -> None:
    assert read(PYPROJECT, "pyproject.toml").name == "my-app"
    default = project_view(PYPROJECT, "default")
    assert specs(default.dependencies) == ["python >=3.11,<3.13"]
    assert [(wish.name, wish.origin.value, wish.location, wish.line) for wish in default.pypi] == [
        ("rich", "index", None, 6),
        ("torch", "url", "https://example.org/torch-2.7-py3-none-any.whl", 6),
        ("lib", "path", "./lib", 6),
    ]
    assert [str(wish) for wish in project_view(PYPROJECT, "test").pypi][:2] == [
        "pytest",
        'attrs ; python_version < "3.12"',
    ]
    assert [wish.name for wish in project_view(PYPROJECT, "docs").pypi] == ["sphinx", "jinja2"]
    assert specs(project_view(PYPROJECT, "docs").dependencies) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('version = "1.0"', 'version = "one"', 4),
        ('version = "1.0"', 'homepage = "https://example.org"', 4),
        ('version = "1.0"', "readme = 1", 4),
        ('version = "1.0"', 'readme = { path = "x" }', 4),
        ('version = "1.0"', 'license = { text = "a", file = "b" }', 4),
        ('version = "1.0"', 'authors = ["me"]', 4),
        ('version = "1.0"', "authors = [{}]", 4),
        ('version = "1.0"', "keywords = [1]", 4),
        ('version = "1.0"', "scripts = { a = 1 }", 4),
        ('version = "1.0"', 'entry-points = { a = "b" }', 4),
        ('">=3.11,<3.13"', '"3.11"', 5),
        ('">=3.11,<3.13"', '""', 5),
        ("rich>=13", "rich 13", 6),
        ('"base"', '"other"', 11),
        ('"jinja2"', '{ include-group = "docs" }', 12),
        ('name = "my-app"', 'description = "x"', 2),
        ("[dependency-groups]", '[build-system]\nbuild-backend = "x"\n[dependency-groups]', 10),
        ("[dependency-groups]", '[build-system]\nrequires = ["x @ ./x"]\n[dependency-groups]', 11),
    ],
)
def test_the_standard_tables_of_a_pyproject_are_read_as_strictly_as_pixi_reads_them(
    old: str, new: str, line: int
) -> None:
    assert old in PYPROJECT
    assert refusal(PYPROJECT.replace(old, new, 1), "pyproject.toml")[0] == line


def test_a_mark_of_the_byte_order_is_taken_in_a_pyproject() -> None:
    assert read("\ufeff" + PYPROJECT, "pyproject.toml").name == "my-app"


def test_a_pyproject_without_pixi_is_no_manifest() -> None:
    assert refusal('[project]\nname = "x"\n', "pyproject.toml")[1] == "there is no [tool.pixi] table"
