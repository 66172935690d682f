"""The small index on loopback that stands between the resolver and the world (PEP 503, 658, 691).

It shows a universe and nothing else, answers lazily, and remembers the first error that the universe raised: the
resolver only ever sees "not found", and whoever started it raises the error afterwards, whatever it answered.
"""

from __future__ import annotations

import json
import socketserver
import threading
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from envcompose.errors import NotCached
from envcompose.ports import Offer, Universe

_PAGE = "application/vnd.pypi.simple.v1+json"
_LINE = 1 << 16

_POLL_SECONDS = 0.005
"""How long the server may take to notice that it is to stop."""
GRACE_SECONDS = 4.0
"""How long an answer that the cache lacks is held back, to see whether the resolver needs it."""


class Loopback:
    """A server for several universes, each under its own path; a context manager that stops it."""

    def __init__(self) -> None:
        self._universes: dict[str, Universe] = {}
        self._errors: dict[str, Exception] = {}
        self._ended: dict[str, threading.Event] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.answer = self._answer
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def show(self, universe: Universe) -> str:
        """Serve a universe; gives the URL of its simple index."""
        key = f"u{len(self._universes)}"
        self._universes[key] = universe
        self._ended[key] = threading.Event()
        return f"http://127.0.0.1:{self._server.server_address[1]}/{key}/simple"

    def end(self, url: str) -> None:
        """The resolver has ended: what it still waits for, it never needed."""
        self._ended[url.split("/")[3]].set()

    def error_of(self, url: str) -> Exception | None:
        """The first error that a universe raised while it was asked, if any."""
        return self._errors.get(url.split("/")[3])

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        parts = unquote(path).strip("/").split("/")
        universe = self._universes.get(parts[0])
        if universe is None or len(parts) < 3:
            return 404, "text/plain", b""
        try:
            return _reply(universe, parts)
        except NotCached as error:
            # The resolver reads ahead and drops what it does not need. An answer that it truly waits for comes late here.
            if not self._ended[parts[0]].wait(GRACE_SECONDS):
                self._errors.setdefault(parts[0], error)
        except Exception as error:
            self._errors.setdefault(parts[0], error)
        return 404, "text/plain", b""


def _reply(universe: Universe, parts: list[str]) -> tuple[int, str, bytes]:
    if parts[1] == "simple":
        offers = universe.page(parts[2])
        if offers is None:
            return 404, "text/plain", b""
        document = {
            "meta": {"api-version": "1.1"},
            "name": parts[2],
            "files": [_file(parts, offer) for offer in offers],
        }
        return 200, _PAGE, json.dumps(document, separators=(",", ":")).encode()
    if len(parts) == 4 and parts[3].endswith(".metadata"):
        text = universe.metadata(parts[2], parts[3].removesuffix(".metadata"))
        if text is not None:
            return 200, "text/plain; charset=utf-8", text.encode()
    return 404, "text/plain", b""


def _file(parts: list[str], offer: Offer) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": offer.filename,
        "url": f"/{parts[0]}/files/{parts[2]}/{offer.filename}",
        "hashes": {"sha256": offer.sha256},
        "core-metadata": True,
    }
    if offer.requires_python:
        entry["requires-python"] = offer.requires_python
    if offer.yanked:
        entry["yanked"] = True
    if offer.uploaded:
        entry["upload-time"] = offer.uploaded
    return entry


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = False
    request_queue_size = 128
    answer: Any = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(socketserver.StreamRequestHandler):
    """Reads GET requests of one connection, one after the other (HTTP/1.1 with keep-alive, nothing more)."""

    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        reader = cast(BinaryIO, self.rfile)
        while True:
            words = reader.readline(_LINE).split()
            if len(words) < 2:
                return
            while reader.readline(_LINE) not in (b"\r\n", b"\n", b""):
                pass
            if words[0] not in (b"GET", b"HEAD"):
                return
            status, kind, body = self.server.answer(words[1].decode("ascii", "replace"))  # type: ignore[attr-defined]
            head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nCache-Control: no-store\r\n\r\n"
            self.wfile.write(head.encode() + (b"" if words[0] == b"HEAD" else body))
            self.wfile.flush()
