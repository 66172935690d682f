"""From what a manifest asks, through what is locked: is everything met, and is anything locked that nobody asks for?

pixi walks conda first and stops at the first conda problem; a PyPI problem is told once conda is fine (pixi.md §9.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.check.local_projects import LocalProject, check_local_project, is_folder, read_local_project
from envcompose.check.locations import (
    NO_VERSION,
    FileKind,
    check_git_scheme,
    check_location,
    is_distribution,
    joined,
    kind_of_file,
    place_of,
)
from envcompose.check.markers import holds, marker_environment
from envcompose.check.python_bound import is_below_bound
from envcompose.check.requirements import Wanted, parse_wanted, wanted_of
from envcompose.check.twins import Twin, twins_of
from envcompose.check.verdict import Unmet
from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import LockedConda, LockedPypi
from envcompose.manifest.match_spec import Condition, MatchSpec, parse_match_spec
from envcompose.manifest.version_spec import SpecInvalid
from envcompose.manifest.workspace import PypiOrigin, PypiWish
from envcompose.manifest.workspace_views import View
from envcompose.model.record import VirtualPackage
from envcompose.model.values import dataclass
from envcompose.ports import TextFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk found: the conda packages that conda asks for, and those that PyPI requirements rest on."""

    by_conda: frozenset[str]
    by_pypi: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Walk:
    """One environment on one platform of a lock, on its way. `indexes` are those of the locked environment."""

    view: View
    conda: Mapping[str, LockedConda]
    pypi: Mapping[str, LockedPypi]
    indexes: tuple[str, ...]
    files: TextFiles
    root: str
    virtual: Mapping[str, VirtualPackage] = field(default_factory=dict)
    markers: Mapping[str, str] | None = None
    twins: Mapping[str, Twin] = field(default_factory=dict)
    projects: dict[str, LocalProject] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    seen_conda: set[str] = field(default_factory=set)
    seen_pypi: set[str] = field(default_factory=set)
    by_conda: set[str] = field(default_factory=set)
    by_pypi: set[str] = field(default_factory=set)
    extras: dict[str, set[str]] = field(default_factory=dict)
    unmet: Unmet | None = None

    def go(self) -> Walked:
        """Walk all of it. Raises Unmet with the reason that pixi would give."""
        self.virtual = {package.name: package for package in self.view.virtual}
        self.markers = self._markers()
        wanted = self._wanted()
        if not wanted and self.pypi:
            raise Unmet("pypi-unneeded", f"no PyPI package is asked for, and locked are {_some(self.pypi)}")
        self._check_constraints()
        self.twins = twins_of(self.conda.values())
        self._read_projects()
        if not self.view.dependencies and self.conda:
            raise Unmet("conda-unneeded", f"no conda package is asked for, and locked are {_some(self.conda)}")
        self._walk_conda([(wish.spec, "the manifest", wish.source) for wish in self.view.dependencies])
        self._walk_pypi(wanted)
        self._check_rest()
        return Walked(by_conda=frozenset(self.by_conda), by_pypi=frozenset(self.by_pypi))

    def _markers(self) -> Mapping[str, str] | None:
        """The marker environment of the locked Python; None where there is none."""
        python = self.conda.get("python")
        if python is None:
            return None
        try:
            version = parse_version(python.version).major_minor
            Version(python.version)
            if version is not None:
                return marker_environment(self.view.platform.subdir, python.version, version)
        except (KeyError, InvalidVersion, VersionInvalid):
            pass
        if self.view.pypi:
            raise Unmet("python-unusable", f"no PyPI package can be judged for python {python.version} here", "python")
        return None

    def _wanted(self) -> list[Wanted]:
        """The manifest's PyPI requirements that apply here."""
        wanted = []
        for wish in self.view.pypi:
            one = self._usable(wish)
            if holds(one.marker, self.markers, one.extras):
                wanted.append(one)
        return wanted

    def _usable(self, wish: PypiWish) -> Wanted:
        """A wish as a requirement; paths must be there, and files must be distributions. Raises Unmet."""
        wanted = wanted_of(wish)
        location = wanted.location or ""
        if wanted.origin is PypiOrigin.GIT:
            check_git_scheme(wanted)
        elif wanted.origin is PypiOrigin.URL:
            name = location.partition("#")[0].partition("?")[0].rpartition("/")[2]
            if kind_of_file(name) is FileKind.OTHER:
                raise Unmet(
                    "requirement-unusable", f"{wanted.name}: {location} is neither wheel nor archive", wanted.name
                )
        elif wanted.origin is PypiOrigin.PATH:
            path = joined(self.root, location)
            if not _is_there(self.files, self.root, location):
                raise Unmet("requirement-unusable", f"{wanted.name}: there is nothing at {location}", wanted.name)
            if not is_folder(self.files, path) and (wanted.editable or kind_of_file(location) is FileKind.OTHER):
                raise Unmet(
                    "requirement-unusable", f"{wanted.name}: {location} is no project and no wheel", wanted.name
                )
        return wanted

    def _check_constraints(self) -> None:
        for wish in self.view.constraints:
            record = self.conda.get(wish.name)
            if record is None or _without_url(wish.spec).matches(record):
                continue
            text = f"{record.name} {record.version} is locked, and a constraint asks for {_asked(wish.spec)}"
            raise Unmet("constraint-violated", text, record.name)

    def _read_projects(self) -> None:
        """Versions of all locked PyPI packages; for folders what their pyproject says now. Raises Unmet."""
        for name, package in self.pypi.items():
            path = place_of(package).path
            project = None
            if path is not None and is_folder(self.files, folder := joined(self.root, path)):
                if is_distribution(package):
                    raise Unmet("local-wheel", f"{name} is locked as a file, and {path} is a folder", name)
                if "python" not in self.conda:
                    raise Unmet("python-missing", "PyPI packages are locked without a Python", "python")
                project = read_local_project(self.files, folder)
            if project is not None:
                self.projects[name] = project
            if package.version is not None:
                self.versions[name] = Version(package.version)
            else:
                self.versions[name] = (project.version if project is not None else None) or NO_VERSION

    def _walk_conda(self, stack: list[tuple[MatchSpec, str, str | None]]) -> None:
        while stack:
            spec, by, source = stack.pop()
            if source is not None:
                text = f"{spec.name} is built from source ({source}), and locked as a build"
                raise Unmet("source-missing", text, spec.name)
            if spec.when is not None and not self._is_met(spec.when):
                continue
            record = self._found(spec, by)
            if record is not None:
                self.by_conda.add(record.name)
                stack += self._depends(record, spec.extras)

    def _depends(self, record: LockedConda, extras: Iterable[str]) -> list[tuple[MatchSpec, str, str | None]]:
        """What a record asks for, as far as it was not followed yet; it counts as seen from now on."""
        texts = [] if record.name in self.seen_conda else list(record.depends)
        self.seen_conda.add(record.name)
        for extra in extras:
            known = self.extras.setdefault(record.name, set())
            if extra not in known:
                known.add(extra)
                texts += record.extra_depends.get(extra, ())
        by = f"{record.name} {record.version}"
        return [(_spec(text, record), by, None) for text in texts]

    def _found(self, spec: MatchSpec, by: str) -> LockedConda | None:
        """The locked record that meets a spec; None where a virtual package does. Raises Unmet."""
        name = spec.name or ""
        record = self.conda.get(name)
        if record is not None:
            if spec.matches(record):
                return record
            text = f"{by} asks for {name} {_asked(spec)}, and {record.version} {record.build} is locked"
            raise Unmet("conda-unmet", text, name)
        virtual = self.virtual.get(name)
        if virtual is not None and spec.admits(virtual.version, virtual.build):
            return None
        found = f"the platform has {virtual.version}" if virtual is not None else "it is not locked"
        raise Unmet("conda-unmet", f"{by} asks for {name} {_asked(spec)}, and {found}", name)

    def _is_met(self, condition: Condition) -> bool:
        spec = condition.spec
        if spec is not None:
            return any(spec.matches(record) for record in self.conda.values()) or any(
                package.name == spec.name and spec.admits(package.version, package.build)
                for package in self.virtual.values()
            )
        answers = (self._is_met(part) for part in condition.parts)
        return all(answers) if condition.every else any(answers)

    def _walk_pypi(self, wanted: list[Wanted]) -> None:
        queue = [(one, "the manifest") for one in wanted]
        visited = {one.text for one in wanted}
        overrides = {name: wanted_of(wish) for name, wish in self.view.own_pypi_options.dependency_overrides.items()}
        while queue:
            one, by = queue.pop()
            twin = self.twins.get(one.name)
            if twin is not None:
                self._meet_twin(one, overrides.get(one.name, one), twin, by)
                continue
            package = self.pypi.get(one.name)
            if package is None:
                self._note(Unmet("pypi-missing", f"{by} requires {one.text}, and {one.name} is not locked", one.name))
                continue
            one = overrides.get(one.name, one)
            self._meet(one, package)
            if self.markers is None:
                raise Unmet("python-missing", "PyPI packages are locked without a Python", "python")
            for text in package.requires_dist:
                if _is_for_another_extra(text, one.extras):
                    continue
                following = parse_wanted(text)
                if text not in visited and holds(following.marker, self.markers, one.extras):
                    visited.add(text)
                    queue.append((following, package.name))

    def _meet_twin(self, wanted: Wanted, effective: Wanted, twin: Twin, by: str) -> None:
        """A requirement that a conda package serves."""
        self.by_pypi.add(twin.record.name)
        if wanted.origin in (PypiOrigin.URL, PypiOrigin.GIT) or effective.origin is not PypiOrigin.INDEX:
            place = wanted.location or effective.location
            raise Unmet("twin-elsewhere", f"{by} wants {wanted.name} from {place}, and conda provides it", wanted.name)
        if not effective.admits(twin.version):
            text = f"{by} requires {wanted.text}, and conda provides {twin.version}"
            self._note(Unmet("twin-version", text, wanted.name))
        self._walk_conda(self._depends(twin.record, ()))

    def _meet(self, wanted: Wanted, package: LockedPypi) -> None:
        """A requirement that a locked PyPI package serves."""
        try:
            version = self.versions[package.name]
            check_location(wanted, package, version=version, indexes=self.indexes, root=self.root)
        except Unmet as unmet:
            self._note(unmet)
        if package.name in self.seen_pypi:
            return
        self.seen_pypi.add(package.name)
        try:
            if package.name in self.projects:
                check_local_project(package, self.projects[package.name])
            self._check_python(package)
        except Unmet as unmet:
            self._note(unmet)

    def _check_python(self, package: LockedPypi) -> None:
        python = self.conda.get("python")
        if package.requires_python is None or python is None:
            return
        if is_below_bound(python.version, package.requires_python):
            text = f"{package.name} requires Python {package.requires_python}, and {python.version} is locked"
            raise Unmet("requires-python", text, package.name)

    def _note(self, unmet: Unmet) -> None:
        self.unmet = self.unmet or unmet

    def _check_rest(self) -> None:
        unneeded = sorted(set(self.conda) - self.seen_conda)
        if unneeded:
            raise Unmet("conda-unneeded", f"locked, and needed by nothing: {_some(unneeded)}", unneeded[0])
        if self.unmet is not None:
            raise self.unmet
        surplus = sorted(set(self.pypi) - self.seen_pypi)
        if surplus:
            raise Unmet("pypi-unneeded", f"locked, and needed by nothing: {_some(surplus)}", surplus[0])


def _is_there(files: TextFiles, root: str, location: str) -> bool:
    """Whether a path is there, every folder on the way included."""
    steps = location.rstrip("/").split("/")
    return all(files.exists(joined(root, "/".join(steps[:end]) or "/")) for end in range(1, len(steps) + 1))


def _spec(text: str, record: LockedConda) -> MatchSpec:
    try:
        return parse_match_spec(text)
    except SpecInvalid as error:
        raise Unmet("spec-unreadable", f"{record.name} depends on '{text}': {error}", record.name) from error


def _without_url(spec: MatchSpec) -> MatchSpec:
    return replace(spec, url=None)


def _asked(spec: MatchSpec) -> str:
    parts = [str(spec.version) if spec.version is not None else "", spec.build.text if spec.build else ""]
    if spec.build_number is not None:
        parts.append(f"build number {spec.build_number}")
    for word, value in (("md5", spec.md5), ("sha256", spec.sha256), ("from", spec.url), ("license", spec.license)):
        parts.append(f"{word} {value}" if value else "")
    return " ".join(part for part in parts if part) or "*"


def _some(names: Mapping[str, object] | list[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _is_for_another_extra(text: str, extras: frozenset[str]) -> bool:
    """Is the whole marker that an extra is wanted, which is not? Most requirements are such, and need no reading."""
    _, found, quoted = text.rpartition(" ; extra == '")
    extra = quoted[:-1]
    return bool(found) and quoted[-1:] == "'" and "'" not in extra and canonicalize_name(extra) not in extras
