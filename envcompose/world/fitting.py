"""A set of files whose manifest has lines of the user's: which lock belongs to it, the composed one or the one on disk?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from envcompose.errors import EnvcomposeError, LockInvalid, ManifestInvalid
from envcompose.manifest.lock import LockFile
from envcompose.review.locked import OWN_LINES, with_kept_lock, with_refused_manifest, without_lock
from envcompose.world.files import DiskFiles
from envcompose.write.bundle import LOCK, MANIFEST, Bundle


def with_fitting_lock(bundle: Bundle, folder: Path, around: Callable[[Bundle], Bundle]) -> Bundle:
    """The bundle, with the user's lines `around` its blocks, and with a lock that pixi takes for that manifest.

    This is the composed one where it holds all that they ask for; else the one on disk where it does, which stays as it
    is; else none, and a warning says why.
    """
    fitting = around(bundle)
    manifest, composition = fitting.text(MANIFEST), bundle.composition
    if manifest is None or bundle.lock is None or composition is None or composition.solution is None:
        return fitting
    index = composition.solution.default_index
    try:
        if not _reasons(manifest, bundle.lock, folder, index):
            return fitting
        found = _on_disk(manifest, folder, index)
    except ManifestInvalid as error:
        # The head of a manifest has as many lines without a lock, so the line is that of the file that is written.
        return around(bundle.told_as(with_refused_manifest(composition, error)))
    except EnvcomposeError:
        # What nobody can judge here (packages that pixi builds from source) is more than was composed.
        found = None
    if isinstance(found, tuple):
        return around(bundle.told_as(with_kept_lock(composition)).with_lock(*found))
    return around(bundle.told_as(without_lock(composition, (OWN_LINES,), unfit=found)))


def _reasons(manifest: str, lock: LockFile, folder: Path, index: str) -> tuple[str, ...]:
    from envcompose.check.own_lock import reasons_against

    root, now = folder.resolve().as_posix(), datetime.now(UTC)
    return reasons_against(manifest, lock, DiskFiles(folder), default_index=index, root=root, now=now)


def _on_disk(manifest: str, folder: Path, index: str) -> tuple[str, LockFile] | str | None:
    """The lock on disk as text and values where pixi takes it for a manifest, else why not; None without one."""
    from envcompose.manifest.lock import OtherLockVersion
    from envcompose.manifest.lock_reading import read_lock

    try:
        content = (folder / LOCK).read_bytes()
    except OSError:
        return None
    try:
        lock = read_lock(content.decode(errors="replace").replace("\r\n", "\n"), LOCK)
    except LockInvalid as error:
        return error.sentence
    if isinstance(lock, OtherLockVersion):
        return f"its format has version {lock.version}"
    reasons = _reasons(manifest, lock, folder, index)
    return reasons[0] if reasons else (content.decode(errors="surrogateescape"), lock)
