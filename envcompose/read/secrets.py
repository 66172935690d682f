"""Take secrets out of texts that are shown (law 9)."""

from __future__ import annotations

import re

MASK = "****"
"""What stands where a secret stood."""

# A colon that neither a port nor an @ of the same part follows is the start of a password that nobody
# percent-encoded, which may hold any character: then everything up to the last @ of the word goes.
_ODD_PASSWORD = re.compile(r"(?<=://)[^/\s:@\[]*:(?!\d*(?:[/?#\s]|$))(?![^/?#\s]*@)\S*@")
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]*)@")
_PLACEHOLDERS = re.compile(r"\$\{[A-Z0-9_]+\}(?::\$\{[A-Z0-9_]+\})?")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+)=([^&#\s;]+)")
_CONDA_TOKEN = re.compile(r"(://[^\s]*?/t/)([^/\s]+)(?=/|\s|$)")
# A path reader folds the two slashes of an address that it takes for a path into one.
_FOLDED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:/)(?!/)([^/\s@]+)@")
_SCHEME = ":/"
# These say which file is meant; every other value of a query may be a token or a signature.
_OPEN_QUERY_KEYS = frozenset({"branch", "download", "egg", "format", "raw", "ref", "rev", "subdirectory", "tag"})


def mask_secrets(text: str) -> str:
    """Give the text with the credentials of every URL in it replaced by `****`.

    User names and passwords, tokens that stand alone before the `@`, values of unknown query keys and conda's
    `/t/<token>/` go. `${NAME}` stays (it names a variable and shows no value), and so does `ssh://git@host`.
    """
    if _SCHEME not in text:
        return text
    # What no pattern can match without is looked for first: most addresses hold no secret at all.
    if "@" in text:
        text = _FOLDED.sub(rf"\1{MASK}@", text)
        text = _ODD_PASSWORD.sub(_mask_odd_password, text)
        text = _USERINFO.sub(_mask_userinfo, text)
    if "=" in text:
        text = _QUERY.sub(_mask_query, text)
    return _CONDA_TOKEN.sub(_mask_conda_token, text) if "/t/" in text else text


def _mask_odd_password(match: re.Match[str]) -> str:
    found = match.group()
    return found if _PLACEHOLDERS.fullmatch(found[:-1]) else f"{MASK}@"


def _mask_userinfo(match: re.Match[str]) -> str:
    scheme, userinfo = match.groups()
    is_login_name = scheme.lower().endswith("ssh") and ":" not in userinfo
    if is_login_name or _PLACEHOLDERS.fullmatch(userinfo):
        return match.group()
    return f"{scheme}://{MASK}@"


def _mask_query(match: re.Match[str]) -> str:
    key, value = match.groups()
    if key.lower() in _OPEN_QUERY_KEYS or _PLACEHOLDERS.fullmatch(value):
        return match.group()
    return f"{key}={MASK}"


def _mask_conda_token(match: re.Match[str]) -> str:
    before, token = match.groups()
    return match.group() if _PLACEHOLDERS.fullmatch(token) else f"{before}{MASK}"


def without_secrets(url: str) -> str:
    """Give the URL without its credentials, still a working address: for files that other programs read.

    What is left out, conda's `/t/<token>` included, must come from the other program's own store (`pixi auth login`,
    .netrc).
    """
    masked = mask_secrets(url)
    bare = masked.replace(f"{MASK}@", "").replace(f"/t/{MASK}", "")
    head, mark, query = bare.partition("?")
    query, hash_mark, fragment = query.partition("#")
    kept = "&".join(part for part in query.split("&") if part and not part.endswith(f"={MASK}"))
    return head + (f"{mark}{kept}" if kept else "") + hash_mark + fragment
