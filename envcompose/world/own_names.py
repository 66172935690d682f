"""Name maps that a manifest names by file or address (`conda-pypi-map`, `location`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

from envcompose.errors import FileUnreadable, NotCached
from envcompose.ports import TextFiles
from envcompose.read.secrets import mask_secrets
from envcompose.world.cache import Cache
from envcompose.world.http import Http

_KIND = "own-names"
Names = Mapping[str, tuple[str, ...]]


class NameFiles:
    """Reads such maps; one by address is asked for each time, and taken from the cache only where offline."""

    def __init__(
        self, files: TextFiles, *, cache: Cache, http: Http, now: Callable[[], float], offline: bool = False
    ) -> None:
        self._files = files
        self._cache = cache
        self._http = http
        self._now = now
        self._offline = offline

    def read(self, location: str) -> Names:
        """PyPI names by conda name. Raises FileMissing, FileUnreadable (exit 2) and what HTTP raises (exit 3)."""
        if urlsplit(location).scheme in ("http", "https"):
            return _names(self._fetched(location), mask_secrets(location))
        path = unquote(urlsplit(location).path) if location.startswith("file:") else location
        try:
            return _names(self._files.read_bytes(path).decode(), path)
        except UnicodeDecodeError as error:
            raise FileUnreadable(path=path, reason="it is no UTF-8 text") from error

    def _fetched(self, address: str) -> str:
        if self._offline:
            held = self._cache.get(_KIND, address)
            if held is None:
                raise NotCached(wanted=f"The map of names at {mask_secrets(address)}")
            return held[0]
        response = self._http.get(address, label=mask_secrets(address), missing_ok=False)
        assert response is not None
        self._cache.put(_KIND, address, response.text, self._now())
        return response.text


def _names(text: str, shown: str) -> Names:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise FileUnreadable(path=shown, reason="it is no JSON") from error
    if not isinstance(document, dict):
        raise FileUnreadable(path=shown, reason="it is no table of names")
    found = {}
    for conda, value in document.items():
        listed = [] if value in (None, False) else [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise FileUnreadable(path=shown, reason=f"{conda!r} maps to neither a name nor names")
        found[conda] = tuple(listed)
    return found
