"""An sdist's metadata under each assumption about the installed torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from envcompose.analyse.declared import (
    Metadata,
    PackageInfo,
    Project,
    cfg_metadata,
    egg_info_metadata,
    project_metadata,
    read_setup_cfg,
    requirement_lines,
)
from envcompose.analyse.machine import World
from envcompose.analyse.program import Outcome, run_setup
from envcompose.analyse.tables import strings_in, table_at
from envcompose.analyse.values import ABSENT, Choice, Unknown, Value
from envcompose.model.analysis import MetadataSource, Reading, SdistTexts
from envcompose.model.foreign import foreign_requirement, has_endless_number, own_requirement
from envcompose.model.values import dataclass

MAX_NESTED = 8
MAX_VALUES = 20_000
PROBES: tuple[str | None, ...] = (None, "2.10.0", "2.4.1")
"""Torches that are tried to find out whether requirements follow torch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The readings asked for, and whether they can differ."""

    readings: tuple[Reading, ...]
    follows_torch: bool
    outcomes: Mapping[str | None, Outcome]


class _Gathered:
    """Requirements on their way to PEP 508 strings, with what was uncertain about them.

    They keep the order in which they were given, which is that of the metadata a build would write; so they are repeated
    where they were given twice.
    """

    def __init__(self) -> None:
        self.certain: list[str] = []
        self.uncertain: dict[str, None] = {}
        self.provides: set[str] = set()
        self.doubts: list[str] = []
        self.python: str | None = None
        self._left = MAX_VALUES

    @property
    def is_certain(self) -> bool:
        """Is nothing left open?"""
        return not self.doubts and not self.uncertain

    def add(self, text: str, extra: str = "", *, certain: bool = True) -> None:
        """Add one requirement of the base or of an extra; an extra's name may carry a marker ('name:marker')."""
        extra, _, marker = extra.partition(":")
        if extra:
            self.provides.add(canonicalize_name(extra))
        normal, doubt = _normal_requirement(text, extra, marker)
        if doubt is not None:
            self.doubts.append(doubt)
        if normal is not None:
            if certain:
                self.certain.append(normal)
            else:
                self.uncertain.setdefault(normal)

    def value(self, value: Value, extra: str = "", *, certain: bool = True) -> None:
        """Add what setup() was given: texts, lists and tuples of them, whatever of it is known, in its order."""
        stack: list[tuple[Value, bool, int]] = [(value, certain, 0)]
        while stack:
            held, sure, depth = stack.pop()
            self._left -= 1
            if depth > MAX_NESTED or self._left < 0:
                self.doubts.append("more lists inside of lists than are followed")
                return
            if isinstance(held, str):
                for line in requirement_lines(held):
                    self.add(line, extra, certain=sure)
            elif isinstance(held, Choice):
                self.doubts.append(f"{_at(held)}depends on: {held.text}")
                stack.extend((option, False, depth + 1) for _, option in reversed(held.options))
            elif isinstance(held, Unknown):
                self.doubts.append(f"{_at(held)}not known: {held.text}")
            elif isinstance(held, (list, tuple)):
                stack.extend((item, sure, depth + 1) for item in reversed(held))
            elif held is not None and held is not ABSENT:
                stack.append((getattr(held, "names", {}).get("text"), sure, depth + 1))

    def extras(self, value: Value) -> None:
        """Add extras_require."""
        if isinstance(value, Choice):
            self.doubts.append(f"{_at(value)}extras depend on: {value.text}")
            for _, option in value.options:
                self.extras(option)
        elif isinstance(value, Unknown):
            self.doubts.append(f"{_at(value)}extras not known: {value.text}")
        for extra, requirements in value.items() if isinstance(value, dict) else ():
            if isinstance(extra, str):
                if extra.partition(":")[0]:
                    self.provides.add(canonicalize_name(extra.partition(":")[0]))
                items = requirements if isinstance(requirements, (set, frozenset)) else None
                self.value(sorted(i for i in items if isinstance(i, str)) if items else requirements, extra)

    def metadata(self, metadata: Metadata) -> None:
        """Add what a declarative file states."""
        for text in metadata.requires:
            self.add(text)
        for extra, texts in metadata.extras.items():
            self.value([], extra)
            if extra.partition(":")[0]:
                self.provides.add(canonicalize_name(extra.partition(":")[0]))
            for text in texts:
                self.add(text, extra)
        self.provides.update(canonicalize_name(name) for name in metadata.provides)


@lru_cache(maxsize=1024)
def _normal_requirement(text: str, extra: str, marker: str) -> tuple[str | None, str | None]:
    """Give a requirement of an extra ('' for the base) as a normal PEP 508 text, and what is doubtful about it.

    Kept, because each torch's reading gives nearly the same ones.
    """
    requirement = own_requirement(text.split(" #", maxsplit=1)[0].strip())
    if requirement is None or has_endless_number(marker):
        return None, f"not a requirement: {text[:120]!r}"
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = {canonicalize_name(name) for name in requirement.extras}
    condition = " and ".join(_bracketed(part) for part in (str(requirement.marker or ""), marker.strip()) if part)
    if extra:
        own = f'extra == "{canonicalize_name(extra)}"'
        condition = f"{condition} and {own}" if condition else own
    doubt = None
    try:
        requirement.marker = Marker(condition) if condition else None
    except (InvalidMarker, RecursionError):
        doubt = f"not a marker: {condition[:120]!r}"
    normal = str(requirement)
    if foreign_requirement(normal) is None:
        # A text in its marker that only an escape could hold: nobody else could read what is given on.
        return None, f"not a requirement: {text[:120]!r}"
    return normal, doubt


def _bracketed(marker: str) -> str:
    return f"({marker})" if " or " in marker else marker


def _at(value: Unknown) -> str:
    return f"{value.place[0]}:{value.place[1]}: " if value.place[0] else ""


def read_metadata(
    sdist: SdistTexts,
    info: PackageInfo | None,
    project: Project,
    torches: Sequence[str | None],
    world: World,
    surmise: Outcome | None = None,
) -> Readings:
    """Read the metadata once per torch, in the order asked.

    `surmise` is what setup.py gave with a torch of an unknown version, where that was evaluated already: what it leaves
    open no torch decides, so that fewer of them have to be tried.
    """
    static = _static(info, project)
    if static is not None:
        readings = tuple(_reading(torch, static, MetadataSource.STATIC) for torch in torches)
        return Readings(readings=readings, follows_torch=False, outcomes={})
    outcomes: dict[str | None, Outcome] = {}
    surmised = _evaluated(sdist, project, surmise)[0] if surmise is not None else None
    certain = surmise if surmised is not None and surmised.is_certain and surmise and not surmise.stopped else None
    guesses: list[Outcome] = []
    gathered: dict[str | None, tuple[_Gathered, str | None]] = {}
    for torch in dict.fromkeys([*torches, *PROBES]):
        if torch not in torches and (_differ(gathered) or _settled(gathered, surmised)):
            break
        outcomes[torch] = _known_outcome(torch, outcomes, guesses) or _outcome(sdist, world, torch, guesses, certain)
        gathered[torch] = _evaluated(sdist, project, outcomes[torch])
    follows = _differ(gathered)
    readings = tuple(
        _settle(sdist, info, torch, gathered[torch], outcomes[torch], project, follows=follows) for torch in torches
    )
    return Readings(readings=readings, follows_torch=follows, outcomes=outcomes)


def _differ(gathered: Mapping[str | None, tuple[_Gathered, str | None]]) -> bool:
    return len({frozenset(found.certain) for found, _ in gathered.values()}) > 1


def _settled(gathered: Mapping[str | None, tuple[_Gathered, str | None]], surmised: _Gathered | None) -> bool:
    """Is it known already that every torch gives the same: one of an unknown version leaves open only what others do?"""
    if surmised is None or None not in gathered or gathered[None][0].certain != surmised.certain:
        return False
    return surmised.is_certain or any(
        found.certain == surmised.certain and found.uncertain == surmised.uncertain and found.doubts == surmised.doubts
        for torch, (found, _) in gathered.items()
        if torch is not None
    )


def _known_outcome(
    torch: str | None, outcomes: Mapping[str | None, Outcome], guesses: Sequence[Outcome]
) -> Outcome | None:
    """Give the outcome of another torch where torch's version decided nothing in it."""
    if any(outcome.asked_torch for outcome in outcomes.values()):
        return None
    for known, outcome in outcomes.items():
        if not outcome.touched_torch or (known is not None and torch is not None):
            return outcome
    return guesses[0] if guesses and torch is not None else None


def _outcome(
    sdist: SdistTexts, world: World, torch: str | None, guesses: list[Outcome], surmise: Outcome | None
) -> Outcome:
    """Evaluate for one torch. Where nothing works without torch, what it would say with one is the best guess."""
    outcome = run_setup(sdist, _with_torch(world, torch))
    if torch is None and outcome.stopped and outcome.touched_torch:
        outcome.release()
        guess = surmise or run_setup(sdist, _with_torch(world, "?"))
        if guess is not surmise:
            guesses.append(guess)
        return replace(guess, stopped=outcome.stopped, asked_torch=guess.asked_torch or outcome.asked_torch)
    return outcome


def _with_torch(world: World, torch: str | None) -> World:
    return World(torch=torch, declared=world.declared, lenient=False, python=world.python, platform=world.platform)


def is_static(info: PackageInfo | None, project: Project) -> bool:
    """May a tool that follows the standards trust what is declared?"""
    return _static(info, project) is not None


def is_static_for_uv(info: PackageInfo | None, project: Project) -> bool:
    """Does uv 0.11.15 read the metadata without a build?"""
    fields = ("version", "dependencies", "optional-dependencies", "requires-python")
    table = project.project or {}
    if project.has_static(*fields) and "name" in table and "version" in table:
        return True
    return info is not None and info.is_static(case_sensitive=True)


def _static(info: PackageInfo | None, project: Project) -> _Gathered | None:
    found = _Gathered()
    if info is not None and info.is_static():
        found.metadata(info.metadata)
        found.python = info.metadata.requires_python
        return found
    if project.has_static("dependencies", "optional-dependencies", "requires-python"):
        metadata = project_metadata(project)
        found.metadata(metadata)
        found.python = metadata.requires_python
        return found
    return None


def _reading(
    torch: str | None,
    found: _Gathered,
    source: MetadataSource,
    *,
    python: str | None = None,
    doubts: Sequence[str] = (),
    complete: bool = True,
) -> Reading:
    return Reading(
        torch=torch,
        requires_dist=(*found.certain, *(text for text in found.uncertain if text not in found.certain)),
        requires_python=python or found.python,
        provides_extra=tuple(sorted(found.provides)),
        source=source,
        complete=complete and not found.doubts,
        incomplete=tuple(dict.fromkeys([*found.doubts, *doubts])),
    )


def _evaluated(sdist: SdistTexts, project: Project, outcome: Outcome) -> tuple[_Gathered, str | None]:
    """Combine `[project]`, setup()'s arguments and setup.cfg by setuptools' precedence."""
    found = _Gathered()
    keywords = outcome.keywords or {}
    cfg = cfg_metadata(sdist, read_setup_cfg(sdist))
    stated = project_metadata(project)
    dynamic = table_at(table_at(table_at(project.document, "tool"), "setuptools"), "dynamic")
    if project.has_static("dependencies"):
        found.metadata(Metadata(requires=stated.requires, extras={}))
    elif "dependencies" in dynamic:
        found.metadata(Metadata(requires=tuple(_files(sdist, dynamic["dependencies"])), extras={}))
    else:
        found.value(keywords.get("install_requires") or list(cfg.requires))
        found.value(keywords.get("requires") if not keywords.get("install_requires") and not cfg.requires else None)
    if project.has_static("optional-dependencies"):
        found.metadata(Metadata(extras=stated.extras))
    elif "optional-dependencies" in dynamic:
        tables = table_at(dynamic, "optional-dependencies")
        found.metadata(Metadata(extras={name: tuple(_files(sdist, value)) for name, value in tables.items()}))
    else:
        found.extras(keywords.get("extras_require") or {key: list(value) for key, value in cfg.extras.items()})
    python = keywords.get("python_requires") or cfg.requires_python
    if project.has_static("requires-python"):
        python = stated.requires_python
    if isinstance(python, Unknown):
        found.doubts.append(f"{_at(python)}python_requires not known: {python.text}")
    return found, python if isinstance(python, str) else None


def _files(sdist: SdistTexts, value: object) -> Iterator[str]:
    for name in strings_in(value):
        yield from requirement_lines(sdist.texts.get(name, ""))


def _settle(
    sdist: SdistTexts,
    info: PackageInfo | None,
    torch: str | None,
    gathered: tuple[_Gathered, str | None],
    outcome: Outcome,
    project: Project,
    *,
    follows: bool,
) -> Reading:
    """Choose the best source for one torch: the evaluation where it came to the end, else what others computed."""
    found, python = gathered
    doubts = list(outcome.stopped)
    declarative = "setuptools" not in project.build_backend
    reached = outcome.keywords is not None or "setup.py" not in sdist.texts
    if not doubts and not found.doubts and reached and not declarative:
        _in_order_of(found, info)
        return _reading(torch, found, MetadataSource.EVALUATED, python=python)
    if not reached:
        doubts.append("setup.py: no call of setup() was found")
    if not follows and info is not None and info.is_static(case_sensitive=True):
        return _reading(torch, _from(info.metadata), MetadataSource.UV_STATIC, python=info.metadata.requires_python)
    if declarative and info is not None:
        note = f"PKG-INFO: metadata {'.'.join(map(str, info.metadata_version))}, written by {project.build_backend}"
        return _reading(
            torch,
            _from(info.metadata),
            MetadataSource.AS_FOUND,
            python=info.metadata.requires_python,
            doubts=[note],
            complete=False,
        )
    egg = egg_info_metadata(sdist)
    if egg is not None and not follows and (found.doubts or not reached):
        chosen = _from(egg)
        own = python or (info.metadata.requires_python if info else None)
        doubts += found.doubts
        return _reading(torch, chosen, MetadataSource.EGG_INFO, python=own, doubts=doubts, complete=False)
    return _reading(torch, found, MetadataSource.AS_FOUND, python=python, doubts=doubts, complete=False)


def _in_order_of(found: _Gathered, info: PackageInfo | None) -> None:
    """Give what was evaluated in the order of PKG-INFO, where that says the same and pixi would read it there.

    An order that comes from a set of the program's is another one in each build.
    """
    if info is None or not info.is_static(case_sensitive=True):
        return
    stated = _from(info.metadata).certain
    if sorted(stated) == sorted(found.certain):
        found.certain = stated


def _from(metadata: Metadata) -> _Gathered:
    found = _Gathered()
    found.metadata(metadata)
    return found
