"""Why a distribution is not in a composition: an extra that nobody asked for, a marker that does not hold, or nobody at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.composition import Composition, Package
from envcompose.model.distribution import PackageFile
from envcompose.model.foreign import foreign_requirement
from envcompose.model.intent import ArtifactKind
from envcompose.model.requirement import Outcome
from envcompose.model.target import Layer, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex
from envcompose.resolve.metadata import header_values

_HEAD = re.compile(r"[A-Za-z0-9][\w.-]*")
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """One requirement that would bring a distribution and does not; `extras` name it where they would switch it on."""

    requirer: str
    version: str
    text: str
    extras: tuple[str, ...]


def absences_of(composition: Composition, index: PackageIndex, name: str) -> tuple[Absence, ...]:
    """What in the closure names a distribution that is not in it, what the user asked for first, then by name.

    Raises what the index raises; what the resolve has read is not asked again.
    """
    wanted = canonicalize_name(name)
    found = []
    for package in sorted(composition.packages, key=lambda package: (not package.requested, package.name)):
        for requirement, extras in _naming(composition, index, package, wanted):
            found.append(
                Absence(requirer=package.name, version=package.version, text=str(requirement), extras=tuple(extras))
            )
    return tuple(found)


def absence_words(absence: Absence) -> str:
    """One absence as a sentence."""
    who = f"{absence.requirer} {absence.version}"
    if not absence.extras:
        return f"{who} names it, but the marker does not hold here: {absence.text}"
    several = "extras" if len(absence.extras) > 1 else "extra"
    return f"{who} has it in its {several} {', '.join(absence.extras)}, not asked for: {absence.text}"


def input_words(composition: Composition, name: str) -> tuple[str, ...]:
    """The user's own lines about a distribution that are not in force, each with its fate."""
    wanted = canonicalize_name(name)
    told = []
    for fate in composition.fates:
        head = _HEAD.match(fate.text.strip())
        if head and canonicalize_name(head.group()) == wanted and fate.outcome is not Outcome.KEPT:
            told.append(f"{fate.text} ({fate.origin}): {fate.outcome.value}" + (f", {fate.note}" if fate.note else ""))
    return tuple(told)


def _naming(
    composition: Composition, index: PackageIndex, package: Package, wanted: str
) -> Iterator[tuple[Requirement, list[str]]]:
    texts = _requirements(composition, index, package)
    environment = marker_environment(composition.target.python)
    for text in texts:
        head = _HEAD.match(text)
        if head is None or canonicalize_name(head.group()) != wanted:
            continue
        requirement = foreign_requirement(text)
        if requirement is None or requirement.marker is None:
            continue
        marker = requirement.marker
        named = sorted(set(_EXTRA.findall(str(marker))))
        yield requirement, [extra for extra in named if marker.evaluate({**environment, "extra": extra})]


def _requirements(composition: Composition, index: PackageIndex, package: Package) -> tuple[str, ...]:
    """The requirements of a package, those of its extras too, as the resolve read them."""
    file = _file_of(index, package)
    if file is None:
        return ()
    if file.is_wheel:
        return tuple(header_values(index.metadata(file), "Requires-Dist"))
    return index.analysis(file, torches=(None,), python=composition.target.python).readings[0].requires_dist


def _file_of(index: PackageIndex, package: Package) -> PackageFile | None:
    """The file that the resolve read for a package: its wheel, else its sdist."""
    if package.layer is Layer.SYSTEM or not package.version or package.artifact.rule == "as-given":
        return None
    files: Sequence[PackageFile] = index.project(package.name) or ()
    version = Version(Version(package.version).public)
    own = [file for file in files if Version(file.version.public) == version]
    exact = [file for file in own if file.url == package.artifact.url]
    wheels = [file for file in own if file.is_wheel and package.artifact.kind is ArtifactKind.WHEEL]
    return next(iter([*exact, *wheels, *(file for file in own if not file.is_wheel)]), None)
