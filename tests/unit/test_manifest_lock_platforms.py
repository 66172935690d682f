"""Platforms as pixi 0.77 puts them into its lock."""

from __future__ import annotations

import pytest

from envcompose.manifest.lock_platforms import lock_platform_names, platform_virtuals


@pytest.mark.parametrize(
    ("subdir", "expected"),
    [
        ("linux-64", ("__unix=0=0", "__linux=4.18", "__glibc=2.28", "__archspec=0=x86_64")),
        ("linux-aarch64", ("__unix=0=0", "__linux=4.18", "__glibc=2.28", "__archspec=0=aarch64")),
        ("osx-arm64", ("__unix=0=0", "__osx=13.0", "__archspec=0=m1")),
        ("osx-64", ("__unix=0=0", "__osx=13.0", "__archspec=0=x86_64")),
        ("win-64", ("__win=10.0", "__archspec=0=x86_64")),
        ("emscripten-wasm32", ("__unix=0=0",)),
        ("noarch", ()),
    ],
)
def test_a_plain_platform_has_the_defaults_of_its_subdir(subdir: str, expected: tuple[str, ...]) -> None:
    assert platform_virtuals(subdir) == expected


def test_declared_virtual_packages_come_first_in_the_order_of_the_manifest_keys() -> None:
    declared = ["__linux=5.10", "__glibc=2.31", "__cuda_arch=8.6", "__cuda=12.4"]
    assert platform_virtuals("linux-64", declared, ["__zeta=1", "__alpha=1=x"]) == (
        "__cuda=12.4",
        "__cuda_arch=8.6",
        "__glibc=2.31",
        "__linux=5.10",
        "__alpha=1=x",
        "__zeta=1",
        "__unix=0=0",
        "__archspec=0=x86_64",
    )


def test_only_platforms_with_a_name_of_their_own_are_numbered() -> None:
    platforms = [("gpu", "linux-64"), ("linux-64", "linux-64"), ("linux-64-glibc-2-17", "linux-64")]
    assert lock_platform_names(platforms) == {"gpu": "p1", "linux-64": "linux-64", "linux-64-glibc-2-17": "p2"}
