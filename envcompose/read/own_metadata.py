"""What a project's own built metadata would list: its requirements, those of an extra under the extra's marker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement

from envcompose.model.requirement import UserRequirement


def requires_dist(
    always: Iterable[UserRequirement], optional: Mapping[str, Iterable[UserRequirement]]
) -> tuple[str, ...]:
    """The `Requires-Dist` texts in the order of the lists, extras behind (core metadata, PEP 508)."""
    texts = [str(user.requirement) for user in always]
    for extra, users in optional.items():
        texts += [_under(user.requirement, extra) for user in users]
    return tuple(texts)


def _under(requirement: Requirement, extra: str) -> str:
    own = str(requirement.marker) if requirement.marker is not None else ""
    marker = f"({own}) and extra == '{extra}'" if own else f"extra == '{extra}'"
    bare = Requirement(str(requirement))
    bare.marker = None
    # The space keeps the marker apart from a URL, which may hold a semicolon.
    return f"{bare} ; {marker}"
