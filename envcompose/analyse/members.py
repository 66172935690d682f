"""The archive's members as the evaluated program asks for them: by path, by folder, by prefix."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property, lru_cache
from posixpath import dirname


class Members:
    """What stands in the archive. Made once for an sdist, however often it is evaluated."""

    def __init__(self, names: tuple[tuple[str, int], ...]) -> None:
        self.sizes: Mapping[str, int] = dict(names)
        self._paths = [path for path, _ in names]

    @cached_property
    def _children(self) -> Mapping[str, list[str]]:
        """By folder: the names directly inside of it, sorted."""
        inside: dict[str, set[str]] = {"": set()}
        for path in self._paths:
            folder, _, name = path.rpartition("/")
            known = folder in inside
            inside.setdefault(folder, set()).add(name)
            while not known and folder:
                folder, _, name = folder.rpartition("/")
                known = folder in inside
                inside.setdefault(folder, set()).add(name)
        return {folder: sorted(names) for folder, names in inside.items()}

    @cached_property
    def code_folders(self) -> frozenset[str]:
        """Folders that hold Python files themselves."""
        return frozenset(dirname(path) for path in self._paths if path.endswith(".py"))

    @cached_property
    def modules(self) -> frozenset[str]:
        """The last parts of the names under which a module of the archive may be imported."""
        files = {path.rsplit("/", 1)[-1][:-3] for path in self._paths if path.endswith(".py")}
        return frozenset(files | {part for folder in self.code_folders for part in folder.split("/")})

    def is_folder(self, path: str) -> bool:
        """Is there a folder of this path ('' for the root)?"""
        return path in self._children

    def children(self, folder: str) -> list[str]:
        """List the names directly inside a folder ('' for the root), sorted."""
        return list(self._children.get(folder, ()))

    def under(self, prefix: str) -> list[str]:
        """List the paths that start with a text, sorted."""
        start = bisect_left(self._paths, prefix)
        stop = bisect_left(self._paths, prefix + chr(0x10FFFF), start)
        return self._paths[start:stop]


@lru_cache(maxsize=2)
def members(names: tuple[tuple[str, int], ...]) -> Members:
    """Give the members of an sdist's list of names, which is sorted by path."""
    return Members(names)
