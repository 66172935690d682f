"""How a command ends: the one place that keeps the engines' last moments from the exit status."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

_UNSAFE = "rattler"
"""py-rattler 0.28: its threads still let go of what they solved while the interpreter and the C library are taken down
around them, and about every twentieth process died of it, after its output was written (status 139 or 134)."""


def leave(status: int) -> NoReturn:
    """End the process with this status.

    Where the conda solver was loaded, the interpreter is not taken down: its exit handlers run (scratch folders go),
    both streams are flushed, and the process ends at once. What a reader that has gone does not take is dropped, as
    `terminal.emit` does.
    """
    if _UNSAFE not in sys.modules:
        sys.exit(status)
    try:
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                continue
        os._exit(status)
