"""Record what all golden cases ask of the real package index, trim it, and check that nothing changed by that.

    python -m tests.replay.record            # all cases, from the real index (its pages are asked again)
    python -m tests.replay.record --cached   # with pages from envcompose's cache where it has them

Run it from the root of the repository. Two runs over the same index give the same bytes.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from envcompose.analyse import ArchiveRefused
from envcompose.errors import EnvcomposeError
from envcompose.model.analysis import Analysis, SdistTexts
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.model.foreign import foreign_requirement
from envcompose.model.intent import Intent
from envcompose.resolve.metadata import header_values
from envcompose.resolve.tags import best_wheel, wheel_ranks
from envcompose.world.cache import Cache, cache_folder
from envcompose.world.http import Http
from envcompose.world.index import HttpIndex, IndexPolicy
from tests.replay.cases import Case, all_cases
from tests.replay.driver import MakeIndex, Outputs, Recipes, run_command
from tests.replay.recording import (
    FOLDER,
    HOST,
    Analyser,
    RecordedIndex,
    Recording,
    check_address,
    file_url,
    load_recording,
    row_of,
    save_recording,
)

NEWEST = 2
"""How many of a project's newest releases are kept, looked at or not: what is newer must lose by rule."""

_OLD_FILE = re.compile(r"-(pp\d+|graalpy\d+|cp2\d|cp3[5-7]|cp3\d+)-(pypy|graalpy|cp2\d|cp3[5-7]|cp3\d+t)")
"""Wheels for interpreters that no target has: PyPy, Python before 3.8, free-threaded ones."""


class RecordingIndex:
    """The port over the real index; notes what is asked, and gives every file its address on the recorded one."""

    def __init__(self, inner: HttpIndex, noted: Noted, urls: Sequence[str | None]) -> None:
        self._inner = inner
        self.noted = noted
        self._urls = tuple(urls)

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        files = self._inner.project(name)
        self.noted.pages[name] = files
        if files is None:
            return None
        index = self._urls[0]
        for file in files:
            self.noted.originals[file.filename] = file
            self.noted.hosts.add(file.url.split("/")[2])
        return tuple(replace(file_at_home(file), index=index) for file in files)

    def metadata(self, file: PackageFile) -> str:
        check_address(file)
        original = self.noted.originals[file.filename]
        text = self._inner.metadata(original)
        self.noted.metadata[file.filename] = text
        return text

    def contents(self, file: PackageFile) -> WheelContents | None:
        check_address(file)
        found = self._inner.contents(self.noted.originals[file.filename])
        if found is not None:
            self.noted.contents[file.filename] = found
        return found

    def known_size(self, file: PackageFile) -> int | None:
        size = self._inner.known_size(self.noted.originals[file.filename])
        if size is not None:
            self.noted.sizes[file.filename] = size
        return size

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        check_address(file)
        original = self.noted.originals[file.filename]
        self.noted.sdists[file.filename] = self._inner.texts(original)
        return self._inner.analysis(original, torches=torches, python=python)

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        return None


class Noted:
    """What the cases asked for so far."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[PackageFile, ...] | None] = {}
        self.originals: dict[str, PackageFile] = {}
        self.metadata: dict[str, str] = {}
        self.contents: dict[str, WheelContents] = {}
        self.sizes: dict[str, int] = {}
        self.sdists: dict[str, SdistTexts] = {}
        host = urlsplit(PYPI_SIMPLE_ENDPOINT).netloc
        # Old packages still link to where the index was before.
        self.hosts = {host, host.replace(".", ".python.", 1)}

    def renamed(self, text: str) -> str:
        """The text without the host names of the real index."""
        for host in sorted(self.hosts, key=lambda host: (-len(host), host)):
            text = text.replace(host, HOST)
        return text

    def texts(self) -> Iterator[str]:
        """Every requirement that anything asked for states."""
        for headers in self.metadata.values():
            yield from header_values(headers, "Requires-Dist")


def main(arguments: Sequence[str]) -> int:
    """Record, trim, write, replay, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cached", action="store_true", help="believe the pages in envcompose's cache")
    options = parser.parse_args(arguments)
    recipes = Recipes()
    trimmer = Trimmer(_real_index(recipes.rules, cached=options.cached), recipes)
    noted, cases = trimmer.noted, all_cases()
    live = _run_all(cases, lambda intent: RecordingIndex(trimmer.real, noted, urls_of(intent)), recipes, "recorded")
    _look_into_closures(live.values(), RecordingIndex(trimmer.real, noted, (None,)))
    replayed = live
    for _ in range(MOST_PASSES):
        recording, asked = trimmer.trimmed(), len(noted.pages)
        sizes = save_recording(recording)
        print(_account(recording, sizes), flush=True)
        kept, analyser = load_recording(), Analyser(recipes.rules)

        def completing(intent: Intent, kept: Recording = kept, analyser: Analyser = analyser) -> CompletingIndex:
            return CompletingIndex(
                kept, analyser, urls_of(intent), RecordingIndex(trimmer.real, noted, urls_of(intent))
            )

        replayed = _run_all(cases, completing, recipes, "replayed")
        if len(noted.pages) == asked:
            break
        print(f"{len(noted.pages) - asked} more projects were asked for over the trimmed pages", flush=True)
    return _compare(live, replayed)


MOST_PASSES = 4


def _look_into_closures(found: Iterable[Outputs], index: RecordingIndex) -> None:
    """Read what every wheel of a closure holds, asked for or not: which of them are asked changes with the rules."""
    packages = [package for outputs in found if outputs.composition for package in outputs.composition.packages]
    names = sorted({package.artifact.url.rpartition("/")[2] for package in packages if package.artifact.url})
    files = [file for name in names if (file := index.noted.originals.get(name)) is not None and file.is_wheel]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(index.contents, [file_at_home(file) for file in files]))


def _account(recording: Recording, sizes: dict[str, int]) -> str:
    rows = [row for page in recording.pages.values() for row in page or ()]
    return (
        f"{len(recording.pages)} projects, {len(rows)} files, {len(recording.metadata)} metadata,"
        f" {len(recording.sdists)} sdists; " + ", ".join(f"{name} {size:,} bytes" for name, size in sizes.items())
    )


class CompletingIndex(RecordedIndex):
    """A trimmed recording that has a look at the real index where over the trimmed pages something new is asked for."""

    def __init__(
        self, recording: Recording, analyser: Analyser, urls: Sequence[str | None], real: RecordingIndex
    ) -> None:
        super().__init__(recording, analyser, urls=urls)
        self._real = real

    def rows(self, name: str) -> list[list[Any]] | None:
        found = super().rows(name)
        if name in self.unknown:
            self._real.project(name)
        return found


def file_at_home(file: PackageFile) -> PackageFile:
    """A file of the real index under its address on the recorded one."""
    return replace(file, url=file_url(file.name, file.filename))


def urls_of(intent: Intent) -> tuple[str | None, ...]:
    """The indexes of an intent in the order in which they are asked."""
    options = intent.reading.indexes
    return (*options.extra_index_urls, intent.wishes.index or options.index_url)


def _real_index(rules: str, *, cached: bool) -> HttpIndex:
    policy = IndexPolicy(refresh=not cached)
    # Pages of the cache are believed however old they are where that was asked for.
    clock: Callable[[], float] = (lambda: 0.0) if cached else time.time
    return HttpIndex(policy, Cache(cache_folder()), rules, clock, Http())


def _stack_names(recipes: Recipes) -> frozenset[str]:
    return frozenset(canonicalize_name(stack.distribution) for stack in recipes.facts.stacks.values())


def _run_all(cases: Iterable[Case], make_index: MakeIndex, recipes: Recipes, word: str) -> dict[str, Outputs]:
    found = {}
    for case in cases:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            case.lay_out(Path(folder))
            try:
                found[case.name] = run_command(case.command, Path(folder), make_index, recipes)
            except Exception as error:
                raise RuntimeError(f"the case {case.name} failed: {case.command}") from error
        outputs = found[case.name]
        print(
            f"{word} {case.name}: exit {outputs.status}, {outputs.resolves} resolves,"
            f" {time.monotonic() - started:.1f} s",
            flush=True,
        )
    return found


def _compare(live: dict[str, Outputs], replayed: dict[str, Outputs]) -> int:
    different = 0
    for name, outputs in live.items():
        for file in sorted({*outputs.texts, *replayed[name].texts}):
            old, new = outputs.texts.get(file, ""), replayed[name].texts.get(file, "")
            if old != new:
                different += 1
                lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "live", "replayed", lineterm="", n=1)
                print(f"{name}/{file} differs:", *list(lines)[:30], sep="\n  ")
    print(f"{different} outputs differ between the real index and the trimmed recording")
    return 1 if different else 0


# Trimming


class Trimmer:
    """Makes recordings of what was noted; keeps the versions that it once kept."""

    def __init__(self, real: HttpIndex, recipes: Recipes) -> None:
        self.real = real
        self.noted = Noted()
        self._known = frozenset(recipes.facts.packages) | _stack_names(recipes)

    def trimmed(self) -> Recording:
        """A recording in which every question about a kept release has an answer."""
        noted, pins = self.noted, _pins(self.noted)
        recording = Recording()
        kept: dict[str, list[PackageFile]] = {}
        for name, files in noted.pages.items():
            if files is None:
                recording.pages[name] = None
                continue
            versions = _kept_versions(name, files, noted, pins.get(name, frozenset()), self._known)
            kept[name] = [file for file in files if file.version in versions and not _OLD_FILE.search(file.filename)]
        _complete(noted, self.real, kept)
        for name, chosen in kept.items():
            recording.pages[name] = [row_of(file) for file in chosen if _is_known(file, chosen, noted)]
            for file in chosen:
                _copy(file.filename, noted, recording)
        return recording


def _kept_versions(
    name: str, files: Sequence[PackageFile], noted: Noted, pinned: frozenset[Version], known: frozenset[str]
) -> set[Version]:
    """Versions that were looked into, are pinned or newest; of names in recipes all since the oldest of those."""
    looked = {file.version for file in files if file.filename in noted.metadata or file.filename in noted.sdists}
    there = {file.version for file in files}
    final = sorted({file.version for file in files if not file.version.is_prerelease and not file.yanked})
    versions = looked | (pinned & there) | set(final[-NEWEST:])
    if name in known and versions:
        oldest = min(versions)
        wheels = {file.version for file in files if file.is_wheel and not file.version.is_prerelease}
        versions |= {version for version in wheels if version >= oldest}
    return versions


def _pins(noted: Noted) -> dict[str, frozenset[Version]]:
    found: dict[str, set[Version]] = {}
    analysed = [noted.originals[name] for name in noted.sdists]
    texts = [*noted.texts(), *_analysed_texts(noted, analysed)]
    for text in dict.fromkeys(texts):
        requirement = foreign_requirement(text)
        for specifier in requirement.specifier if requirement else SpecifierSet():
            if requirement and specifier.operator == "==" and not specifier.version.endswith("*"):
                found.setdefault(canonicalize_name(requirement.name), set()).add(Version(specifier.version))
    return {name: frozenset(versions) for name, versions in found.items()}


_PIN = re.compile(r"\b([A-Za-z][\w.-]*)(?:\[[\w,-]*\])?\s*==\s*(\d[\w.]*)")


def _analysed_texts(noted: Noted, files: Iterable[PackageFile]) -> Iterator[str]:
    """Whatever looks like a pin in an sdist's texts: which of them count follows from the analysis."""
    for file in files:
        for text in noted.sdists[file.filename].texts.values():
            yield from (f"{name}=={version}" for name, version in _PIN.findall(text))


def _complete(noted: Noted, real: HttpIndex, kept: dict[str, list[PackageFile]]) -> None:
    """Read what a resolver may ask of a kept release though it did not while recording: uv reads ahead."""
    wheels, sdists = [], []
    for files in kept.values():
        for version in sorted({file.version for file in files}):
            own = [file for file in files if file.version == version]
            if any(file.filename in noted.metadata for file in own if file.is_wheel):
                continue
            wheel = next(filter(None, (best_wheel(own, wheel_ranks(f"3.{n}", "2.40")) for n in range(14, 7, -1))), None)
            if wheel is not None:
                wheels.append(wheel)
            elif not any(file.filename in noted.sdists for file in own):
                sdists += [file for file in own if not file.is_wheel][:1]

    def read_wheel(file: PackageFile) -> None:
        try:
            noted.metadata[file.filename] = real.metadata(file)
        except EnvcomposeError as error:
            print(f"left out {file.filename}: {error}")

    def read_sdist(file: PackageFile) -> None:
        try:
            noted.sdists[file.filename] = real.texts(file)
        except (EnvcomposeError, ArchiveRefused) as error:
            print(f"left out {file.filename}: {error}")

    print(f"reading ahead: {len(wheels)} wheels, {len(sdists)} sdists", flush=True)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(read_wheel, wheels))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_sdist, sdists))


def _is_known(file: PackageFile, files: Sequence[PackageFile], noted: Noted) -> bool:
    """Can every question about a file's release be answered?"""
    own = [other.filename for other in files if other.version == file.version]
    return any(name in noted.metadata or name in noted.sdists for name in own)


def _copy(filename: str, noted: Noted, recording: Recording) -> None:
    if filename in noted.metadata:
        recording.metadata[filename] = noted.renamed(noted.metadata[filename])
    if filename in noted.contents:
        recording.contents[filename] = noted.contents[filename]
    if filename in noted.sizes:
        recording.sizes[filename] = noted.sizes[filename]
    if filename in noted.sdists:
        recording.sdists[filename] = SdistTexts.from_json(noted.renamed(noted.sdists[filename].to_json()))


if __name__ == "__main__":
    print(f"recording into {FOLDER.relative_to(Path.cwd())}", flush=True)
    sys.exit(main(sys.argv[1:]))
