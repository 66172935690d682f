"""Built against: an extension that was left over from another torch.

pixi keeps a built wheel when only a PyPI torch changes. What tells is, in this order: the stamp, a file in the
environment that holds which extension was seen to work with which torch; the torch that a prebuilt wheel's URL names;
the torch that its own record of the build names; the pybind11 that both were compiled with; and the order of
installation.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from . import check_torch, elf
from .binaries import Extension
from .case import Case, Check
from .environment import Distribution
from .versions import normalise
from .words import ERROR, NOTE, UNKNOWN, WARNING, Finding, Outcome, Result

STAMP = ".envcompose-verify.json"
_SCHEMA = "envcompose.stamp/1"
_SAMPLES, _SAMPLE_BYTES = 128, 65_536
_RECORD = re.compile(r"_?(cpp_lib|build_(info|meta|config))\.(json|py)$")
_RECORDED = re.compile(r"""["']?\b(?:py)?torch(?:_version)?["']?\s*[:=]\s*["'](\d+)\.(\d+)""", re.IGNORECASE)
_INTERNALS_START = b"__pybind11_internals_v"
_INTERNALS = re.compile(rb"__pybind11_internals_v\d+_[A-Za-z0-9_]*?__")


@dataclass(frozen=True)
class _Evidence:
    severity: str
    found: str


def judge_built(case: Case) -> Result:
    """Every extension that is linked to torch was built for the torch that is installed."""
    build = check_torch.find(case.environment)
    if build is None or build.version is None:
        return Result(skipped="there is no torch" if build is None else "torch does not say its version")
    stamp, findings = read_stamp(case.environment.prefix), []
    built = {normalise(name) for name in case.expect.built}
    for owner, extensions in sorted(_by_owner(case).items()):
        distribution = case.environment.installed.get(owner)
        evidence = _evidence(case, distribution, extensions, build, stamp, owner in built)
        if evidence is not None:
            expected = f"built for torch {build.version}"
            findings.append(Finding(evidence.severity, owner, expected, evidence.found, f"pixi reinstall {owner}"))
    for owner in sorted(built - set(_by_owner(case))):
        if owner in case.environment.installed and case.binaries.torch is not None:
            findings.append(_unlinked(case, owner, build))
    return Result(len(_by_owner(case)), tuple(findings))


def _unlinked(case: Case, owner: str, build: check_torch.Build) -> Finding:
    expected, found = f"built for torch {build.version}", "nothing of it is linked to torch"
    fix = f"nothing, if {owner} compiles when it is used"
    return Finding(NOTE, owner, expected, found, fix)


def _by_owner(case: Case) -> dict[str, list[Extension]]:
    found: dict[str, list[Extension]] = {}
    for extension in case.binaries.linked_to_torch:
        found.setdefault(extension.distribution, []).append(extension)
    return found


def _evidence(
    case: Case,
    distribution: Distribution | None,
    extensions: list[Extension],
    build: check_torch.Build,
    stamp: Mapping[str, tuple[str, ...]],
    built_here: bool,
) -> _Evidence | None:
    """What speaks against the extensions; None where they were seen to work, or nothing does."""
    seen = {torch for extension in extensions if stamp for torch in stamp.get(_digest(extension.path), ())}
    if build.version in seen:
        return None
    if seen and all(_minor(torch) != _minor(build.version or "") for torch in seen):
        return _Evidence(ERROR, f"seen to work with torch {', '.join(sorted(seen))}, and not built again since")
    named = _named_torch(distribution)
    if named is not None and named != _minor(build.version or ""):
        return _Evidence(ERROR, f"a wheel for torch {named}")
    recorded = _recorded_torch(distribution)
    if recorded is not None and recorded != _minor(build.version or ""):
        return _Evidence(
            WARNING, f"its own record of the build names torch {recorded}, and it was not yet seen to work"
        )
    if not built_here:
        return None
    ours, theirs = _internals(extensions), _internals_of_torch(case)
    if ours and theirs and not ours & theirs:
        shown = ", ".join(sorted(name.decode() for name in ours))
        return _Evidence(WARNING, f"compiled with another pybind11 than torch: {shown}")
    if not case.binaries.torch_roots:
        return _Evidence(UNKNOWN, "no library of torch is there to compare it with, and it was not seen to work")
    torch = case.environment.installed.get("torch")
    if distribution is not None and torch is not None and _installed_at(distribution) + 1 < _installed_at(torch):
        return _Evidence(WARNING, "torch was installed after it, and it was not yet seen to work with this torch")
    return None


def _minor(version: str) -> str:
    return ".".join(version.split("+", maxsplit=1)[0].split(".")[:2])


def _named_torch(distribution: Distribution | None) -> str | None:
    """The torch that a prebuilt wheel's URL or local version names, as in `+cu12torch2.6cxx11abiFALSE`."""
    texts = [distribution.version] if distribution is not None else []
    try:
        with open(
            os.path.join(distribution.folder if distribution else "", "direct_url.json"), encoding="utf-8"
        ) as file:
            texts.append(str(json.load(file).get("url", "")).rsplit("/", 1)[-1])
    except (OSError, ValueError, AttributeError):
        pass
    for text in texts:
        match = re.search(r"torch[-_.]?(\d+)\.(\d+)", text) or re.search(r"(?:pt|torch)(\d)(\d+)(?![\d.])", text)
        if match:
            return f"{match.group(1)}.{match.group(2)}"
    return None


def _recorded_torch(distribution: Distribution | None) -> str | None:
    """The torch in a package's record of its build, such as xformers' `cpp_lib.json`; None where there is none."""
    for path in distribution.files if distribution is not None else ():
        if not _RECORD.match(os.path.basename(path)):
            continue
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                match = _RECORDED.search(file.read(100_000))
        except OSError:
            continue
        if match:
            return f"{match.group(1)}.{match.group(2)}"
    return None


def _internals(extensions: list[Extension]) -> set[bytes]:
    return {name for extension in extensions for name in _search(extension.path)}


def _internals_of_torch(case: Case) -> set[bytes]:
    return {name for path in case.binaries.torch_roots for name in _search(path)}


def _search(path: str) -> set[bytes]:
    found: set[bytes] = set()
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            position = elf.find(data, _INTERNALS_START, 0, len(data))
            while position >= 0 and len(found) < 100:
                match = _INTERNALS.match(data, position)
                if match:
                    found.add(match.group())
                position = elf.find(data, _INTERNALS_START, position + 1, len(data))
    except (OSError, ValueError):
        return set()
    return found


def _installed_at(distribution: Distribution) -> float:
    try:
        return os.stat(os.path.join(distribution.folder, "RECORD")).st_ctime
    except OSError:
        return 0.0


def _digest(path: str) -> str:
    """A digest of a file's size and of samples all over it: some extensions have a gigabyte, and a quick level 5 s."""
    try:
        size = os.path.getsize(path)
        digest = hashlib.sha256(str(size).encode())
        with open(path, "rb") as file:
            for n in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * n // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError:
        return ""
    return digest.hexdigest()


def read_stamp(prefix: str) -> dict[str, tuple[str, ...]]:
    """The torch versions that each extension, by hash, was seen to work with; empty where there is no stamp."""
    try:
        with open(os.path.join(prefix, STAMP), encoding="utf-8") as file:
            document = json.load(file)
        if document["schema"] != _SCHEMA:
            return {}
        return {str(digest): tuple(str(torch) for torch in torches) for digest, torches in document["worked"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_stamp(case: Case, outcomes: tuple[Outcome, ...]) -> None:
    """Remember what worked: called after a full judgement, for owners that no check of theirs found fault with.

    Only extensions that were imported count. A prefix that cannot be written keeps no stamp.
    """
    build = check_torch.find(case.environment)
    if build is None or build.version is None:
        return
    blamed = {f.subject for o in outcomes for f in o.result.findings if f.severity in (ERROR, UNKNOWN)}
    imported = {named.distribution for named in (*case.expect.imports, *case.expect.extensions)}
    worked = read_stamp(case.environment.prefix)
    for owner, extensions in _by_owner(case).items():
        if owner not in {normalise(name) for name in imported} or {owner, "torch"} & {normalise(s) for s in blamed}:
            continue
        for extension in extensions:
            digest = _digest(extension.path)
            worked[digest] = tuple(sorted({*worked.get(digest, ()), build.version}))
    if worked == read_stamp(case.environment.prefix):
        return
    path = os.path.join(case.environment.prefix, STAMP)
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"schema": _SCHEMA, "worked": {key: list(worked[key]) for key in sorted(worked)}}, file, indent=1)
        os.replace(path + ".new", path)
    except OSError:
        return


CHECKS = (Check("built.torch", "Built for this torch", judge_built),)
