"""`requires_python` of a locked package against the locked Python: pixi looks at the lower bound only (pixi.md §9.2)."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.version import Version

from envcompose.manifest.requirement_parts import parse_specifiers


def is_below_bound(python: str, requires_python: str) -> bool:
    """Whether a Python is below the lowest one that the specifiers admit; releases count, not pre-releases."""
    try:
        specifiers = parse_specifiers(requires_python)
    except InvalidSpecifier:
        return False
    release = _release(Version(python))
    return any(_below(release, specifier) for specifier in specifiers)


def _release(version: Version) -> tuple[int, ...]:
    parts = list(version.release)
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _below(release: tuple[int, ...], specifier: Specifier) -> bool:
    if specifier.operator in ("<", "<=", "!="):
        return False
    bound = _release(Version(specifier.version.removesuffix(".*")))
    return release <= bound if specifier.operator == ">" else release < bound


def breaks_any_bound(python: str, requires_python: str) -> bool:
    """Whether a Python is outside of the specifiers, upper bounds and exclusions included."""
    try:
        specifiers = parse_specifiers(requires_python)
    except InvalidSpecifier:
        return False
    return not specifiers.contains(Version(python), prereleases=True)
