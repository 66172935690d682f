"""The JSON document of `envcompose lock`: every key always present, unknown is null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from envcompose.check.finding import Finding
from envcompose.check.verdict import Reason
from envcompose.errors import EnvcomposeError, LockInfeasible
from envcompose.model.message import Level, Message
from envcompose.model.moved import Entry, Moved
from envcompose.model.values import dataclass
from envcompose.write.document_parts import masked, message_entry

SCHEMA = "envcompose.lock/1"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveEntry:
    """One solve: what it is for, how much it brought, and what conda was held to beyond the manifest (name, spec, why)."""

    environments: tuple[str, ...]
    platform: str
    conda: int
    pypi: int
    held: tuple[tuple[str, str, str], ...] = ()


def lock_document(
    *,
    version: str,
    verdict: str,
    manifest: str | None,
    solves: Sequence[SolveEntry] = (),
    reasons: Sequence[Reason] = (),
    findings: Sequence[Finding] = (),
    messages: Sequence[Message] = (),
    pixi: Document | None = None,
    changes: Sequence[Moved] | None = None,
    files: Sequence[Document] = (),
) -> Document:
    """The document; `verdict` is `locked`, and with --check `accepted` or `refused`."""
    document = {
        "schema": SCHEMA,
        "version": version,
        "verdict": verdict,
        "manifest": manifest,
        "solves": [_solve(one) for one in solves],
        "reasons": [_reason(one) for one in reasons],
        "changes": None if changes is None else [_change(one) for one in changes],
        "findings": [_reason(one) | {"level": one.level.value} for one in findings],
        "pixi": pixi,
        "messages": [message_entry(one) for one in messages],
    }
    return {**masked(document), "files": list(files)}


def lock_error_document(error: EnvcomposeError, *, version: str) -> Document:
    """The document of a failure."""
    message = Message(
        code=error.code,
        level=Level.ERROR,
        text="\n".join((error.sentence, *error.facts)),
        file=error.file,
        line=error.line,
        packages=error.packages,
        hint="; ".join(error.hints) or None,
    )
    verdict = "error" if error.exit_status != 1 else "infeasible" if isinstance(error, LockInfeasible) else "refused"
    return lock_document(version=version, verdict=verdict, manifest=None, messages=(message,))


def _solve(entry: SolveEntry) -> Document:
    return {
        "environments": list(entry.environments),
        "platform": entry.platform,
        "conda": entry.conda,
        "pypi": entry.pypi,
        "held": [{"name": name, "spec": spec, "why": why} for name, spec, why in entry.held],
    }


def _change(moved: Moved) -> Document:
    return {
        "environment": moved.environment,
        "platform": moved.platform,
        "name": moved.name,
        "change": moved.change,
        "from": _entry(moved.before),
        "to": _entry(moved.after),
    }


def _entry(entry: Entry | None) -> Document | None:
    if entry is None:
        return None
    return {
        "layer": entry.layer.value,
        "version": entry.version,
        "build": entry.build,
        "url": entry.url,
        "sha256": entry.sha256,
    }


def _reason(reason: Reason | Finding) -> Document:
    return {
        "code": reason.code,
        "text": reason.text,
        "environment": reason.environment,
        "platform": reason.platform,
        "package": reason.package,
        "line": reason.line,
    }
