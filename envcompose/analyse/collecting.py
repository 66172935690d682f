"""When cyclic garbage is collected."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off the collection of cyclic garbage: it would walk every syntax tree and every member again and again.

    What lies uncollected meanwhile is bounded as the archive and its evaluation are. Threads may overlap: whoever
    found it on puts it on again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
