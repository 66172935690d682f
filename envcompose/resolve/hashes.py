"""The user's hashes (`--hash=sha256:…`): of a project that has any, only files with one of them are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envcompose.model.analysis import Analysis
from envcompose.model.decision import Rejection
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.model.requirement import UserRequirement
from envcompose.ports import PackageIndex

ALGORITHM = "sha256:"
"""What indexes tell; hashes of other algorithms cannot be compared."""


def hashes_of(requirements: Iterable[UserRequirement]) -> dict[str, frozenset[str]]:
    """The sha256 digests that the user allows, by name; direct references hold their own."""
    found: dict[str, frozenset[str]] = {}
    for user in requirements:
        told = frozenset(text.removeprefix(ALGORITHM) for text in user.hashes if text.startswith(ALGORITHM))
        if told and user.requirement.url is None:
            found[user.name] = found.get(user.name, frozenset()) | told
    return found


def unmatched(requirements: Iterable[UserRequirement], index: PackageIndex) -> tuple[Rejection, ...]:
    """The user's lines whose hashes no file of the index has, as reasons."""
    return tuple(
        Rejection(
            what=f"{user.text} ({user.origin})",
            why="no file of the index has one of the hashes that stand with it",
            rule="hash-matches",
        )
        for user in requirements
        if hashes_of([user]) and not index.project(user.name)
    )


class HashedIndex:
    """See ports.PackageIndex: an index without the files that the user's hashes do not name."""

    def __init__(self, index: PackageIndex, hashes: Mapping[str, frozenset[str]]) -> None:
        self._index = index
        self._hashes = hashes

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        """See ports.PackageIndex."""
        files, allowed = self._index.project(name), self._hashes.get(name)
        if files is None or allowed is None:
            return files
        return tuple(file for file in files if file.sha256 in allowed)

    def metadata(self, file: PackageFile) -> str:
        """See ports.PackageIndex."""
        return self._index.metadata(file)

    def contents(self, file: PackageFile) -> WheelContents | None:
        """See ports.PackageIndex."""
        return self._index.contents(file)

    def known_size(self, file: PackageFile) -> int | None:
        """See ports.PackageIndex."""
        return self._index.known_size(file)

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        """See ports.PackageIndex."""
        return self._index.analysis(file, torches=torches, python=python)

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        """See ports.PackageIndex."""
        files, allowed = self._index.partner_index(url, name), self._hashes.get(name)
        return files if files is None or allowed is None else tuple(file for file in files if file.sha256 in allowed)
