"""Platforms of a manifest: bare subdirs, rich tables, and what `[system-requirements]` becomes (facts: pixi.md §1.2, §1.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from difflib import get_close_matches

from envcompose.manifest.conda_version import parse_version
from envcompose.manifest.processors import PROCESSORS
from envcompose.manifest.subdirs import FAMILIES, SUBDIRS, default_virtual, is_linux, is_osx
from envcompose.manifest.toml_table import TomlTable, kind_of
from envcompose.manifest.workspace import Feature, Platform
from envcompose.model.record import VirtualPackage
from envcompose.model.values import dataclass

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_LONGEST_NAME = 64
_FRIENDLY = (
    ("archspec", "__archspec"),
    ("glibc", "__glibc"),
    ("linux", "__linux"),
    ("macos", "__osx"),
    ("windows", "__win"),
)
_IN_NAMES = (("cuda", "__cuda"), *_FRIENDLY)
_LIBCS = frozenset({"__glibc", "__musl", "__eglibc"})


def platform_name(text: str) -> str:
    """A platform's name. Raises ValueError where pixi refuses it."""
    if not _NAME.fullmatch(text) or len(text) > _LONGEST_NAME:
        raise ValueError(f"'{text}' is no platform name: letters, digits and '-', a letter first, at most 64 of them")
    if text in FAMILIES:
        raise ValueError(f"'{text}' is the name of a family of platforms")
    return text


def subdir_name(text: str) -> str:
    """A conda subdir. Raises ValueError with the nearest one."""
    if text not in SUBDIRS:
        raise ValueError(f"'{text}' is no platform that conda knows, such as linux-64 or osx-arm64")
    return text


def bare_platform(subdir: str) -> Platform:
    """A subdir with what pixi assumes there."""
    return Platform(name=subdir, subdir=subdir, virtual=default_virtual(subdir))


def rich_platform(name: str, subdir: str, declared: Iterable[VirtualPackage]) -> Platform:
    """A platform with declared virtual packages, and pixi's defaults for what is not declared."""
    packages = list(declared)
    has_libc = any(package.name in _LIBCS for package in packages)
    for default in default_virtual(subdir):
        named = any(package.name == default.name for package in packages)
        if not named and not (default.name == "__glibc" and has_libc):
            packages.append(default)
    return Platform(name=name, subdir=subdir, virtual=tuple(packages))


def customised(platform: Platform) -> tuple[VirtualPackage, ...]:
    """The virtual packages of a platform that are not pixi's defaults, in its order."""
    return tuple(package for package in platform.virtual if not is_default(package, platform.subdir))


def is_default(package: VirtualPackage, subdir: str) -> bool:
    """Whether a virtual package is what pixi assumes anyway; `2.28` and `2.28.0` are the same version."""
    return any(
        package.name == default.name
        and parse_version(package.version) == parse_version(default.version)
        and package.build == default.build
        for default in default_virtual(subdir)
    )


def derived_name(subdir: str, declared: Iterable[VirtualPackage]) -> str:
    """The name that pixi gives a platform without one, such as `linux-64-cuda-12-4`."""
    left = [package for package in declared if not is_default(package, subdir)]
    parts = [subdir]
    for key, name in _IN_NAMES:
        package = next((package for package in left if package.name == name), None)
        if package is None:
            continue
        if name == "__archspec":
            fits = package.version == "0" and bool(package.build)
            value = package.build
        else:
            fits, value = package.build in ("", "0"), package.version
        if fits:
            left.remove(package)
            parts.append(f"{key}-{_segment(value)}")
    for other in sorted(left, key=lambda package: package.name):
        value = other.version if other.build in ("", "0") else f"{other.version}={other.build}"
        parts.append(f"{_segment(other.name.lstrip('_'))}-{_segment(value)}")
    return "-".join(parts)


def _segment(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def read_platforms(workspace: TomlTable) -> tuple[Platform, ...]:
    """The platforms of `[workspace]`, in order of preference. Raises ManifestInvalid."""
    value = workspace.take("platforms")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise workspace.wrong(
            "platforms", f"platforms must be a list, not {kind_of(value)}", 'write it as ["linux-64"]'
        )
    platforms: dict[str, Platform] = {}
    for index, one in enumerate(value):
        table = TomlTable({}, (*workspace.where, "platforms"), workspace.source)
        if isinstance(one, str):
            platform = bare_platform(table.read(index, one, subdir_name))
        elif isinstance(one, dict):
            platform = _rich(TomlTable(one, (*workspace.where, "platforms", index), workspace.source))
        else:
            raise table.wrong(index, f"a platform must be a text or a table, not {kind_of(one)}")
        if platform.name in platforms:
            raise table.wrong(index, f"the platform {platform.name} stands there twice", "give each its own name")
        platforms[platform.name] = platform
    return tuple(platforms.values())


def _rich(table: TomlTable) -> Platform:
    name, subdir = table.text("name"), table.parsed("platform", subdir_name)
    declared = _cuda(table)
    for key, conda_name in _FRIENDLY:
        declared += _friendly(table, key, conda_name)
    for key in [key for key in table.left() if key.startswith("__")]:
        package = _raw(table, key)
        if any(one.name == package.name for one in declared):
            raise table.wrong(key, f"{package.name} is declared twice")
        declared.append(package)
    table.finish()
    if subdir is None:
        if name is None:
            raise table.wrong(None, "a platform needs a name or the key platform")
        if name not in SUBDIRS:
            raise table.wrong("name", f"'{name}' is no conda platform", 'say which one: platform = "linux-64"')
        subdir = name
    name = derived_name(subdir, declared) if name is None else name
    table.read("name", name, platform_name)
    if name == subdir:
        if declared:
            raise table.wrong(
                None, f"a platform named {subdir} cannot declare virtual packages", "give it another name"
            )
        return bare_platform(subdir)
    names = {package.name for package in declared}
    if "__cuda_arch" in names and "__cuda" not in names:
        raise table.wrong(None, "__cuda_arch needs __cuda beside it")
    return rich_platform(name, subdir, declared)


def _version(table: TomlTable, key: str, text: str) -> str:
    return table.read(key, text, parse_version).text


def _cuda(table: TomlTable) -> list[VirtualPackage]:
    value = table.take("cuda")
    if value is None:
        return []
    if isinstance(value, str):
        return [VirtualPackage(name="__cuda", version=_version(table, "cuda", value), build="")]
    if not isinstance(value, dict):
        raise table.wrong("cuda", f"cuda must be a text or a table, not {kind_of(value)}", 'write it as cuda = "12.4"')
    below = table.as_table("cuda", value)
    driver, arch = below.text("driver"), below.text("arch")
    below.finish()
    if driver is None:
        raise table.wrong("cuda", "the table of cuda needs the key driver")
    packages = [VirtualPackage(name="__cuda", version=_version(below, "driver", driver), build="")]
    if arch is not None:
        packages.append(VirtualPackage(name="__cuda_arch", version=_version(below, "arch", arch), build=""))
    return packages


def _friendly(table: TomlTable, key: str, package: str) -> list[VirtualPackage]:
    value = table.text(key)
    if key == "macos":
        alias = table.text("osx")
        if value is not None and alias is not None:
            raise table.wrong("osx", "osx is another word for macos: only one can stand there")
        value = alias if value is None else value
    if value is None:
        return []
    if package == "__archspec":
        if not value:
            raise table.wrong(key, "archspec cannot be empty")
        return [VirtualPackage(name=package, version="0", build=_processor(table, key, value))]
    return [VirtualPackage(name=package, version=_version(table, key, value), build="")]


def _raw(table: TomlTable, key: str) -> VirtualPackage:
    value = table.text(key)
    if value is None or not re.fullmatch(r"[A-Za-z0-9._-]+", key):
        raise table.wrong(key, f"'{key}' is no name of a virtual package")
    version, _, build = value.partition("=")
    if key.lower() == "__archspec" and build:
        _processor(table, key, build)
    return VirtualPackage(name=key.lower(), version=_version(table, key, version), build=build)


def _processor(table: TomlTable, key: str, value: str) -> str:
    """The name of a kind of processor; `0` is any. Raises ManifestInvalid."""
    if value != "0" and value not in PROCESSORS:
        nearest = get_close_matches(value.lower()[:80], sorted(PROCESSORS), n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else None
        raise table.wrong(key, f"'{value}' is no processor that archspec names", hint)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRequirements:
    """The old `[system-requirements]` of one feature: versions by virtual package, in pixi's order."""

    versions: Mapping[str, str] = field(default_factory=dict)
    archspec: str | None = None

    def __bool__(self) -> bool:
        return bool(self.versions) or self.archspec is not None

    def packages(self, subdir: str) -> list[VirtualPackage]:
        """Those that can apply on a subdir."""
        return [
            VirtualPackage(name=name, version=version, build="")
            for name, version in self.versions.items()
            if _applies(name, subdir)
        ]


def _applies(name: str, subdir: str) -> bool:
    if name == "__linux" or name in _LIBCS:
        return is_linux(subdir)
    if name == "__osx":
        return is_osx(subdir)
    return name != "__cuda" or not is_osx(subdir)


def read_system_requirements(table: TomlTable) -> SystemRequirements:
    """The `[system-requirements]` below a table, empty where there is none. Raises ManifestInvalid."""
    below = table.table("system-requirements")
    if below is None:
        return SystemRequirements()
    found = {}
    for key, name in (("linux", "__linux"), ("cuda", "__cuda"), ("macos", "__osx")):
        if (value := below.text(key)) is not None:
            found[name] = _version(below, key, value)
    found.update(_libc(below))
    archspec = below.text("archspec")
    below.finish()
    return SystemRequirements(versions=found, archspec=archspec)


def _libc(table: TomlTable) -> dict[str, str]:
    value = table.take("libc")
    if value is None:
        return {}
    if isinstance(value, str):
        return {"__glibc": _version(table, "libc", value)}
    if not isinstance(value, dict):
        raise table.wrong("libc", f"libc must be a text or a table, not {kind_of(value)}")
    below = table.as_table("libc", value)
    family, version = below.text("family"), below.text("version")
    below.finish()
    if version is None:
        raise table.wrong("libc", "the table of libc needs the key version")
    return {f"__{family or 'glibc'}": _version(below, "version", version)}


def check_union(requirements: Iterable[SystemRequirements]) -> None:
    """Whether the requirements of one environment's features go together. Raises ValueError."""
    libcs, archspecs = set(), set()
    for one in requirements:
        libcs |= {name for name in one.versions if name not in {"__linux", "__cuda", "__osx"}}
        archspecs |= {one.archspec} - {None}
    if len(libcs) > 1:
        raise ValueError(f"its features ask for different C libraries: {', '.join(sorted(libcs))}")
    if len(archspecs) > 1:
        raise ValueError(f"its features ask for different archspecs: {', '.join(sorted(map(str, archspecs)))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """Platforms and features after the migration; `composes` where only bare subdirs were declared."""

    platforms: tuple[Platform, ...]
    features: Mapping[str, Feature]
    composes: bool


def migrate(
    platforms: tuple[Platform, ...], features: Mapping[str, Feature], requirements: Mapping[str, SystemRequirements]
) -> Migrated:
    """Make rich platforms of the old system requirements, as pixi does. Raises ValueError with the reason."""
    bare = all(platform.is_bare for platform in platforms)
    if bare:
        platforms = _with_referenced(platforms, features)
    if not any(requirements.values()):
        for feature in features.values():
            _check_referenced(platforms, feature)
        return Migrated(platforms=platforms, features=features, composes=bare)
    found: dict[str, Platform] = {}
    changed = dict(features)
    for name, feature in features.items():
        asked = requirements.get(name)
        if not asked:
            _check_referenced(platforms, feature)
            found.update({one.name: one for one in platforms if one.name in (feature.platforms or ())})
            continue
        if not bare:
            raise ValueError(
                f"[system-requirements] of the feature {name} cannot stand beside platforms with virtual packages"
            )
        subdirs = feature.platforms or tuple(platform.subdir for platform in platforms)
        made = [_made(subdir, asked) for subdir in subdirs]
        found.update({one.name: one for one in made})
        changed[name] = replace(feature, platforms=tuple(dict.fromkeys(one.name for one in made)))
    covered = {platform.subdir for platform in found.values()}
    found.update({one.name: one for one in platforms if one.subdir not in covered})
    return Migrated(platforms=tuple(found.values()), features=changed, composes=bare)


def _made(subdir: str, asked: SystemRequirements) -> Platform:
    declared = asked.packages(subdir)
    name = derived_name(subdir, declared)
    return bare_platform(subdir) if name == subdir else rich_platform(platform_name(name), subdir, declared)


def _with_referenced(platforms: tuple[Platform, ...], features: Mapping[str, Feature]) -> tuple[Platform, ...]:
    """With bare platforms only, a feature may name a subdir that the workspace does not."""
    found = {platform.name: platform for platform in platforms}
    for feature in features.values():
        for name in feature.platforms or ():
            if name not in found:
                if name not in SUBDIRS:
                    raise ValueError(f"the feature {feature.name} names the platform {name}, which nothing declares")
                found[name] = bare_platform(name)
    return tuple(found.values())


def _check_referenced(platforms: tuple[Platform, ...], feature: Feature) -> None:
    names = [platform.name for platform in platforms]
    for name in feature.platforms or ():
        if name not in names:
            raise ValueError(
                f"the feature {feature.name} names the platform {name}, and the workspace has {', '.join(names) or 'none'}"
            )


def referenced_subdirs(feature: Feature, platforms: tuple[Platform, ...]) -> frozenset[str] | None:
    """The subdirs of the platforms that a feature names; None where it names none and holds for all."""
    if feature.platforms is None:
        return None
    return frozenset(platform.subdir for platform in platforms if platform.name in feature.platforms)


def composed_platform(features: Iterable[Feature], subdir: str, platforms: tuple[Platform, ...]) -> Platform:
    """The one platform of a subdir for an environment with these features: theirs, put together where they differ."""
    named: dict[str, Platform] = {}
    for feature in features:
        for name in feature.platforms or ():
            for platform in platforms:
                if platform.name == name and platform.subdir == subdir:
                    named.setdefault(name, platform)
    if len(named) < 2:
        return next(iter(named.values()), None) or bare_platform(subdir)
    union: dict[str, VirtualPackage] = {}
    for platform in named.values():
        for package in customised(platform):
            known = union.get(package.name)
            if known is None or parse_version(package.version) > parse_version(known.version):
                union[package.name] = package
    declared = [union[name] for name in sorted(union)]
    name = derived_name(subdir, declared)
    return bare_platform(subdir) if name == subdir else rich_platform(name, subdir, declared)
