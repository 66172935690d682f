"""Short phrases that the report, the manifest and the terminal share."""

from __future__ import annotations

from envcompose.model.composition import Composition, Package
from envcompose.model.decision import CompileClass, Standing
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer
from envcompose.read.secrets import without_secrets

ARTIFACT_WORDS = {
    ArtifactKind.CONDA: "conda build",
    ArtifactKind.WHEEL: "wheel",
    ArtifactKind.PREBUILT: "prebuilt wheel by URL",
    ArtifactKind.SDIST: "sdist, built isolated",
    ArtifactKind.NO_ISOLATION: "sdist, built without isolation",
    ArtifactKind.TASK: "built by a task, not in the lock",
}

COMPILE_WORDS = {
    CompileClass.SHORT: "compiles in seconds",
    CompileClass.MINUTES: "compiles for minutes",
    CompileClass.LONG: "compiles for an hour or more",
}

STANDING_WORDS = {
    Standing.PROVED: "proved",
    Standing.BY_TABLES: "by tables",
    Standing.ASSUMED: "assumed",
}


def compile_words(package: Package) -> str:
    """How long a package compiles, in words; empty where it does not."""
    artifact = package.artifact
    return "" if artifact.compile is None else artifact.compile_text or COMPILE_WORDS[artifact.compile]


def size_words(size: int | None) -> str:
    """A size in bytes as people say it."""
    if size is None:
        return "unknown size"
    for unit, divisor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= divisor:
            return f"{size / divisor:.1f} {unit}"
    return f"{size} bytes"


def download_words(composition: Composition) -> str:
    """What the PyPI layer downloads, and how many of its files have a size that nobody tells."""
    told = size_words(composition.download_bytes)
    unknown = sum(package.artifact.size is None for package in composition.packages)
    if not composition.download_bytes or not unknown:
        return told
    return f"{told} and {unknown} {'file' if unknown == 1 else 'files'} of unknown size"


def distributions_words(composition: Composition) -> str:
    """How many distributions the PyPI layer has."""
    count = len(composition.packages)
    return f"{count} distribution{'' if count == 1 else 's'}"


def compiled_packages(composition: Composition) -> list[Package]:
    """The packages whose build compiles, by name."""
    return [package for package in composition.packages if package.artifact.compile is not None]


def weakest(composition: Composition) -> Standing:
    """The standing of the PyPI layer: that of the weakest of its packages (law 7)."""
    order = tuple(STANDING_WORDS)
    found = [package.standing for package in composition.packages if package.layer is Layer.PYPI]
    return max(found, key=order.index) if found else Standing.PROVED


def system_standing(composition: Composition) -> Standing:
    """The standing of the conda layer: solved, but by tables where they say which of it stands for a PyPI package."""
    solution = composition.solution
    if solution is None:
        return Standing.BY_TABLES
    twins = any(package.record is not None for package in composition.packages)
    return Standing.BY_TABLES if twins and solution.conda.names_by_tables else Standing.PROVED


def system_words(composition: Composition) -> str:
    """What the conda layer rests on."""
    solution = composition.solution
    if solution is None:
        return "by tables; pixi solves it when it locks"
    channels = ", ".join(without_secrets(channel) for channel in solution.conda.channels)
    solved = f"{len(solution.conda.records)} packages of {channels}, solved by py-rattler together with PyPI's"
    standing = system_standing(composition)
    if standing is Standing.PROVED:
        return f"{STANDING_WORDS[standing]} ({solved})"
    return f"{STANDING_WORDS[standing]} ({solved}; which of them stand for PyPI packages is from {solution.conda.names_source})"


def chosen_line(composition: Composition) -> str:
    """What was chosen, in one line."""
    target, torch = composition.target, composition.torch
    parts = [composition.stack.replace("==", " ") if composition.stack else composition.name]
    if torch is not None:
        # Where torch itself was asked for, its version says it.
        parts = [] if parts == ["torch"] else parts
        source = "conda-forge" if torch.layer.value == "system" else (torch.index or "the default index")
        parts.append(f"torch {torch.locked_version} from {source} (CUDA {torch.cuda}, C++ ABI {int(torch.cxx11_abi)})")
    parts.append(f"Python {target.python}")
    return ", ".join(parts)
