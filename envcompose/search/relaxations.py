"""Every way to loosen an intent, and what the metadata alone say about which lines must be loosened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envcompose.errors import EnvcomposeError
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.model.target import admits_python, marker_environment
from envcompose.ports import PackageIndex
from envcompose.resolve.clash import Clash, Line, find_clash
from envcompose.resolve.metadata import header_values
from envcompose.resolve.tags import best_wheel, wheel_ranks
from envcompose.search.choices import DEFAULT_GLIBC
from envcompose.search.relaxation import Relaxation
from envcompose.search.relaxed_lines import line_relaxations
from envcompose.search.relaxed_target import GLIBC_RUNGS, target_relaxations
from envcompose.search.torches import TORCH


def relaxations_of(intent: Intent, facts: Facts, *, cuda_is_option: bool) -> tuple[Relaxation, ...]:
    """The relaxations of an intent: its target first, then its lines in the input's order."""
    return (*target_relaxations(intent, facts, cuda_is_option=cuda_is_option), *line_relaxations(intent, facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clashes:
    """For each Python the clash of an intent's lines by their metadata alone, and the keys of the lines in it.

    Every Python that is known has one: no target and no torch helps, and every repair must loosen one of these lines,
    or one of their extras where those are part of it.
    """

    by_python: Mapping[str, Clash]
    keys: Mapping[str, frozenset[str]]
    with_extras: bool

    @property
    def shared(self) -> tuple[Clash, frozenset[str]]:
        """The clash that most Pythons share, the newest of them first, with the keys of its lines."""
        counts = Counter(self.keys.values())
        python = max(self.keys, key=lambda python: (counts[self.keys[python]], Version(python)))
        return self.by_python[python], self.keys[python]

    def touches(self, relaxation: Relaxation) -> bool:
        """Does a relaxation loosen what clashes on some Python?"""
        is_extra = relaxation.key != relaxation.line
        own = relaxation.line is not None and any(relaxation.line in keys for keys in self.keys.values())
        return own and (self.with_extras or not is_extra)


def clashes_of(intent: Intent, facts: Facts, index: PackageIndex) -> Clashes | None:
    """The clashes of an intent's lines, or None where some Python has none that the metadata show."""
    for with_extras in (False, True):
        keys, lines = _lines(intent, facts, with_extras=with_extras)
        found: dict[str, Clash] = {}
        for python in (line.version for line in facts.pythons):
            clash = find_clash(lines, _Offered(intent, facts, index, python), marker_environment(python))
            if clash is None:
                break
            found[python] = clash
        else:
            named = {python: frozenset(keys[number] for number in clash.lines) for python, clash in found.items()}
            return Clashes(by_python=found, keys=named, with_extras=with_extras)
    return None


def _lines(intent: Intent, facts: Facts, *, with_extras: bool) -> tuple[list[str], list[Line]]:
    """The lines of an intent with their keys: stacks, requirements, constraints."""
    keys: list[str] = []
    lines: list[Line] = []
    conda = {request.origin: f"conda {place}" for place, request in enumerate(intent.reading.conda)}
    for place, request in enumerate(intent.stacks):
        recipe = facts.stacks[request.name]
        default = request.extras is None and intent.wishes.default_extras
        extras = ",".join(recipe.default_extras if default else request.extras or ())
        text = f"{recipe.distribution}[{extras if with_extras else ''}]{request.specifier}"
        lines.append(Line(number=len(lines), requirement=Requirement(text)))
        keys.append(f"stacks {place}")
    for held, users in (("requirements", intent.reading.requirements), ("constraints", intent.reading.constraints)):
        for place, user in enumerate(users):
            requirement = Requirement(str(user.requirement))
            requirement.extras = requirement.extras if with_extras else set()
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
        except EnvcomposeError:
            return None
        return [*forms, *self._conda(name, version)]

    def _releases(self, name: str) -> dict[Version, list[PackageFile]]:
        if name not in self._files:
            try:
                files = self._index.project(name) or ()
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
