"""Distributions that come from no index: read once each, and shown to the resolver as the one release of their name."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from envcompose.analyse import ArchiveRefused, BuildRules, analyse_sdist, trim_checkout, trim_sdist
from envcompose.errors import (
    EnvcomposeError,
    FileMissing,
    FileUnreadable,
    HashWrong,
    IndexUnreachable,
    LinksMissing,
    LockNotSupported,
    NotCached,
)
from envcompose.lock.places import Place, locked_git, locked_path, locked_url
from envcompose.lock.uv_sources import Redirected, redirected
from envcompose.model.analysis import Analysis, SdistTexts
from envcompose.model.distribution import PackageFile
from envcompose.model.foreign import foreign_requirement
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex, Sources
from envcompose.resolve.metadata import header_values
from envcompose.resolve.universe import Release

NOWHERE = Redirected()
UNKNOWN = Version("0")
"""Stands in for the version of a source tree that only its build would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """One such distribution: how the lock says where it is, and what the resolver is shown.

    `version` is None where only a build would tell it. `is_tree` is a folder on disk: the lock then holds no version.
    """

    name: str
    place: Place
    location: str
    release: Release
    version: Version | None
    sha256: str | None = None
    is_tree: bool = False
    note: str | None = None
    """What its requirements rest on, where they could not be read from it."""
    redirected: Redirected = NOWHERE
    """Where it says itself that its requirements come from."""


class DirectReader:
    """Reads places; an analysis is asked for again under each torch, so its texts are kept.

    `commits` are those of an earlier lock by (repository, reference): they are kept, as pixi keeps them.
    """

    def __init__(
        self,
        sources: Sources,
        index: PackageIndex,
        rules: BuildRules,
        *,
        platform: str,
        markers: Mapping[str, str],
        commits: Mapping[tuple[str, tuple[str, str] | None], str] | None = None,
    ) -> None:
        self._sources = sources
        self._index = index
        self._rules = rules
        self._platform = platform
        self._markers = markers
        self._python = markers["python_version"]
        self._commits = dict(commits or {})
        self._texts: dict[str, SdistTexts] = {}
        self._wheels: dict[str, str] = {}
        self._on_demand: dict[str, Place] = {}
        self._analyses: dict[tuple[str, tuple[str | None, ...]], Analysis] = {}

    def read(self, name: str, place: Place) -> Direct:
        """The distribution at a place. Raises what the ports raise, and LockNotSupported for what cannot be read."""
        if place.is_wheel:
            return self._wheel(name, place)
        if place.url is not None:
            return self._archive_by_url(name, place)
        if place.repository is not None:
            return self._commit(name, place)
        return self._on_disk(name, place)

    def linked(self, path: str) -> dict[str, tuple[PackageFile, ...]]:
        """The distributions in a folder on disk, by name. Raises LinksMissing where it is none."""
        names = self._sources.listing(path)
        if names is None:
            raise LinksMissing(folder=path)
        found: dict[str, tuple[PackageFile, ...]] = {}
        for filename in names:
            place = Place(path=posixpath.join(path, filename))
            parsed = _parsed(filename)
            if parsed is not None:
                file = _file(parsed[0], parsed[1], filename, locked_path(place))
                found[file.name] = (*found.get(file.name, ()), file)
                self._on_demand[file.url] = place
        return found

    def knows(self, file: PackageFile) -> bool:
        """Is a file one that was read here, and not from an index?"""
        return file.url in self._texts or file.url in self._wheels or file.url in self._on_demand

    def metadata(self, file: PackageFile) -> str:
        """The headers of a wheel that was read here."""
        if file.url not in self._wheels:
            self._wheels[file.url] = self._sources.wheel(self._on_demand[file.url].path or "")
        return self._wheels[file.url]

    def requirements(self, direct: Direct) -> list[Requirement]:
        """All requirements of what was read, as an isolated build has them."""
        file = direct.release.file
        assert file is not None
        if file.is_wheel:
            headers = self._wheels[file.url] if self.knows(file) else self._index.metadata(file)
            texts: Sequence[str] = tuple(header_values(headers, "Requires-Dist"))
        elif self.knows(file):
            texts = self.analysis(file, (None,)).readings[0].requires_dist
        else:
            texts = self._index.analysis(file, torches=(None,), python=self._python).readings[0].requires_dist
        found = [foreign_requirement(text) for text in texts]
        return [requirement for requirement in found if requirement is not None]

    def analysis(self, file: PackageFile, torches: Sequence[str | None]) -> Analysis:
        """What the sources that were read here say under each torch."""
        key = (file.url, tuple(torches))
        if file.url not in self._texts:
            self._texts[file.url] = self._archive(self._on_demand[file.url])
        if key not in self._analyses:
            self._analyses[key] = analyse_sdist(
                self._texts[file.url],
                rules=self._rules,
                torches=tuple(torches),
                python=self._python,
                platform=self._platform,
            )
        return self._analyses[key]

    def _wheel(self, name: str, place: Place) -> Direct:
        try:
            version = parse_wheel_filename(place.file_name)[1]
        except InvalidWheelFilename as error:
            raise FileUnreadable(path=str(place), reason="its name is no wheel's") from error
        if place.path is not None:
            location = locked_path(place)
            self._wheels[location] = self._sources.wheel(place.path)
            file = _file(name, version, place.file_name, location)
            headers = self._wheels[location]
        else:
            location = locked_url(place)
            address, _, fragment = (place.url or "").partition("#")
            file = _file(name, version, place.file_name, address, sha256=_sha256(fragment))
            self._check_hash(file)
            try:
                headers = self._index.metadata(file)
            except (IndexUnreachable, NotCached) as error:
                return self._by_its_release(name, place, file, error)
        told = _version(next(iter(header_values(headers, "Version")), "")) or version
        return _direct(name, place, location, file, told, sha256=file.sha256)

    def _check_hash(self, file: PackageFile) -> None:
        """Is a hash that stands in an address that of the file, as far as the index tells? Raises HashWrong.

        Of a wheel only its end is read, and an archive by another's hash would come from the cache.
        """
        if file.sha256 is None:
            return
        try:
            listed = self._index.project(file.name) or ()
        except EnvcomposeError:
            return
        known = next((one.sha256 for one in listed if one.url == file.url and one.sha256 is not None), file.sha256)
        if known != file.sha256:
            raise HashWrong(file=file.filename, given=file.sha256, known=known)

    def _by_its_release(self, name: str, place: Place, file: PackageFile, error: EnvcomposeError) -> Direct:
        """A wheel that cannot be read: its requirements are those of the same release on the index, if there is one."""
        public = Version(file.version.public)
        own = [one for one in self._index.project(name) or () if one.version == public]
        release = min(own, key=lambda one: (one.is_wheel, one.filename), default=None)
        if release is None:
            raise error
        note = f"{place} could not be read, and stands with the requirements of {release.filename}"
        return _direct(name, place, locked_url(place), release, public, sha256=file.sha256, note=note)

    def _archive_by_url(self, name: str, place: Place) -> Direct:
        if place.inside is not None:
            raise LockNotSupported(what=f"{name} in a folder within an archive ({place})", file=None, line=None)
        address, _, fragment = (place.url or "").partition("#")
        file = _file(name, UNKNOWN, place.file_name, address, sha256=_sha256(fragment))
        self._check_hash(file)
        analysis = self._index.analysis(file, torches=(None,), python=self._python)
        return _direct(name, place, locked_url(place), file, _version(analysis.version), sha256=file.sha256)

    def _commit(self, name: str, place: Place) -> Direct:
        repository = place.repository or ""
        commit = self._commits.get((repository, place.told_reference))
        if commit is None:
            commit = self._sources.commit(repository, place.reference)
        location = locked_git(place, commit)
        folder = posixpath.basename((place.inside or repository).rstrip("/").removesuffix(".git"))
        tree = self._sources.committed(repository, commit, place.inside)
        if location not in self._texts:
            self._texts[location] = trim_checkout(tree, folder)
        return replace(self._tree(name, place, location), redirected=redirected(tree, place, self._markers))

    def _on_disk(self, name: str, place: Place) -> Direct:
        path, location = place.path or ".", locked_path(place)
        if self._sources.listing(path) is None:
            try:
                self._texts[location] = self._archive(place)
            except FileMissing as error:
                raise FileMissing(path=path, what="folder and no file") from error
            return self._tree(name, place, location)
        tree = self._sources.folder(path)
        if location not in self._texts:
            self._texts[location] = trim_checkout(tree, place.file_name or "project")
        direct = self._tree(name, place, location, is_tree=True)
        return replace(direct, redirected=redirected(tree, place, self._markers))

    def _archive(self, place: Place) -> SdistTexts:
        try:
            return trim_sdist(self._sources.archive(place.path or ""), place.file_name)
        except ArchiveRefused as error:
            raise FileUnreadable(path=str(place), reason=f"it is neither a wheel nor an sdist: {error}") from error

    def _tree(self, name: str, place: Place, location: str, *, is_tree: bool = False) -> Direct:
        file = _file(name, UNKNOWN, f"{name}.tar.gz", location)
        analysis = self.analysis(file, (None,))
        if analysis.name and canonicalize_name(analysis.name) != name:
            raise FileUnreadable(path=str(place), reason=f"it is the project {analysis.name}, not {name}")
        return _direct(name, place, location, file, _version(analysis.version), is_tree=is_tree)


def _parsed(filename: str) -> tuple[str, Version] | None:
    """Name and version of a distribution by its file name."""
    try:
        name, version = (
            parse_wheel_filename(filename)[:2] if filename.endswith(".whl") else parse_sdist_filename(filename)
        )
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
    return str(name), version


def _file(name: str, version: Version, filename: str, url: str, *, sha256: str | None = None) -> PackageFile:
    return PackageFile(name=name, version=version, filename=filename, url=url, sha256=sha256)


def _direct(
    name: str,
    place: Place,
    location: str,
    file: PackageFile,
    version: Version | None,
    *,
    sha256: str | None = None,
    is_tree: bool = False,
    note: str | None = None,
) -> Direct:
    return Direct(
        name=name,
        place=place,
        location=location,
        release=Release(name=name, version=version or UNKNOWN, file=file),
        version=version,
        sha256=sha256,
        is_tree=is_tree,
        note=note,
    )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _sha256(fragment: str) -> str | None:
    return fragment.removeprefix("sha256=").lower() if fragment.startswith("sha256=") else None
