"""Archives are read in memory, within bounds, and what is refused is named."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zipfile

import pytest

from envcompose.analyse import ArchiveRefused, trim_checkout, trim_sdist
from envcompose.model.analysis import SdistTexts


def tar_of(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member, body in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            if info.isreg():
                info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[257:263] = b"ustar\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_an_sdist_is_reduced_to_names_texts_and_includes() -> None:
    data = tar_of(
        ("demo-1.0/setup.py", b"from setuptools import setup\nsetup(name='demo')\n"),
        ("demo-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"),
        ("demo-1.0/README.md", b"# demo\n"),
        ("demo-1.0/csrc/kernel.cu", b'#include <cublas_v2.h>\n#  include "local.h"\n'),
    )
    texts = trim_sdist(data, "demo-1.0.tar.gz")
    assert texts == SdistTexts(
        filename="demo-1.0.tar.gz",
        names=(("PKG-INFO", 46), ("README.md", 7), ("csrc/kernel.cu", 44), ("setup.py", 48)),
        texts={
            "PKG-INFO": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
            "setup.py": "from setuptools import setup\nsetup(name='demo')\n",
        },
        includes=("cublas_v2.h", "local.h"),
        included={"csrc/kernel.cu": (("cublas_v2.h", 1), ("local.h", 2))},
        refused=(),
    )
    assert SdistTexts.from_json(texts.to_json()) == texts


def test_zip_and_tar_of_the_same_files_give_the_same_texts() -> None:
    files = {"demo-1.0/setup.py": b"import torch\n", "demo-1.0/a.h": b"#include <cuda.h>\n"}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    zipped = trim_sdist(stream.getvalue(), "x")
    assert zipped == trim_sdist(tar_of(*files.items()), "x")
    assert zipped == trim_checkout({"setup.py": b"import torch\n", "a.h": b"#include <cuda.h>\n"}, "x")


def test_links_devices_absolute_and_climbing_paths_are_refused_by_name() -> None:
    data = tar_of(
        ("demo/setup.py", b"x = 1\n"),
        ("/etc/passwd", b"root"),
        ("demo/../../evil.py", b"x"),
        (special("demo/link", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("demo/hard", tarfile.LNKTYPE, "demo/setup.py"), b""),
        (special("demo/device", tarfile.CHRTYPE), b""),
        (special("demo/pipe", tarfile.FIFOTYPE), b""),
        ("demo/bad\nname.py", b"x"),
        ("demo/" + "d/" * 80 + "deep.py", b"x"),
    )
    texts = trim_sdist(data, "demo.tar.gz")
    assert texts.names == (("setup.py", 6),)
    reasons = sorted(line.rsplit(": ", 1)[1] for line in texts.refused)
    assert reasons == [
        "a device",
        "a hard link",
        "a path that climbs out of the archive",
        "a path too deep",
        "a pipe",
        "a symbolic link",
        "an absolute path",
        "an odd character in the path",
    ]
    assert "demo/bad\\nname.py: an odd character in the path" in texts.refused


def test_long_names_of_both_kinds_are_read() -> None:
    name = "demo/" + "n" * 150 + "/setup.py"
    for style in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz", format=style) as archive:
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"x\n"))
        assert [path for path, _ in trim_sdist(stream.getvalue(), "d").names] == ["n" * 150 + "/setup.py"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither"),
        (b"hello", "neither"),
        (b"\x1f\x8b\x08", "ends early"),
        (gzip.compress(b"no tar at all" * 100), "header"),
        (tar_of(("demo/setup.py", b"x" * 5000))[:-30], "ends early|damaged"),
        (gzip.compress(header(b"demo/setup.py", b"77777777777\0")), "beyond the bounds"),
        (gzip.compress(header(b"demo/setup.py", b"00000010000\0")), "ends early"),
        (gzip.compress(header(b"demo/setup.py", b"no number!!\0")), "no number"),
        (gzip.compress(header(b"long", b"00004000000\0", b"L")), "too long"),
        (gzip.compress(header(b"demo/setup.py", b"\xff" * 12)), "number|bounds"),
        (tar_of(("demo/setup.py", b"")) + tar_of(("demo/other.py", b"")), "several gzip files"),
        (b"PK\x03\x04 nonsense", "zip data is damaged"),
        (tar_of((special("demo/link", tarfile.SYMTYPE, "x"), b"")), "no usable member"),
    ],
    # Named by number: gzip writes the time into the data, and parallel runs must collect equal names.
    ids=range(13),
)
def test_a_damaged_or_lying_archive_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ArchiveRefused, match=reason):
        trim_sdist(data, "hostile.tar.gz")


def test_a_bomb_is_refused_and_costs_little_memory() -> None:
    body = bytes(1 << 20)
    blocks = [header(b"demo/bomb.cu", b"%011o\0" % (120 << 20)), *[body] * 120, bytes(1024)]
    data = gzip.compress(b"".join(blocks), 9)
    del blocks
    tracemalloc.start()
    with pytest.raises(ArchiveRefused, match="inflates beyond the bounds"):
        trim_sdist(data, "bomb.tar.gz")
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
    tracemalloc.stop()


def test_a_member_that_is_too_long_to_read_is_named() -> None:
    data = tar_of(("demo/setup.py", b"x = 1\n" * 400_000), ("demo/PKG-INFO", b"Name: demo\n"))
    texts = trim_sdist(data, "demo.tar.gz")
    assert texts.refused == ("demo/setup.py: 2400000 bytes, longer than what is read",)
    assert "setup.py" not in texts.texts


def test_what_setup_reads_is_kept_and_what_it_does_not_is_left_out() -> None:
    texts = trim_checkout(
        {
            "setup.py": b"import helper\nhere = open('req/base.txt').read()\nexec(open('pkg/version.py').read())\n",
            "helper.py": b"from tools import inner\n",
            "tools/__init__.py": b"",
            "tools/inner.py": b"",
            "req/base.txt": b"numpy\n",
            "pkg/version.py": b"__version__ = '1'\n",
            "pkg/model.py": b"import torch\n",
            "notes/other.txt": b"x",
        },
        "demo",
    )
    assert list(texts.texts) == [
        "helper.py",
        "pkg/version.py",
        "req/base.txt",
        "setup.py",
        "tools/__init__.py",
        "tools/inner.py",
    ]
