"""How control leaves a statement of the evaluated program."""

from __future__ import annotations

from envcompose.analyse.values import Value


class Signal(Exception):
    """Control leaves the present block."""


class Return(Signal):
    """A function returns a value."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Break(Signal):
    """A loop ends."""


class Continue(Signal):
    """A loop goes on with its next turn."""
