"""Fakes and builders for the core: an index in memory, a resolver that tries everything, small facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from envcompose.model.analysis import Analysis, MetadataSource, Reading
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.model.facts import (
    CudaLine,
    Evidence,
    Facts,
    PackageRecipe,
    PrebuiltWheel,
    PythonLine,
    StackRecipe,
    TorchBuild,
    TorchRelease,
)
from envcompose.model.requirement import Origin, OriginKind, UserRequirement
from envcompose.model.target import Layer, TorchChoice, marker_environment
from envcompose.ports import Answer, Question, Universe
from envcompose.resolve.metadata import active_requirements, header_values

WHY = Evidence(text="a test", source="a test", as_of="2026-01-01")


class FakeIndex:
    """The PackageIndex port over files in memory, each with its requirements."""

    def __init__(self) -> None:
        self._files: dict[str, list[PackageFile]] = {}
        self._requires: dict[str, tuple[str, ...]] = {}
        self.partners: dict[tuple[str, str], tuple[PackageFile, ...]] = {}

    def add(self, filename: str, *requires: str, requires_python: str | None = None) -> PackageFile:
        """Put one file on the index: `name-1.0-py3-none-any.whl` or `name-1.0.tar.gz`."""
        wheel = filename.endswith(".whl")
        stem = filename if wheel else filename.removesuffix(".tar.gz")
        name, version = stem.split("-")[:2]
        made = PackageFile(
            name=canonicalize_name(name),
            version=Version(version),
            filename=filename,
            url=f"https://index.example/{filename}",
            sha256=None,
            requires_python=requires_python,
        )
        self._files.setdefault(made.name, []).append(made)
        self._requires[filename] = requires
        return made

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        files = self._files.get(name)
        return None if files is None else tuple(sorted(files, key=lambda file: (file.version, file.filename)))

    def metadata(self, file: PackageFile) -> str:
        lines = [f"Requires-Dist: {text}" for text in self._requires[file.filename]]
        return "\n".join(["Metadata-Version: 2.1", f"Name: {file.name}", f"Version: {file.version}", *lines]) + "\n"

    def contents(self, file: PackageFile) -> WheelContents | None:
        return None

    def known_size(self, file: PackageFile) -> int | None:
        return file.size

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        requires = self._requires[file.filename]
        needs_torch = any(Requirement(text).name == "torch" for text in requires)
        return analysis_of(file.name, str(file.version), requires, torches=torches, links_torch=needs_torch)

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        return self.partners.get((url, name))


def analysis_of(
    name: str,
    version: str = "1.0",
    requires: Sequence[str] = (),
    *,
    torches: Sequence[str | None] = (None,),
    links_torch: bool = False,
    static_for_uv: bool = True,
) -> Analysis:
    readings = tuple(
        Reading(
            torch=torch,
            requires_dist=tuple(requires),
            requires_python=None,
            provides_extra=(),
            source=MetadataSource.STATIC,
            complete=True,
            incomplete=(),
        )
        for torch in torches
    )
    return Analysis(
        name=name,
        version=version,
        static_by_standard=True,
        static_for_uv=static_for_uv,
        follows_torch=False,
        readings=readings,
        build_backend="setuptools.build_meta",
        build_requires=(),
        build_needs=(),
        tools=(),
        toolkit_packages=(),
        extension=links_torch,
        links_torch=links_torch,
        cuda_sources=0,
        native_sources=0,
        cxx_standards=(),
        scripts=(),
        top_level=(),
        extension_modules=(),
        switches=(),
        traps=(),
        incomplete=(),
    )


class FakeResolver:
    """The Resolver port: newest versions first, and back where that does not work out."""

    def resolve(self, question: Question, universe: Universe) -> Answer:
        environment = marker_environment(question.python)
        bounds = [Requirement(text) for text in question.constraints]
        constraints = [one for one in bounds if one.marker is None or one.marker.evaluate(dict(environment))]
        overrides = {canonicalize_name(one.name): one for one in map(Requirement, question.overrides)}
        wanted = [_overridden(Requirement(text), overrides) for text in question.requirements]
        pins = next(_solutions({}, wanted, constraints, universe, environment, overrides), None)
        return Answer(pins=pins, words="" if pins is not None else "Because torch and python do not go together")


def _overridden(requirement: Requirement, overrides: Mapping[str, Requirement]) -> Requirement:
    return overrides.get(canonicalize_name(requirement.name), requirement)


def _solutions(
    pins: Mapping[str, str],
    wanted: Sequence[Requirement],
    constraints: Sequence[Requirement],
    universe: Universe,
    environment: Mapping[str, str],
    overrides: Mapping[str, Requirement],
) -> Iterator[Mapping[str, str]]:
    if not wanted:
        yield pins
        return
    first, *rest = wanted
    name = canonicalize_name(first.name)
    bounds = [first, *(bound for bound in constraints if canonicalize_name(bound.name) == name)]
    if name in pins:
        if first.specifier.contains(pins[name], prereleases=True):
            yield from _solutions(pins, rest, constraints, universe, environment, overrides)
        return
    offers = {parse_wheel_filename(offer.filename)[1]: offer for offer in universe.page(name) or ()}
    for version in sorted(offers, reverse=True):
        if not all(bound.specifier.contains(version, prereleases=True) for bound in bounds):
            continue
        if environment["python_version"] not in SpecifierSet(offers[version].requires_python or ""):
            continue
        headers = universe.metadata(name, offers[version].filename) or ""
        found = active_requirements(header_values(headers, "Requires-Dist"), first.extras, environment)
        more = [_overridden(requirement, overrides) for requirement in found]
        pinned = {**pins, name: str(version)}
        yield from _solutions(pinned, [*more, *rest], constraints, universe, environment, overrides)


def torch_release(version: str, pythons: Sequence[str], *, cuda: str = "12.4") -> TorchRelease:
    build = TorchBuild(cuda=cuda, cxx11_abi=True, index=None, local=None, archs=("9.0",), ptx=None, evidence=WHY)
    return TorchRelease(
        version=Version(version),
        date="2026-01-01",
        pythons=tuple(pythons),
        builds=(build,),
        triton=None,
        torchvision=(),
        torchaudio=(),
        glibc="2.28",
        cxx_standard=17,
        setuptools=SpecifierSet(),
        cudnn=None,
        nccl=None,
        evidence=WHY,
    )


def torch_choice(release: TorchRelease) -> TorchChoice:
    return TorchChoice(release=release, layer=Layer.PYPI, line=release.builds[0].cuda, build=release.builds[0])


def prebuilt(version: str, torch: str, pythons: Sequence[str], *, glibc: str | None = None) -> PrebuiltWheel:
    return PrebuiltWheel(
        version=Version(version),
        torch=torch,
        cuda="12",
        pythons=tuple("cp" + python.replace(".", "") for python in pythons),
        cxx11_abi=(True,),
        url="https://releases.example/ext-{version}+torch{torch}-{python}.whl",
        glibc=glibc,
        nightly=False,
        evidence=WHY,
    )


def facts_of(
    *, torches: Sequence[TorchRelease] = (), packages: Sequence[PackageRecipe] = (), stacks: Sequence[StackRecipe] = ()
) -> Facts:
    line = CudaLine(
        version="12.4", nvcc=("12.4.131",), gcc_below=14, driver_floor="525.60.13", archs=("9.0",), evidence=WHY
    )
    return Facts(
        torch=tuple(torches),
        cuda=(line,),
        gpus=(),
        gpu_floors=(),
        drivers=(),
        pythons=(PythonLine(version="3.12", evidence=WHY), PythonLine(version="3.13", evidence=WHY)),
        names=(),
        tools=(),
        twins=(),
        mistaken=(),
        torch_packages=(),
        cuda_packages=(),
        replaced_channels=(),
        packages={recipe.name: recipe for recipe in packages},
        stacks={recipe.name: recipe for recipe in stacks},
        as_of="2026-01-01",
        digest="0" * 16,
    )


def asked(text: str) -> UserRequirement:
    return UserRequirement(text=text, requirement=Requirement(text), origin=Origin(kind=OriginKind.COMMAND_LINE))
