"""Locking and judging as library calls, with the real world wired in.

    from envcompose.lock_files import check_lock, lock_manifest, write_lock

    result = lock_manifest(Path("pixi.toml"))
    write_lock(result)

Errors are `envcompose.errors.EnvcomposeError` with a code and an exit status. Locking writes nothing; `write_lock` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envcompose.check.acceptance import judge
from envcompose.check.finding import Finding
from envcompose.check.findings import findings_of
from envcompose.check.verdict import Verdict
from envcompose.errors import LockInvalid, LockMissing, LockNoFile, LockRefused, LockUnsupported, NotWritable
from envcompose.lock.moved import moved_between
from envcompose.lock.told import newer_pixi
from envcompose.lock_errors import told_of
from envcompose.lock_world import LockWishes, lock_world
from envcompose.locking import LockedWorkspace, lock_workspace
from envcompose.manifest.conda_version import parse_version
from envcompose.manifest.lock import LockFile, OtherLockVersion
from envcompose.manifest.lock_reading import read_lock
from envcompose.manifest.lock_text import render_lock
from envcompose.manifest.toml_search import line_saying
from envcompose.manifest.workspace_views import all_platforms
from envcompose.manifest_file import ManifestFile, read_manifest
from envcompose.model.message import Level, Message
from envcompose.model.moved import Moved
from envcompose.model.values import dataclass
from envcompose.world.apply import PlannedFile, write_files
from envcompose.world.default_index import default_index
from envcompose.world.files import DiskFiles
from envcompose.write.bundle import EXPECTATIONS, LOCK, digest_of
from envcompose.write.expectations import with_lock

if TYPE_CHECKING:
    from envcompose.world.pixi import PixiVerdict

__all__ = [
    "CheckResult",
    "LockResult",
    "ManifestFile",
    "ask_pixi_about",
    "check_lock",
    "lock_manifest",
    "read_manifest",
    "write_lock",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """A lock and the files that it would write; `findings` are what is wrong with it although pixi would take it.

    `moved` is what differs from the lock that was there, None where there was none that could be read.
    """

    manifest: ManifestFile
    locked: LockedWorkspace
    text: str
    files: tuple[PlannedFile, ...]
    findings: tuple[Finding, ...]
    messages: tuple[Message, ...]
    moved: tuple[Moved, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What is to be said about the lock that a manifest has: pixi's verdict, by its rules, and our own findings.

    `messages` say what the verdict does not cover.
    """

    manifest: ManifestFile
    verdict: Verdict
    findings: tuple[Finding, ...]
    messages: tuple[Message, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Would pixi take it, and is nothing wrong with it all the same?"""
        return self.verdict.accepted and all(finding.level is not Level.ERROR for finding in self.findings)


def lock_manifest(
    path: Path,
    *,
    offline: bool = False,
    refresh: bool = False,
    fresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    trace: Callable[[str], None] = lambda line: None,
) -> LockResult:
    """Solve everything that a manifest asks for and plan its lock; nothing is written.

    Versions of a lock that is there are kept where they still fit, unless `fresh`. Raises EnvcomposeError: exit status 1
    infeasible, 2 input, 3 a source is unreachable; what the manifest names comes with its line.
    """
    manifest = read_manifest(path)
    _check_place(manifest)
    now = datetime.now(UTC)
    earlier, aged = (_earlier(manifest), ()) if fresh else _kept(manifest)
    wishes = LockWishes(offline=offline, refresh=refresh, tell=tell, trace=trace)
    with lock_world(manifest.folder, wishes, now=now) as world, told_of(manifest):
        locked = lock_workspace(manifest.workspace, world, earlier=None if fresh else earlier)
    text = render_lock(locked.lock)
    verdict = _judged(manifest, text, now)
    doubtful = _of_chance(verdict, manifest)
    if not verdict.accepted and not doubtful:
        raise LockRefused(path=LOCK, reasons=[str(reason) for reason in verdict.reasons])
    expected, notes = _expectations(manifest, locked, text)
    files = (*expected, _planned(manifest.folder, LOCK, text))
    return LockResult(
        manifest=manifest,
        locked=locked,
        text=text,
        files=files,
        findings=findings_of(manifest.workspace, locked.lock),
        messages=(*aged, *_newer(manifest), *locked.messages, *doubtful, *notes),
        moved=None if earlier is None else moved_between(earlier, locked.lock, manifest.workspace),
    )


def write_lock(result: LockResult) -> None:
    """Write the files of a result, each in one step. Raises NotWritable."""
    try:
        write_files(result.manifest.folder, result.files, force=False)
    except NotWritable as error:
        hint = f"change the rights of the file or of its folder; what would be written is told by {result.manifest.command} --dry-run --json"
        raise NotWritable(path=os.path.relpath(error.path), reason=error.reason, hint=hint) from error


def check_lock(path: Path) -> CheckResult:
    """pixi's verdict on the lock beside a manifest, by its rules, and our own findings; nothing is solved or written.

    Raises LockMissing (exit 1), LockNoFile, LockUnsupported and what reading the manifest raises (exit 2).
    """
    manifest = read_manifest(path)
    _check_place(manifest)
    text = _lock_text(manifest.folder)
    if text is None:
        raise LockMissing(folder=str(path if path.is_dir() else path.parent), command=manifest.command)
    verdict = _judged(manifest, text, datetime.now(UTC))
    lock = _earlier(manifest)
    return CheckResult(
        manifest=manifest,
        verdict=verdict,
        findings=findings_of(manifest.workspace, lock) if lock is not None else (),
        messages=_newer(manifest),
    )


def ask_pixi_about(manifest: ManifestFile) -> PixiVerdict | None:
    """What the pixi on PATH says of the lock beside a manifest; None without one."""
    from envcompose.world.pixi import ask_pixi

    drivers = [
        one.version for place in all_platforms(manifest.workspace) for one in place.virtual if one.name == "__cuda"
    ]
    return ask_pixi(manifest.path, driver=max(drivers, key=parse_version, default=None))


def _newer(manifest: ManifestFile) -> tuple[Message, ...]:
    if manifest.workspace.requires_pixi is None:
        return ()
    return newer_pixi(manifest.workspace, line_saying(manifest.text, "requires-pixi", lambda text: True))


def _check_place(manifest: ManifestFile) -> None:
    """Can a lock lie where it belongs? Raises LockNoFile for a folder and for a link that leads to none."""
    path = manifest.folder / LOCK
    if path.is_dir():
        raise LockNoFile(path=LOCK, what="a folder")
    if path.is_symlink() and not path.exists():
        raise LockNoFile(path=LOCK, what=f"a link to {path.readlink()}, where there is no file")


def _lock_text(folder: Path) -> str | None:
    path = folder / LOCK
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _kept(manifest: ManifestFile) -> tuple[LockFile | None, tuple[Message, ...]]:
    """The lock whose versions are to be kept. Raises LockInvalid where nobody can read it: its versions would be lost."""
    text = _lock_text(manifest.folder)
    if text is None:
        return None, ()
    try:
        found = read_lock(text, LOCK)
    except LockInvalid as error:
        raise LockInvalid(path=LOCK, reason=error.reason, line=error.line, command=manifest.command) from error
    except LockUnsupported as error:
        message = Message(
            code="lock-not-kept", level=Level.WARNING, text=f"{error.sentence}: its versions are forgotten"
        )
        return None, (message,)
    if isinstance(found, OtherLockVersion):
        told = (
            f"{LOCK} is of version {found.version} of the format, which pixi replaces too: its versions are forgotten"
        )
        return None, (Message(code="lock-not-kept", level=Level.WARNING, text=told),)
    return found, ()


def _earlier(manifest: ManifestFile) -> LockFile | None:
    """The lock that is there, to compare with or to look for findings in; None where it cannot be read."""
    text = _lock_text(manifest.folder)
    try:
        found = None if text is None else read_lock(text, LOCK)
    except (LockInvalid, LockUnsupported):
        return None
    return None if isinstance(found, OtherLockVersion) else found


def _judged(manifest: ManifestFile, text: str, now: datetime) -> Verdict:
    files, root = DiskFiles(manifest.folder), manifest.folder.as_posix()
    return judge(manifest.workspace, text, files, default_index=default_index(), root=root, now=now)


def _of_chance(verdict: Verdict, manifest: ManifestFile) -> tuple[Message, ...]:
    """What to say where pixi takes a lock or refuses it by chance: it judges all wheels of a subdir by one platform's
    tags, and which of several it is, changes from run to run.
    """
    subdirs = [platform.subdir for platform in all_platforms(manifest.workspace)]
    shared = sorted({subdir for subdir in subdirs if subdirs.count(subdir) > 1})
    if verdict.accepted or not shared or any(reason.code != "wheel-unfit" for reason in verdict.reasons):
        return ()
    text = f"pixi may refuse this lock at random: it judges the wheels of all platforms for {', '.join(shared)} by one of them"
    hint = "give these platforms the same glibc (or macOS), or each of them environments of its own"
    return (Message(code="pixi-by-chance", level=Level.WARNING, text=text, file=manifest.path.name, hint=hint),)


def _planned(folder: Path, name: str, text: str) -> PlannedFile:
    path = folder / name
    old = path.read_bytes() if path.is_file() else None
    action = "create" if old is None else "unchanged" if old == text.encode() else "update"
    return PlannedFile(path=name, text=text, action=action)


def _expectations(
    manifest: ManifestFile, locked: LockedWorkspace, lock_text: str
) -> tuple[tuple[PlannedFile, ...], tuple[Message, ...]]:
    """What `verify` expects, with the new lock in it, where it belongs to this very manifest."""
    path = manifest.folder / EXPECTATIONS
    try:
        text = path.read_text(encoding="utf-8")
        own = dict(json.loads(text)["files"])[manifest.path.name]
    except (OSError, ValueError, KeyError, TypeError):
        return (), ()
    if own != digest_of(manifest.text):
        text = f"{EXPECTATIONS} stays as it is: {manifest.path.name} was edited since it was written, so verify may find more"
        return (), (Message(code="expectations-old", level=Level.WARNING, text=text, file=EXPECTATIONS),)
    text = with_lock(text, locked.lock, digest_of(lock_text))
    return (_planned(manifest.folder, EXPECTATIONS, text),), ()
