"""A source folder as the analyser reads it: each file when it is asked for, within bounds, and no link followed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from envcompose.errors import FileUnreadable

MAX_FILES = 200_000
MAX_READ = 2 << 20
"""Bytes of one file that are read; the analyser looks into none that is longer."""
SKIPPED = frozenset({"__pycache__", "node_modules"})
"""Folders of no source; those whose name starts with a dot are passed over too."""


class Checkout(Mapping[str, bytes]):
    """The files of a folder by relative path. Raises FileUnreadable for a folder that cannot be listed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = frozenset(_listed(folder))

    def __getitem__(self, path: str) -> bytes:
        if path not in self._paths:
            raise KeyError(path)
        try:
            with (self._folder / path).open("rb") as file:
                return file.read(MAX_READ)
        except OSError:
            # A file that went away or may not be read is as good as an empty one; its name is known.
            return b""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._paths))

    def __len__(self) -> int:
        return len(self._paths)


def _listed(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        if error.filename == str(folder):
            raise FileUnreadable(path=folder.name, reason=error.strerror or str(error)) from error

    count = 0
    for here, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if path.is_file() and not path.is_symlink():
                count += 1
                if count > MAX_FILES:
                    return
                yield path.relative_to(folder).as_posix()
