"""Every way to loosen an intent, and what the metadata alone say about which lines must be loosened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.errors import EnvcomposeError, IndexUnreachable
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.model.repair import Part
from envcompose.model.target import admits_python, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex
from envcompose.resolve.clash import Clash, Line, find_clash
from envcompose.resolve.metadata import header_values
from envcompose.resolve.tags import best_wheel, wheel_ranks
from envcompose.search.choices import DEFAULT_GLIBC
from envcompose.search.relaxation import ProjectOption, Relaxation
from envcompose.search.relaxed_lines import line_relaxations, project_relaxations
from envcompose.search.relaxed_target import GLIBC_RUNGS, target_relaxations
from envcompose.search.torches import TORCH


def relaxations_of(
    intent: Intent, facts: Facts, *, cuda_is_option: bool, options: Sequence[ProjectOption] = ()
) -> tuple[Relaxation, ...]:
    """The relaxations of an intent: its target first, then its project's options, then its lines in the input's order."""
    return (
        *target_relaxations(intent, facts, cuda_is_option=cuda_is_option),
        *project_relaxations(intent, options),
        *line_relaxations(intent, facts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineClash:
    """Lines of an intent and extras of them (both by key) that clash by their metadata alone on every known Python.

    No target and no torch helps, so every repair must loosen one of them. `same` says that it is one clash on all
    Pythons; else the lines of all of them are here.
    """

    lines: frozenset[str]
    extras: frozenset[str]
    facts: tuple[str, ...]
    same: bool

    def touches(self, relaxation: Relaxation) -> bool:
        """Does a relaxation loosen one of these lines or extras?"""
        own = relaxation.key in self.lines and relaxation.key == relaxation.line
        return own or relaxation.key in self.extras or not relaxation.drops.isdisjoint(self.lines)


def line_clash(intent: Intent, facts: Facts, index: PackageIndex) -> LineClash | None:
    """The clash of an intent's lines, or None where some Python has none that the metadata show, or they are not to be had."""
    offered = {line.version: _Offered(intent, facts, index, line.version) for line in facts.pythons}
    try:
        for taken in (frozenset(), _extras(intent, facts)):
            found = _clash(intent, facts, offered, taken)
            if found is not None:
                return _with_fewest_extras(intent, facts, offered, found)
    except IndexUnreachable:
        return None
    return None


def newest_clash(intent: Intent, facts: Facts, index: PackageIndex) -> LineClash | None:
    """Why the newest releases of what is asked for do not go together, where their metadata show it on some Python."""
    keys, lines = _lines(intent, facts, _extras(intent, facts))
    pythons = [line.version for line in facts.pythons if intent.wishes.python in (None, line.version)]
    for python in sorted(pythons, key=Version, reverse=True):
        releases = _Offered(intent, facts, index, python)
        try:
            clash = find_clash(lines, releases, marker_environment(python), by_newest=True)
        except IndexUnreachable:
            return None
        if clash is not None and len(clash.lines) > 1:
            named = frozenset(keys[number] for number in clash.lines)
            return LineClash(lines=named, extras=frozenset(), facts=clash.facts, same=False)
    return None


def _extras(intent: Intent, facts: Facts) -> frozenset[str]:
    return frozenset(one.key for one in line_relaxations(intent, facts) if one.key != one.line and one.line)


def _clash(intent: Intent, facts: Facts, offered: Mapping[str, _Offered], extras: frozenset[str]) -> LineClash | None:
    """The clash of the lines with these extras only."""
    keys, lines = _lines(intent, facts, extras)
    found = _on_every_python(lines, offered)
    if found is None:
        return None
    clash, numbers, same = _shared(found, lines, offered)
    return LineClash(lines=frozenset(keys[n] for n in numbers), extras=extras, facts=clash.facts, same=same)


def _with_fewest_extras(intent: Intent, facts: Facts, offered: Mapping[str, _Offered], found: LineClash) -> LineClash:
    """The clash with no extra that it can do without."""
    for extra in sorted(found.extras):
        fewer = _clash(intent, facts, offered, found.extras - {extra})
        found = fewer if fewer is not None else found
    return found


def _on_every_python(lines: Sequence[Line], offered: Mapping[str, _Offered]) -> dict[str, Clash] | None:
    found: dict[str, Clash] = {}
    for python, releases in offered.items():
        clash = find_clash(lines, releases, marker_environment(python))
        if clash is None:
            return None
        found[python] = clash
    return found


def _shared(
    found: Mapping[str, Clash], lines: Sequence[Line], offered: Mapping[str, _Offered]
) -> tuple[Clash, frozenset[int], bool]:
    """A clash whose lines clash on every Python, by themselves; else the most telling one, with the lines of all."""
    counts = Counter(clash.lines for clash in found.values())

    def telling(python: str) -> tuple[bool, int, Version]:
        own = found[python].lines
        return len(own) > 1, counts[own], Version(python)

    pythons = sorted(found, key=telling, reverse=True)
    for python in pythons:
        own = [line for line in lines if line.number in found[python].lines]
        if _on_every_python(own, offered) is not None:
            return found[python], found[python].lines, True
    return found[pythons[0]], frozenset(number for clash in found.values() for number in clash.lines), False


def line_parts(intent: Intent, facts: Facts) -> dict[str, Part]:
    """Every line of an intent in the user's words, by its key."""
    reading = intent.reading
    parts = {}
    for place, stack in enumerate(intent.stacks):
        package = canonicalize_name(facts.stacks[stack.name].distribution)
        parts[f"stacks {place}"] = Part(text=stack.text, origin=stack.origin, package=package)
    for held, users in (("requirements", reading.requirements), ("constraints", reading.constraints)):
        for place, user in enumerate(users):
            parts[f"{held} {place}"] = Part(text=user.text, origin=user.origin, package=user.name)
    for place, conda in enumerate(reading.conda):
        parts[f"conda {place}"] = Part(
            text=f"{conda.name} {conda.spec}", origin=conda.origin, package=canonicalize_name(conda.name)
        )
    return parts


def _lines(intent: Intent, facts: Facts, taken: frozenset[str]) -> tuple[list[str], list[Line]]:
    """The lines of an intent with their keys, and with these of their extras."""
    keys: list[str] = []
    lines: list[Line] = []
    conda = {request.origin: f"conda {place}" for place, request in enumerate(intent.reading.conda)}
    for place, request in enumerate(intent.stacks):
        recipe = facts.stacks[request.name]
        default = request.extras is None and intent.wishes.default_extras
        extras = recipe.default_extras if default else request.extras or ()
        wanted = ",".join(extra for extra in extras if f"stacks {place} extra {extra}" in taken)
        text = f"{recipe.distribution}[{wanted}]{request.specifier}"
        lines.append(Line(number=len(lines), requirement=Requirement(text)))
        keys.append(f"stacks {place}")
    for held, users in (("requirements", intent.reading.requirements), ("constraints", intent.reading.constraints)):
        for place, user in enumerate(users):
            requirement = Requirement(str(user.requirement))
            requirement.extras = {extra for extra in requirement.extras if f"{held} {place} extra {extra}" in taken}
            lines.append(Line(number=len(lines), requirement=requirement, bound=held == "constraints"))
            keys.append(conda.get(user.origin, f"{held} {place}") if held == "constraints" else f"{held} {place}")
    return keys, lines


class _Offered:
    """The Releases of one Python: what a resolver may be shown for it, whichever target and torch are chosen."""

    def __init__(self, intent: Intent, facts: Facts, index: PackageIndex, python: str) -> None:
        self._facts = facts
        self._index = index
        self._python = python
        self._overridden = {user.name for user in intent.reading.overrides}
        self._ranks = [wheel_ranks(python, glibc) for glibc in (intent.wishes.glibc or DEFAULT_GLIBC, GLIBC_RUNGS[-1])]
        self._files: dict[str, dict[Version, list[PackageFile]]] = {}
        self._failed: set[str] = set()

    def versions(self, name: str) -> Iterable[Version] | None:
        """See resolve.clash.Releases; what an override says of a package is not looked into."""
        if name in self._overridden:
            return None
        found = self._releases(name)
        # What recipes know of may come from elsewhere, in other versions too.
        known = {release.version for release in self._facts.torch} if name == TORCH else set()
        return {*found, *known} or (None if name in self._facts.packages or name in self._failed else ())

    def requires(self, name: str, version: Version) -> Sequence[Sequence[str]] | None:
        """See resolve.clash.Releases: the wheel or sdist that fits, and conda's builds."""
        # conda's torch brings what its wheels require by other names.
        if name == TORCH:
            return None
        own = self._releases(name)[version]
        sdist = next((file for file in own if not file.is_wheel), None)
        picked = [best_wheel(own, ranks) or sdist for ranks in self._ranks]
        try:
            forms = [form for file in dict.fromkeys(picked) if file is not None for form in self._texts(file)]
        except IndexUnreachable:
            # Every other question would fail alike, and slowly.
            raise
        except EnvcomposeError:
            return None
        return [*forms, *self._conda(name, version)]

    def _releases(self, name: str) -> dict[Version, list[PackageFile]]:
        if name not in self._files:
            try:
                files = self._index.project(name) or ()
            except IndexUnreachable:
                raise
            except EnvcomposeError:
                self._failed.add(name)
                files = ()
            groups = {version: list(own) for version, own in groupby(files, key=lambda file: file.version)}
            self._files[name] = {version: own for version, own in groups.items() if self._fits(own)}
        return self._files[name]

    def _fits(self, own: Sequence[PackageFile]) -> bool:
        """Is there anything of a release for this Python?"""
        admitting = any(_admits(file.requires_python, self._python) for file in own)
        return admitting and (any(not file.is_wheel for file in own) or best_wheel(own, self._ranks[-1]) is not None)

    def _texts(self, file: PackageFile) -> list[Sequence[str]]:
        if file.is_wheel:
            return [tuple(header_values(self._index.metadata(file), "Requires-Dist"))]
        analysis = self._index.analysis(file, torches=(None,), python=self._python)
        if not analysis.follows_torch:
            return [analysis.readings[0].requires_dist]
        torches = (None, *(str(release.version) for release in self._facts.torch))
        return [
            reading.requires_dist
            for reading in self._index.analysis(file, torches=torches, python=self._python).readings
        ]

    def _conda(self, name: str, version: Version) -> list[Sequence[str]]:
        """conda's builds of a package that links torch ask for their torch only."""
        recipe = self._facts.packages.get(name)
        builds = recipe.conda if recipe is not None else ()
        return [(f"{TORCH}=={build.torch}.*",) for build in builds if build.version == version and build.torch]


def _admits(requires_python: str | None, python: str) -> bool:
    try:
        return admits_python(SpecifierSet(requires_python or ""), python)
    except InvalidSpecifier:
        return True
