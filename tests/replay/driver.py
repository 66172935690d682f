"""One command from its arguments to all of its outputs, over a given package index and the real uv.

The same calls as the program makes, with two things given: the index, and a verifier and a version that never change,
so that a change of the verifier's code does not touch the outputs of every case.
"""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from envcompose.api import Inputs, Result, load_recipes, read_intent
from envcompose.cli.init import read_wishes
from envcompose.cli.main import build_parser
from envcompose.cli.summary import summary_of
from envcompose.cli.terminal import plain, print_error
from envcompose.compose import World, compose
from envcompose.errors import EnvcomposeError
from envcompose.model.composition import Composition
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.ports import PackageIndex
from envcompose.world.apply import plan_files, write_files
from envcompose.world.uv import UvResolver
from envcompose.write.bundle import bundle_of
from envcompose.write.document import composition_document, error_document, file_entry
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
    """Run `envcompose init …` in a folder, which gets the written files; without a channel no lock is written."""
    arguments = shlex.split(command)
    assert arguments[:2] == ["envcompose", "init"], command
    options = build_parser().parse_args(arguments[1:])
    heard: list[Intent] = []
    with chdir(folder), UvResolver() as resolver:
        try:
            wishes = read_wishes(options, recipes.facts)
            inputs = Inputs(
                words=tuple(options.words),
                requirement_files=tuple(options.requirement),
                environment_file=options.file,
                extras=tuple(options.extra),
                groups=tuple(options.group),
            )
            output = Path(options.output) if options.output else None
            intent, target = read_intent(inputs, wishes, recipes.facts, folder=output)
            heard.append(intent)
            world = World(
                facts=recipes.facts,
                index=make_index(intent),
                resolver=resolver,
                solver=channel.solver if channel else None,
                names=channel.names if channel else None,
                default_index=INDEX,
            )
            composition = compose(intent, world)
            return _written(composition, target, options.force, resolver.resolves)
        except EnvcomposeError as error:
            said = io.StringIO()
            with redirect_stderr(said):
                print_error(error)
            document = error_document(error, version=VERSION, intent=heard[0] if heard else None)
            texts = {"summary.txt": said.getvalue(), "document.json": _json(document)}
            return Outputs(status=error.exit_status, texts=texts, composition=None, resolves=resolver.resolves)


def _written(composition: Composition, target: Path, force: bool, resolves: int) -> Outputs:
    bundle = bundle_of(composition, version=VERSION, verifier=VERIFIER)
    planned = plan_files(target, bundle, force=force)
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
    digests[result.texts["pixi.toml"].rstrip("\n").rpartition(" ")[2]] = "{seal}"
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
