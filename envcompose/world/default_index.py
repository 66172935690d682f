"""The address of the default package index, without the price of importing the client library that knows it."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_STATED = re.compile(r'^PYPI_SIMPLE_ENDPOINT\b[^=\n]*=\s*"([^"\n]+)"', re.MULTILINE)


@cache
def default_index() -> str:
    """The address of the simple index that answers for what names no other, without a slash at its end.

    The client library states it. With warm caches nothing else of that library is wanted, and importing it takes longer
    than the whole conda solve: so the constant is read from its source, and imported only where it is not found there.
    """
    return (_stated() or _imported()).rstrip("/")


def _stated() -> str | None:
    spec = find_spec("pypi_simple")
    if spec is None or spec.origin is None:
        return None
    try:
        found = _STATED.search(Path(spec.origin).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def _imported() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT
