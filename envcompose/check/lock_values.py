"""Values of a lock that pixi reads with the file, so that a malformed one makes the whole file unreadable."""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier
from packaging.version import InvalidVersion, Version

from envcompose.check.requirements import RequirementInvalid, parse_specifiers, parse_wanted
from envcompose.errors import LockInvalid
from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import LockedConda, LockedPypi, LockFile
from envcompose.manifest.urls import parse_url

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PURL = re.compile(r"pkg:/*[A-Za-z][A-Za-z0-9.+-]*/[^/].*")


def check_values(lock: LockFile, path: str) -> None:
    """Whether pixi can read the values of a lock whose form is right. Raises LockInvalid with the entry's line."""
    for package in lock.packages:
        try:
            _check_conda(package) if isinstance(package, LockedConda) else _check_pypi(package)
        except (VersionInvalid, InvalidVersion, InvalidSpecifier, RequirementInvalid, ValueError) as error:
            reason = f"{package.name}: {str(error).splitlines()[0]}"
            raise LockInvalid(path=path, reason=reason, line=lock.lines.get(package.url)) from error


def _check_conda(record: LockedConda) -> None:
    if not _NAME.fullmatch(record.name):
        raise ValueError(f"'{record.name}' is no name of a conda package")
    parse_version(record.version)
    for purl in record.purls or ():
        if not _PURL.fullmatch(purl):
            raise ValueError(f"'{purl}' is no package URL")


def _check_pypi(package: LockedPypi) -> None:
    if package.version is not None:
        Version(package.version)
    if package.index is not None:
        parse_url(package.index)
    for text in package.requires_dist:
        parse_wanted(text)
    if package.requires_python is not None:
        parse_specifiers(package.requires_python)
