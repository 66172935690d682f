"""A manifest's own `conda-pypi-map` over the public one (facts: pixi.md §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.manifest.channels import channel_url
from envcompose.manifest.workspace import NameMapping
from envcompose.model.record import CondaRecord
from envcompose.model.values import dataclass
from envcompose.ports import NameMap

ReadMapping = Callable[[str], Mapping[str, tuple[str, ...]]]
"""Reads the file or address that a `location` names."""

OWN_MAP = "project-defined-mapping"
"""How pixi says in a lock that a name is from the manifest's own map."""

NO_NAMES: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channel:
    mapping: Mapping[str, tuple[str, ...]]
    is_alone: bool
    same_name: bool


class MappedNames:
    """See ports.NameMap. An entry of the manifest is final; what it lacks is the public map's or the rule's to say."""

    def __init__(self, base: NameMap, said: tuple[NameMapping, ...], read: ReadMapping) -> None:
        """`said` is empty for `conda-pypi-map = false`. Raises what `read` raises."""
        self._base = base
        self._off = not said
        self._channels = {channel_url(one.channel).rstrip("/"): _channel(one, read) for one in said}

    def pypi_names(self, record: CondaRecord) -> tuple[str, ...]:
        """See ports.NameMap."""
        if self._off:
            return NO_NAMES
        own = self._channels.get(record.channel.rstrip("/"))
        if own is None:
            return self._base.pypi_names(record)
        if record.name in own.mapping:
            return own.mapping[record.name]
        found = NO_NAMES if own.is_alone else self._base.pypi_names(record)
        return _same_name(record) if not found and own.is_alone and own.same_name else found

    def says(self, record: CondaRecord) -> bool:
        """Does an entry of the manifest say the names of a record?"""
        own = self._channels.get(record.channel.rstrip("/"))
        return own is not None and record.name in own.mapping

    @property
    def source(self) -> str:
        """See ports.NameMap."""
        return "conda-pypi-map of the manifest" + ("" if self._off else f", then {self._base.source}")

    @property
    def by_tables(self) -> bool:
        """See ports.NameMap."""
        return not self._off and self._base.by_tables


def _channel(said: NameMapping, read: ReadMapping) -> _Channel:
    if said.disabled:
        return _Channel(mapping={}, is_alone=True, same_name=False)
    found = dict(read(said.location)) if said.location is not None else {}
    found.update(said.mapping or {})
    mapping = {
        conda.lower(): tuple(sorted(str(canonicalize_name(name)) for name in names)) for conda, names in found.items()
    }
    # The rule of equal names is pixi's default for conda-forge, as it knows it by its address.
    at_forge = "/conda-forge" in channel_url(said.channel)
    return _Channel(
        mapping=mapping, is_alone=said.replace, same_name=at_forge if said.same_name is None else said.same_name
    )


def _same_name(record: CondaRecord) -> tuple[str, ...]:
    try:
        Version(record.version)
    except InvalidVersion:
        return NO_NAMES
    return (str(canonicalize_name(record.name)),)
