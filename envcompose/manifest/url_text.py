"""A URL -> the text in which pixi writes it: normalised as the WHATWG standard says (Rust's `url` does it)."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PORTS = {"http": "80", "https": "443", "ftp": "21", "ws": "80", "wss": "443", "file": ""}
# What is percent-encoded in each part, beside controls and everything that is not ASCII.
_IN_FRAGMENT = ' "<>`'
_IN_QUERY = ' "<>#'
_IN_PATH = ' "<>`#?{}'
_IN_USER = _IN_PATH + "/:;=@[\\]|^"
_DOTS = {".": ".", "%2e": ".", "..": "..", ".%2e": "..", "%2e.": "..", "%2e%2e": ".."}


def url_text(url: str) -> str:
    """Write a URL as a lock file holds it; a text that is no absolute URL (a path) comes back as it is.

    Scheme and host become lower-case, a default port is left out, `.` and `..` are resolved, and what may not stand in
    a URL is percent-encoded; what is encoded already stays so. `git+https` and `direct+https` URLs keep their case and
    port, as they are of no scheme that the standard knows.
    """
    url = re.sub("[\t\n\r]", "", url.strip("".join(map(chr, range(33)))))
    found = _SCHEME.match(url)
    if found is None or len(found[0]) == 2:
        return url
    scheme = found[0][:-1].lower()
    is_special = scheme in _PORTS
    rest, hash_, fragment = url[found.end() :].partition("#")
    rest, mark, query = rest.partition("?")
    if is_special:
        rest = rest.replace("\\", "/")
    if not rest.startswith("//") and not is_special:
        return url
    if scheme == "file":
        authority, slash, path = _file_parts(rest)
    else:
        authority, slash, path = (rest.lstrip("/") if is_special else rest[2:]).partition("/")
    text = f"{scheme}://{_authority(authority, scheme, is_special=is_special)}"
    if slash or is_special:
        text += "/" + _path(path)
    text += mark + _encoded(query, _IN_QUERY + ("'" if is_special else "")) if mark else ""
    return text + (hash_ + _encoded(fragment, _IN_FRAGMENT) if hash_ else "")


def _file_parts(rest: str) -> tuple[str, str, str]:
    host, _, path = rest[2:].partition("/") if rest.startswith("//") else ("", "/", rest)
    host = "" if host.lower() == "localhost" else host
    return host, "/", path if host else path.lstrip("/")


def _authority(authority: str, scheme: str, *, is_special: bool) -> str:
    user, at, host_port = authority.rpartition("@")
    host, colon, port = host_port.rpartition(":") if re.search(r":[0-9]*$", host_port) else (host_port, "", "")
    if is_special:
        host = host.lower() if host.isascii() else host.encode("idna").decode()
        if not port or port.lstrip("0") == _PORTS[scheme]:
            colon = port = ""
    else:
        host = _encoded(host, "")
        colon = ":" if port else ""
    return "".join((_user(user), at, host, colon, port.lstrip("0") or port[-1:]))


def _user(user: str) -> str:
    name, colon, password = user.partition(":")
    return _encoded(name, _IN_USER) + colon + _encoded(password, _IN_USER)


def _path(path: str) -> str:
    parts: list[str] = []
    pieces = path.split("/")
    for number, piece in enumerate(pieces):
        dots = _DOTS.get(piece.lower())
        if dots == ".." and parts:
            parts.pop()
        if dots is None:
            parts.append(_encoded(piece, _IN_PATH))
        elif number == len(pieces) - 1:
            parts.append("")
    return "/".join(parts)


def _encoded(text: str, unsafe: str) -> str:
    return "".join(
        char if " " <= char <= "~" and char not in unsafe else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in text
    )
