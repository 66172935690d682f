"""Laws of the lock's text: what is written is read back, and a requirement keeps its meaning."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from envcompose.errors import LockInvalid, LockUnsupported
from envcompose.manifest.lock import Locked, LockedConda, LockedPypi, LockEnvironment, LockFile, LockPlatform
from envcompose.manifest.lock_document import read_document
from envcompose.manifest.lock_reading import read_lock
from envcompose.manifest.lock_text import render_lock
from envcompose.manifest.lock_yaml import yaml_text
from envcompose.manifest.requirement_text import requirement_text

# YAML cannot hold a lone surrogate, and the two marks at the end of each plane are no characters.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=12)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
WORD = st.from_regex(r"[a-z0-9][a-z0-9._]{0,6}", fullmatch=True)
VERSION = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,2}){0,3}(rc1|\.post2|\+cu1)?", fullmatch=True)
URL = WORD.map("https://index.example/{}".format)
REQUIREMENT = st.builds(
    "{}{}{}".format,
    st.sampled_from(["a", "b[c]"]),
    st.sampled_from(["", ">=1,<2", "==1.*", "==1.0+cu1"]),
    st.sampled_from(["", " ; extra == 'd'", " ; 'linux' in sys_platform"]),
)
NUMBER_LIKE = st.text("0123456789.eE+-xob_", min_size=1, max_size=8)
SHA256 = (
    st.none() | st.text("0123456789abcdef", min_size=64, max_size=64) | st.text("0123456789e", min_size=64, max_size=64)
)
SIZE = st.none() | st.integers(0, (1 << 64) - 1)
PLATFORMS = ("linux-64", "p1", "osx-arm64")
LINES = settings(max_examples=60, deadline=None)


@st.composite
def conda(draw: st.DrawFn) -> LockedConda:
    name, version, build, number = draw(WORD), draw(VERSION), draw(WORD), draw(st.integers(0, 3))
    subdir = draw(st.sampled_from(["linux-64", "noarch"]))
    place = draw(st.sampled_from(["https://conda.anaconda.org/conda-forge/{}/", "/srv/channel/{}/", "../made/"]))
    return LockedConda(
        url=f"{place.format(subdir)}{name}-{version}-{build}_{number}.{draw(st.sampled_from(['conda', 'tar.bz2']))}",
        name=draw(st.just(name) | WORD),
        version=draw(st.just(version) | VERSION),
        build=draw(st.just(f"{build}_{number}") | TEXT),
        build_number=draw(st.just(number) | st.integers(0, 99)),
        subdir=draw(st.just(subdir) | st.just("win-64")),
        noarch=draw(st.sampled_from([None, "generic", "python"])),
        sha256=draw(SHA256),
        depends=draw(TEXTS),
        constrains=draw(TEXTS),
        extra_depends=draw(st.dictionaries(WORD, TEXTS, max_size=2)),
        channel=draw(st.sampled_from([None, "https://index.example/channel"])),
        flags=draw(TEXTS),
        track_features=draw(TEXTS),
        file_name=draw(st.none() | st.just("other-1.0-0.conda")),
        license=draw(st.none() | TEXT),
        purls=draw(
            st.none() | st.lists(WORD.map("pkg:pypi/{}".format), max_size=2, unique=True).map(sorted).map(tuple)
        ),
        run_exports=draw(st.none() | st.dictionaries(st.sampled_from(["weak", "strong"]), st.just(("a >=1",)))),
        size=draw(SIZE),
        timestamp=draw(st.none() | st.integers(253_402_300_800, 1 << 60)),
        python_site_packages_path=draw(st.none() | TEXT),
    )


@st.composite
def pypi(draw: st.DrawFn) -> LockedPypi:
    return LockedPypi(
        url=draw(st.sampled_from(["./", "git+https://", "direct+https://", "https://"])) + draw(WORD),
        name=draw(st.from_regex(r"[a-z0-9]([a-z0-9-]?[a-z0-9]){0,3}", fullmatch=True)).replace("--", "-"),
        version=draw(st.none() | VERSION),
        sha256=draw(SHA256),
        index=draw(st.none() | st.just("https://index.example/simple")),
        requires_dist=draw(st.lists(REQUIREMENT, max_size=3).map(tuple)),
        requires_python=draw(st.none() | VERSION.map(">={}".format).filter(lambda text: "+" not in text)),
    )


@st.composite
def lock_files(draw: st.DrawFn) -> LockFile:
    entries = draw(st.lists(conda() | pypi(), max_size=6, unique_by=lambda one: one.url))
    some: st.SearchStrategy[tuple[Locked, ...]] = (
        st.lists(st.sampled_from(entries), unique_by=lambda one: one.url).map(tuple) if entries else st.just(())
    )
    names = draw(st.lists(WORD, min_size=1, max_size=3, unique=True))
    environments = tuple(
        LockEnvironment(
            name=name,
            channels=draw(TEXTS),
            indexes=draw(st.none() | st.lists(URL, max_size=2).map(tuple)),
            options=draw(st.sampled_from([{}, {"strategy": "lowest-version"}, {"channel-priority": "disabled"}])),
            packages=draw(st.dictionaries(st.sampled_from(PLATFORMS), some, max_size=3)),
        )
        for name in names
    )
    platforms = tuple(
        LockPlatform(name=name, subdir="linux-64" if name == "p1" else name, virtual=draw(TEXTS)) for name in PLATFORMS
    )
    return LockFile(platforms=platforms, environments=environments)


def in_order(lock: LockFile) -> LockFile:
    """The same lock in the order of the text."""

    def key(package: Locked) -> tuple[bool, str]:
        return isinstance(package, LockedPypi), package.url

    return LockFile(
        platforms=tuple(sorted(lock.platforms, key=lambda one: one.name)),
        environments=tuple(
            LockEnvironment(
                name=one.name,
                channels=one.channels,
                indexes=one.indexes,
                options=one.options,
                packages={name: tuple(sorted(one.packages[name], key=key)) for name in sorted(one.packages)},
            )
            for one in sorted(lock.environments, key=lambda one: one.name)
        ),
    )


@LINES
@given(lock_files())
def test_a_lock_that_was_written_is_read_back(lock: LockFile) -> None:
    text = render_lock(lock)
    found = read_lock(text, "pixi.lock")
    assert found == in_order(lock)
    assert isinstance(found, LockFile)
    assert found.unread == ()
    assert render_lock(found) == text


@LINES
@given(st.lists(TEXT | NUMBER_LIKE, max_size=8))
def test_every_text_is_written_so_that_it_is_read_as_that_text(texts: list[str]) -> None:
    assert read_document(yaml_text({"a": texts, "b": [{"c": text} for text in texts]}), "x") == {
        "a": texts,
        "b": [{"c": text} for text in texts],
    }


@LINES
@given(lock_files().map(render_lock), st.integers(0, 10_000), st.text("\n -:[]{}'\"&*#?|>%@a1", max_size=3))
def test_a_damaged_lock_is_read_or_is_an_error_with_a_line(text: str, place: int, damage: str) -> None:
    place = min(place, len(text))
    try:
        read_lock(text[:place] + damage + text[place + 1 :], "pixi.lock")
    except LockInvalid as error:
        assert error.line is not None
        assert 1 <= error.line <= text.count("\n") + 4
    except LockUnsupported:
        pass


VERSIONS = ("3.8", "3.9", "3.10", "3.12")
COMPARISONS = st.one_of(
    st.builds(
        "python_version {} '{}'".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.sampled_from(VERSIONS)
    ),
    st.builds(
        "'{1}' {0} python_version".format,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(VERSIONS),
    ),
    st.builds("python_version in '{} {}'".format, st.sampled_from(VERSIONS), st.sampled_from(VERSIONS)),
    st.builds(
        "sys_platform {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from(["linux", "darwin", "win32"])
    ),
    st.builds("platform_system {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from(["Linux", "Windows"])),
    st.builds("os_name {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from(["posix", "nt"])),
    st.builds("'{}' {} platform_machine".format, st.sampled_from(["86", "arm"]), st.sampled_from(["in", "not in"])),
    st.builds("extra == '{}'".format, st.sampled_from(["a", "b"])),
)
MARKERS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=6,
)
PLACES = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
)


def meaning(marker: str) -> list[bool]:
    """Is the marker true, for each of many environments?"""
    parsed = Marker(marker)
    return [
        parsed.evaluate(
            {
                **place,
                "platform_machine": machine,
                "python_version": version,
                "python_full_version": f"{version}.{patch}",
                "extra": extra,
            }
        )
        for place, machine, version, patch, extra in product(
            PLACES, ("x86_64", "arm64"), ("3.7", *VERSIONS, "3.11"), ("0", "7"), ("", "a", "b")
        )
    ]


@settings(max_examples=120, deadline=None)
@given(MARKERS)
def test_a_marker_means_the_same_after_it_was_written(marker: str) -> None:
    text = requirement_text(f"x ; {marker}")
    written = text.partition(" ; ")[2] or "python_version > '0'"
    assert meaning(written) == meaning(marker)
    # uv takes some pairs of these for impossible, but not each time it meets them.
    if "os_name" not in marker:
        assert requirement_text(text) == text


@pytest.mark.parametrize("marker", ["os_name == 'nt' and sys_platform == 'linux'", "python_version in '3.8, 3.9'"])
def test_where_uv_reads_a_marker_in_its_own_way_so_do_we(marker: str) -> None:
    # The first is impossible and stays, the second is a list that uv does not read and leaves out.
    assert requirement_text(f"x ; {marker}") in (f"x ; {marker}", "x")


@LINES
@given(
    st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}", fullmatch=True),
    st.sampled_from(["", "==", "!=", "<=", ">=", "<", ">", "~="]),
    st.lists(st.integers(0, 20), min_size=1, max_size=4),
    st.sampled_from(["", "dev", "all-x", "0"]),
)
def test_a_requirement_in_its_simplest_form_is_written_as_the_same_one_with_other_spaces(
    name: str, operator: str, release: list[int], extra: str
) -> None:
    bound = operator + ".".join(map(str, release)) if operator and (operator != "~=" or len(release) > 1) else ""
    simple = f"{name}{bound}" + (f" ; extra == '{extra}'" if extra else "")
    spaced = f"  {name}  {bound}" + (f"  ;  extra  ==  '{extra}'" if extra else "")

    assert requirement_text(simple) == requirement_text(spaced) == simple
