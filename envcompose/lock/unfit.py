"""Why no file of a release runs on the Python that is solved: what its files say themselves."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from envcompose.check.python_bound import is_below_bound
from envcompose.model.distribution import PackageFile


def runs_on(file: PackageFile, python: str) -> bool:
    """Does a file admit a Python, as the resolver sees it?

    Lower bounds count alone: uv takes what says `<3.12` for Python 3.14 too. Bounds that cannot be read admit all.
    """
    return file.requires_python is None or not is_below_bound(python, file.requires_python)


def why_unfit(name: str, wanted: SpecifierSet | None, files: Sequence[PackageFile], python: str) -> str | None:
    """Why the releases that are wanted have nothing for a Python (a whole version); None where it is not the Python.

    Of several bounds that are all too new, the one that the least new Python meets is told.
    """
    own = [file for file in files if wanted is None or wanted.contains(file.version, prereleases=True)]
    if not own:
        return None
    what = f"{name}{wanted or ''}"
    if not any(runs_on(file, python) for file in own):
        bounds = {file.requires_python or "" for file in own}
        least = min(sorted(bounds), key=_floor)
        return f"{what} requires Python {least}{'' if len(bounds) == 1 else ', some of it a later one'}"
    left = [file for file in own if runs_on(file, python)]
    if not all(file.is_wheel for file in left):
        return None
    pythons = sorted({minor for file in left for minor in _minors(file)}, key=Version)
    if not pythons or ".".join(python.split(".")[:2]) in pythons:
        return None
    span = pythons[0] if len(pythons) == 1 else f"{pythons[0]} to {pythons[-1]}"
    return f"{what} has files for Python {span} alone"


def _floor(bound: str) -> Version:
    """The lowest Python that a bound begins with."""
    floors = [one.version.removesuffix(".*") for one in SpecifierSet(bound) if one.operator not in ("<", "<=", "!=")]
    return max(map(Version, floors), default=Version("0"))


def _minors(file: PackageFile) -> set[str]:
    """The Pythons that a wheel is built for, where it is built for one only (`cp312-cp312-…`)."""
    try:
        tags = parse_wheel_filename(file.filename)[3]
    except InvalidWheelFilename:
        return set()
    exact = {tag.interpreter for tag in tags if tag.interpreter.startswith("cp") and tag.abi.startswith("cp")}
    return {f"{one[2]}.{one[3:]}" for one in exact if one[2:].isdigit() and len(one) > 3}
