"""PEP 440 bounds as conda match specs, and several of them as one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envcompose.errors import TwoBuilds

_COMPATIBLE = re.compile(r"~=\s*(\d+(?:\.\d+)+)")


def conda_spec(bounds: Iterable[str]) -> str:
    """One conda spec that admits what several PEP 440 specifier sets admit; `*` where nothing is bounded.

    No space stands in it: pixi refuses spaces behind an operator (facts: pixi.md §11, v006). Bounds that another
    bound of the same direction makes idle are left out. `<2` leaves out 2.0rc1 and `>1.0` leaves out 1.0.post1 in
    PEP 440 and neither does so in conda, so they become `<2a0` and `>1.0,!=1.0.post.*`. What remains: a post release of
    V that is written with other zeros (`1.0.0.post1` for `>1.0`) is let in.
    """
    pieces = {piece.strip() for bound in bounds for piece in bound.split(",") if piece.strip()}
    if len(pieces) > 1:
        # Beside other bounds a compatible release is easier to read, and to compare, as the two bounds that it is.
        pieces = {bound for piece in pieces for bound in _compatible(piece)}
    told = (bound for piece in _without_idle(pieces) for bound in _exclusive(piece))
    return _joined(told)


def _joined(pieces: Iterable[str]) -> str:
    return ",".join(sorted((_conda_piece(piece) for piece in pieces), key=_order)) or "*"


def _exclusive(piece: str) -> tuple[str, ...]:
    """`<V` and `>V` of a final release as conda has to be told them (PEP 440, "Exclusive ordered comparison").

    `Va0` without the zeros at the end of V stands below every pre-release of V, however many zeros that one is written
    with, and above everything older (CEP 29's order of versions).
    """
    bound = _bound(piece)
    if bound is None or piece[:1] not in "<>" or piece.startswith(("<=", ">=")):
        return (piece,)
    version = Version(piece[1:].strip())
    if version.is_prerelease or version.is_postrelease or version.local is not None:
        return (piece,)
    if piece.startswith(">"):
        return piece, f"!={version}.post.*"
    shown = re.sub(r"(?:\.0)+$", "", str(version))
    return (f"<{shown}a0",)


def _compatible(piece: str) -> tuple[str, ...]:
    """`~=4.12` as `>=4.12` and `<5` (PEP 440)."""
    match = _COMPATIBLE.fullmatch(piece)
    if match is None:
        return (piece,)
    parts = match[1].split(".")[:-1]
    return f">={match[1]}", f"<{'.'.join([*parts[:-1], str(int(parts[-1]) + 1)])}"


def both(first: str, second: str) -> str:
    """The conda spec that asks for both; each may be a conda spec already, with alternatives or a build (`1.2.* py312_0`).

    Raises TwoBuilds where no text of a build asks for both of theirs.
    """
    if first == second:
        return first
    (version, _, build), (other, _, other_build) = first.partition(" "), second.partition(" ")
    joined = _both_builds(build, other_build)
    if joined is None:
        raise TwoBuilds(first=first, second=second)
    return " ".join(filter(None, (_both_versions(version, other), joined)))


def _both_builds(first: str, second: str) -> str | None:
    """The narrower of two builds with wildcards; None where neither is within the other."""
    if not (first and second):
        return first or second
    return first if fnmatchcase(first, second) else second if fnmatchcase(second, first) else None


def _both_versions(first: str, second: str) -> str:
    if "*" in (first, second):
        return second if first == "*" else first
    if "|" in first + second:
        # A comma binds tighter than a bar, so alternatives need their own parentheses.
        return ",".join(f"({text})" if "|" in text else text for text in (first, second))
    pieces = {piece for text in (first, second) for piece in text.split(",")}
    return _joined(_without_idle(pieces))


def _conda_piece(piece: str) -> str:
    """`==1.2.*` is `1.2.*` in conda; `===` has no other meaning there than `==`."""
    if piece.startswith("==="):
        return "==" + piece[3:].strip()
    if piece.startswith("==") and piece.endswith(".*"):
        return piece[2:].strip()
    return piece.replace(" ", "")


def _order(piece: str) -> tuple[int, str]:
    """Lower bounds before upper ones, exclusions last: as people write them."""
    for rank, operator in enumerate((">=", ">", "~=", "==", "<=", "<", "!=")):
        if piece.startswith(operator):
            return rank, piece
    return 3, piece


def _without_idle(pieces: set[str]) -> set[str]:
    """Pins make bounds idle that they satisfy; of two lower or two upper bounds only the tighter one works."""
    judged = {piece: bound for piece in pieces if (bound := _bound(piece)) is not None}
    pins = [
        piece for piece in judged if piece.startswith("==") and not piece.endswith("*") and not piece.startswith("===")
    ]
    if len(pins) == 1:
        version = Version(pins[0][2:].strip())
        idle = {piece for piece, bound in judged.items() if bound.contains(version, prereleases=True)}
        return pieces - idle | set(pins)
    kept = set(pieces)
    for operators, pick in (((">=", ">"), max), (("<=", "<"), min)):
        same = [piece for piece in judged if piece.startswith(operators)]
        if len(same) > 1:
            tightest = pick(same, key=lambda piece: _tightness(piece, strict_last=pick is max))
            kept -= set(same) - {tightest}
    others = [judged[piece] for piece in kept if piece in judged and not piece.startswith("!=")]
    return {piece for piece in kept if not _is_idle_exclusion(piece, others)}


def _is_idle_exclusion(piece: str, others: list[SpecifierSet]) -> bool:
    """Does another bound keep this version out already?"""
    if not piece.startswith("!=") or piece.endswith("*") or _bound(piece) is None:
        return False
    version = Version(piece[2:].strip())
    return any(not other.contains(version, prereleases=True) for other in others)


def _bound(piece: str) -> SpecifierSet | None:
    """A piece as PEP 440 understands it; None for conda versions that are none of PEP 440, which are kept as they are."""
    try:
        return SpecifierSet(piece if piece.startswith(("<", ">", "=", "!", "~")) else f"=={piece}")
    except InvalidSpecifier:
        return None


def _tightness(piece: str, *, strict_last: bool) -> tuple[Version, bool]:
    strict = not piece.startswith((">=", "<="))
    return Version(piece.lstrip("<>=").strip()), strict if strict_last else not strict
