"""Direct references of the user (a wheel's URL, a git source, a folder) among the requirements of a search."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A direct reference of the user's (a wheel URL, a git source, a folder) that stands in for an index release."""

    name: str
    url: str
    version: Version


def given_of(name: str, requirement: Requirement) -> Given | None:
    """What a direct reference stands for: its version where a wheel's name tells it, else 0 (its metadata are not read)."""
    if requirement.url is None:
        return None
    version = Version("0")
    filename = requirement.url.split("#")[0].rpartition("/")[2]
    if filename.endswith(".whl"):
        try:
            version = parse_wheel_filename(filename.replace("%2B", "+"))[1]
        except ValueError:
            version = Version("0")
    return Given(name=name, url=requirement.url, version=version)


def for_resolver(requirement: Requirement) -> str:
    """A requirement as the resolver is asked: a direct reference by its name, which the universe offers once."""
    if requirement.url is None:
        return str(requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}"
