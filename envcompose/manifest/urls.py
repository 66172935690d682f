"""Addresses as pixi compares them: written in one way, whatever way they were written in."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WITH_HOST = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_KEPT = "/:?#[]@!$&'()*+,;=%~-._|"


def parse_url(text: str) -> str:
    """An absolute URL in its normal form: host in lower case, no default port, dots resolved. Raises ValueError."""
    text = text.strip()
    if not _SCHEME.match(text):
        raise ValueError(f"'{text}' is no URL: it has no scheme such as https://")
    scheme = text.partition(":")[0].lower()
    parts = urlsplit(text.replace("\\", "/") if scheme in _WITH_HOST else text)
    port = parts.port
    if " " in (parts.hostname or ""):
        raise ValueError(f"'{text}' is no URL: its host has a space")
    if scheme not in _WITH_HOST:
        return scheme + text[len(scheme) :]
    if not parts.hostname:
        raise ValueError(f"'{text}' is no URL: it has no host")
    user = parts.netloc.rpartition("@")[0]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = (f"{user}@" if user else "") + host + ("" if port in (None, _WITH_HOST[scheme]) else f":{port}")
    return urlunsplit(
        (
            scheme,
            place,
            _without_dots(quote(parts.path, safe=_KEPT)) or "/",
            quote(parts.query, safe=_KEPT),
            quote(parts.fragment, safe=_KEPT),
        )
    )


def without_credentials(url: str) -> str:
    """A URL without user name and password."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else url


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    steps: list[str] = []
    *parts, last = path.split("/")
    for part in parts:
        if part == "..":
            steps = steps[:-1] if len(steps) > 1 else steps
        elif part != ".":
            steps.append(part)
    if last == "..":
        steps, last = steps[:-1] if len(steps) > 1 else steps, ""
    return "/".join([*steps, "" if last == "." else last])
