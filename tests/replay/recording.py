"""The recorded index: what the golden cases ask of the package index, as plain data, and the port over it."""

from __future__ import annotations

import json
import lzma
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.version import Version

from envcompose.analyse import analyse_sdist, load_rules
from envcompose.errors import IndexUnreachable, UploadTimesUnknown
from envcompose.model.analysis import Analysis, SdistTexts
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.read.secrets import mask_secrets

HOST = "index.example"
INDEX = f"https://{HOST}/simple"
"""What every output and every data file calls the package index."""
FOLDER = Path(__file__).resolve().parents[1] / "recorded"


class NotRecorded(Exception):
    """A test asked for something that no golden case asked for while recording."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"{wanted} is not recorded: run `python -m tests.replay.record`")


@dataclass(slots=True)
class Recording:
    """Pages by name (None: there is no such project), and by file name what is known of files.

    A page's rows are (version, file name, sha256, requires-python, yanked, size, uploaded).
    """

    pages: dict[str, list[list[Any]] | None] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    contents: dict[str, WheelContents] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    sdists: dict[str, SdistTexts] = field(default_factory=dict)


def load_recording(folder: Path = FOLDER) -> Recording:
    """Read what `save_recording` wrote."""
    index = _read(folder / "index.json.xz")
    sdists = _read(folder / "sdists.json.xz")
    texts = index["texts"]
    return Recording(
        pages=index["pages"],
        metadata={name: texts[number] for name, number in index["metadata"].items()},
        contents={name: _contents(row) for name, row in index["contents"].items()},
        sizes=index["sizes"],
        sdists={name: SdistTexts.from_json(json.dumps(document)) for name, document in sdists.items()},
    )


def save_recording(recording: Recording, folder: Path = FOLDER) -> dict[str, int]:
    """Write a recording so that equal recordings give equal bytes; gives the sizes of the files."""
    texts = sorted(set(recording.metadata.values()))
    number = {text: at for at, text in enumerate(texts)}
    documents: dict[str, object] = {
        "index.json.xz": {
            "pages": recording.pages,
            "texts": texts,
            "metadata": {name: number[text] for name, text in recording.metadata.items()},
            "contents": {
                name: [held.size, held.top_level, held.extensions, held.scripts]
                for name, held in recording.contents.items()
            },
            "sizes": recording.sizes,
        },
        "sdists.json.xz": {name: json.loads(texts.to_json()) for name, texts in recording.sdists.items()},
    }
    folder.mkdir(exist_ok=True)
    written = {}
    for name, document in documents.items():
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        # xz and not gzip: the sdists of one project are much alike, but further apart than gzip can see.
        data = lzma.compress(text.encode(), preset=9)
        (folder / name).write_bytes(data)
        written[name] = len(data)
    return written


def _read(path: Path) -> Any:
    return json.loads(lzma.decompress(path.read_bytes()))


def _contents(row: list[Any]) -> WheelContents:
    size, top, extensions, scripts = row
    return WheelContents(size=size, top_level=tuple(top), extensions=tuple(extensions), scripts=tuple(scripts))


class Analyser:
    """Analyses of recorded sdists, kept for as long as the object lives: cases share them."""

    def __init__(self, rules_text: str) -> None:
        self._rules = load_rules(rules_text)
        self._made: dict[tuple[str, tuple[str | None, ...], str], Analysis] = {}
        self._lock = threading.Lock()

    def analysis(self, texts: SdistTexts, torches: Sequence[str | None], python: str) -> Analysis:
        key = (texts.filename, tuple(torches), python)
        with self._lock:
            if key not in self._made:
                self._made[key] = analyse_sdist(texts, rules=self._rules, torches=tuple(torches), python=python)
            return self._made[key]


class RecordedIndex:
    """See ports.PackageIndex: the recording as one index, and PyTorch's own indexes out of reach.

    `unknown` are the projects that were asked for and are not recorded, not even as missing.
    """

    def __init__(
        self,
        recording: Recording,
        analyser: Analyser,
        *,
        urls: Sequence[str | None] = (None,),
        as_of: str | None = None,
    ) -> None:
        self._recording = recording
        self._analyser = analyser
        self._urls = tuple(urls)
        self._as_of = as_of
        self.unknown: set[str] = set()
        self._pages: dict[tuple[str | None, str], tuple[PackageFile, ...] | None] = {}

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        for url in self._urls:
            if url is not None and urlsplit(url).hostname != HOST:
                raise IndexUnreachable(index=mask_secrets(url), reason="no connection")
            files = self._page(url, name)
            if files:
                return files
        return None

    def _page(self, url: str | None, name: str) -> tuple[PackageFile, ...] | None:
        key = (url, name)
        if key not in self._pages:
            rows = self.rows(name)
            self._pages[key] = None if rows is None else tuple(file_of(row, name, url) for row in rows)
        files = self._pages[key]
        if files and self._as_of is not None:
            if any(file.uploaded is None for file in files):
                raise UploadTimesUnknown(index="the default index", name=name)
            return tuple(file for file in files if (file.uploaded or "")[:10] <= self._as_of)
        return files

    def rows(self, name: str) -> list[list[Any]] | None:
        """The page of a project. One that was never recorded is no project: uv reads ahead, not always the same way."""
        if name not in self._recording.pages:
            self.unknown.add(name)
            return None
        return self._recording.pages[name]

    def metadata(self, file: PackageFile) -> str:
        check_address(file)
        held = self._recording.metadata
        if file.filename in held:
            return held[file.filename]
        # The wheels of one release have the same headers but for rare cases, which were recorded.
        for row in self._recording.pages.get(file.name) or ():
            if Version(row[0]) == file.version and row[1] in held:
                return held[row[1]]
        raise NotRecorded(f"the metadata of {file.filename}")

    def contents(self, file: PackageFile) -> WheelContents | None:
        check_address(file)
        if file.filename not in self._recording.contents:
            raise NotRecorded(f"the contents of {file.filename}")
        return self._recording.contents[file.filename]

    def known_size(self, file: PackageFile) -> int | None:
        return file.size if file.size is not None else self._recording.sizes.get(file.filename)

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        check_address(file)
        texts = self._recording.sdists.get(file.filename)
        if texts is None:
            raise NotRecorded(f"the source distribution {file.filename}")
        return self._analyser.analysis(texts, torches, python)

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        return None


def check_address(file: PackageFile) -> None:
    """Nothing beside the recorded index can be reached, while recording either. Raises IndexUnreachable."""
    if urlsplit(file.url).hostname != HOST:
        raise IndexUnreachable(index=mask_secrets(file.url), reason="no connection")


def row_of(file: PackageFile) -> list[Any]:
    """A file as a row of a page; its URL follows from its name."""
    return [
        str(file.version),
        file.filename,
        file.sha256,
        file.requires_python,
        int(file.yanked),
        file.size,
        file.uploaded,
    ]


def file_of(row: Sequence[Any], name: str, index: str | None) -> PackageFile:
    """The file of a row."""
    version, filename, sha256, requires_python, yanked, size, uploaded = row
    return PackageFile(
        name=name,
        version=Version(version),
        filename=filename,
        url=file_url(name, filename),
        sha256=sha256,
        requires_python=requires_python,
        yanked=bool(yanked),
        size=size,
        uploaded=uploaded,
        index=index,
    )


def file_url(name: str, filename: str) -> str:
    """Where a file of the recorded index would be."""
    return f"https://{HOST}/files/{name}/{filename}"
