"""Putting a bundle into a folder: what is in the way is found before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envcompose.errors import NotOurs, NotWritable
from envcompose.world.files import write_file
from envcompose.write.bundle import MANIFEST, Bundle, digest_of, is_untouched

_IGNORED = ".pixi/"
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
        """The digest of the text to be."""
        return digest_of(self.text)


def plan_files(folder: Path, bundle: Bundle, *, force: bool) -> tuple[PlannedFile, ...]:
    """What would be written. Raises NotOurs where the folder holds a manifest that is not ours or was edited."""
    check_folder(folder, force=force)
    extra = (
        (".gitignore", _with_lines(folder / ".gitignore", (_IGNORED,))),
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
            write_file(kept, manifest.read_text(encoding="utf-8", errors="surrogateescape"))
            notes.append(f"the old {MANIFEST} is kept as {kept.name}")
        for file in files:
            if file.action != "unchanged":
                write_file(folder / file.path, file.text)
    except OSError as error:
        raise NotWritable(path=error.filename or str(folder), reason=error.strerror or str(error)) from error
    return tuple(notes)


def check_folder(folder: Path, *, force: bool) -> None:
    """Is the folder free for a manifest of ours? Raises NotOurs; asked before the search too, which takes longer."""
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


def _with_lines(path: Path, lines: tuple[str, ...]) -> str:
    """A file's text with these lines in it; what is there stays."""
    old = _text(path) or ""
    missing = [line for line in lines if line not in old.splitlines()]
    if not missing:
        return old
    start = old if not old or old.endswith("\n") else old + "\n"
    return start + "".join(f"{line}\n" for line in missing)


def _planned(folder: Path, path: str, text: str) -> PlannedFile:
    old = _text(folder / path)
    action = "create" if old is None else "unchanged" if old == text else "update"
    return PlannedFile(path=path, text=text, action=action)


def _free_name(path: Path) -> Path:
    candidate, number = path.with_name(f"{path.name}.old"), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.old{number}")
    return candidate
