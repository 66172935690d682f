"""Errors of locking as the user of a manifest meets them: with the line that names what failed, and hints about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from envcompose.errors import (
    ChannelBroken,
    ChannelUnreachable,
    EnvcomposeError,
    IndexBroken,
    IndexUnreachable,
    LinksMissing,
    LockInfeasible,
)
from envcompose.manifest.toml_search import line_saying
from envcompose.manifest_file import ManifestFile
from envcompose.read.secrets import mask_secrets

_INDEX_KEYS = ("index-url", "extra-index-urls", "index", "find-links")


@contextmanager
def told_of(manifest: ManifestFile) -> Iterator[None]:
    """Errors about what the manifest names pass with its line, and with hints that a manifest can follow."""
    try:
        yield
    except (ChannelUnreachable, ChannelBroken) as error:
        line = _channel_line(manifest, error.channel)
        _say_where(error, manifest, line)
        if not error.from_cache:
            again = "check the network" if isinstance(error, ChannelUnreachable) else "run again later"
            error.hints = (f"{again}, or change the channels of {manifest.path.name}",)
        raise
    except (IndexUnreachable, IndexBroken) as error:
        line = _index_line(manifest, error.index)
        _say_where(error, manifest, line)
        if isinstance(error, IndexBroken):
            other = "" if line is None else f", or change the address in {manifest.path.name}"
            error.hints = (f"run again later{other}",)
        raise
    except LinksMissing as error:
        folder = error.folder
        _say_where(error, manifest, line_saying(manifest.text, "find-links", lambda text: text == folder))
        raise
    except LockInfeasible as error:
        line = None if error.links is None else _links_line(manifest, error.links)
        if line is not None:
            error.facts = (*error.facts, f"{manifest.path.name}, line {line}, has the find-links")
        raise


def _links_line(manifest: ManifestFile, links: str) -> int | None:
    return line_saying(manifest.text, "find-links", lambda text: text.rstrip("/") == links.rstrip("/"))


def _say_where(error: EnvcomposeError, manifest: ManifestFile, line: int | None) -> None:
    if line is not None:
        error.file, error.line = manifest.path.name, line
        error.facts = (*error.facts, f"{error.file}, line {line}, names it")


def _channel_line(manifest: ManifestFile, address: str) -> int | None:
    """The line of a channel, by the address that it means."""
    said = {
        channel.text
        for channels in (
            manifest.workspace.channels,
            *(one.channels or () for one in manifest.workspace.features.values()),
        )
        for channel in channels
        if mask_secrets(channel.url).rstrip("/") == address.rstrip("/")
    }
    return line_saying(manifest.text, "channels", lambda text: text in said)


def _index_line(manifest: ManifestFile, address: str) -> int | None:
    for key in _INDEX_KEYS:
        line = line_saying(manifest.text, key, lambda text: mask_secrets(text).rstrip("/") == address.rstrip("/"))
        if line is not None:
            return line
    return None
