"""The cache on disk, and reading a wheel in small pieces."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcompose.world.cache import Cache
from envcompose.world.wheel_file import RangeFile, read_wheel, trim_headers

# The cache


def test_what_was_put_is_got_with_its_time_also_by_another_process(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    first.put("page", "alpha", "text ⚙", 12.5)
    assert Cache(tmp_path).get("page", "alpha") == ("text ⚙", 12.5)
    script = "import sys; from pathlib import Path; from envcompose.world.cache import Cache\n"
    script += "sys.stdout.buffer.write(Cache(Path(sys.argv[1])).get('page', 'alpha')[0].encode())"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True)
    assert done.stdout.decode() == "text ⚙"


def test_kinds_and_keys_are_kept_apart_and_the_last_writer_wins(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("page", "alpha", "one", 1.0)
    cache.put("wheel", "alpha", "two", 2.0)
    cache.put("page", "alpha", "three", 3.0)
    assert (cache.get("page", "alpha"), cache.get("wheel", "alpha")) == (("three", 3.0), ("two", 2.0))
    assert cache.get("page", "beta") is None


def test_a_cache_that_cannot_be_opened_forgets_and_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "below")
    cache.put("page", "alpha", "text", 1.0)
    cache.close()
    assert cache.get("page", "alpha") is None


def test_a_damaged_cache_file_is_no_error(tmp_path: Path) -> None:
    Cache(tmp_path).close()
    for path in tmp_path.glob("*.db"):
        path.write_bytes(b"not a database" * 500)
    cache = Cache(tmp_path)
    cache.put("page", "alpha", "text", 1.0)
    assert cache.get("page", "alpha") in (None, ("text", 1.0))


def test_a_damaged_entry_is_as_good_as_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("page", "alpha", "text", 1.0)
    cache.close()
    (path,) = tmp_path.glob("*.db")
    with sqlite3.connect(path) as connection:
        connection.execute("update entry set text = ?", (b"no zlib",))
    connection.close()
    assert Cache(tmp_path).get("page", "alpha") is None


# Wheels


def archive(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    return made.getvalue()


INFO = "alpha-1.0.dist-info"


def contents_of(*names: str, points: str = "") -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    data = archive(
        {f"{INFO}/METADATA": "Name: alpha\n", f"{INFO}/entry_points.txt": points, **dict.fromkeys(names, "")}
    )
    _, found = read_wheel(io.BytesIO(data), len(data))
    return found.top_level, found.extensions, found.scripts


def test_import_names_extension_modules_and_scripts_are_told_apart() -> None:
    assert contents_of(
        "alpha/__init__.py",
        "alpha/_core.cpython-312-x86_64-linux-gnu.so",
        "alpha/fast.abi3.so",
        "alpha/lib/libalpha.so.3",
        "alpha.libs/libgomp-24e2ab19.so.1.0.0",
        "_alpha_c.so",
        "single.py",
        "alpha-1.0.data/scripts/tool.py",
        "share/readme.txt",
        points="[console_scripts]\nalpha = alpha:main\n[gui_scripts]\nbeta = alpha:main\n",
    ) == (("alpha", "single"), ("_alpha_c", "alpha._core", "alpha.fast"), ("alpha",))


@pytest.mark.parametrize("points", ["[console_scripts", "alpha = b", "[console_scripts]\n%(x)s = y\n"])
def test_odd_entry_points_are_no_error(points: str) -> None:
    contents_of("alpha/__init__.py", points=points)


@given(data=st.binary(max_size=400))
def test_bytes_that_are_no_wheel_raise_only_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_wheel(io.BytesIO(data), len(data))


@given(at=st.integers(0, 10_000), length=st.integers(1, 60), noise=st.binary(min_size=1, max_size=60))
def test_a_damaged_wheel_reads_or_raises_value_error(at: int, length: int, noise: bytes) -> None:
    data = bytearray(archive({f"{INFO}/METADATA": "Name: alpha\n" * 30, "alpha/__init__.py": "x" * 50}))
    at %= len(data)
    data[at : at + length] = noise
    with contextlib.suppress(ValueError):
        read_wheel(io.BytesIO(bytes(data)), len(data))


@given(
    reads=st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 70_000)), max_size=12),
    size=st.integers(1, 300_000),
)
def test_a_file_over_ranges_reads_like_the_file_itself(reads: list[tuple[int, int]], size: int) -> None:
    data = bytes(index * 31 % 251 for index in range(size))

    def read_range(start: int | None, length: int) -> tuple[bytes, int, int]:
        at = max(0, size - length) if start is None else start
        return data[at : at + length], at, size

    over, plain = RangeFile(read_range), io.BytesIO(data)
    assert over.size == size
    for at, length in reads:
        assert over.seek(at) == plain.seek(at)
        assert over.read(length) == plain.read(length)


def test_headers_are_trimmed_to_what_a_resolver_needs() -> None:
    text = (
        "Metadata-Version: 2.4\r\nName: alpha\r\nSummary: x\r\nRequires-Dist: beta\r\n\r\nName: in the description\r\n"
    )
    assert trim_headers(text) == "Metadata-Version: 2.4\nName: alpha\nRequires-Dist: beta\n"
