"""The sources port: folders, archives and wheels on disk by path, and commits of repositories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envcompose.errors import FileMissing, FileUnreadable
from envcompose.world.checkout import Checkout
from envcompose.world.files import DiskFiles
from envcompose.world.git import GitRepositories
from envcompose.world.wheel_file import read_wheel

MAX_ARCHIVE = 1 << 30
"""Bytes of an archive on disk that are read."""


class DiskSources:
    """See ports.Sources; paths are relative to `base`, the folder of the manifest."""

    def __init__(self, base: Path, repositories: GitRepositories) -> None:
        self._base = base
        self._files = DiskFiles(base)
        self._repositories = repositories

    def commit(self, repository: str, reference: tuple[str, str] | None) -> str:
        """See ports.Sources."""
        return self._repositories.commit(repository, reference)

    def committed(self, repository: str, commit: str, subdirectory: str | None) -> Mapping[str, bytes]:
        """See ports.Sources."""
        return self._repositories.files(repository, commit, subdirectory)

    def folder(self, path: str) -> Mapping[str, bytes]:
        """See ports.Sources."""
        place = self._base / path
        if not place.exists():
            raise FileMissing(path=path)
        return Checkout(place)

    def archive(self, path: str) -> bytes:
        """See ports.Sources."""
        place = self._base / path
        if place.is_file() and place.stat().st_size > MAX_ARCHIVE:
            raise FileUnreadable(path=path, reason="it is longer than 1 GiB")
        return self._files.read_bytes(path)

    def wheel(self, path: str) -> str:
        """See ports.Sources."""
        place = self._base / path
        if not place.exists():
            raise FileMissing(path=path)
        try:
            with place.open("rb", buffering=0) as file:
                return read_wheel(file, place.stat().st_size)[0]
        except (OSError, ValueError) as error:
            raise FileUnreadable(path=path, reason=getattr(error, "strerror", None) or str(error)) from error

    def listing(self, path: str) -> tuple[str, ...] | None:
        """See ports.Sources."""
        return self._files.listing(path) if (self._base / path).is_dir() else None
