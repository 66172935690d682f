"""Conda channels for tests: real small archives, both formats, indexed by py-rattler itself.

`write_channel(folder, packages)` gives the address of a channel that a solver solves over and that pixi installs from;
`SMALL` is a little world of CUDA packages whose rules are those of conda-forge (facts/conda-forge.md).
"""

from __future__ import annotations

import asyncio
import bz2
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SUBDIRS = ("linux-64", "noarch")


@dataclass(frozen=True, kw_only=True)
class Package:
    """One build of one package; `archive` is `conda` or `tar.bz2`, `timestamp` is in milliseconds."""

    name: str
    version: str
    build: str = "0"
    build_number: int = 0
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    noarch: str | None = None
    platform: str = "linux-64"
    archive: str = "conda"
    timestamp: int | None = 1_700_000_000_000
    license: str | None = "MIT"
    track_features: str | None = None
    site_packages: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else self.platform

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def file_name(self) -> str:
        return f"{self.stem}.{self.archive}"

    def index_json(self) -> dict[str, object]:
        """What stands in info/index.json, and so in the channel's repodata."""
        system, _, machine = self.platform.partition("-")
        found: dict[str, object] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": self.build_number,
            "depends": list(self.depends),
            "constrains": list(self.constrains),
            "noarch": self.noarch,
            "subdir": self.subdir,
            "arch": None if self.noarch else {"64": "x86_64"}.get(machine, machine),
            "platform": None if self.noarch else system,
            "timestamp": self.timestamp,
            "license": self.license,
            "track_features": self.track_features,
            "python_site_packages_path": self.site_packages,
        }
        return {key: value for key, value in found.items() if value is not None}

    def bytes(self) -> bytes:
        """The archive: the same bytes every time."""
        files = self.files or {f"share/{self.name}.txt": f"{self.stem}\n"}
        info = {
            "info/index.json": json.dumps(self.index_json(), indent=2),
            "info/paths.json": json.dumps({"paths": _paths(files), "paths_version": 1}, indent=2),
        }
        if self.archive == "tar.bz2":
            return bz2.compress(_tar({**info, **files}))
        return _conda(self.stem, _tar(info), _tar(files))


def write_channel(folder: Path, packages: Iterable[Package], *, sharded: bool = False) -> str:
    """Write a channel with these packages and its repodata, plain and compressed; gives its file:// address.

    The indexer stamps records with the time of indexing, which an `exclude_newer` then goes by: it is taken out, so that
    equal packages make equal repodata. The shards (only on request) keep it.
    """
    from rattler.index import index_fs

    packages = tuple(packages)
    subdirs = sorted({*SUBDIRS, *(package.subdir for package in packages)})
    for subdir in subdirs:
        (folder / subdir).mkdir(parents=True, exist_ok=True)
    for package in packages:
        (folder / package.subdir / package.file_name).write_bytes(package.bytes())
    asyncio.run(index_fs(folder, write_zst=False, write_shards=sharded))
    for subdir in subdirs:
        path = folder / subdir / "repodata.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        for record in (*document["packages"].values(), *document["packages.conda"].values()):
            record.pop("indexed_timestamp", None)
        text = json.dumps(document, indent=1, sort_keys=True).encode()
        path.write_bytes(text)
        path.with_name("repodata.json.zst").write_bytes(zstd_frame(text))
    return folder.as_uri()


def zstd_frame(data: bytes) -> bytes:
    """The data as one Zstandard frame of raw blocks (RFC 8878): no compressor is needed to write what all can read."""
    head = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    most = 1 << 16
    blocks = [data[start : start + most] for start in range(0, len(data), most)] or [b""]
    body = b""
    for number, block in enumerate(blocks, 1):
        last = number == len(blocks)
        body += (len(block) << 3 | last).to_bytes(3, "little") + block
    return head + body


def _conda(stem: str, info: bytes, files: bytes) -> bytes:
    """A `.conda` archive: a stored zip of two compressed tars."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        parts = {
            "metadata.json": b'{"conda_pkg_format_version": 2}',
            f"pkg-{stem}.tar.zst": zstd_frame(files),
            f"info-{stem}.tar.zst": zstd_frame(info),
        }
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _tar(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def _paths(files: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {
            "_path": name,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "size_in_bytes": len(text.encode()),
        }
        for name, text in sorted(files.items())
    ]


def _python(version: str) -> tuple[Package, Package]:
    minor = ".".join(version.split(".")[:2])
    tag = f"cp{minor.replace('.', '')}"
    return (
        Package(
            name="python",
            version=version,
            build=f"h0_0_{tag}",
            depends=("__glibc >=2.17,<3.0.a0", "libzlib >=1.2"),
            constrains=(f"python_abi {minor}.* *_{tag}",),
            site_packages=f"lib/python{minor}/site-packages",
            license="Python-2.0",
        ),
        Package(
            name="python_abi",
            version=minor,
            build=f"0_{tag}",
            noarch="generic",
            constrains=(f"python {minor}.* *_{tag}",),
        ),
    )


def _pure(name: str, version: str, *depends: str) -> Package:
    return Package(name=name, version=version, build="pyh0_0", noarch="python", depends=("python >=3.10", *depends))


def _cuda(line: str, nvcc: str, gcc_below: str) -> tuple[Package, ...]:
    above = f"{line.split('.', maxsplit=1)[0]}.{int(line.split('.')[1]) + 1}"
    return (
        Package(
            name="cuda-version",
            version=line,
            noarch="generic",
            build="h0_3",
            build_number=3,
            constrains=(f"__cuda >={line.split('.', maxsplit=1)[0]}", f"cudatoolkit {line}|{line}.*"),
        ),
        Package(
            name="cuda-nvcc",
            version=nvcc,
            build="h0_0",
            depends=(f"cuda-version >={line},<{above}.0a0", "gxx"),
            constrains=(f"gcc >=6,<{gcc_below}",),
        ),
    )


def _gcc(version: str) -> tuple[Package, Package]:
    return (
        Package(name="gcc", version=version, build="h0_0", depends=("__glibc >=2.17",)),
        Package(name="gxx", version=version, build="h0_0", depends=(f"gcc {version}.*",)),
    )


def _compiled(name: str, version: str, minor: str, *depends: str, prefix: str = "", number: int = 0) -> Package:
    tag = minor.replace(".", "")
    return Package(
        name=name,
        version=version,
        build=f"{prefix}py{tag}h0_{number}",
        build_number=number,
        depends=(
            f"python >={minor},<3.{int(minor.split('.')[1]) + 1}.0a0",
            f"python_abi {minor}.* *_cp{tag}",
            *depends,
        ),
    )


def _torch(version: str, minor: str, cuda: str, above: str) -> Package:
    return _compiled(
        "pytorch",
        version,
        minor,
        "__cuda",
        "__glibc >=2.17,<3.0.a0",
        f"cuda-version >={cuda},<{above}",
        "numpy >=1.26",
        "typing_extensions >=4.10",
        prefix=f"cuda{cuda.replace('.', '')}_",
        number=200,
    )


_MINORS = ("3.11", "3.12")

SMALL: tuple[Package, ...] = (
    *_python("3.11.9"),
    *_python("3.12.4"),
    *_cuda("12.4", "12.4.131", "13"),
    *_cuda("12.6", "12.6.85", "14"),
    *_cuda("12.9", "12.9.86", "15"),
    *_cuda("13.0", "13.0.88", "16"),
    *_gcc("12.4.0"),
    *_gcc("13.3.0"),
    *_gcc("14.2.0"),
    *_gcc("15.2.0"),
    Package(name="libzlib", version="1.2.13", build="h0_5", build_number=5, archive="tar.bz2"),
    Package(name="libzlib", version="1.3.1", build="h0_2", build_number=2),
    # In both formats, as old packages stand on conda-forge: the newer format is taken.
    Package(name="ninja", version="1.12.1", build="h0_0", archive="tar.bz2"),
    Package(name="ninja", version="1.12.1", build="h0_0"),
    # Without a timestamp, as a private channel may have it.
    Package(name="old-tool", version="0.9", archive="tar.bz2", timestamp=None, license=None),
    Package(name="needs-new-glibc", version="1.0", depends=("__glibc >=2.28,<3.0.a0",)),
    Package(name="level", version="1", build="3_x86_64", noarch="generic", depends=("__archspec 1.* x86_64_v3",)),
    Package(name="level", version="1", build="1_x86_64", noarch="generic", track_features="level_1"),
    *(_compiled("numpy", version, minor) for version in ("1.26.4", "2.0.2") for minor in _MINORS),
    *(_torch("2.5.1", minor, "12.0", "13") for minor in _MINORS),
    *(_torch("2.6.0", minor, "12.6", "13") for minor in _MINORS),
    *(_compiled("pytorch", "2.6.0", minor, "numpy >=1.26", "typing_extensions", prefix="cpu_") for minor in _MINORS),
    *(
        Package(name="pytorch-gpu", version=version, build="cuda_0", depends=(f"pytorch {version} cuda*",))
        for version in ("2.5.1", "2.6.0")
    ),
    _pure("typing_extensions", "4.12.2"),
    Package(name="typing-extensions", version="4.12.2", noarch="generic", depends=("typing_extensions 4.12.2",)),
    *(_pure("packaging", version) for version in ("23.2", "24.2", "25.0")),
    *(_pure("setuptools", version) for version in ("75.8.0", "80.9.0")),
    _pure("wheel", "0.45.1", "packaging >=24"),
    _pure("pip", "25.0", "setuptools", "wheel"),
    _compiled("psutil", "6.1.0", "3.11"),
    _compiled("psutil", "7.0.0", "3.12"),
)
"""Pythons 3.11 and 3.12; CUDA lines 12.4, 12.6, 12.9 and 13.0 with the g++ each nvcc takes; pytorch 2.5.1 for any 12 and
2.6.0 for 12.6 and newer; a package for glibc 2.28, one for an x86-64-v3 machine; names that PyPI spells otherwise."""
