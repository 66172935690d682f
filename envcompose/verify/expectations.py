"""What the composition expects of the environment: `expect.json`, read once into typed values.

The form is described by `expect.schema.json`. Keys that this verifier does not know are left alone: the form is only
extended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = "envcompose.expectations/1"


class ExpectationsInvalid(ValueError):
    """The expectations cannot be used; all problems at once, each with its path."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Torch:
    """The torch that the composition chose."""

    version: str
    cuda: str | None
    cxx11_abi: bool | None
    layer: str


@dataclass(frozen=True)
class Named:
    """Something of a distribution: a module to import, or a console script."""

    distribution: str
    name: str


@dataclass(frozen=True)
class Probe:
    """A recipe's probe: a module to import and, where a GPU is there, code to run."""

    id: str
    distribution: str
    """Whose probe it is: the id where the file does not say."""
    module: str
    code: str | None


@dataclass(frozen=True)
class Expectations:
    """The file's keys; an unknown list or table is empty, an unknown value None."""

    version: str
    digest: str | None
    files: Mapping[str, str]
    platform: str | None
    python: str | None
    glibc: str | None
    cuda: str | None
    driver: str | None
    gpus: tuple[str, ...]
    cxx11_abi: bool | None
    torch: Torch | None
    pins: Mapping[str, str]
    bounds: Mapping[str, tuple[str, ...]]
    locked: Mapping[str, str] | None
    conda: Mapping[str, str]
    imports: tuple[Named, ...]
    extensions: tuple[Named, ...]
    scripts: tuple[Named, ...]
    nvcc: str | None
    built: Mapping[str, str]
    build_needs: Mapping[str, tuple[str, ...]]
    env: Mapping[str, str]
    probes: tuple[Probe, ...]


class _Reader:
    """Reads values of an untyped document and collects what is wrong, each with its path."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.problems: list[str] = []

    def get(self, key: str) -> Any:
        if key not in self._document:
            self.problems.append(f"{key} is missing")
        return self._document.get(key)

    def expect(self, path: str, value: Any, kind: type, nullable: bool = True) -> Any:
        if (value is None and nullable) or isinstance(value, kind):
            return value
        self.problems.append(f"{path} is not {'text' if kind is str else kind.__name__}")
        return None

    def text(self, key: str) -> str | None:
        value: str | None = self.expect(key, self.get(key), str)
        return value

    def truth(self, key: str) -> bool | None:
        value: bool | None = self.expect(key, self.get(key), bool)
        return value

    def texts(self, path: str, value: Any) -> tuple[str, ...]:
        items = self.expect(path, value, list) or []
        return tuple(text for n, item in enumerate(items) if (text := self.expect(f"{path}[{n}]", item, str, False)))

    def table(self, path: str, value: Any) -> dict[str, str]:
        entries = self.expect(path, value, dict) or {}
        if not all(isinstance(entry, str) for entry in entries.values()):
            self.problems.append(f"{path} holds something that is not text")
            return {}
        return dict(entries)

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        entries = self.expect(key, self.get(key), dict) or {}
        return {name: self.texts(f"{key}.{name}", entry) for name, entry in entries.items()}

    def records(self, key: str, *fields: str) -> tuple[tuple[str, ...], ...]:
        found: list[tuple[str, ...]] = []
        for n, item in enumerate(self.expect(key, self.get(key), list) or []):
            if self.expect(f"{key}[{n}]", item, dict, False) is None:
                continue
            row = [self.expect(f"{key}[{n}].{field}", item.get(field), str, False) for field in fields]
            if None not in row:
                found.append(tuple(row))
        return tuple(found)

    def torch(self) -> Torch | None:
        entry = self.expect("torch", self.get("torch"), dict)
        if entry is None:
            return None
        version = self.expect("torch.version", entry.get("version"), str, False) or ""
        cuda = self.expect("torch.cuda", entry.get("cuda"), str)
        abi = self.expect("torch.cxx11_abi", entry.get("cxx11_abi"), bool)
        return Torch(version, cuda, abi, self.expect("torch.layer", entry.get("layer"), str) or "pypi")

    def probes(self) -> tuple[Probe, ...]:
        self.records("probes", "id", "module")
        items, found = self._document.get("probes"), []
        for n, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                code = self.expect(f"probes[{n}].code", item.get("code"), str)
                owner = self.expect(f"probes[{n}].distribution", item.get("distribution"), str) or str(item.get("id"))
                found.append(Probe(str(item.get("id")), owner, str(item.get("module")), code))
        return tuple(found)


def read(text: str) -> Expectations:
    """The expectations that `text` (JSON) holds; ExpectationsInvalid with every problem found."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ExpectationsInvalid((f"it is not JSON: {error}",)) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ExpectationsInvalid((f"it is not of the form {SCHEMA}",))
    reader = _Reader(document)
    expectations = _typed(reader)
    if reader.problems:
        raise ExpectationsInvalid(tuple(sorted(reader.problems)))
    return expectations


def _typed(reader: _Reader) -> Expectations:
    locked = reader.get("locked")
    return Expectations(
        version=reader.text("version") or "",
        digest=reader.text("digest"),
        files=reader.table("files", reader.get("files")),
        platform=reader.text("platform"),
        python=reader.text("python"),
        glibc=reader.text("glibc"),
        cuda=reader.text("cuda"),
        driver=reader.text("driver"),
        gpus=reader.texts("gpus", reader.get("gpus")),
        cxx11_abi=reader.truth("cxx11_abi"),
        torch=reader.torch(),
        pins=reader.table("pins", reader.get("pins")),
        bounds=reader.lists("bounds"),
        locked=None if locked is None else reader.table("locked", locked),
        conda=reader.table("conda", reader.get("conda")),
        imports=tuple(Named(*row) for row in reader.records("imports", "distribution", "module")),
        extensions=tuple(Named(*row) for row in reader.records("extensions", "distribution", "module")),
        scripts=tuple(Named(*row) for row in reader.records("scripts", "distribution", "name")),
        nvcc=reader.text("nvcc"),
        built=dict(reader.records("built", "distribution", "torch")),  # type: ignore[arg-type]
        build_needs=reader.lists("build_needs"),
        env=reader.table("env", reader.get("env")),
        probes=reader.probes(),
    )
