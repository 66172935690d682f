"""PEP 440 bounds as conda match specs, and several of them as one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

_COMPATIBLE = re.compile(r"~=\s*(\d+(?:\.\d+)+)")


def conda_spec(bounds: Iterable[str]) -> str:
    """One conda spec for several PEP 440 specifier sets; `*` where nothing is bounded.

    No space stands in it: pixi refuses spaces behind an operator (facts: pixi.md §11, v006). Bounds that another
    bound of the same direction makes idle are left out.
    """
    pieces = {piece.strip() for bound in bounds for piece in bound.split(",") if piece.strip()}
    if len(pieces) > 1:
        # Beside other bounds a compatible release is easier to read, and to compare, as the two bounds that it is.
        pieces = {bound for piece in pieces for bound in _compatible(piece)}
    kept = sorted((_conda_piece(piece) for piece in _without_idle(pieces)), key=_order)
    return ",".join(kept) or "*"


def _compatible(piece: str) -> tuple[str, ...]:
    """`~=4.12` as `>=4.12` and `<5.0a0` (PEP 440; conda-forge writes upper bounds below the first pre-release)."""
    match = _COMPATIBLE.fullmatch(piece)
    if match is None:
        return (piece,)
    parts = match[1].split(".")[:-1]
    return f">={match[1]}", f"<{'.'.join([*parts[:-1], str(int(parts[-1]) + 1)])}.0a0"


def both(first: str, second: str) -> str:
    """The conda spec that asks for both; each may be a conda spec already, with alternatives or a build (`1.2.* py312_0`)."""
    if first == second:
        return first
    (version, _, build), (other, _, other_build) = first.partition(" "), second.partition(" ")
    return " ".join(filter(None, (_both_versions(version, other), build or other_build)))


def _both_versions(first: str, second: str) -> str:
    if "*" in (first, second):
        return second if first == "*" else first
    if "|" in first + second:
        # A comma binds tighter than a bar, so alternatives need their own parentheses.
        return ",".join(f"({text})" if "|" in text else text for text in (first, second))
    return conda_spec([first, second])


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
