"""The `init` command that a manifest was composed by, from what `[tool.envcompose]` holds."""

from __future__ import annotations

import shlex

import tomlkit
from tomlkit.exceptions import TOMLKitError

_MANY = {
    "requirement-files": "--requirement",
    "extras": "--extra",
    "groups": "--group",
    "gpus": "--gpu",
    "artifacts": "--artifact",
    "channels": "--channel",
}
_ONE = (
    "cuda",
    "driver",
    "python",
    "glibc",
    "torch-from",
    "prefer",
    "build-memory",
    "requires-pixi",
    "index",
    "as-of",
    "name",
)


def init_again(manifest: str) -> str | None:
    """The command, to be run in the manifest's folder; None where the text holds no request of ours.

    Secrets that an address had are masked in the manifest, and so here.
    """
    try:
        asked = tomlkit.parse(manifest).unwrap()["tool"]["envcompose"]
    except (TOMLKitError, KeyError, TypeError, ValueError):
        return None
    if not isinstance(asked, dict):
        return None
    words = ["envcompose", "init", *_texts(asked.get("request"))]
    if isinstance(asked.get("project"), str):
        words.append(_path(asked["project"]))
    for key, option in _MANY.items():
        words += [word for text in _texts(asked.get(key)) for word in (option, text)]
    if isinstance(asked.get("environment-file"), str):
        words += ["--file", asked["environment-file"]]
    for key in _ONE:
        if isinstance(asked.get(key), str):
            words += [f"--{key}", asked[key]]
    if asked.get("default-extras") is False:
        words.append("--no-default-extras")
    return shlex.join(words) if len(words) > 2 else None


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _path(text: str) -> str:
    """A folder so that it is read as a path: with a separator or a leading dot."""
    return text if "/" in text or text.startswith(".") else f"./{text}"
