"""What py-rattler says of a channel that it could not read, as our errors.

The engine gives prose only. The table below knows its words (py-rattler 0.28); what it does not know is a broken
answer, told in the engine's own words without any secret.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from envcompose.errors import ChannelBroken, ChannelUnreachable
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What words of the engine mean. `again` says that another try may give another answer, `cached` that only the cache
    was asked.
    """

    pattern: str
    reason: str
    broken: bool = False
    again: bool = False
    cached: bool = False


_RULES = (
    # The first pattern that is found decides. Login pages of networks answer 511.
    _Rule(
        pattern=r"\((401|407)\b",
        reason="it asks for a login (HTTP status {0}); pixi auth login, a netrc file or RATTLER_AUTH_FILE give it",
    ),
    _Rule(pattern=r"\((403)\b", reason="it refuses access (HTTP status {0})"),
    _Rule(pattern=r"\((408|425|429|5\d\d)\b", reason="HTTP status {0}, also after retries"),
    _Rule(
        pattern=r"failed to open file `[^`]*`: No such file", reason="there is no noarch/repodata.json in that folder"
    ),
    _Rule(pattern=r"dns error|failed to lookup address", reason="its host is not known here"),
    _Rule(pattern=r"[Cc]onnection refused", reason="connection refused"),
    _Rule(pattern=r"invalid peer certificate|certificate", reason="its certificate is not trusted here"),
    _Rule(pattern=r"timed out|no answer in time", reason="no answer in time"),
    _Rule(
        pattern=r"end of file before message length|connection closed before|[Cc]onnection reset|unexpected EOF",
        reason="its answers break off",
        again=True,
    ),
    _Rule(pattern=r"error sending request|client error \(Connect\)|Request failed after", reason="no connection"),
    _Rule(
        pattern=r"the shard for package '([^']*)' is not in the cache",
        reason="the records of {0} are not in the cache, and --offline asks nobody",
        cached=True,
    ),
    _Rule(
        pattern=r"no usable repodata cache|no cache available|no sharded repodata index is cached",
        reason="it is not in the cache, and --offline asks nobody",
        cached=True,
    ),
    _Rule(
        pattern=r"could not find subdir '([^']*)' in channel",
        reason="it has no folder {0} with repodata, which every channel has",
        broken=True,
    ),
    _Rule(pattern=r"\((404|410)\b", reason="HTTP status {0} for a part that it lists itself", broken=True, again=True),
    _Rule(
        pattern=r"failed to decode zstd|Unknown frame descriptor|zstd stream|corrupt",
        reason="what should be compressed repodata is not, or breaks off",
        broken=True,
        again=True,
    ),
    _Rule(
        pattern=r"failed to parse (repodata\.json|shard index)|failed to extract repodata records|IO error while reading data",
        reason="what should be repodata is not, or breaks off",
        broken=True,
        again=True,
    ),
    _Rule(
        pattern=r"shards are not what their names say",
        reason="parts of its repodata have another hash than it lists",
        broken=True,
        again=True,
    ),
    _Rule(pattern=r"'([^']*)' is not a supported scheme", reason="{0}: is no way to a channel", broken=True),
)


def channel_error(words: str, channel: str) -> ChannelUnreachable | ChannelBroken:
    """Give the error that the engine's words about a channel stand for; `channel` is its name without secrets."""
    for rule in _RULES:
        if found := re.search(rule.pattern, words):
            reason = rule.reason.format(*found.groups())
            if rule.broken:
                return ChannelBroken(channel=channel, reason=reason)
            return ChannelUnreachable(channel=channel, reason=reason, from_cache=rule.cached)
    return ChannelBroken(channel=channel, reason=plain_words(words))


def may_change(words: str) -> bool:
    """May another try, without the cache, give another answer? Not where the engine itself tried again, or nobody is there."""
    return next((rule.again for rule in _RULES if re.search(rule.pattern, words)), True)


def names_channel(words: str, address: str) -> bool:
    """Do the engine's words name an address below the channel's? (The engine masks logins, so they do not count.)"""
    parts = urlsplit(address)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/" in words


def plain_words(words: str) -> str:
    """The engine's words on one line, at most 300 characters, without secrets."""
    line = "; ".join(
        part.strip() for part in mask_secrets(words).replace("Caused by:", "").splitlines() if part.strip()
    )
    return line if len(line) <= 300 else f"{line[:299]}…"
