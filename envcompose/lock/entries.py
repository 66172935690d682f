"""A goal's closure as entries of the lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name

from envcompose.lock.direct import Direct
from envcompose.lock.places import requirement_at
from envcompose.lock.pypi_half import PypiFound
from envcompose.manifest.url_text import url_text
from envcompose.model.foreign import foreign_requirement
from envcompose.model.solution import LockedDistribution
from envcompose.resolve.closure import Member
from envcompose.resolve.locked import index_source, locked


def distributions(
    found: PypiFound, members: Iterable[Member], *, default_index: str, hashes: Mapping[str, str]
) -> tuple[LockedDistribution, ...]:
    """The entries of what comes from PyPI's side; `hashes` are known ones by location, of an earlier lock."""
    entries = []
    for member in members:
        if member.release.stub:
            continue
        direct = found.direct.get(member.name)
        if direct is not None:
            entries.append(_direct(direct, member, found, hashes))
            continue
        file = member.release.file
        assert file is not None
        entry = locked(member, found.universe, index_source(file, default_index))
        # A file on disk (find-links) has no index that could be told without a path of this machine.
        index = entry.index if "://" in file.url else None
        entries.append(replace(entry, location=url_text(entry.location), index=index))
    return tuple(entries)


def _direct(direct: Direct, member: Member, found: PypiFound, hashes: Mapping[str, str]) -> LockedDistribution:
    """An entry without an index; its requirements keep their addresses, which the resolver is not shown."""
    file = member.release.file
    assert file is not None
    own = replace(member, release=replace(member.release, rewrite=None))
    entry = locked(own, found.universe, index_source(file, ""))
    version = None if direct.is_tree or direct.version is None else str(direct.version)
    return replace(
        entry,
        requires_dist=tuple(_sent(text, direct) for text in entry.requires_dist),
        location=direct.location,
        version=version,
        sha256=direct.sha256 or hashes.get(direct.location),
        index=None,
        from_source=not direct.place.is_wheel,
    )


def _sent(text: str, direct: Direct) -> str:
    """A requirement as the project's own sources have it: what comes from elsewhere says where."""
    requirement = foreign_requirement(text)
    place = None if requirement is None else direct.redirected.places.get(str(canonicalize_name(requirement.name)))
    if requirement is None or requirement.url is not None or place is None:
        return text
    return requirement_at(requirement, place)
