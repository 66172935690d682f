"""Putting a bundle into a folder: what is in the way is found before anything is written."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

from envcompose.errors import NotOurs, NotWritable
from envcompose.manifest.blocks import Clash, fault_of, has_own_lines, is_untouched, with_own_lines
from envcompose.model.values import dataclass
from envcompose.world.files import folders_only_for_files, remove_scratch, write_in_order
from envcompose.write.bundle import MANIFEST, Bundle

# As git reads them, each of these lines keeps pixi's folder out; the second is what `pixi init` writes.
_IGNORED = (".pixi/", ".pixi/*", ".pixi", "/.pixi", "/.pixi/", "**/.pixi")
_ATTRIBUTES = (
    ".envcompose/** linguist-generated=true",
    "pixi.lock merge=binary linguist-language=YAML linguist-generated=true",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file to write: what it is now decides between create, update and unchanged.

    `aside`: what is there holds what the user wrote and this text does not, and is kept beside it.
    """

    path: str
    text: str
    action: str
    aside: bool = False

    @property
    def sha256(self) -> str:
        """The digest of the bytes to be."""
        return hashlib.sha256(self.text.encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be written into a folder: the files, and the bundle that the folder's own lines and lock made of it."""

    files: tuple[PlannedFile, ...]
    bundle: Bundle


def plan_files(folder: Path, bundle: Bundle, *, force: bool) -> Plan:
    """What would be written; lines of the user's around the blocks of a manifest stay in it.

    Where these lines ask for more than the bundle's lock holds, the lock on disk stays if it holds that, else no lock is
    among the files; the bundle of the plan tells of what became of it. Raises NotOurs where the folder holds a manifest
    that is not ours, or that was edited in its blocks, or has lines that clash with the new ones.
    """
    check_folder(folder, force=force)
    bundle, aside = _around_own_lines(folder, bundle, force=force)
    extra = (
        (".gitignore", _ignoring(folder / ".gitignore")),
        (".gitattributes", _with_lines(folder / ".gitattributes", _ATTRIBUTES)),
    )
    # The manifest goes last: until it is the new one, the next command sees an older set and completes it.
    ordered = (*bundle.files[:-1], *extra, bundle.files[-1])
    files = tuple(_planned(folder, path, text, aside=aside and path == MANIFEST) for path, text in ordered)
    return Plan(files=files, bundle=bundle)


def _around_own_lines(folder: Path, bundle: Bundle, *, force: bool) -> tuple[Bundle, bool]:
    """The bundle with the user's lines in its manifest; and does the old manifest hold something that this one lacks?"""
    old = _text(folder / MANIFEST)
    if old is None:
        return bundle, False
    untouched = is_untouched(old)
    if untouched is None or (untouched and not has_own_lines(old)):
        return bundle, untouched is None
    from envcompose.world.fitting import with_fitting_lock

    def around(one: Bundle) -> Bundle:
        # With another lock or none the manifest differs in its comments alone, but nothing rests on that here.
        text = with_own_lines(old, one.text(MANIFEST) or "")
        if isinstance(text, Clash):
            raise _in_the_way(text)
        return one.with_manifest(text)

    try:
        return with_fitting_lock(bundle, folder, around), not untouched
    except NotOurs:
        if force:
            return bundle, True
        raise


def _in_the_way(clash: Clash) -> NotOurs:
    if clash.reason:
        return NotOurs(path=MANIFEST, reason=f"with your own lines it is no TOML: {clash.reason}")
    hint = "take your line out: a block has one for the same now"
    if clash.is_table:
        hint = f"write your line below a header of its own: {clash.words}"
    return NotOurs(path=MANIFEST, reason=f"{clash.words} is composed too", line=clash.line, hints=(hint,))


def write_files(folder: Path, files: tuple[PlannedFile, ...], *, force: bool) -> tuple[str, ...]:
    """Write what changed, each file in one step; gives notes about what was kept aside. Raises NotWritable."""
    try:
        with folders_only_for_files([folder / file.path for file in files]):
            return _written(folder, files, force=force)
    except OSError as error:
        raise NotWritable(
            path=os.path.relpath(_refusing(error, folder)), reason=error.strerror or str(error)
        ) from error


def _refusing(error: OSError, folder: Path) -> Path:
    """What refuses to be written: for want of a permission that is a folder, whichever file was to be made in it."""
    path = Path(error.filename or folder)
    if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return path
    return next((one for one in (path, *path.parents) if one.is_dir()), path)


def _written(folder: Path, files: tuple[PlannedFile, ...], *, force: bool) -> tuple[str, ...]:
    notes = []
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / MANIFEST
    if force and any(file.aside for file in files) and manifest.exists():
        kept = _free_name(manifest)
        shutil.copy2(manifest, kept)
        notes.append(f"the old {MANIFEST} is kept as {kept.name}")
    for file in files:
        remove_scratch(folder / file.path)
    write_in_order([(folder / file.path, file.text) for file in files if file.action != "unchanged"])
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
        hint = "your own lines may stand outside of the blocks: take back what was changed inside of them"
        raise NotOurs(path=path.name, reason="its blocks were edited since envcompose wrote them", hints=(hint,))
    fault = fault_of(text) if has_own_lines(text) else ""
    if fault:
        raise NotOurs(path=path.name, reason=f"it is no TOML: {fault}", hints=("correct your own lines",))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
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


def _planned(folder: Path, path: str, text: str, *, aside: bool) -> PlannedFile:
    old = _kept_text(folder / path) if (folder / path).exists() else None
    action = "create" if old is None else "unchanged" if old == text else "update"
    return PlannedFile(path=path, text=text, action=action, aside=aside)


def _free_name(path: Path) -> Path:
    candidate, number = path.with_name(f"{path.name}.old"), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.old{number}")
    return candidate
