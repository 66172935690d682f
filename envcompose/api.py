"""The library: read inputs, compose, plan and write files, with the real world wired in.

    from envcompose.api import Inputs, Wishes, compose_environment

    result = compose_environment(Inputs(words=("axolotl",)), Wishes(cuda="12.4"))
    print(result.composition.torch.version, result.texts["pixi.toml"])

Every error that a caller can cause is an `envcompose.errors.EnvcomposeError` with a code and an exit status. Composing
writes nothing; `write_result` does.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envcompose import __version__
from envcompose.analysing import Analysed, analyze
from envcompose.compose import compose
from envcompose.errors import EnvcomposeError, Infeasible
from envcompose.inputs import Inputs, load_recipes, read_intent
from envcompose.model.composition import Composition
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent, Wishes
from envcompose.model.repair import DEFAULT_EFFORT, Conflict, Repairs
from envcompose.model.values import dataclass
from envcompose.search.relaxation import ProjectOption
from envcompose.world.apply import PlannedFile, check_folder, plan_files, write_files
from envcompose.world.files import DiskFiles, verifier_texts
from envcompose.worlds import world_of
from envcompose.write.bundle import MANIFEST, Bundle, bundle_of

if TYPE_CHECKING:
    from envcompose.world.pixi import PixiVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A composition and the files it would write; `folder` is where they belong."""

    composition: Composition
    folder: Path
    files: tuple[PlannedFile, ...]

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts by relative path."""
        return {file.path: file.text for file in self.files}


def compose_environment(
    inputs: Inputs,
    wishes: Wishes,
    *,
    folder: Path | None = None,
    refresh: bool = False,
    force: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    trace: Callable[[str], None] = lambda line: None,
    heard: Callable[[Intent], None] = lambda intent: None,
) -> Result:
    """Compose one environment and plan its files; nothing is written.

    `tell` hears of progress, `trace` the resolver's own words, `heard` the intent once it is read. Raises
    EnvcomposeError: exit status 1 infeasible, 2 input, 3 a source is unreachable, 4 a file is in the way.
    """
    facts, _ = load_recipes()
    intent, target = read_intent(inputs, wishes, facts, folder=folder)
    heard(intent)
    check_folder(target, force=force)
    with world_of(intent, refresh=refresh, tell=tell, trace=trace) as world:
        composition = compose(intent, world)
    plan = plan_files(target, _judged(composition, target), force=force)
    return Result(composition=plan.bundle.composition or composition, folder=target, files=plan.files)


def _judged(composition: Composition, folder: Path) -> Bundle:
    """The texts of a composition; a lock that pixi would not take is left out, and its fault told."""
    from envcompose.check.own_lock import reasons_against
    from envcompose.review.locked import without_lock

    bundle = bundle_of(composition, version=__version__, verifier=verifier_texts())
    solution = composition.solution
    if solution is None or bundle.lock is None:
        return bundle
    reasons = reasons_against(
        dict(bundle.files)[MANIFEST],
        bundle.lock,
        DiskFiles(folder),
        default_index=solution.default_index,
        root=folder.as_posix(),
    )
    return bundle.told_as(without_lock(composition, reasons)) if reasons else bundle


def repairs_of(
    inputs: Inputs,
    wishes: Wishes,
    *,
    folder: Path | None = None,
    error: Infeasible | None = None,
    effort: int = DEFAULT_EFFORT,
    refresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    trace: Callable[[str], None] = lambda line: None,
    told: Callable[[Conflict], None] = lambda conflict: None,
) -> Repairs:
    """What conflicts in an infeasible wish, and its repairs, nearest first; each was composed, both layers.

    `error` is what `compose_environment` raised for the same inputs and wishes; without it they are composed first,
    and a wish that composes has nothing to repair. At most `effort` changed wishes are composed, of which `tell`
    hears; `told` hears of the conflict before repairs are looked for. Paths in the commands are as in `inputs`.
    Raises what the readers raise, and without `error` what composing raises beside Infeasible.
    """
    from envcompose.repair.answer import answer

    facts, _ = load_recipes()
    # Seen from where the command runs, so that paths in the answer are what the user typed.
    intent, _ = read_intent(inputs, wishes, facts, folder=inputs.base)
    with world_of(intent, refresh=refresh, tell=tell, trace=trace) as world:
        if error is None:
            try:
                compose(intent, world)
            except Infeasible as raised:
                error = raised
            else:
                return Repairs(conflict=None, repairs=(), solves=0, complete=True)
        return answer(
            intent,
            error,
            world,
            effort=effort,
            cuda_is_option=wishes.cuda is not None,
            options=_project_options(inputs, wishes, facts, intent),
            suffix=_suffix(inputs, wishes, folder),
            tell=tell,
            told=told,
        )


def _project_options(inputs: Inputs, wishes: Wishes, facts: Facts, intent: Intent) -> tuple[ProjectOption, ...]:
    """The extras and groups that are asked of a project folder, each with the lines that are not read without it."""
    lines = {(user.text, user.origin) for user in intent.reading.requirements}
    fewer = [("--extra", name, replace(inputs, extras=_without(inputs.extras, name))) for name in inputs.extras]
    fewer += [("--group", name, replace(inputs, groups=_without(inputs.groups, name))) for name in inputs.groups]
    found = []
    for option, name, others in fewer:
        left = read_intent(others, wishes, facts, folder=inputs.base)[0].reading.requirements
        own = frozenset(lines - {(user.text, user.origin) for user in left})
        found.append(ProjectOption(option=option, name=name, lines=own))
    return tuple(found)


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


def _suffix(inputs: Inputs, wishes: Wishes, folder: Path | None) -> str:
    """The options of a command that no intent holds."""
    words = ["-o", os.path.relpath(folder.resolve(), inputs.base)] if folder is not None else []
    words += ["--require-proof"] if wishes.require_proof else []
    words += ["--offline"] if wishes.offline else []
    return "".join(f" {shlex.quote(word)}" for word in words)


def write_result(result: Result, *, force: bool = False) -> tuple[str, ...]:
    """Write the files of a result; gives notes about what was kept aside. Raises NotWritable."""
    return write_files(result.folder, result.files, force=force)


def ask_pixi_of(result: Result) -> PixiVerdict | None:
    """What the pixi on PATH says of the lock that was written; None without a lock or without a pixi."""
    from envcompose.world.pixi import ask_pixi

    if not result.composition.locked:
        return None
    target = result.composition.target
    return ask_pixi(result.folder / MANIFEST, driver=target.driver)


def drift_of_tables() -> tuple[str, ...]:
    """Where the torch table and the package index differ now; one line each. Raises IndexUnreachable."""
    from envcompose.world.cache import Cache
    from envcompose.world.drift import table_drift
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy

    facts, rules = load_recipes()
    return table_drift(HttpIndex(IndexPolicy(refresh=True), Cache(None), rules, time.time, Http()), facts.torch)


__all__ = [
    "Analysed",
    "EnvcomposeError",
    "Inputs",
    "Result",
    "Wishes",
    "analyze",
    "compose_environment",
    "load_recipes",
    "read_intent",
    "repairs_of",
    "world_of",
    "write_result",
]
