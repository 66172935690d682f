"""`envcompose recipes`: what the shipped recipes know, for users and maintainers."""

from __future__ import annotations

import argparse

from envcompose.api import load_recipes
from envcompose.cli.terminal import emit
from envcompose.errors import UnknownRecipe
from envcompose.world.files import recipe_texts


def run_recipes(options: argparse.Namespace) -> int:
    """Run the command; gives its exit status (1 where drift was found)."""
    if options.action == "list":
        return _list()
    if options.action == "show":
        return _show(options.name)
    return _drift()


def _list() -> int:
    facts, _ = load_recipes()
    emit("stacks (envcompose init NAME):")
    for name, stack in sorted(facts.stacks.items()):
        extras = f" [{','.join(stack.default_extras)}]" if stack.default_extras else ""
        emit(f"  {name}{extras}: {stack.summary}")
    emit(f"packages with facts of their own: {', '.join(sorted(facts.packages))}")
    emit(f"tables: torch, cuda, gpus, drivers, pythons, names; facts up to {facts.as_of}")
    return 0


def _show(name: str) -> int:
    from envcompose.read.suggest import nearest

    texts = recipe_texts()
    wanted = name.strip().lower().removesuffix(".toml")
    found = [path for path in sorted(texts) if path.rpartition("/")[2].removesuffix(".toml") == wanted]
    if not found:
        known = [path.rpartition("/")[2].removesuffix(".toml") for path in texts]
        raise UnknownRecipe(name=name, suggestion=nearest(wanted, known))
    for path in found:
        emit(f"# recipes/{path}")
        emit(texts[path].rstrip())
    return 0


def _drift() -> int:
    from envcompose.api import drift_of_tables

    differences = drift_of_tables()
    emit("\n".join(differences) if differences else "the torch table and the package index agree")
    return 1 if differences else 0
