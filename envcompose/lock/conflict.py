"""Why a manifest cannot be locked, in the words of its lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envcompose.errors import LockInfeasible
from envcompose.lock.clashing import Clashing, clashing
from envcompose.lock.goals import Goal
from envcompose.lock.join import Disagreed
from envcompose.lock.pypi_half import PypiHalf
from envcompose.lock.unfit import why_unfit
from envcompose.manifest.workspace import CondaWish, PypiOrigin, PypiWish
from envcompose.manifest.workspace_platforms import customised
from envcompose.model.target import Layer
from envcompose.model.values import dataclass
from envcompose.read.secrets import mask_secrets
from envcompose.resolve.virtual import told_virtual
from envcompose.search.conda_conflict import Conflict

Near = Callable[[Layer, str], Sequence[str]]
"""Names of a layer that are almost this one, the most alike first."""

_DECLARE = {
    "__cuda": ("declare the driver of the machines", "cuda", "12.4"),
    "__glibc": ("declare the glibc of the machines, if it is that new", "glibc", "2.34"),
    "__osx": ("declare the macOS of the machines, if it is that new", "macos", "13.0"),
}
"""What a platform can declare of a virtual package: in words, the key, and a version where none is asked for."""
LINES_HINT = "loosen one of the lines that are named"
INDEX_HINT = "add index-url beside find-links, and that index is asked too"
WORDS_HINT = "-v tells the resolver's own words"


@dataclass(slots=True)
class _Told:
    """What there is to tell, one fact a line; the lines of the manifest that it names; hints of its own."""

    facts: list[str] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    links_alone: bool = False
    """Was something looked for in find-links alone?"""


def infeasible(lost: Disagreed, goal: Goal, manifest: str, near: Near, *, by_days: bool = False) -> LockInfeasible:
    """The error for a goal that has no solution: the fewest lines against each other.

    `by_days` says that conda's lines would have one if no `exclude-newer` held.
    """
    told = _Told()
    if lost.conda is not None:
        _tell_conda(told, lost.conda, goal, near)
        told.facts += ["exclude-newer leaves out what would fit"] if by_days else []
    for name in lost.elsewhere:
        _tell_elsewhere(told, name, lost, manifest)
    if lost.half is not None and lost.words:
        _tell_pypi(told, lost, lost.half, goal, manifest, near)
    if told.links_alone:
        told.facts.append("find-links stands alone, so no index is asked")
        told.hints.append(INDEX_HINT)
    if lost.told:
        told.facts.append(lost.told)
    named = any(line is not None for line in told.lines)
    first = next((line for line in told.lines if line is not None), None)
    return LockInfeasible(
        subject=goal.label,
        facts=told.facts,
        hints=told.hints or [LINES_HINT if named else WORDS_HINT],
        file=manifest,
        line=first,
        links=goal.options.find_links[0][1] if told.links_alone else None,
    )


def _tell_conda(told: _Told, conflict: Conflict, goal: Goal, near: Near) -> None:
    told.facts.append(conflict.told())
    names = {line.name for line in conflict.lines}
    told.lines += [wish.line for wish in (*goal.dependencies, *goal.constraints) if wish.name in names]
    for name in _DECLARE:
        wanted = _undeclared(name, conflict, goal)
        if wanted is not None:
            told.hints.append(_declaring(name, wanted, goal))
            if told_virtual(name) not in told.facts[0]:
                told.facts.append(f"{told_virtual(wanted)} is asked for, and the platform declares none")
    if conflict.absent is not None:
        told.hints += [f"did you mean {name}?" for name in near(Layer.SYSTEM, conflict.absent.split()[0])[:1]]


def _undeclared(name: str, conflict: Conflict, goal: Goal) -> str | None:
    """What the solver misses of a virtual package, as a spec; None where it misses none, or the manifest declares it."""
    wanted = re.search(rf"{name}(?: >=[\d.]*\d)?", conflict.words)
    return None if wanted is None or any(one.name == name for one in customised(goal.platform)) else wanted[0]


def _declaring(name: str, wanted: str, goal: Goal) -> str:
    what, key, usual = _DECLARE[name]
    version = wanted.partition(" >=")[2] or usual
    platform = f'{{ platform = "{goal.platform.subdir}", {key} = "{version}" }}'
    return f"{what}, as in platforms = [{platform}]"


def _tell_elsewhere(told: _Told, name: str, lost: Disagreed, manifest: str) -> None:
    """A name that conda provides, and that is wanted from a source of its own."""
    assert lost.half is not None and lost.twins is not None
    wish = next((wish for wish in lost.half.wishes if wish.name == name and wish.location is not None), None)
    line = None if wish is None else wish.line
    who = "a project of the manifest" if wish is None else _place(line, manifest)
    place, record = lost.half.direct[name].place, lost.twins[name]
    told.facts.append(f"{who} wants {name} from {place}, and conda provides it ({record.file_name})")
    told.lines.append(line)


def _tell_pypi(told: _Told, lost: Disagreed, half: PypiHalf, goal: Goal, manifest: str, near: Near) -> None:
    missing = [wish for wish in half.wishes if _is_missing(wish, half, lost)]
    for wish in missing:
        _tell_missing(told, wish, half, manifest, near)
    found = None if missing else clashing(lost, half, goal)
    if found is not None:
        _tell_clash(told, found, half, goal, manifest, near)
    elif not missing:
        told.facts.append(
            "the resolver finds no releases of what is asked for, and of what that requires, that fit together"
        )


def _is_missing(wish: PypiWish, half: PypiHalf, lost: Disagreed) -> bool:
    known = wish.name in half.direct or wish.name in (lost.twins or {})
    return wish.origin is PypiOrigin.INDEX and not known and half.files(wish.name) is None


def _tell_missing(told: _Told, wish: PypiWish, half: PypiHalf, manifest: str, near: Near) -> None:
    index = "the index" if wish.index is None else f"the index {mask_secrets(wish.index)}"
    place = manifest if wish.line is None else f"{manifest}, line {wish.line}"
    told.lines.append(wish.line)
    other = next((other for other in near(Layer.PYPI, wish.name) if half.files(other)), None)
    if other is not None:
        told.hints.append(f"did you mean {other}?")
    if not half.has_index(wish.name):
        told.facts.append(f"find-links has no file of {wish.name} ({place})")
        told.links_alone = True
        return
    told.facts.append(f"{index} has no project {wish.name} ({place})")
    if other is None:
        told.hints.append(f"check the spelling of {wish.name}, or say which index has it")


def _tell_clash(told: _Told, found: Clashing, half: PypiHalf, goal: Goal, manifest: str, near: Near) -> None:
    for wish in found.wishes:
        told.facts.append(f"{_place(wish.line, manifest)} asks for {mask_secrets(str(wish))}")
    for wish in found.overrides:
        told.facts.append(f"{_place(wish.line, manifest)} overrides all bounds on {wish.name}: it is to be {wish}")
    facts, conda = list(found.facts), list(found.conda)
    python = None if found.wanted is None else _other_python(found.wanted, half)
    if python is not None:
        facts[-1:-1] = [python]
        pythons = [wish for wish in goal.dependencies if wish.name == "python" and wish.spec.version is not None]
        conda += [wish for wish in pythons if wish not in conda]
    elif found.wanted is not None:
        facts[-1:-1] = half.left_out(found.wanted)
    told.facts += [_asks_conda(wish, manifest) for wish in conda]
    told.lines += [*(wish.line for wish in (*found.wishes, *found.overrides)), *(wish.line for wish in conda)]
    if found.wanted is not None and python is None and not half.has_index(str(canonicalize_name(found.wanted.name))):
        told.links_alone = True
        told.hints += [LINES_HINT]
    if found.missing and found.name is not None:
        # A name that only another package requires.
        facts[-1:] = [f"{'find-links has no file of' if told.links_alone else 'the index has no project'} {found.name}"]
        told.hints += [LINES_HINT] if not told.links_alone else []
    told.facts += facts or [_unexplained(found)]
    if not facts:
        told.hints += [LINES_HINT, WORDS_HINT]


def _other_python(wanted: Requirement, half: PypiHalf) -> str | None:
    return why_unfit(wanted.name, wanted.specifier, half.files(wanted.name) or (), half.interpreter.full)


def _unexplained(found: Clashing) -> str:
    if len(found.wishes) + len(found.conda) + len(found.overrides) == 1:
        return "none of its releases goes together with what it requires"
    return "no releases of these, and of what they require, go together"


def _asks_conda(wish: CondaWish, manifest: str) -> str:
    return f"{_place(wish.line, manifest)} asks conda for {wish.name} {wish.spec.version}"


def _place(line: int | None, manifest: str) -> str:
    return manifest if line is None else f"{manifest}, line {line},"
