"""The verifier's command: arguments in, judgement out. Start reading here."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from . import (
    check_binary,
    check_built,
    check_closure,
    check_files,
    check_gpu,
    check_gpucode,
    check_host,
    check_imports,
    check_toolchain,
    check_torch,
    check_versions,
    environment,
    expectations,
    render,
)
from .case import Case, Check
from .words import UNKNOWN, Finding, Outcome, Result, exit_status

CHECKS: tuple[Check, ...] = (
    *check_versions.CHECKS,
    *check_closure.CHECKS,
    *check_files.CHECKS,
    *check_torch.CHECKS,
    *check_binary.CHECKS,
    *check_built.CHECKS,
    *check_gpucode.CHECKS,
    *check_host.CHECKS,
    *check_toolchain.CHECKS,
    *check_imports.CHECKS,
    *check_gpu.CHECKS,
)
"""Every check, in the order of the output."""

_EPILOG = """exit status: 0 fine (what was skipped included), 1 broken, 5 could not tell, 2 wrong usage

examples:
  pixi run verify
  pixi run verify --level quick
  pixi run verify --json > verification.json
  envcompose verify .pixi/envs/default
"""


class _CannotJudge(Exception):
    """Nothing can be said: the problems, each one sentence."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def main(argv: Sequence[str]) -> int:
    """Judge an environment and print the judgement; the exit status is the verdict's (`--help` tells)."""
    options = _parser().parse_args(list(argv))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(options)
    except KeyboardInterrupt:
        if options.json:
            print(render.to_json((), {"level": options.level}, ["interrupted"]), flush=True)
        print("verify: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads the output has seen enough; what is left of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 5


def _run(options: argparse.Namespace) -> int:
    facts: dict[str, str | None] = {"level": options.level}
    try:
        case = _case(options)
    except _CannotJudge as error:
        if options.json:
            print(render.to_json((), facts, error.problems))
        for problem in error.problems:
            print(f"verify: {render.plain(problem)}", file=sys.stderr)
        return 5
    facts.update(composed_with=case.expect.version, digest=case.expect.digest, python=case.environment.version)
    outcomes = judge(case, progress=sys.stderr.isatty() and not options.json)
    if case.full:
        check_built.write_stamp(case, outcomes)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if options.json:
        print(render.to_json(outcomes, facts), flush=True)
    else:
        print(render.to_table(outcomes, colour, each=options.verbose), flush=True)
    return exit_status(outcomes)


def judge(case: Case, progress: bool = False) -> tuple[Outcome, ...]:
    """Every check's outcome, in the order of CHECKS; a check that fails in itself is *unknown*, never an exception."""
    outcomes = []
    for check in CHECKS:
        if progress:
            print(f"\r\x1b[K{check.title} ...", end="", file=sys.stderr, flush=True)
        if case.full or check.quick:
            outcomes.append(Outcome(check.id, check.group, check.title, _guarded(check, case)))
        else:
            outcomes.append(Outcome(check.id, check.group, check.title, Result(skipped="not in the quick level")))
    if progress:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return tuple(outcomes)


def _guarded(check: Check, case: Case) -> Result:
    try:
        return check.judge(case)
    except Exception as error:
        fix = "report it with this line: it is a defect of the verifier"
        return Result(0, (Finding(UNKNOWN, check.id, "the check runs", f"{type(error).__name__}: {error}", fix),))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify",
        description="Judge an installed environment against its composition.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prefix", nargs="?", help="the environment's folder (default: the one this Python runs in)")
    parser.add_argument("--expect", metavar="FILE", help="the expectations (default: expect.json beside the verifier)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--level", choices=("quick", "full"), default="full", help="quick imports nothing (default: full)"
    )
    parser.add_argument("--require-gpu", action="store_true", help="fail where there is no GPU to check with")
    parser.add_argument(
        "--time-limit", metavar="SECONDS", type=_seconds, default=180.0, help="for one import (default: 180)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every check, not only for each group")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError("not a number of seconds")
    return value


def _case(options: argparse.Namespace) -> Case:
    prefix = _prefix(options.prefix)
    path = options.expect or _find_expectations(prefix)
    try:
        with open(path, encoding="utf-8") as file:
            expect = expectations.read(file.read())
    except OSError as error:
        raise _CannotJudge(f"the expectations {path} cannot be read: {error.strerror}") from None
    except expectations.ExpectationsInvalid as error:
        raise _CannotJudge(
            *(f"the expectations {path} cannot be used: {problem}" for problem in error.problems)
        ) from None
    except UnicodeDecodeError:
        raise _CannotJudge(f"the expectations {path} cannot be used: it is not UTF-8") from None
    try:
        found = environment.look(prefix)
    except environment.NoEnvironment as error:
        raise _CannotJudge(f"the environment {prefix} cannot be judged: {error}") from None
    return Case(
        expect=expect,
        environment=found,
        variables=dict(os.environ),
        activated=os.path.realpath(prefix) == os.path.realpath(sys.prefix),
        root=os.path.dirname(os.path.dirname(os.path.abspath(path))),
        full=options.level == "full",
        require_gpu=options.require_gpu,
        limit=options.time_limit,
    )


def _prefix(given: str | None) -> str:
    """The environment's folder; a project's folder stands for its default environment."""
    if given is None:
        return sys.prefix
    inside = os.path.join(given, ".pixi", "envs", "default")
    if not os.path.exists(os.path.join(given, "bin", "python")) and os.path.isdir(inside):
        return os.path.abspath(inside)
    return os.path.abspath(given)


def _find_expectations(prefix: str) -> str:
    """`expect.json` beside the verifier, else in the `.envcompose` of a folder above the prefix or the current one."""
    folder = os.path.dirname(os.path.abspath(__file__))
    candidates = [os.path.join(os.path.dirname(folder), "expect.json")]
    for start in (prefix, os.getcwd()):
        while os.path.dirname(start) != start:
            candidates.append(os.path.join(start, ".envcompose", "expect.json"))
            start = os.path.dirname(start)
    return next((path for path in candidates if os.path.isfile(path)), candidates[0])
