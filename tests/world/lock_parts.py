"""A small workspace on disk for tests of locking: a channel for four platforms, an index on loopback, a manifest."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envcompose.lock_files import LockResult, lock_manifest, write_lock
from envcompose.manifest.lock import LockedConda, LockedPypi, LockFile
from envcompose.manifest.lock_reading import read_lock
from tests.cli.fake_index import FakeIndex
from tests.conda_channel import Package

PLATFORMS = {"linux-64": "__glibc >=2.17", "linux-aarch64": "__glibc >=2.17", "osx-arm64": "__osx >=11.0", "win-64": ""}


def _python(platform: str, version: str) -> Package:
    minor = ".".join(version.split(".")[:2])
    tag = f"cp{minor.replace('.', '')}"
    return Package(
        name="python",
        version=version,
        build=f"h0_0_{tag}",
        depends=tuple(filter(None, [PLATFORMS[platform]])),
        platform=platform,
        site_packages=f"lib/python{minor}/site-packages",
    )


def _pure(name: str, version: str, *depends: str, timestamp: int = 1_700_000_000_000) -> Package:
    return Package(
        name=name,
        version=version,
        build="pyh0_0",
        noarch="python",
        depends=("python >=3.8", *depends),
        timestamp=timestamp,
    )


LOCK_CHANNEL = (
    *(_python(platform, version) for platform in PLATFORMS for version in ("3.11.9", "3.12.4")),
    *(_pure("packaging", version) for version in ("23.2", "24.2", "25.0")),
    *(_pure("numpy", version) for version in ("1.26.4", "2.0.2", "2.2.6")),
    _pure("wide-tool", "1.0", "numpy >=2.1"),
    _pure("tool", "1.0", "packaging"),
    Package(name="gpu-tool", version="1.0", noarch="generic", depends=("__cuda >=12",)),
    Package(name="gpu-suite", version="1.0", build="a_0", noarch="generic", depends=("gpu-tool",)),
    Package(name="gpu-suite", version="1.0", build="b_0", noarch="generic", depends=("any-gpu-tool",)),
    Package(name="any-gpu-tool", version="1.0", noarch="generic", depends=("__cuda",)),
    Package(name="new-tool", version="1.0", noarch="generic", depends=("__glibc >=2.34",)),
    Package(name="cuda-nvcc-tools", version="12.6", noarch="generic"),
    Package(name="dated", version="1.0", noarch="generic", timestamp=1_600_000_000_000),
    Package(name="dated", version="2.0", noarch="generic", timestamp=1_750_000_000_000),
)
"""Pythons for four platforms; conda packages that PyPI knows too; one that needs a new numpy."""

NAMES = ("packaging", "numpy", "tool")


@dataclass(frozen=True)
class Workspace:
    """A folder with a manifest; `channel` and `index` are where its packages come from."""

    folder: Path
    channel: str
    index: FakeIndex

    def write(
        self,
        *,
        conda: str = "",
        pypi: str = "",
        platforms: str = '["linux-64"]',
        workspace: str = "",
        options: str = "",
        more: str = "",
    ) -> Path:
        """Write the manifest; gives its path."""
        names = ", ".join(f'{name} = "{name}"' for name in NAMES)
        mapped = (
            f'"{self.channel}" = {{ mapping-mode = "replace", same-name-heuristic = false, mapping = {{ {names} }} }}'
        )
        lines = [
            "[workspace]",
            'name = "small"',
            f'channels = ["{self.channel}"]',
            f"platforms = {platforms}",
            f"conda-pypi-map = {{ {mapped} }}",
            workspace,
            "[dependencies]",
            conda or 'python = "3.12.*"',
            "[pypi-options]",
            f'index-url = "{self.index.url}"',
            options,
            "[pypi-dependencies]",
            pypi,
            more,
        ]
        path = self.folder / "pixi.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def line_of(self, text: str) -> int:
        """On which line of the manifest a text stands."""
        lines = (self.folder / "pixi.toml").read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, start=1) if text in line)

    def lock(self, *, offline: bool = False, fresh: bool = False) -> LockResult:
        """Lock it and write the lock."""
        result = lock_manifest(self.folder, offline=offline, fresh=fresh)
        write_lock(result)
        return result


def packages(
    result: LockResult, environment: str = "default", platform: str = "linux-64"
) -> Mapping[str, LockedConda | LockedPypi]:
    """What one environment has on one platform of the written lock, by name."""
    lock = read_lock(result.text, "pixi.lock")
    assert isinstance(lock, LockFile)
    found = next(one for one in lock.environments if one.name == environment)
    return {package.name: package for package in found.packages[platform]}


def versions(result: LockResult, environment: str = "default", platform: str = "linux-64") -> dict[str, str | None]:
    """The versions by name."""
    return {name: package.version for name, package in packages(result, environment, platform).items()}


def commit(folder: Path, files: Mapping[str, str], *, tag: str | None = None) -> str:
    """Put files into a repository and commit them; gives the commit."""
    folder.mkdir(exist_ok=True, parents=True)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=a change")
    if tag is not None:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with a committer of its own."""
    who = {f"GIT_{role}_{what}": "test@example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    run = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return run.stdout.strip()
