"""What holds a package at its version and in its place, the user's own words first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envcompose.model.composition import Composition, CondaDependency, Package, PypiDependency
from envcompose.model.decision import CompileClass
from envcompose.model.distribution import PackageFile
from envcompose.model.explanation import Newest, Pin, PinKind
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Intent, Prefer
from envcompose.model.requirement import UserRequirement
from envcompose.model.target import Layer, TorchChoice, admits_python
from envcompose.resolve.closure import USER
from envcompose.resolve.partners import PARTNERS, TORCH, release_partners
from envcompose.review.chains import specifiers_of

PYTHON = "python"


def pins_of(composition: Composition, facts: Facts, package: Package) -> tuple[Pin, ...]:
    """Everything that holds it: the user, exact pins of requirers, the search, torch and its partners, conda, the manifest."""
    return tuple(
        [
            *_user(composition, package),
            *_requirers(composition, package),
            *_search(composition, package),
            *_partner(composition, package),
            *_island(composition, package),
            *_conda(composition, facts, package),
            *_manifest(composition, package),
        ]
    )


def conda_pins(composition: Composition, dependency: CondaDependency) -> tuple[Pin, ...]:
    """What holds a line of the conda layer: the wishes for Python and CUDA, bounds on Python, and conda requests."""
    wishes, reading = composition.intent.wishes, composition.intent.reading
    found = []
    if dependency.name == PYTHON:
        found += [_wished("--python", wishes.python)] if wishes.python else []
        found += [
            Pin(kind=PinKind.USER, why=f"{origin} asks for Python {bound}", by=str(origin), specifier=str(bound))
            for bound, origin in reading.requires_python
        ]
    elif wishes.cuda is not None and follows_line(composition, dependency):
        found.append(_line_pin(composition.intent, wishes.cuda))
    for request in reading.conda:
        if request.name == dependency.name:
            why = f"your conda dependency {request.name} {request.spec}".strip() + f" ({request.origin})"
            found.append(Pin(kind=PinKind.USER, why=why, by=str(request.origin), specifier=request.spec or None))
    return tuple(found)


def follows_line(composition: Composition, dependency: CondaDependency) -> bool:
    """Is a conda dependency held to the CUDA line that is composed for?"""
    return composition.target.cuda is not None and dependency.spec == f"{composition.target.cuda}.*"


def _line_pin(intent: Intent, line: str) -> Pin:
    if intent.spoken_cuda is None and intent.stated_cuda is not None:
        by = intent.stated_cuda[1]
        return Pin(kind=PinKind.USER, why=f"{by} states CUDA {line}", by=by, specifier=f"{line}.*")
    return _wished("--cuda", line)


def _wished(option: str, value: str) -> Pin:
    return Pin(kind=PinKind.USER, why=f"you ask for {option} {value}", by=option, specifier=f"{value}.*")


def newest_of(composition: Composition, package: Package, files: Sequence[PackageFile]) -> Newest | None:
    """The newest final release of the index and what excludes it, which is nothing where it is the one chosen.

    None where there is no such release, where the version chosen is not known, and where conda has the choice.
    """
    if package.layer is Layer.SYSTEM:
        return None
    versions = {file.version for file in files if not file.yanked and not file.version.is_prerelease}
    chosen = _version(package.version)
    if not versions or chosen is None:
        return None
    newest = max(versions)
    if newest <= chosen:
        return Newest(version=package.version, is_chosen=True, held_by=())
    held = list(held_by(composition, package, (newest,)))
    pythons = {file.requires_python for file in files if file.version == newest and file.requires_python}
    held += [
        f"it needs Python {text}, and the target has {composition.target.python}"
        for text in sorted(pythons)
        if not _admits(text, composition.target.python)
    ]
    return Newest(version=str(newest), is_chosen=False, held_by=tuple(held))


def held_by(composition: Composition, package: Package, versions: Collection[Version]) -> Iterator[str]:
    """Who directly excludes every one of other versions, in whole phrases: the user first, then the requirers by name."""
    for kind, user in user_lines(composition, package.name):
        if not any(_fits(user.requirement, version) for version in versions):
            yield f"{_user_words(kind, user)} excludes it"
    for name in dict.fromkeys(name for name, _ in package.requirers if name not in (USER, package.name)):
        specifiers = specifiers_of(package, name)
        bounds = SpecifierSet(specifiers)
        if not any(bounds.contains(version, prereleases=True) for version in versions):
            yield f"{_labelled(composition, name)} requires {package.name}{specifiers}"


def user_lines(composition: Composition, name: str) -> list[tuple[PinKind, UserRequirement]]:
    """The requirements, constraints and overrides of the user that name a distribution, each with its kind."""
    reading = composition.intent.reading
    found: list[tuple[PinKind, UserRequirement]] = []
    for kind, users in (
        (PinKind.USER, reading.requirements),
        (PinKind.CONSTRAINT, reading.constraints),
        (PinKind.OVERRIDE, reading.overrides),
    ):
        found += [(kind, user) for user in users if user.name == name]
    return found


def _user_words(kind: PinKind, user: UserRequirement) -> str:
    what = {PinKind.CONSTRAINT: "your constraint", PinKind.OVERRIDE: "your override"}.get(kind, "your requirement")
    return f"{what} {user.text} ({user.origin})"


def _user(composition: Composition, package: Package) -> Iterator[Pin]:
    for kind, user in user_lines(composition, package.name):
        specifier = str(user.requirement.specifier)
        if user.requirement.url is not None:
            yield Pin(kind=kind, why=f"{_user_words(kind, user)} names its source", by=str(user.origin))
        elif specifier:
            yield Pin(kind=kind, why=_user_words(kind, user), by=str(user.origin), specifier=specifier)


def _requirers(composition: Composition, package: Package) -> Iterator[Pin]:
    """Exact pins; bounds leave a choice, and are told with the chains."""
    for name, specifier in package.requirers:
        if name not in (USER, package.name) and specifier.startswith("==") and not specifier.endswith("*"):
            why = f"{_labelled(composition, name)} requires {package.name}{specifier}"
            yield Pin(kind=PinKind.REQUIRER, why=why, by=name, specifier=specifier)


def _search(composition: Composition, package: Package) -> Iterator[Pin]:
    """Versions that the search chose: the stack's release, and torch's."""
    torch, wishes = composition.torch, composition.intent.wishes
    if composition.stack is not None and Requirement(composition.stack).name == package.name:
        dear = any(other.artifact.compile is CompileClass.LONG for other in composition.packages)
        spared = "" if dear or wishes.prefer is Prefer.NEWEST else " without a long compile"
        why = f"the search took the newest release that stands for this target{spared}"
        yield Pin(kind=PinKind.SEARCH, why=why, by="search", specifier=f"=={package.version}")
    elif package.name == TORCH and torch is not None:
        by = "--cuda asks" if composition.intent.spoken_cuda else "the input states"
        built = f" with a build for CUDA {wishes.cuda}, as {by}," if wishes.cuda else ""
        why = f"the search took the newest torch{built} that everything which requires it admits"
        evidence = (torch.evidence,)
        yield Pin(kind=PinKind.SEARCH, why=why, by="search", specifier=f"=={torch.locked_version}", evidence=evidence)


def _partner(composition: Composition, package: Package) -> Iterator[Pin]:
    torch = composition.torch
    if torch is None or package.name not in PARTNERS:
        return
    versions = release_partners(torch.release, package.name)
    if versions:
        why = f"torch {torch.version} goes with {package.name} {' or '.join(versions)}"
        yield Pin(kind=PinKind.PARTNER, why=why, by=TORCH, evidence=(torch.release.evidence,))


def _island(composition: Composition, package: Package) -> Iterator[Pin]:
    torch = composition.torch
    if torch is None or not package.links_torch or package.name == TORCH:
        return
    how = "its build must be one" if package.artifact.kind is not ArtifactKind.NO_ISOLATION else "it is built"
    why = f"it links torch: {how} for {torch_words(torch)}"
    yield Pin(kind=PinKind.ISLAND, why=why, by=TORCH, evidence=(torch.evidence,))


def torch_words(torch: TorchChoice) -> str:
    """A torch with what else must be alike in all that links it."""
    return f"torch {torch.locked_version} (CUDA {torch.cuda}, C++ ABI {int(torch.cxx11_abi)})"


def _conda(composition: Composition, facts: Facts, package: Package) -> Iterator[Pin]:
    """conda's own copy of it: pixi pins the PyPI resolve at what conda takes."""
    if package.layer is Layer.SYSTEM and package.artifact.rule != "island-from-conda":
        why = f"conda provides it as {package.conda_name}, and pixi pins the PyPI layer at conda's version"
        yield Pin(kind=PinKind.CONDA, why=why, by=package.conda_name)
    for twin in facts.twins:
        if twin.pypi != package.name:
            continue
        for line in composition.system.constraints:
            if line.name == twin.conda:
                why = f"[constraints] hold conda's {line.name} to {line.spec}: {line.why}"
                yield Pin(kind=PinKind.CONDA, why=why, by=line.name, specifier=line.spec, evidence=line.evidence)


def _manifest(composition: Composition, package: Package) -> Iterator[Pin]:
    line = next((line for line in composition.pypi if line.name == package.name), None)
    if line is not None:
        yield Pin(
            kind=PinKind.MANIFEST,
            why=f"the manifest names it ({_reference(line)}): {line.why}",
            by="manifest",
            specifier=line.specifier,
        )


def _reference(line: PypiDependency) -> str:
    if line.specifier is not None:
        return line.specifier
    return "by URL" if line.url else "by git" if line.git else "by path"


def _labelled(composition: Composition, name: str) -> str:
    package = composition.package(name)
    return f"{name} {package.version}".strip() if package is not None else name


def _fits(requirement: Requirement, version: Version) -> bool:
    return requirement.url is None and requirement.specifier.contains(version, prereleases=True)


def _version(text: str) -> Version | None:
    """The public version of a package; None where conda or an unread source leaves it open."""
    return Version(Version(text).public) if text and text[0].isdigit() else None


def _admits(requires_python: str, python: str) -> bool:
    try:
        return admits_python(SpecifierSet(requires_python), python)
    except InvalidSpecifier:
        return True
