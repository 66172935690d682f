"""The outcomes as a table for people and as a document for machines."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from . import FORM
from .words import ERROR, NOTE, SEVERITIES, UNKNOWN, WARNING, Finding, Outcome, exit_status

SCHEMA = "envcompose.verification/1"
_WIDTH, _MOST_LINES = 100, 8
_MOST_ALIKE, _SHOWN_ALIKE = 10, 3
"""A check with more findings than the first number shows that many of the second in full."""
VERDICTS = {0: "fine", 1: "broken", 5: "unknown"}
_COLOURS = {ERROR: "31", UNKNOWN: "35", WARNING: "33", NOTE: "36", "ok": "32", "skipped": "2"}
_MARKS = {ERROR: "FAIL", UNKNOWN: "????", WARNING: "warn", NOTE: "note", "ok": "ok", "skipped": "skip"}


def to_json(outcomes: Sequence[Outcome], facts: Mapping[str, str | None], problems: Sequence[str] = ()) -> str:
    """The document of `--json` (schema.json): all keys always present, checks in their order, findings in theirs.

    `problems` say why nothing could be judged; then the verdict is "unknown".
    """
    status = 5 if problems else exit_status(tuple(outcomes))
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "form": FORM,
        "verdict": VERDICTS[status],
        "level": facts.get("level"),
        "composed_with": facts.get("composed_with"),
        "digest": facts.get("digest"),
        "python": facts.get("python"),
        "problems": list(problems),
        "checks": [
            {
                "id": outcome.id,
                "title": outcome.title,
                "status": outcome.status,
                "checked": outcome.result.checked,
                "skipped": outcome.result.skipped,
            }
            for outcome in outcomes
        ],
        "findings": [
            {
                "id": outcome.id,
                "severity": finding.severity,
                "subject": secretless(finding.subject),
                "expected": secretless(finding.expected),
                "found": secretless(finding.found),
                "fix": secretless(finding.fix),
            }
            for outcome in outcomes
            for finding in outcome.result.findings
        ],
    }
    return json.dumps(document, indent=2)


def to_table(outcomes: Sequence[Outcome], colour: bool, each: bool = False) -> str:
    """What failed, worst first, each with its fix; then a line per group, or with `each` per check; then the verdict."""
    lines: list[str] = []
    for severity in SEVERITIES:
        for outcome in outcomes:
            findings = [finding for finding in outcome.result.findings if finding.severity == severity]
            few = findings if len(findings) <= _MOST_ALIKE else findings[:_SHOWN_ALIKE]
            for finding in few:
                lines += _finding_lines(outcome, finding, colour)
            if len(few) < len(findings):
                lines += _rest_lines(outcome, findings[len(few) :], colour)
    if lines:
        lines.append("")
    groups = list(dict.fromkeys(outcome.group for outcome in outcomes))
    width = max((len(title) for title in (*groups, *(o.title for o in outcomes if each))), default=0)
    for group in groups:
        members = [outcome for outcome in outcomes if outcome.group == group]
        if each:
            lines.append(_paint(group, "1", colour))
            lines += [f"  {_mark(o.status, colour)}  {o.title:<{width}}  {_remark(o)}".rstrip() for o in members]
        else:
            lines.append(f"{_mark(_worst(members), colour)}  {group:<{width}}  {_group_remark(members)}")
    return "\n".join([*lines, "", _verdict(outcomes, colour, each)])


def _finding_lines(outcome: Outcome, finding: Finding, colour: bool) -> list[str]:
    lines = [f"{_mark(finding.severity, colour)}  {plain(finding.subject)}  ({outcome.id})"]
    for name in ("expected", "found", "fix"):
        lines += _wrapped(f"        {name:<8}  ", plain(getattr(finding, name)))
    return lines


def _rest_lines(outcome: Outcome, findings: Sequence[Finding], colour: bool) -> list[str]:
    subjects = ", ".join(sorted({plain(finding.subject) for finding in findings}))
    head = f"{_mark(findings[0].severity, colour)}  and {len(findings)} more of the kind  ({outcome.id})"
    return [head, *_wrapped("        about     ", subjects)]


def _wrapped(head: str, text: str) -> list[str]:
    """The text in lines under each other; commands are never broken, and a list of hundreds is cut."""
    if len(text) <= _WIDTH:
        return [head + text]
    lines = textwrap.wrap(text, _WIDTH - len(head), break_long_words=False, break_on_hyphens=False)
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = ["... (--json tells all)"]
    return [(" " * len(head) if n else head) + line for n, line in enumerate(lines)]


def _worst(outcomes: Sequence[Outcome]) -> str:
    statuses = {outcome.status for outcome in outcomes}
    return next(status for status in (*SEVERITIES, "ok", "skipped") if status in statuses)


def _group_remark(outcomes: Sequence[Outcome]) -> str:
    """How the checks of a group went; why, where all were skipped."""
    statuses = [outcome.status for outcome in outcomes]
    skipped = statuses.count("skipped")
    if skipped == len(outcomes):
        reasons = dict.fromkeys(plain(outcome.result.skipped or "") for outcome in outcomes)
        return "; ".join(list(reasons)[:2])
    passed = statuses.count("ok")
    counts = ((passed, "passed"), (len(outcomes) - passed - skipped, "with findings"), (skipped, "skipped"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _remark(outcome: Outcome) -> str:
    if outcome.status == "skipped":
        return plain(outcome.result.skipped or "")
    if not outcome.result.checked:
        return "nothing of the kind here"
    count = len(outcome.result.findings)
    return f"{outcome.result.checked} checked" + (f", {count} found" if count else "")


def _verdict(outcomes: Sequence[Outcome], colour: bool, each: bool) -> str:
    counts = {s: sum(f.severity == s for o in outcomes for f in o.result.findings) for s in SEVERITIES}
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    verdict = VERDICTS[exit_status(tuple(outcomes))]
    words = {"fine": "The environment is fine", "broken": "The environment is broken", "unknown": "Could not tell"}[
        verdict
    ]
    shade = {"fine": "ok", "broken": ERROR, "unknown": UNKNOWN}[verdict]
    names = {ERROR: "error", UNKNOWN: "unknown", WARNING: "warning", NOTE: "note"}
    plural = {s: names[s] if counts[s] == 1 or s == UNKNOWN else f"{names[s]}s" for s in SEVERITIES}
    parts = [f"{counts[s]} {plural[s]}" for s in SEVERITIES if counts[s]]
    if skipped:
        why = "" if each else " (--verbose tells why)"
        parts.append(f"{skipped} {'check' if skipped == 1 else 'checks'} skipped{why}")
    return _paint(words, _COLOURS[shade], colour) + (": " + ", ".join(parts) if parts else "")


def secretless(text: str) -> str:
    """The text with the user and password of any URL in it left out."""
    return re.sub(r"(://)[^/@\s]+@", r"\1***@", text)


def plain(text: str) -> str:
    """Foreign text on one line, without control characters and secrets."""
    text = secretless(text)
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", text).strip()


def _mark(status: str, colour: bool) -> str:
    return _paint(f"{_MARKS[status]:<4}", _COLOURS[status], colour)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
