"""The program: arguments to commands, errors to exit statuses."""

from __future__ import annotations

import argparse
import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from envcompose import __version__
from envcompose.cli.leave import leave
from envcompose.cli.lock_options import add_lock
from envcompose.cli.parser import Parser
from envcompose.errors import EnvcomposeError, Interrupted, OurBug, Usage

_COLLECTED = 500_000
"""After how many new objects cyclic garbage is looked for. A command makes a million that live to its end, and hardly any
cycle; with Python's own 700 a tenth of its time went into looking."""

_EXAMPLES = """\
examples:
  envcompose init axolotl --cuda 12.4
  envcompose init 'vllm==0.10.2' --cuda 12.8 --python 3.12
  envcompose init 'axolotl[deepspeed]' --cuda 12.4 --gpu a100,h100 -o envs/train
  envcompose init torch xformers 'flash-attn>=2.8' --cuda 12.8
  envcompose init -r requirements.txt --cuda 12.6
  envcompose init path/to/project --extra train --group dev --cuda 12.9
  envcompose init -f environment.yml --cuda 12.9

A word with a path separator or a leading dot is a path; a recipe's name is a stack; anything else is a
PyPI requirement. --cuda is the CUDA line that torch and the toolkit are taken for; --driver is what the
machine has (what nvidia-smi shows).

exit status: 0 fine, 1 no combination fulfils the wish, 2 the input cannot be used, 3 a source that is
needed is unreachable or broken (or --require-proof is not met), 4 a file of yours would be overwritten.
"""


_EXPLAIN_EXAMPLES = """\
examples:
  envcompose explain flash-attn                        # in the folder of a pixi.toml that envcompose wrote
  envcompose explain flash-attn --not 2.8.3            # why not that version?
  envcompose explain flash-attn --not sdist            # why not from source?
  envcompose explain torch --not conda
  envcompose explain python --not 3.13
  envcompose explain cuda-nvcc --manifest envs/train
  envcompose explain flash-attn axolotl --cuda 12.4    # without a manifest: what init would compose

exit status: 0 explained (also where the answer is that it cannot be had), 1 the environment itself has no
solution, 2 the package is not in it or the input cannot be used, 3 a source is unreachable or broken.
"""


def run() -> NoReturn:
    """The console script."""
    # A job that is cancelled ends as one that is interrupted: scratch files go, and nothing is half written.
    signal.signal(signal.SIGTERM, _cancelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets its number; it is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    gc.set_threshold(_COLLECTED)
    leave(main(sys.argv[1:]))


def _cancelled(*_: object) -> NoReturn:
    """What Ctrl-C does, also where a shell started the job with that signal ignored."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives its exit status and never a traceback for what a user can cause.

    With `--json`, every failure is a document on stdout too.
    """
    from envcompose.cli.terminal import emit, one_line, plain

    try:
        _check_text(arguments)
        options = build_parser().parse_args(list(arguments))
        status: int = options.run(options)
        return status
    except EnvcomposeError as error:
        return _failed(error, arguments)
    except SystemExit as ended:
        # argparse ends this way after --help and --version.
        return int(ended.code or 0)
    except KeyboardInterrupt as stop:
        return _interrupted(stop, arguments)
    except Exception as error:
        import traceback

        emit(plain(traceback.format_exc()), sys.stderr)
        return _failed(OurBug(what=one_line(f"{type(error).__name__}: {error}")), arguments)


def _interrupted(stop: KeyboardInterrupt, arguments: Sequence[str]) -> int:
    """Say what became of the files; with `--json` in a document, which has what was read before."""
    from envcompose.cli.terminal import emit
    from envcompose.world.files import has_written

    error = Interrupted(written=has_written())
    error.intent = getattr(stop, "intent", None)
    if "--json" in arguments:
        return _failed(error, arguments)
    emit(error.sentence, sys.stderr)
    return error.exit_status


def _check_text(arguments: Sequence[str]) -> None:
    """Are the arguments text? Other bytes come as lone surrogates, which no file of ours can hold. Raises Usage."""
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= character <= "\udfff" for character in argument):
            shown = argument.encode(errors="backslashreplace").decode()
            raise Usage(reason=f"an argument is no UTF-8 text: {shown}", command="envcompose")


def _failed(error: EnvcomposeError, arguments: Sequence[str]) -> int:
    from envcompose.cli.terminal import emit, one_line, print_document, print_error

    if list(arguments[:1]) == ["init"] and "--json" in arguments:
        from envcompose.write.document import error_document

        print_document(error_document(error, version=__version__, intent=error.intent))
    elif list(arguments[:1]) == ["verify"] and "--json" in arguments:
        from envcompose.verify.render import to_json

        level = "quick" if "quick" in arguments else "full"
        emit(to_json((), {"level": level}, [one_line(error.sentence)]))
    elif list(arguments[:1]) == ["analyze"] and "--json" in arguments:
        from envcompose.write.analysis_document import analysis_error_document

        print_document(analysis_error_document(error, envcompose=__version__))
    elif list(arguments[:1]) == ["explain"] and "--json" in arguments:
        from envcompose.write.explanation_document import explanation_error_document

        print_document(explanation_error_document(error, envcompose=__version__))
    elif list(arguments[:1]) == ["lock"] and "--json" in arguments:
        from envcompose.write.lock_document import lock_error_document

        print_document(lock_error_document(error, version=__version__))
    else:
        print_error(error)
    return error.exit_status


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; what a command does is imported when it runs."""
    prog = "pixi compose" if os.path.basename(sys.argv[0]) == "pixi-compose" else "envcompose"
    parser = Parser(
        prog=prog,
        description="Compose pixi environments for CUDA machine-learning stacks.",
        epilog=f"run '{prog} init --help' for its options and examples",
    )
    parser.add_argument("--version", action="version", version=f"envcompose {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    _add_init(commands)
    _add_explain(commands)
    add_lock(commands, _run_lock)
    _add_verify(commands)
    _add_analyze(commands)
    _add_recipes(commands)
    return parser


def _add_init(commands: argparse._SubParsersAction[Parser]) -> None:
    init = commands.add_parser(
        "init",
        help="compose an environment and write its pixi.toml",
        description="Compose an environment and write pixi.toml, a verifier and a report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    init.set_defaults(run=_run_init)
    init.add_argument("words", nargs="*", metavar="STACK|REQUIREMENT|PATH", help="what the environment is for")
    _add_inputs(init.add_argument_group("inputs"))
    _add_target(init.add_argument_group("target"))
    _add_preferences(init.add_argument_group("preferences"))
    _add_output(init.add_argument_group("output"))


def _add_inputs(inputs: argparse._ArgumentGroup) -> None:
    inputs.add_argument(
        "-r",
        "--requirement",
        action="append",
        default=[],
        metavar="FILE",
        help="a requirements file (may be given again)",
    )
    inputs.add_argument("-f", "--file", metavar="FILE", help="a conda environment.yml, or a pixi.toml of your own")
    inputs.add_argument("--extra", action="append", default=[], metavar="NAME", help="an extra of the project folder")
    inputs.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="a dependency group of the project folder"
    )
    inputs.add_argument(
        "--no-default-extras", action="store_true", help="leave out the extras that a stack's recipe names"
    )
    inputs.add_argument("--index", metavar="URL", help="a package index instead of the default one")
    inputs.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="CHANNEL",
        help="a conda channel by name, URL or file://, instead of conda-forge (may be given again, first wins)",
    )


def _add_target(target: argparse._ArgumentGroup) -> None:
    target.add_argument(
        "--cuda", metavar="X.Y", help="the CUDA line (default: the line of the chosen torch's default wheels)"
    )
    target.add_argument(
        "--driver", metavar="VERSION", help="the driver: 550.54, or the CUDA version that nvidia-smi shows"
    )
    target.add_argument("--python", metavar="X.Y", help="default: the newest for which everything compiled has a wheel")
    target.add_argument(
        "--gpu",
        action="append",
        default=[],
        metavar="NAME",
        help="a100, l4, h100, rtx4090, b200 … or sm_90; several with commas",
    )
    target.add_argument("--glibc", metavar="X.Y", help="default: 2.28, which pixi assumes")
    target.add_argument("--platform", default="linux-64", metavar="NAME", help="linux-64, the only one so far")
    target.add_argument("--requires-pixi", metavar="X.Y.Z", help="the oldest pixi to be valid for")


def _add_preferences(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--torch-from", choices=("auto", "conda", "pypi"), default="auto", help="where torch comes from (default: auto)"
    )
    group.add_argument(
        "--artifact",
        action="append",
        default=[],
        metavar="PACKAGE=KIND",
        help="how one package comes: conda, wheel, prebuilt, sdist, no-isolation or task",
    )
    group.add_argument(
        "--prefer",
        choices=("prebuilt", "newest"),
        default="prebuilt",
        help="newest accepts long compiles (default: prebuilt)",
    )
    group.add_argument("--build-memory", metavar="GIB", help="memory for compiling; sets MAX_JOBS")
    group.add_argument("--as-of", metavar="DATE", help="only releases up to this day, as 2026-01-31")
    group.add_argument(
        "--require-proof", action="store_true", help="fail where something rests on tables or assumptions"
    )
    group.add_argument(
        "--effort",
        metavar="N",
        type=_effort,
        help="how many changed wishes are solved to repair one that cannot be fulfilled (default: 16; 0 looks for none)",
    )
    group.add_argument("--offline", action="store_true", help="make no connection; what is not cached is an error")
    group.add_argument("--refresh", action="store_true", help="ask the index again, however fresh the cache is")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o", "--output", metavar="DIR", help="the folder for the manifest (default: the project's, else this one)"
    )
    group.add_argument("--name", help="the name of the workspace")
    group.add_argument("--dry-run", action="store_true", help="write nothing")
    group.add_argument("--json", action="store_true", help="print one JSON document to stdout and nothing else")
    group.add_argument(
        "--force",
        action="store_true",
        help="replace a pixi.toml that is not ours or whose blocks you edited, keeping the old one beside it",
    )
    group.add_argument("-v", "--verbose", action="store_true", help="tell more, on stderr")


def _add_explain(commands: argparse._SubParsersAction[Parser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="why a package is where it is, and why not another version or source",
        description="Compose again, and tell why one package is where it is: the rule that decided with its evidence, who\n"
        "requires it, what holds it at its version. With --not: why not otherwise. Nothing is written.",
        epilog=_EXPLAIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.set_defaults(run=_run_explain)
    explain.add_argument("package", metavar="PACKAGE", help="a distribution or a conda package of the environment")
    explain.add_argument(
        "words",
        nargs="*",
        default=[],
        metavar="STACK|REQUIREMENT|PATH",
        help="what the environment is for, as for init (default: what the manifest says)",
    )
    about = explain.add_argument_group("question")
    about.add_argument(
        "--not",
        dest="not_",
        metavar="VERSION|SOURCE",
        help="why not 2.8.3, '>=2.8', wheel, prebuilt, sdist, no-isolation, task, conda or pypi?",
    )
    about.add_argument(
        "--manifest", metavar="PATH", help="a manifest that envcompose wrote, or its folder (default: pixi.toml)"
    )
    _add_inputs(explain.add_argument_group("inputs"))
    _add_target(explain.add_argument_group("target"))
    _add_preferences(explain.add_argument_group("preferences"))
    output = explain.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print one JSON document to stdout and nothing else")
    output.add_argument("-v", "--verbose", action="store_true", help="tell more, on stderr")
    explain.set_defaults(name=None)


def _add_verify(commands: argparse._SubParsersAction[Parser]) -> None:
    verify = commands.add_parser(
        "verify",
        help="judge an installed environment against its composition",
        description="Judge an installed environment against its composition, as `pixi run verify` does, from outside.",
        epilog="exit status: 0 fine (what was skipped included), 1 broken, 5 could not tell, 2 no environment or nothing to expect",
    )
    verify.set_defaults(run=_run_verify)
    verify.add_argument(
        "prefix",
        nargs="?",
        metavar="PREFIX",
        help="the environment's folder, or its project's (default: .pixi/envs/default here, else the one that runs this)",
    )
    verify.add_argument(
        "--expect", metavar="FILE", help="what to expect (default: .envcompose/expect.json above the environment)"
    )
    verify.add_argument("--json", action="store_true", help="print one JSON document to stdout and nothing else")
    verify.add_argument(
        "--level", choices=("quick", "full"), default="full", help="quick imports nothing (default: full)"
    )
    verify.add_argument("--require-gpu", action="store_true", help="fail where there is no GPU to check with")
    verify.add_argument(
        "--time-limit", metavar="SECONDS", type=_seconds, default=180.0, help="for one import (default: 180)"
    )
    verify.add_argument("-v", "--verbose", action="store_true", help="a line for every check")


def _effort(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 10_000:
        raise argparse.ArgumentTypeError("not a number of solves")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError("not a number of seconds")
    return value


def _add_analyze(commands: argparse._SubParsersAction[Parser]) -> None:
    analyze = commands.add_parser(
        "analyze",
        help="what a source distribution needs to build, read and never run",
        description="Tell what a source distribution needs to build. Nothing of it is run.",
    )
    analyze.set_defaults(run=_run_analyze)
    analyze.add_argument(
        "what",
        metavar="REQUIREMENT|PATH",
        help="flash-attn==2.7.4.post1, path/to/sdist.tar.gz or path/to/checkout; a word with a path separator, a leading "
        "dot or an archive's ending is a path",
    )
    analyze.add_argument(
        "--torch",
        action="append",
        default=[],
        metavar="VERSION",
        help="read the requirements for this torch (may be given again; default: every minor that the tables know)",
    )
    analyze.add_argument("--python", metavar="X.Y", help="the Python that would build (default: the newest)")
    analyze.add_argument("--index", metavar="URL", help="a package index instead of the default one")
    analyze.add_argument("--offline", action="store_true", help="make no connection; what is not cached is an error")
    analyze.add_argument("--refresh", action="store_true", help="ask the index again, however fresh the cache is")
    analyze.add_argument("--json", action="store_true", help="print one JSON document to stdout and nothing else")


def _add_recipes(commands: argparse._SubParsersAction[Parser]) -> None:
    recipes = commands.add_parser("recipes", help="list and show the stacks and packages that recipes know")
    actions = recipes.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the stacks and packages that have a recipe")
    listing.set_defaults(run=_run_recipes, action="list", name=None)
    show = actions.add_parser("show", help="one recipe as it ships, with its sources and dates")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_run_recipes, action="show")
    drift = actions.add_parser("drift", help="compare the torch table with the package index (for maintainers)")
    drift.set_defaults(run=_run_recipes, action="drift", name=None)


def _run_init(options: argparse.Namespace) -> int:
    from envcompose.cli.init import run_init

    return run_init(options)


def _run_explain(options: argparse.Namespace) -> int:
    from envcompose.cli.explain import run_explain

    return run_explain(options)


def _run_lock(options: argparse.Namespace) -> int:
    from envcompose.cli.lock import run_lock

    return run_lock(options)


def _run_verify(options: argparse.Namespace) -> int:
    from envcompose.cli.verify import run_verify

    return run_verify(options)


def _run_analyze(options: argparse.Namespace) -> int:
    from envcompose.cli.analyze import run_analyze

    return run_analyze(options)


def _run_recipes(options: argparse.Namespace) -> int:
    from envcompose.cli.recipes import run_recipes

    return run_recipes(options)
