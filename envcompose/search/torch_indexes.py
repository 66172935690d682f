"""PyTorch's own indexes among the indexes of the input: they serve torch and its partners, never the whole closure.

As a global extra index such an address would hide every other name that it carries (first-index rule), so torch gets
its index per dependency, by the CUDA line, and the address states that line.
"""

from __future__ import annotations

from dataclasses import replace

from packaging.version import Version

from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.model.message import Level, Message


def with_torch_indexes(intent: Intent, facts: Facts) -> Intent:
    """The intent without PyTorch's indexes as general ones; they state the CUDA line where --cuda does not."""
    lines = {build.index: build.cuda for release in facts.torch for build in release.builds if build.index is not None}
    root = next((url.rpartition("/")[0] for url in sorted(lines)), None)
    options = intent.reading.indexes
    named = [
        url
        for url in (options.index_url, *options.extra_index_urls, *options.find_links)
        if url and root and url.startswith(root)
    ]
    if not named:
        return intent
    known = [url for url in named if url.rstrip("/") in lines]
    best = max(known, key=lambda url: Version(lines[url.rstrip("/")]), default=None)
    if intent.wishes.cuda is None and best is not None:
        line = lines[best.rstrip("/")]
        intent = replace(intent, wishes=replace(intent.wishes, cuda=line), stated_cuda=(line, best))
    kept = replace(
        options,
        index_url=None if options.index_url in named else options.index_url,
        extra_index_urls=tuple(url for url in options.extra_index_urls if url not in named),
        find_links=tuple(url for url in options.find_links if url not in named),
    )
    messages = tuple(_told(url, lines.get(url.rstrip("/")), intent) for url in named)
    reading = replace(intent.reading, indexes=kept, messages=(*intent.reading.messages, *messages))
    return replace(intent, reading=reading)


def _told(url: str, line: str | None, intent: Intent) -> Message:
    cuda = intent.wishes.cuda
    text = f"{url} serves torch and its partners only, each by its own index line where the CUDA line needs it"
    if line is not None and line != cuda:
        text += f"; it stands for CUDA {line}, and CUDA {cuda} is what is composed for"
        return Message(code="torch-index", level=Level.WARNING, text=text)
    if line is None:
        text += "; the tables do not know its line"
    elif intent.stated_cuda == (line, url):
        text += f"; it states CUDA {line}, since --cuda says no line"
    return Message(code="torch-index", level=Level.NOTE, text=text)
