"""`envcompose init`: compose, write, and say what was chosen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from envcompose import __version__
from envcompose.api import Inputs, Result, ask_pixi_of, compose_environment, load_recipes, write_result
from envcompose.cli.summary import summary_of
from envcompose.cli.terminal import Progress, emit, plain, print_document
from envcompose.errors import EnvcomposeError, Infeasible, UnknownValue
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent, Prefer, TorchFrom, Wishes
from envcompose.model.message import Level, Message
from envcompose.model.repair import DEFAULT_EFFORT
from envcompose.read import targets
from envcompose.read.secrets import mask_secrets
from envcompose.world.pixi import PixiVerdict
from envcompose.write.bundle import LOCK, MANIFEST
from envcompose.write.document import composition_document, file_entry


def run_init(options: argparse.Namespace) -> int:
    """Run the command; gives its exit status."""
    heard: list[Intent] = []
    try:
        return _run(options, heard.append)
    except (EnvcomposeError, KeyboardInterrupt) as error:
        # The document of a failure has what was read before it.
        vars(error)["intent"] = heard[0] if heard else None
        raise


def _run(options: argparse.Namespace, heard: Callable[[Intent], None]) -> int:
    try:
        result, notes = _compose(options, heard)
    except Infeasible as error:
        if options.effort == 0:
            raise
        return _repair(options, error)
    verdict = None if options.dry_run else ask_pixi_of(result)
    if options.json:
        print_document(_document(result, notes, verdict, dry=options.dry_run))
    else:
        emit(summary_of(result, dry=options.dry_run, notes=(*notes, *pixi_words(verdict)), stream=sys.stdout))
    return 0


def _repair(options: argparse.Namespace, error: Infeasible) -> int:
    """Answer an infeasible wish: what conflicts, and repairs (law 8). With --json both are in the document."""
    from envcompose.cli.repairs import look_for_repairs

    facts, _ = load_recipes()
    error.repairs = look_for_repairs(
        error,
        inputs_of(options),
        read_wishes(options, facts),
        folder=Path(options.output) if options.output else None,
        effort=DEFAULT_EFFORT if options.effort is None else options.effort,
        quiet=options.json,
        verbose=options.verbose,
        trace=_tracer(options),
    )
    if options.json:
        raise error
    return error.exit_status


def _compose(options: argparse.Namespace, heard: Callable[[Intent], None]) -> tuple[Result, tuple[str, ...]]:
    facts, _ = load_recipes()
    with Progress(verbose=options.verbose) as progress:
        result = compose_environment(
            inputs_of(options),
            read_wishes(options, facts),
            folder=Path(options.output) if options.output else None,
            refresh=options.refresh,
            force=options.force,
            tell=progress.tell,
            trace=_tracer(options),
            heard=heard,
        )
    return result, () if options.dry_run else write_result(result, force=options.force)


def inputs_of(options: argparse.Namespace) -> Inputs:
    """What the arguments name to be read."""
    return Inputs(
        words=tuple(options.words),
        requirement_files=tuple(options.requirement),
        environment_file=options.file,
        extras=tuple(options.extra),
        groups=tuple(options.group),
    )


def _tracer(options: argparse.Namespace) -> Callable[[str], None]:
    """What hears the solvers' own words: with -v they go to stderr."""

    def trace(words: str) -> None:
        if options.verbose and words:
            emit(plain(words), sys.stderr)

    return trace


def read_wishes(options: argparse.Namespace, facts: Facts) -> Wishes:
    """The target options as typed values. Raises UnknownValue and its kin, with suggestions."""
    return Wishes(
        cuda=targets.read_cuda(options.cuda, facts) if options.cuda else None,
        driver=targets.read_driver(options.driver, facts) if options.driver else None,
        python=targets.read_python(options.python, facts) if options.python else None,
        gpus=targets.read_gpus(",".join(options.gpu), facts) if options.gpu else (),
        glibc=targets.read_glibc(options.glibc) if options.glibc else None,
        platform=targets.read_platform(options.platform),
        torch_from=TorchFrom(options.torch_from),
        artifacts=tuple(targets.read_artifact(text) for text in options.artifact),
        prefer=Prefer(options.prefer),
        default_extras=not options.no_default_extras,
        build_memory_gib=targets.read_build_memory(options.build_memory) if options.build_memory else None,
        requires_pixi=_read_pixi(options.requires_pixi) if options.requires_pixi else None,
        index=_read_index(options.index) if options.index else None,
        channels=tuple(dict.fromkeys(targets.read_channel(text) for text in options.channel)),
        offline=options.offline,
        as_of=targets.read_as_of(options.as_of) if options.as_of else None,
        require_proof=options.require_proof,
        name=_read_name(options.name) if options.name else None,
    )


def _read_pixi(text: str) -> Version:
    try:
        return Version(text.strip().removeprefix(">="))
    except InvalidVersion as error:
        raise UnknownValue(
            option="--requires-pixi", value=text, reason="it is no version", suggestion="0.72.2"
        ) from error


def _read_index(text: str) -> str:
    word = text.strip()
    try:
        parts = urlsplit(word)
        sound = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or not word.isprintable() or " " in word:
        raise UnknownValue(option="--index", value=mask_secrets(text), reason="it is no HTTP address of a simple index")
    return word


def _read_name(text: str) -> str:
    if not text.strip() or any(ord(character) < 32 for character in text):
        raise UnknownValue(option="--name", value=text, reason="a workspace needs a printable name")
    return text.strip()


def pixi_words(verdict: PixiVerdict | None) -> tuple[str, ...]:
    """What the pixi on PATH says of the lock, as a note."""
    if verdict is None:
        return ()
    if verdict.accepted:
        return (f"pixi {verdict.version} on PATH accepts pixi.lock as it stands",)
    return (f"warning: pixi {verdict.version} on PATH does not accept pixi.lock: {verdict.words}",)


def _document(result: Result, notes: tuple[str, ...], verdict: PixiVerdict | None, *, dry: bool) -> dict[str, object]:
    # A manifest holds the user's own lines too, and a lock what they bring: these may hold a login.
    own = (MANIFEST, LOCK)
    texts = {file.path: mask_secrets(file.text) if dry and file.path in own else file.text for file in result.files}
    files = [file_entry(f.path, f.action, f.sha256, texts[f.path] if dry else None) for f in result.files]
    kept = tuple(Message(code="kept-aside", level=Level.NOTE, text=note) for note in notes)
    composition = replace(result.composition, messages=(*result.composition.messages, *kept))
    pixi = None if verdict is None else {"accepted": verdict.accepted, "version": verdict.version}
    return composition_document(
        composition, version=__version__, files=sorted(files, key=lambda entry: str(entry["path"])), pixi=pixi
    )
