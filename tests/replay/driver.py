"""One command from its arguments to all of its outputs, over a given package index and the real uv.

The same calls as the program makes, with two things given: the index, and a verifier and a version that never change,
so that a change of the verifier's code does not touch the outputs of every case.
"""

from __future__ import annotations

import argparse
import io
import json
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from envcompose.api import Result, load_recipes, read_intent
from envcompose.cli.explain import again_of, inputs_of
from envcompose.cli.explanation import explanation_text
from envcompose.cli.init import read_wishes
from envcompose.cli.main import build_parser
from envcompose.cli.summary import summary_of
from envcompose.cli.terminal import plain, print_error
from envcompose.compose import World, compose
from envcompose.errors import EnvcomposeError
from envcompose.explaining import explain_intent
from envcompose.manifest.blocks import SEAL
from envcompose.model.composition import Composition
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.ports import PackageIndex
from envcompose.read.question import read_question
from envcompose.world.apply import plan_files, write_files
from envcompose.world.uv import UvResolver
from envcompose.write.bundle import bundle_of
from envcompose.write.document import composition_document, error_document, file_entry
from envcompose.write.explanation_document import explanation_document, explanation_error_document
from tests.replay.channel import SmallCondaForge

VERSION = "0.0.0"
VERIFIER = {"__main__.py": "# The verifier stands here.\n"}

INDEX = "https://index.example/simple"

MakeIndex = Callable[[Intent], PackageIndex]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a command gave: its exit status, texts by name, and the composition where there is one."""

    status: int
    texts: Mapping[str, str]
    composition: Composition | None
    resolves: int


class Recipes:
    """The shipped facts and rules, read once."""

    def __init__(self) -> None:
        self.facts: Facts
        self.facts, self.rules = load_recipes()


def run_command(
    command: str, folder: Path, make_index: MakeIndex, recipes: Recipes, channel: SmallCondaForge | None = None
) -> Outputs:
    """Run `envcompose init …` or `envcompose explain …` in a folder, which gets the files that `init` writes.

    Without a channel no lock is written.
    """
    arguments = shlex.split(command)
    assert arguments[:2] in (["envcompose", "init"], ["envcompose", "explain"]), command
    options = build_parser().parse_args(arguments[1:])
    heard: list[Intent] = []
    with chdir(folder), UvResolver() as resolver:
        try:
            wishes = read_wishes(options, recipes.facts)
            output = Path(options.output) if vars(options).get("output") else None
            intent, target = read_intent(inputs_of(options), wishes, recipes.facts, folder=output)
            heard.append(intent)
            world = World(
                facts=recipes.facts,
                index=_Closed(make_index(intent)) if options.command == "explain" else make_index(intent),
                resolver=resolver,
                solver=channel.solver if channel else None,
                names=channel.names if channel else None,
                default_index=INDEX,
            )
            if options.command == "explain":
                return _explained(intent, world, options, resolver)
            composition = compose(intent, world)
            return _written(composition, target, options.force, resolver.resolves)
        except EnvcomposeError as error:
            return _failed(error, options.command, heard, resolver.resolves)


class _Closed:
    """An index whose wheels cannot be looked into: import names are for what is written, and `explain` writes nothing."""

    def __init__(self, inner: PackageIndex) -> None:
        self._inner = inner

    def contents(self, file: PackageFile) -> None:
        return None

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def _failed(error: EnvcomposeError, command: str, heard: Sequence[Intent], resolves: int) -> Outputs:
    said = io.StringIO()
    with redirect_stderr(said):
        print_error(error)
    if command == "explain":
        document = explanation_error_document(error, envcompose=VERSION)
    else:
        document = error_document(error, version=VERSION, intent=heard[0] if heard else None)
    texts = {"summary.txt": said.getvalue(), "document.json": _json(document)}
    return Outputs(status=error.exit_status, texts=texts, composition=None, resolves=resolves)


def _explained(intent: Intent, world: World, options: argparse.Namespace, resolver: UvResolver) -> Outputs:
    question = read_question(options.not_) if options.not_ else None
    found = explain_intent(intent, world, options.package, question=question)
    document = explanation_document(
        found.explanation,
        envcompose=VERSION,
        command=found.command,
        manifest=None,
        differences=None,
        answer=found.answer,
    )
    text = explanation_text(found, path=None, move="", again=again_of(options), stream=io.StringIO())
    texts = {"summary.txt": plain(text) + "\n", "document.json": _json(document)}
    return Outputs(status=0, texts=texts, composition=found.composition, resolves=resolver.resolves)


def _written(composition: Composition, target: Path, force: bool, resolves: int) -> Outputs:
    bundle = bundle_of(composition, version=VERSION, verifier=VERIFIER)
    planned = plan_files(target, bundle, force=force).files
    notes = write_files(target, planned, force=force)
    result = Result(composition=composition, folder=target, files=planned)
    entries = [file_entry(file.path, file.action, file.sha256, None) for file in planned]
    document = composition_document(
        composition, version=VERSION, files=sorted(entries, key=lambda entry: str(entry["path"]))
    )
    texts = {
        "pixi.toml": result.texts["pixi.toml"],
        "report.md": result.texts[".envcompose/report.md"],
        "expect.json": result.texts[".envcompose/expect.json"],
        "summary.txt": plain(summary_of(result, dry=False, notes=notes, stream=io.StringIO())) + "\n",
        "document.json": _json(document),
    }
    if "pixi.lock" in result.texts:
        texts["pixi.lock"] = result.texts["pixi.lock"]
    facts = composition.facts_digest
    digests = {bundle.set_digest: "{set}", facts: "{facts}", facts[:16]: "{facts}"}
    digests |= {file.sha256: "{" + file.path + "}" for file in planned}
    digests[tomllib.loads(result.texts["pixi.toml"])["tool"]["envcompose"][SEAL]] = "{seal}"
    return Outputs(
        status=0,
        texts={name: _without(text, digests) for name, text in texts.items()},
        composition=composition,
        resolves=resolves,
    )


def _without(text: str, digests: Mapping[str, str]) -> str:
    """The text with each digest of our own files and facts by name: every one of them changes with every other."""
    for digest, name in digests.items():
        text = text.replace(digest, name)
    return text


def _json(document: Mapping[str, object]) -> str:
    """The document with one line per entry of its lists and tables, so that a difference is easy to read."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            lines.append(f"{_compact(key)}: [\n" + ",\n".join(f"  {_compact(entry)}" for entry in value) + "\n ]")
        elif isinstance(value, dict) and value:
            entries = (f"  {_compact(name)}: {_compact(entry)}" for name, entry in value.items())
            lines.append(f"{_compact(key)}: {{\n" + ",\n".join(entries) + "\n }")
        else:
            lines.append(f"{_compact(key)}: {_compact(value)}")
    return "{\n" + ",\n".join(f" {line}" for line in lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
