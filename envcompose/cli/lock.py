"""`envcompose lock`: write the lock of a manifest that is there, or judge the one that it has."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from envcompose import __version__
from envcompose.check.finding import Finding
from envcompose.check.verdict import Reason
from envcompose.cli.lock_changes import change_lines, counts_of, is_new
from envcompose.cli.terminal import Progress, bold, emit, one_line, plain, print_document
from envcompose.lock.goals import platform_words
from envcompose.lock_files import (
    CheckResult,
    LockResult,
    ManifestFile,
    ask_pixi_about,
    check_lock,
    lock_manifest,
    write_lock,
)
from envcompose.locking import Solved
from envcompose.model.message import Level, Message
from envcompose.model.moved import Moved
from envcompose.world.pixi import PixiVerdict
from envcompose.write.document import file_entry
from envcompose.write.lock_document import SolveEntry, lock_document

LOCK = "pixi.lock"


def run_lock(options: argparse.Namespace) -> int:
    """Run the command; gives its exit status."""
    return _check(options) if options.check else _lock(options)


def _lock(options: argparse.Namespace) -> int:
    def trace(words: str) -> None:
        if options.verbose and words:
            emit(plain(words), sys.stderr)

    with Progress(verbose=options.verbose) as progress:
        result = lock_manifest(
            Path(options.manifest),
            offline=options.offline,
            refresh=options.refresh,
            fresh=options.fresh,
            tell=progress.tell,
            trace=trace,
        )
        if not options.dry_run:
            write_lock(result)
    pixi = None if options.dry_run else ask_pixi_about(result.manifest)
    if options.json:
        print_document(_document(result, pixi, dry=options.dry_run))
    else:
        emit(_summary(result, pixi, dry=options.dry_run))
    return 0 if pixi is None or pixi.accepted else 1


def _check(options: argparse.Namespace) -> int:
    result = check_lock(Path(options.manifest))
    pixi = ask_pixi_about(result.manifest)
    accepted = result.is_fine and (pixi is None or pixi.accepted)
    if options.json:
        document = lock_document(
            version=__version__,
            verdict="accepted" if accepted else "refused",
            manifest=_shown(result.manifest),
            reasons=result.verdict.reasons,
            findings=result.findings,
            messages=result.messages,
            pixi=_pixi(pixi),
        )
        print_document(document)
    else:
        emit(_verdict_text(result, pixi))
    return 0 if accepted else 1


def _verdict_text(result: CheckResult, pixi: PixiVerdict | None) -> str:
    name, verdict = one_line(_shown(result.manifest)), result.verdict
    if verdict.accepted:
        lines = [f"{LOCK} is what {name} asks for: pixi would take it as it is"]
    else:
        lines = [bold(f"pixi would not take {LOCK} for {name} ({verdict.standing.value})", sys.stdout)]
        lines += [f"  {one_line(_placed(reason, result.manifest))}" for reason in verdict.reasons]
    lines += _finding_lines(result.findings, result.manifest)
    for message in result.messages:
        lines += _message_lines(message)
    lines += _pixi_lines(pixi)
    if not verdict.accepted:
        lines.append(one_line(f"  hint: {result.manifest.command}"))
    return "\n".join(lines)


def _finding_lines(findings: Sequence[Finding], manifest: ManifestFile) -> list[str]:
    if not findings:
        return []
    heading = bold("What pixi does not check", sys.stdout)
    return [heading, *(f"  {finding.level.value}: {one_line(_placed(finding, manifest))}" for finding in findings)]


def _placed(told: Reason | Finding, manifest: ManifestFile) -> str:
    """A reason or a finding with its place in words."""
    platform = None if told.platform is None else manifest.workspace.platform(told.platform)
    return str(told if platform is None else replace(told, platform=platform_words(platform)))


def _pixi_lines(pixi: PixiVerdict | None) -> list[str]:
    if pixi is None:
        return []
    if pixi.accepted:
        return [f"pixi {pixi.version} on PATH accepts it"]
    return [
        f"pixi {pixi.version} on PATH does not accept it:",
        *(f"  {one_line(line)}" for line in pixi.words.splitlines()),
    ]


def _summary(result: LockResult, pixi: PixiVerdict | None, *, dry: bool) -> str:
    lines = _solve_lines(result)
    if result.messages:
        lines.append("")
        for message in result.messages:
            lines += _message_lines(message)
        lines.append("")
    lines += _finding_lines(result.findings, result.manifest)
    changed = [file.path for file in result.files if file.action != "unchanged"]
    where = os.path.relpath(result.manifest.folder)
    place = "" if where == "." else f" in {one_line(where)}"
    verb = "Would write" if dry else "Wrote"
    lines.append(f"{verb} {', '.join(changed)}{place}" if changed else f"{LOCK}{place} is unchanged")
    if LOCK in changed and result.moved == ():
        lines.append("  the packages are the same: it differs in what it says about them")
    return "\n".join([*lines, *_pixi_lines(pixi)])


def _solve_lines(result: LockResult) -> list[str]:
    """How much each solve brought, and what of it moved; then what the manifest has no more."""
    lines = []
    moved: dict[tuple[str, str], list[Moved]] = {}
    for one in result.moved or ():
        moved.setdefault((one.environment, one.platform), []).append(one)
    for solved in result.locked.solved:
        entry = _solve(solved)
        own = [one for name in entry.environments for one in moved.pop((name, entry.platform), ())]
        told, changes = "", list[str]()
        if result.moved is not None and is_new(own, entry.conda + entry.pypi):
            told = ", new"
        elif result.moved is not None:
            told, changes = f", {counts_of(own)}", change_lines(own, entry.environments)
        names, where = ", ".join(entry.environments), platform_words(solved.goal.platform)
        lines += [one_line(f"{names} on {where}: {_counted(entry)}{told}"), *changes]
    return [*lines, *(one_line(f"{name} on {platform}: no longer locked") for name, platform in moved)]


def _counted(entry: SolveEntry) -> str:
    """`31 conda and 6 PyPI packages`; a layer that brings nothing is left out."""
    counts = [(count, name) for count, name in ((entry.conda, "conda"), (entry.pypi, "PyPI")) if count]
    if all(count > 1 for count, _ in counts):
        return f"{' and '.join(f'{count} {name}' for count, name in counts) or 'no'} packages"
    return " and ".join(f"{count} {name} package{'' if count == 1 else 's'}" for count, name in counts)


def _solve(one: Solved) -> SolveEntry:
    members = one.agreed.pypi.closure.members.values() if one.agreed.pypi is not None else ()
    return SolveEntry(
        environments=tuple(view.environment for view in one.goal.views),
        platform=one.goal.platform.name,
        conda=len(one.agreed.conda.records),
        pypi=sum(not member.release.stub for member in members),
        held=tuple((bound.name, bound.spec, bound.why) for bound in one.agreed.bounds),
    )


def _message_lines(message: Message) -> list[str]:
    level = "" if message.level is Level.NOTE else f"{message.level.value}: "
    place = f" ({message.file}, line {message.line})" if message.line is not None else ""
    lines = [one_line(f"{level}{message.text}{place}")]
    return [*lines, *([one_line(f"  hint: {message.hint}")] if message.hint else [])]


def _document(result: LockResult, pixi: PixiVerdict | None, *, dry: bool) -> dict[str, object]:
    return lock_document(
        version=__version__,
        verdict="locked",
        manifest=_shown(result.manifest),
        solves=tuple(_solve(one) for one in result.locked.solved),
        findings=result.findings,
        messages=result.messages,
        pixi=_pixi(pixi),
        changes=result.moved,
        files=[file_entry(file.path, file.action, file.sha256, file.text if dry else None) for file in result.files],
    )


def _pixi(pixi: PixiVerdict | None) -> dict[str, object] | None:
    return None if pixi is None else {"accepted": pixi.accepted, "version": pixi.version, "words": pixi.words}


def _shown(manifest: ManifestFile) -> str:
    """The manifest as seen from here."""
    return Path(os.path.relpath(manifest.path)).as_posix()
