"""What is wrong with a lock although pixi takes it: our own findings, beside pixi's verdict (facts: pixi.md §9.2)."""

from __future__ import annotations

from collections.abc import Iterator

from envcompose.check.entry_findings import entry_findings
from envcompose.check.environment_findings import Solved, environment_findings
from envcompose.check.finding import Finding
from envcompose.check.lock_platforms import aligned, locked_platform
from envcompose.manifest.conda_version import CondaVersion, parse_version
from envcompose.manifest.lock import LockFile
from envcompose.manifest.version_spec import SpecInvalid, parse_version_spec
from envcompose.manifest.workspace import Workspace
from envcompose.manifest.workspace_views import all_platforms, platforms_of, view_of
from envcompose.model.message import Level
from envcompose.model.values import dataclass

__all__ = ["Finding", "findings_of"]

_FLOORS = (("a lock of version 7", (0, 68)), ("platforms with virtual packages of their own", (0, 71)))
"""Since which version pixi reads what, the first for any lock (facts: pixi.md §1.7)."""


def findings_of(workspace: Workspace, lock: LockFile) -> tuple[Finding, ...]:
    """All findings, errors first, then in the order of the manifest; none for a sound lock that pixi wrote itself.

    An error is an environment that is broken, or is not what the lock says. A warning is something that the lock leaves
    open, such as a file without a hash, whoever wrote it. What pixi calls stale is not told again.
    """
    finding = _Finding(workspace=workspace, lock=aligned(lock, all_platforms(workspace)))
    found = tuple(dict.fromkeys(finding.all()))
    return tuple(sorted(found, key=lambda one: list(Level).index(one.level)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    workspace: Workspace
    lock: LockFile

    def all(self) -> Iterator[Finding]:
        yield from entry_findings(self.lock)
        yield from self._platforms()
        yield from self._requires_pixi()
        locked = {environment.name: environment for environment in self.lock.environments}
        for environment in self.workspace.environments:
            if environment.name not in locked:
                continue
            for platform in platforms_of(self.workspace, environment):
                described = locked_platform(self.lock, platform)
                if described is not None:
                    yield from environment_findings(
                        Solved(
                            view=view_of(self.workspace, environment, platform),
                            locked=locked[environment.name],
                            packages=locked[environment.name].packages.get(described.name, ()),
                            lines=self.lock.lines,
                        )
                    )

    def _platforms(self) -> Iterator[Finding]:
        known = {platform.name for platform in all_platforms(self.workspace)}
        for platform in self.lock.platforms:
            users = [one.name for one in self.lock.environments if one.packages.get(platform.name)]
            if platform.name not in known and users:
                text = f"it is locked for {', '.join(users)}, and the manifest has no such platform"
                yield Finding(code="platform-unknown", level=Level.WARNING, text=text, platform=platform.name)

    def _requires_pixi(self) -> Iterator[Finding]:
        if self.workspace.requires_pixi is None:
            return
        needs = _FLOORS if any(not platform.is_bare for platform in self.workspace.platforms) else _FLOORS[:1]
        what, floor = needs[-1]
        admitted = _newest_below(self.workspace.requires_pixi, floor)
        if admitted is not None:
            text = (
                f"requires-pixi {self.workspace.requires_pixi} admits pixi {admitted}, which cannot read {what}; "
                f"it takes pixi {floor[0]}.{floor[1]}"
            )
            yield Finding(code="pixi-too-old", level=Level.WARNING, text=text)


def _newest_below(requires_pixi: str, floor: tuple[int, int]) -> CondaVersion | None:
    """The newest pixi before a version that `requires-pixi` admits, of all that there may have been."""
    try:
        spec = parse_version_spec(requires_pixi)
    except SpecInvalid:
        return None
    for minor in range(floor[1] - 1, -1, -1):
        for patch in range(9, -1, -1):
            version = parse_version(f"{floor[0]}.{minor}.{patch}")
            if spec.admits(version):
                return version
    return None
