"""Versions: Python, what is pinned, bounded and locked, in both layers; nothing missing, nothing doubled."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping

from . import conda_versions
from .case import Case, Check
from .versions import SpecifierSet, equals_pin, normalise
from .words import ERROR, UNKNOWN, WARNING, Finding, Result

_INSTALL = "pixi install"
_MOST_MISSING = 10


def judge_python(case: Case) -> Result:
    """The interpreter has the expected major and minor number."""
    wanted, found = case.expect.python, case.environment.version
    if wanted is None:
        return Result(skipped="no Python is expected")
    if wanted.split(".")[:2] == found.split("."):
        return Result(1)
    return Result(1, (Finding(ERROR, "python", wanted, found, _INSTALL),))


def judge_files(case: Case) -> Result:
    """The files of the set are those that were written with these expectations."""
    findings = []
    for name, digest in sorted(case.expect.files.items()):
        try:
            with open(os.path.join(case.root, name), "rb") as file:
                content = file.read()
        except OSError:
            findings.append(Finding(WARNING, name, "the file of the set", "missing", "envcompose update"))
            continue
        if hashlib.sha256(content).hexdigest() == digest:
            continue
        if _differs_around_blocks(content, case.expect.digest):
            continue
        other = _digest_named(content)
        if other is not None and case.expect.digest is not None and other != case.expect.digest:
            found = f"the file of another composition ({other[:12]})"
            findings.append(Finding(ERROR, name, f"composition {case.expect.digest[:12]}", found, "envcompose update"))
        else:
            fix = "nothing, if the edit was meant; else git checkout " + name
            findings.append(Finding(WARNING, name, "as it was written", "edited", fix))
    return Result(len(case.expect.files), tuple(findings))


def _differs_around_blocks(content: bytes, digest: str | None) -> bool:
    """Is it the set's manifest, edited only where a user's own lines belong?

    `blocks` is the sha256 of the blocks, and then how many lines of each are ours: `pixi add` puts its own behind them.
    """
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    blocks = re.findall(r"(?ms)^(# >>> envcompose)\n(.*?)\n(# <<< envcompose)$", text)
    seal = re.search(r'(?m)^blocks = "([0-9a-f]{64})((?: [0-9]+)*)"', text)
    if seal is None or digest is None or _digest_named(content) != digest:
        return False
    sizes = [int(size) for size in seal.group(2).split()]
    # A mark more is an edit of the blocks, also where no end of a block is behind it.
    if len(sizes) != len(blocks) or text.split("\n").count("# >>> envcompose") != len(blocks):
        return False
    ours = [
        "\n".join([begin, *lines.split("\n")[: sizes[place]], end]) for place, (begin, lines, end) in enumerate(blocks)
    ]
    whole = "\n".join(ours).replace("".join(seal.groups()), "0" * 64)
    return hashlib.sha256(whole.encode()).hexdigest() == seal.group(1)


def _digest_named(content: bytes) -> str | None:
    """The composition's digest that a manifest names in `[tool.envcompose]`."""
    section = re.search(rb"(?ms)^\[tool\.envcompose\]\s*$(.*?)(?=^\[|\Z)", content)
    digest = re.search(rb'(?m)^set\s*=\s*"([^"\n]*)"', section.group(1)) if section else None
    return digest.group(1).decode("utf-8", "replace") if digest else None


def judge_missing(case: Case) -> Result:
    """Every distribution of the closure is there, in one layer or the other."""
    names = {*case.expect.pins, *case.expect.bounds, *(case.expect.locked or ())}
    wanted = {**{name: "any" for name in names}, **{n: ", ".join(b) for n, b in case.expect.bounds.items()}}
    wanted.update({name: f"=={version}" for name, version in (case.expect.locked or {}).items()})
    wanted.update({name: f"=={version}" for name, version in case.expect.pins.items()})
    missing = sorted(name for name in names if case.environment.version_of(normalise(name)) is None)
    if len(missing) > _MOST_MISSING:
        # Most often nothing was installed yet: that is one thing to do, not three hundred.
        subject, expected = f"{len(missing)} of {len(names)} distributions", "installed"
        findings = [Finding(ERROR, subject, expected, f"missing: {', '.join(missing)}", _INSTALL)]
    else:
        findings = [Finding(ERROR, name, wanted[name] or "any", "missing", _INSTALL) for name in missing]
    return Result(len(names), tuple(findings))


def judge_pins(case: Case) -> Result:
    """Every pinned distribution is at its version, by PEP 440 equality."""
    return _judge_exact(case, case.expect.pins)


def judge_locked(case: Case) -> Result:
    """Every locked distribution is at its version."""
    if case.expect.locked is None:
        return Result(skipped="the composition has no lock")
    pinned = {normalise(name) for name in case.expect.pins}
    return _judge_exact(case, {n: v for n, v in case.expect.locked.items() if normalise(n) not in pinned})


def _judge_exact(case: Case, wanted: Mapping[str, str]) -> Result:
    findings = []
    for name, version in sorted(wanted.items()):
        found = case.environment.version_of(normalise(name))
        if found is not None and not equals_pin(found, version):
            findings.append(Finding(ERROR, name, version, found, _repair(case, name)))
    return Result(len(wanted), tuple(findings))


def _repair(case: Case, name: str) -> str:
    return f"pixi reinstall {name}" if case.environment.conda is not None else f"install {name} as the manifest says"


def judge_bounds(case: Case) -> Result:
    """Every other distribution of the closure is within its bounds."""
    findings = []
    for name, bounds in sorted(case.expect.bounds.items()):
        found = case.environment.version_of(normalise(name))
        if found is None:
            continue
        try:
            broken = [bound for bound in bounds if not SpecifierSet.parse(bound).admits(found)]
        except ValueError as error:
            findings.append(Finding(UNKNOWN, name, ", ".join(bounds), f"{found}; {error}", _repair(case, name)))
            continue
        if broken:
            findings.append(Finding(ERROR, name, ", ".join(broken), found, _repair(case, name)))
    return Result(len(case.expect.bounds), tuple(findings))


def judge_conda(case: Case) -> Result:
    """Every conda dependency of the manifest is in conda-meta and fits its spec."""
    wanted = case.expect.conda
    if not wanted:
        return Result(skipped="no conda package is expected")
    if case.environment.conda is None:
        found = "no conda-meta: not a conda environment"
        return Result(1, (Finding(ERROR, "conda-meta", "the conda packages of the manifest", found, _INSTALL),))
    packages = {package.name: package for package in case.environment.conda}
    findings = []
    for name, spec in sorted(wanted.items()):
        package = packages.get(name)
        if package is None:
            findings.append(Finding(ERROR, name, spec, "missing", _INSTALL))
        elif not conda_versions.admits(spec, package.version, package.build):
            findings.append(Finding(ERROR, name, spec, f"{package.version} {package.build}".strip(), _INSTALL))
    return Result(len(wanted), tuple(findings))


def judge_build_needs(case: Case) -> Result:
    """What the builds without isolation need is installed."""
    findings, count = [], 0
    for name, needs in sorted(case.expect.build_needs.items()):
        for need in needs:
            count += 1
            if case.environment.version_of(normalise(need)) is None:
                findings.append(Finding(ERROR, need, f"installed: {name} needs it to build", "missing", _INSTALL))
    return Result(count, tuple(findings))


CHECKS = (
    Check("versions.python", "Python", judge_python),
    Check("versions.files", "Files of the composition", judge_files),
    Check("versions.missing", "Nothing missing", judge_missing),
    Check("versions.pins", "Pinned versions", judge_pins),
    Check("versions.locked", "Locked versions", judge_locked),
    Check("versions.bounds", "Versions within bounds", judge_bounds),
    Check("versions.conda", "Conda packages", judge_conda),
    Check("versions.build-needs", "Build needs", judge_build_needs),
)
