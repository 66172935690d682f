"""Words on the command line -> stacks, requirements and paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envcompose.errors import ConflictingPins, FileMissing, NearMiss, WordUnclear
from envcompose.model.facts import StackRecipe
from envcompose.model.intent import StackRequest
from envcompose.model.message import Level, Message
from envcompose.model.requirement import Fate, Origin, OriginKind, UserRequirement
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles
from envcompose.read.contradiction import specifiers_exclude
from envcompose.read.direct import Words, is_named_reference, is_url, looks_like_archive, read_requirement
from envcompose.read.paths import folder_of, inside
from envcompose.read.requirement_text import parse_requirement
from envcompose.read.secrets import mask_secrets
from envcompose.read.suggest import edit_distance, nearest

_PYPI_PREFIX = "pypi:"
_COMMAND_LINE = Origin(kind=OriginKind.COMMAND_LINE)
# From here on a name is so long that two slips still point at it.
_LONG_NAME = 7
_FILE_ENDINGS = (".txt", ".in", ".toml", ".cfg", ".py", ".yml", ".yaml", ".lock")


@dataclass(slots=True)
class _Found:
    """What the words gave so far."""

    stacks: dict[str, StackRequest] = field(default_factory=dict)
    requirements: list[UserRequirement] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


_AS_PROJECT = "pypi-requirement"
"""The code of the note that a word was taken as a project, which a stack's name that is written otherwise would be too."""


def read_positionals(
    words: Sequence[str], *, stacks: Mapping[str, StackRecipe], files: TextFiles
) -> tuple[tuple[StackRequest, ...], tuple[UserRequirement, ...], tuple[str, ...], tuple[Message, ...]]:
    """Give the stacks, requirements, paths and messages of the words, each in the order given.

    A word with a path separator or a leading dot is a path (URLs and `name @ url` are not); a recipe's or its
    distribution's name is a stack; anything else is a PyPI requirement, and where it is all that is given and no more
    than a name, a note says so. `pypi:` in front makes a PyPI requirement of any name. Raises NearMiss, WordUnclear,
    RequirementSyntax, FileMissing, ConflictingPins.
    """
    found = _Found()
    names = _recipe_names(stacks)
    for word in words:
        text = word.strip()
        if text.startswith(_PYPI_PREFIX):
            _add_requirement(text.removeprefix(_PYPI_PREFIX).strip(), found, files, is_told=True)
        elif is_named_reference(text) or is_url(text) or looks_like_archive(text.partition(";")[0].strip()):
            _add_requirement(text, found, files, is_told=False)
        elif _is_path(text):
            found.paths.append(_existing_path(text, files))
        else:
            _add_named(text, found, names, files)
    messages = tuple(message for message in found.messages if len(words) == 1 or message.code != _AS_PROJECT)
    return tuple(found.stacks.values()), tuple(found.requirements), tuple(found.paths), messages


def _recipe_names(stacks: Mapping[str, StackRecipe]) -> dict[str, str]:
    """Map every normalised name that means a stack to the recipe's own; a recipe's name wins over a distribution's."""
    names: dict[str, str] = {canonicalize_name(recipe.distribution): recipe.name for recipe in stacks.values()}
    names.update({canonicalize_name(recipe.name): recipe.name for recipe in stacks.values()})
    return names


def _is_path(text: str) -> bool:
    head = text.partition(";")[0]
    return "/" in head or "\\" in head or head.startswith(".")


def _existing_path(text: str, files: TextFiles) -> str:
    path = inside("", text)
    if files.exists(path) or files.listing(path):
        return path
    folder = folder_of(path)
    near = nearest(path.rpartition("/")[2], files.listing(folder or "."))
    raise FileMissing(path=text, named_by="the command line", suggestion=inside(folder or ".", near) if near else None)


def _add_named(text: str, found: _Found, names: Mapping[str, str], files: TextFiles) -> None:
    requirement = parse_requirement(text, _COMMAND_LINE)
    name = canonicalize_name(requirement.name)
    recipe = names.get(name)
    if recipe is not None:
        _add_stack(recipe, requirement, text, found)
        return
    if requirement.name.lower().endswith(_FILE_ENDINGS):
        reason = "it looks like a file, and a bare word is a project on PyPI"
        raise WordUnclear(word=text, reason=reason, hint=f"write ./{text} for the file, or -r {text} for requirements")
    if (near := _near_miss(name, names)) is not None:
        raise NearMiss(word=text, suggestion=near)
    _add_requirement(text, found, files, is_told=True)


def _is_project(name: str, files: TextFiles) -> bool:
    """Does a folder of this name here look like a project of the user's?"""
    return any(files.exists(inside(name, file)) for file in ("pyproject.toml", "setup.py", "setup.cfg", "pixi.toml"))


def _near_miss(name: str, names: Mapping[str, str]) -> str | None:
    """Give the stack whose name is one slip away, or two for long names; the nearest, then the first by name."""
    near: list[tuple[int, str]] = []
    for known in names:
        allowed = 2 if min(len(known), len(name)) >= _LONG_NAME else 1
        # The lengths alone rule most names out, and bound the work for a word of any length.
        if abs(len(known) - len(name)) <= allowed and (distance := edit_distance(name, known)) <= allowed:
            near.append((distance, known))
    return min(near)[1] if near else None


def _add_stack(recipe: str, requirement: Requirement, text: str, found: _Found) -> None:
    if requirement.marker is not None:
        reason = "a stack takes no marker"
        raise WordUnclear(word=text, reason=reason, hint=f"write {text.partition(';')[0].strip()}")
    extras = tuple(sorted(canonicalize_name(extra) for extra in requirement.extras)) if "[" in text else None
    request = StackRequest(name=recipe, specifier=requirement.specifier, extras=extras, origin=_COMMAND_LINE, text=text)
    earlier = found.stacks.get(recipe)
    found.stacks[recipe] = request if earlier is None else _merged(earlier, request)


def _merged(first: StackRequest, second: StackRequest) -> StackRequest:
    """Give one request of two for the same stack: both specifiers, and all extras that either names."""
    if specifiers_exclude(first.specifier, second.specifier):
        raise ConflictingPins(name=first.name, first=(first.text, first.origin), second=(second.text, second.origin))
    named = [extras for extras in (first.extras, second.extras) if extras is not None]
    extras = tuple(sorted({extra for some in named for extra in some})) if named else None
    text = first.text if first.text == second.text else f"{first.text} {second.text}"
    return replace(first, specifier=first.specifier & second.specifier, extras=extras, text=text)


def _add_requirement(text: str, found: _Found, files: TextFiles, *, is_told: bool) -> None:
    read = read_requirement(Words(text=text, shown=text, origin=_COMMAND_LINE), files, "")
    if isinstance(read, Fate):
        hint = f"write NAME @ {read.text}"
        raise WordUnclear(word=read.text, reason=read.note or "it cannot be used", hint=hint)
    found.requirements.append(read)
    if is_told and _is_project(read.name, files):
        note = f"{mask_secrets(text)} is taken as the PyPI project {read.name}, although a project's folder of that name is here"
        hint = f"./{read.name} means the folder"
        found.messages.append(
            Message(code="folder-of-that-name", level=Level.WARNING, text=note, packages=(read.name,), hint=hint)
        )
    elif is_told and str(read.requirement) == read.requirement.name:
        note = f"{mask_secrets(text)} is no stack of the recipes, so it is taken as the PyPI project {read.name}"
        found.messages.append(Message(code=_AS_PROJECT, level=Level.NOTE, text=note, packages=(read.name,)))
