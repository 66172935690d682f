"""The texts of an `exclude-newer`: a day, an instant, or a time before now (pixi.md §1.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from envcompose.manifest.workspace import Cutoff

_SECOND = Fraction(1)
_UNITS = {
    **dict.fromkeys(("nanos", "nsec", "ns"), _SECOND / 10**9),
    **dict.fromkeys(("usec", "us", "µs"), _SECOND / 10**6),
    **dict.fromkeys(("millis", "msec", "ms"), _SECOND / 10**3),
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), _SECOND),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "m"), 60 * _SECOND),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), 3600 * _SECOND),
    **dict.fromkeys(("days", "day", "d"), 86400 * _SECOND),
    **dict.fromkeys(("weeks", "week", "wks", "wk", "w"), 7 * 86400 * _SECOND),
    **dict.fromkeys(("months", "month", "M"), 2630016 * _SECOND),
    **dict.fromkeys(("years", "year", "yrs", "yr", "y"), 31557600 * _SECOND),
}
# Blanks may stand anywhere but in a unit.
_PIECE = re.compile(r"([0-9][0-9\s]*)(?:\.([0-9\s]*[0-9][0-9\s]*))?([A-Za-zµ]+)\s*")
_LONGEST = 9e10
"""As many seconds as a `timedelta` can be taken from any date; pixi takes more, to the same effect."""
_DAY = re.compile(r"([+-]?)([0-9]{1,4})-([0-9]{1,2})-([0-9]{1,2})")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


def parse_cutoff(text: str) -> Cutoff:
    """A day (to its end), an instant with its zone, or a duration such as `7d`. Raises ValueError."""
    seconds = _duration(text)
    if seconds is not None:
        return Cutoff(text=text, before=timedelta(seconds=min(float(seconds), _LONGEST)))
    try:
        at = _day(text) or _instant(text)
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise ValueError(f"'{text}' is no day, no instant such as 2026-10-01T00:00:00Z and no duration such as 7d")
    return Cutoff(text=text, at=at)


def _duration(text: str) -> Fraction | None:
    if text == "0":
        return Fraction(0)
    rest, total = text.strip(), Fraction(0)
    if not rest:
        return None
    while rest:
        found = _PIECE.match(rest)
        unit = None if found is None else _UNITS.get(found[3])
        if found is None or unit is None:
            return None
        whole, part = ("".join((digits or "").split()) for digits in (found[1], found[2]))
        if part:
            amount = Fraction(int(part), 10 ** len(part)) * unit
            # Parts of an hour or more are told to the second, those of less to the nanosecond.
            step = _SECOND if unit >= _UNITS["h"] else _UNITS["ns"]
            if unit == _UNITS["ns"] or amount % step or len(part) > 18:
                return None
            total += amount
        total += int(whole) * unit
        if len(whole) > 18:
            return None
        rest = rest[found.end() :]
    return total


def _day(text: str) -> datetime | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = int(found[2]), int(found[3]), int(found[4])
    if found[1] == "-" or year == 0:
        datetime(4, month, day, tzinfo=UTC)
        return _EARLIEST
    return datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)


def _instant(text: str) -> datetime | None:
    if not _INSTANT.fullmatch(text):
        return None
    leap = text[17:19] == "60"
    plain = (text[:17] + "59" + text[19:] if leap else text).upper().replace(" ", "T")
    return datetime.fromisoformat(plain).astimezone(UTC) + timedelta(seconds=leap)
