"""HTTP with retries and bounds: the only place that opens connections beyond loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envcompose.errors import FileBroken, IndexBroken, IndexUnreachable

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 10.0
READ_SECONDS = 45.0
TRIES = 3
MOST_BYTES = 1 << 29
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class Http:
    """A session that several threads share. Makes no connection until asked to."""

    def __init__(self, *, connections: int = 16, pause: float = 0.4) -> None:
        self._pause = pause
        self._connections = connections
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._gate = threading.Semaphore(connections)
        self._dead: dict[str, str] = {}

    @property
    def session(self) -> requests.Session:
        """The session, made on first use (importing the client costs more than most commands)."""
        with self._lock:
            if self._session is None:
                import requests
                from requests.adapters import HTTPAdapter

                from envcompose import __version__

                self._session = requests.Session()
                self._session.headers["User-Agent"] = f"envcompose/{__version__}"
                for scheme in ("https://", "http://"):
                    self._session.mount(scheme, HTTPAdapter(pool_maxsize=self._connections, pool_block=True))
            return self._session

    def get(
        self, url: str, *, label: str, headers: dict[str, str] | None = None, missing_ok: bool = True
    ) -> requests.Response | None:
        """A response with status 200 or 206, None for 404 and 410.

        `label` names the source without secrets. Raises IndexUnreachable after three tries, IndexBroken for other answers.
        A host that could not be reached once is not asked again.
        """
        with self._open(url, label=label, headers=headers or {}, missing_ok=missing_ok) as response:
            return response

    def download(self, url: str, *, label: str, most: int = MOST_BYTES) -> bytes:
        """A whole file, at most `most` bytes. Raises what `get` raises, and FileBroken where it is too large or cut short."""
        for attempt in range(TRIES):
            with self._open(
                url, label=label, headers={"Accept-Encoding": "identity"}, missing_ok=False, stream=True
            ) as response:
                assert response is not None
                data = _read_bounded(response, most, label)
            promised = response.headers.get("Content-Length")
            if promised is None or len(data) == int(promised):
                return data
            time.sleep(self._pause * attempt)
        raise FileBroken(file=label, reason="the connection ended before the whole file was there")

    @contextmanager
    def _open(
        self, url: str, *, label: str, headers: dict[str, str], missing_ok: bool, stream: bool = False
    ) -> Iterator[requests.Response | None]:
        with self._gate:
            response = self._ask(url, label=label, headers=headers, stream=stream)
            try:
                if response.status_code in (404, 410) and missing_ok:
                    yield None
                elif response.status_code in (200, 206):
                    yield response
                else:
                    raise IndexBroken(index=label, reason=f"HTTP status {response.status_code}", wanted=_path(url))
            finally:
                response.close()

    def _ask(self, url: str, *, label: str, headers: dict[str, str], stream: bool) -> requests.Response:
        import requests
        from urllib.parse import urlsplit

        host = urlsplit(url).netloc.rpartition("@")[2]
        if host in self._dead:
            raise IndexUnreachable(index=label, reason=self._dead[host])
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(self._pause * 2**attempt)
            try:
                response = self.session.get(
                    url, headers=headers, timeout=(CONNECT_SECONDS, READ_SECONDS), stream=stream
                )
            except requests.exceptions.RequestException as error:
                reason = _reason(error)
                continue
            if response.status_code not in _TRANSIENT:
                return response
            reason = f"HTTP status {response.status_code}"
            response.close()
        self._dead[host] = reason
        raise IndexUnreachable(index=label, reason=reason, wanted=_path(url))


def _read_bounded(response: requests.Response, most: int, label: str) -> bytes:
    import requests

    parts, total = [], 0
    try:
        for part in response.iter_content(1 << 18):
            total += len(part)
            if total > most:
                raise FileBroken(file=label, reason=f"it is larger than {most} bytes")
            parts.append(part)
    except requests.exceptions.RequestException:
        return b"".join(parts)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """Why a request failed, in a few words and without the URL (it may hold secrets)."""
    name = type(error).__name__
    known = {
        "ConnectTimeout": "no connection in time",
        "ReadTimeout": "no answer in time",
        "SSLError": "its certificate is not trusted here",
        "ConnectionError": "no connection",
        "ProxyError": "the proxy does not answer",
        "InvalidURL": "the address is not a URL",
        "MissingSchema": "the address is not a URL",
        "InvalidSchema": "the address is not an HTTP URL",
    }
    return known.get(name, name)


def _path(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).path
