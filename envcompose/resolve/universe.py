"""The universe: what uv is shown for one target, release by release, as if every release had one fitting wheel.

A release with a wheel that fits is shown with its best wheel. A release that has only an sdist is shown as a synthetic
wheel with the metadata that the analyser read. What conda provides is one release without dependencies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from packaging.version import Version

from envcompose.model.analysis import Analysis, Reading
from envcompose.model.distribution import PackageFile
from envcompose.model.names import canonical_name
from envcompose.model.values import dataclass
from envcompose.ports import Offer, PackageIndex
from envcompose.resolve.metadata import render_metadata
from envcompose.resolve.tags import best_wheel, wheel_ranks

TORCH = "torch"

_NAMES_TORCH = re.compile(r"(?mi)^Requires-Dist:\s*torch(?![\w.-])[^;]*$")
"""An unconditional requirement on torch."""

Admits = Callable[[str, Version], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release as it was shown: the file behind it, and whether that file is an sdist.

    `version` carries the local label of an index variant, the file's own may lack it. `rewrite` makes the metadata of
    such a variant from the file's own, where only tables tell of it.
    """

    name: str
    version: Version
    file: PackageFile | None
    stub: bool = False
    rewrite: Callable[[str], str] | None = None
    unread: bool = False
    """Is it a source that was not read, of which nothing is known?"""

    @property
    def from_sdist(self) -> bool:
        """Was it shown as a wheel that does not exist?"""
        return self.file is not None and not self.file.is_wheel


class Fitting:
    """The releases of projects as a target takes them; a search shows the same pages again for every candidate."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], tuple[list[Release], object, object]] = {}

    def releases(self, name: str, files: Sequence[PackageFile], ranks: Mapping[str, int]) -> list[Release]:
        """Each version with its best wheel, else its sdist, in the order of the files; versions without either are left out."""
        key = (name, id(files), id(ranks))
        if key not in self._known:
            chosen = [
                (version, best_wheel(members, ranks) or _sdist(members)) for version, members in _by_version(files)
            ]
            found = [Release(name=name, version=version, file=file) for version, file in chosen if file is not None]
            # Both are kept with what was found, so that their ids stay their own.
            self._known[key] = (found, files, ranks)
        return self._known[key][0]


class TargetUniverse:
    """See ports.Universe. Remembers what it showed, so that the answer can be traced to files."""

    def __init__(
        self,
        index: PackageIndex,
        *,
        python: str,
        glibc: str,
        admits: Admits = lambda name, version: True,
        replaced: Mapping[str, Sequence[Release]] | None = None,
        installed_torch: str | None = None,
        implied: frozenset[str] | None = frozenset(),
        unisolated: frozenset[str] | None = None,
        ranks: Mapping[str, int] | None = None,
        fitting: Fitting | None = None,
    ) -> None:
        """`implied` names link torch, also where no metadata say so; with None what metadata say is all that counts.

        Builds of `unisolated` names see `installed_torch`, those of all with None. `ranks` are the tags that fit,
        where they are not those of x86_64 Linux: then no file name shows the platform, as the resolver would judge it.
        With `fitting` several universes over one index share what they find out.
        """
        self._index = index
        self._python = python
        self._ranks = wheel_ranks(python, glibc) if ranks is None else ranks
        self._disguised = ranks is not None
        self._fitting = fitting or Fitting()
        self._admits = admits
        self._replaced = replaced or {}
        self._installed_torch = installed_torch
        self._implied = implied
        self._unisolated = unisolated
        self._by_version: dict[str, dict[Version, Release | None]] = {}
        self._shown: dict[str, dict[str, Release]] = {}

    def page(self, name: str) -> Sequence[Offer] | None:
        """See ports.Universe."""
        releases = self.releases(canonical_name(name))
        return None if releases is None else [_offer(filename, release) for filename, release in releases.items()]

    def metadata(self, name: str, filename: str) -> str | None:
        """See ports.Universe."""
        releases = self.releases(canonical_name(name)) or {}
        release = releases.get(filename)
        return None if release is None else self.metadata_of(release)

    def releases(self, name: str) -> Mapping[str, Release] | None:
        """What is offered of a project, by the file name that the resolver sees; None where it does not exist."""
        if name not in self._shown:
            if name in self._replaced:
                found: Sequence[Release] | None = self._replaced[name]
            else:
                files = self._index.project(name)
                found = None if files is None else self._group(name, files)
            if found is None:
                return None
            self._shown[name] = {self._filename(release): release for release in found}
        return self._shown[name]

    def release(self, name: str, version: Version) -> Release:
        """The release behind one pin of an answer. Raises KeyError where it was never shown."""
        known = self._by_version.setdefault(name, {})
        if version not in known:
            # One or two versions of hundreds are asked for: looking is cheaper than a table of all.
            offered = (self.releases(name) or {}).values()
            known[version] = next((release for release in offered if release.version == version), None)
        found = known[version]
        if found is None:
            raise KeyError(version)
        return found

    def metadata_of(self, release: Release) -> str:
        """The metadata headers of one release as a resolver should see them: with the torch that it needs."""
        text = self.own_metadata(release)
        return text if release.file is None else self._with_torch(release, text)

    def own_metadata(self, release: Release) -> str:
        """The metadata headers of one release as it has them."""
        if release.file is None:
            return f"Metadata-Version: 2.1\nName: {release.name}\nVersion: {release.version}\n"
        if release.from_sdist:
            text = render_metadata(release.name, str(release.version), self.reading_of(release))
            return text if release.rewrite is None else release.rewrite(text)
        text = self._index.metadata(release.file)
        if release.version != release.file.version:
            text = re.sub(r"(?m)^Version:.*$", f"Version: {release.version}", text, count=1)
        return text if release.rewrite is None else release.rewrite(text)

    def _with_torch(self, release: Release, text: str) -> str:
        """What links torch or imports it to build needs one in the environment, also where no metadata say so."""
        if self._implied is None:
            return text
        needs = release.name in self._implied
        if not needs and release.from_sdist:
            build_needs = self.analysis_of(release).build_needs
            needs = any(need.required and need.distribution == TORCH for need in build_needs)
        if not needs or release.name == TORCH or _NAMES_TORCH.search(text):
            return text
        return f"{text}Requires-Dist: {TORCH}\n"

    def analysis_of(self, release: Release) -> Analysis:
        """What the sdist behind a release says."""
        assert release.file is not None
        return self._index.analysis(release.file, torches=(None,), python=self._python)

    def reading_of(self, release: Release) -> Reading:
        """The sdist's metadata under this universe's assumption about the installed torch."""
        assert release.file is not None
        isolated = self._unisolated is not None and release.name not in self._unisolated
        torch = None if isolated and self.analysis_of(release).follows_torch else self._installed_torch
        return self._index.analysis(release.file, torches=(torch,), python=self._python).readings[0]

    def _group(self, name: str, files: Sequence[PackageFile]) -> list[Release]:
        found = self._fitting.releases(name, files, self._ranks)
        return [release for release in found if self._admits(name, release.version)]

    def _filename(self, release: Release) -> str:
        """The name under which the resolver sees a release: always a wheel, and unique for its version."""
        file = release.file
        real = file is not None and file.is_wheel and not release.rewrite and not self._disguised
        if file is not None and real and (file.version is release.version or file.version == release.version):
            return file.filename
        return f"{release.name.replace('-', '_')}-{release.version}-py3-none-any.whl"


def _by_version(files: Sequence[PackageFile]) -> Iterator[tuple[Version, list[PackageFile]]]:
    """Neighbours of one version; most of them share the very object, which is sooner seen than that two are equal."""
    members: list[PackageFile] = []
    for file in files:
        if members and file.version is not members[0].version and file.version != members[0].version:
            yield members[0].version, members
            members = []
        members.append(file)
    if members:
        yield members[0].version, members


def _offer(filename: str, release: Release) -> Offer:
    file = release.file
    return Offer(
        filename=filename,
        sha256=(file.sha256 if file else None) or _name_digest(release, filename),
        requires_python=file.requires_python if file else None,
        yanked=file.yanked if file else False,
        uploaded=file.uploaded if file else None,
    )


def unread(name: str, version: Version) -> Release:
    """A source that the user names and that is not read: its name, and its version where that is known (else 0)."""
    return Release(name=name, version=version, file=None, stub=True, unread=True)


def stub(name: str, version: Version) -> Release:
    """A release that something else provides: its version, no dependencies, no extras."""
    return Release(name=name, version=version, file=None, stub=True)


def _sdist(files: Sequence[PackageFile]) -> PackageFile | None:
    sdists = sorted(
        (file for file in files if not file.is_wheel), key=lambda file: (file.filename.endswith(".zip"), file.filename)
    )
    return sdists[0] if sdists else None


def _name_digest(release: Release, filename: str) -> str:
    """Stands in for a hash that no index tells: uv keeps metadata by hash, so each file needs one of its own."""
    return hashlib.sha256(f"{release.name} {release.version} {filename}".encode()).hexdigest()
