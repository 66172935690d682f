"""Core metadata as the resolver reads it: headers to values, values to headers, requirements to active ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from packaging.requirements import Requirement

from envcompose.model.analysis import Reading
from envcompose.model.foreign import foreign_requirement
from envcompose.model.names import canonical_name


def header_values(headers: str, name: str) -> Iterator[str]:
    """The values of one header of core metadata, in order."""
    wanted = name.lower()
    for line in headers.splitlines():
        head, colon, value = line.partition(":")
        if colon and head.lower() == wanted:
            yield value.strip()


def render_metadata(name: str, version: str, reading: Reading) -> str:
    """Core metadata for one reading of an sdist; what no tool could parse is left out."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if reading.requires_python:
        lines.append(f"Requires-Python: {reading.requires_python}")
    lines += [f"Provides-Extra: {extra}" for extra in reading.provides_extra]
    lines += [f"Requires-Dist: {text}" for text in reading.requires_dist if foreign_requirement(text) is not None]
    return "\n".join(lines) + "\n"


def active_requirements(
    texts: Iterable[str], extras: Iterable[str], environment: Mapping[str, str]
) -> list[Requirement]:
    """The requirements that hold in this environment with these extras, in the order given.

    Lines that name an extra are parsed only where it may be one that was asked for: that is most of most metadata.
    """
    wanted = tuple(canonical_name(extra) for extra in extras)
    judge = _judge(tuple(environment.items()))
    active = []
    for text in texts:
        marker = text.partition(";")[2] if ";" in text else ""
        conditional = "extra" in marker
        if conditional and (not wanted or _wants_another(marker, wanted)):
            continue
        requirement = judge(text, wanted if conditional else ())
        if requirement is not None:
            active.append(requirement)
    return active


_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([^'"]*)['"]""")
_OR = re.compile(r"\bor\b")


def _wants_another(marker: str, wanted: tuple[str, ...]) -> bool:
    """Does a marker that is one comparison, or several joined by `and`, ask for an extra that nobody asked for?"""
    if _OR.search(marker):
        return False
    return any(canonical_name(extra) not in wanted for extra in _EXTRA.findall(marker))


@lru_cache(maxsize=32)
def _judge(values: tuple[tuple[str, str], ...]) -> Callable[[str, tuple[str, ...]], Requirement | None]:
    """What gives a requirement where its marker holds; the search asks for the same lines once per candidate."""
    environment = dict(values)

    @lru_cache(maxsize=20_000)
    def active(text: str, extras: tuple[str, ...]) -> Requirement | None:
        requirement = foreign_requirement(text)
        if requirement is None or requirement.marker is None:
            return requirement
        holds = any(requirement.marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))
        return requirement if holds else None

    return active
