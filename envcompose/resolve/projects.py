"""Project pages by release: pages hold thousands of files, and one release is asked for many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from envcompose.model.distribution import PackageFile
from envcompose.ports import PackageIndex


class Projects:
    """The projects of one index, grouped once each."""

    def __init__(self, index: PackageIndex) -> None:
        self._index = index
        self._releases: dict[str, Mapping[Version, tuple[PackageFile, ...]]] = {}

    def release(self, name: str, version: Version) -> Sequence[PackageFile]:
        """The files of one release, none where it does not exist. Raises what the index raises."""
        if name not in self._releases:
            groups: dict[Version, list[PackageFile]] = {}
            for file in self._index.project(name) or ():
                groups.setdefault(file.version, []).append(file)
            self._releases[name] = {version: tuple(files) for version, files in groups.items()}
        return self._releases[name].get(version, ())
