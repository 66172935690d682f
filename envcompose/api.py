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
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.version import Version

from envcompose import __version__
from envcompose.compose import World, compose
from envcompose.errors import (
    EnvcomposeError,
    IndexAddress,
    Infeasible,
    MistakenName,
    NothingAsked,
    NothingUsable,
    OptionWithoutProject,
)
from envcompose.model.composition import Composition
from envcompose.model.facts import Facts
from envcompose.model.intent import InputReading, Intent, Request, StackRequest, Wishes
from envcompose.model.repair import DEFAULT_EFFORT, Conflict, Repairs
from envcompose.model.requirement import UserRequirement
from envcompose.model.values import dataclass
from envcompose.read.relocate import relocated
from envcompose.read.secrets import mask_secrets
from envcompose.search.conda_wishes import with_conda_wishes
from envcompose.search.relaxation import ProjectOption
from envcompose.search.torch_indexes import with_torch_indexes
from envcompose.world.apply import PlannedFile, check_folder, plan_files, write_files
from envcompose.world.files import DiskFiles, recipe_texts, verifier_texts
from envcompose.write.bundle import MANIFEST, Bundle, bundle_of

if TYPE_CHECKING:
    from envcompose.model.analysis import Analysis
    from envcompose.world.pixi import PixiVerdict
    from envcompose.world.sources import Source

RULES = "tables/build_rules.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What to read: words as on the command line, files and a project folder, relative to `base`."""

    words: tuple[str, ...] = ()
    requirement_files: tuple[str, ...] = ()
    environment_file: str | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    base: Path = field(default_factory=Path.cwd)


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


@cache
def load_recipes() -> tuple[Facts, str]:
    """All facts that ship with envcompose, and the text of the analyser's rules. Raises RecipeInvalid."""
    from envcompose.read.recipes import load_facts

    texts = dict(recipe_texts())
    rules = texts.pop(RULES)
    return load_facts(texts), rules


def read_intent(inputs: Inputs, wishes: Wishes, facts: Facts, *, folder: Path | None = None) -> tuple[Intent, Path]:
    """Read every input; gives the intent and the folder for its manifest (a project's own, unless `folder` is given).

    Raises the readers' errors, and NothingAsked where there is no input.
    """
    from envcompose.read.merge import merge_readings
    from envcompose.read.positional import read_positionals

    files = DiskFiles(inputs.base)
    stacks, requirements, paths, messages = read_positionals(inputs.words, stacks=facts.stacks, files=files)
    readings = [InputReading(requirements=requirements, messages=messages)]
    readings += _read_files(inputs, files)
    readings += _read_folders(inputs, paths, files)
    if not (stacks or requirements or paths or inputs.requirement_files or inputs.environment_file):
        raise NothingAsked()
    _check_words(inputs, requirements, facts)
    if (inputs.extras or inputs.groups) and not paths:
        raise OptionWithoutProject(
            options=[*(f"--extra {name}" for name in inputs.extras), *(f"--group {name}" for name in inputs.groups)]
        )
    merged = merge_readings(readings)
    _check_reading(merged, stacks, wishes)
    target = (folder or _folder_of(inputs, merged)).resolve()
    request = _request(inputs, paths, target)
    placed = relocated(_placed(merged, inputs.base, target), lambda path: _seen(inputs.base, path, target))
    intent = Intent(stacks=stacks, reading=placed, wishes=wishes, request=request)
    return with_torch_indexes(with_conda_wishes(intent, facts), facts), target


def _check_words(inputs: Inputs, requirements: Sequence[UserRequirement], facts: Facts) -> None:
    """Are the named projects what people mean by them? `pypi:` in front insists. Raises MistakenName."""
    insisted = any(word.strip().startswith("pypi:") for word in inputs.words)
    known = {name: (what, meant) for name, what, meant in facts.mistaken}
    for user in requirements:
        if user.name in known and user.requirement.url is None and not insisted:
            what, meant = known[user.name]
            raise MistakenName(name=user.name, what=what, meant=meant)


def _check_reading(reading: InputReading, stacks: Sequence[StackRequest], wishes: Wishes) -> None:
    """Is there anything to compose, and are the indexes addresses? Raises NothingUsable, IndexAddress."""
    if not (stacks or reading.requirements or reading.conda or reading.project):
        lost = [f"{fate.origin}: {fate.text}: {fate.note or fate.outcome.value}" for fate in reading.fates]
        raise NothingUsable(lines=lost or ["the inputs hold no requirement"])
    options = reading.indexes
    for url in (wishes.index, options.index_url, *options.extra_index_urls, *(url for _, url in options.pinned)):
        if url is not None and not _is_http(url):
            raise IndexAddress(shown=mask_secrets(url))


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _read_files(inputs: Inputs, files: DiskFiles) -> list[InputReading]:
    readings = []
    for path in inputs.requirement_files:
        from envcompose.read.requirements_txt import read_requirements_txt

        readings.append(read_requirements_txt(path, files, environ=os.environ))
    if inputs.environment_file is not None and inputs.environment_file.endswith(".toml"):
        from envcompose.read.pixi_manifest import read_pixi_manifest

        readings.append(read_pixi_manifest(inputs.environment_file, files))
    elif inputs.environment_file is not None:
        from envcompose.read.environment_yml import read_environment_yml

        readings.append(read_environment_yml(inputs.environment_file, files, environ=os.environ))
    return readings


def _read_folders(inputs: Inputs, paths: Sequence[str], files: DiskFiles) -> list[InputReading]:
    readings = []
    for path in paths:
        from envcompose.read.folder import read_folder

        readings.append(
            read_folder(path, files, extras=inputs.extras, groups=inputs.groups, evaluate_setup=_evaluate_setup)
        )
    return readings


def _evaluate_setup(
    files: Mapping[str, bytes],
) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]], str | None, tuple[str, ...]]:
    """What a project's setup.py asks for, by the analyser: requirements, extras, Python, and what could not be followed."""
    from packaging.requirements import Requirement

    from envcompose.analyse import analyse_sdist, load_rules, trim_checkout

    analysis = analyse_sdist(trim_checkout(files, "project"), rules=load_rules(recipe_texts()[RULES]), torches=(None,))
    reading = analysis.readings[0]
    base: list[str] = []
    extras: dict[str, list[str]] = {extra: [] for extra in reading.provides_extra}
    for text in reading.requires_dist:
        requirement = Requirement(text)
        owner = next((e for e in extras if requirement.marker and f'extra == "{e}"' in str(requirement.marker)), None)
        (base if owner is None else extras[owner]).append(text)
    return (
        tuple(base),
        {name: tuple(texts) for name, texts in extras.items()},
        reading.requires_python,
        reading.incomplete,
    )


def _folder_of(inputs: Inputs, reading: InputReading) -> Path:
    """Where the manifest goes without -o: into the project's folder, else where the command runs."""
    return inputs.base / reading.project.path if reading.project is not None else inputs.base


def _placed(reading: InputReading, base: Path, folder: Path) -> InputReading:
    """The reading with its project's path as seen from the manifest."""
    if reading.project is None:
        return reading
    path = os.path.relpath((base / reading.project.path).resolve(), folder)
    shown = "." if path == "." else path if path.startswith(".") else f"./{path}"
    return replace(reading, project=replace(reading.project, path=shown))


def _seen(base: Path, path: str, folder: Path) -> str:
    """A path of the input as the manifest's folder sees it."""
    return os.path.relpath((base / path).resolve(), folder)


def _request(inputs: Inputs, paths: Sequence[str], folder: Path) -> Request:
    def seen(path: str) -> str:
        return _seen(inputs.base, path, folder)

    words = tuple(
        mask_secrets(word) for word in inputs.words if word not in paths and os.path.normpath(word) not in paths
    )
    return Request(
        words=words,
        requirement_files=tuple(seen(path) for path in inputs.requirement_files),
        environment_file=seen(inputs.environment_file) if inputs.environment_file else None,
        project=seen(paths[0]) if paths else None,
        extras=inputs.extras,
        groups=inputs.groups,
    )


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
    facts, rules = load_recipes()
    intent, target = read_intent(inputs, wishes, facts, folder=folder)
    heard(intent)
    check_folder(target, force=force)
    with _world(intent, facts, rules, refresh=refresh, tell=tell, trace=trace) as world:
        composition = compose(intent, world)
    composition, bundle = _judged(composition, target)
    return Result(composition=composition, folder=target, files=plan_files(target, bundle, force=force))


def _judged(composition: Composition, folder: Path) -> tuple[Composition, Bundle]:
    """The composition with its texts; a lock that pixi would not take is left out, and its fault told."""
    from envcompose.check.own_lock import reasons_against
    from envcompose.review.locked import without_lock

    bundle = bundle_of(composition, version=__version__, verifier=verifier_texts())
    solution = composition.solution
    if solution is None or bundle.lock is None:
        return composition, bundle
    reasons = reasons_against(
        dict(bundle.files)[MANIFEST],
        bundle.lock,
        DiskFiles(folder),
        default_index=solution.default_index,
        root=folder.as_posix(),
    )
    if not reasons:
        return composition, bundle
    composition = without_lock(composition, reasons)
    return composition, bundle_of(composition, version=__version__, verifier=verifier_texts())


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

    facts, rules = load_recipes()
    # Seen from where the command runs, so that paths in the answer are what the user typed.
    intent, _ = read_intent(inputs, wishes, facts, folder=inputs.base)
    with _world(intent, facts, rules, refresh=refresh, tell=tell, trace=trace) as world:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """What `analyze` found, and where it read it."""

    analysis: Analysis
    source: Source


def analyze(
    what: str | Path,
    *,
    torches: Sequence[str] = (),
    python: str | None = None,
    index: str | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> Analysed:
    """What an sdist needs to build, read and never run: a path (an archive or a source folder) or a requirement.

    The readings assume no torch first and then each of `torches` in order; without any, the newest release of each
    torch minor that the tables know. Raises EnvcomposeError: exit status 2 input, 3 the index.
    """
    from envcompose.analyse import load_rules
    from envcompose.world.cache import Cache, cache_folder
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy
    from envcompose.world.sources import Assumptions, analyse_path, analyse_release

    facts, rules = load_recipes()
    assumed = Assumptions(torches=(None, *(torches or _minors(facts))), python=python or facts.pythons[-1].version)
    if isinstance(what, Path):
        analysis, source = analyse_path(what, load_rules(rules), assumed)
        return Analysed(analysis=analysis, source=source)
    if index is not None and not _is_http(index):
        raise IndexAddress(shown=mask_secrets(index))
    cache = Cache(cache_folder())
    policy = IndexPolicy(urls=(index,), offline=offline, refresh=refresh)
    try:
        analysis, source = analyse_release(what, lambda: HttpIndex(policy, cache, rules, time.time, Http()), assumed)
    finally:
        cache.close()
    return Analysed(analysis=analysis, source=source)


def _minors(facts: Facts) -> tuple[str, ...]:
    """The newest release of each torch minor in the tables, oldest first."""
    newest: dict[tuple[int, int], Version] = {}
    for release in facts.torch:
        minor = (release.version.major, release.version.minor)
        newest[minor] = max(newest.get(minor, release.version), release.version)
    return tuple(str(newest[minor]) for minor in sorted(newest))


def drift_of_tables() -> tuple[str, ...]:
    """Where the torch table and the package index differ now; one line each. Raises IndexUnreachable."""
    from envcompose.world.cache import Cache
    from envcompose.world.drift import table_drift
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy

    facts, rules = load_recipes()
    return table_drift(HttpIndex(IndexPolicy(refresh=True), Cache(None), rules, time.time, Http()), facts.torch)


def world_of(
    intent: Intent,
    *,
    refresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    trace: Callable[[str], None] = lambda line: None,
) -> AbstractContextManager[World]:
    """The real world for an intent, as a context: what `compose` asks; several compositions may share it."""
    facts, rules = load_recipes()
    return _world(intent, facts, rules, refresh=refresh, tell=tell, trace=trace)


def _load_writers() -> None:
    """Load what is needed once everything is resolved."""
    import envcompose.check.own_lock
    import envcompose.manifest.pixi_toml
    import envcompose.write.expectations
    import envcompose.write.lock
    import envcompose.write.manifest
    import envcompose.write.report  # noqa: F401


class _world:
    """The real world as a context: index, resolver and cache, closed at the end."""

    def __init__(
        self,
        intent: Intent,
        facts: Facts,
        rules: str,
        *,
        refresh: bool,
        tell: Callable[[str], None],
        trace: Callable[[str], None],
    ) -> None:
        from envcompose.world.cache import Cache, cache_folder
        from envcompose.world.default_index import default_index
        from envcompose.world.http import Http
        from envcompose.world.index import HttpIndex, IndexPolicy
        from envcompose.world.name_map import PublicNameMap
        from envcompose.world.rattler import RattlerSolver
        from envcompose.world.uv import UvResolver

        wishes, options = intent.wishes, intent.reading.indexes
        # An extra index is asked before the default one, as uv and pixi do (first-index rule).
        urls = (*options.extra_index_urls, wishes.index or options.index_url)
        policy = IndexPolicy(urls=urls, offline=wishes.offline, refresh=refresh, as_of=wishes.as_of)
        self._cache = Cache(cache_folder())
        http = Http()
        index = HttpIndex(policy, self._cache, rules, time.time, http)
        self._resolver = UvResolver(trace, meanwhile=_load_writers)
        folder = cache_folder()
        self._made = World(
            facts=facts,
            index=index,
            resolver=self._resolver,
            solver=RattlerSolver(cache=folder, offline=wishes.offline, refresh=refresh, tell=trace),
            names=PublicNameMap(
                facts, cache=self._cache, http=http, now=time.time, offline=wishes.offline, refresh=refresh, tell=trace
            ),
            default_index=default_index(),
            trace=trace,
            tell=tell,
        )

    def __enter__(self) -> World:
        self._resolver.__enter__()
        return self._made

    def __exit__(self, *_: object) -> None:
        self._resolver.__exit__()
        self._cache.close()


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
