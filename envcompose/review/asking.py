"""An intent changed so that it asks for another version or another source of one package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envcompose.model.composition import Composition, Package
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Intent, StackRequest, TorchFrom
from envcompose.model.requirement import CondaRequest, Origin, OriginKind, UserRequirement
from envcompose.model.target import Layer
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets
from envcompose.resolve.partners import TORCH

QUESTION = Origin(kind=OriginKind.QUESTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """An intent that asks; `edits` are the user's own words that say otherwise and were left out, each with its place.

    `typed` says whether a command line alone can ask for it: what a file says must be edited there.
    """

    intent: Intent
    edits: tuple[str, ...] = ()
    typed: bool = True


def with_version(
    intent: Intent, facts: Facts, name: str, versions: SpecifierSet, releases: Sequence[Version]
) -> Altered:
    """The intent with another version of a distribution; `releases` are those that the index has and `versions` admits.

    The user's own bounds stay where one of these releases satisfies them too.
    """

    def admitted(specifier: SpecifierSet) -> bool:
        return any(specifier.contains(release, prereleases=True) for release in releases)

    stack = next((r for r in intent.stacks if canonicalize_name(facts.stacks[r.name].distribution) == name), None)
    if stack is not None:
        return _with_stack(intent, facts, stack, versions, admitted)
    return _with_requirement(intent, name, versions, admitted)


def with_stack_pinned(intent: Intent, facts: Facts, composition: Composition) -> Intent:
    """The intent with the stack's release of a composition, so that a question about something else holds it."""
    request = next((r for r in intent.stacks if composition.stack and _is_of(r, facts, composition.stack)), None)
    if request is None or composition.stack is None:
        return intent
    chosen = Requirement(composition.stack)
    pinned = replace(
        request, specifier=chosen.specifier, extras=tuple(sorted(chosen.extras)), text=_stack_text(request.name, chosen)
    )
    return _with_words(
        replace(intent, stacks=tuple(pinned if r is request else r for r in intent.stacks)),
        lambda word: _names_stack(word, request, facts),
        pinned.text,
    )


def with_artifact(intent: Intent, package: Package, kind: ArtifactKind) -> Altered:
    """The intent with another way for one package to come; for torch the layer is the way."""
    if package.name == TORCH and kind is ArtifactKind.CONDA:
        return with_torch_from(intent, TorchFrom.CONDA)
    if package.layer is Layer.SYSTEM and kind is not ArtifactKind.CONDA and package.name == TORCH:
        return with_torch_from(intent, TorchFrom.PYPI)
    others = tuple((name, held) for name, held in intent.wishes.artifacts if name != package.name)
    edits = tuple(f"--artifact {n}={held.value}" for n, held in intent.wishes.artifacts if n == package.name)
    wishes = replace(intent.wishes, artifacts=tuple(sorted((*others, (package.name, kind)))))
    return Altered(intent=replace(intent, wishes=wishes), edits=edits)


def with_torch_from(intent: Intent, source: TorchFrom) -> Altered:
    """The intent with torch from the other layer."""
    held = intent.wishes.torch_from
    edits = () if held in (TorchFrom.AUTO, source) else (f"--torch-from {held.value}",)
    return Altered(intent=replace(intent, wishes=replace(intent.wishes, torch_from=source)), edits=edits)


def with_python(intent: Intent, python: str) -> Altered:
    """The intent for another Python."""
    held = intent.wishes.python
    edits = (f"--python {held}",) if held not in (None, python) else ()
    return Altered(intent=replace(intent, wishes=replace(intent.wishes, python=python)), edits=edits)


def with_line(intent: Intent, line: str) -> Altered:
    """The intent for another CUDA line."""
    held = intent.wishes.cuda
    edits = (intent.cuda_words.rstrip(","),) if held not in (None, line) else ()
    return Altered(intent=replace(intent, wishes=replace(intent.wishes, cuda=line)), edits=edits)


def with_conda(intent: Intent, name: str, versions: SpecifierSet) -> Altered:
    """The intent with a bound on a conda package; only an environment.yml can ask for that."""
    request = CondaRequest(name=name, spec=str(versions), origin=QUESTION)
    reading = replace(intent.reading, conda=(*intent.reading.conda, request))
    return Altered(intent=replace(intent, reading=reading), typed=False)


def _with_stack(
    intent: Intent,
    facts: Facts,
    request: StackRequest,
    versions: SpecifierSet,
    admitted: Callable[[SpecifierSet], bool],
) -> Altered:
    kept = admitted(request.specifier & versions)
    specifier = request.specifier & versions if kept else versions
    extras = f"[{','.join(request.extras)}]" if request.extras is not None else ""
    text = f"{request.name}{extras}{specifier}"
    changed = replace(request, specifier=specifier, text=text)
    stacks = tuple(changed if other is request else other for other in intent.stacks)
    altered = _with_words(replace(intent, stacks=stacks), lambda word: _names_stack(word, request, facts), text)
    return Altered(intent=altered, edits=() if kept else (f"{request.text} ({request.origin})",))


def _with_requirement(
    intent: Intent, name: str, versions: SpecifierSet, admitted: Callable[[SpecifierSet], bool]
) -> Altered:
    reading = intent.reading
    own = [user for user in reading.requirements if user.name == name]
    kept = [user for user in own if _is_kept(user, admitted)]
    wanted = _wanted(name, versions, kept)
    overrides = tuple(_replaced(user, wanted) if user.name == name else user for user in reading.overrides)
    constraints = tuple(user for user in reading.constraints if user.name != name or _is_kept(user, admitted))
    lost = [user for user in own if user not in kept]
    lost += [user for user in reading.constraints if user not in constraints]
    lost += [user for user in reading.overrides if user not in overrides]
    requirements = tuple(user for user in reading.requirements if user not in own)
    held = tuple(user for user in kept if user.origin.kind is not OriginKind.COMMAND_LINE)
    changed = replace(
        reading, requirements=(*requirements, *held, wanted), constraints=constraints, overrides=overrides
    )
    typed = all(user.origin.kind is OriginKind.COMMAND_LINE for user in lost)
    words = {mask_secrets(user.text) for user in own}
    return Altered(
        intent=_with_words(replace(intent, reading=changed), lambda word: word.strip() in words, wanted.text),
        edits=tuple(f"{user.text} ({user.origin})" for user in lost),
        typed=typed,
    )


def _is_kept(user: UserRequirement, admitted: Callable[[SpecifierSet], bool]) -> bool:
    return user.requirement.url is None and admitted(user.requirement.specifier)


def _wanted(name: str, versions: SpecifierSet, kept: Sequence[UserRequirement]) -> UserRequirement:
    """The requirement that asks, with the extras and bounds of what the command line says of the same name."""
    typed = [user.requirement for user in kept if user.origin.kind is OriginKind.COMMAND_LINE]
    extras = sorted({extra for requirement in typed for extra in requirement.extras})
    bounds = [requirement.specifier for requirement in typed if not _is_exact(versions)]
    specifier = SpecifierSet(",".join(str(bound) for bound in (*bounds, versions) if str(bound)))
    text = f"{name}{'[' + ','.join(extras) + ']' if extras else ''}{specifier}"
    return UserRequirement(text=text, requirement=Requirement(text), origin=QUESTION)


def _is_exact(versions: SpecifierSet) -> bool:
    return str(versions).startswith("==") and "," not in str(versions) and not str(versions).endswith("*")


def _replaced(user: UserRequirement, wanted: UserRequirement) -> UserRequirement:
    """An override holds against every requirement, the one that asks too, so it must say the same."""
    return replace(user, text=wanted.text, requirement=wanted.requirement)


def _with_words(intent: Intent, is_old: Callable[[str], bool], text: str) -> Intent:
    """The request with one word in the place of those that it replaces, else at the end."""
    words = [text if is_old(word) else word for word in intent.request.words]
    if text not in words:
        words.append(text)
    return replace(intent, request=replace(intent.request, words=tuple(dict.fromkeys(words))))


def _is_of(request: StackRequest, facts: Facts, stack: str) -> bool:
    return canonicalize_name(facts.stacks[request.name].distribution) == canonicalize_name(Requirement(stack).name)


def _stack_text(name: str, chosen: Requirement) -> str:
    extras = f"[{','.join(sorted(chosen.extras))}]" if chosen.extras else ""
    return f"{name}{extras}{chosen.specifier}"


def _names_stack(word: str, request: StackRequest, facts: Facts) -> bool:
    try:
        name = canonicalize_name(Requirement(word.strip()).name)
    except InvalidRequirement:
        return False
    recipe = facts.stacks[request.name]
    return name in (canonicalize_name(recipe.name), canonicalize_name(recipe.distribution))
