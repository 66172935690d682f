"""A manifest on disk: found, read, and named as whoever asked for it would name it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from envcompose.errors import FileUnreadable, LockNamed, ManifestMissing
from envcompose.manifest.workspace import Workspace
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.model.values import dataclass
from envcompose.world.files import DiskFiles
from envcompose.write.bundle import LOCK, MANIFEST

PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A manifest on disk, read. `asked` is the path that it was asked for by, for the commands of hints."""

    path: Path
    text: str
    workspace: Workspace
    asked: str = "."

    @property
    def folder(self) -> Path:
        """Where its lock belongs."""
        return self.path.parent

    @property
    def command(self) -> str:
        """The command that locks it, from where it was asked for."""
        return lock_command(self.asked)


def lock_command(asked: str) -> str:
    """The command that locks a manifest, or the one in a folder."""
    return "envcompose lock" if asked in (".", MANIFEST) else f"envcompose lock {shlex.quote(asked)}"


def read_manifest(path: Path) -> ManifestFile:
    """The manifest at a path: a file, or a folder with a pixi.toml or a pyproject.toml that has `[tool.pixi]`.

    Raises ManifestMissing, LockNamed, ManifestInvalid, FileUnreadable (exit 2).
    """
    found = _manifest_in(path) if path.is_dir() else path
    if found is None or not found.is_file():
        raise ManifestMissing(path=str(path), is_folder=path.is_dir())
    if found.name == LOCK:
        raise LockNamed(path=str(path), command=lock_command(os.path.normpath(path.parent)))
    # A manifest may be a link: pixi takes the folder of the link for the workspace's.
    folder = found.parent.resolve()
    files = DiskFiles(folder)
    text = _decoded(files, found.name)
    workspace = read_workspace(text, found.name, files=files)
    return ManifestFile(path=folder / found.name, text=text, workspace=workspace, asked=str(path))


def _manifest_in(folder: Path) -> Path | None:
    for name in (MANIFEST, PYPROJECT):
        path = folder / name
        if path.is_file() and (name == MANIFEST or "[tool.pixi" in path.read_text(encoding="utf-8", errors="replace")):
            return path
    return None


def _decoded(files: DiskFiles, name: str) -> str:
    try:
        return files.read_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise FileUnreadable(path=name, reason="it is no UTF-8 text") from error
