"""A conda channel on loopback whose server does what a test tells it to: right, wrong, slow, or not at all."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. `cut` sends only so many bytes of the body that was promised; `pause` is in seconds, before it."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0.0


Fault = Callable[[str, Reply], Reply | None]
"""What becomes of an answer: its path below the server and what would be right; None lets it be."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    login: str | None


class ChannelServer:
    """Serves a folder; a context manager. `fault` may be replaced at any time; `asked` lists what came."""

    def __init__(
        self, folder: Path, fault: Fault = lambda path, reply: None, *, max_age: int | None = None, port: int = 0
    ) -> None:
        self.folder = folder
        self.fault = fault
        self.max_age = max_age
        self.asked: list[Asked] = []
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> ChannelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address of the channel, which is the folder itself."""
        return f"http://{self.host}/channel"

    def paths(self, ending: str = "") -> list[str]:
        """The paths that were asked for, below the channel, with this ending."""
        return [asked.path.removeprefix("/channel/") for asked in self.asked if asked.path.endswith(ending)]

    def reply(self, path: str) -> Reply:
        """What is right for a path, or what the fault makes of it."""
        file = self.folder / path.removeprefix("/channel/")
        right = Reply(status=404)
        if file.is_file():
            age = {} if self.max_age is None else {"Cache-Control": f"public, max-age={self.max_age}"}
            right = Reply(body=file.read_bytes(), headers=age)
        return self.fault(path.removeprefix("/channel/"), right) or right


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a channel whose host takes no connection and refuses none."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/channel"
        for one in waiting:
            one.close()


def free_port() -> int:
    """A port of loopback at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


def _handler_for(server: ChannelServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Standard error belongs to the test."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            server.asked.append(Asked(method=self.command, path=self.path, login=self.headers.get("Authorization")))
            reply = server.reply(self.path)
            time.sleep(reply.pause)
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
                self.close_connection = self.close_connection or reply.cut is not None

    return Handler
