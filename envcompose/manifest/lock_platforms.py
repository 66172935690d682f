"""A manifest's platforms -> how a lock file names them and which virtual packages it lists (facts/pixi.md §1.2, §9.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envcompose.manifest.subdirs import default_virtual

# The order of the manifest's own keys: cuda, archspec, glibc, linux, macos, windows.
_DECLARED_ORDER = ("__cuda", "__cuda_arch", "__archspec", "__glibc", "__linux", "__osx", "__win")


def platform_virtuals(subdir: str, declared: Iterable[str] = (), raw: Iterable[str] = ()) -> tuple[str, ...]:
    """Give the virtual packages of a platform as the lock lists them: the declared ones, then pixi's missing defaults.

    Each is `name=version` or `name=version=build`. `declared` are those of the manifest's own keys (`cuda = "12.4"` is
    `__cuda=12.4`, `archspec = "zen3"` is `__archspec=0=zen3`), `raw` those of keys that begin with `__`. Each may come
    in any order.
    """
    said = [*sorted(declared, key=_rank), *sorted(raw)]
    names = {one.partition("=")[0] for one in said}
    missing = (package for package in default_virtual(subdir) if package.name not in names)
    return (*said, *("=".join(filter(None, (one.name, one.version, one.build))) for one in missing))


def lock_platform_names(platforms: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Give each platform's name in the lock, for all (name, subdir) of a manifest in its order.

    A platform that is a plain subdir keeps its name, the others are p1, p2, … whatever the manifest calls them.
    """
    own_names = [name for name, subdir in platforms if name != subdir]
    numbered = {name: f"p{number}" for number, name in enumerate(own_names, start=1)}
    return {name: numbered.get(name, name) for name, _ in platforms}


def _rank(virtual: str) -> int:
    return _DECLARED_ORDER.index(virtual.partition("=")[0])
