"""The package index as a manifest configures it: several of them, names pinned to one, builds forbidden, dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime

from envcompose.lock.direct import DirectReader
from envcompose.manifest.workspace import IndexStrategy, PypiOptions
from envcompose.model.analysis import Analysis
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex

OpenIndex = Callable[[tuple[str | None, ...]], PackageIndex]
"""The indexes at these addresses, asked in order; None is the default one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRules:
    """What a manifest says of indexes. `pins` are addresses by name; `cutoff` is the instant for a name, or None.

    `links` are files that find-links offer, by name.
    """

    options: PypiOptions
    pins: Mapping[str, str] = field(default_factory=dict)
    cutoff: Callable[[str], datetime | None] = lambda name: None
    links: Mapping[str, tuple[PackageFile, ...]] = field(default_factory=dict)

    @property
    def urls(self) -> tuple[str | None, ...]:
        """The indexes in the order in which uv asks them: extra ones first. With find-links alone there are none."""
        extra, main = self.options.extra_index_urls, self.options.index_url
        return () if self.options.find_links and not extra and main is None else (*extra, main)

    @property
    def merges(self) -> bool:
        """Are the releases of all indexes considered, and not those of the first alone?"""
        return self.options.index_strategy not in (None, IndexStrategy.FIRST_INDEX)


class ManifestIndex:
    """See ports.PackageIndex. Files that a build option forbids, and those after a date, are not shown."""

    def __init__(self, open_index: OpenIndex, rules: IndexRules) -> None:
        self._open = open_index
        self._rules = rules
        self._opened: dict[tuple[str | None, ...], PackageIndex] = {}
        self._pages: dict[str, tuple[PackageFile, ...] | None] = {}
        self._pins = dict(rules.pins)
        self.direct: DirectReader | None = None
        """Answers for what comes from no index."""

    def pin(self, name: str, url: str) -> None:
        """Take a name from one index alone; what the manifest pins stays so."""
        self._pins.setdefault(name, url)

    def has_index(self, name: str) -> bool:
        """Is an index asked for a project? Where find-links stand alone, for what is pinned to one only."""
        return name in self._pins or bool(self._rules.urls)

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        """See ports.PackageIndex."""
        if name not in self._pages:
            found = self._listed(name)
            self._pages[name] = (
                None if found is None else tuple(file for file in found if not self._option_against(file))
            )
        return self._pages[name]

    def left_out(self, name: str) -> list[tuple[PackageFile, str]]:
        """The files of a project that are not shown, each with the option that leaves it out."""
        found = [(file, self._option_against(file)) for file in self._listed(name) or ()]
        return [(file, option) for file, option in found if option is not None]

    def metadata(self, file: PackageFile) -> str:
        """See ports.PackageIndex."""
        if self.direct is not None and self.direct.knows(file):
            return self.direct.metadata(file)
        return self._any().metadata(file)

    def contents(self, file: PackageFile) -> WheelContents | None:
        """See ports.PackageIndex."""
        return self._any().contents(file)

    def known_size(self, file: PackageFile) -> int | None:
        """See ports.PackageIndex."""
        return self._any().known_size(file)

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        """See ports.PackageIndex."""
        if self.direct is not None and self.direct.knows(file):
            return self.direct.analysis(file, torches)
        return self._any().analysis(file, torches=torches, python=python)

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        """See ports.PackageIndex."""
        return self._any().partner_index(url, name)

    def _any(self) -> PackageIndex:
        """An index that reads files by their addresses; which one does not matter."""
        return self._at(self._rules.urls or (None,))

    def _at(self, urls: tuple[str | None, ...]) -> PackageIndex:
        if urls not in self._opened:
            self._opened[urls] = self._open(urls)
        return self._opened[urls]

    def _listed(self, name: str) -> Sequence[PackageFile] | None:
        links = self._rules.links.get(name, ())
        pages: list[tuple[PackageFile, ...] | None]
        if name in self._pins:
            pages = [self._at((self._pins[name],)).project(name)]
        elif self._rules.merges or not self._rules.urls:
            pages = [self._at((url,)).project(name) for url in self._rules.urls]
        else:
            pages = [self._at(self._rules.urls).project(name)]
        known = [page for page in (links or None, *pages) if page is not None]
        if not known:
            return None
        # Of one file name in several places the first is taken; releases stay together.
        files = {file.filename: file for page in reversed(known) for file in page}
        return sorted(files.values(), key=lambda file: (file.version, file.filename))

    def _option_against(self, file: PackageFile) -> str | None:
        """The option of the manifest that leaves a file out; None where none does."""
        options = self._rules.options
        if _covers(options.no_binary if file.is_wheel else options.no_build, file.name):
            return "no-binary" if file.is_wheel else "no-build"
        if file in self._rules.links.get(file.name, ()):
            return None
        cutoff = self._rules.cutoff(file.name)
        if cutoff is None or (file.uploaded is not None and _instant(file.uploaded) < cutoff):
            return None
        return "exclude-newer"


def _covers(packages: bool | tuple[str, ...], name: str) -> bool:
    return packages is True or (not isinstance(packages, bool) and name in packages)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
