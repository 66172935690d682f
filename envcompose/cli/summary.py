"""What `init` says at its end: what was chosen, what was given up and why, the cost, and the next command."""

from __future__ import annotations

import os
import shlex
from typing import TextIO

from envcompose.api import Result
from envcompose.cli.terminal import bold, one_line, wrapped
from envcompose.model.composition import Composition, Package
from envcompose.model.decision import CompileClass, Standing
from envcompose.model.intent import ArtifactKind
from envcompose.model.message import Level, Message
from envcompose.model.requirement import Outcome
from envcompose.world.apply import PlannedFile
from envcompose.write.bundle import VERIFIER
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

_MOST_FATES = 12


def summary_of(result: Result, *, dry: bool, notes: tuple[str, ...], stream: TextIO) -> str:
    """The closing words as one text."""
    composition = result.composition
    parts = [bold(one_line(chosen_line(composition)), stream), *_packages(composition, stream)]
    parts += _section("Not taken as written", _other_fates(composition), stream)
    parts += _section("Given up", [f"{entry.what}: {entry.why}" for entry in composition.rejected], stream)
    parts += _section("Chosen by rule", [f"{d.name} {d.value}: {d.why}" for d in composition.defaults], stream)
    parts += _section("Notes", [*_messages(composition), *notes], stream)
    parts += _section("Cost and standing", _cost(composition), stream)
    return "\n".join([*parts, "", *_closing(result, dry=dry, stream=stream)])


def _packages(composition: Composition, stream: TextIO) -> list[str]:
    lines = []
    for package in composition.packages:
        if (package.pinned or package.requested) and package.name != "torch":
            lines.append(wrapped(f"{package.name} {package.version or 'from its source'}: {_how(package)}", stream))
            lines += [wrapped(f"  not taken: {lost}", stream) for lost in _why_compiled(package)]
    return lines


def _why_compiled(package: Package) -> list[str]:
    """What would have spared a compile, and why it was not taken: the nearest two."""
    if package.artifact.compile in (None, CompileClass.SHORT):
        return []
    return [f"{entry.what}: {entry.why}" for entry in package.artifact.lost[:2]]


def _other_fates(composition: Composition) -> list[str]:
    """The lines of the input that are not simply kept (law 4); what is missing now comes first."""
    fates = [fate for fate in composition.fates if fate.outcome not in (Outcome.KEPT, Outcome.MERGED)]
    fates.sort(key=lambda fate: fate.outcome is not Outcome.UNSUPPORTED)
    lines = [f"{fate.text} ({fate.origin}): {fate.outcome.value}, {fate.note}".removesuffix(", None") for fate in fates]
    more = len(lines) - _MOST_FATES
    return lines if more <= 0 else [*lines[:_MOST_FATES], f"and {more} more, in .envcompose/report.md"]


def _how(package: Package) -> str:
    words = [ARTIFACT_WORDS[package.artifact.kind], compile_words(package)]
    if package.standing is not Standing.PROVED:
        words.append(
            STANDING_WORDS[package.standing]
            + (", not probed" if package.artifact.kind is ArtifactKind.PREBUILT else "")
        )
    return ", ".join(filter(None, words))


def _messages(composition: Composition) -> list[str]:
    lines = []
    for message in composition.messages:
        lines.append(_message(message))
        if message.hint:
            lines.append(f"  hint: {message.hint}")
    return lines


def _message(message: Message) -> str:
    level = "" if message.level is Level.NOTE else f"{message.level.value}: "
    place = ""
    if message.file and message.file not in message.text:
        place = f" ({message.file}{f':{message.line}' if message.line else ''})"
    return f"{level}{message.text}{place}"


def _cost(composition: Composition) -> list[str]:
    compiled = compiled_packages(composition)
    builds = "; ".join(f"{p.name} ({compile_words(p).removeprefix(f'{p.name} ')})" for p in compiled) or "nothing"
    conda = system_words(composition) if composition.solution is not None else "by tables (pixi solves it)"
    return [
        f"download {download_words(composition)} (PyPI layer, {distributions_words(composition)})",
        f"compiles {builds}",
        f"PyPI layer {STANDING_WORDS[weakest(composition)]}, conda layer {conda}",
    ]


def _closing(result: Result, *, dry: bool, stream: TextIO) -> list[str]:
    folder = os.path.relpath(result.folder)
    changed = [file for file in result.files if file.action != "unchanged"]
    verb = "Would write" if dry else "Wrote"
    written = ", ".join(sorted({_shown(file.path) for file in changed})) or "nothing new"
    where = "" if folder == "." else f" in {one_line(folder)}"
    move = "" if folder == "." else f"cd {shlex.quote(one_line(folder))} && "
    return [
        f"{verb} {written}{where}",
        *_replaced_verifier(changed, dry=dry),
        f"Next: {bold(f'{move}pixi run verify', stream)}  ({'installs' if result.composition.locked else 'locks, installs'}, then checks)",
    ]


def _replaced_verifier(changed: list[PlannedFile], *, dry: bool) -> list[str]:
    if not any(file.path.startswith(f"{VERIFIER}/") and file.action == "update" for file in changed):
        return []
    return [
        f"{VERIFIER} {'differs' if dry else 'differed'} from the one that this envcompose ships: "
        f"it {'would be' if dry else 'is'} replaced"
    ]


def _shown(path: str) -> str:
    return ".envcompose/verify" if path.startswith(".envcompose/verify/") else path


def _section(title: str, lines: list[str], stream: TextIO) -> list[str]:
    return ["", bold(title, stream), *(wrapped(line, stream) for line in lines)] if lines else []
