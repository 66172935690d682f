"""An explanation and an answer as lines for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TextIO

from envcompose.cli.terminal import bold, one_line, wrapped
from envcompose.explaining import Explained
from envcompose.model.composition import CondaDependency, Package
from envcompose.model.decision import Rejection, Standing
from envcompose.model.explanation import (
    LOCKED_CONDA,
    LOCKED_PYPI,
    Against,
    Answer,
    Chain,
    Change,
    Difference,
    Explanation,
    Verdict,
)
from envcompose.model.facts import Evidence
from envcompose.model.intent import ArtifactKind
from envcompose.model.requirement import Outcome
from envcompose.model.target import Layer
from envcompose.write.command import command_of
from envcompose.write.words import ARTIFACT_WORDS, STANDING_WORDS, compile_words

MOST = 8
"""How many lines of one kind are told; --json tells all."""

_LAYERS = {Layer.SYSTEM: "conda layer", Layer.PYPI: "PyPI layer"}


def explanation_text(found: Explained, *, path: str | None, move: str, again: str, stream: TextIO) -> str:
    """The whole text: the answer where something was asked, else the explanation.

    `path` is the manifest that was read, `move` the start of a command that runs beside it, `again` the command that
    asked, without its question.
    """
    explanation = found.explanation
    lines = [bold(one_line(_title(explanation)), stream)]
    lines += [wrapped(line) for line in _manifest(found, path, move)]
    if found.answer is not None:
        return "\n".join([*lines, "", *_answer(found.answer, found, move=move, again=again, stream=stream)])
    # An address is copied, so it stands on one line.
    lines += [f"  {one_line(line)}" if line.startswith("from ") else wrapped(line) for line in _decision(explanation)]
    for title, body in _sections(explanation):
        if body:
            lines += ["", bold(title, stream), *(wrapped(line) for line in body)]
    example = _example(explanation)
    if example is not None:
        lines += ["", f"Ask why not otherwise: {one_line(again)} --not {one_line(shlex.quote(example))}"]
    return "\n".join(lines)


def _title(explanation: Explanation) -> str:
    package, line, record = explanation.package, explanation.dependency, explanation.record
    if package is None and line is None and record is None and explanation.line is not None:
        return f"{explanation.name}: {explanation.line.why} (PyPI layer)"
    if package is None:
        version = record.version if record is not None else line.spec if line is not None else ""
        standing = Standing.PROVED if record is not None else Standing.BY_TABLES
        return f"{explanation.name} {version}: conda package (conda layer, {STANDING_WORDS[standing]})"
    extras = f"[{','.join(package.extras)}]" if package.extras else ""
    version = package.version or (line.spec if line is not None else "from its source")
    how = f"{ARTIFACT_WORDS[package.artifact.kind]} ({_LAYERS[package.layer]}, {STANDING_WORDS[package.standing]})"
    return f"{package.name}{extras} {version}: {how}"


def _manifest(found: Explained, path: str | None, move: str) -> list[str]:
    """Where the manifest on disk is not what composing gives now: the line of this package, and how many others."""
    if not found.differences:
        return []
    explanation = found.explanation
    names = {explanation.name, *(e.name for e in (explanation.dependency, explanation.record) if e is not None)}
    own = [difference for difference in found.differences if difference.name in names]
    lines = [f"differs from what is written: {_difference(difference, path)}" for difference in own]
    others = len(found.differences) - len(own)
    if others:
        verb = "differs" if others == 1 else "differ"
        lines.append(
            f"{others} {'other ' if own else ''}{'line' if others == 1 else 'lines'} of {path} or its lock {verb}"
        )
    return [*lines, f"what is explained here is what this composes: {move}{found.command}"]


def _difference(difference: Difference, path: str | None) -> str:
    where = "pixi.lock" if difference.table in (LOCKED_CONDA, LOCKED_PYPI) else f"[{difference.table}] of {path}"
    if difference.written is None:
        return f"{where} has no {difference.name}, and composing again gives {difference.composed}"
    if difference.composed is None:
        return f"{where} has {difference.name} {difference.written}, and composing again gives none"
    return f"{where} has {difference.name} {difference.written}, and composing again gives {difference.composed}"


def _decision(explanation: Explanation) -> list[str]:
    lines = []
    package, line = explanation.package, explanation.dependency
    if package is not None:
        artifact = package.artifact
        lines += [f"decided by {artifact.rule}: {artifact.why}"]
        if artifact.url and artifact.kind is not ArtifactKind.WHEEL:
            lines.append(f"from {artifact.url}")
        if artifact.compile is not None:
            lines.append(f"cost: {compile_words(package)}")
        lines += [f"evidence: {_evidence(entry)}" for entry in artifact.evidence]
    if line is not None and (package is None or line.why not in package.artifact.why):
        lines += [f"{_named(line, package)}decided by {line.rule}: {line.why}"]
        lines += [f"evidence: {_evidence(entry)}" for entry in line.evidence]
    if package is None and line is None and explanation.needed_by:
        lines.append(f"decided by conda-depends: brought by {', '.join(explanation.needed_by)}")
    return list(dict.fromkeys(lines))


def _named(line: CondaDependency, package: Package | None) -> str:
    """How a line of the conda layer is told of beside a distribution: it is what brings it, or another thing of its name."""
    if package is None:
        return ""
    if package.layer is Layer.SYSTEM:
        return f"asked of conda as {line.name} {line.spec}, "
    return f"conda's {line.name} {line.spec} is there too, "


def _sections(explanation: Explanation) -> Iterable[tuple[str, list[str]]]:
    package = explanation.package
    artifact = package.artifact if package is not None else None
    yield "Required by", _chains(explanation.chains)
    yield "Held by", [*_few(_pins(explanation)), *_newest(explanation)]
    yield "To build it", _build_needs(explanation)
    yield "In the conda layer", _conda(explanation)
    yield "Tasks", [f"{task.name}: {task.description}" for task in explanation.tasks]
    yield "Environment variables", [f"{v.name}={v.value}: {v.why}" for v in explanation.env]
    yield "Chosen by rule", [f"{default.name} {default.value}: {default.why}" for default in explanation.defaults]
    yield "Not taken", _few(_rejections(artifact.lost if artifact is not None else ()))
    yield "Other ways to get it", _alternatives(package)
    yield "Given up over it", _few(_rejections(explanation.rejected))
    yield "Your own lines", _own_lines(explanation)
    yield "Notes", [text for m in explanation.messages for text in (m.text, *([f"  hint: {m.hint}"] if m.hint else []))]


def _chains(chains: Sequence[Chain]) -> list[str]:
    """The user's own words once, and below them the ways from there: `-> modal ==0.70.5 -> grpclib ==0.4.7`."""
    lines: list[str] = []
    starts = dict.fromkeys(_start(chain) for chain in chains[:MOST])
    for start in starts:
        lines.append(start)
        for chain in chains[:MOST]:
            if _start(chain) == start and len(chain.links) > 1:
                lines.append("  " + " ".join(f"-> {k.name} {k.specifier}".strip() for k in chain.links[1:]))
    return lines if len(chains) <= MOST else [*lines, f"and {len(chains) - MOST} more, which --json tells"]


def _start(chain: Chain) -> str:
    """What the user asked for, where, and what was taken for it."""
    first = chain.links[0]
    extras = f"[{','.join(first.extras)}]" if first.extras else ""
    taken = f"{first.name}{extras} {first.version}".strip()
    if chain.asked is None or chain.origin is None:
        return f"{taken}, which the target needs"
    asked = f"you ask for {chain.asked} ({chain.origin})"
    return asked if len(chain.links) == 1 else f"{asked}, which is {taken}"


def _pins(explanation: Explanation) -> list[str]:
    return [f"{pin.why}{_dated(pin.evidence)}" for pin in explanation.pins]


def _dated(evidence: Sequence[Evidence]) -> str:
    """The source and the date of what a line rests on."""
    told = [f"{entry.source}{f', {entry.as_of}' if entry.as_of else ''}" for entry in evidence]
    return f" ({'; '.join(dict.fromkeys(told))})" if told else ""


def _newest(explanation: Explanation) -> list[str]:
    newest = explanation.newest
    if newest is None:
        return []
    if newest.is_chosen:
        return ["it is the newest release on the index"]
    held = "; ".join(newest.held_by[:3]) or f"nothing excludes that directly; --not {newest.version} tells why"
    return [f"not the newest on the index, {newest.version}: {held}"]


def _build_needs(explanation: Explanation) -> list[str]:
    needs = explanation.build_needs
    if needs is None:
        return []
    pairs = (("importable", needs.python), ("from conda", needs.conda), ("tools", needs.tools))
    return [f"{title}: {', '.join(sorted(names))}" for title, names in pairs if names]


def _conda(explanation: Explanation) -> list[str]:
    lines = []
    line, record = explanation.dependency, explanation.record
    if line is not None:
        lines.append(f"[dependencies] {line.name} {line.spec}")
    if record is not None:
        lines.append(f"solved as {record.name} {record.version} {record.build} from {record.channel}")
    if explanation.needed_by:
        lines.append(f"needed by {', '.join(explanation.needed_by)}")
    return [*lines, *(f"[constraints] {_bounded(bound)}" for bound in explanation.constraints)]


def _bounded(line: CondaDependency) -> str:
    return f"{line.name} {line.spec}: {line.why}{_dated(line.evidence)}"


def _own_lines(explanation: Explanation) -> list[str]:
    """The lines of the input about it that are not simply kept, each with what became of it."""
    told = [fate for fate in explanation.asked if fate.outcome is not Outcome.KEPT]
    return [
        f"{fate.text} ({fate.origin}): {fate.outcome.value}{f', {fate.note}' if fate.note else ''}" for fate in told
    ]


def _alternatives(package: Package | None) -> list[str]:
    others = package.alternatives if package is not None else ()
    return [
        f"{ARTIFACT_WORDS[other.artifact]}: {other.cost} (--artifact {package.name if package else ''}={other.artifact.value})"
        for other in others
    ]


def _rejections(entries: Iterable[Rejection]) -> list[str]:
    return [f"{entry.what}: {entry.why}" for entry in entries]


def _evidence(entry: Evidence) -> str:
    return f"{entry.text} ({entry.source}{f', {entry.as_of}' if entry.as_of else ''})"


def _few(lines: list[str], most: int = MOST) -> list[str]:
    more = len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"and {more} more, which --json tells"]


def _example(explanation: Explanation) -> str | None:
    """Something to ask about it: the newest release, else another way, else an older version; None where none is known."""
    if explanation.newest is not None and not explanation.newest.is_chosen:
        return explanation.newest.version
    package, record = explanation.package, explanation.record
    if package is not None and package.alternatives:
        return package.alternatives[0].artifact.value
    version = package.version if package is not None else record.version if record is not None else ""
    return f"<{version}" if version else None


def _answer(answer: Answer, found: Explained, *, move: str, again: str, stream: TextIO) -> list[str]:
    lines = [bold(one_line(f"Why not {answer.question.text}? {_verdict(answer, found.explanation)}"), stream)]
    if answer.edits:
        lines.append(wrapped(f"judged without what you say otherwise: {'; '.join(answer.edits)}"))
    for title, body in _answer_sections(answer):
        if body:
            lines += ["", bold(title, stream), *(wrapped(line) for line in body)]
    if answer.intent is not None:
        taking = _taking(answer, move)
        lines += ["", *taking] if taking else []
    return [*lines, "", f"All about it: {one_line(again)}"]


def _verdict(answer: Answer, explanation: Explanation) -> str:
    if answer.verdict is Verdict.CHOSEN:
        return "That is what is chosen."
    if answer.verdict is Verdict.NO_SUCH_RELEASE:
        near = f" The nearest: {', '.join(answer.nearest)}." if answer.nearest else ""
        return f"There is no such release of {explanation.name}.{near}"
    if answer.verdict is Verdict.INFEASIBLE:
        cut = "" if answer.complete else " (incomplete: a search resolves only so many candidates, and there are more)"
        return f"It cannot be had with everything else that is asked for{cut}."
    how = ""
    if answer.artifact is not None and answer.question.artifact not in (None, answer.artifact):
        how = f", as {ARTIFACT_WORDS[answer.artifact]}"
    return f"It can be had{how}."


def _answer_sections(answer: Answer) -> Iterable[tuple[str, list[str]]]:
    infeasible = answer.verdict is Verdict.INFEASIBLE
    yield "What keeps it out here", _few(list(answer.held_by))
    title = "What every combination runs into, the nearest first" if len(answer.reasons) > 1 else "What it runs into"
    title = title if infeasible else "What was passed over"
    yield title, [*_few(_rejections(answer.reasons)), *(f"  hint: {hint}" for hint in answer.hints)]
    if answer.verdict is Verdict.FEASIBLE:
        yield "What speaks against it", _against(answer.against)
    yield "Known to be bad with it", _few(list(answer.known_bad))
    yield "It would compile", [f"{p.name} {p.version}: {compile_words(p)}" for p in answer.compiles]
    yield "It would change", _changes(answer)


def _against(against: Against | None) -> list[str]:
    if against is None:
        return ["nothing in the order of cost: the resolver takes the newest that all bounds admit"]
    if against.favours == "asked":
        return [f"nothing: by the order of cost it would come first ({against.rule}: {against.why})"]
    return [f"{against.why} ({against.rule})"]


def _changes(answer: Answer) -> list[str]:
    lines = _few([_change(change) for change in answer.changes], 14)
    if answer.more_changes:
        what = "package" if answer.more_changes == 1 else "packages"
        lines.append(f"and {answer.more_changes} more {what} that only the lock names")
    return lines


def _change(change: Change) -> str:
    if change.before is None:
        return f"{change.name}: {change.after} is added"
    return (
        f"{change.name}: {change.before} -> {change.after}"
        if change.after is not None
        else f"{change.name}: {change.before} goes"
    )


def _taking(answer: Answer, move: str) -> list[str]:
    """How to get it; where it is infeasible, what looks for repairs."""
    assert answer.intent is not None
    infeasible = answer.verdict is Verdict.INFEASIBLE
    if answer.typed:
        start = "What would have to give way for it" if infeasible else "To take it"
        return [f"{start}: {one_line(move + command_of(answer.intent))}"]
    if infeasible:
        return []
    if answer.edits:
        return [wrapped(f"To take it, change {'; '.join(answer.edits)} where it stands, and compose again").strip()]
    return ["To take it, ask for it in an environment.yml (--file)"]
