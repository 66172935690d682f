"""Files in memory for readers, and a reading as lines of text."""

from __future__ import annotations

from envcompose.errors import FileMissing
from envcompose.model.intent import InputReading


class FakeTextFiles:
    """The TextFiles port over a mapping of paths to contents."""

    def __init__(self, contents: dict[str, str | bytes] | None = None) -> None:
        given = contents or {}
        self.contents = {path: text.encode() if isinstance(text, str) else text for path, text in given.items()}

    def read_bytes(self, path: str) -> bytes:
        if path not in self.contents:
            raise FileMissing(path=path)
        return self.contents[path]

    def exists(self, path: str) -> bool:
        return path in self.contents or bool(self.listing(path))

    def listing(self, path: str) -> tuple[str, ...]:
        above = "" if path in ("", ".") else f"{path}/"
        below = (one.removeprefix(above) for one in self.contents if one.startswith(above))
        return tuple(sorted({name.partition("/")[0] for name in below}))


def lines_of(reading: InputReading) -> list[str]:
    """Everything that a reading holds, one thing a line, so that a test can assert all of it."""
    lines: list[str] = []
    for kind in ("requirements", "constraints", "overrides"):
        for one in getattr(reading, kind):
            marks = " editable" * one.editable + "".join(f" {each[:12]}" for each in one.hashes)
            lines.append(f"{kind}: {one.requirement} | {one.text} | {one.origin}{marks}")
    for one in reading.conda:
        lines.append(f"conda: {one.name} {one.spec} | {one.channel} | {one.origin}")
    lines += [f"channel: {one}" for one in reading.channels]
    indexes = reading.indexes
    lines += [f"index: {indexes.index_url}"] if indexes.index_url else []
    lines += [f"extra index: {one}" for one in indexes.extra_index_urls]
    lines += [f"find links: {one}" for one in indexes.find_links]
    lines += [f"pinned: {name} {url}" for name, url in indexes.pinned]
    lines += [f"python: {specifier} | {origin}" for specifier, origin in reading.requires_python]
    lines += [f"no isolation: {name} | {origin}" for name, origin in reading.no_build_isolation]
    lines += [f"build hint: {name} {' '.join(needs)} | {origin}" for name, needs, origin in reading.build_hints]
    if reading.project is not None:
        one = reading.project
        lines.append(f"project: {one.path} {one.name} {list(one.extras)} {list(one.groups)}")
    lines += [f"fate: {one.text} | {one.origin} | {one.outcome}: {one.note}" for one in reading.fates]
    for one in reading.messages:
        where = f" | {one.file}" + (f":{one.line}" if one.line else "")
        lines.append(f"{one.level}: {one.text}{where if one.file else ''}" + (f" | {one.hint}" if one.hint else ""))
    return lines + ([f"name: {reading.name}"] if reading.name else [])
