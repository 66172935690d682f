"""One PEP 508 text -> a parsed requirement, or an error that points at the letter."""

from __future__ import annotations

from packaging.requirements import Requirement

from envcompose.errors import RequirementSyntax
from envcompose.model.requirement import Origin
from envcompose.read.secrets import mask_secrets

_LONGEST_SHOWN = 200


def parse_requirement(text: str, origin: Origin, *, shown: str | None = None) -> Requirement:
    """Parse PEP 508 `text`; `shown` is what the user wrote, where environment variables have been filled in.

    A RequirementSyntax shows only `shown`, with its secrets masked, and never a value from the environment.
    """
    try:
        return Requirement(text)
    except (ValueError, RecursionError) as error:
        display = mask_secrets(text if shown is None else shown)
        failure = error if display == text else _failure(display)
        column, reason = _where(failure)
        raise syntax_error(display, column, reason, origin) from error


def syntax_error(
    display: str, column: int, reason: str, origin: Origin, *, form: str | None = None
) -> RequirementSyntax:
    """Give the error for a display text without secrets; a long line is cut around the column."""
    display = "".join(letter if letter.isprintable() else " " for letter in display)
    start = max(0, column - _LONGEST_SHOWN // 2) if len(display) > _LONGEST_SHOWN else 0
    display = display[start : start + _LONGEST_SHOWN]
    return RequirementSyntax(
        text=display, column=column - start, reason=reason, file=origin.file, line=origin.line, form=form
    )


def _failure(display: str) -> Exception:
    try:
        Requirement(display)
    except (ValueError, RecursionError) as error:
        return error
    # The text without the secrets parses, so a value that must not be shown is what does not.
    return ValueError("the value that stands at the mark does not fit here")


def _where(error: Exception) -> tuple[int, str]:
    """Give the column and one line of reason; packaging keeps both on the tokenizer's error below its own."""
    if isinstance(error, RecursionError):
        return 0, "its marker is nested too deeply"
    cause = error.__cause__
    span: tuple[int, ...] = getattr(cause, "span", (0,))
    reason = str(getattr(cause, "message", error)).splitlines()
    return span[-1], reason[0] if reason else "it is empty"
