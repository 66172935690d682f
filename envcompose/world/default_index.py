"""The address of the default package index, without the price of importing the client library that knows it."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_NAME = "PYPI_SIMPLE_ENDPOINT"


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
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == _NAME:
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            return value if isinstance(value, str) else None
    return None


def _imported() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT
