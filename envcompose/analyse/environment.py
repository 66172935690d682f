"""The environment variables that a build reads, and what they decide."""

from __future__ import annotations

import re
from dataclasses import replace

from envcompose.analyse.found import Found
from envcompose.model.analysis import Place, Switch

ASSIGNED = re.compile(r"\s*(\w+)\s*(?::[^=]+)?=(?!=)")
MAX_USES = 3


def environment(found: Found) -> tuple[Switch, ...]:
    """Give the variables sorted by name, each with its default, the place that reads it and the conditions it decides."""
    read: dict[str, Switch] = {}
    always: set[str] = set()
    for seen in found.seen("switch"):
        name, default = seen.subject
        text = None if default is None else str(default)
        known = read.get(name)
        if not seen.conditions:
            always.add(name)
        if known is None or (known.default is None and text is not None):
            read[name] = Switch(
                name=name,
                default=text,
                place=seen.place,
                meaning=meaning(found, name),
                uses=_uses(found, seen.place),
                condition=" and ".join(seen.conditions) or None,
            )
    return tuple(replace(read[name], condition=None) if name in always else read[name] for name in sorted(read))


def meaning(found: Found, name: str) -> str | None:
    """Say what variables of this name do, by the rules."""
    return next((text for pattern, text in found.rules.switches.items() if re.fullmatch(pattern, name)), None)


def _uses(found: Found, place: Place) -> tuple[Place, ...]:
    """Find the conditions that ask for the name that the variable is kept under."""
    assigned = ASSIGNED.match(place.text)
    if assigned is None:
        return ()
    asked = re.compile(rf"[^#]*\b(?:if|elif|while)\b[^#]*\b{re.escape(assigned.group(1))}\b")
    lines = found.sdist.texts.get(place.file, "").split("\n")
    hits = [n for n, line in enumerate(lines, 1) if n > place.line and len(line) < 500 and asked.match(line)]
    return tuple(Place(file=place.file, line=n, text=_with_body(lines, n)) for n in hits[:MAX_USES])


def _with_body(lines: list[str], number: int) -> str:
    """Give a condition with the first statement under it."""
    head = lines[number - 1].strip()
    body = lines[number].strip() if head.endswith(":") and number < len(lines) else ""
    return f"{head} {body}".strip()[:200]
