"""Every lock that is written is judged first, as pixi would judge it."""

from __future__ import annotations

from datetime import datetime

from envcompose.check.acceptance import judge_values
from envcompose.manifest.lock import LockFile
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.ports import TextFiles


def reasons_against(
    manifest: str, lock: LockFile, files: TextFiles, *, default_index: str, root: str, now: datetime | None = None
) -> tuple[str, ...]:
    """Why pixi would not take a lock for a manifest, one sentence each; none where it would.

    The lock is judged by its values: that its text says the same is a law of the renderer (tests/property).
    `files` are asked for projects that the manifest names by path, below `root`, its folder. Without `now`, an
    `exclude-newer` that is a duration is not judged. Raises ManifestInvalid, and LockUnsupported for what is not judged.
    """
    workspace = read_workspace(manifest, "pixi.toml")
    verdict = judge_values(workspace, lock, files, default_index=default_index, root=root, now=now)
    return () if verdict.accepted else tuple(reason.text for reason in verdict.reasons) or ("pixi would solve again",)
