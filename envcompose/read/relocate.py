"""Origins as seen from the manifest's folder: no absolute path of a machine reaches a file that is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from packaging.requirements import Requirement

from envcompose.model.intent import InputReading
from envcompose.model.message import Message
from envcompose.model.requirement import CondaRequest, Fate, Origin, UserRequirement
from envcompose.read.paths import reference_of_path

Seen = Callable[[str], str]
_Placed = TypeVar("_Placed", UserRequirement, CondaRequest, Fate)


def relocated(reading: InputReading, seen: Seen) -> InputReading:
    """The reading with every file name, and every folder that a requirement names, as `seen` gives it."""
    return replace(
        reading,
        requirements=tuple(_placed(_moved(item, seen), seen) for item in reading.requirements),
        constraints=tuple(_moved(item, seen) for item in reading.constraints),
        overrides=tuple(_moved(item, seen) for item in reading.overrides),
        conda=tuple(_moved(item, seen) for item in reading.conda),
        fates=tuple(_moved(item, seen) for item in reading.fates),
        requires_python=tuple((bound, _origin(origin, seen)) for bound, origin in reading.requires_python),
        no_build_isolation=tuple((name, _origin(origin, seen)) for name, origin in reading.no_build_isolation),
        build_hints=tuple((name, texts, _origin(origin, seen)) for name, texts, origin in reading.build_hints),
        messages=tuple(_message(message, seen) for message in reading.messages),
    )


def _placed(user: UserRequirement, seen: Seen) -> UserRequirement:
    """A requirement on a local file or folder with its path as seen from the manifest; absolute ones stay."""
    url = user.requirement.url
    if url is None or "://" in url or url.startswith(("/", "file:", "git+")):
        return user
    bare, mark, fragment = url.partition("#")
    requirement = Requirement(str(user.requirement))
    requirement.url = reference_of_path(seen(bare)) + mark + fragment
    return replace(user, requirement=requirement)


def _moved(item: _Placed, seen: Seen) -> _Placed:
    return replace(item, origin=_origin(item.origin, seen))


def _origin(origin: Origin, seen: Seen) -> Origin:
    return origin if origin.file is None else replace(origin, file=seen(origin.file))


def _message(message: Message, seen: Seen) -> Message:
    if message.file is None:
        return message
    return replace(message, file=seen(message.file), text=message.text.replace(message.file, seen(message.file)))
