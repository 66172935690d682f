"""What an environment.yml asks of conda, in the words of the search: torch and CUDA are choices, not plain packages.

A conda pin on torch or on what links it bears on the whole island, so it becomes a requirement, and the rules decide
where the island comes from. A pin on a CUDA package states the CUDA line. Everything else stays a conda dependency.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.facts import Facts
from envcompose.model.intent import Intent
from envcompose.model.message import Level, Message
from envcompose.model.requirement import CondaRequest, Fate, Outcome, UserRequirement
from envcompose.model.values import dataclass

_LINE = re.compile(r"\d+\.\d+")


@dataclass(slots=True)
class _Sorted:
    """The conda requests by what becomes of them."""

    requirements: list[UserRequirement] = field(default_factory=list)
    constraints: list[UserRequirement] = field(default_factory=list)
    kept: list[CondaRequest] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    lines: list[tuple[str, CondaRequest]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


def with_conda_wishes(intent: Intent, facts: Facts) -> Intent:
    """The intent with the conda requests on torch and CUDA turned into requirements and a CUDA line."""
    reading = intent.reading
    found = _Sorted()
    for request in reading.conda:
        _sort(request, facts, found)
    cuda, stated = intent.wishes.cuda, intent.stated_cuda
    if cuda is None and found.lines:
        cuda, request = max(found.lines, key=lambda entry: Version(entry[0]))
        stated = cuda, f"{_text(request)} ({request.origin})"
    _tell_lines(found, cuda, wished=intent.wishes.cuda is not None)
    channels = tuple(_channels(reading.channels, facts, found))
    return replace(
        intent,
        wishes=replace(intent.wishes, cuda=cuda),
        stated_cuda=stated,
        reading=replace(
            reading,
            requirements=(*reading.requirements, *found.requirements),
            constraints=(*reading.constraints, *found.constraints),
            conda=tuple(found.kept),
            channels=channels,
            fates=(*reading.fates, *found.fates),
            messages=(*reading.messages, *found.messages),
        ),
    )


def _sort(request: CondaRequest, facts: Facts, found: _Sorted) -> None:
    name = canonicalize_name(request.name)
    if request.name in facts.cuda_packages:
        line = _LINE.search(request.spec or "")
        if line is not None:
            found.lines.append((line.group(), request))
        else:
            note = "the CUDA line is chosen with torch; conda's own CUDA packages follow it"
            found.fates.append(_fate(request, Outcome.REPLACED, note))
        return
    pypi = next((entry.pypi for entry in facts.names if entry.conda == request.name), name)
    recipe = facts.packages.get("torch" if request.name in facts.torch_packages else pypi)
    if recipe is None or not (recipe.links_torch or recipe.name == "torch"):
        found.kept.append(request)
        found.fates.append(_fate(request, Outcome.KEPT, "a conda dependency"))
        twin = None if _is_absent(pypi, facts) else _as_requirement(pypi, request)
        if twin is not None and twin.specifier:
            # pixi pins the PyPI resolve at conda's version, so a conda bound holds there as well.
            found.constraints.append(UserRequirement(text=_text(request), requirement=twin, origin=request.origin))
        return
    requirement = _as_requirement(recipe.name, request)
    if requirement is None:
        found.fates.append(
            _fate(request, Outcome.UNSUPPORTED, f"its spec has no PyPI form; ask for {recipe.name} by a plain version")
        )
        return
    note = f"decided as {recipe.name} with the torch island, which comes from one source"
    found.fates.append(_fate(request, Outcome.REPLACED, note))
    found.requirements.append(UserRequirement(text=_text(request), requirement=requirement, origin=request.origin))


def _is_absent(pypi: str, facts: Facts) -> bool:
    return any(entry.pypi == pypi and entry.conda is None for entry in facts.names)


def _as_requirement(name: str, request: CondaRequest) -> Requirement | None:
    """A conda spec as PEP 508; the build string says where it comes from, which the rules decide."""
    spec = (request.spec or "*").split(" ")[0]
    pieces = []
    for piece in spec.split(","):
        if piece in ("", "*"):
            continue
        pieces.append(piece if piece[0] in "<>=!~" else f"=={piece}")
    try:
        return Requirement(f"{name}{','.join(pieces)}")
    except InvalidRequirement:
        return None


def _tell_lines(found: _Sorted, cuda: str | None, *, wished: bool) -> None:
    for line, request in found.lines:
        if line == cuda:
            found.fates.append(
                _fate(request, Outcome.REPLACED, f"states the CUDA line {line}; conda's CUDA packages follow it")
            )
            continue
        by = "--cuda" if wished else "another line of the file"
        note = f"{by} asks for CUDA {cuda}, which holds"
        found.fates.append(_fate(request, Outcome.REPLACED, note))
        text = f"{request.origin} asks for CUDA {line} ({_text(request)}); {note}"
        found.messages.append(
            Message(
                code="cuda-line-replaced",
                level=Level.WARNING,
                text=text,
                file=request.origin.file,
                line=request.origin.line,
            )
        )


def _channels(channels: tuple[str, ...], facts: Facts, found: _Sorted) -> Iterator[str]:
    """The user's own channels in their order; those whose packages conda-forge has by now are told and left out."""
    for channel in channels:
        if channel in facts.replaced_channels:
            text = f"the channel {channel} is left out: conda-forge has its CUDA and torch packages, and mixing them breaks both"
            found.messages.append(Message(code="channel-replaced", level=Level.NOTE, text=text))
        else:
            yield channel


def _text(request: CondaRequest) -> str:
    return f"{request.name} {request.spec}".strip()


def _fate(request: CondaRequest, outcome: Outcome, note: str) -> Fate:
    return Fate(text=_text(request), origin=request.origin, outcome=outcome, note=note)
