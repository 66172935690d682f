"""The parts that readers of one document collect before they give an InputReading."""

from __future__ import annotations

from dataclasses import field

from packaging.specifiers import SpecifierSet

from envcompose.model.intent import IndexOptions, InputReading
from envcompose.model.message import Level, Message
from envcompose.model.requirement import Fate, Origin, Outcome, UserRequirement
from envcompose.model.values import dataclass


@dataclass(slots=True)
class Parts:
    """What was read so far, in order."""

    requirements: list[UserRequirement] = field(default_factory=list)
    constraints: list[UserRequirement] = field(default_factory=list)
    overrides: list[UserRequirement] = field(default_factory=list)
    index_url: str | None = None
    extra_index_urls: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    pinned: list[tuple[str, str]] = field(default_factory=list)
    requires_python: list[tuple[SpecifierSet, Origin]] = field(default_factory=list)
    no_build_isolation: list[tuple[str, Origin]] = field(default_factory=list)
    build_hints: list[tuple[str, tuple[str, ...], Origin]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def tell(self, text: str, origin: Origin, outcome: Outcome, note: str) -> None:
        """Keep the fate of one line."""
        self.fates.append(Fate(text=text, origin=origin, outcome=outcome, note=note))

    def say(self, code: str, level: Level, text: str, origin: Origin, hint: str | None = None) -> None:
        """Keep one message."""
        self.messages.append(Message(code=code, level=level, text=text, file=origin.file, line=origin.line, hint=hint))

    def add(self, reading: InputReading) -> None:
        """Take over what another reader found in a file that this document names."""
        self.requirements += reading.requirements
        self.constraints += reading.constraints
        self.index_url = reading.indexes.index_url or self.index_url
        self.extra_index_urls += reading.indexes.extra_index_urls
        self.find_links += reading.indexes.find_links
        self.requires_python += reading.requires_python
        self.fates += reading.fates
        self.messages += reading.messages

    def reading(self) -> InputReading:
        """Give all of it."""
        return InputReading(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            overrides=tuple(self.overrides),
            indexes=IndexOptions(
                index_url=self.index_url,
                extra_index_urls=tuple(dict.fromkeys(self.extra_index_urls)),
                find_links=tuple(dict.fromkeys(self.find_links)),
                pinned=tuple(dict.fromkeys(self.pinned)),
            ),
            requires_python=tuple(self.requires_python),
            no_build_isolation=tuple(self.no_build_isolation),
            build_hints=tuple(self.build_hints),
            fates=tuple(self.fates),
            messages=tuple(self.messages),
        )
