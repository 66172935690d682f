"""Arguments that do not fit, as errors like all others."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from envcompose.errors import Usage

_SLIPS = 2
"""How many letters an option may differ by and still be taken for a slip."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose failures are errors like all others, with a near option as a hint.

    Options are never abbreviated: a later option could give the short form another meaning.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise Usage; see argparse."""
        raise Usage(reason=message, command=self.prog)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; words after options are words too, and what nobody takes is refused with what may be meant."""
        options, rest = self.parse_known_args(args, namespace)
        if rest and hasattr(options, "words") and not any(word.startswith("-") for word in rest):
            options.words = [*options.words, *rest]
        elif rest:
            raise self._unused(rest, options.command)
        return options

    def _unused(self, rest: Sequence[str], command: str) -> Usage:
        """The error for words that the command has no use for: of an option that it may lack, or know by another spelling."""
        from envcompose.read.suggest import edit_distance

        shown = next((word.partition("=")[0] for word in rest if word.startswith("-")), " ".join(rest))
        known = self._options_of(command)
        near = min(known, key=lambda option: edit_distance(shown[:40], option), default=None)
        alike = near is not None and shown.startswith("--") and edit_distance(shown[:40], near) <= _SLIPS
        others = [name for name in self._commands() if shown in self._options_of(name)] if not alike else []
        return Usage(
            reason=f"there is no use for {shown} in {command}",
            command=f"{self.prog} {command}",
            suggestion=near if alike else None,
            hints=[f"{shown} is an option of {', '.join(others)}"] if others else [],
        )

    def _commands(self) -> dict[str, argparse.ArgumentParser]:
        """The parsers of the commands by name."""
        found: dict[str, argparse.ArgumentParser] = {}
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found |= action.choices
        return found

    def _options_of(self, command: str) -> list[str]:
        """The long options of a command, and of the actions that it may have in turn (`recipes list`)."""
        parser = self._commands()[command]
        parsers = [parser, *(parser._commands().values() if isinstance(parser, Parser) else ())]
        return sorted({option for one in parsers for option in one._option_string_actions if option.startswith("--")})
