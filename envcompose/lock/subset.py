"""What one environment of a solve group has of the group's solution: what its own requests reach, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envcompose.manifest.match_spec import MatchSpec, parse_match_spec
from envcompose.manifest.version_spec import SpecInvalid
from envcompose.manifest.workspace_views import View
from envcompose.model.record import CondaRecord


def conda_subset(
    view: View, records: Mapping[str, CondaRecord], twins: Iterable[CondaRecord]
) -> tuple[CondaRecord, ...]:
    """The records that an environment's dependencies reach, and the `twins` that its PyPI packages rest on."""
    found: dict[str, CondaRecord] = {}
    extras: dict[str, set[str]] = {}
    waiting = [wish.spec for wish in view.dependencies]
    waiting += [MatchSpec(name=record.name) for record in twins]
    while waiting:
        spec = waiting.pop()
        record = records.get(spec.name or "")
        if record is None:
            continue  # A virtual package, or what a condition left out.
        texts = [] if record.name in found else list(record.depends)
        found[record.name] = record
        for extra in set(spec.extras) - extras.setdefault(record.name, set()):
            extras[record.name].add(extra)
            texts += record.extra_depends.get(extra, ())
        waiting += [parsed for text in texts if (parsed := _parsed(text)) is not None]
    return tuple(found[name] for name in sorted(found))


def _parsed(text: str) -> MatchSpec | None:
    try:
        return parse_match_spec(text)
    except SpecInvalid:
        return MatchSpec(name=text.split(maxsplit=1)[0].lower()) if text.split() else None
