"""Requirements in texts that nobody has checked: metadata, build scripts, declarations of other projects."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement

_ENDLESS_NUMBER = re.compile(r"\d{1000}")
"""Python refuses to turn several thousand digits into a number, and `packaging` does so only when it first needs it."""


@lru_cache(maxsize=20_000)
def foreign_requirement(text: str) -> Requirement | None:
    """A requirement (PEP 508), or None for what is none and for what no version could be; never raises.

    It is kept and shared, so it must not be changed.
    """
    return own_requirement(text)


def own_requirement(text: str) -> Requirement | None:
    """The same as an object of the caller's own: a copy would be read again from a text that may not be readable."""
    if has_endless_number(text):
        return None
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError):
        return None


def has_endless_number(text: str) -> bool:
    """Is there a number of so many digits that nobody can have meant it?"""
    return len(text) >= 1000 and _ENDLESS_NUMBER.search(text) is not None
