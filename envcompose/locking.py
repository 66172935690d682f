"""The flow of locking a manifest that is there, on one screen: each solve of it, both layers, to one lock file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from packaging.version import InvalidVersion, Version

from envcompose.analyse import BuildRules
from envcompose.check.lock_platforms import aligned, lock_text_of
from envcompose.check.markers import marker_environment
from envcompose.errors import LockNotSupported, PythonMissing, SecretInManifest
from envcompose.lock.conda_half import CondaHalf, channel_address
from envcompose.lock.conflict import Near, infeasible
from envcompose.lock.direct import DirectReader
from envcompose.lock.entries import distributions
from envcompose.lock.goals import Goal, goals_of, platform_words
from envcompose.lock.indexes import IndexRules, ManifestIndex
from envcompose.lock.join import Agreed, Disagreed, join
from envcompose.lock.kept import Kept, kept_of
from envcompose.lock.names import OWN_MAP, MappedNames, ReadMapping
from envcompose.lock.pypi_half import Interpreter, PypiHalf
from envcompose.lock.subset import conda_subset
from envcompose.lock.told import messages_of
from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import Locked, LockEnvironment, LockFile, LockPlatform
from envcompose.manifest.lock_platforms import lock_platform_names
from envcompose.manifest.workspace import DEFAULT, ChannelPriority, PrereleaseMode, SolveStrategy, Workspace
from envcompose.manifest.workspace_views import View, all_platforms, cutoffs_of
from envcompose.model.distribution import PackageFile
from envcompose.model.message import Message
from envcompose.model.record import CondaRecord
from envcompose.model.target import sys_platform
from envcompose.model.values import dataclass
from envcompose.ports import CondaSolver, NameMap, PackageIndex, Resolver, Sources
from envcompose.read.secrets import mask_secrets
from envcompose.resolve.tags import WheelPlatform, platform_ranks
from envcompose.search.layers import version_of
from envcompose.write.lock import locked_conda, locked_pypi

SUBDIRS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-arm64")
"""The platforms whose PyPI packages can be locked: those that the resolver knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWorld:
    """What locking asks. `open_index` opens indexes for a subdir (with upload times, where dates are asked for), `read_links` gives what a page links (find-links);
    `now` is what durations are counted from; `near` knows names that a misspelt one may mean.

    `root` is the address of the manifest's folder, with a slash at its end, for channels on disk.
    """

    rules: BuildRules
    open_index: Callable[[str, tuple[str | None, ...], bool], PackageIndex]
    resolver: Resolver
    solver: CondaSolver
    names: NameMap
    sources: Sources
    read_mapping: ReadMapping
    read_links: Callable[[str], tuple[PackageFile, ...]]
    default_index: str
    root: str
    now: datetime
    near: Near = lambda layer, name: ()
    tell: Callable[[str], None] = lambda line: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """One solve with its solution."""

    goal: Goal
    agreed: Agreed
    half: PypiHalf | None
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedWorkspace:
    """The lock of a workspace, what it was solved from, and what is to be said about it."""

    lock: LockFile
    solved: tuple[Solved, ...]
    messages: tuple[Message, ...]


def lock_workspace(workspace: Workspace, world: LockWorld, *, earlier: LockFile | None = None) -> LockedWorkspace:
    """Solve all of a workspace; versions of an `earlier` lock are kept where they still fit. Writes nothing.

    Raises LockInfeasible (exit 1), LockNotSupported (exit 2), and what the ports raise (exit 3).
    """
    locking = _Locking(workspace, world, earlier)
    solved = []
    for goal in goals_of(workspace):
        world.tell(f"solving {goal.label}")
        solved.append(locking.solve(goal))
    lock = locking.lock_of(solved)
    return LockedWorkspace(lock=lock, solved=tuple(solved), messages=messages_of(solved, workspace))


class _Locking:
    def __init__(self, workspace: Workspace, world: LockWorld, earlier: LockFile | None) -> None:
        self._workspace = workspace
        self._world = world
        platforms = all_platforms(workspace)
        self._platform_names = lock_platform_names([(one.name, one.subdir) for one in platforms])
        self._earlier = None if earlier is None else aligned(earlier, platforms)
        self._names = self._name_map()

    def _name_map(self) -> NameMap | None:
        """None where no environment has PyPI dependencies: then pixi asks for no names either."""
        workspace, world = self._workspace, self._world
        if not any(target.pypi for feature in workspace.features.values() for target in feature.targets) and not any(
            environment.own is not None and any(target.pypi for target in environment.own.targets)
            for environment in workspace.environments
        ):
            return None
        said = workspace.conda_pypi_map
        return world.names if said is None else MappedNames(world.names, said, world.read_mapping)

    def solve(self, goal: Goal) -> Solved:
        """One solve. Raises LockInfeasible, LockNotSupported, and what the ports raise."""
        manifest = self._workspace.path.rpartition("/")[2]
        kept = kept_of(self._earlier, goal, self._platform_names)
        conda = CondaHalf(
            goal,
            self._world.solver,
            self._names,
            manifest=manifest,
            root=self._world.root,
            cutoffs=cutoffs_of(self._workspace, goal.channels, self._world.now),
            kept=kept.records,
        )
        halves: dict[str, PypiHalf] = {}

        def pypi(python: CondaRecord) -> PypiHalf:
            if python.url not in halves:
                halves[python.url] = self._half(goal, python, kept, manifest)
            return halves[python.url]

        self._check(goal, manifest)
        found = join(conda, pypi if goal.pypi else None, self._world.tell)
        if isinstance(found, Disagreed):
            # Both engines tell their own words themselves, to whoever wants them.
            self._world.tell("looking for the lines that clash")
            by_days = found.conda is not None and conda.is_left_out_by_days(found.conda)
            raise infeasible(found, goal, manifest, self._world.near, by_days=by_days)
        if goal.pypi and found.conda.python is None:
            raise PythonMissing(
                environment=goal.label, table=self._conda_table(goal), file=manifest, line=goal.pypi[0].line
            )
        half = halves[found.conda.python.url] if found.pypi is not None and found.conda.python is not None else None
        return Solved(goal=goal, agreed=found, half=half, kept=kept)

    def _conda_table(self, goal: Goal) -> str:
        """The table in which a conda dependency of all that a goal solves can stand."""
        names = [name for view in goal.views for name in view.features]
        name = DEFAULT if DEFAULT in names else names[0]
        if name == DEFAULT:
            table = "dependencies"
        else:
            table = f"{'feature' if name in self._workspace.features else 'environments'}.{name}.dependencies"
        return f"[{'tool.pixi.' if self._workspace.path.endswith('pyproject.toml') else ''}{table}]"

    def _check(self, goal: Goal, manifest: str) -> None:
        """Is there something that is not locked here? Raises LockNotSupported and SecretInManifest."""
        options = goal.options
        named = [("a channel", channel.url) for channel in goal.channels]
        if goal.pypi:
            named += [("an index", url) for url in (options.index_url, *options.extra_index_urls) if url is not None]
            named += [("an index", wish.index) for wish in goal.pypi if wish.index is not None]
            named += [("find-links", value) for kind, value in options.find_links if kind == "url"]
        for what, url in named:
            if mask_secrets(url) != url:
                raise SecretInManifest(what=what, shown=mask_secrets(url), file=manifest)
        subdir = goal.platform.subdir
        if goal.pypi and (subdir not in SUBDIRS or (not goal.system and not subdir.startswith("win-"))):
            name = goal.platform.name
            what = f"PyPI dependencies for {platform_words(goal.platform)}"
            what += f" ({subdir})" if subdir not in name else ""
            raise LockNotSupported(what=what, file=manifest, line=None)

    def _half(self, goal: Goal, python: CondaRecord, kept: Kept, manifest: str) -> PypiHalf:
        interpreter = _interpreter(goal, python, manifest)
        subdir = goal.platform.subdir
        reader = DirectReader(
            self._world.sources,
            self._world.open_index(subdir, (goal.options.index_url,), False),
            self._world.rules,
            platform=sys_platform(goal.platform.subdir),
            markers=interpreter.markers,
            commits=kept.commits,
        )
        rules = IndexRules(
            options=goal.options,
            pins={wish.name: wish.index for wish in goal.pypi if wish.index is not None},
            cutoff=self._cutoff,
            links=self._links(goal, reader),
        )
        dated = self._workspace.exclude_newer is not None or bool(self._workspace.pypi_cutoffs)
        index = ManifestIndex(lambda urls: self._world.open_index(subdir, urls, dated), rules)
        return PypiHalf(goal, self._world.resolver, index, reader, interpreter, kept=kept.versions, manifest=manifest)

    def _links(self, goal: Goal, reader: DirectReader) -> dict[str, tuple[PackageFile, ...]]:
        """What find-links offer, by name; of one file name the first counts."""
        found: dict[str, tuple[PackageFile, ...]] = {}
        for kind, value in goal.options.find_links:
            pages = reader.linked(value) if kind == "path" else _by_name(self._world.read_links(value))
            for name, files in pages.items():
                known = found.get(name, ())
                filenames = {file.filename for file in known}
                found[name] = (*known, *(file for file in files if file.filename not in filenames))
        return found

    def _cutoff(self, name: str) -> datetime | None:
        cutoff = self._workspace.pypi_cutoffs.get(name, self._workspace.exclude_newer)
        return None if cutoff is None else cutoff.instant(self._world.now)

    def lock_of(self, solved: Sequence[Solved]) -> LockFile:
        """All solutions as one lock file."""
        packages: dict[str, dict[str, tuple[Locked, ...]]] = {}
        views: dict[str, View] = {}
        # pixi asks for the PyPI names of records only where an environment of their solve has PyPI dependencies.
        named = frozenset(
            record.url
            for one in solved
            if any(view.has_pypi for view in one.goal.views)
            for record in one.agreed.conda.records.values()
        )
        for one in solved:
            name = self._platform_names[one.goal.platform.name]
            for view in one.goal.views:
                views.setdefault(view.environment, view)
                packages.setdefault(view.environment, {})[name] = self._packages(one, view, named)
        platforms = [
            LockPlatform(
                name=self._platform_names[platform.name],
                subdir=platform.subdir,
                virtual=tuple(lock_text_of(package) for package in platform.virtual),
            )
            for platform in all_platforms(self._workspace)
        ]
        used = {name for found in packages.values() for name in found}
        environments = [self._environment(view, packages[name]) for name, view in views.items()]
        return LockFile(
            platforms=tuple(platform for platform in platforms if platform.name in used),
            environments=tuple(environments),
        )

    def _packages(self, one: Solved, view: View, named: frozenset[str]) -> tuple[Locked, ...]:
        """What one environment has of a solve."""
        agreed = one.agreed
        members = []
        twins: Mapping[str, CondaRecord] = {}
        if agreed.pypi is not None and one.half is not None:
            reached = one.half.closure_of(view.pypi, agreed.pypi)
            members = [reached[name] for name in sorted(reached)]
            twins = {member.name: agreed.conda.twins[member.name] for member in members if member.release.stub}
        records = conda_subset(view, agreed.conda.records, twins.values())
        found: list[Locked] = [self._conda(record, named) for record in records]
        if agreed.pypi is not None:
            main = one.goal.options.index_url or self._world.default_index
            entries = distributions(agreed.pypi, members, default_index=main, hashes=one.kept.hashes)
            # An entry without an index counts as one of the environment's first, which may be another than the default.
            left_out = self._world.default_index if main == self._world.default_index else ""
            found += [locked_pypi(entry, left_out) for entry in entries]
        return tuple(found)

    def _conda(self, record: CondaRecord, named: frozenset[str]) -> Locked:
        if self._names is None or record.url not in named:
            return locked_conda(record, None)
        names = self._names.pypi_names(record) if version_of(record) is not None else ()
        if isinstance(self._names, MappedNames) and self._names.says(record):
            return locked_conda(record, names, names_from=OWN_MAP)
        return locked_conda(record, names)

    def _environment(self, view: View, packages: Mapping[str, tuple[Locked, ...]]) -> LockEnvironment:
        options = view.pypi_options
        indexes = (options.index_url or self._world.default_index, *options.extra_index_urls)
        return LockEnvironment(
            name=view.environment,
            channels=tuple(channel_address(one.url, self._world.root) for one in view.group_channels),
            indexes=indexes if view.has_pypi else None,
            find_links=options.find_links if view.has_pypi else (),
            options=_options(view),
            # pixi writes no platform without packages.
            packages={platform: found for platform, found in packages.items() if found},
        )


def _by_name(files: Sequence[PackageFile]) -> dict[str, tuple[PackageFile, ...]]:
    found: dict[str, tuple[PackageFile, ...]] = {}
    for file in files:
        found[file.name] = (*found.get(file.name, ()), file)
    return found


def _interpreter(goal: Goal, python: CondaRecord, manifest: str) -> Interpreter:
    """What a locked Python resolves for. Raises LockNotSupported for a version that says nothing to PyPI."""
    try:
        Version(python.version)
        minor = parse_version(python.version).major_minor
    except (InvalidVersion, VersionInvalid):
        minor = None
    if minor is None:
        raise LockNotSupported(what=f"PyPI dependencies beside python {python.version}", file=manifest, line=None)
    free = any(text.startswith("python_abi ") and re.search(r"cp\d{3}t", text) for text in python.depends)
    platform = WheelPlatform(subdir=goal.platform.subdir, system=goal.system, free_threaded=free)
    return Interpreter(
        markers=marker_environment(goal.platform.subdir, python.version, minor),
        ranks=platform_ranks(f"{minor[0]}.{minor[1]}", platform),
    )


def _options(view: View) -> dict[str, str]:
    """What the lock says of how it was solved; only what is not pixi's default is written."""
    strategy = {SolveStrategy.LOWEST: "lowest-version", SolveStrategy.LOWEST_DIRECT: "lowest-version-direct"}
    found = {}
    if view.solve_strategy in strategy:
        found["strategy"] = strategy[view.solve_strategy]
    if view.channel_priority is not ChannelPriority.STRICT:
        found["channel-priority"] = view.channel_priority.value
    if view.prerelease_mode is not PrereleaseMode.IF_NECESSARY_OR_EXPLICIT:
        found["pypi-prerelease-mode"] = view.prerelease_mode.value
    return found
