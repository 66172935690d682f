"""What the verifier should expect: `.envcompose/expect.json` (its schema travels with the verifier)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from envcompose.decide.system import NVCC
from envcompose.manifest.lock import LockedPypi, LockFile
from envcompose.manifest.workspace import DEFAULT
from envcompose.model.composition import Composition
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer


def expectations_of(composition: Composition, *, version: str, set_digest: str, files: Mapping[str, str]) -> str:
    """The document as JSON text; `files` are the digests of the other files of the set."""
    target, torch = composition.target, composition.torch
    nvcc = next((d.spec.removesuffix(".*") for d in composition.system.dependencies if d.name == NVCC), None)
    built = [p for p in composition.packages if p.artifact.kind in (ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)]
    document: dict[str, Any] = {
        "schema": "envcompose.expectations/1",
        "version": version,
        "digest": set_digest,
        "files": dict(sorted(files.items())),
        "platform": target.platform,
        "python": target.python,
        "glibc": target.glibc,
        "cuda": target.cuda,
        "driver": target.driver_floor,
        "gpus": list(target.gpus),
        "cxx11_abi": torch.cxx11_abi if torch else None,
        "torch": None if torch is None else _torch(composition),
        "pins": _pins(composition),
        "bounds": _bounds(composition),
        "locked": _locked(composition),
        "conda": {d.name: d.spec for d in composition.system.dependencies},
        "imports": [{"distribution": name, "module": module} for name, module in composition.imports],
        "extensions": [{"distribution": name, "module": module} for name, module in composition.extensions],
        "scripts": [{"distribution": name, "name": script} for name, script in composition.scripts],
        "nvcc": None if nvcc == "*" else nvcc,
        "built": [{"distribution": p.name, "torch": str(torch.version) if torch else ""} for p in built],
        "build_needs": {needs.name: list(needs.python) for needs in composition.system.build_needs},
        "env": {variable.name: variable.value for variable in composition.system.env},
        "probes": [
            {"id": f"{name}.{probe.name}", "distribution": name, "module": probe.module, "code": probe.code}
            for name, probe in composition.probes
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def with_lock(text: str, lock: LockFile, digest: str) -> str:
    """The document with another lock in it: the digest of its text, and its versions."""
    document = json.loads(text)
    files = dict(sorted({**document["files"], "pixi.lock": digest}.items()))
    changed = {**document, "files": files, "locked": _versions(lock)}
    return json.dumps(changed, indent=2, ensure_ascii=False) + "\n"


def _versions(lock: LockFile) -> dict[str, str]:
    """Every PyPI distribution of a lock's default environment with its version; conda's are left out, as below."""
    entries = (
        next(iter(environment.packages.values()), ())
        for environment in lock.environments
        if environment.name == DEFAULT
    )
    found = {
        one.name: one.version for one in next(entries, ()) if isinstance(one, LockedPypi) and one.version is not None
    }
    return dict(sorted(found.items()))


def _torch(composition: Composition) -> dict[str, Any]:
    torch = composition.torch
    assert torch is not None
    return {"version": str(torch.version), "cuda": torch.cuda, "cxx11_abi": torch.cxx11_abi, "layer": torch.layer.value}


def _pins(composition: Composition) -> dict[str, str]:
    return {p.name: p.version for p in composition.packages if p.pinned and p.layer is Layer.PYPI and p.version}


def _bounds(composition: Composition) -> dict[str, list[str]]:
    """Every other distribution with what its requirers allow: pixi may lock it at another version than was resolved here."""
    return {p.name: list(p.bounds) for p in composition.packages if not (p.pinned and p.layer is Layer.PYPI)}


def _locked(composition: Composition) -> dict[str, str] | None:
    """Every PyPI distribution of the lock with its version; None where no lock is written.

    conda's are left out: its version may differ from that of the metadata inside (facts: conda-forge.md §2, flash-attn).
    """
    solution = composition.solution
    if solution is None or solution.distributions is None:
        return None
    return {entry.name: entry.version for entry in solution.distributions if entry.version is not None}
