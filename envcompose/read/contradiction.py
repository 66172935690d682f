"""Do two version specifiers exclude each other?"""

from __future__ import annotations

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version


def specifiers_exclude(one: SpecifierSet, two: SpecifierSet) -> bool:
    """Is there surely no version that both allow?

    Pins and lower against upper bounds are decided; what else may be empty is left to the resolver.
    """
    pins = (_pin(one), _pin(two))
    if pins[0] is not None and pins[1] is not None:
        # A pin without a local part admits files that have one.
        return not (_admits(two, pins[0]) or _admits(one, pins[1]))
    if pins[0] is not None:
        return not _admits(two, pins[0])
    if pins[1] is not None:
        return not _admits(one, pins[1])
    return _below(one, two) or _below(two, one)


def _pin(specifiers: SpecifierSet) -> Version | None:
    for one in specifiers:
        if one.operator in ("==", "===") and not one.version.endswith(".*"):
            try:
                return Version(one.version)
            except InvalidVersion:
                return None
    return None


def _admits(specifiers: SpecifierSet, version: Version) -> bool:
    return specifiers.contains(version, prereleases=True)


def _below(lower: SpecifierSet, upper: SpecifierSet) -> bool:
    """Does some upper bound of one lie below some lower bound of the other?"""
    tops = [found for one in lower if (found := _bound(one, ("<", "<="))) is not None]
    bottoms = [found for one in upper if (found := _bound(one, (">", ">=", "~="))) is not None]
    return any(
        top < bottom or (top == bottom and not (closed_top and closed_bottom))
        for top, closed_top in tops
        for bottom, closed_bottom in bottoms
    )


def _bound(specifier: Specifier, operators: tuple[str, ...]) -> tuple[Version, bool] | None:
    if specifier.operator not in operators:
        return None
    return Version(specifier.version), specifier.operator in ("<=", ">=", "~=")
