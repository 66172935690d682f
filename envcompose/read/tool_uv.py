"""`[tool.uv]` -> indexes, constraints, overrides and build hints (uv, "Settings" reference)."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from envcompose.model.message import Level
from envcompose.model.requirement import Outcome, UserRequirement
from envcompose.read.dependency_groups import ReadText
from envcompose.read.project_name import is_name
from envcompose.read.reading_parts import Parts
from envcompose.read.secrets import mask_secrets
from envcompose.read.toml_table import TomlTable

# These are read here or elsewhere, and told where they are.
_READ = frozenset(
    {
        "constraint-dependencies",
        "dev-dependencies",
        "extra-build-dependencies",
        "extra-index-url",
        "find-links",
        "index",
        "index-url",
        "no-build-isolation-package",
        "override-dependencies",
        "package",
        "sources",
        "workspace",
    }
)
_NOTES = {
    "build-constraint-dependencies": "build needs are bound by the build-needs rules, not by the project",
    "conflicts": "only what --extra and --group name is composed, so nothing is checked against this list",
    "default-groups": "groups are read only where --group names them",
    "dependency-metadata": "metadata are read from the index and from sdists themselves",
    "environments": "composed for linux-64 alone",
    "exclude-dependencies": "no dependency of another package is left out",
    "exclude-newer": "say it for the whole composition: --as-of DATE",
    "exclude-newer-package": "say it for the whole composition: --as-of DATE",
    "extra-build-variables": "build variables stand in the recipes",
    "index-strategy": "the first index that knows a project serves it",
    "no-binary": "say it per package: --artifact NAME=sdist",
    "no-binary-package": "say it per package: --artifact NAME=sdist",
    "no-build": "say it per package: --artifact NAME=wheel",
    "no-build-isolation": "it is decided per package; name packages in no-build-isolation-package",
    "no-build-package": "say it per package: --artifact NAME=wheel",
    "no-index": "the default package index is still asked",
    "prerelease": "put a pre-release into the bound of the requirement that needs one",
    "required-environments": "composed for linux-64 alone",
    "resolution": "the newest versions are preferred",
    "torch-backend": "say it with --cuda",
}


def read_uv_settings(uv: TomlTable, parts: Parts, read_text: ReadText) -> None:
    """Read all settings but the sources; each one that has no meaning here is told."""
    parts.constraints.extend(_requirements(uv, "constraint-dependencies", read_text))
    parts.overrides.extend(_requirements(uv, "override-dependencies", read_text))
    _read_indexes(uv, parts)
    _read_build_hints(uv, parts)
    for key in sorted(set(uv.values) - _READ):
        note = _NOTES.get(key, "a setting of uv itself")
        parts.tell(f"[tool.uv] {key}", uv.origin(key), Outcome.UNSUPPORTED, note)


def index_urls(uv: TomlTable) -> dict[str, str]:
    """Map the names of `[[tool.uv.index]]` to their URLs."""
    return {name: url for table in uv.tables("index") if (name := table.text("name")) and (url := table.text("url"))}


def _requirements(uv: TomlTable, key: str, read_text: ReadText) -> list[UserRequirement]:
    read = (read_text(uv, key, text) for text in uv.texts(key))
    return [one for one in read if one is not None]


def _read_indexes(uv: TomlTable, parts: Parts) -> None:
    for table in uv.tables("index"):
        url = table.text("url")
        if not url:
            raise uv.wrong("index", "needs a url")
        name = table.text("name")
        origin = table.origin("url", url)
        shown = f"index {name or mask_secrets(url)}"
        if table.flag("explicit"):
            note = "used only for the packages that name it"
        elif table.flag("default"):
            parts.index_url = parts.index_url or url
            note = "the default index"
        else:
            parts.extra_index_urls.append(url)
            note = "asked before the default index"
        if table.text("format") == "flat":
            parts.find_links.append(url)
        parts.tell(shown, origin, Outcome.KEPT, note)
        for key in sorted(set(table.values) - {"name", "url", "explicit", "default", "format"}):
            parts.tell(f"{shown} {key}", origin, Outcome.UNSUPPORTED, "a setting of uv itself")
    if (url := uv.text("index-url")) is not None:
        parts.index_url = parts.index_url or url
        parts.tell(f"index-url {mask_secrets(url)}", uv.origin("index-url"), Outcome.KEPT, "the default index")
    for key, kept in (("extra-index-url", parts.extra_index_urls), ("find-links", parts.find_links)):
        for url in uv.texts(key):
            kept.append(url)
            parts.tell(f"{key} {mask_secrets(url)}", uv.origin(key), Outcome.KEPT, "a source of packages")


def _read_build_hints(uv: TomlTable, parts: Parts) -> None:
    for name in uv.texts("no-build-isolation-package"):
        if not is_name(name):
            raise uv.wrong("no-build-isolation-package", "must hold names of distributions")
        origin = uv.origin("no-build-isolation-package", name)
        parts.no_build_isolation.append((canonicalize_name(name), origin))
        parts.tell(f"no-build-isolation-package {name}", origin, Outcome.KEPT, "it is built without isolation")
    hints = uv.table("extra-build-dependencies")
    for name in hints.values:
        if not is_name(name):
            raise hints.wrong(name, "is no distribution name")
        needs = _build_needs(hints, name)
        origin = hints.origin(name)
        parts.build_hints.append((canonicalize_name(name), needs, origin))
        text = f"extra-build-dependencies {name}: {', '.join(needs)}"
        parts.tell(mask_secrets(text), origin, Outcome.KEPT, "a hint for its build")
    if uv.values.get("no-build-isolation") is True:
        text = "The project turns build isolation off for every package, and here it is decided per package"
        parts.say("no-build-isolation", Level.WARNING, text, uv.origin("no-build-isolation"))


def _build_needs(hints: TomlTable, name: str) -> tuple[str, ...]:
    values = hints.values[name]
    needs: list[str] = []
    for value in values if isinstance(values, list) else ():
        text = value.get("requirement") if isinstance(value, dict) else value
        if not isinstance(text, str):
            raise hints.wrong(name, "holds an entry that is no requirement")
        needs.append(text)
    if not isinstance(values, list):
        raise hints.wrong(name, "must be a list of requirements")
    return tuple(needs)
