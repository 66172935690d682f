"""The outcomes as a table for people and as a document for machines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import FORM
from .words import ERROR, NOTE, SEVERITIES, UNKNOWN, WARNING, Outcome, exit_status

SCHEMA = "envcompose.verification/1"
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


def to_table(outcomes: Sequence[Outcome], colour: bool) -> str:
    """What failed, worst first, each with its fix; then a line per check, in groups; then the verdict."""
    lines: list[str] = []
    for severity in SEVERITIES:
        for outcome in outcomes:
            for finding in outcome.result.findings:
                if finding.severity == severity:
                    lines += _finding_lines(outcome, finding, colour)
    if lines:
        lines.append("")
    group = ""
    width = max((len(outcome.title) for outcome in outcomes), default=0)
    for outcome in outcomes:
        if outcome.group != group:
            group = outcome.group
            lines.append(_paint(group, "1", colour))
        lines.append(f"  {_mark(outcome.status, colour)}  {outcome.title:<{width}}  {_remark(outcome)}".rstrip())
    return "\n".join([*lines, "", _verdict(outcomes, colour)])


def _finding_lines(outcome: Outcome, finding: Any, colour: bool) -> list[str]:
    return [
        f"{_mark(finding.severity, colour)}  {plain(finding.subject)}  ({outcome.id})",
        f"        expected  {plain(finding.expected)}",
        f"        found     {plain(finding.found)}",
        f"        fix       {plain(finding.fix)}",
    ]


def _remark(outcome: Outcome) -> str:
    if outcome.status == "skipped":
        return plain(outcome.result.skipped or "")
    count = len(outcome.result.findings)
    return f"{outcome.result.checked} checked" + (f", {count} found" if count else "")


def _verdict(outcomes: Sequence[Outcome], colour: bool) -> str:
    counts = {s: sum(f.severity == s for o in outcomes for f in o.result.findings) for s in SEVERITIES}
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    verdict = VERDICTS[exit_status(tuple(outcomes))]
    words = {"fine": "The environment is fine", "broken": "The environment is broken", "unknown": "Could not tell"}[
        verdict
    ]
    shade = {"fine": "ok", "broken": ERROR, "unknown": UNKNOWN}[verdict]
    names = {ERROR: "errors", UNKNOWN: "unknown", WARNING: "warnings", NOTE: "notes"}
    parts = [f"{counts[s]} {names[s]}" for s in SEVERITIES if counts[s]] + (
        [f"{skipped} checks skipped"] if skipped else []
    )
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
