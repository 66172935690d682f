"""Facts about pairs: which combinations are known to fail, and which prebuilt wheel fits a torch."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from envcompose.model.decision import Rejection
from envcompose.model.facts import Evidence, KnownBad, PackageRecipe, PrebuiltWheel
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import TorchChoice
from envcompose.model.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Prebuilt:
    """One release wheel that fits, by its file name and the facts."""

    url: str
    glibc: str | None
    evidence: Evidence
    nightly: bool


def known_bad(
    recipe: PackageRecipe | None, version: Version, kind: ArtifactKind | None, torch: TorchChoice | None
) -> KnownBad | None:
    """The first fact that says this package, got this way, fails with this torch; kind None asks for facts about any way."""
    for fact in recipe.known_bad if recipe else ():
        if fact.artifact != (None if kind is None else kind.value) or not fact.specifier.contains(
            version, prereleases=True
        ):
            continue
        if _torch_matches(fact, torch):
            return fact
    return None


def _torch_matches(fact: KnownBad, torch: TorchChoice | None) -> bool:
    about_torch = fact.torch is not None or fact.cuda is not None or fact.cxx11_abi is not None
    if not about_torch:
        return True
    if torch is None:
        return False
    fits_version = fact.torch is None or fact.torch.contains(torch.version, prereleases=True)
    fits_cuda = fact.cuda is None or torch.cuda in fact.cuda
    return fits_version and fits_cuda and (fact.cxx11_abi is None or fact.cxx11_abi == torch.cxx11_abi)


def sound_prebuilt(
    recipe: PackageRecipe | None, version: Version, torch: TorchChoice | None, python: str, glibc: str
) -> tuple[Prebuilt | None, tuple[Rejection, ...]]:
    """The prebuilt wheel of this version that fits torch, CUDA, Python, C++ ABI and glibc and is not known bad.

    Gives also why the nearest ones do not fit. An unknown glibc floor counts as fitting (design.md).
    """
    if recipe is None or torch is None:
        return None, ()
    lost: list[Rejection] = []
    for wheel in recipe.prebuilt_of.get(version, ()):
        why = next(_misfits(recipe, wheel, torch, python, glibc), None)
        if why is None:
            return _filled(wheel, torch, python), ()
        lost.append(
            Rejection(
                what=f"prebuilt {recipe.name} {version} for torch {wheel.torch}, CUDA {wheel.cuda}",
                why=why,
                rule="prebuilt-fits",
            )
        )
    return None, tuple(_nearest(lost, torch))


def _misfits(recipe: PackageRecipe, wheel: PrebuiltWheel, torch: TorchChoice, python: str, glibc: str) -> Iterator[str]:
    """The reasons against a wheel, the most telling first."""
    tag = "cp" + python.replace(".", "")
    abi = torch.cxx11_abi
    if wheel.torch != torch.minor:
        yield f"it is built for torch {wheel.torch}, not {torch.minor}"
    if cuda_major(wheel.cuda) != torch.cuda.split(".")[0]:
        yield f"it is built for CUDA {wheel.cuda}, not {torch.cuda}"
    if tag not in wheel.pythons:
        yield f"there is none for Python {python}"
    if None not in wheel.cxx11_abi and abi not in wheel.cxx11_abi:
        yield f"there is none for C++ ABI {int(abi)}"
    bad = known_bad(recipe, wheel.version, ArtifactKind.PREBUILT, torch)
    if bad is not None:
        yield f"it is known to be broken: {bad.why}"
    if wheel.glibc is not None and _glibc(wheel.glibc) > _glibc(glibc):
        yield f"it needs glibc {wheel.glibc}, the target has {glibc}"


def _nearest(lost: list[Rejection], torch: TorchChoice) -> list[Rejection]:
    """What tells most: the wheels for this very torch, if there are any, else one line for all."""
    same = [entry for entry in lost if f"for torch {torch.minor}," in entry.what]
    if same or not lost:
        return same
    torches = sorted({entry.what.split("for torch ")[1].split(",")[0] for entry in lost}, key=Version)
    what = lost[0].what.split(" for torch")[0]
    return [
        Rejection(
            what=what,
            why=f"its release wheels are for torch {', '.join(torches)}, not {torch.minor}",
            rule="prebuilt-fits",
        )
    ]


def _filled(wheel: PrebuiltWheel, torch: TorchChoice, python: str) -> Prebuilt:
    values = {
        "version": wheel.version,
        "cuda": wheel.cuda,
        "torch": wheel.torch,
        "abi": "TRUE" if torch.cxx11_abi else "FALSE",
        "python": "cp" + python.replace(".", ""),
    }
    return Prebuilt(url=wheel.url.format(**values), glibc=wheel.glibc, evidence=wheel.evidence, nightly=wheel.nightly)


def cuda_major(label: str) -> str:
    """The CUDA major of a label such as `12`, `118` or `12.4`."""
    return label.split(".", maxsplit=1)[0][:2]


def _glibc(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
