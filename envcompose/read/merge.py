"""Several readings -> one, with duplicates told and contradictions refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from packaging.requirements import Requirement

from envcompose.errors import ConflictingPins, TwoProjects
from envcompose.model.intent import IndexOptions, InputReading, ProjectFolder
from envcompose.model.message import Level, Message
from envcompose.model.requirement import Fate, Outcome, UserRequirement
from envcompose.read.contradiction import specifiers_exclude
from envcompose.read.marker import holds_on_linux
from envcompose.read.secrets import mask_secrets

# Nobody writes so many lines about one name; without a bound, a made-up file would take quadratic time.
_MOST_COMPARED = 20


def merge_readings(readings: Sequence[InputReading]) -> InputReading:
    """Give one reading of all, in order; the same requirement twice is kept once, and the second told as merged.

    Raises ConflictingPins where two lines about one name exclude each other whatever is chosen, and TwoProjects.
    What only the target can decide (markers over Python) is left to the resolver.
    """
    requirements, merged = _without_duplicates([one for reading in readings for one in reading.requirements])
    constraints, merged_constraints = _without_duplicates([one for each in readings for one in each.constraints])
    overrides, merged_overrides = _without_duplicates([one for each in readings for one in each.overrides])
    _refuse_contradictions(requirements, constraints, {one.name for one in overrides})
    indexes, messages = _merged_indexes(readings)
    fates = tuple(fate for reading in readings for fate in reading.fates)
    return InputReading(
        requirements=requirements,
        constraints=constraints,
        overrides=overrides,
        conda=tuple(dict.fromkeys(one for reading in readings for one in reading.conda)),
        channels=tuple(dict.fromkeys(one for reading in readings for one in reading.channels)),
        indexes=indexes,
        requires_python=tuple(one for reading in readings for one in reading.requires_python),
        no_build_isolation=tuple(one for reading in readings for one in reading.no_build_isolation),
        build_hints=tuple(one for reading in readings for one in reading.build_hints),
        project=_one_project(readings),
        fates=fates + merged + merged_constraints + merged_overrides,
        messages=tuple(one for reading in readings for one in reading.messages) + messages,
        name=next((reading.name for reading in readings if reading.name), None),
    )


def _without_duplicates(
    found: Sequence[UserRequirement],
) -> tuple[tuple[UserRequirement, ...], tuple[Fate, ...]]:
    kept: dict[tuple[object, ...], UserRequirement] = {}
    fates: list[Fate] = []
    for one in found:
        parsed = one.requirement
        key = (one.name, frozenset(parsed.extras), str(parsed.specifier), parsed.url, str(parsed.marker), one.editable)
        first = kept.get(key)
        if first is None:
            kept[key] = one
            continue
        kept[key] = replace(first, hashes=tuple(dict.fromkeys(first.hashes + one.hashes)))
        note = f"the same as {first.text} ({first.origin})"
        fates.append(Fate(text=one.text, origin=one.origin, outcome=Outcome.MERGED, note=note))
    return tuple(kept.values()), tuple(fates)


def _refuse_contradictions(
    requirements: Sequence[UserRequirement], constraints: Sequence[UserRequirement], overridden: set[str]
) -> None:
    by_name: dict[str, list[UserRequirement]] = defaultdict(list)
    for one in (*requirements, *constraints):
        if one.name not in overridden:
            by_name[one.name].append(one)
    for name, group in by_name.items():
        for position, second in enumerate(group):
            for first in group[: min(position, _MOST_COMPARED)]:
                if _both_hold(first.requirement, second.requirement) and _exclude(first, second):
                    raise ConflictingPins(
                        name=name, first=(first.text, first.origin), second=(second.text, second.origin)
                    )


def _both_hold(first: Requirement, second: Requirement) -> bool:
    """Do both lines hold on linux-64 whatever Python is chosen, or both under one and the same marker?"""
    verdicts = (holds_on_linux(first.marker), holds_on_linux(second.marker))
    if False in verdicts:
        return False
    return verdicts == (True, True) or str(first.marker) == str(second.marker)


def _exclude(first: UserRequirement, second: UserRequirement) -> bool:
    """Is there nothing that both lines allow? Only what can be said for certain counts."""
    one, two = first.requirement, second.requirement
    if one.url or two.url:
        return one.url is not None and two.url is not None and one.url != two.url
    return specifiers_exclude(one.specifier, two.specifier)


def _one_project(readings: Sequence[InputReading]) -> ProjectFolder | None:
    projects = list(dict.fromkeys(reading.project for reading in readings if reading.project is not None))
    if len(projects) > 1:
        raise TwoProjects(first=projects[0].path, second=projects[1].path)
    return projects[0] if projects else None


def _merged_indexes(readings: Sequence[InputReading]) -> tuple[IndexOptions, tuple[Message, ...]]:
    """The last default index holds, as in pip; the others are told, masked."""
    defaults = list(dict.fromkeys(one.indexes.index_url for one in readings if one.indexes.index_url))
    messages = tuple(
        Message(
            code="index-replaced",
            level=Level.WARNING,
            text=f"The package index {mask_secrets(defaults[-1])} replaces {mask_secrets(earlier)} of an earlier input",
        )
        for earlier in defaults[:-1]
    )
    indexes = IndexOptions(
        index_url=defaults[-1] if defaults else None,
        extra_index_urls=tuple(dict.fromkeys(url for one in readings for url in one.indexes.extra_index_urls)),
        find_links=tuple(dict.fromkeys(url for one in readings for url in one.indexes.find_links)),
        pinned=tuple(dict.fromkeys(pin for one in readings for pin in one.indexes.pinned)),
    )
    return indexes, messages
