"""HTTP with retries and bounds: the only place that opens connections beyond loopback."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from envcompose.errors import FileBroken, IndexBroken, IndexUnreachable

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 10.0
READ_SECONDS = 45.0
TRIES = 3
MOST_BYTES = 1 << 29
MOST_PAGE_BYTES = 1 << 26
MOST_SECONDS = 600.0
"""How long one answer may take altogether: a server that drips is as good as none."""
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
        self._logins: dict[str, tuple[str, str] | None] = {}

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
        self,
        url: str,
        *,
        label: str,
        headers: dict[str, str] | None = None,
        missing_ok: bool = True,
        tries: int = TRIES,
    ) -> requests.Response | None:
        """A response with status 200 or 206 and its whole body, None for 404 and 410.

        `label` names the source without secrets. Raises IndexUnreachable after `tries` tries, IndexBroken for other
        answers. A host that could not be reached once is not asked again. Bodies are bounded in size and time.
        """
        return self._whole(
            url, label=label, headers=headers or {}, most=MOST_PAGE_BYTES, missing_ok=missing_ok, tries=tries
        )

    def download(self, url: str, *, label: str, most: int = MOST_BYTES) -> bytes | None:
        """A whole file, at most `most` bytes, None for 404 and 410. Raises what `get` raises, and FileBroken where it is
        too large.
        """
        headers = {"Accept-Encoding": "identity"}
        response = self._whole(url, label=label, headers=headers, most=most, missing_ok=True)
        return None if response is None else response.content

    def _whole(
        self, url: str, *, label: str, headers: dict[str, str], most: int, missing_ok: bool, tries: int = TRIES
    ) -> requests.Response | None:
        """One answer with its body; one that breaks off is asked for again, never taken for the whole."""
        with self._gate:
            for _ in range(tries):
                with closing(self._ask(url, label=label, headers=headers, tries=tries)) as response:
                    if response.status_code in (404, 410) and missing_ok:
                        return None
                    if response.status_code not in (200, 206):
                        raise IndexBroken(index=label, reason=f"HTTP status {response.status_code}", wanted=_path(url))
                    body = _read_bounded(response, most, label)
                    if body is not None:
                        # From now on `content` and `text` of the response give this.
                        response._content = body
                        return response
                time.sleep(self._pause)
        raise IndexUnreachable(index=label, reason="its answers break off", wanted=_path(url))

    def know_login(self, url: str) -> None:
        """Remember the credentials in an index's address for its host."""
        self._without_login(url)

    def _without_login(self, url: str) -> tuple[str, tuple[str, str] | None]:
        """The address without credentials, and the credentials that were last given for its host.

        Links of a page are joined to the page's address, so credentials in it would travel into every file's URL.
        """
        parts = urlsplit(url)
        userinfo, _, host = parts.netloc.rpartition("@")
        if userinfo:
            self._logins[host] = _login(userinfo)
        return urlunsplit(parts._replace(netloc=host)), self._logins.get(host)

    def _ask(self, url: str, *, label: str, headers: dict[str, str], tries: int) -> requests.Response:
        import requests

        url, login = self._without_login(url)
        host = urlsplit(url).netloc
        if host in self._dead:
            raise IndexUnreachable(index=label, reason=self._dead[host])
        reason = ""
        for attempt in range(tries):
            if attempt:
                time.sleep(self._pause * 2**attempt)
            try:
                waits = (CONNECT_SECONDS, READ_SECONDS)
                response = self.session.get(url, headers=headers, timeout=waits, stream=True, auth=login)
            except requests.exceptions.RequestException as error:
                reason = _reason(error)
                continue
            if response.status_code not in _TRANSIENT:
                return response
            reason = f"HTTP status {response.status_code}"
            response.close()
        self._dead[host] = reason
        raise IndexUnreachable(index=label, reason=reason, wanted=_path(url))


def _login(userinfo: str) -> tuple[str, str] | None:
    """User and password of an address's userinfo; a token alone is a user name."""
    if not userinfo:
        return None
    user, _, password = userinfo.partition(":")
    return unquote(user), unquote(password)


def _read_bounded(response: requests.Response, most: int, label: str) -> bytes | None:
    """The body, or None where it broke off."""
    import requests

    parts, total, start = [], 0, time.monotonic()
    try:
        for part in response.iter_content(1 << 16):
            total += len(part)
            if time.monotonic() - start > MOST_SECONDS:
                raise IndexUnreachable(index=label, reason="the answer does not come to an end")
            if total > most:
                raise FileBroken(file=label, reason=f"it is larger than {most} bytes")
            parts.append(part)
    except requests.exceptions.RequestException:
        return None
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
    return urlsplit(url).path
