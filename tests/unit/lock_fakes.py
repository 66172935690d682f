"""Small locks for tests, as values and as the text that pixi would write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from envcompose.manifest.lock import Locked, LockedConda, LockedPypi, LockEnvironment, LockFile, LockPlatform
from envcompose.manifest.lock_text import render_lock

FORGE = "https://conda.anaconda.org/conda-forge/"
INDEX = "https://index.example/simple"
LINUX = ("__unix=0=0", "__linux=4.18", "__glibc=2.28", "__archspec=0=x86_64")
HEAD = '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'


def conda(name: str, version: str = "1.0", *depends: str, build: str = "h0_0", **more: Any) -> LockedConda:
    """A noarch record of conda-forge that serves no PyPI name."""
    subdir = more.pop("subdir", "noarch")
    values: dict[str, Any] = {
        "url": f"{FORGE}{subdir}/{name}-{version}-{build}.conda",
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "subdir": subdir,
        "noarch": "generic" if subdir == "noarch" else None,
        "sha256": sha256(f"{name} {version}".encode()).hexdigest(),
        "depends": depends,
        "purls": (),
    }
    return LockedConda(**(values | more))


def python(version: str = "3.11.5") -> LockedConda:
    """A Python for linux-64."""
    return conda("python", version, build="h0_0_cpython", subdir="linux-64")


def wheel(
    name: str, version: str | None = "1.0", *requires: str, tags: str = "py3-none-any", **more: Any
) -> LockedPypi:
    """A wheel of the index."""
    file_name = f"{name.replace('-', '_')}-{version}-{tags}.whl"
    values: dict[str, Any] = {
        "url": f"https://files.example/{file_name}",
        "name": name,
        "version": version,
        "sha256": sha256(f"{name}=={version}".encode()).hexdigest(),
        "requires_dist": requires,
    }
    return LockedPypi(**(values | more))


def lock(*packages: Locked, environments: Mapping[str, Sequence[Locked]] | None = None, **more: Any) -> LockFile:
    """A lock for linux-64; `more` are fields of each environment."""
    found = {"default": packages} if environments is None else environments
    has_pypi = any(isinstance(one, LockedPypi) for all_of in found.values() for one in all_of)
    values: dict[str, Any] = {"channels": (FORGE,), "indexes": (INDEX,) if has_pypi else None}
    return LockFile(
        platforms=(LockPlatform(name="linux-64", subdir="linux-64", virtual=LINUX),),
        environments=tuple(
            LockEnvironment(**(values | {"name": name, "packages": {"linux-64": tuple(all_of)}} | more))
            for name, all_of in found.items()
        ),
    )


def lock_text(*packages: Locked, **more: Any) -> str:
    """The text of `lock`."""
    return render_lock(lock(*packages, **more))
