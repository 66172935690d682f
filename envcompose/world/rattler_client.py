"""The clients with which the engine asks channels: pixi's own configuration, and logins that stand in addresses.

The engine finds logins as pixi does (its store, netrc, RATTLER_AUTH_FILE) and follows the mirrors and proxies of pixi's
own configuration files. It also writes the addresses of channels into its cache; so it is given them without a login,
and the login is put in when a request goes out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envcompose.world.channel_fault import plain_words

if TYPE_CHECKING:
    from rattler import Config
    from rattler.networking import Client


def pixi_config(settings: Sequence[Path] | None, logins: Mapping[str, str], tell: Callable[[str], None]) -> Config:
    """The mirrors, proxies and certificates that pixi would use here; defaults where its files cannot be read.

    `logins` maps addresses of channels to those with a login: for one that stands in the path the latter is a mirror.
    """
    from rattler import Config
    from rattler.exceptions import ConfigError

    try:
        found = (
            Config.load_from_default_locations("pixi") if settings is None else Config.load_from_files(list(settings))
        )
    except ConfigError as error:
        tell(f"pixi's configuration is left out: {plain_words(str(error))}")
        found = Config()
    # The strings of JSON are strings of TOML too.
    mirrors = [f"{json.dumps(bare)} = [{json.dumps(login)}]" for bare, login in logins.items() if not _user(login)]
    return found.merge(Config.from_toml("\n".join(["[mirrors]", *mirrors]))) if mirrors else found


def client(config: Config, logins: Mapping[str, str], *, retries: int, seconds: int) -> Client:
    """A client that knows these logins; `seconds` bound one answer altogether.

    The engine takes either a configuration or a header for one host. So where an address has a user's name in it, only
    the mirrors of the configuration count, and proxies come from the environment.
    """
    from rattler.networking import (
        AddHeadersMiddleware,
        AuthenticationMiddleware,
        Client,
        GCSMiddleware,
        MirrorMiddleware,
        OciMiddleware,
        RetryMiddleware,
        S3Middleware,
    )

    headers = {_place(bare): _basic(_user(login)) for bare, login in logins.items() if _user(login)}
    if not headers:
        return Client.from_config(config, max_retries=retries, timeout=seconds)

    def header_of(host: str, path: str) -> dict[str, str] | None:
        for (wanted, below), header in headers.items():
            if host == wanted and path.startswith(below):
                return {"Authorization": header}
        return None

    return Client(
        [
            RetryMiddleware(retries),
            # A mirror is not given the login of the host that it stands for: the header comes after it.
            MirrorMiddleware(config.mirrors),
            AddHeadersMiddleware(header_of),
            AuthenticationMiddleware(),
            OciMiddleware(),
            GCSMiddleware(),
            S3Middleware(),
        ],
        timeout=seconds,
    )


def _user(address: str) -> str:
    """User and password of an address as they stand in it; empty where there are none."""
    return urlsplit(address).netloc.rpartition("@")[0]


def _basic(user: str) -> str:
    """The header of RFC 7617; a token that stands alone is a user without a password."""
    name, _, password = user.partition(":")
    return "Basic " + base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()


def _place(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.path
