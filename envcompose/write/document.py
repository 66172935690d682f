"""The JSON document of a command (design.md, "The JSON"): every key always present, unknown is null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from envcompose.errors import EnvcomposeError, Infeasible
from envcompose.model.composition import Composition, CondaDependency, Package
from envcompose.model.decision import Rejection
from envcompose.model.intent import Intent
from envcompose.model.message import Level, Message
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import Fate, Outcome
from envcompose.model.solution import CondaSolution
from envcompose.model.target import Target, TorchChoice
from envcompose.write.document_parts import masked, message_entry
from envcompose.write.repair_document import repair_document, repair_messages
from envcompose.write.words import compiled_packages, system_standing, weakest

SCHEMA = "envcompose.composition/1"
Document = dict[str, Any]


def composition_document(
    composition: Composition, *, version: str, files: Sequence[Document], pixi: Document | None = None
) -> Document:
    """The document of a composition that stands; `pixi` is what a pixi on PATH says of the lock."""
    target, system = composition.target, composition.system
    document = _empty(version) | {
        "verdict": "feasible",
        "defaults": {d.name: {"value": d.value, "why": d.why} for d in composition.defaults},
        "rejected": [_rejection(entry) for entry in composition.rejected],
        "cost": {
            "download_bytes": composition.download_bytes,
            "compiles": [
                {"name": p.name, "class": p.artifact.compile.value}
                for p in compiled_packages(composition)
                if p.artifact.compile
            ],
        },
        "standing": {
            "system": _system_standing(composition),
            "pypi": {"level": weakest(composition).value, "engine": "uv", "against": _against(composition)},
            "pixi": pixi,
        },
        "target": _target(target, composition.torch),
        "torch": _torch(composition.torch),
        "requirements": _fates(composition.fates),
        "packages": _packages(composition),
        "no_build_isolation": list(composition.no_build_isolation),
        "build_needs": {
            needs.name: {
                "python": sorted(needs.python),
                "conda": sorted(needs.conda),
                "tools": sorted(needs.tools),
                "env": dict(needs.env),
            }
            for needs in system.build_needs
        },
        "constraints": {d.name: d.spec for d in system.constraints},
        "env": {variable.name: variable.value for variable in system.env},
        "indexes": [{"url": url, "for": list(names) or "all"} for url, names in composition.indexes],
        "tasks": [{"name": task.name, "depends_on": list(task.depends_on)} for task in composition.tasks],
        "messages": [message_entry(message) for message in composition.messages],
    }
    return {**masked(document), "files": list(files)}


def error_document(error: EnvcomposeError, *, version: str, intent: Intent | None) -> Document:
    """The document of a failure, with what was read before it."""
    rejected = error.rejected if isinstance(error, Infeasible) else ()
    message = Message(
        code=error.code,
        level=Level.ERROR,
        text="\n".join((error.sentence, *error.facts)),
        file=error.file,
        line=error.line,
        packages=error.packages,
        hint="; ".join(error.hints) or None,
    )
    reading = intent.reading if intent is not None else None
    repairs = error.repairs if isinstance(error, Infeasible) else None
    told = (*(repair_messages(repairs) if repairs is not None else ()), *(reading.messages if reading else ()))
    document = _empty(version) | {
        "verdict": "infeasible" if error.exit_status == 1 else "error",
        "rejected": [_rejection(entry) for entry in rejected],
        "requirements": _read_so_far(intent),
        "messages": [message_entry(message), *(message_entry(other) for other in told)],
        "repairs": [repair_document(repair) for repair in (repairs.repairs if repairs is not None else ())],
    }
    return {**masked(document)}


def file_entry(path: str, action: str, sha256: str, text: str | None) -> Document:
    """One entry of `files`; the text is there on a dry run only."""
    return {"path": path, "action": action, "sha256": sha256, "text": text}


def _against(composition: Composition) -> str:
    wishes, options = composition.intent.wishes, composition.intent.reading.indexes
    named = wishes.index or options.index_url or options.extra_index_urls
    day = f" as of {wishes.as_of}" if wishes.as_of else ""
    return f"{'the indexes named' if named else 'the default index'}{day}"


def _empty(version: str) -> Document:
    return {
        "schema": SCHEMA,
        "version": version,
        "verdict": "error",
        "defaults": {},
        "rejected": [],
        "cost": None,
        "standing": None,
        "target": None,
        "torch": None,
        "requirements": [],
        "packages": [],
        "no_build_isolation": [],
        "build_needs": {},
        "constraints": {},
        "env": {},
        "indexes": [],
        "tasks": [],
        "messages": [],
        "repairs": [],
        "files": [],
    }


def _target(target: Target, torch: TorchChoice | None) -> Document:
    return {
        "platform": target.platform,
        "python": target.python,
        "cuda": target.cuda,
        "driver": target.driver,
        "gpus": list(target.gpus),
        "glibc": target.glibc,
        "cxx11_abi": torch.cxx11_abi if torch else None,
        "pixi": target.pixi,
    }


def _torch(torch: TorchChoice | None) -> Document | None:
    if torch is None:
        return None
    return {
        "version": str(torch.locked_version),
        "cuda": torch.cuda,
        "cxx11_abi": torch.cxx11_abi,
        "layer": torch.layer.value,
        "index": torch.index,
    }


def _system_standing(composition: Composition) -> Document:
    solution = composition.solution
    if solution is None:
        return {"level": "by-tables", "engine": None, "against": f"recipes {composition.facts_as_of}"}
    virtual = ", ".join(str(one) for one in solution.conda.virtual)
    channels = ", ".join(solution.conda.channels)
    names = solution.conda.names_source
    return {
        "level": system_standing(composition).value,
        "engine": "py-rattler",
        "against": f"{channels} with {virtual}; names by {names}",
    }


def _packages(composition: Composition) -> list[Document]:
    """The closure, and what the conda layer has besides it, by name (a conda package under its conda name)."""
    found = [_package(package) for package in composition.packages]
    solution = composition.solution
    if solution is not None:
        told = {package.record.url for package in composition.packages if package.record is not None}
        lines = {dependency.name: dependency for dependency in composition.system.dependencies}
        found += [
            _conda_package(record, lines.get(record.name), solution.conda)
            for record in solution.conda.records
            if record.url not in told
        ]
    return sorted(found, key=lambda entry: (entry["name"], entry["layer"]))


def _conda_package(record: CondaRecord, line: CondaDependency | None, solution: CondaSolution) -> Document:
    requirers = [
        other.name for other in solution.records if any(text.split()[0] == record.name for text in other.depends)
    ]
    return {
        "name": record.name,
        "version": record.version,
        "build": record.build,
        "layer": "system",
        "artifact": "conda",
        "standing": "proved",
        "channel": record.channel,
        "index": None,
        "url": record.url,
        "sha256": record.sha256,
        "extras": [],
        "requested": line is not None and line.rule == "user-request",
        "required_by": sorted(requirers),
        "rule": line.rule if line else "conda-solves",
        "why": line.why if line else "the conda layer needs it",
        "evidence": [{"text": e.text, "source": e.source} for e in line.evidence] if line else [],
        "alternatives": [],
    }


def _channel(package: Package) -> str | None:
    if package.record is not None:
        return package.record.channel
    return "conda-forge" if package.layer.value == "system" else None


def _package(package: Package) -> Document:
    artifact = package.artifact
    return {
        "name": package.name,
        "version": package.version or None,
        "build": package.record.build if package.record else None,
        "layer": package.layer.value,
        "artifact": artifact.kind.value,
        "standing": package.standing.value,
        "channel": _channel(package),
        "index": package.index,
        "url": artifact.url,
        "sha256": artifact.sha256,
        "extras": list(package.extras),
        "requested": package.requested,
        "required_by": list(package.required_by),
        "rule": artifact.rule,
        "why": artifact.why,
        "evidence": [{"text": evidence.text, "source": evidence.source} for evidence in artifact.evidence],
        "alternatives": [
            {
                "artifact": other.artifact.value,
                "version": other.version,
                "url": other.url,
                "cost": other.cost,
            }
            for other in package.alternatives
        ],
    }


def _rejection(entry: Rejection) -> Document:
    return {"what": entry.what, "why": entry.why, "rule": entry.rule}


def _fates(fates: Sequence[Fate]) -> list[Document]:
    return [
        {
            "text": fate.text,
            "origin": {"kind": fate.origin.kind.value, "file": fate.origin.file, "line": fate.origin.line},
            "outcome": fate.outcome.value,
            "note": fate.note,
        }
        for fate in fates
    ]


def _read_so_far(intent: Intent | None) -> list[Document]:
    """What was read, where no composition tells the fates: which markers hold is not known yet."""
    if intent is None:
        return []
    reading = intent.reading
    fates = list(reading.fates)
    fates += [Fate(text=r.text, origin=r.origin, outcome=Outcome.KEPT, note="the stack") for r in intent.stacks]
    fates += [Fate(text=u.text, origin=u.origin, outcome=Outcome.KEPT) for u in reading.requirements]
    for kind, users in (("a constraint", reading.constraints), ("an override", reading.overrides)):
        fates += [Fate(text=u.text, origin=u.origin, outcome=Outcome.KEPT, note=kind) for u in users]
    return _fates(sorted(fates, key=lambda f: (f.origin.kind, f.origin.file or "", f.origin.line or 0, f.text)))
