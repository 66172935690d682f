"""Relaxations: each fixed thing of an intent with the ways to loosen it, and what each of them counts.

The counts are the policy of "nearest": they add up over the changes of a repair, and the repair with the least sum is
offered first. Four ideas stand behind them:

- What a rule chose for the user is loosened before anything that the user wrote.
- An option is loosened before a requirement: options say where it runs, requirements what is wanted.
- What the user's machine is (driver, GPUs) gives way later than what was chosen for it.
- The subject's own bound gives way last, and leaving something out that was asked for counts most.

Within one thing the nearest value counts least: `COSTS` gives the first step, and every further rung adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from packaging.specifiers import SpecifierSet

from envcompose.model.composition import Composition
from envcompose.model.intent import Intent, StackRequest, Wishes
from envcompose.model.repair import Change, Edit, Part
from envcompose.model.requirement import CondaRequest, Origin, OriginKind, UserRequirement
from envcompose.model.requirement import Outcome as Fates
from envcompose.model.values import dataclass

COSTS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "default-extra": (3, "an extra that only the stack's recipe asks for is left out"),
        "assumed-glibc": (4, "the glibc that is assumed by default is raised, 1 more for each distribution further"),
        "artifact": (8, "an `--artifact` is left to the rules"),
        "cuda-as-driver": (9, "the version of `--cuda` is taken as the driver's, which is what nvidia-smi shows"),
        "cuda": (
            10,
            "`--cuda` becomes another line: 1 more for each further newer line, 4 more for each older one, 8 more for another major",
        ),
        "torch-from": (10, "`--torch-from` is left to the rules"),
        "python": (10, "`--python` is left to the rules"),
        "extra": (11, "an extra that was asked for is left out"),
        "glibc": (12, "`--glibc` is raised, 1 more for each distribution further"),
        "torch-series": (12, "a bound on torch gives way within the minor series of its pin"),
        "series": (13, "the bound of another requirement gives way within the minor series of its pin"),
        "torch-bound": (14, "a bound on torch gives way"),
        "bound": (15, "the bound of another requirement, of a conda line or on Python gives way"),
        "driver": (16, "`--driver` is raised to the first of a later major: the machine changes"),
        "direct": (17, "a requirement by URL is taken from the index"),
        "gpu": (18, "a `--gpu` is no longer served"),
        "subject-series": (22, "the bound of the subject gives way within the minor series of its pin"),
        "subject": (24, "the bound of the subject gives way"),
        "left-out": (30, "a requirement is left out"),
    }
)
"""What the nearest step of each kind counts, and what it is; README.md shows this table."""


class Draft:
    """An intent under change: entries keep their places, so that several relaxations can be applied in any order."""

    def __init__(self, intent: Intent) -> None:
        reading = intent.reading
        self._intent = intent
        self.wishes: Wishes = intent.wishes
        self.left_out: set[tuple[str, str]] = set()
        """Options of the project folder (`--extra`, `--group`) and their values that are not asked for any more."""
        self.unasked: set[int] = set()
        """The places of the requirements that went with such an option: their lines stay as they are."""
        self.stacks: dict[int, StackRequest] = dict(enumerate(intent.stacks))
        self.requirements: dict[int, UserRequirement] = dict(enumerate(reading.requirements))
        self.constraints: dict[int, UserRequirement] = dict(enumerate(reading.constraints))
        self.conda: dict[int, CondaRequest] = dict(enumerate(reading.conda))
        self.python_bounds: dict[int, tuple[SpecifierSet, Origin]] = dict(enumerate(reading.requires_python))
        by_conda = {(fate.text, fate.origin) for fate in reading.fates if fate.outcome is Fates.REPLACED}
        self.conda_names: dict[int, str] = {
            place: user.text.split(" ")[0]
            for place, user in enumerate(reading.requirements)
            if (user.text, user.origin) in by_conda
        }
        """The conda names of the requirements that were conda lines."""

    def intent(self) -> Intent:
        """The changed intent; its request says the same by changed words."""
        intent = self._intent
        reading = replace(
            intent.reading,
            requirements=tuple(self.requirements.values()),
            constraints=tuple(self.constraints.values()),
            conda=tuple(self.conda.values()),
            requires_python=tuple(self.python_bounds.values()),
        )
        project = reading.project
        if project is not None:
            extras, groups = self._asked("--extra", project.extras), self._asked("--group", project.groups)
            reading = replace(reading, project=replace(project, extras=extras, groups=groups))
        request = replace(
            intent.request,
            words=tuple(self._words()),
            extras=self._asked("--extra", intent.request.extras),
            groups=self._asked("--group", intent.request.groups),
        )
        return replace(intent, stacks=tuple(self.stacks.values()), reading=reading, wishes=self.wishes, request=request)

    def _asked(self, option: str, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if (option, name) not in self.left_out)

    def edits(self) -> tuple[Edit, ...]:
        """The lines of the user's files that say something else now, in the order of the input."""
        reading = self._intent.reading
        pairs: list[tuple[Origin, str, str | None]] = []
        # A conda line's bound on its PyPI twin stands in no line of its own.
        twins = {conda.origin for conda in reading.conda}
        for before, now in ((reading.requirements, self.requirements), (reading.constraints, self.constraints)):
            for place, user in enumerate(before):
                if (now is self.constraints and user.origin in twins) or (
                    now is self.requirements and place in self.unasked
                ):
                    continue
                pairs.append((user.origin, user.text, now[place].text if place in now else None))
        for place, conda in enumerate(reading.conda):
            pairs.append((conda.origin, _conda_line(conda), _conda_line(self.conda[place])))
        for place, (specifier, origin) in enumerate(reading.requires_python):
            now_bound = self.python_bounds[place][0] if place in self.python_bounds else None
            after = None if now_bound is None else f"requires-python {now_bound}"
            pairs.append((origin, f"requires-python {specifier}", after))
        found = [Edit(origin=origin, before=old, after=new) for origin, old, new in pairs if old != new]
        return tuple(dict.fromkeys(edit for edit in found if edit.origin.kind is OriginKind.FILE))

    def _words(self) -> list[str]:
        """The words of the command line with every changed stack and requirement in its new form."""
        words = list(self._intent.request.words)
        for place, stack in enumerate(self._intent.stacks):
            _put(words, stack.text, self.stacks[place].text)
        for place, user in enumerate(self._intent.reading.requirements):
            if user.origin.kind is OriginKind.COMMAND_LINE:
                now = self.requirements.get(place)
                _put(words, user.text, now.text if now is not None else None)
        return words


def _conda_line(request: CondaRequest) -> str:
    return f"{request.name} {request.spec}".removesuffix(" *").strip()


def _put(words: list[str], before: str, after: str | None) -> None:
    """Replace a word; two words that were read as one (`torch>=2 torch<3`) become one."""
    if before == after:
        return
    bare = [word.strip().removeprefix("pypi:").strip() for word in words]
    places = [place for place, word in enumerate(bare) if word == before]
    places = places[:1] or [place for place, word in enumerate(bare) if word in before.split(" ")]
    for place in reversed(places[1:] if after is not None else places):
        del words[place]
    if places and after is not None:
        prefix = "pypi:" if words[places[0]].strip().startswith("pypi:") else ""
        words[places[0]] = prefix + after


def _never(composition: Composition) -> bool:
    """A composition of a wider step says nothing about this one."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One way to loosen a thing: `apply` changes a draft; `settle` says what came of it, and fixes that in the draft.

    `holds` tells whether a composition found with a wider step fulfils this one as well (False where that is not known).
    """

    cost: int
    label: str
    apply: Callable[[Draft], None]
    settle: Callable[[Draft, Composition], tuple[Change, ...]]
    holds: Callable[[Composition], bool] = _never


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """One fixed thing with its steps, cheapest first.

    nested: every step admits whatever the thing itself and the steps before it admit, so that a step without a
    solution rules those out as well. `wide` is the step that is asked first for them. Of the relaxations of one
    `group` a repair takes at most one. `words` are names that tell in a reason that this thing is concerned; an empty
    set means that it always may be.
    """

    key: str
    part: Part
    steps: tuple[Step, ...]
    nested: bool
    group: str
    words: frozenset[str]
    wide: int = 0
    line: str | None = None
    """The key of the input's line that it loosens; None for options and defaults."""
    drops: frozenset[str] = frozenset()
    """The keys of the lines that it takes out, where it is an option that brings lines."""

    def __post_init__(self) -> None:
        costs = [step.cost for step in self.steps]
        if not costs or costs != sorted(costs) or not 0 <= self.wide < len(costs):
            raise ValueError(f"the steps of {self.key} are not in the order of their cost")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOption:
    """One `--extra` or `--group` of a project folder, and the requirements that it alone brings, by text and origin."""

    option: str
    name: str
    lines: frozenset[tuple[str, Origin]]


Choice = tuple[tuple[int, int], ...]
"""Which steps are taken: pairs of a relaxation's place and a step's, by place; empty is the intent as it stands."""


def relaxed(intent: Intent, relaxations: tuple[Relaxation, ...], choice: Choice) -> Intent:
    """The intent with these steps taken."""
    draft = Draft(intent)
    for place, step in choice:
        relaxations[place].steps[step].apply(draft)
    return draft.intent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a choice: the intent that asks for exactly that, the changes as they came out, and lines to edit."""

    intent: Intent
    changes: tuple[Change, ...]
    edits: tuple[Edit, ...]


def settled(intent: Intent, relaxations: tuple[Relaxation, ...], choice: Choice, composition: Composition) -> Outcome:
    """What came of a choice by its composition."""
    draft = Draft(intent)
    steps = [relaxations[place].steps[step] for place, step in choice]
    for one in steps:
        one.apply(draft)
    changes = tuple(change for one in steps for change in one.settle(draft, composition))
    return Outcome(intent=draft.intent(), changes=changes, edits=draft.edits())
