"""Small parts of a manifest: channels, dates, the PyPI options of one scope and how scopes come together, name maps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

from envcompose.manifest.channels import channel_url
from envcompose.manifest.cutoff_text import parse_cutoff
from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.urls import parse_url
from envcompose.manifest.workspace import (
    Channel,
    ChannelPriority,
    Cutoff,
    IndexStrategy,
    NameMapping,
    PrereleaseMode,
    PypiOptions,
    SolveStrategy,
)
from envcompose.manifest.workspace_conda import conda_name
from envcompose.manifest.workspace_pypi import pypi_name, read_pypi

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")


def read_channels(table: TomlTable, key: str) -> tuple[Channel, ...] | None:
    """The channels of a table, each text once, in the order of the file; None where the key is missing."""
    value = table.take(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise table.wrong(key, f"{key} must be a list, not {kind_of(value)}")
    channels: dict[tuple[str, int | None], Channel] = {}
    for index, one in enumerate(value):
        below = TomlTable({str(index): one}, (*table.where, key), table.source)
        channel = _channel(below, index, one)
        channels.setdefault((channel.text, channel.priority), channel)
    return tuple(channels.values())


def _channel(table: TomlTable, index: int, value: object) -> Channel:
    if isinstance(value, str):
        return Channel(text=value, url=table.read(index, value, _channel_url))
    if not isinstance(value, dict):
        raise table.wrong(index, f"a channel must be a text or a table, not {kind_of(value)}")
    entry = TomlTable(value, (*table.where, index), table.source)
    text = entry.text("channel")
    if text is None:
        raise table.wrong(index, "a channel's table needs the key channel")
    priority, cutoff = entry.integer("priority"), entry.parsed("exclude-newer", parse_cutoff)
    entry.finish()
    return Channel(text=text, url=table.read(index, text, _channel_url), priority=priority, exclude_newer=cutoff)


def _channel_url(text: str) -> str:
    """Names go to the host of channels, addresses are normalised, folders stay as they are (with a slash)."""
    if re.match(r"[A-Za-z][A-Za-z0-9]{0,10}://", text):
        return parse_url(text).rstrip("/") + "/"
    if is_folder(text):
        return text.rstrip("/") + "/"
    return channel_url(text)


def is_folder(text: str) -> bool:
    """Does a channel's text mean a folder on disk?"""
    return "://" not in text and text.startswith(("./", "..", "~/", "/", "\\\\"))


def read_choice(table: TomlTable, key: str, choices: type[Choice]) -> Choice | None:
    """One of a closed set of words, or None where the key is missing. Raises ManifestInvalid."""
    value = table.text(key)
    if value is None:
        return None
    try:
        return choices(value)
    except ValueError as error:
        known = ", ".join(choice.value for choice in choices)
        raise table.wrong(key, f"{key} cannot be '{value}'", f"known here: {known}") from error


def read_solving(table: TomlTable) -> tuple[ChannelPriority | None, SolveStrategy | None]:
    """What a workspace or a feature says about solving."""
    return read_choice(table, "channel-priority", ChannelPriority), read_choice(table, "solve-strategy", SolveStrategy)


def read_cutoffs(table: TomlTable, key: str, *, pypi: bool) -> Mapping[str, Cutoff]:
    """A table of dates by package name."""
    below = table.table(key)
    if below is None:
        return {}
    cutoffs = {}
    for name, value in below.entries():
        if not isinstance(value, str):
            raise below.wrong(name, f"{key}.{name} must be a text, not {kind_of(value)}")
        normal = below.read(name, name, pypi_name if pypi else conda_name)
        cutoffs[normal] = below.read(name, value, parse_cutoff)
    return cutoffs


def read_pypi_options(table: TomlTable, key: str = "pypi-options") -> PypiOptions | None:
    """The options of one scope, or None where it has none. Raises ManifestInvalid."""
    options = table.table(key)
    if options is None:
        return None
    extra = options.texts("extra-index-urls") or ()
    read = PypiOptions(
        index_url=options.parsed("index-url", parse_url),
        extra_index_urls=tuple(options.read("extra-index-urls", url, parse_url) for url in extra),
        find_links=_find_links(options),
        no_build_isolation=_packages(options, "no-build-isolation"),
        no_build=_packages(options, "no-build"),
        no_binary=_packages(options, "no-binary"),
        index_strategy=read_choice(options, "index-strategy", IndexStrategy),
        prerelease_mode=read_choice(options, "prerelease-mode", PrereleaseMode),
        dependency_overrides={
            name: wishes[0] for name, wishes in read_pypi(options.table("dependency-overrides")).items()
        },
        skip_wheel_filename_check=options.flag("skip-wheel-filename-check"),
    )
    options.finish()
    return read


def _find_links(table: TomlTable) -> tuple[tuple[str, str], ...]:
    value = table.take("find-links")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise table.wrong("find-links", f"find-links must be a list, not {kind_of(value)}")
    links: list[tuple[str, str]] = []
    for index, one in enumerate(value):
        if not isinstance(one, dict):
            raise table.source.wrong(
                (*table.where, "find-links", index),
                f"an entry of find-links must be a table, not {kind_of(one)}",
                'write it as { path = "…" } or { url = "…" }',
            )
        entry = TomlTable(one, (*table.where, "find-links", index), table.source)
        path, url = entry.text("path"), entry.parsed("url", parse_url)
        if (path is None) == (url is None):
            raise entry.wrong(None, "an entry of find-links has either a path or a url")
        links.append(("url", url) if url is not None else ("path", path or ""))
    return tuple(links)


def _packages(table: TomlTable, key: str) -> bool | tuple[str, ...]:
    """True for all packages, or names in the order of the file."""
    value = table.take(key)
    if value is None or value is False:
        return ()
    if value is True:
        return True
    if not isinstance(value, list):
        raise table.wrong(key, f"{key} must be true, false or a list of names, not {kind_of(value)}")
    names = (table.read(key, name, pypi_name) for name in table.as_texts(key, value))
    return tuple(dict.fromkeys(names))


class OptionsConflict(ValueError):
    """Two scopes of equal rank that say different things; the message names the key and both values."""


def join_options(first: PypiOptions, second: PypiOptions) -> PypiOptions:
    """The options of two features together. Raises OptionsConflict where they contradict each other."""
    for key in ("index_url", "index_strategy", "prerelease_mode", "skip_wheel_filename_check"):
        left, right = getattr(first, key), getattr(second, key)
        if left is not None and right is not None and left != right:
            raise OptionsConflict(f"{key.replace('_', '-')} is {left} and {right} in features of one environment")
    return _overlaid(first, second, overrides={**second.dependency_overrides, **first.dependency_overrides})


def overlay_options(base: PypiOptions, above: PypiOptions) -> PypiOptions:
    """The workspace's options with those of an environment's features above them."""
    return _overlaid(base, above, overrides={**base.dependency_overrides, **above.dependency_overrides})


def _overlaid(below: PypiOptions, above: PypiOptions, *, overrides: Mapping[str, object]) -> PypiOptions:
    def last(read: Callable[[PypiOptions], Value | None]) -> Value | None:
        return read(below) if read(above) is None else read(above)

    return PypiOptions(
        index_url=last(lambda options: options.index_url),
        extra_index_urls=_listed(below.extra_index_urls, above.extra_index_urls),
        find_links=_listed(below.find_links, above.find_links),
        no_build_isolation=_joined(below.no_build_isolation, above.no_build_isolation),
        no_build=_joined(below.no_build, above.no_build),
        no_binary=_joined(below.no_binary, above.no_binary),
        index_strategy=last(lambda options: options.index_strategy),
        prerelease_mode=last(lambda options: options.prerelease_mode),
        dependency_overrides=overrides,  # type: ignore[arg-type]
        skip_wheel_filename_check=last(lambda options: options.skip_wheel_filename_check),
    )


def _listed(below: tuple[Value, ...], above: tuple[Value, ...]) -> tuple[Value, ...]:
    """Both lists; as in pixi, what stands there twice goes only where there are two lists."""
    return tuple(dict.fromkeys(below + above)) if below and above else below or above


def _joined(first: bool | tuple[str, ...], second: bool | tuple[str, ...]) -> bool | tuple[str, ...]:
    if isinstance(first, bool) or isinstance(second, bool):
        return True
    return tuple(dict.fromkeys(first + second))


def read_name_map(table: TomlTable) -> tuple[NameMapping, ...] | None:
    """`conda-pypi-map`: None where nothing is said, empty for `false`. Raises ManifestInvalid."""
    key = "conda-pypi-map"
    value = table.take(key)
    if value is None:
        return None
    if value is False:
        return ()
    if value is True:
        raise table.wrong(key, f"{key} cannot be true", "write false to switch the map off, or a table to configure it")
    below = table.as_table(key, value)
    return tuple(_name_mapping(below, channel, entry) for channel, entry in below.entries())


def _name_mapping(table: TomlTable, channel: str, value: object) -> NameMapping:
    if isinstance(value, str):
        return NameMapping(channel=channel, location=value)
    if value is False:
        return NameMapping(channel=channel, disabled=True)
    if not isinstance(value, dict):
        raise table.wrong(channel, f"the map of {channel} must be a file, a table or false, not {kind_of(value)}")
    entry = table.as_table(channel, value)
    if not value:
        raise table.wrong(channel, f"the map of {channel} is empty", f"write {channel} = false to switch it off")
    location, names = entry.text("location"), entry.table("mapping")
    mode = read_choice(entry, "mapping-mode", _MappingMode)
    same_name = entry.flag("same-name-heuristic")
    entry.finish()
    mapping = None if names is None else {name: _mapped(names, name, one) for name, one in names.entries()}
    return NameMapping(
        channel=channel,
        location=location,
        mapping=mapping,
        replace=mode is _MappingMode.REPLACE,
        same_name=same_name,
    )


class _MappingMode(StrEnum):
    OVERLAY = "overlay"
    REPLACE = "replace"


def _mapped(table: TomlTable, name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if value is False:
        return ()
    if isinstance(value, list):
        return table.as_texts(name, value)
    raise table.wrong(name, f"{name} must map to a name, a list of names or false, not {kind_of(value)}")
