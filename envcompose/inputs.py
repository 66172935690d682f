"""What a command or a caller gives -> the intent: every input read, nothing composed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from envcompose.errors import IndexAddress, MistakenName, NothingAsked, NothingUsable, OptionWithoutProject
from envcompose.model.facts import Facts
from envcompose.model.intent import InputReading, Intent, Request, StackRequest, Wishes
from envcompose.model.requirement import UserRequirement
from envcompose.model.values import dataclass
from envcompose.read.relocate import relocated
from envcompose.read.secrets import mask_secrets
from envcompose.search.conda_wishes import with_conda_wishes
from envcompose.search.torch_indexes import with_torch_indexes
from envcompose.world.files import DiskFiles, recipe_texts

RULES = "tables/build_rules.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What to read: words as on the command line, files and a project folder, relative to `base`."""

    words: tuple[str, ...] = ()
    requirement_files: tuple[str, ...] = ()
    environment_file: str | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    base: Path = field(default_factory=Path.cwd)


@cache
def load_recipes() -> tuple[Facts, str]:
    """All facts that ship with envcompose, and the text of the analyser's rules. Raises RecipeInvalid."""
    from envcompose.read.recipes import load_facts

    texts = dict(recipe_texts())
    rules = texts.pop(RULES)
    return load_facts(texts), rules


def read_intent(inputs: Inputs, wishes: Wishes, facts: Facts, *, folder: Path | None = None) -> tuple[Intent, Path]:
    """Read every input; gives the intent and the folder for its manifest (a project's own, unless `folder` is given).

    Raises the readers' errors, and NothingAsked where there is no input.
    """
    from envcompose.read.merge import merge_readings
    from envcompose.read.positional import read_positionals

    files = DiskFiles(inputs.base)
    stacks, requirements, paths, messages = read_positionals(inputs.words, stacks=facts.stacks, files=files)
    readings = [InputReading(requirements=requirements, messages=messages)]
    readings += _read_files(inputs, files)
    readings += _read_folders(inputs, paths, files)
    if not (stacks or requirements or paths or inputs.requirement_files or inputs.environment_file):
        raise NothingAsked()
    _check_words(inputs, requirements, facts)
    if (inputs.extras or inputs.groups) and not paths:
        raise OptionWithoutProject(
            options=[*(f"--extra {name}" for name in inputs.extras), *(f"--group {name}" for name in inputs.groups)]
        )
    merged = merge_readings(readings)
    _check_reading(merged, stacks, wishes)
    target = (folder or _folder_of(inputs, merged)).resolve()
    request = _request(inputs, paths, target)
    placed = relocated(_placed(merged, inputs.base, target), lambda path: _seen(inputs.base, path, target))
    intent = Intent(stacks=stacks, reading=placed, wishes=wishes, request=request)
    return with_torch_indexes(with_conda_wishes(intent, facts), facts), target


def _check_words(inputs: Inputs, requirements: Sequence[UserRequirement], facts: Facts) -> None:
    """Are the named projects what people mean by them? `pypi:` in front insists. Raises MistakenName."""
    insisted = any(word.strip().startswith("pypi:") for word in inputs.words)
    known = {name: (what, meant) for name, what, meant in facts.mistaken}
    for user in requirements:
        if user.name in known and user.requirement.url is None and not insisted:
            what, meant = known[user.name]
            raise MistakenName(name=user.name, what=what, meant=meant)


def _check_reading(reading: InputReading, stacks: Sequence[StackRequest], wishes: Wishes) -> None:
    """Is there anything to compose, and are the indexes addresses? Raises NothingUsable, IndexAddress."""
    if not (stacks or reading.requirements or reading.conda or reading.project):
        lost = [f"{fate.origin}: {fate.text}: {fate.note or fate.outcome.value}" for fate in reading.fates]
        raise NothingUsable(lines=lost or ["the inputs hold no requirement"])
    options = reading.indexes
    for url in (wishes.index, options.index_url, *options.extra_index_urls, *(url for _, url in options.pinned)):
        if url is not None and not is_http(url):
            raise IndexAddress(shown=mask_secrets(url))


def is_http(url: str) -> bool:
    """Is it the address of a host that can be asked over HTTP?"""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _read_files(inputs: Inputs, files: DiskFiles) -> list[InputReading]:
    readings = []
    for path in inputs.requirement_files:
        from envcompose.read.requirements_txt import read_requirements_txt

        readings.append(read_requirements_txt(path, files, environ=os.environ))
    if inputs.environment_file is not None and inputs.environment_file.endswith(".toml"):
        from envcompose.read.pixi_manifest import read_pixi_manifest

        readings.append(read_pixi_manifest(inputs.environment_file, files))
    elif inputs.environment_file is not None:
        from envcompose.read.environment_yml import read_environment_yml

        readings.append(read_environment_yml(inputs.environment_file, files, environ=os.environ))
    return readings


def _read_folders(inputs: Inputs, paths: Sequence[str], files: DiskFiles) -> list[InputReading]:
    readings = []
    for path in paths:
        from envcompose.read.folder import read_folder

        readings.append(
            read_folder(path, files, extras=inputs.extras, groups=inputs.groups, evaluate_setup=_evaluate_setup)
        )
    return readings


def _evaluate_setup(
    files: Mapping[str, bytes],
) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]], str | None, tuple[str, ...]]:
    """What a project's setup.py asks for, by the analyser: requirements, extras, Python, and what could not be followed."""
    from packaging.requirements import Requirement

    from envcompose.analyse import analyse_sdist, load_rules, trim_checkout

    analysis = analyse_sdist(trim_checkout(files, "project"), rules=load_rules(recipe_texts()[RULES]), torches=(None,))
    reading = analysis.readings[0]
    base: list[str] = []
    extras: dict[str, list[str]] = {extra: [] for extra in reading.provides_extra}
    for text in reading.requires_dist:
        requirement = Requirement(text)
        owner = next((e for e in extras if requirement.marker and f'extra == "{e}"' in str(requirement.marker)), None)
        (base if owner is None else extras[owner]).append(text)
    return (
        tuple(base),
        {name: tuple(texts) for name, texts in extras.items()},
        reading.requires_python,
        reading.incomplete,
    )


def _folder_of(inputs: Inputs, reading: InputReading) -> Path:
    """Where the manifest goes without -o: into the project's folder, else where the command runs."""
    return inputs.base / reading.project.path if reading.project is not None else inputs.base


def _placed(reading: InputReading, base: Path, folder: Path) -> InputReading:
    """The reading with its project's path as seen from the manifest."""
    if reading.project is None:
        return reading
    path = os.path.relpath((base / reading.project.path).resolve(), folder)
    shown = "." if path == "." else path if path.startswith(".") else f"./{path}"
    return replace(reading, project=replace(reading.project, path=shown))


def _seen(base: Path, path: str, folder: Path) -> str:
    """A path of the input as the manifest's folder sees it."""
    return os.path.relpath((base / path).resolve(), folder)


def _request(inputs: Inputs, paths: Sequence[str], folder: Path) -> Request:
    def seen(path: str) -> str:
        return _seen(inputs.base, path, folder)

    words = tuple(
        mask_secrets(word) for word in inputs.words if word not in paths and os.path.normpath(word) not in paths
    )
    return Request(
        words=words,
        requirement_files=tuple(seen(path) for path in inputs.requirement_files),
        environment_file=seen(inputs.environment_file) if inputs.environment_file else None,
        project=seen(paths[0]) if paths else None,
        extras=inputs.extras,
        groups=inputs.groups,
    )
