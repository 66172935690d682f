"""What the lock holds of one distribution: where its file is, its hash, and the requirements that pixi walks along."""

from __future__ import annotations

from envcompose.model.distribution import PackageFile
from envcompose.model.solution import LockedDistribution
from envcompose.model.values import dataclass
from envcompose.resolve.closure import Member
from envcompose.resolve.metadata import header_values
from envcompose.resolve.universe import TargetUniverse


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a distribution comes from: a file of an index, or a file by URL with what is known of its hash.

    `index` is the address under which the manifest knows the index.
    """

    url: str
    sha256: str | None
    index: str | None

    @property
    def location(self) -> str:
        """The location as pixi writes it: what comes from no index is marked `direct+`."""
        return self.url if self.index is not None else f"direct+{self.url}"


def index_source(file: PackageFile, default_index: str) -> Source:
    """A file of an index; `default_index` is the address of the index that serves what names none."""
    return Source(url=file.url, sha256=file.sha256, index=file.index or default_index)


def locked(member: Member, universe: TargetUniverse, source: Source) -> LockedDistribution:
    """The lock's entry: all requirements of the version, with those of every extra, as its metadata list them."""
    headers = universe.own_metadata(member.release)
    return LockedDistribution(
        name=member.name,
        location=source.location,
        version=str(member.version),
        sha256=source.sha256,
        index=source.index,
        requires_dist=tuple(header_values(headers, "Requires-Dist")),
        requires_python=next(iter(header_values(headers, "Requires-Python")), None),
        from_source=not source.url.partition("#")[0].endswith(".whl"),
    )
