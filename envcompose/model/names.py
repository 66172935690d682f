"""Names of distributions, normalised."""

from __future__ import annotations

from functools import lru_cache

from packaging.utils import canonicalize_name


@lru_cache(maxsize=1 << 16)
def canonical_name(name: str) -> str:
    """A distribution's normalised name (PEP 503); remembered, as a search asks for the same ones again and again."""
    return canonicalize_name(name)
