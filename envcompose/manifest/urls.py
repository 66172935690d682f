"""Addresses as pixi compares them: written in one way, whatever way they were written in."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WITH_HOST = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
_KEPT = "/:?#[]@!$&'()*+,;=%~-._|"


def parse_url(text: str) -> str:
    """An absolute URL in its normal form: host in lower case, no default port, dots resolved. Raises ValueError."""
    text = text.strip()
    if not _SCHEME.match(text):
        raise ValueError(f"'{text}' is no URL: it has no scheme such as https://")
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme not in _WITH_HOST:
        if rest.startswith("//"):
            _place(re.split("[/?#]", rest[2:], maxsplit=1)[0], text)
        return f"{scheme}:{rest}"
    # Browsers and pixi take any number of slashes before the host, of either kind.
    rest = rest.replace("\\", "/").lstrip("/")
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    user, host, port = _place(place, text)
    if not host:
        raise ValueError(f"'{text}' is no URL: it has no host")
    parts = urlsplit("//host" + rest[len(place) :])
    end = "" if port in (None, _WITH_HOST[scheme]) else f":{port}"
    return urlunsplit(
        (
            scheme,
            (f"{user}@" if user else "") + host + end,
            _without_dots(quote(parts.path, safe=_KEPT)) or "/",
            quote(parts.query, safe=_KEPT),
            quote(parts.fragment, safe=_KEPT),
        )
    )


def _place(text: str, url: str) -> tuple[str, str, int | None]:
    """User, host and port of an address. Raises ValueError."""
    user, _, place = text.rpartition("@")
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:]*)(?::([0-9]*))?", place)
    if found is None or (found[2] and int(found[2]) > 65535):
        raise ValueError(f"'{url}' is no URL: '{place}' is no host with a port")
    host = found[1].lower()
    if host.startswith("["):
        ip_address(host[1:-1])
    else:
        host = unquote(host)
        if _FORBIDDEN.search(host):
            raise ValueError(f"'{url}' is no URL: '{host}' is no host")
        host = _host(host)
    return user, host, int(found[2]) if found[2] else None


def _host(text: str) -> str:
    """A host as a browser reads it: what ends in a number is an IPv4 address. Raises ValueError where it is none."""
    labels = text.removesuffix(".").split(".")
    if not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return text
    numbers = [_number(label) for label in labels]
    *front, last = numbers
    if len(numbers) > 4 or any(number > 255 for number in front) or last >= 256 ** (5 - len(numbers)):
        raise ValueError(f"'{text}' is no IPv4 address")
    value = sum(number << 8 * (3 - index) for index, number in enumerate(front)) + last
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _number(text: str) -> int:
    """One number of an IPv4 address: decimal, octal or hexadecimal."""
    if re.fullmatch(r"0x[0-9a-f]*", text):
        return int(text[2:] or "0", 16)
    if not re.fullmatch(r"0[0-7]*|[1-9][0-9]*", text):
        raise ValueError(f"'{text}' is no number of an IPv4 address")
    return int(text, 8 if text.startswith("0") else 10)


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
