"""The standard tables of a pyproject.toml (PEP 621, 639, 794, 518), as strictly as pixi reads them beside `[tool.pixi]`."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier
from packaging.version import InvalidVersion, Version

from envcompose.manifest.requirement_parts import parse_specifiers, read_requirement
from envcompose.manifest.toml_table import TomlTable, kind_of

_LISTS = ("license-files", "keywords", "classifiers", "dynamic", "import-names", "import-namespaces")


def check_project(project: TomlTable) -> None:
    """Refuse what is left of `[project]` and has not the form that the standards give it. Raises ManifestInvalid."""
    project.parsed("version", _version)
    project.text("description")
    for key in _LISTS:
        project.texts(key)
    _check_readme(project)
    _check_license(project)
    for key in ("authors", "maintainers"):
        _check_people(project, key)
    for key in ("urls", "scripts", "gui-scripts"):
        _check_texts(project.table(key))
    groups = project.table("entry-points")
    for name, value in groups.entries() if groups is not None else ():
        assert groups is not None
        _check_texts(groups.as_table(name, value))
    project.finish(also=("name", "dependencies", "optional-dependencies", "requires-python"))


def check_build_system(document: TomlTable) -> None:
    """Refuse a `[build-system]` that is not of its standard's form; other keys may stand there. Raises ManifestInvalid."""
    table = document.table("build-system")
    if table is None:
        return
    requires = table.texts("requires")
    if requires is None:
        raise table.wrong(None, "[build-system] has no requires", 'add requires = ["…"]')
    for requirement in requires:
        table.read("requires", requirement, _build_requirement)
    table.text("build-backend")
    table.texts("backend-path")


def parse_requires_python(text: str) -> str:
    """Read `requires-python`, which must say something, and leave out its blanks. Raises ValueError."""
    try:
        specifiers = parse_specifiers(text)
    except InvalidSpecifier as error:
        raise ValueError(f"'{text}' is no version specifier of Python (PEP 440)") from error
    if not str(specifiers):
        raise ValueError("it is empty")
    return "".join(text.split())


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise ValueError(f"'{text}' is no version (PEP 440)") from error


def _build_requirement(text: str) -> None:
    address = read_requirement(text).address
    path = None if address is None else address.removeprefix("file://").removeprefix("file:")
    if address is not None and "://" not in address and not (path or "").startswith("/"):
        raise ValueError(f"'{text}' names a relative path")


def _check_readme(project: TomlTable) -> None:
    readme = project.take("readme")
    if readme is None or isinstance(readme, str):
        return
    if not isinstance(readme, dict):
        raise project.wrong("readme", f"project.readme must be a text or a table, not {kind_of(readme)}")
    table = project.as_table("readme", readme)
    for key in ("file", "text", "content-type"):
        table.text(key)
    table.finish()


def _check_license(project: TomlTable) -> None:
    licence = project.take("license")
    if licence is None or isinstance(licence, str):
        return
    if not isinstance(licence, dict):
        raise project.wrong("license", f"project.license must be a text or a table, not {kind_of(licence)}")
    table = project.as_table("license", licence)
    if table.text("text") is None and table.text("file") is None:
        raise project.wrong("license", "the table project.license has either text or file")
    table.finish()


def _check_people(project: TomlTable, key: str) -> None:
    people = project.take(key)
    if people is None:
        return
    if not isinstance(people, list):
        raise project.wrong(key, f"project.{key} must be a list, not {kind_of(people)}")
    for index, person in enumerate(people):
        below = TomlTable({}, (*project.where, key), project.source)
        if not isinstance(person, dict):
            raise below.wrong(index, f"an entry of project.{key} must be a table, not {kind_of(person)}")
        table = TomlTable(person, (*below.where, index), project.source)
        if table.text("name") is None and table.text("email") is None:
            raise table.wrong(None, f"an entry of project.{key} has a name or an email")
        table.text("email")
        table.finish()


def _check_texts(table: TomlTable | None) -> None:
    """Refuse a table that does not hold texts alone."""
    for key in table.left() if table is not None else ():
        assert table is not None
        table.text(key)
