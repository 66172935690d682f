"""The system layer: what conda must provide for this closure to build and run, each line with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envcompose.decide.gpu_code import GpuCode
from envcompose.decide.specs import both, conda_spec
from envcompose.model.analysis import Analysis
from envcompose.model.composition import BuildNeeds, CondaDependency, EnvironmentVariable, SystemLayer
from envcompose.model.decision import Artifact
from envcompose.model.facts import CudaLine, Evidence, Facts
from envcompose.model.intent import ArtifactKind
from envcompose.model.message import Level, Message
from envcompose.model.requirement import CondaRequest
from envcompose.model.target import Layer, TorchChoice, marker_environment
from envcompose.model.values import dataclass
from envcompose.resolve.closure import Closure, Member
from envcompose.resolve.metadata import active_requirements
from envcompose.resolve.universe import TORCH

UNISOLATED = (ArtifactKind.NO_ISOLATION, ArtifactKind.TASK)
NVCC = "cuda-nvcc"
CUDA_VERSION = "cuda-version"
CONDA_TORCH = "pytorch-gpu"
FROM_CONDA = ("island-from-conda", "forced")
"""Rules by which a conda build is asked for; other distributions of the conda layer come with what is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The conda package that stands for a PyPI name, the dependency that brings it (empty: none now), and what says so."""

    conda: str
    brought_by: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the system layer is made for."""

    facts: Facts
    closure: Closure
    artifacts: Mapping[str, Artifact]
    analyses: Mapping[str, Analysis]
    torch: TorchChoice | None
    island: frozenset[str]
    python: str
    line: CudaLine | None
    gpu_code: GpuCode
    requests: tuple[CondaRequest, ...]
    channels: tuple[str, ...]
    build_hints: Mapping[str, tuple[tuple[str, str], ...]]
    """What the user's project says must be there for a package's build: distributions, each with its place."""
    twins: Mapping[str, Twin] | None = None
    """What the conda layer provides of PyPI, by PyPI name, once it was solved; None: by tables."""
    bounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The user's own constraints by PyPI name."""
    unbound: frozenset[str] = frozenset()
    """conda packages that the closure's bounds are not carried to: the closure is to follow them instead."""
    driver: str | None = None
    """The CUDA version that the target's driver shows, for packages that ask for one."""

    def built_without_isolation(self) -> list[Member]:
        """The members whose build sees the environment, by name."""
        return [
            member for name, member in sorted(self.closure.members.items()) if self.artifacts[name].kind in UNISOLATED
        ]


def plan_system(plan: Plan) -> SystemLayer:
    """The whole conda layer for a plan."""
    layer = _Layer(plan)
    layer.python()
    layer.torch()
    layer.conda_artifacts()
    needs = tuple(layer.build_needs(member) for member in plan.built_without_isolation())
    layer.isolated_builds()
    layer.run_needs()
    layer.cuda()
    layer.user_requests()
    constraints = layer.constraints()
    return SystemLayer(
        dependencies=tuple(layer.dependencies[name] for name in sorted(layer.dependencies)),
        constraints=constraints,
        env=tuple(layer.env[name] for name in sorted(layer.env)),
        build_needs=needs,
        needs_driver=plan.torch is not None and plan.torch.layer is Layer.SYSTEM,
        messages=tuple(layer.messages),
        channels=plan.channels,
        driver=plan.driver,
    )


class _Layer:
    """The layer as it grows; several reasons for one name are joined."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.dependencies: dict[str, CondaDependency] = {}
        self.env: dict[str, EnvironmentVariable] = {}
        self.messages: list[Message] = []

    def add(self, name: str, spec: str, why: str, rule: str, evidence: Iterable[Evidence] = ()) -> None:
        held = self.dependencies.get(name)
        if held is None:
            self.dependencies[name] = CondaDependency(
                name=name, spec=spec, why=why, rule=rule, evidence=tuple(evidence)
            )
            return
        reasons = held.why if why in held.why else f"{held.why}; {why}"
        self.dependencies[name] = CondaDependency(
            name=name, spec=both(held.spec, spec), why=reasons, rule=held.rule, evidence=(*held.evidence, *evidence)
        )

    def set_env(self, name: str, value: str, why: str) -> None:
        self.env.setdefault(name, EnvironmentVariable(name=name, value=value, why=why))

    def python(self) -> None:
        self.add(
            "python",
            f"{self._plan.python}.*",
            f"the interpreter of the target, Python {self._plan.python}",
            "target-python",
        )

    def torch(self) -> None:
        torch = self._plan.torch
        if torch is None or torch.layer is not Layer.SYSTEM or torch.conda is None:
            return
        text = "conda's CUDA packages ask for a driver, so a machine without a GPU (CI, a login node) must state one to install"
        hint = f"CONDA_OVERRIDE_CUDA={torch.cuda.split('.')[0]}.0 pixi install"
        self.messages.append(Message(code="needs-driver", level=Level.NOTE, text=text, hint=hint))
        why = f"torch {torch.version} with CUDA {torch.cuda}; all that links it has a conda build for it"
        self.add(CONDA_TORCH, f"{torch.conda.conda_version}.*", why, "island-from-conda", (torch.conda.evidence,))
        self.add(CUDA_VERSION, f"{torch.line}.*", f"CUDA {torch.line} is the line composed for", "target-cuda")

    def conda_artifacts(self) -> None:
        for name, member in sorted(self._plan.closure.members.items()):
            artifact = self._plan.artifacts[name]
            if _is_asked_of_conda(artifact) and name != TORCH:
                conda = self.conda_name(name) or name
                self.add(conda, f"{member.version}.*", artifact.why, artifact.rule, artifact.evidence)

    def build_needs(self, member: Member) -> BuildNeeds:
        """The conda packages one unisolated build needs, added to the layer."""
        plan, analysis = self._plan, self._plan.analyses.get(member.name)
        if analysis is None:
            return BuildNeeds(name=member.name, python=(), conda=(), tools=(), env=())
        wanted = _importable(analysis, self._declared(analysis), plan.island)
        for distribution, origin in plan.build_hints.get(member.name, ()):
            if distribution not in plan.island:
                wanted.setdefault(distribution, f"asked for at {origin} for the build")
        conda: set[str] = set()
        for distribution, why in sorted(wanted.items()):
            name = self._tool(distribution) or self.conda_name(distribution)
            if name is None and why == "wanted by the build":
                # It builds without; somebody else's accelerator, as often as not.
                continue
            if name is None:
                self._warn(
                    "build-need-without-conda",
                    f"{distribution}, which the build of {member.name} needs, has no conda package",
                    member.name,
                )
                continue
            self.add(
                name,
                self._spec_of(distribution, analysis),
                f"{why} of {member.name}",
                "build-need",
                _evidence(analysis, distribution),
            )
            conda.add(name)
        tools = [tool.partition(">=")[0] for tool in analysis.tools]
        if "nvcc" in tools or analysis.cuda_sources:
            conda |= self._toolkit(member.name, analysis)
        elif analysis.extension:
            self.add("cxx-compiler", "*", f"compiles {member.name}", "build-tool")
            conda.add("cxx-compiler")
        for tool in sorted({"cmake", "ninja", "rust", "git"} & set(tools)):
            self.add(tool, "*", f"a tool of the build of {member.name}", "build-tool")
            conda.add(tool)
        if plan.artifacts[member.name].kind is ArtifactKind.TASK:
            self.add("uv", "*", f"installs {member.name} in its task", "task-installer")
        env = self._switches(member.name)
        return BuildNeeds(
            name=member.name, python=tuple(sorted(wanted)), conda=tuple(sorted(conda)), tools=analysis.tools, env=env
        )

    def _toolkit(self, name: str, analysis: Analysis) -> set[str]:
        self.add(NVCC, self._nvcc_spec(), f"compiles {name}; brings a g++ that it accepts", "build-tool")
        packages = {"cuda-cudart-dev", *analysis.toolkit_packages}
        for package in sorted(packages):
            self.add(package, "*", f"headers that the sources of {name} include", "toolkit-headers")
        return {NVCC, *packages}

    def _switches(self, name: str) -> tuple[tuple[str, str], ...]:
        """Environment variables that steer a build: the recipe's, and the architectures that torch's own builder reads."""
        plan = self._plan
        recipe = plan.facts.packages.get(name)
        code = plan.gpu_code
        found = {}
        for switch in recipe.build_switches if recipe else ():
            value = switch.value.format(
                archs_semicolon=code.semicolon, archs_dotted=code.dotted, max_jobs=code.max_jobs
            )
            if not value:
                continue
            self.set_env(switch.name, value, f"{switch.why} ({name})")
            found[switch.name] = value
        if code.dotted:
            self.set_env("TORCH_CUDA_ARCH_LIST", code.dotted, "GPU architectures that extensions are compiled for")
        self.set_env("MAX_JOBS", str(code.max_jobs), code.max_jobs_why)
        return tuple(sorted(found.items()))

    def isolated_builds(self) -> None:
        for name, artifact in sorted(self._plan.artifacts.items()):
            analysis = self._plan.analyses.get(name)
            if artifact.kind is not ArtifactKind.SDIST or analysis is None or not analysis.extension:
                continue
            if analysis.cuda_sources:
                self.add(NVCC, self._nvcc_spec(), f"compiles {name}; brings a g++ that it accepts", "build-tool")
            elif NVCC not in self.dependencies:
                self.add("cxx-compiler", "*", f"compiles {name}", "build-tool")
            if "rust" in analysis.tools:
                self.add("rust", "*", f"compiles {name}", "build-tool")

    def run_needs(self) -> None:
        for name, member in sorted(self._plan.closure.members.items()):
            recipe = self._plan.facts.packages.get(name)
            for need in recipe.run_needs if recipe else ():
                if not need.when.contains(member.version, prereleases=True):
                    continue
                for conda in need.conda:
                    if conda == NVCC and not (self._plan.line and self._plan.line.nvcc):
                        self._warn(
                            "no-nvcc",
                            f"{name} wants nvcc at run time ({need.why}), and conda-forge has none for this CUDA line",
                            name,
                        )
                        continue
                    self.add(
                        conda,
                        self._nvcc_spec() if conda == NVCC else "*",
                        _about(name, need.why),
                        "run-need",
                        (need.evidence,),
                    )
                for key, value in need.env:
                    self.set_env(key, value, _about(name, need.why))

    def cuda(self) -> None:
        """Where nvcc is there: the toolkit's line, and where extensions look for it."""
        plan = self._plan
        if NVCC not in self.dependencies:
            return
        self.add(
            CUDA_VERSION, self._nvcc_spec(), "one toolkit line for nvcc and all CUDA libraries of conda", "target-cuda"
        )
        self.set_env("CUDA_HOME", "$CONDA_PREFIX", "conda's nvcc never sets it, and one of the user's own would win")
        if plan.torch is not None and plan.torch.layer is Layer.PYPI and plan.built_without_isolation():
            path = "$CONDA_PREFIX/targets/x86_64-linux/include"
            self.set_env("CUDA_INC_PATH", path, "conda keeps CUDA headers there, where a PyPI torch does not look")

    def user_requests(self) -> None:
        for request in self._plan.requests:
            self.add(request.name, request.spec or "*", f"you ask for it ({request.origin})", "user-request")
            if request.channel:
                held = self.dependencies[request.name]
                self.dependencies[request.name] = CondaDependency(
                    name=held.name,
                    spec=held.spec,
                    why=held.why,
                    rule=held.rule,
                    evidence=held.evidence,
                    channel=request.channel,
                )

    def constraints(self) -> tuple[CondaDependency, ...]:
        """Bounds of the closure on what conda packages bring by themselves: pixi pins PyPI at conda's choice and never goes back."""
        found: dict[str, CondaDependency] = {}
        for pypi, twin in sorted(self._twins().items()):
            member = self._plan.closure.members.get(pypi)
            if member is None or twin.conda in self._plan.unbound or _is_asked_of_conda(self._plan.artifacts[pypi]):
                continue
            spec = conda_spec((*member.bounds(), *self._plan.bounds.get(pypi, ())))
            if spec == "*":
                continue
            bounding = {requirer or "you" for requirer, requirement in member.required_by if str(requirement.specifier)}
            who = _few(sorted(bounding or {"you"}))
            verb = "bound" if len(bounding) > 1 else "bounds"
            if twin.conda in self.dependencies:
                self.add(twin.conda, spec, f"bounded by {who} (PyPI)", "pypi-bound")
                continue
            may = "may bring" if self._plan.twins is None else "brings"
            brings = f"and {twin.brought_by} {may} it" if twin.brought_by else "should anything bring it"
            why = f"{who} (PyPI) {verb} it, {brings}"
            found[twin.conda] = CondaDependency(
                name=twin.conda, spec=spec, why=why, rule="pypi-bound", evidence=(twin.evidence,)
            )
        return tuple(found[name] for name in sorted(found))

    def _twins(self) -> Mapping[str, Twin]:
        """What conda provides of PyPI: as it was solved, else what tables say that these dependencies may bring."""
        if self._plan.twins is not None:
            return self._plan.twins
        found = {}
        for twin in self._plan.facts.twins:
            bringers = [name for name in twin.brought_by if name in self.dependencies]
            if bringers:
                found[twin.pypi] = Twin(conda=twin.conda, brought_by=bringers[0], evidence=twin.evidence)
        return found

    def _tool(self, distribution: str) -> str | None:
        return next((tool.conda for tool in self._plan.facts.tools if tool.pypi == distribution), None)

    def conda_name(self, distribution: str) -> str | None:
        """conda-forge's name of a PyPI name, None where it is known to have none."""
        for name in self._plan.facts.names:
            if name.pypi == distribution:
                return name.conda
        return distribution

    def _nvcc_spec(self) -> str:
        return f"{self._plan.line.version}.*" if self._plan.line is not None else "*"

    def _declared(self, analysis: Analysis) -> list[Requirement]:
        """The build requirements that a source declares for this target."""
        return active_requirements(analysis.build_requires, (), marker_environment(self._plan.python))

    def _spec_of(self, distribution: str, analysis: Analysis) -> str:
        """The bounds on a build need: the sdist's own, the closure's, and torch's on setuptools."""
        bounds = [str(one.specifier) for one in self._declared(analysis) if canonicalize_name(one.name) == distribution]
        member = self._plan.closure.members.get(distribution)
        if self.conda_name(distribution) not in self._plan.unbound:
            bounds += member.bounds() if member else ()
        torch = self._plan.torch
        if distribution == "setuptools" and torch is not None:
            bounds.append(str(torch.release.setuptools))
        return conda_spec(bounds)

    def _warn(self, code: str, text: str, package: str) -> None:
        self.messages.append(Message(code=code, level=Level.WARNING, text=text, packages=(package,)))


def _is_asked_of_conda(artifact: Artifact) -> bool:
    return artifact.kind is ArtifactKind.CONDA and artifact.rule in FROM_CONDA


def _few(names: Sequence[str]) -> str:
    """The first names of a list and how many more there are: a comment has one line."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _about(name: str, why: str) -> str:
    """A reason that says whose it is, once."""
    return why if why.startswith(name) else f"{name}: {why}"


def _importable(analysis: Analysis, declared: Sequence[Requirement], island: frozenset[str]) -> dict[str, str]:
    """What must or should be importable for an unisolated build, without the island (it is installed before), and why."""
    found = {
        need.distribution: "wanted by the build" if not need.required else "needed by the build"
        for need in analysis.build_needs
        if need.required or need.taken
    }
    for requirement in declared:
        found.setdefault(canonicalize_name(requirement.name), "a declared build requirement")
    return {name: why for name, why in found.items() if name not in island}


def _evidence(analysis: Analysis, distribution: str) -> list[Evidence]:
    source = f"the sdist of {analysis.name} {analysis.version}"
    return [
        Evidence(text=f"{need.place}: {need.place.text.strip()}", source=source)
        for need in analysis.build_needs
        if need.distribution == distribution and need.place is not None
    ][:1]
