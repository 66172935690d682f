"""The report for reviewers: every decision with its rule and evidence, its cost, and the next best alternative."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from envcompose.manifest.toml_text import toml_key, toml_string, toml_value
from envcompose.model.composition import Composition, Package, SystemLayer
from envcompose.model.facts import Evidence
from envcompose.model.intent import ArtifactKind
from envcompose.model.requirement import Outcome
from envcompose.read.secrets import without_secrets
from envcompose.write.command import command_of
from envcompose.write.words import (
    ARTIFACT_WORDS,
    STANDING_WORDS,
    chosen_line,
    compile_words,
    compiled_packages,
    distributions_words,
    download_words,
    system_words,
    weakest,
)

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def report_of(composition: Composition, *, version: str, set_digest: str) -> str:
    """The report as Markdown; foreign text is escaped, so that nothing of it can become markup."""
    sections = [
        [
            f"# {escape(composition.name)}",
            "",
            f"{escape(chosen_line(composition))}.",
            "",
            f"Answers `{command_of(composition.intent)}`.",
        ],
        _standing(composition),
        _asked(composition),
        _given_up(composition),
        _defaults(composition),
        _decisions(composition),
        _system(composition),
        _sources(composition),
        _replacements(composition),
        _messages(composition),
        ["---", "", f"Written by envcompose {version}; facts of {composition.facts_as_of}; set `{set_digest}`."],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def escape(text: str) -> str:
    """Foreign text for Markdown: one line, nothing of it markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(_CONTROL.sub(" ", text).split()))


def _standing(composition: Composition) -> list[str]:
    compiled = compiled_packages(composition)
    lines = [
        "## Standing and cost",
        "",
        f"- PyPI layer: {STANDING_WORDS[weakest(composition)]} ({distributions_words(composition)}, resolved together by uv, nothing built or run)",
        f"- conda layer: {escape(system_words(composition))}",
        f"- download of the PyPI layer: {download_words(composition)}",
    ]
    if not compiled:
        return [*lines, "- compiles: nothing"]
    return [
        *lines,
        *(f"- compiles: {escape(p.name)} {escape(p.version)}: {escape(compile_words(p))}" for p in compiled),
    ]


def _asked(composition: Composition) -> list[str]:
    rows = [
        [fate.text, str(fate.origin), fate.outcome.value, fate.note or ""]
        for fate in composition.fates
        if fate.outcome is not Outcome.KEPT or len(composition.fates) <= 60
    ]
    return ["## What was asked for", "", *_table(("requirement", "from", "outcome", "note"), rows)] if rows else []


def _given_up(composition: Composition) -> list[str]:
    rows = [[entry.what, entry.why, entry.rule] for entry in composition.rejected]
    return ["## What was given up, and why", "", *_table(("what", "why", "rule"), rows)] if rows else []


def _defaults(composition: Composition) -> list[str]:
    rows = [[default.name, default.value, default.why] for default in composition.defaults]
    return ["## Chosen by rule", "", *_table(("what", "value", "why"), rows)] if rows else []


def _decisions(composition: Composition) -> list[str]:
    """The packages that a reviewer has something to say about in full; plain wheels in one table."""
    telling = [package for package in composition.packages if _is_telling(package)]
    plain = [package for package in composition.packages if not _is_telling(package)]
    lines = ["## Decisions", ""]
    for package in telling:
        lines += [*_decision(package), ""]
    rows = [[p.name, p.version, ", ".join(p.required_by[:4]) + (" …" if len(p.required_by) > 4 else "")] for p in plain]
    if rows:
        lines += [
            f"### {len(plain)} more, as wheels of the index (rule index-wheel)",
            "",
            *_table(("package", "version", "required by"), rows),
        ]
    return lines


def _is_telling(package: Package) -> bool:
    return package.pinned or package.artifact.kind is not ArtifactKind.WHEEL


def _decision(package: Package) -> list[str]:
    artifact = package.artifact
    extras = f"[{','.join(package.extras)}]" if package.extras else ""
    lines = [
        f"### {escape(package.name + extras)} {escape(package.version)}",
        "",
        f"- comes as: {ARTIFACT_WORDS[artifact.kind]} ({package.layer.value} layer, {STANDING_WORDS[package.standing]})",
        f"- rule: {artifact.rule}: {escape(artifact.why)}",
    ]
    lines += [f"- evidence: {_evidence(evidence)}" for evidence in artifact.evidence]
    if package.required_by:
        lines.append(f"- required by: {escape(_requirers(package))}")
    if artifact.url and artifact.kind is not ArtifactKind.WHEEL:
        lines.append(f"- source: <{without_secrets(artifact.url)}>")
    if artifact.compile is not None:
        lines.append(f"- cost: {escape(compile_words(package))}")
    lines += [f"- lost: {escape(entry.what)}: {escape(entry.why)}" for entry in artifact.lost]
    lines += [
        f"- next best: {ARTIFACT_WORDS[other.artifact]}: {escape(other.cost)}" for other in artifact.alternatives[:1]
    ]
    return lines


def _requirers(package: Package) -> str:
    """Who requires it, exact pins first: they leave the least choice."""
    told = sorted({(requirer, spec) for requirer, spec in package.requirers if requirer}, key=_by_tightness)
    words = [f"{requirer} ({spec})" if spec else requirer for requirer, spec in told]
    return ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")


def _by_tightness(requirer: tuple[str, str]) -> tuple[bool, bool, str]:
    name, spec = requirer
    return not spec.startswith("=="), not spec, name


def _evidence(evidence: Evidence) -> str:
    dated = f", {evidence.as_of}" if evidence.as_of else ""
    return f"{escape(evidence.text)} ({escape(evidence.source)}{dated})"


def _system(composition: Composition) -> list[str]:
    rows = [[d.name, d.spec, d.rule, d.why] for d in composition.system.dependencies]
    lines = ["## The system layer", "", *_table(("conda package", "spec", "rule", "why"), rows)]
    bounds = [[d.name, d.spec, d.rule, d.why] for d in composition.system.constraints]
    if bounds:
        lines += ["", "Constraints:", "", *_table(("conda package", "spec", "rule", "why"), bounds)]
    env = [[variable.name, variable.value, variable.why] for variable in composition.system.env]
    if env:
        lines += ["", "Environment:", "", *_table(("variable", "value", "why"), env)]
    return lines


def _sources(composition: Composition) -> list[str]:
    """The facts that the system layer rests on, each with source and date."""
    found = {
        _evidence(evidence)
        for d in (*composition.system.dependencies, *composition.system.constraints)
        for evidence in d.evidence
    }
    return ["Evidence for the system layer:", "", *(f"- {text}" for text in sorted(found))] if found else []


def _replacements(composition: Composition) -> list[str]:
    """For each prebuilt wheel that was not probed: the lines that build the same package instead, and the command."""
    lines: list[str] = []
    for name, system in composition.replacements:
        package = composition.package(name)
        if package is None:
            continue
        stack = composition.stack
        command = command_of(composition.intent, pinned=stack, artifact=f"{name}=no-isolation")
        lines += [
            f"If the prebuilt wheel of {escape(name)} cannot be had, these lines build it instead"
            + (f" ({escape(cost)})" if (cost := _build_cost(package)) else "")
            + f"; `{command}` writes them:",
            "",
            "```toml",
            *_toml_lines(composition, system, package),
            "```",
            "",
        ]
    return ["## If a prebuilt wheel is not there", "", *lines[:-1]] if lines else []


def _build_cost(package: Package) -> str:
    others = package.artifact.alternatives
    return next((other.cost for other in others if other.artifact is ArtifactKind.NO_ISOLATION), "")


def _toml_lines(composition: Composition, system: SystemLayer, package: Package) -> list[str]:
    """What the manifest would gain, table by table."""
    have = {d.name: d.spec for d in composition.system.dependencies}
    env = {variable.name for variable in composition.system.env}
    new = [f"{d.name} = {toml_string(d.spec)}" for d in system.dependencies if have.get(d.name) != d.spec]
    variables = [f"{v.name} = {toml_string(v.value)}" for v in system.env if v.name not in env]
    listed = [*composition.no_build_isolation, package.name]
    return [
        *(["[dependencies]", *new] if new else []),
        "[pypi-options]",
        f"no-build-isolation = {toml_value(listed)}",
        "[pypi-dependencies]",
        f"{toml_key(package.name)} = {toml_string(f'=={package.version}')}",
        *(["[activation.env]", *variables] if variables else []),
    ]


def _messages(composition: Composition) -> list[str]:
    return (
        ["## Notes", "", *(f"- {m.level.value}: {escape(m.text)}" for m in composition.messages)]
        if composition.messages
        else []
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows)]
