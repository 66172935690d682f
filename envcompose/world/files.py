"""Files: reading inputs, finding recipes, and writing a set of files so that each is the old or the new one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.resources import files as resource_files
from pathlib import Path

from envcompose.errors import FileMissing, FileUnreadable

_AT_ONCE = 16
"""How many files are synced at once."""


class DiskFiles:
    """See ports.TextFiles; paths are relative to `base` unless they are absolute."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def read_bytes(self, path: str) -> bytes:
        """See ports.TextFiles."""
        try:
            return (self._base / path).read_bytes()
        except FileNotFoundError as error:
            raise FileMissing(path=path) from error
        except (OSError, ValueError) as error:
            raise FileUnreadable(path=path, reason=getattr(error, "strerror", None) or str(error)) from error

    def exists(self, path: str) -> bool:
        """See ports.TextFiles."""
        try:
            return (self._base / path).exists()
        except (OSError, ValueError):
            return False

    def listing(self, path: str) -> tuple[str, ...]:
        """See ports.TextFiles."""
        try:
            return tuple(sorted(os.listdir(self._base / path)))
        except (OSError, ValueError):
            return ()


def recipe_texts() -> Mapping[str, str]:
    """The texts of all recipes by relative path, from the wheel or from the checkout of an editable install."""
    for root in (Path(str(resource_files("envcompose"))) / "recipes", Path(__file__).resolve().parents[2] / "recipes"):
        if (root / "tables").is_dir():
            return {path: (root / path).read_text(encoding="utf-8") for path in _recipe_paths(root)}
    raise FileMissing(path="recipes/tables", named_by="the installation of envcompose")


def _recipe_paths(root: Path) -> Iterator[str]:
    for folder in ("stacks", "packages", "tables"):
        for path in sorted((root / folder).glob("*.toml")):
            yield f"{folder}/{path.name}"


def verifier_texts() -> Mapping[str, str]:
    """The verifier's files by name, to be copied as they are."""
    root = Path(__file__).resolve().parents[1] / "verify"
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(root.iterdir())
        if path.suffix in (".py", ".json")
    }


def remove_scratch(path: Path) -> None:
    """Remove what a killed run left behind while it wrote this file."""
    with suppress(OSError):
        path = _place_of(path)
    for scratch in path.parent.glob(f".{path.name}.*.new"):
        scratch.unlink(missing_ok=True)


_REPLACED: list[Path] = []
"""What this process has begun to replace."""


def has_written() -> bool:
    """Has this process begun to replace files of the user's? Whoever is interrupted wants to know."""
    return bool(_REPLACED)


def write_in_order(files: Sequence[tuple[Path, str]]) -> None:
    """Replace files, each in one step and in the order given, once all of them are on disk beside their places.

    After a crash each is the old one or the new one. A link stays one: the file that it leads to is replaced. Bytes that
    were read with `surrogateescape` are written as they were. Raises OSError that names the file as it was given; what
    was not replaced by then stays as it was.
    """
    scratches: list[tuple[Path, Path, Path]] = []
    places = [_place_named(path) for path, _ in files]
    try:
        for (path, text), place in zip(files, places, strict=True):
            with _named(path):
                scratches.append((path, place, _staged(place, text)))
        # One after the other each would wait for the disk's journal; at once they share the wait.
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            list(pool.map(_sync, [scratch for _, _, scratch in scratches]))
        for path, place, scratch in scratches:
            with _named(path):
                _REPLACED.append(path)
                os.replace(scratch, place)
    except BaseException:
        for _, _, scratch in scratches:
            scratch.unlink(missing_ok=True)
        raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of the files that we write with on the way are those of the file that is meant."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def folders_only_for_files(paths: Sequence[Path]) -> Iterator[None]:
    """Where writing these files fails, folders that were made for them are gone again, as far as nothing is in them."""
    missing = {folder for path in paths for folder in path.parents if not folder.exists()}
    try:
        yield
    except BaseException:
        for folder in sorted(missing, key=lambda folder: len(folder.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        raise


def _place_named(path: Path) -> Path:
    with _named(path):
        return _place_of(path)


def _place_of(path: Path) -> Path:
    """Where the bytes of a file are. Raises FileNotFoundError for a link that leads to nothing, IsADirectoryError for a folder."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not path.is_symlink():
        return path
    if not path.exists():
        reason = f"it is a link to {os.readlink(path)}, where there is no file"
        raise FileNotFoundError(errno.ENOENT, reason, str(path))
    return Path(os.path.realpath(path))


def _staged(path: Path, text: str) -> Path:
    """A new file beside a place, with its text and the rights of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    scratch = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text)
        scratch.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return scratch


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
