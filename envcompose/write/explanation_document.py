"""The JSON document of `explain` (design.md, "The JSON"): every key always present, unknown is null."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from envcompose.errors import EnvcomposeError
from envcompose.model.composition import BuildNeeds, CondaDependency, Package
from envcompose.model.decision import Rejection
from envcompose.model.explanation import Answer, Chain, Difference, Explanation, Newest, Pin
from envcompose.model.facts import Evidence
from envcompose.model.message import Level, Message
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import Fate, Origin
from envcompose.write.command import command_of
from envcompose.write.document_parts import masked, message_entry
from envcompose.write.words import compile_words

SCHEMA = "envcompose.explanation/1"
Document = dict[str, Any]


def explanation_document(
    explanation: Explanation,
    *,
    envcompose: str,
    command: str,
    manifest: str | None,
    differences: Sequence[Difference] | None,
    answer: Answer | None,
) -> Document:
    """The document of an explanation; `manifest` is the path of the manifest that was read, None where none was."""
    newest = explanation.newest
    document = _empty(envcompose) | {
        "verdict": "explained",
        "name": explanation.name,
        "command": command,
        "manifest": None if manifest is None else _manifest(manifest, differences or (), explanation.name),
        "package": _package(explanation.package) if explanation.package is not None else None,
        "conda": _conda(explanation),
        "line": explanation.line.why if explanation.line is not None else None,
        "required_by": [_chain(chain) for chain in explanation.chains],
        "needed_by": list(explanation.needed_by),
        "asked": [_fate(fate) for fate in explanation.asked],
        "pins": [_pin(pin) for pin in explanation.pins],
        "constraints": [_dependency(line) for line in explanation.constraints],
        "newest": None if newest is None else _newest(newest),
        "build_needs": None if explanation.build_needs is None else _needs(explanation.build_needs),
        "tasks": [{"name": task.name, "depends_on": list(task.depends_on)} for task in explanation.tasks],
        "env": [{"name": v.name, "value": v.value, "why": v.why} for v in explanation.env],
        "defaults": {d.name: {"value": d.value, "why": d.why} for d in explanation.defaults},
        "rejected": [_rejection(entry) for entry in explanation.rejected],
        "messages": [message_entry(message) for message in explanation.messages],
        "answer": None if answer is None else _answer(answer),
    }
    return {key: masked(value) for key, value in document.items()}


def explanation_error_document(error: EnvcomposeError, *, envcompose: str) -> Document:
    """The document of a failure: what would be known of the package is null."""
    message = Message(
        code=error.code,
        level=Level.ERROR,
        text="\n".join((error.sentence, *error.facts)),
        file=error.file,
        line=error.line,
        packages=error.packages,
        hint="; ".join(error.hints) or None,
    )
    return {key: masked(value) for key, value in (_empty(envcompose) | {"messages": [message_entry(message)]}).items()}


def _empty(envcompose: str) -> Document:
    return {
        "schema": SCHEMA,
        "envcompose": envcompose,
        "verdict": "error",
        "name": None,
        "command": None,
        "manifest": None,
        "package": None,
        "conda": None,
        "line": None,
        "required_by": [],
        "needed_by": [],
        "asked": [],
        "pins": [],
        "constraints": [],
        "newest": None,
        "build_needs": None,
        "tasks": [],
        "env": [],
        "defaults": {},
        "rejected": [],
        "messages": [],
        "answer": None,
    }


def _manifest(path: str, differences: Sequence[Difference], name: str) -> Document:
    return {
        "path": path,
        "agrees": not any(difference.name == name for difference in differences),
        "differences": [
            {"table": d.table, "name": d.name, "written": d.written, "composed": d.composed} for d in differences
        ],
    }


def _package(package: Package) -> Document:
    artifact = package.artifact
    return {
        "version": package.version or None,
        "layer": package.layer.value,
        "artifact": artifact.kind.value,
        "rule": artifact.rule,
        "why": artifact.why,
        "standing": package.standing.value,
        "cost": compile_words(package) or None,
        "index": package.index,
        "url": artifact.url,
        "sha256": artifact.sha256,
        "extras": list(package.extras),
        "requested": package.requested,
        "links_torch": package.links_torch,
        "evidence": _evidence(artifact.evidence),
        "lost": [_rejection(entry) for entry in artifact.lost],
        "alternatives": [
            {"artifact": other.artifact.value, "version": other.version, "url": other.url, "cost": other.cost}
            for other in package.alternatives
        ],
    }


def _conda(explanation: Explanation) -> Document | None:
    line, record = explanation.dependency, explanation.record
    if line is None and record is None:
        return None
    return {
        "name": line.name if line is not None else record.name if record is not None else None,
        "spec": line.spec if line is not None else None,
        "rule": line.rule if line is not None else None,
        "why": line.why if line is not None else None,
        "evidence": _evidence(line.evidence if line is not None else ()),
        **_record(record, line),
    }


def _record(record: CondaRecord | None, line: CondaDependency | None) -> Document:
    return {
        "version": record.version if record is not None else None,
        "build": record.build if record is not None else None,
        "channel": record.channel if record is not None else line.channel if line is not None else None,
        "url": record.url if record is not None else None,
        "sha256": record.sha256 if record is not None else None,
    }


def _dependency(line: CondaDependency) -> Document:
    return {
        "name": line.name,
        "spec": line.spec,
        "rule": line.rule,
        "why": line.why,
        "evidence": _evidence(line.evidence),
    }


def _chain(chain: Chain) -> Document:
    links = [{"name": k.name, "version": k.version or None, "specifier": k.specifier or None} for k in chain.links]
    return {
        "name": chain.requirer.name if chain.requirer is not None else None,
        "specifier": chain.links[-1].specifier or None,
        "asked": chain.asked,
        "origin": _origin(chain.origin),
        "chain": links,
    }


def _origin(origin: Origin | None) -> Document | None:
    return None if origin is None else {"kind": origin.kind.value, "file": origin.file, "line": origin.line}


def _fate(fate: Fate) -> Document:
    return {"text": fate.text, "origin": _origin(fate.origin), "outcome": fate.outcome.value, "note": fate.note}


def _pin(pin: Pin) -> Document:
    return {
        "kind": pin.kind.value,
        "by": pin.by,
        "specifier": pin.specifier,
        "why": pin.why,
        "evidence": _evidence(pin.evidence),
    }


def _newest(newest: Newest) -> Document:
    return {"version": newest.version, "is_chosen": newest.is_chosen, "held_by": list(newest.held_by)}


def _needs(needs: BuildNeeds) -> Document:
    return {
        "python": sorted(needs.python),
        "conda": sorted(needs.conda),
        "tools": sorted(needs.tools),
        "env": dict(needs.env),
    }


def _evidence(found: Iterable[Evidence]) -> list[Document]:
    return [{"text": entry.text, "source": entry.source, "as_of": entry.as_of} for entry in found]


def _rejection(entry: Rejection) -> Document:
    return {"what": entry.what, "why": entry.why, "rule": entry.rule}


def _answer(answer: Answer) -> Document:
    against = answer.against
    return {
        "asked": answer.question.text,
        "verdict": answer.verdict.value,
        "complete": answer.complete,
        "held_by": list(answer.held_by),
        "reasons": [_rejection(entry) for entry in answer.reasons],
        "nearest": list(answer.nearest),
        "artifact": answer.artifact.value if answer.artifact is not None else None,
        "changes": [{"name": c.name, "before": c.before, "after": c.after} for c in answer.changes],
        "more_changes": answer.more_changes,
        "against": None if against is None else {"rule": against.rule, "why": against.why, "favours": against.favours},
        "compiles": [
            {"name": p.name, "class": p.artifact.compile.value, "cost": compile_words(p)}
            for p in answer.compiles
            if p.artifact.compile is not None
        ],
        "known_bad": list(answer.known_bad),
        "edits": list(answer.edits),
        "command": command_of(answer.intent) if answer.intent is not None and answer.typed else None,
        "hints": list(answer.hints),
    }
