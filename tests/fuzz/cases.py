"""The inputs: each follows from a seed and a number alone, so that any of them can be made again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.archives import gzipped, lying_zip, odd_tar, tar_of, zip_of
from tests.fuzz.programs import Grammar, Splicer
from tests.fuzz.texts import changed

PROJECTS = Path(__file__).parent / "projects"
FILE_NAMES = (
    "demo-1.0.tar.gz",
    "demo-1.0.zip",
    "demo",
    "-1.tar.gz",
    "é-²",
    "a-1-2-.tgz",
    ".tar",
    "demo-1.0.tar.gz.tar.gz",
)
PYTHONS = ("3.12", "3.12", "3.12", "3.9", "3.14", "3")
TORCHES: tuple[tuple[str | None, ...], ...] = (
    (None,),
    (None,),
    (None, "2.6.0"),
    ("2.4.1",),
    (None, "2.10.0+cu128", "2.6.0"),
)

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input: an archive, or the files of a source folder."""

    kind: str
    number: int
    filename: str
    archive: bytes | None
    files: Mapping[str, bytes] | None
    python: str
    torches: tuple[str | None, ...]

    def saved(self) -> bytes:
        """Give an archive that holds the input."""
        return self.archive if self.archive is not None else tar_of(self.files or {})


def case(seed: int, number: int) -> Case:
    """Make an input. Equal arguments give equal inputs."""
    random = Random(f"{seed}:{number}")
    kind = random.choices(tuple(MAKERS), weights=[weight for weight, _ in MAKERS.values()])[0]
    made = MAKERS[kind][1](random)
    return Case(
        kind=kind,
        number=number,
        filename=random.choice(FILE_NAMES) if random.random() < 0.1 else "demo-1.0.tar.gz",
        archive=made if isinstance(made, bytes) else None,
        files=None if isinstance(made, bytes) else made,
        python=random.choice(PYTHONS),
        torches=random.choice(TORCHES),
    )


@cache
def projects() -> tuple[Files, ...]:
    """Read the real-looking projects, each a file whose parts are headed by their paths."""
    found = []
    for path in sorted(PROJECTS.glob("*.txt")):
        parts = re.split(r"^=== (.+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found.append({name: text.encode() for name, text in zip(parts[1::2], parts[2::2], strict=True)})
    return tuple(found)


@cache
def splicer() -> Splicer:
    """Read the programs of all projects."""
    return Splicer([text.decode() for files in projects() for name, text in files.items() if name.endswith(".py")])


def _any_bytes(random: Random) -> bytes:
    magic = random.choice(
        (b"", b"\x1f\x8b\x08", b"\x1f\x8b\x08\0\0\0\0\0\0\3", b"PK\x03\x04", b"PK\x05\x06", bytes(257) + b"ustar")
    )
    return magic + random.randbytes(random.choice((0, 10, 100, 600)))


def _tar(random: Random) -> bytes:
    data = odd_tar(_few_files(random), random)
    if random.random() < 0.3:
        data = changed(data, random, data)
    return gzipped(data, random) if random.random() < 0.8 else data


def _zip(random: Random) -> bytes:
    data = zip_of(_few_files(random), random)
    if random.random() < 0.6:
        data = lying_zip(data, random)
    return changed(data, random, data) if random.random() < 0.3 else data


def _few_files(random: Random) -> Files:
    files = random.choice(projects())
    names = random.sample(sorted(files), random.randint(0, min(len(files), 4)))
    return {name: files[name][: random.choice((0, 30, 511, 512, 513, 2000))] for name in names}


def _grown(random: Random) -> Files:
    return {"setup.py": Grammar(random).program().encode("utf-8", "surrogatepass"), "b.cu": b'#include "b.cu"\n'}


def _spliced(random: Random) -> Files:
    files = dict(random.choice(projects()))
    name = random.choice([name for name in files if name.endswith(".py")])
    files[name] = splicer().spliced(files[name].decode(), random, Grammar(random)).encode("utf-8", "surrogatepass")
    return files


def _changed(random: Random) -> Files | bytes:
    files, others = dict(random.choice(projects())), random.choice(projects())
    for name in random.sample(sorted(files), min(len(files), random.choice((1, 1, 2, 3)))):
        files[name] = changed(files[name], random, others.get(name) or random.choice(list(others.values())))
    if random.random() < 0.3:
        for name in random.sample(sorted(files), 1):
            del files[name]
    return gzipped(tar_of(files), random) if random.random() < 0.2 else files


TABLES = (
    "pyproject.toml",
    "PKG-INFO",
    "setup.cfg",
    "requirements.txt",
    "CMakeLists.txt",
    ".gitmodules",
    "x.egg-info/requires.txt",
)
OTHERS = ("setup.py", "a.cu", "a/b.h", "meson.build", "requirements/cuda.txt", "VERSION", "x.egg-info/entry_points.txt")


def _tables(random: Random) -> Files:
    """Put changed texts under the names that every analysis reads, of whatever file they came from."""
    files: Files = {}
    for name in (*random.sample(TABLES, 3), random.choice(OTHERS)):
        whole = random.choice(projects())
        text = whole.get(name) or random.choice(list(whole.values()))
        if not name.endswith(".py") or random.random() < 0.2:
            files[name] = changed(text[:3000], random, random.choice(list(whole.values())))
    return files


MAKERS: Mapping[str, tuple[int, Callable[[Random], bytes | Files]]] = {
    "bytes": (8, _any_bytes),
    "tar": (22, _tar),
    "zip": (10, _zip),
    "grown": (30, _grown),
    "spliced": (10, _spliced),
    "changed": (8, _changed),
    "tables": (20, _tables),
}
"""By kind: how often of a hundred or so, and the maker."""
