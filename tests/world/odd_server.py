"""A server on loopback that says exactly what a test tells it to, byte by byte, in the order told."""

from __future__ import annotations

import socketserver
import threading
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. `promised` is the Content-Length where it is not the truth; None sends none and closes."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/html"
    promised: int | None = -1
    headers: dict[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0
    hang_up: bool = False


class OddServer:
    """A context manager; `answers` maps a path to what it says, the last one for ever; `asked` lists (path, Range)."""

    def __init__(self, answers: dict[str, list[Answer]]) -> None:
        self.answers = {path: list(given) for path, given in answers.items()}
        self.asked: list[tuple[str, str | None]] = []
        self._server = _QuietServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> OddServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address of the simple index."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def answer(self, path: str, asked_range: str | None) -> Answer:
        self.asked.append((path, asked_range))
        given = self.answers.get(path)
        if not given:
            return Answer(status=404)
        return given.pop(0) if len(given) > 1 else given[0]


class _QuietServer(socketserver.ThreadingTCPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news, and standard error belongs to the test that runs by then."""


def _handler_for(server: OddServer) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            words = self.rfile.readline().split()
            if len(words) < 2:
                return
            asked_range = None
            while (line := self.rfile.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"range":
                    asked_range = value.strip().decode()
            answer = server.answer(words[1].decode(), asked_range)
            time.sleep(answer.after_seconds)
            if answer.hang_up:
                return
            head = [f"HTTP/1.1 {answer.status} x", f"Content-Type: {answer.kind}", "Connection: close"]
            if answer.promised is not None:
                length = len(answer.body) if answer.promised == -1 else answer.promised
                head.append(f"Content-Length: {length}")
            head += [f"{name}: {value}" for name, value in answer.headers.items()]
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + answer.body)

    return Handler
