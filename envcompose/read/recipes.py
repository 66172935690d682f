"""Recipes: TOML texts to `Facts`, strictly."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeVar

from envcompose.errors import RecipeInvalid
from envcompose.model.facts import Facts
from envcompose.read import recipe_tables
from envcompose.read.recipe_fields import Fields, Problems, Sources, suggest
from envcompose.read.recipe_packages import read_package, read_stack

T = TypeVar("T")

TABLES = ("conda_names", "cuda", "drivers", "gpus", "names", "pythons", "torch")
FOREIGN_TABLES = ("build_rules",)
"""Tables beside ours that another reader knows."""


def load_facts(texts: Mapping[str, str]) -> Facts:
    """Give the facts of the recipes; keys are relative paths (`tables/torch.toml`), values are TOML texts.

    Pure. A table that is not among the texts is empty. Raises RecipeInvalid with every problem of every file, each
    with its path (`packages/flash-attn.toml: known_bad[0].torch`): no TOML, an unknown file or key, a value of
    another kind, a source that is not listed or that nothing refers to.
    """
    load = _Load(texts)
    gpus, floors = load.table("gpus", recipe_tables.read_gpus) or ((), ())
    names = load.table("names", recipe_tables.read_names) or recipe_tables.NameTables()
    provided, other_channels = load.table("conda_names", recipe_tables.read_conda_names) or ((), ())
    facts = Facts(
        torch=load.table("torch", recipe_tables.read_torch) or (),
        cuda=load.table("cuda", recipe_tables.read_cuda) or (),
        gpus=gpus,
        gpu_floors=floors,
        drivers=load.table("drivers", recipe_tables.read_drivers) or (),
        pythons=load.table("pythons", recipe_tables.read_pythons) or (),
        names=names.names,
        tools=names.tools,
        provided=provided,
        other_channels=other_channels,
        mistaken=names.mistaken,
        torch_packages=names.torch_packages,
        cuda_packages=names.cuda_packages,
        replaced_channels=names.replaced_channels,
        twins=names.twins,
        packages=load.folder("packages", read_package),
        stacks=load.folder("stacks", read_stack),
        as_of=max(load.dates, default=""),
        digest=digest_of(texts),
    )
    load.finish()
    return facts


def digest_of(texts: Mapping[str, str]) -> str:
    """Give the sha256 over the texts by path; line ends and trailing blanks do not count."""
    digest = hashlib.sha256()
    for path in sorted(texts):
        lines = (line.rstrip() for line in texts[path].splitlines())
        digest.update("\n".join([path, *lines, "\0"]).encode())
    return digest.hexdigest()


class _Load:
    """One load: the files by path, the problems, and the dates of all sources."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.problems = Problems()
        self.dates: list[str] = []
        self._texts = {path: text for path, text in texts.items() if path.endswith(".toml")}
        self._read: set[str] = {f"tables/{name}.toml" for name in FOREIGN_TABLES}

    def table(self, name: str, read: Callable[[Fields, Sources], T]) -> T | None:
        """Give what `read` makes of one table; None where the file is not there or no TOML."""
        path = f"tables/{name}.toml"
        return self._file(path, read) if path in self._texts else None

    def folder(self, folder: str, read: Callable[[str, Fields, Sources], T]) -> dict[str, T]:
        """Give what `read` makes of each file of a folder, by name, sorted."""
        found: dict[str, T] = {}
        for path in sorted(self._texts):
            parts = PurePosixPath(path)
            if parts.parent.as_posix() != folder:
                continue
            if parts.stem != parts.stem.lower() or set("_. ") & set(parts.stem):
                self.problems.add(path, "the file must have a normalised project name")
            value = self._file(path, lambda fields, sources, name=parts.stem: read(name, fields, sources))  # type: ignore[misc]
            if value is not None:
                found[parts.stem] = value
        return found

    def _file(self, path: str, read: Callable[[Fields, Sources], T]) -> T | None:
        self._read.add(path)
        try:
            document: dict[str, Any] = tomllib.loads(self._texts[path])
        except tomllib.TOMLDecodeError as error:
            self.problems.add(path, f"is not TOML: {error}")
            return None
        fields = Fields(document, path, self.problems)
        sources = Sources(fields.table("sources"))
        value = read(fields, sources)
        self.dates.extend(sources.dates())
        sources.finish()
        fields.finish()
        return value

    def finish(self) -> None:
        """Raise RecipeInvalid where there is any problem."""
        for path in sorted(set(self._texts) - self._read):
            known = [f"tables/{name}.toml" for name in TABLES]
            self.problems.add(path, f"unknown file{suggest(path, known)}")
        if self.problems.found:
            raise RecipeInvalid(problems=self.problems.found)
