"""Conda's versions and match specs, as far as a manifest uses them (CEP 23, conda's VersionOrder)."""

from __future__ import annotations

import re
from typing import Any

_ZERO = (2, 0, "")
_MOST_PARTS = 16
_CLAUSE = re.compile(r"\s*(==|!=|<=|>=|~=|=|<|>)?\s*([^\s=<>!~]+)\s*")


def key(version: str) -> Any:
    """A value that sorts as conda orders versions; never fails, whatever the text."""
    text = version.strip().lower()
    epoch, _, rest = text.rpartition("!")
    public, _, local = rest.partition("+")
    return (int(epoch) if epoch.isdigit() else 0, _parts(public), _parts(local) if local else ())


def _parts(text: str) -> tuple[Any, ...]:
    """Dotted components, each of numbers and words: dev before words before numbers before post, and 0 fills up."""
    components = []
    for component in re.split(r"[._-]", text):
        pieces: list[tuple[int, int, str]] = []
        for piece in re.findall(r"[0-9]+|[^0-9]+", component):
            if piece.isdigit():
                pieces.append((2, int(piece), ""))
            else:
                pieces.append({"dev": (0, 0, ""), "post": (3, 0, "")}.get(piece, (1, 0, piece)))
        if not pieces or pieces[0][0] != 2:
            pieces.insert(0, _ZERO)
        components.append(_filled(pieces, _ZERO))
    return _filled(components, _filled([], _ZERO))


def _filled(items: list[Any], filler: Any) -> tuple[Any, ...]:
    return (*items, *[filler] * (_MOST_PARTS - len(items)))


def admits(spec: str, version: str, build: str = "") -> bool:
    """Whether a conda package fits a spec such as `>=75,<81`, `12.4.*`, `2.6.* cuda*` or `*`."""
    wanted, _, wanted_build = spec.strip().partition(" ")
    if not _glob(wanted_build.strip() or "*", build):
        return False
    return any(all(_fits(clause, version) for clause in option.split(",")) for option in wanted.split("|"))


def _glob(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(piece) for piece in pattern.split("*")), text) is not None


def _fits(clause: str, version: str) -> bool:
    match = _CLAUSE.fullmatch(clause)
    if match is None or clause.strip() == "*":
        return match is not None or clause.strip() == "*"
    operator, text = match.groups()
    if operator == "=" or text.endswith("*"):
        return _starts(text.rstrip("*").rstrip("."), version) != (operator == "!=")
    left, right = key(version), key(text)
    if operator == "~=":
        return bool(left >= right) and _starts(text.rpartition(".")[0], version)
    answers = {"==": left == right, "!=": left != right, "<=": left <= right, ">=": left >= right}
    answers.update({"<": left < right, ">": left > right})
    return bool(answers[operator or "=="])


def _starts(prefix: str, version: str) -> bool:
    """Whether the version is the prefix or goes on after a separator, as `12.4.*` and `=12.4` ask."""
    if key(prefix) == key(version):
        return True
    return (
        re.match(re.escape(prefix.lower()) + r"(?:[._+-]|(?<=[0-9])[a-z]|(?<=[a-z])[0-9])", version.lower()) is not None
    )
