"""The system layer of a settled candidate: what it is planned for, and how it is solved where channels can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from packaging.utils import canonicalize_name

from envcompose.decide.gpu_code import gpu_code
from envcompose.decide.system import Plan, Twin, plan_system
from envcompose.errors import ChannelUnreachable
from envcompose.model.composition import SystemLayer
from envcompose.model.facts import Evidence, Facts
from envcompose.model.foreign import foreign_requirement
from envcompose.model.intent import Intent
from envcompose.model.message import Level, Message
from envcompose.model.target import Default, marker_environment
from envcompose.model.values import dataclass
from envcompose.ports import CondaSolver, NameMap
from envcompose.read.secrets import mask_secrets, without_secrets
from envcompose.search.choices import Choices
from envcompose.search.layers import Layers, Twins
from envcompose.search.settle import Joining
from envcompose.search.settled import Settled
from envcompose.search.torches import cuda_line

DEFAULT_CHANNEL = "conda-forge"


def channels_of(intent: Intent) -> tuple[str, ...]:
    """The channels in order: those of `--channel`, else the input's own with the default one among them."""
    if intent.wishes.channels:
        return intent.wishes.channels
    own = intent.reading.channels
    return own if DEFAULT_CHANNEL in own else (DEFAULT_CHANNEL, *own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans the system layers of one intent's candidates."""

    intent: Intent
    facts: Facts
    choices: Choices
    names_source: str = "the conda solution"

    def plan(self, best: Settled, twins: Twins | None = None) -> Plan:
        """What the system layer of a candidate is made for; `twins` are known once conda was solved."""
        return self.plan_and_defaults(best, twins)[0]

    def layer(self, best: Settled, twins: Twins | None, unbound: frozenset[str]) -> SystemLayer:
        """The system layer of a candidate; to the conda packages `unbound` its bounds are not carried."""
        return plan_system(replace(self.plan(best, twins), unbound=unbound))

    def plan_and_defaults(self, best: Settled, twins: Twins | None = None) -> tuple[Plan, tuple[Default, ...]]:
        """The plan, and the defaults behind its compile settings."""
        intent, facts = self.intent, self.facts
        line_name = self.line_of(best)
        line = cuda_line(facts, line_name) if line_name else None
        code, defaults = gpu_code(best.torch, line, self.choices.torch.gpus, intent.wishes.build_memory_gib)
        plan = Plan(
            facts=facts,
            closure=best.closure,
            artifacts=best.artifacts,
            analyses=best.analyses,
            torch=best.torch,
            island=best.island,
            python=best.prospect.python,
            line=line,
            gpu_code=code,
            requests=intent.reading.conda,
            channels=channels_of(intent),
            build_hints=_build_hints(intent),
            twins=None if twins is None else self._twins(twins),
            bounds=_user_bounds(intent, best.python or best.prospect.python),
            driver=self.choices.driver_of(best) or (f"{line.version.split('.')[0]}.0" if line else None),
        )
        return plan, defaults

    def line_of(self, best: Settled) -> str | None:
        """The CUDA line composed for: torch's, else the wish."""
        return best.torch.line if best.torch is not None else self.intent.wishes.cuda

    def _twins(self, twins: Twins) -> dict[str, Twin]:
        return {
            name: Twin(
                conda=record.name,
                brought_by=twins.brought_by.get(record.name, ""),
                evidence=Evidence(text=f"{record.file_name} stands for it", source=self.names_source),
            )
            for name, record in twins.records.items()
        }


def make_joining(
    planner: Planner, solver: CondaSolver | None, names: NameMap | None, tell: Callable[[str], None]
) -> tuple[Joining | None, tuple[Message, ...]]:
    """How both layers are solved together, or None with a message where the default channel cannot be asked (law 7).

    Why it cannot is told here and stands in no file: it differs from one machine to the next (law 1). Raises
    ChannelUnreachable for a channel that the user named.
    """
    intent = planner.intent
    if solver is None or names is None:
        return None, ()
    channels, subdir = channels_of(intent), intent.wishes.platform
    named = [channel for channel in channels if channel != DEFAULT_CHANNEL or intent.wishes.channels]
    for channel in channels:
        why = solver.reach((channel,), subdir)
        if why is None:
            continue
        shown = mask_secrets(channel)
        if channel in named:
            raise ChannelUnreachable(channel=shown, reason=why, from_cache=intent.wishes.offline)
        tell(f"{shown} cannot be asked: {why}")
        text = f"{shown} could not be asked: the conda layer stands by tables, and no pixi.lock is written"
        hint = "pixi locks it by itself at the first `pixi install`; --channel names another channel"
        return None, (Message(code="channel-by-tables", level=Level.WARNING, text=text, hint=hint),)
    layers = Layers(
        solver,
        names,
        channels=channels,
        subdir=subdir,
        glibc=planner.choices.glibc,
        as_of=intent.wishes.as_of,
        driver_first=intent.wishes.driver is not None,
    )
    return Joining(layers=layers, plan=planner.layer), ()


def told_channels(channels: tuple[str, ...]) -> str:
    """Channels as people read them, without secrets."""
    return ", ".join(without_secrets(channel) for channel in channels)


def _build_hints(intent: Intent) -> dict[str, tuple[tuple[str, str], ...]]:
    """`[tool.uv] extra-build-dependencies` of the user's project, by package."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, texts, origin in intent.reading.build_hints:
        wanted = [requirement for text in texts if (requirement := foreign_requirement(text)) is not None]
        pairs = tuple((canonicalize_name(requirement.name), str(origin)) for requirement in wanted)
        found[name] = (*found.get(name, ()), *pairs)
    return found


def _user_bounds(intent: Intent, python: str) -> dict[str, tuple[str, ...]]:
    """The user's constraints whose markers hold, by name: they bound a twin as well as a wheel."""
    environment = {**marker_environment(python), "extra": ""}
    found: dict[str, tuple[str, ...]] = {}
    for user in intent.reading.constraints:
        marker = user.requirement.marker
        holds = marker is None or marker.evaluate(environment)
        if holds and user.requirement.url is None and str(user.requirement.specifier):
            found[user.name] = (*found.get(user.name, ()), str(user.requirement.specifier))
    return found
