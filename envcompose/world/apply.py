"""Putting a bundle into a folder: what is in the way is found before anything is written."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from envcompose.errors import NotOurs, NotWritable
from envcompose.model.values import dataclass
from envcompose.world.files import remove_scratch, write_in_order
from envcompose.write.bundle import MANIFEST, Bundle, is_untouched

# As git reads them, each of these lines keeps pixi's folder out; the second is what `pixi init` writes.
_IGNORED = (".pixi/", ".pixi/*", ".pixi", "/.pixi", "/.pixi/", "**/.pixi")
_ATTRIBUTES = (
    ".envcompose/** linguist-generated=true",
    "pixi.lock merge=binary linguist-language=YAML linguist-generated=true",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file to write: what it is now decides between create, update and unchanged."""

    path: str
    text: str
    action: str

    @property
    def sha256(self) -> str:
        """The digest of the bytes to be."""
        return hashlib.sha256(self.text.encode(errors="surrogateescape")).hexdigest()


def plan_files(folder: Path, bundle: Bundle, *, force: bool) -> tuple[PlannedFile, ...]:
    """What would be written. Raises NotOurs where the folder holds a manifest that is not ours or was edited."""
    check_folder(folder, force=force)
    extra = (
        (".gitignore", _ignoring(folder / ".gitignore")),
        (".gitattributes", _with_lines(folder / ".gitattributes", _ATTRIBUTES)),
    )
    # The manifest goes last: until it is the new one, the next command sees an older set and completes it.
    ordered = (*bundle.files[:-1], *extra, bundle.files[-1])
    return tuple(_planned(folder, path, text) for path, text in ordered)


def write_files(folder: Path, files: tuple[PlannedFile, ...], *, force: bool) -> tuple[str, ...]:
    """Write what changed, each file in one step; gives notes about what was kept aside. Raises NotWritable."""
    notes = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        manifest = folder / MANIFEST
        if force and manifest.exists() and not is_untouched(_text(manifest) or ""):
            kept = _free_name(manifest)
            shutil.copy2(manifest, kept)
            notes.append(f"the old {MANIFEST} is kept as {kept.name}")
        for file in files:
            remove_scratch(folder / file.path)
        write_in_order([(folder / file.path, file.text) for file in files if file.action != "unchanged"])
    except OSError as error:
        raise NotWritable(path=error.filename or str(folder), reason=error.strerror or str(error)) from error
    return tuple(notes)


def check_folder(folder: Path, *, force: bool) -> None:
    """Is the folder free for a manifest of ours? Asked before the search too, which takes longer.

    Raises NotOurs, and NotWritable where it cannot be a folder.
    """
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if there.exists() and not there.is_dir():
        raise NotWritable(path=os.path.relpath(there), reason="it is a file, not a folder")
    path = folder / MANIFEST
    text = _text(path)
    if text is None or force:
        return
    untouched = is_untouched(text)
    if untouched is None:
        raise NotOurs(path=path.name, reason="envcompose did not write it")
    if not untouched:
        raise NotOurs(path=path.name, reason="it was edited since envcompose wrote it")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotOurs(path=path.name, reason=error.strerror or "it cannot be read") from error


def _ignoring(path: Path) -> str:
    """The text of an ignore file that keeps pixi's folder out; what is there stays."""
    old = _kept_text(path)
    return old if set(_IGNORED) & set(old.splitlines()) else _with_lines(path, _IGNORED[:1])


def _with_lines(path: Path, lines: tuple[str, ...]) -> str:
    """A file's text with these lines in it; what is there stays."""
    old = _kept_text(path)
    missing = [line for line in lines if line not in old.splitlines()]
    if not missing:
        return old
    start = old if not old or old.endswith("\n") else old + "\n"
    return start + "".join(f"{line}\n" for line in missing)


def _kept_text(path: Path) -> str:
    """A user's text, so that writing it gives the same bytes again; empty where there is none."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise NotWritable(path=path.name, reason=error.strerror or "it cannot be read") from error


def _planned(folder: Path, path: str, text: str) -> PlannedFile:
    old = _kept_text(folder / path) if (folder / path).exists() else None
    action = "create" if old is None else "unchanged" if old == text else "update"
    return PlannedFile(path=path, text=text, action=action)


def _free_name(path: Path) -> Path:
    candidate, number = path.with_name(f"{path.name}.old"), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.old{number}")
    return candidate
