"""The closure: what the installed distributions require of each other, across both layers, with markers and extras."""

from __future__ import annotations

from collections.abc import Iterable

from .case import Case, Check
from .environment import Distribution, Environment
from .requirements import Requirement
from .versions import SpecifierSet, equals_pin, normalise
from .words import ERROR, NOTE, WARNING, Finding, Result


def judge_requirements(case: Case) -> Result:
    """Requires-Dist of everything installed is satisfied, by a distribution or a conda package that stands for it."""
    environment = case.environment
    asked: dict[str, set[str]] = {name: set() for name in environment.installed}
    open_names, seen, findings = sorted(asked), set(), {}
    while open_names:
        name = open_names.pop()
        distribution = environment.installed[name]
        for text in distribution.requires:
            if (name, text) in seen and not asked[name]:
                continue
            seen.add((name, text))
            try:
                requirement = Requirement.parse(text)
                if not requirement.applies(environment.markers, frozenset(asked[name])):
                    continue
                finding = _unsatisfied(environment, distribution, requirement)
            except ValueError as error:
                finding = Finding(NOTE, name, text, f"not compared: {error}", "nothing: the metadata are not PEP 508")
                requirement = None
            if finding is not None:
                findings[(name, text)] = finding
            wanted = set(requirement.extras) if requirement is not None else set()
            if requirement is not None and requirement.name in asked and not wanted <= asked[requirement.name]:
                asked[requirement.name] |= wanted
                open_names.append(requirement.name)
    return Result(len(seen), tuple(findings[key] for key in sorted(findings)))


def _unsatisfied(environment: Environment, distribution: Distribution, requirement: Requirement) -> Finding | None:
    found = environment.version_of(requirement.name)
    if found is None:
        fix = f"pixi add --pypi '{requirement.name}', or compose again so that it is in the closure"
        return Finding(ERROR, distribution.name, requirement.text, f"{requirement.name} is missing", fix)
    if requirement.url is not None:
        return None
    try:
        fits = requirement.specifiers.admits(found)
    except ValueError:
        return Finding(NOTE, distribution.name, requirement.text, f"{requirement.name} {found}", "nothing: not PEP 440")
    if fits:
        return None
    return Finding(ERROR, distribution.name, requirement.text, f"{requirement.name} {found}", "pixi install")


def judge_requires_python(case: Case) -> Result:
    """Every distribution is made for this Python."""
    version, findings = case.environment.markers["python_full_version"], []
    for distribution in case.environment.distributions:
        try:
            fits = SpecifierSet.parse(distribution.requires_python or "").admits(version)
        except ValueError:
            continue
        if not fits:
            expected = f"Python {distribution.requires_python}"
            findings.append(Finding(ERROR, distribution.name, expected, version, f"pixi reinstall {distribution.name}"))
    return Result(len(case.environment.distributions), tuple(findings))


def judge_doubled(case: Case) -> Result:
    """No name is installed twice: two METADATA of one name, or conda and PyPI at different versions."""
    environment, findings = case.environment, []
    by_name: dict[str, list[Distribution]] = {}
    for distribution in environment.distributions:
        by_name.setdefault(distribution.name, []).append(distribution)
    for name, found in sorted(by_name.items()):
        places = list(dict.fromkeys(distribution.folder for distribution in found if distribution.location == "site"))
        if len(places) > 1:
            shown = ", ".join(environment.short(place) for place in places)
            findings.append(Finding(ERROR, name, "one installation", shown, f"pixi reinstall {name}"))
        package = environment.from_conda.get(name)
        if package is not None and places and _differ(package.version, found[0].version):
            shown = f"conda's {package.version} and PyPI's {found[0].version}"
            findings.append(Finding(ERROR, name, "one installation", shown, f"pixi reinstall {name}"))
    return Result(len(by_name), tuple(findings))


def _differ(conda: str, pypi: str) -> bool:
    try:
        return not equals_pin(pypi, conda)
    except ValueError:
        return conda != pypi


def judge_nvidia(case: Case) -> Result:
    """NVIDIA's libraries come from one layer, or at least from one CUDA line."""
    wheels = [d for d in case.environment.distributions if d.name.startswith(("nvidia-", "cuda-toolkit"))]
    lines = _cuda_majors(d.name for d in wheels)
    torch_line = (case.expect.torch.cuda if case.expect.torch else None) or case.expect.cuda
    findings = []
    if torch_line is not None:
        for major, names in sorted(lines.items()):
            if major != torch_line.split(".")[0]:
                found = f"CUDA {major}: {', '.join(sorted(names)[:4])}"
                fix = "remove what asks for them, or compose again for one CUDA line"
                findings.append(Finding(WARNING, "nvidia wheels", f"CUDA {torch_line}", found, fix))
    runtime = next((p for p in case.environment.conda or () if p.name in ("cuda-cudart", "cudatoolkit")), None)
    if runtime is not None and lines and runtime.version.split(".")[0] not in lines:
        found = f"conda's {runtime.name} {runtime.version} beside wheels for CUDA {', '.join(sorted(lines))}"
        fix = "take torch and the toolkit from one CUDA line: compose again"
        findings.append(Finding(ERROR, runtime.name, "one CUDA line in both layers", found, fix))
    return Result(len(wheels), tuple(findings))


def _cuda_majors(names: Iterable[str]) -> dict[str, set[str]]:
    """NVIDIA's wheels by the CUDA major that their name ends in (`-cu12`)."""
    found: dict[str, set[str]] = {}
    for name in names:
        stem, _, suffix = normalise(name).rpartition("-cu")
        if stem and suffix.isdigit():
            found.setdefault(suffix[:2], set()).add(name)
    return found


CHECKS = (
    Check("closure.requirements", "Requirements satisfied", judge_requirements),
    Check("closure.python", "Made for this Python", judge_requires_python),
    Check("closure.doubled", "Nothing doubled", judge_doubled),
    Check("closure.nvidia", "One CUDA line", judge_nvidia),
)
