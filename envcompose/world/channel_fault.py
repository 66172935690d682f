"""What py-rattler says of a channel that it could not read, as our errors.

The engine gives prose only. The table below knows its words (py-rattler 0.28); what it does not know is a broken
answer, told in the engine's own words without any secret.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from envcompose.errors import ChannelBroken, ChannelUnreachable
from envcompose.read.secrets import mask_secrets

_UNREACHABLE: tuple[tuple[str, str], ...] = (
    # The first pattern that is found decides. Login pages of networks answer 511.
    (
        r"\((401|407)\b",
        "it asks for a login (HTTP status {0}); pixi auth login, a netrc file or RATTLER_AUTH_FILE give it",
    ),
    (r"\((403)\b", "it refuses access (HTTP status {0})"),
    (r"\((408|425|429|5\d\d)\b", "HTTP status {0}, also after retries"),
    (r"failed to open file `[^`]*`: No such file", "there is no noarch/repodata.json in that folder"),
    (r"dns error|failed to lookup address", "its host is not known here"),
    (r"[Cc]onnection refused", "connection refused"),
    (r"invalid peer certificate|certificate", "its certificate is not trusted here"),
    (r"operation timed out|timed out|no answer in time", "no answer in time"),
    (
        r"end of file before message length|connection closed before|[Cc]onnection reset|unexpected EOF",
        "its answers break off",
    ),
    (r"error sending request|client error \(Connect\)|Request failed after", "no connection"),
    (
        r"the shard for package '([^']*)' is not in the cache",
        "the records of {0} are not in the cache, and --offline asks nobody",
    ),
    (
        r"no cache available|no usable repodata cache|no sharded repodata index is cached|NoCacheAvailable",
        "it is not in the cache, and --offline asks nobody",
    ),
)
_BROKEN: tuple[tuple[str, str], ...] = (
    (r"could not find subdir '([^']*)' in channel", "it has no folder {0} with repodata, which every channel has"),
    (r"\((404|410)\b", "HTTP status {0} for a part that it lists itself"),
    (r"failed to decode zstd", "what should be compressed repodata is not"),
    (r"failed to parse (repodata\.json|shard index)", "what should be repodata is not, or breaks off"),
    (r"'([^']*)' is not a supported scheme", "{0}: is no way to a channel"),
)


def channel_error(words: str, channel: str) -> ChannelUnreachable | ChannelBroken:
    """Give the error that the engine's words about a channel stand for; `channel` is its name without secrets."""
    for kind, rules in ((ChannelUnreachable, _UNREACHABLE), (ChannelBroken, _BROKEN)):
        for pattern, reason in rules:
            if found := re.search(pattern, words):
                return kind(channel=channel, reason=reason.format(*found.groups()))
    return ChannelBroken(channel=channel, reason=plain_words(words))


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
