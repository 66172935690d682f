"""Pages of links to distributions (pip's and uv's `find-links` by address)."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion

from envcompose.errors import NotCached
from envcompose.model.distribution import PackageFile
from envcompose.read.secrets import mask_secrets
from envcompose.world.cache import Cache
from envcompose.world.http import Http

_KIND = "links"
FRESH_SECONDS = 600.0


class LinkPages:
    """Reads such pages. With `offline` only the cache is asked, however old its copy; with `refresh` the server."""

    def __init__(
        self, *, cache: Cache, http: Http, now: Callable[[], float], offline: bool = False, refresh: bool = False
    ) -> None:
        self._cache = cache
        self._http = http
        self._now = now
        self._offline = offline
        self._refresh = refresh

    def read(self, address: str) -> tuple[PackageFile, ...]:
        """All distributions that a page links; other links are passed over. Raises what HTTP raises, and NotCached."""
        held = self._cache.get(_KIND, address)
        fresh = held is not None and not self._refresh and 0 <= self._now() - held[1] < FRESH_SECONDS
        if held is None or not (self._offline or fresh):
            if self._offline:
                raise NotCached(wanted=f"The page of links at {mask_secrets(address)}")
            response = self._http.get(address, label=mask_secrets(address), missing_ok=False)
            assert response is not None
            links = _links(response.text, address)
            self._cache.put(_KIND, address, json.dumps(links), self._now())
        else:
            links = json.loads(held[0])
        return tuple(file for url, python in links if (file := _file(url, python, address)) is not None)


def distribution_of(filename: str, url: str) -> PackageFile | None:
    """A wheel or an sdist by its file name; None for anything else."""
    try:
        if filename.endswith(".whl"):
            name, version, *_ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
    return PackageFile(name=str(name), version=version, filename=filename, url=url, sha256=None)


def _file(url: str, python: str | None, page: str) -> PackageFile | None:
    bare, fragment = urldefrag(url)
    found = distribution_of(unquote(urlsplit(bare).path.rpartition("/")[2]), bare)
    if found is None:
        return None
    sha256 = fragment.removeprefix("sha256=").lower() if fragment.startswith("sha256=") else None
    return PackageFile(
        name=found.name,
        version=found.version,
        filename=found.filename,
        url=bare,
        sha256=sha256,
        requires_python=python,
        index=page,
    )


def _links(text: str, address: str) -> list[tuple[str, str | None]]:
    reader = _Anchors()
    reader.feed(text)
    return [(urljoin(address, target), python) for target, python in reader.found]


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep where an anchor leads, and the Python that it asks for."""
        said = dict(attrs)
        target = said.get("href")
        if tag == "a" and target:
            self.found.append((target, said.get("data-requires-python")))
