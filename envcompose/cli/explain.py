"""`envcompose explain`: why a package is where it is, and why not another version or another source."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from envcompose import __version__
from envcompose.api import Inputs, load_recipes
from envcompose.cli.explanation import explanation_text
from envcompose.cli.init import inputs_of, read_wishes
from envcompose.cli.terminal import Progress, emit, plain, print_document
from envcompose.errors import NothingComposed, Usage
from envcompose.explaining import Explained, explain_package
from envcompose.model.intent import Wishes
from envcompose.model.values import dataclass
from envcompose.read.again import init_again
from envcompose.read.secrets import without_secrets
from envcompose.write.bundle import LOCK, MANIFEST
from envcompose.write.explanation_document import explanation_document
from envcompose.write.written import Written

_BOUND = re.compile(r"\s*(===?|[<>!~]=|[<>])\s*")
_ABOUT_THE_RUN = frozenset(("manifest", "index", "offline", "refresh"))
"""Options that say nothing of the environment: they go with a manifest, which says what was asked for."""
_ABOUT_THE_TELLING = frozenset(("package", "words", "not_", "json", "verbose", "run", "command"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meant:
    """The environment that is meant: its inputs and wishes, and the manifest that named them."""

    inputs: Inputs
    wishes: Wishes
    folder: Path | None = None
    manifest: Path | None = None
    written: Written | None = None


def run_explain(options: argparse.Namespace) -> int:
    """Run the command; gives its exit status. A question that is answered is no failure, whatever the answer.

    Raises NotInComposition, NothingComposed, Usage (exit 2), and what composing raises.
    """
    _check_name(options.package)
    meant = _meant(options)

    def trace(words: str) -> None:
        if options.verbose and words:
            emit(plain(words), sys.stderr)

    with Progress(verbose=options.verbose) as progress:
        found = explain_package(
            options.package,
            meant.inputs,
            meant.wishes,
            question=options.not_,
            written=meant.written,
            refresh=options.refresh,
            tell=progress.tell,
            trace=trace,
        )
    path = None if meant.manifest is None else os.path.relpath(meant.manifest)
    if options.json:
        print_document(_document(found, path))
    else:
        emit(explanation_text(found, path=path, move=_move(meant), again=again_of(options), stream=sys.stdout))
    return 0


def _check_name(word: str) -> None:
    bound = _BOUND.search(word)
    if bound is not None:
        name, version = word[: bound.start()].strip(), word[bound.start() :].strip().removeprefix("==")
        reason = f"PACKAGE is a name alone, and {word} holds more: a version is asked about with --not"
        suggestion = f"envcompose explain {name} --not {shlex.quote(version)}"
        raise Usage(reason=reason, command="envcompose explain", suggestion=suggestion)


def _meant(options: argparse.Namespace) -> _Meant:
    """By the inputs that are given, else by a manifest of ours."""
    if options.words or options.requirement or options.file:
        if options.manifest is not None:
            reason = "--manifest says what was asked for, and so do the inputs: give one of them"
            raise Usage(reason=reason, command="envcompose explain")
        return _Meant(inputs=inputs_of(options), wishes=read_wishes(options, load_recipes()[0]))
    strange = [word for name, given in _given(options) if name not in _ABOUT_THE_RUN for word in given]
    if strange:
        told = shlex.join(strange)
        reason = f"{told} without saying what the environment is for; a manifest's is explained as it is"
        suggestion = f"envcompose explain {options.package} STACK {told}"
        raise Usage(reason=reason, command="envcompose explain", suggestion=suggestion)
    return _by_manifest(options)


def _by_manifest(options: argparse.Namespace) -> _Meant:
    """The inputs and wishes that `[tool.envcompose]` holds; an index may be named again, since its secrets are not there."""
    from envcompose.cli.main import build_parser

    path = Path(options.manifest or MANIFEST)
    path = path / MANIFEST if path.is_dir() else path
    text = _text(path)
    command = init_again(text) if text is not None else None
    if text is None or command is None:
        raise NothingComposed(path=os.path.relpath(path), package=options.package, exists=text is not None)
    again = build_parser().parse_args(shlex.split(command)[1:])
    # A manifest holds no login of its index; it is found where other clients find it, or named with the index again.
    again.index = options.index or (without_secrets(again.index) if again.index else None)
    again.offline = options.offline
    folder = path.parent
    return _Meant(
        inputs=replace(inputs_of(again), base=folder.resolve()),
        wishes=read_wishes(again, load_recipes()[0]),
        folder=folder,
        manifest=path,
        written=Written(manifest=text, lock=_text(path.with_name(LOCK))),
    )


def _given(options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """The options that were given, each by its name and as the words of a command line."""
    from envcompose.cli.main import build_parser

    usual = vars(build_parser().parse_args(["explain", options.package]))
    for name, value in sorted(vars(options).items()):
        if name in _ABOUT_THE_TELLING or value == usual.get(name):
            continue
        option = f"--{name.replace('_', '-')}"
        values = value if isinstance(value, list) else [] if value is True else [value]
        yield name, [word for text in values for word in (option, str(text))] or [option]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _move(meant: _Meant) -> str:
    """What brings a shell to the folder that paths of commands start from."""
    folder = os.path.relpath(meant.folder) if meant.folder is not None else "."
    return "" if folder == "." else f"cd {shlex.quote(folder)} && "


def again_of(options: argparse.Namespace) -> str:
    """The command that asked, without its question, for what to ask next."""
    given = [word for name, words in _given(options) if name != "refresh" for word in words]
    return shlex.join(["envcompose", "explain", options.package, *options.words, *given])


def _document(found: Explained, path: str | None) -> dict[str, object]:
    return explanation_document(
        found.explanation,
        envcompose=__version__,
        command=found.command,
        manifest=path,
        differences=found.differences,
        answer=found.answer,
    )
