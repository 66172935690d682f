"""`envcompose analyze`: what an sdist needs to build, for people and as one JSON document."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from packaging.version import InvalidVersion, Version

from envcompose import __version__
from envcompose.api import Analysed, analyze, load_recipes
from envcompose.cli.terminal import Progress, bold, emit, one_line, print_document
from envcompose.errors import UnknownValue
from envcompose.model.analysis import Analysis, Place, Reading
from envcompose.read import targets
from envcompose.write.analysis_document import NO_TORCH, analysis_document, is_known, isolated_build, key_of

ENDINGS = (".tar.gz", ".tgz", ".zip", ".tar")
MOST_REQUIREMENTS = 60


def run_analyze(options: argparse.Namespace) -> int:
    """Run the command; gives its exit status. Raises the errors of `api.analyze`, and UnknownValue (exit 2)."""
    torches = tuple(_read_torch(text) for text in options.torch)
    python = targets.read_python(options.python, load_recipes()[0]) if options.python else None
    with Progress(verbose=False) as progress:
        progress.tell(f"reading {options.what}")
        found = analyze(
            Path(options.what) if is_path(options.what) else options.what,
            torches=torches,
            python=python,
            index=options.index,
            offline=options.offline,
            refresh=options.refresh,
        )
    if options.json:
        print_document(analysis_document(found.analysis, source=asdict(found.source), envcompose=__version__))
    else:
        emit("\n".join(one_line_each(text_of(found, sys.stdout))))
    return 0


def is_path(word: str) -> bool:
    """Is a word a path: with a separator, a leading dot or an archive's ending?"""
    return "/" in word or word.startswith(".") or word.endswith(ENDINGS)


def _read_torch(text: str) -> str:
    try:
        return str(Version(text.strip()))
    except InvalidVersion as error:
        raise UnknownValue(option="--torch", value=text, reason="it is no version", suggestion="2.6.0") from error


def one_line_each(lines: Sequence[str]) -> Iterator[str]:
    """Escape foreign text, and leave our own emphasis."""
    for line in lines:
        start, end = ("\x1b[1m", "\x1b[0m") if line.startswith("\x1b[1m") else ("", "")
        yield start + one_line(line.removeprefix("\x1b[1m").removesuffix("\x1b[0m")) + end


Section = Callable[[Analysis], list[str]]


def text_of(found: Analysed, stream: TextIO) -> list[str]:
    """The lines for people: a heading, then a section for each kind of finding; empty sections are left out."""
    analysis = found.analysis
    title = f"{analysis.name} {analysis.version}".strip()
    lines = [bold(title, stream), f"  read from {found.source.file}; nothing of it was run"]
    for heading, section in SECTIONS:
        body = section(analysis)
        if body:
            lines += ["", bold(heading, stream), *(f"  {line}" for line in body)]
    return lines


def _at(place: Place | None) -> list[str]:
    return [f"    {place}: {place.text}"] if place is not None else []


def _required(analysis: Analysis) -> list[str]:
    lines = []
    for need in analysis.build_needs:
        if need.required:
            lines += [f"{need.distribution}: {need.why}{_if(need.condition)}", *_at(need.place)]
    return lines


def _optional(analysis: Analysis) -> list[str]:
    lines = []
    for need in analysis.build_needs:
        if not need.required:
            lines += [f"{need.distribution}: {need.why}{_if(need.condition)}", *_at(need.place)]
    return lines


def _if(condition: str | None) -> str:
    return f", if {condition}" if condition else ""


def _system(analysis: Analysis) -> list[str]:
    lines = []
    for need in (*analysis.tool_needs, *analysis.toolkit_needs):
        lines += [f"{need.name}: {need.why}{_if(need.condition)}", *_at(need.place)]
    return lines


def _environment(analysis: Analysis) -> list[str]:
    lines = []
    for switch in analysis.environment:
        default = "unset" if switch.default is None else repr(switch.default)
        effect = f": {switch.meaning}" if switch.meaning else ""
        lines += [f"{switch.name} (default {default}){effect}", *_at(switch.place)]
        for use in switch.uses:
            lines += _at(use)
    return lines


def _metadata(analysis: Analysis) -> list[str]:
    first = analysis.readings[0]
    return [
        f"without a build, by the standard: {_yes(analysis.static_by_standard)}; as uv reads it: {_yes(analysis.static_for_uv)}",
        f"requirements follow the installed torch: {_yes(analysis.follows_torch)}",
        f"Python: {first.requires_python or 'any'}; extras: {', '.join(first.provides_extra) or 'none'}",
        f"build backend: {analysis.build_backend}; declares: {', '.join(analysis.build_requires) or 'nothing'}",
    ]


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _requirements(analysis: Analysis) -> list[str]:
    """The requirements that every torch gives, then the differences, torches that agree together."""
    readings = [reading for reading in analysis.readings if is_known(reading)]
    unknown = [reading for reading in analysis.readings if not is_known(reading)]
    if not readings:
        return ["not known: see below"]
    shared = [text for text in readings[0].requires_dist if all(text in other.requires_dist for other in readings)]
    lines = [f"{text}" for text in shared[:MOST_REQUIREMENTS]]
    if len(shared) > MOST_REQUIREMENTS:
        lines.append(f"and {len(shared) - MOST_REQUIREMENTS} more, which --json tells")
    groups: dict[tuple[str, ...], list[Reading]] = {}
    for reading in readings:
        own = tuple(text for text in reading.requires_dist if text not in shared)
        groups.setdefault(own, []).append(reading)
    if len(groups) > 1:
        for own, members in groups.items():
            lines.append(f"with {_torches(members)}: {', '.join(own) or 'nothing more'}")
    if unknown:
        lines.append(f"with {_torches(unknown)}: not known: {_reason(unknown[0])}")
    return lines


def _reason(reading: Reading) -> str:
    """Why a reading found nothing: what stopped it before what was left unknown by that."""
    raised = [line for line in reading.incomplete if ": raises " in line or ": exits " in line]
    return next(iter([*raised, *reading.incomplete]), "nothing was found")


def _torches(readings: Sequence[Reading]) -> str:
    keys = [key_of(reading) for reading in readings]
    named = [key for key in keys if key != NO_TORCH]
    texts = [f"torch {', '.join(named)}"] if named else []
    return " or ".join([*texts, *(["no torch"] if NO_TORCH in keys else [])])


def _prebuilt(analysis: Analysis) -> list[str]:
    lines = []
    for entry in analysis.prebuilt:
        tags = "; ".join(f"{name} {value}" for name, value in entry.tags)
        lines += [entry.url or entry.filename, f"  {tags}"]
        lines += [f"  switched by {', '.join(entry.switches)}"] if entry.switches else []
        lines += _at(entry.place)
    return lines


def _isolated(analysis: Analysis) -> list[str]:
    outcome, why = isolated_build(analysis)
    heads = {
        "works": "it works",
        "fails": "it fails",
        "wrong-torch": "it succeeds, and may link the wrong torch",
        "not-a-build": "there is nothing to build",
    }
    return [f"{heads[outcome]}: {why}"]


def _traps(analysis: Analysis) -> list[str]:
    lines = []
    for trap in analysis.traps:
        lines += [f"{trap.code}: {trap.text}", *_at(trap.place)]
    return lines


def _hints(analysis: Analysis) -> list[str]:
    lines = []
    for hint in analysis.hints:
        lines += [f"{hint.kind}: {hint.text}", *_at(hint.place)]
    return lines


def _incomplete(analysis: Analysis) -> list[str]:
    every = [*analysis.incomplete, *(line for reading in analysis.readings for line in reading.incomplete)]
    return list(dict.fromkeys(every))


SECTIONS: tuple[tuple[str, Section], ...] = (
    ("must be importable for the build", _required),
    ("may be importable", _optional),
    ("tools, and conda packages of the toolkit", _system),
    ("environment variables that it reads", _environment),
    ("metadata", _metadata),
    ("requirements", _requirements),
    ("downloads a prebuilt wheel before it compiles", _prebuilt),
    ("a build in an environment of its own", _isolated),
    ("traps", _traps),
    ("its own hints for uv", _hints),
    ("could not be followed", _incomplete),
)
