"""A solved composition as pixi.lock."""

from __future__ import annotations

from envcompose.decide.manifest_needs import rich_platform
from envcompose.manifest.channels import channel_url
from envcompose.manifest.conda_url import conda_location
from envcompose.manifest.lock import LockedConda, LockedPypi, LockEnvironment, LockFile, LockPlatform
from envcompose.manifest.lock_platforms import platform_virtuals
from envcompose.manifest.requirement_text import requirement_text, requires_python_text
from envcompose.model.composition import Composition
from envcompose.model.record import CondaRecord
from envcompose.model.solution import LockedDistribution, Solution
from envcompose.read.secrets import without_secrets

PURL_SOURCE = "hash-mapping"
"""How pixi says that a name is from its public map, asked by the record's hash, which it does first (facts: pixi.md §3)."""

RICH = "p1"
"""How pixi names the first rich platform of a manifest in its lock (facts: pixi.md §1.2)."""


def lock_of(composition: Composition) -> LockFile | None:
    """The values of pixi.lock, None where it cannot be written (no channel was asked, or a URL is unknown)."""
    solution = composition.solution
    if solution is None or solution.distributions is None:
        return None
    target = composition.target
    rich = rich_platform(composition.system, target.glibc)
    platform = LockPlatform(
        name=RICH if rich else target.platform,
        subdir=target.platform,
        virtual=platform_virtuals(target.platform, _declared(composition) if rich else ()),
    )
    environment = LockEnvironment(
        name="default",
        channels=tuple(channel_url(without_secrets(channel)) for channel in solution.conda.channels),
        indexes=_indexes(composition, solution),
        find_links=_find_links(composition),
        packages={platform.name: locked_packages(solution, with_names=bool(composition.pypi))},
    )
    return LockFile(platforms=(platform,), environments=(environment,))


def locked_packages(solution: Solution, *, with_names: bool) -> tuple[LockedConda | LockedPypi, ...]:
    """The lock's entries of both layers; the renderer orders them. PyPI names stand there only where PyPI is used."""
    names = solution.conda.pypi_names
    conda = (locked_conda(one, names[one.url] if with_names else None) for one in solution.conda.records)
    # An entry without an index counts as one of the environment's first, which may be another than the default.
    default = solution.default_index if solution.main_index == solution.default_index else ""
    return (*conda, *(locked_pypi(distribution, default) for distribution in solution.distributions or ()))


def locked_conda(
    record: CondaRecord, pypi_names: tuple[str, ...] | None, *, names_from: str = PURL_SOURCE
) -> LockedConda:
    """One conda record of the lock, with its PyPI names, also where it has none (facts: pixi.md §9.2).

    With None they are left out, as pixi does where nothing comes from PyPI.
    """
    purls = None if pypi_names is None else tuple(f"pkg:pypi/{name}?source={names_from}" for name in pypi_names)
    return LockedConda(
        url=conda_location(record.url),
        name=record.name,
        version=record.version,
        build=record.build,
        build_number=record.build_number,
        subdir=record.subdir,
        noarch=record.noarch,
        sha256=record.sha256,
        md5=record.md5,
        depends=record.depends,
        constrains=record.constrains,
        extra_depends=record.extra_depends,
        channel=record.channel,
        features=record.features,
        flags=record.flags,
        track_features=record.track_features,
        file_name=record.file_name,
        license=record.license,
        license_family=record.license_family,
        purls=purls,
        size=record.size,
        timestamp=record.timestamp,
        python_site_packages_path=record.python_site_packages_path,
    )


def locked_pypi(distribution: LockedDistribution, default_index: str) -> LockedPypi:
    """One PyPI distribution of the lock, its requirements as pixi writes them; pixi leaves the default index out."""
    requires_python, index = distribution.requires_python, distribution.index
    return LockedPypi(
        url=without_secrets(distribution.location),
        name=distribution.name,
        version=distribution.version,
        sha256=distribution.sha256,
        index=None if index is None or index == default_index else without_secrets(index),
        requires_dist=tuple(
            requirement_text(text, of_source=distribution.from_source) for text in distribution.requires_dist
        ),
        requires_python=None if requires_python is None else requires_python_text(requires_python),
    )


def _declared(composition: Composition) -> tuple[str, ...]:
    """The virtual packages that the manifest's platform declares."""
    driver = composition.system.driver if composition.system.needs_driver else None
    return (*([f"__cuda={driver}"] if driver else []), f"__glibc={composition.target.glibc}")


def _indexes(composition: Composition, solution: Solution) -> tuple[str, ...] | None:
    """The indexes as the manifest names them, the main one first and the default one where it names none.

    None without PyPI dependencies. pixi asks the extra ones first all the same.
    """
    if not composition.pypi:
        return None
    options, wishes = composition.intent.reading.indexes, composition.intent.wishes
    main = wishes.index or options.index_url or solution.default_index
    return tuple(without_secrets(url) for url in (main, *options.extra_index_urls))


def _find_links(composition: Composition) -> tuple[tuple[str, str], ...]:
    places = composition.intent.reading.indexes.find_links
    return tuple(("url" if "://" in place else "path", without_secrets(place)) for place in places)
