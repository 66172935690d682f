"""Channel texts as pixi reads them: a name means conda-forge's host, everything else is an address."""

from __future__ import annotations

HOST = "https://conda.anaconda.org"
"""Where pixi and conda look for a channel that is only named (facts: pixi.md §9.2, case L006)."""


def channel_url(channel: str) -> str:
    """The address of a channel, with a slash at its end: `conda-forge` and its URL are the same channel."""
    text = channel.strip()
    if "://" not in text:
        text = f"{HOST}/{text}"
    return text.rstrip("/") + "/"
