"""A small package index on loopback: real archives made by the test, served with ranges as the real ones are.

with FakeIndex() as index:
    index.wheel("alpha", "1.0", "beta>=2")
    index.sdist("beta", "2.1")
    run("init", "alpha", "--index", index.url)
    assert "/simple/alpha/" in index.asked
"""

from __future__ import annotations

import hashlib
import html
import io
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STAMP = (2024, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Reply:
    """What the server sends instead of the truth. `cut` sends only so many bytes of the body that was promised; `pause`
    is in seconds, before the answer.
    """

    status: int = 200
    body: bytes = b""
    kind: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0.0


class FakeIndex:
    """The index; a context manager that stops its server. `asked` lists the paths asked for, in order."""

    def __init__(self) -> None:
        self.projects: dict[str, dict[str, bytes]] = {}
        self.attributes: dict[str, str] = {}
        self.asked: list[str] = []
        self.authorizations: list[str | None] = []
        self.wanted: str | None = None
        """The `Authorization` header without which nobody gets an answer, where there is one."""
        self.answer: Callable[[str], Reply | None] = lambda path: None
        self._server = _QuietServer(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> FakeIndex:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address for --index."""
        return f"http://{self.host}/simple"

    def wheel(
        self,
        name: str,
        version: str,
        *requires: str,
        tag: str = "py3-none-any",
        python: str = ">=3.8",
        summary: str = "made by a test",
        extras: tuple[str, ...] = (),
        files: dict[str, str] | None = None,
    ) -> str:
        """Add a wheel; gives its file name."""
        stem = f"{name.replace('-', '_')}-{version}"
        info = f"{stem}.dist-info"
        contents = {
            f"{name.replace('-', '_')}/__init__.py": "",
            **(files or {}),
            f"{info}/METADATA": metadata(name, version, *requires, python=python, summary=summary, extras=extras),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
            f"{info}/RECORD": "",
        }
        return self.add(name, f"{stem}-{tag}.whl", zip_of(contents), python=python)

    def sdist(self, name: str, version: str, *requires: str, files: dict[str, str] | None = None) -> str:
        """Add an sdist with static metadata, or with the files given; gives its file name."""
        stem = f"{name}-{version}"
        contents = files or {
            "PKG-INFO": metadata(name, version, *requires),
            "pyproject.toml": _pyproject(name, version, requires),
            f"{name}.py": "",
        }
        data = tar_of({f"{stem}/{path}": text for path, text in contents.items()})
        return self.add(name, f"{stem}.tar.gz", data)

    def add(self, name: str, filename: str, data: bytes, *, python: str = ">=3.8") -> str:
        """Add any bytes as a file of a project."""
        self.projects.setdefault(name, {})[filename] = data
        self.attributes[filename] = f' data-requires-python="{html.escape(python)}"'
        return filename

    def page(self, name: str) -> bytes:
        """The project page, as PEP 503 says."""
        links = []
        for filename, data in sorted(self.projects[name].items()):
            digest = hashlib.sha256(data).hexdigest()
            links.append(f'<a href="/files/{filename}#sha256={digest}"{self.attributes[filename]}>{filename}</a><br>')
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()

    def reply(self, path: str) -> Reply:
        """What a path gives."""
        given = self.answer(path)
        return self.truth(path) if given is None else given

    def truth(self, path: str) -> Reply:
        """What is right for a path."""
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2 and parts[1] in self.projects:
            return Reply(body=self.page(parts[1]))
        if parts[0] == "files":
            for files in self.projects.values():
                if parts[1] in files:
                    return Reply(body=files[parts[1]], kind="application/octet-stream")
        return Reply(status=404)


def metadata(
    name: str,
    version: str,
    *requires: str,
    python: str = ">=3.8",
    summary: str = "made by a test",
    extras: tuple[str, ...] = (),
) -> str:
    """Core metadata as text."""
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
    lines += [f"Requires-Python: {python}", *(f"Provides-Extra: {extra}" for extra in extras)]
    return "\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires)]) + "\n\nA description.\n"


def zip_of(contents: dict[str, str]) -> bytes:
    """A zip archive whose bytes depend on nothing else."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path, STAMP), text)
    return made.getvalue()


def tar_of(contents: dict[str, str]) -> bytes:
    """A compressed tar archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, text in contents.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def _pyproject(name: str, version: str, requires: tuple[str, ...]) -> str:
    return (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {list(requires)!r}\n'
    )


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news, and standard error belongs to the test that runs by then."""


def _handler_for(index: FakeIndex) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            index.asked.append(self.path)
            index.authorizations.append(self.headers.get("Authorization"))
            refused = index.wanted is not None and index.authorizations[-1] != index.wanted
            reply = Reply(status=401) if refused else index.reply(self.path)
            time.sleep(reply.pause)
            status, body, extra = _ranged(reply, self.headers.get("Range"))
            self.send_response(status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {**reply.headers, **extra}.items():
                self.send_header(name, value)
            if "Content-Range" not in extra:
                self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if reply.cut is None else body[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Tests read `asked` instead."""

    return Handler


def _ranged(reply: Reply, asked: str | None) -> tuple[int, bytes, dict[str, str]]:
    if asked is None or reply.status != 200:
        return reply.status, reply.body, {}
    start_text, _, end_text = asked.removeprefix("bytes=").partition("-")
    size = len(reply.body)
    start = int(start_text) if start_text else max(0, size - int(end_text))
    end = min(int(end_text), size - 1) if start_text and end_text else size - 1
    return 206, reply.body[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{size}"}
