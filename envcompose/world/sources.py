"""What `analyze` is given -> an sdist's texts: a file, a source folder, or a requirement that the index answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from envcompose.analyse import ArchiveRefused, BuildRules, analyse_sdist, trim_checkout, trim_sdist
from envcompose.errors import FileMissing, FileUnreadable, NoSdist, ProjectUnknown, RequirementSyntax
from envcompose.model.analysis import Analysis
from envcompose.model.distribution import PackageFile
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex
from envcompose.world.checkout import Checkout

MAX_ARCHIVE = 1 << 30
"""Bytes of an archive on disk that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an analysis comes from. `file` is a base name; `url` and `sha256` are None where there is none."""

    kind: str
    """'index', 'archive' or 'folder'."""
    file: str
    url: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is assumed of the machine that builds."""

    torches: Sequence[str | None]
    python: str


def analyse_path(path: Path, rules: BuildRules, assumed: Assumptions) -> tuple[Analysis, Source]:
    """Analyse an sdist on disk or a source folder. Raises FileMissing, FileUnreadable (exit 2)."""
    if path.is_dir():
        name = path.resolve().name
        texts, source = trim_checkout(Checkout(path), name), Source(kind="folder", file=name)
    else:
        data = _read(path)
        try:
            texts = trim_sdist(data, path.name)
        except ArchiveRefused as error:
            raise FileUnreadable(path=str(path), reason=f"it is no usable sdist: {error}") from error
        source = Source(kind="archive", file=path.name, sha256=hashlib.sha256(data).hexdigest())
    return analyse_sdist(texts, rules=rules, torches=assumed.torches, python=assumed.python), source


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_ARCHIVE:
            raise FileUnreadable(path=str(path), reason="it is longer than 1 GiB")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileMissing(path=str(path)) from error
    except (OSError, ValueError) as error:
        raise FileUnreadable(path=str(path), reason=getattr(error, "strerror", None) or str(error)) from error


def analyse_release(text: str, open_index: Callable[[], PackageIndex], assumed: Assumptions) -> tuple[Analysis, Source]:
    """Analyse the newest sdist that fulfils a requirement.

    Raises RequirementSyntax, ProjectUnknown and NoSdist (exit 2), and the index's errors (exit 3).
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _syntax(text, str(error).partition("\n")[0]) from error
    if requirement.url:
        raise _syntax(text, "a direct reference is not fetched; name the file's path instead")
    index = open_index()
    files = index.project(requirement.name)
    if files is None:
        raise ProjectUnknown(name=requirement.name, origin="the command line")
    file = _newest(files, requirement)
    analysis = index.analysis(file, torches=assumed.torches, python=assumed.python)
    return analysis, Source(kind="index", file=file.filename, url=file.url, sha256=file.sha256)


def _syntax(text: str, reason: str) -> RequirementSyntax:
    return RequirementSyntax(text=text, column=0, reason=reason, file=None, line=None)


def _newest(files: Sequence[PackageFile], requirement: Requirement) -> PackageFile:
    """Choose the newest sdist; pre-releases and yanked ones only where nothing else fulfils the requirement."""
    sdists = [file for file in files if not file.is_wheel]
    fitting = [file for file in sdists if requirement.specifier.contains(file.version, prereleases=True)]
    plain = [f for f in fitting if not f.yanked and (not f.version.is_prerelease or requirement.specifier.prereleases)]
    chosen = plain or [file for file in fitting if not file.yanked] or fitting
    if not chosen:
        newest = max(sdists, key=lambda file: file.version, default=None)
        wheels = any(file.is_wheel and requirement.specifier.contains(file.version) for file in files)
        raise NoSdist(
            requirement=str(requirement),
            name=requirement.name,
            only_wheels=wheels,
            newest=None if newest is None else str(newest.version),
        )
    return max(chosen, key=lambda file: (file.version, file.filename))
