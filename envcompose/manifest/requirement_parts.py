"""A requirement (PEP 508) taken apart: what stands in a manifest's lists, and in the `requires_dist` of a lock."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.model.values import dataclass

_NAMED = r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([A-Za-z0-9._,\s-]*)\])?\s*"
_PLAIN = re.compile(_NAMED + r"(?:\(([^()@;]*)\)|([<>=!~][^()@;]*))?\s*(?:;(.*))?", re.DOTALL)
# An address ends before a space that a ; or the end follows; other spaces belong to it.
_WITH_ADDRESS = re.compile(_NAMED + r"@\s*([^\s;].*?)(?:\s+;(.*)|\s*)", re.DOTALL)


class RequirementInvalid(ValueError):
    """A text that is no requirement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementParts:
    """The parts of a requirement. Names are normalised; `address` and `marker` stand as they were written."""

    name: str
    extras: frozenset[str] = frozenset()
    specifiers: SpecifierSet | None = None
    address: str | None = None
    marker: str | None = None


@lru_cache(maxsize=32768)
def read_requirement(text: str) -> RequirementParts:
    """Take a requirement apart. Raises RequirementInvalid; address and marker are not looked into."""
    plain = _PLAIN.fullmatch(text)
    found = plain or _WITH_ADDRESS.fullmatch(text)
    if found is None:
        raise RequirementInvalid(f"'{text}' is no requirement (PEP 508)")
    name = _normal(found[1])
    extras = frozenset(_normal(extra) for extra in (found[2] or "").split(",") if extra.strip())
    if plain is None:
        return RequirementParts(name=name, extras=extras, address=found[3], marker=found[4])
    bounds = (plain[3] or plain[4] or "").strip()
    try:
        specifiers = parse_specifiers(bounds) if bounds else None
    except InvalidSpecifier as error:
        raise RequirementInvalid(f"'{text}' is no requirement: {error}") from error
    return RequirementParts(name=name, extras=extras, specifiers=specifiers, marker=plain[5])


@lru_cache(maxsize=8192)
def _normal(name: str) -> str:
    return str(canonicalize_name(name.strip()))


@lru_cache(maxsize=8192)
def parse_specifiers(text: str) -> SpecifierSet:
    """Read version specifiers (PEP 440), without a comma too many and with real versions. Raises InvalidSpecifier."""
    if text and not all(piece.strip() for piece in text.split(",")):
        raise InvalidSpecifier(f"a specifier is missing between commas: {text}")
    specifiers = SpecifierSet(text)
    for specifier in specifiers:
        if specifier.operator == "===" and not is_version(specifier.version):
            raise InvalidSpecifier(f"{specifier.version} is no version")
    return specifiers


def is_version(text: str) -> bool:
    """Is a text a version (PEP 440)?"""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
