"""Which requirements of a project hold: its own, and those of the extras asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envcompose.errors import UnknownValue
from envcompose.model.requirement import Outcome, UserRequirement
from envcompose.read.marker import both_markers
from envcompose.read.reading_parts import Parts
from envcompose.read.suggest import nearest


def known_name(option: str, value: str, known: Iterable[str], where: str) -> str:
    """Give the normalised name of an extra or group that `where` has. Raises UnknownValue with a suggestion."""
    names = sorted({canonicalize_name(one) for one in known})
    name = canonicalize_name(value)
    if name in names:
        return name
    what = option.removeprefix("--")
    reason = f"{where} has no such {what}" if names else f"{where} has no {what}s"
    raise UnknownValue(option=option, value=value, reason=reason, known=names, suggestion=nearest(name, names))


def add_with_extras(
    parts: Parts,
    own_name: str | None,
    always: Sequence[UserRequirement],
    optional: Mapping[str, Sequence[UserRequirement]],
    extras: Iterable[str],
) -> set[str]:
    """Add the requirements that always hold and those of the extras, and give the extras that were used.

    A requirement on the project itself with extras (`name[extra]`, pip's way to share lists) is replaced by theirs,
    under its marker too. `optional` and `extras` hold normalised names.
    """
    wanted = tuple(extras)
    first = [*always, *(one for extra in wanted for one in optional.get(extra, ()))]
    seen = {(extra, "") for extra in wanted}
    # A stack, so that what stands in for a requirement comes where that stood.
    rest: list[tuple[UserRequirement, Marker | None]] = [(one, None) for one in reversed(first)]
    while rest:
        one, marker = rest.pop()
        if own_name is None or one.name != canonicalize_name(own_name):
            parts.requirements.append(_under(one, marker))
            continue
        _tell_own(parts, one, optional)
        inherited = both_markers(marker, one.requirement.marker)
        for extra in sorted((canonicalize_name(each) for each in one.requirement.extras), reverse=True):
            if (extra, inherited) not in seen and (extra, "") not in seen:
                seen.add((extra, inherited))
                below = Marker(inherited) if inherited else None
                rest += [(each, below) for each in reversed(optional.get(extra, ()))]
    return {extra for extra, _ in seen}


def _tell_own(parts: Parts, one: UserRequirement, optional: Mapping[str, Sequence[UserRequirement]]) -> None:
    extras = sorted(canonicalize_name(each) for each in one.requirement.extras)
    missing = [extra for extra in extras if extra not in optional]
    if missing:
        note = f"this project has no extra {', '.join(missing)}"
        parts.tell(one.text, one.origin, Outcome.UNSUPPORTED, note)
        return
    note = f"the extras {', '.join(extras)} of this project itself" if extras else "this project itself"
    parts.tell(one.text, one.origin, Outcome.REPLACED, note)


def _under(one: UserRequirement, marker: Marker | None) -> UserRequirement:
    """Give the requirement so that it holds only where the marker does too."""
    if marker is None:
        return one
    requirement = Requirement(str(one.requirement))
    requirement.marker = Marker(both_markers(marker, one.requirement.marker))
    return replace(one, requirement=requirement)
