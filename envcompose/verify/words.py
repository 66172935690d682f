"""The verifier's words: a check gives a result, a result holds findings."""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"
UNKNOWN = "unknown"
NOTE = "note"
SEVERITIES = (ERROR, UNKNOWN, WARNING, NOTE)
"""Worst first: an error is a broken environment, *unknown* a question that could not be answered; the rest never
changes the exit status."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as expected; `fix` is a sentence or a whole command."""

    severity: str
    subject: str
    """What it is about: a distribution, a file under the prefix, a variable."""
    expected: str
    found: str
    fix: str

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"no severity: {self.severity}")


@dataclass(frozen=True)
class Result:
    """What one check saw. `checked` counts the subjects looked at; `skipped` says why nothing was looked at."""

    checked: int = 0
    findings: tuple[Finding, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True)
class Outcome:
    """A check's result with the check's own stable words."""

    id: str
    group: str
    title: str
    result: Result

    @property
    def status(self) -> str:
        """The worst severity found, "skipped", or "ok"."""
        for severity in SEVERITIES:
            if any(finding.severity == severity for finding in self.result.findings):
                return severity
        return "skipped" if self.result.skipped is not None else "ok"


def exit_status(outcomes: tuple[Outcome, ...]) -> int:
    """0 fine, 1 broken, 5 could not tell (design.md, exit statuses); what was skipped does not count."""
    statuses = {outcome.status for outcome in outcomes}
    if ERROR in statuses:
        return 1
    return 5 if UNKNOWN in statuses else 0
