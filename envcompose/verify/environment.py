"""The environment that is judged, as it says of itself: its interpreter, dist-info, conda-meta. Nothing is imported."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import children
from .versions import normalise

_SELF_PORTRAIT = """
import json, os, platform, site, sys, sysconfig
full = platform.python_version()
implementation = sys.implementation
number = "{0.major}.{0.minor}.{0.micro}".format(implementation.version)
if implementation.version.releaselevel != "final":
    number += implementation.version.releaselevel[0] + str(implementation.version.serial)
print(json.dumps({
    "python": "%d.%d" % sys.version_info[:2], "prefix": sys.prefix, "base_prefix": sys.base_prefix, "path": sys.path,
    "sites": [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")], "stdlib": sysconfig.get_path("stdlib"),
    "user_site": site.getusersitepackages() if site.ENABLE_USER_SITE else None,
    "include": sysconfig.get_path("include"), "suffix": sysconfig.get_config_var("EXT_SUFFIX"),
    "markers": {
        "implementation_name": implementation.name, "implementation_version": number, "os_name": os.name,
        "platform_machine": platform.machine(), "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(), "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": full, "python_version": "%d.%d" % sys.version_info[:2], "sys_platform": sys.platform,
    },
}))
"""


class NoEnvironment(Exception):
    """There is no working interpreter in the prefix; the text says what was seen."""


@dataclass(frozen=True)
class Distribution:
    """One `.dist-info` or `.egg-info` of a site folder."""

    name: str
    """Normalised (PEP 503)."""
    version: str
    folder: str
    site: str
    requires: tuple[str, ...]
    requires_python: str | None
    location: str
    """"site", "user" or "outside" of the prefix."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that RECORD names, as absolute paths; empty where there is no RECORD."""
        return tuple(self.hashes)

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """The hash that RECORD gives for each file, "" where it gives none, by absolute path."""
        found: dict[str, str] = {}
        rows = csv.reader(_text(os.path.join(self.folder, "RECORD")).splitlines())
        with contextlib.suppress(csv.Error):
            for row in rows:
                name = row[0] if row else ""
                path = name if os.path.isabs(name) else f"{self.site}/{name}"
                if name:
                    found[os.path.normpath(path) if ".." in name else path] = row[1] if len(row) > 1 else ""
        return found


@dataclass(frozen=True)
class CondaPackage:
    """One record of conda-meta."""

    name: str
    version: str
    build: str
    purls: tuple[str, ...]
    """Normalised PyPI names that the record says it provides."""
    files: tuple[str, ...]
    """Paths under the prefix."""

    @cached_property
    def stands_for(self) -> tuple[str, ...]:
        """Normalised PyPI names: its purls, else its own name where it brings metadata or a program of that name.

        conda's tzdata is the system's time zones, while PyPI's is a Python package: one name is not yet one thing.
        """
        name = normalise(self.name)
        if self.purls or not self.files:
            return self.purls or (name,)
        for path in self.files:
            folder, _, entry = path.rpartition("/")
            brought = entry if entry.endswith((".dist-info", ".egg-info")) else folder.rpartition("/")[2]
            stem = brought.rsplit(".", 1)[0].split("-", 1)[0]
            metadata = brought.endswith((".dist-info", ".egg-info")) and normalise(stem) == name
            if metadata or path == f"bin/{self.name}":
                return (name,)
        return ()


@dataclass(frozen=True)
class Environment:
    """What the interpreter and the installed records say, as values."""

    prefix: str
    python: str
    """The interpreter's path."""
    version: str
    """Python's major and minor number."""
    path: tuple[str, ...]
    sites: tuple[str, ...]
    """Folders under the prefix where distributions are looked for, in the order of sys.path."""
    stdlib: str
    include: str
    suffix: str
    user_site: str | None
    markers: Mapping[str, str]
    distributions: tuple[Distribution, ...]
    """All that sys.path reaches, in its order; a name can appear more than once."""
    conda: tuple[CondaPackage, ...] | None
    """None where the prefix is not a conda environment."""

    @cached_property
    def installed(self) -> Mapping[str, Distribution]:
        """The distribution that an import would find, by normalised name."""
        first: dict[str, Distribution] = {}
        for distribution in self.distributions:
            first.setdefault(distribution.name, distribution)
        return first

    @cached_property
    def from_conda(self) -> Mapping[str, CondaPackage]:
        """Conda packages by the PyPI names that they stand for."""
        found: dict[str, CondaPackage] = {}
        for package in self.conda or ():
            for name in package.stands_for:
                found.setdefault(name, package)
        return found

    def version_of(self, name: str) -> str | None:
        """The installed version of a distribution, in whichever layer; None where it is missing."""
        if name in self.installed:
            return self.installed[name].version
        return self.from_conda[name].version if name in self.from_conda else None

    def short(self, path: str) -> str:
        """A path as it is shown: under the prefix without it, elsewhere with the home folder as `~`."""
        for base, sign in ((self.prefix, ""), (os.path.realpath(self.prefix), ""), (os.path.expanduser("~"), "~/")):
            if path.startswith(base.rstrip("/") + "/"):
                return sign + path[len(base.rstrip("/")) + 1 :]
        return path


def look(prefix: str) -> Environment:
    """The environment in `prefix`; NoEnvironment where it has no interpreter that runs."""
    python = os.path.join(prefix, "bin", "python")
    if not os.path.exists(python):
        raise NoEnvironment(f"there is no {os.path.join('bin', 'python')} in it")
    ended = children.run([python, "-c", _SELF_PORTRAIT], limit=60)
    try:
        portrait = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise NoEnvironment(f"its interpreter does not run: {ended.story}") from None
    sites = [path for path in portrait["path"] if path in portrait["sites"]]
    return Environment(
        prefix=prefix,
        python=python,
        version=portrait["python"],
        path=tuple(portrait["path"]),
        sites=tuple(sites or dict.fromkeys(portrait["sites"])),
        stdlib=portrait["stdlib"],
        include=portrait["include"],
        suffix=portrait["suffix"] or ".so",
        user_site=portrait["user_site"],
        markers=portrait["markers"],
        distributions=_distributions(portrait),
        conda=_conda_packages(os.path.join(prefix, "conda-meta")),
    )


def _distributions(portrait: Mapping[str, Any]) -> tuple[Distribution, ...]:
    found: list[Distribution] = []
    folders = dict.fromkeys([*(path for path in portrait["path"] if path), *portrait["sites"]])
    for site in folders:
        location = "site" if site in portrait["sites"] else "user" if site == portrait["user_site"] else "outside"
        if site.endswith(("lib-dynload", ".zip")) or site == portrait["stdlib"]:
            continue
        for name in sorted(_names(site)):
            if name.endswith((".dist-info", ".egg-info")):
                distribution = _distribution(site, name, location)
                if distribution is not None:
                    found.append(distribution)
    return tuple(found)


def _distribution(site: str, entry: str, location: str) -> Distribution | None:
    folder = os.path.join(site, entry)
    text = ""
    for file in (os.path.join(folder, "METADATA"), os.path.join(folder, "PKG-INFO"), folder):
        text = text or _text(file)
    fields = _header(text)
    stem = entry.rsplit(".", 1)[0]
    named = fields.get("name", [stem.split("-", 1)[0]])[0]
    version = fields.get("version", [stem.split("-", 2)[1] if "-" in stem else ""])[0]
    if not named or named.startswith("~"):
        return None
    python = fields.get("requires-python")
    return Distribution(
        normalise(named),
        version,
        folder,
        site,
        tuple(fields.get("requires-dist", ())),
        python[0] if python else None,
        location,
    )


def _header(text: str) -> dict[str, list[str]]:
    """The fields before the first empty line, by lower-case name, in their order."""
    fields: dict[str, list[str]] = {}
    last = ""
    for line in text.splitlines():
        if not line.strip():
            break
        if line[0] in " \t" and last:
            fields[last][-1] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            last = key.strip().lower()
            fields.setdefault(last, []).append(value.strip())
    return fields


def _conda_packages(folder: str) -> tuple[CondaPackage, ...] | None:
    if not os.path.isdir(folder):
        return None
    found = []
    for name in sorted(_names(folder)):
        if not name.endswith(".json"):
            continue
        try:
            record = json.loads(_text(os.path.join(folder, name)))
            purls = tuple(
                match.group(1) for purl in record.get("purls") or () if (match := re.match(r"pkg:pypi/([^@?]+)", purl))
            )
            found.append(
                CondaPackage(
                    str(record["name"]), str(record["version"]), str(record.get("build", "")),
                    tuple(normalise(purl) for purl in purls), tuple(str(file) for file in record.get("files") or ()),
                )
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return tuple(found)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
