"""The tasks of a manifest, in order: builds that the lock cannot hold, rebuilds as an offer, `verify` last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from envcompose.model.composition import Task
from envcompose.model.decision import Artifact
from envcompose.model.intent import ArtifactKind

VERIFY = "verify"
VERIFIER = ".envcompose/verify"


def plan_tasks(
    artifacts: Mapping[str, Artifact], versions: Mapping[str, Version], order: Sequence[str], python: str
) -> tuple[Task, ...]:
    """Build tasks in build order, each after the one before it, then the rebuild offers, then `verify`."""
    builds: list[Task] = []
    for name in order:
        if artifacts[name].kind is ArtifactKind.TASK:
            builds.append(_build(name, versions[name], python, tuple(task.name for task in builds[-1:])))
    rebuilds = [_rebuild(name) for name in sorted(order) if artifacts[name].kind is ArtifactKind.NO_ISOLATION]
    verify = Task(
        name=VERIFY,
        command=f"python {VERIFIER}",
        depends_on=tuple(task.name for task in builds[-1:]),
        description="Check the installed environment against what was composed",
        why="runs last; it builds and changes nothing",
    )
    return (*builds, *rebuilds, verify)


def _build(name: str, version: Version, python: str, before: tuple[str, ...]) -> Task:
    command = (
        "uv pip install --python $CONDA_PREFIX/bin/python --no-build-isolation --no-deps "
        f"--reinstall-package {name} {name}=={version}"
    )
    return Task(
        name=f"build-{name}",
        command=command,
        depends_on=before,
        description=f"Build {name} against the installed torch; it is not in pixi.lock",
        why="pixi cannot lock it",
        outputs=(
            f".pixi/envs/default/lib/python{python}/site-packages/{name.replace('-', '_')}-{version}.dist-info/METADATA",
        ),
    )


def _rebuild(name: str) -> Task:
    return Task(
        name=f"rebuild-{name}",
        command=f"pixi reinstall {name}",
        depends_on=(),
        description=f"Build {name} again, after torch or the GPU architectures changed",
        why="an offer: pixi keeps a stale wheel when a PyPI torch changes",
    )
