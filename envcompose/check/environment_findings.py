"""Findings about one locked environment on one platform: what its packages say of each other and of the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.check.finding import Finding
from envcompose.check.locations import place_of
from envcompose.check.python_bound import breaks_any_bound
from envcompose.check.twins import twins_of
from envcompose.check.wheel_fit import fitting_tags, tags_of
from envcompose.manifest.channels import channel_url
from envcompose.manifest.conda_url import conda_url_parts
from envcompose.manifest.lock import Locked, LockedConda, LockedPypi, LockEnvironment
from envcompose.manifest.match_spec import Condition, MatchSpec, parse_match_spec
from envcompose.manifest.urls import parse_url, without_credentials
from envcompose.manifest.version_spec import SpecInvalid
from envcompose.manifest.workspace import PypiOrigin
from envcompose.manifest.workspace_views import View
from envcompose.model.message import Level
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """One environment on one platform: what the manifest says, and what is locked."""

    view: View
    locked: LockEnvironment
    packages: Sequence[Locked]
    lines: Mapping[str, int]

    @property
    def records(self) -> list[LockedConda]:
        """The conda packages."""
        return [package for package in self.packages if isinstance(package, LockedConda)]

    @property
    def pypi(self) -> list[LockedPypi]:
        """The PyPI packages."""
        return [package for package in self.packages if isinstance(package, LockedPypi)]

    @property
    def python(self) -> LockedConda | None:
        """The locked Python."""
        return next((record for record in self.records if record.name == "python"), None)

    def finding(self, code: str, level: Level, text: str, package: Locked) -> Finding:
        """A finding about one package here."""
        return Finding(
            code=code,
            level=level,
            text=text,
            environment=self.view.environment,
            platform=self.view.platform.name,
            package=package.name,
            line=self.lines.get(package.url),
        )


def environment_findings(solved: Solved) -> Iterator[Finding]:
    """All findings of one environment on one platform."""
    yield from _constrains(solved)
    yield from _origins(solved)
    yield from _indexes(solved)
    yield from _requires_python(solved)
    yield from _wheels(solved)
    yield from _extras(solved)
    yield from _both_layers(solved)


def _constrains(solved: Solved) -> Iterator[Finding]:
    """What records say of packages that they do not need: a solver keeps to it, and pixi does not check it."""
    records = {record.name.lower(): record for record in solved.records}
    virtual = {package.name: package for package in solved.view.virtual}
    for record in solved.records:
        for text in record.constrains:
            try:
                spec = parse_match_spec(text)
            except SpecInvalid:
                continue
            if spec.when is not None and not _holds(spec.when, solved):
                continue
            other = records.get(spec.name or "")
            machine = virtual.get(spec.name or "")
            if other is not None and not spec.matches(other):
                found = f"{other.name} {other.version} {other.build} is locked"
            elif machine is not None and not spec.admits(machine.version, machine.build):
                found = f"the platform has {machine.name} {machine.version}"
            else:
                continue
            said = f"{record.name} {record.version} goes only with {text}, and {found}"
            yield solved.finding("constrains", Level.ERROR, said, record)


def _holds(condition: Condition, solved: Solved) -> bool:
    spec = condition.spec
    if spec is not None:
        return any(spec.matches(record) for record in solved.records) or any(
            package.name == spec.name and spec.admits(package.version, package.build) for package in solved.view.virtual
        )
    answers = [_holds(part, solved) for part in condition.parts]
    return all(answers) if condition.every else any(answers)


def _origins(solved: Solved) -> Iterator[Finding]:
    """Records for another platform, or from a channel that the manifest does not name."""
    subdirs = {solved.view.platform.subdir, "noarch"}
    wishes = (*solved.view.dependencies, *solved.view.constraints)
    channels = {_channel(text) for text in solved.locked.channels}
    channels |= {_channel(wish.spec.channel) for wish in wishes if wish.spec.channel is not None}
    by_url = {wish.spec.url for wish in wishes if wish.spec.url is not None}
    for record in solved.records:
        says = conda_url_parts(record.url)
        for subdir in dict.fromkeys((record.subdir, says.subdir or record.subdir)):
            if subdir not in subdirs:
                text = f"{record.name} {record.version} is for {subdir}, not {solved.view.platform.subdir}"
                yield solved.finding("subdir-foreign", Level.ERROR, text, record)
        channel = says.channel if record.channel is None else record.channel
        if not channel or record.url in by_url or says.channel is None:
            continue
        foreign = [one for one in dict.fromkeys((channel, says.channel)) if _channel(one) not in channels]
        if foreign:
            shown = without_credentials(foreign[0])
            text = f"{record.name} {record.version} comes from {shown}, which is none of the environment's channels"
            yield solved.finding("channel-foreign", Level.ERROR, text, record)


def _channel(text: str) -> str:
    return without_credentials(channel_url(text))


def _indexes(solved: Solved) -> Iterator[Finding]:
    """Packages that others require, from an index that nobody names: pixi looks only at what the manifest requires."""
    if solved.locked.indexes is None:
        return
    links = [value for kind, value in solved.locked.find_links if kind == "url"]
    known = {_index(url) for url in (*solved.locked.indexes, *links)}
    wishes = (*solved.view.pypi, *solved.view.own_pypi_options.dependency_overrides.values())
    pinned = {(wish.name, _index(wish.index)) for wish in wishes if wish.index is not None}
    for package in solved.pypi:
        if package.index is None or place_of(package).url is None:
            continue
        index = _index(package.index)
        if index not in known and (package.name, index) not in pinned:
            shown = without_credentials(package.index)
            text = f"{package.name} comes from {shown}, which is none of the environment's indexes"
            yield solved.finding("index-foreign", Level.ERROR, text, package)


def _index(url: str) -> str:
    try:
        return without_credentials(parse_url(url)).rstrip("/")
    except ValueError:
        return url.rstrip("/")


def _requires_python(solved: Solved) -> Iterator[Finding]:
    """The whole of `requires_python`: pixi, like the resolver in it, passes over upper bounds and exclusions."""
    python = solved.python
    if python is None:
        return
    try:
        Version(python.version)
    except InvalidVersion:
        return
    for package in solved.pypi:
        if package.requires_python is not None and breaks_any_bound(python.version, package.requires_python):
            text = f"{package.name} requires Python {package.requires_python}, and {python.version} is locked"
            yield solved.finding("requires-python", Level.ERROR, text, package)


def _wheels(solved: Solved) -> Iterator[Finding]:
    python = solved.python
    tags = None if python is None else fitting_tags(solved.view.platform, python)
    if tags is None or python is None:
        return
    for package in solved.pypi:
        name = place_of(package).file_name or ""
        wheel = tags_of(name)
        if wheel is not None and not wheel & tags:
            text = f"{name} does not fit {solved.view.platform.name} with Python {python.version}"
            yield solved.finding("wheel-unfit", Level.ERROR, text, package)


def _extras(solved: Solved) -> Iterator[Finding]:
    """Extras that bring nothing: of a conda package, or such as the package does not have."""
    twins = twins_of(solved.records)
    locked = {package.name: package for package in solved.pypi}
    for wish in solved.view.pypi:
        if not wish.extras or wish.marker is not None:
            continue
        extras = f"{wish.name}[{','.join(wish.extras)}]"
        twin, package = twins.get(wish.name), locked.get(wish.name)
        if twin is not None:
            text = f"conda provides {wish.name}, so that {extras} brings nothing of its extras"
            yield solved.finding("extra-by-conda", Level.WARNING, text, twin.record)
        elif package is not None and package.requires_dist and wish.origin is PypiOrigin.INDEX:
            known = {str(canonicalize_name(one)) for text in package.requires_dist for one in _EXTRA.findall(text)}
            for extra in wish.extras:
                if str(canonicalize_name(extra)) not in known:
                    text = f"{wish.name} {package.version} requires nothing for its extra {extra}, if it has one"
                    yield solved.finding("extra-unknown", Level.NOTE, text, package)


_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def _both_layers(solved: Solved) -> Iterator[Finding]:
    """One name from conda and from PyPI: both put the same files into the same folder."""
    locked = {package.name: package for package in solved.pypi}
    for record in solved.records:
        package = locked.get(str(canonicalize_name(record.name)))
        if package is not None and _is_python(record):
            text = f"{package.name} is locked from conda ({record.version}) and from PyPI ({package.version}) alike"
            yield solved.finding("both-layers", Level.WARNING, text, package)


def _is_python(record: LockedConda) -> bool:
    return record.noarch == "python" or any(_name(text) == "python" for text in record.depends)


def _name(text: str) -> str | None:
    try:
        spec: MatchSpec = parse_match_spec(text)
    except SpecInvalid:
        return None
    return spec.name
