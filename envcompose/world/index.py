"""The package index port over HTTP and the cache (PEP 503, 691, 658, 700 through pypi-simple)."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from envcompose.analyse.version import ANALYSER_VERSION
from envcompose.errors import FileBroken, FileGone, IndexBroken, IndexUnreachable, NotCached, UploadTimesUnknown
from envcompose.model.analysis import Analysis, SdistTexts
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.model.names import canonical_name
from envcompose.model.target import sys_platform
from envcompose.model.values import dataclass
from envcompose.world.analysis_json import analysis_from_json, analysis_to_json
from envcompose.world.cache import Cache
from envcompose.world.http import Http
from envcompose.world.pages import LINUX_64, fetch_page, file_to_json, files_from_json, upload_times
from envcompose.world.wheel_file import RangeFile, read_wheel, trim_headers

if TYPE_CHECKING:
    from envcompose.analyse import BuildRules

FRESH_SECONDS = 600.0
"""How long a project page is believed without asking again; what the default index itself allows caches (max-age)."""

_DOWNLOADS = 2
"""How often a file is fetched whose hash is another one than promised, before that is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPolicy:
    """Which indexes are asked, in order (None is the default index), and how.

    `as_of` (an ISO date, inclusive) hides files uploaded later. Files that cannot be of use on `subdir` are left out.
    With `dated`, upload times are asked for where pages do not tell them; a file may stay without one.
    """

    urls: tuple[str | None, ...] = (None,)
    offline: bool = False
    refresh: bool = False
    as_of: str | None = None
    subdir: str = LINUX_64
    dated: bool = False


class HttpIndex:
    """The package indexes of one composition. Safe to use from several threads."""

    def __init__(
        self, policy: IndexPolicy, cache: Cache, rules_text: str, clock: Callable[[], float], http: Http
    ) -> None:
        self._policy = policy
        self._cache = cache
        self._rules_text = rules_text
        self._rules_digest = hashlib.sha256(rules_text.encode()).hexdigest()[:20]
        self._clock = clock
        self._http = http
        self._pages: dict[tuple[str | None, str], tuple[PackageFile, ...] | None] = {}
        self._wheels: dict[str, tuple[str, WheelContents | None]] = {}
        self._texts: dict[str, SdistTexts] = {}
        self._analyses: dict[str, Analysis] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        """See ports.PackageIndex."""
        known: tuple[PackageFile, ...] | None = None
        for url in self._policy.urls:
            files = self._page(url, canonical_name(name))
            if files:
                return files
            known = files if known is None else known
        return known

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        """See ports.PackageIndex."""
        try:
            return self._page(url, canonical_name(name))
        except (IndexUnreachable, IndexBroken, NotCached, UploadTimesUnknown):
            return None

    def metadata(self, file: PackageFile) -> str:
        """See ports.PackageIndex."""
        return self._wheel(file, contents=False)[0]

    def contents(self, file: PackageFile) -> WheelContents | None:
        """See ports.PackageIndex."""
        return self._wheel(file, contents=True)[1]

    def known_size(self, file: PackageFile) -> int | None:
        """See ports.PackageIndex."""
        if file.size is not None:
            return file.size
        key = file.sha256 or file.url
        if not file.is_wheel:
            held = self._cache.get("size", key)
            return int(held[0]) if held else None
        if file.has_metadata:
            # Its contents may have been read by an earlier run and not by this one: equal runs must give equal sizes.
            return None
        known = self._wheels.get(key)
        return known[1].size if known and known[1] else None

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        """See ports.PackageIndex."""
        asked = [file.sha256 or file.url, ANALYSER_VERSION, self._rules_digest, python, list(torches)]
        asked += [] if self._policy.subdir == LINUX_64 else [sys_platform(self._policy.subdir)]
        key = json.dumps(asked, separators=(",", ":"))
        with self._lock_for("analysis " + key):
            if key not in self._analyses:
                self._analyses[key] = self._cached_analysis(key) or self._analyse(key, file, torches, python)
            return self._analyses[key]

    def _cached_analysis(self, key: str) -> Analysis | None:
        held = self._cache.get("analysis", key)
        return None if held is None else analysis_from_json(held[0])

    def _analyse(self, key: str, file: PackageFile, torches: Sequence[str | None], python: str) -> Analysis:
        from envcompose.analyse import analyse_sdist

        analysis = analyse_sdist(
            self.texts(file),
            rules=self._rules,
            torches=tuple(torches),
            python=python,
            platform=sys_platform(self._policy.subdir),
        )
        self._cache.put("analysis", key, analysis_to_json(analysis), self._clock())
        return analysis

    @cached_property
    def _rules(self) -> BuildRules:
        """Read when the first sdist is analysed: with a warm cache none is."""
        from envcompose.analyse import load_rules

        return load_rules(self._rules_text)

    def texts(self, file: PackageFile) -> SdistTexts:
        """An sdist reduced to what the analyser reads, from the cache or fetched by URL and checked."""
        key = file.sha256 or file.url
        with self._lock_for("sdist " + key):
            if key in self._texts:
                return self._texts[key]
            held = self._cache.get(f"sdist-{ANALYSER_VERSION}", key)
            if held is not None:
                texts = SdistTexts.from_json(held[0])
            else:
                texts = _trimmed(self._download(file), file.filename)
                self._cache.put(f"sdist-{ANALYSER_VERSION}", key, texts.to_json(), self._clock())
            self._texts[key] = texts
            return texts

    # Pages

    def _login_first(self, file: PackageFile) -> None:
        """Make the credentials of a file's index known: with a warm cache its page was not asked for in this run."""
        if file.index is not None:
            self._http.know_login(file.index)

    def _page(self, url: str | None, name: str) -> tuple[PackageFile, ...] | None:
        with self._lock_for(f"page {url} {name}"):
            key = (url, name)
            if key not in self._pages:
                files = self._read_page(url, name)
                self._pages[key] = self._before(files, url, name) if files else files
            return self._pages[key]

    def _read_page(self, url: str | None, name: str) -> tuple[PackageFile, ...] | None:
        subdir = self._policy.subdir
        key = f"{_cache_key(url)} {name}" + ("" if subdir == LINUX_64 else f" {subdir}")
        held = self._cache.get("page", key)
        now = self._clock()
        if held is not None and (self._policy.offline or (not self._policy.refresh and now - held[1] < FRESH_SECONDS)):
            return _page_from_json(held[0], name, url)
        if self._policy.offline:
            raise NotCached(wanted=f"The project page of {name}")
        files = fetch_page(self._http, url, name, subdir)
        document = None if files is None else [file_to_json(file) for file in files]
        self._cache.put("page", key, json.dumps(document, separators=(",", ":")), now)
        return files

    def _before(self, files: tuple[PackageFile, ...], url: str | None, name: str) -> tuple[PackageFile, ...]:
        wanted = self._policy.as_of is not None or self._policy.dated
        if wanted and any(file.uploaded is None for file in files):
            times = self._upload_times(url, name)
            files = tuple(replace(file, uploaded=file.uploaded or times.get(file.filename)) for file in files)
        if self._policy.as_of is None:
            return files
        if any(file.uploaded is None for file in files):
            raise UploadTimesUnknown(index=_label(url), name=name)
        return tuple(file for file in files if (file.uploaded or "")[:10] <= self._policy.as_of)

    def _upload_times(self, url: str | None, name: str) -> dict[str, str]:
        key = f"{_cache_key(url)} {name}"
        held = self._cache.get("uploads", key)
        if held is not None:
            times: dict[str, str] = json.loads(held[0])
            return times
        if self._policy.offline:
            raise NotCached(wanted=f"The upload times of {name}")
        times = upload_times(self._http, url, name)
        self._cache.put("uploads", key, json.dumps(times, sort_keys=True), self._clock())
        return times

    # Files

    def _wheel(self, file: PackageFile, *, contents: bool) -> tuple[str, WheelContents | None]:
        key = file.sha256 or file.url
        with self._lock_for("wheel " + key):
            known = self._wheels.get(key) or self._cached_wheel(key)
            if known is None or (contents and known[1] is None):
                known = self._fetch_wheel(file, ranges=contents or not file.has_metadata, known=known)
                self._cache.put("wheel", key, _wheel_to_json(*known), self._clock())
            self._wheels[key] = known
            return known

    def _cached_wheel(self, key: str) -> tuple[str, WheelContents | None] | None:
        held = self._cache.get("wheel", key)
        return None if held is None else _wheel_from_json(held[0])

    def _fetch_wheel(
        self, file: PackageFile, *, ranges: bool, known: tuple[str, WheelContents | None] | None
    ) -> tuple[str, WheelContents | None]:
        if self._policy.offline:
            if known is not None:
                return known
            raise NotCached(wanted=f"The metadata of {file.filename}")
        self._login_first(file)
        headers = None if ranges else self._metadata_beside(file)
        if headers is not None:
            return headers, None
        found = self._read_ranges(file)
        if known is not None and known[0] != found[0]:
            # What was resolved with them would not be what is installed.
            raise FileBroken(file=file.filename, reason="its metadata are not those that were read of it before")
        return found

    def _metadata_beside(self, file: PackageFile) -> str | None:
        """The metadata beside a file, held against their hash where the page tells it; None where there are none."""
        for _ in range(_DOWNLOADS):
            response = self._http.get(file.url + ".metadata", label=_label(file.index))
            if response is None:
                return None
            if file.metadata_sha256 in (None, hashlib.sha256(response.content).hexdigest()):
                return trim_headers(response.content.decode("utf-8", "replace"))
        raise FileBroken(file=f"{file.filename}.metadata", reason="its sha256 is another one")

    def _read_ranges(self, file: PackageFile) -> tuple[str, WheelContents | None]:
        def read_range(start: int | None, length: int) -> tuple[bytes, int, int]:
            wanted = f"bytes=-{length}" if start is None else f"bytes={start}-{start + length - 1}"
            response = self._http.get(
                file.url, label=_label(file.index), headers={"Range": wanted, "Accept-Encoding": "identity"}
            )
            if response is None:
                raise FileGone(index=_label(file.index), file=file.filename)
            if response.status_code == 200 and _differs(response.content, file):
                raise FileBroken(file=file.filename, reason="its sha256 is another one")
            return _range_of(response.status_code, response.headers.get("Content-Range", ""), response.content)

        try:
            opened = RangeFile(read_range)
            return read_wheel(opened, opened.size)
        except ValueError as error:
            raise FileBroken(file=file.filename, reason=str(error)) from error

    def _download(self, file: PackageFile) -> bytes:
        if self._policy.offline:
            raise NotCached(wanted=f"The source distribution {file.filename}")
        self._login_first(file)
        for _ in range(_DOWNLOADS):
            data = self._http.download(file.url, label=_label(file.index))
            if data is None:
                raise FileGone(index=_label(file.index), file=file.filename)
            if not _differs(data, file):
                break
        else:
            raise FileBroken(file=file.filename, reason="its sha256 is another one")
        self._cache.put("size", file.sha256 or file.url, str(len(data)), self._clock())
        return data

    def _lock_for(self, key: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())


def _differs(data: bytes, file: PackageFile) -> bool:
    """Is this another file than the one that the page promises?"""
    return file.sha256 is not None and hashlib.sha256(data).hexdigest() != file.sha256


def _trimmed(data: bytes, filename: str) -> SdistTexts:
    from envcompose.analyse import ArchiveRefused, trim_sdist

    try:
        return trim_sdist(data, filename)
    except ArchiveRefused as error:
        raise FileBroken(file=filename, reason=f"it cannot be read as an archive ({error})") from error


def _range_of(status: int, content_range: str, body: bytes) -> tuple[bytes, int, int]:
    """The bytes of a range response, where they start and the file's size; a server may ignore ranges and send it all."""
    if status == 200:
        return body, 0, len(body)
    try:
        span, total = content_range.removeprefix("bytes ").split("/")
        start = int(span.split("-")[0])
        return body, start, int(total)
    except ValueError as error:
        raise ValueError(f"the answer to a range request has no usable Content-Range ({content_range!r})") from error


def _page_from_json(text: str, name: str, index: str | None) -> tuple[PackageFile, ...] | None:
    rows = json.loads(text)
    return None if rows is None else files_from_json(rows, name, index)


def _wheel_to_json(headers: str, contents: WheelContents | None) -> str:
    packed = contents and [contents.size, contents.top_level, contents.extensions, contents.scripts]
    return json.dumps([headers, packed], separators=(",", ":"))


def _wheel_from_json(text: str) -> tuple[str, WheelContents | None]:
    headers, packed = json.loads(text)
    if packed is None:
        return headers, None
    size, top, extensions, scripts = packed
    return headers, WheelContents(size=size, top_level=tuple(top), extensions=tuple(extensions), scripts=tuple(scripts))


def _cache_key(url: str | None) -> str:
    """The cache key of an index; a digest, so that secrets in its URL do not land on disk."""
    return "default" if url is None else hashlib.sha256(url.encode()).hexdigest()[:20]


def _label(url: str | None) -> str:
    from envcompose.read.secrets import mask_secrets

    return "the default index" if url is None else mask_secrets(url)
