"""Direct references of the user (a wheel's URL, a git source, a folder) among the requirements of a search."""

from __future__ import annotations

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from envcompose.model.requirement import UserRequirement
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A direct reference of the user's (a wheel URL, a git source, a folder) that stands in for an index release."""

    name: str
    url: str
    version: Version
    origin: str
    sha256: str | None = None
    """The hash that the user gives with it."""


def given_of(user: UserRequirement) -> Given | None:
    """What a direct reference stands for: its version where a wheel's name tells it, else 0 (its metadata are not read)."""
    requirement = user.requirement
    if requirement.url is None:
        return None
    version = Version("0")
    filename = requirement.url.split("#")[0].rpartition("/")[2]
    if filename.endswith(".whl"):
        try:
            version = parse_wheel_filename(filename.replace("%2B", "+"))[1]
        except ValueError:
            version = Version("0")
    hashes = [text.removeprefix("sha256:") for text in user.hashes if text.startswith("sha256:")]
    return Given(
        name=user.name,
        url=requirement.url,
        version=version,
        origin=str(user.origin),
        sha256=hashes[0] if hashes else None,
    )


def for_resolver(requirement: Requirement) -> str:
    """A requirement as the resolver is asked: a direct reference by its name, which the universe offers once."""
    if requirement.url is None:
        return str(requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}"
