"""The name-map port: the public map that pixi asks (parselmouth), or our own table where it cannot be had.

facts: pixi.md §3. The map is followed as it stands, its wrong entries included: pixi pins by them, so a lock that did
otherwise would not survive pixi's next look.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envcompose.errors import FileBroken, IndexBroken, IndexUnreachable
from envcompose.model.facts import Facts
from envcompose.model.record import CondaRecord
from envcompose.model.target import Layer
from envcompose.model.values import dataclass
from envcompose.world.cache import Cache
from envcompose.world.http import Http

PUBLIC_MAP = "https://conda-mapping.prefix.dev/compressed-v0/compressed_mapping.json"
"""Where pixi 0.77 gets its map (crates/pypi_mapping of prefix-dev/pixi)."""
FRESH_SECONDS = 86_400.0
"""How long a fetched map is as good as new: it grows by a few names a day."""
_KIND = "conda-names"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_ALMOST = 0.8
"""How alike two names must be for the one to be taken for a slip of the other (see difflib)."""
_PYTHONS = frozenset({"python", "python_abi"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Map:
    """A map that was had: names by conda name, the day that it says it is of, and its digest."""

    names: Mapping[str, tuple[str, ...]]
    day: str | None
    digest: str


class PublicNameMap:
    """Asks for the public map at most once, when the first name is wanted. Safe to use from several threads.

    With `offline` only the cache is asked, however old its copy; with `refresh` the server first. A map that cannot be
    had is no error: the answers then come from the table of the recipes, and `by_tables` says so.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        cache: Cache,
        http: Http,
        now: Callable[[], float],
        offline: bool = False,
        refresh: bool = False,
        address: str = PUBLIC_MAP,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._provided = {entry.conda: entry.pypi for entry in facts.provided}
        self._named = {**{name: name for name in facts.packages}, **{one.pypi: one.conda for one in facts.names}}
        self._others = frozenset(facts.other_channels)
        self._as_of = max((entry.evidence.as_of or "" for entry in facts.provided), default="")
        self._cache = cache
        self._http = http
        self._now = now
        self._offline = offline
        self._refresh = refresh
        self._address = address
        self._tell = tell
        self._lock = threading.Lock()
        self._asked = False
        self._map: _Map | None = None

    def pypi_names(self, record: CondaRecord) -> tuple[str, ...]:
        """See ports.NameMap. A channel that is known to be another than conda-forge has no names."""
        parts = _channel_parts(record.channel)
        if self._others.intersection(parts[-1:]):
            return ()
        public = self._public()
        if public is None:
            names = self._provided.get(record.name)
            return _by_rule(record) if names is None else names
        if record.name in public.names:
            return public.names[record.name]
        # pixi takes the same name for what the map does not know, on conda-forge and on nothing else.
        return _same(record) if parts[:1] == ["conda-forge"] else _by_rule(record)

    @property
    def by_tables(self) -> bool:
        """Do the answers rest on our own table?"""
        return self._public() is None

    @property
    def source(self) -> str:
        """See ports.NameMap."""
        public = self._public()
        if public is None:
            return f"envcompose's own table of conda names of {self._as_of}"
        of_day = f" of {public.day}" if public.day else ""
        return f"the public map of conda names{of_day} (sha256 {public.digest[:12]})"

    def nearest(self, layer: Layer, name: str) -> Sequence[str]:
        """Known names of conda-forge, or of PyPI, that look almost like another, the most alike first; none where it is known."""
        public = self._public()
        mapped = self._provided if public is None else public.names
        if layer is Layer.SYSTEM:
            known = {*mapped, *(conda for conda in self._named.values() if conda is not None)}
        else:
            known = {*self._named, *(one for names in mapped.values() for one in names)}
        return () if name in known else get_close_matches(name[:80], sorted(known), 3, _ALMOST)

    def _public(self) -> _Map | None:
        with self._lock:
            if not self._asked:
                self._map = self._had()
                self._asked = True
            return self._map

    def _had(self) -> _Map | None:
        """The map from the cache where it is fresh, else from its server, else an old one from the cache."""
        cached = self._cache.get(_KIND, self._address)
        kept = None if cached is None else _from_cache(cached[0])
        fresh = cached is not None and 0 <= self._now() - cached[1] < FRESH_SECONDS
        if self._offline or (kept is not None and fresh and not self._refresh):
            return kept
        try:
            # What it would say is in our own table for the most part: two tries are enough.
            response = self._http.get(self._address, label="the public map of conda names", missing_ok=False, tries=2)
            assert response is not None
            found = _read(response.content, response.headers.get("Last-Modified"))
        except (IndexUnreachable, IndexBroken, FileBroken) as error:
            self._tell(error.sentence.removeprefix("The package index "))
            return kept
        if found is None:
            self._tell("the answer of the public map of conda names is no such map")
            return kept
        self._cache.put(_KIND, self._address, _to_cache(found), self._now())
        return found


def _channel_parts(channel: str) -> list[str]:
    """The parts of a channel's path, in lower case; its labels (`nvidia/label/cuda-11.8.0`) are no part of its name."""
    path = unquote(urlsplit(channel).path).lower().partition("/label/")[0]
    return [part for part in path.split("/") if part]


def _by_rule(record: CondaRecord) -> tuple[str, ...]:
    """The rule of recipes/tables/conda_names.toml: what needs Python is the PyPI project of its name."""
    needs = (spec.split()[0].split("[")[0] for spec in record.depends if spec.split())
    return _same(record) if record.noarch == "python" or _PYTHONS.intersection(needs) else ()


def _same(record: CondaRecord) -> tuple[str, ...]:
    """The same name, where name and version can be a PyPI project's."""
    try:
        Version(record.version)
    except InvalidVersion:
        return ()
    return (canonicalize_name(record.name),) if _NAME.fullmatch(record.name) else ()


def _read(body: bytes, modified: str | None) -> _Map | None:
    """The map out of a server's answer; None where it is no map of names."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict) or not document:
        return None
    names = {}
    for conda, value in document.items():
        listed = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in listed):
            return None
        names[conda] = tuple(sorted({canonicalize_name(one) for one in listed}))
    return _Map(names=names, day=_day(modified), digest=hashlib.sha256(body).hexdigest())


def _day(modified: str | None) -> str | None:
    try:
        # Loading the mail library costs more than all else here, and few runs ask.
        from email.utils import parsedate_to_datetime

        return None if modified is None else parsedate_to_datetime(modified).date().isoformat()
    except ValueError:
        return None


def _to_cache(found: _Map) -> str:
    return json.dumps({"day": found.day, "digest": found.digest, "names": found.names}, separators=(",", ":"))


def _from_cache(text: str) -> _Map | None:
    """A map that `_to_cache` made; None where the entry is of another form."""
    try:
        raw = json.loads(text)
        names = {conda: tuple(listed) for conda, listed in raw["names"].items()}
        return _Map(names=names, day=raw["day"], digest=raw["digest"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
