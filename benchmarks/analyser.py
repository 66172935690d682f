"""How good and how fast the analyser is, against an answer file written by a person.

    python benchmarks/analyser.py ANSWERS.json FOLDER-OF-SDISTS [--fetch] [--repeat N] [--verbose]

The answer file is a list of {sdist, name, import_at_build: {required, optional}, ...}. An answer is complete when every
required distribution is found as required, and has something spurious when one is found as required that is neither
required nor optional in the answer. Three simpler methods stand beside it. Nothing of an sdist is run.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envcompose.analyse import BuildRules, analyse_sdist, load_rules, trim_sdist
from envcompose.analyse.declared import read_project
from envcompose.analyse.importing import STANDARD
from envcompose.analyse.rules import distribution_of
from envcompose.analyse.trim import parse_python
from envcompose.model.analysis import SdistTexts

RULES = Path(__file__).parent.parent / "recipes" / "tables" / "build_rules.toml"
Method = Callable[[SdistTexts, BuildRules], set[str]]


def declared(texts: SdistTexts, rules: BuildRules) -> set[str]:
    """Read build-system.requires only."""
    names: set[str] = set()
    for text in read_project(texts).build_requires:
        try:
            names.add(canonicalize_name(Requirement(text).name))
        except InvalidRequirement:
            continue
    return names


def top_imports(texts: SdistTexts, rules: BuildRules) -> set[str]:
    """Read the unconditional imports of setup.py only."""
    tree = parse_python(texts.texts.get("setup.py", ""))
    own = {name.split("/")[0].removesuffix(".py") for name, _ in texts.names}
    return {distribution_of(m, rules) for m in _modules(tree) if m.split(".")[0] not in STANDARD | own}


def _modules(tree: ast.Module | None) -> Iterator[str]:
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def union(texts: SdistTexts, rules: BuildRules) -> set[str]:
    """Take both."""
    return declared(texts, rules) | top_imports(texts, rules)


def analyser(texts: SdistTexts, rules: BuildRules) -> set[str]:
    """Take the analyser's required needs."""
    analysis = analyse_sdist(texts, rules=rules)
    return {need.distribution for need in analysis.build_needs if need.required}


METHODS: Mapping[str, Method] = {
    "declared only": declared,
    "top-level imports": top_imports,
    "their union": union,
    "analyser": analyser,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sdist's result."""

    sdist: str
    missing: Mapping[str, list[str]]
    spurious: Mapping[str, list[str]]
    gunzip: float
    trim: float
    parse: float


def _names(entries: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(entry).name) for entry in entries}


def measure(answer: Mapping[str, Any], data: bytes, rules: BuildRules, repeat: int = 1) -> Row:
    """Run every method on one sdist; of each time the least of `repeat` counts, so that a busy machine matters less."""
    rows = [_measure(answer, data, rules) for _ in range(repeat)]
    times = {name: min(getattr(row, name) for row in rows) for name in ("gunzip", "trim", "parse")}
    return replace(rows[0], **times)


def _measure(answer: Mapping[str, Any], data: bytes, rules: BuildRules) -> Row:
    start = time.process_time()
    if data[:2] == b"\x1f\x8b":
        gzip.decompress(data)
    unzipped = time.process_time()
    texts = trim_sdist(data, answer["sdist"])
    trimmed = time.process_time()
    found = {name: method(texts, rules) for name, method in METHODS.items() if name == "analyser"}
    analysed = time.process_time()
    found |= {name: method(texts, rules) for name, method in METHODS.items() if name != "analyser"}
    required = _names(answer["import_at_build"]["required"])
    known = required | _names(answer["import_at_build"]["optional"])
    return Row(
        sdist=answer["sdist"],
        missing={name: sorted(required - names) for name, names in found.items()},
        spurious={name: sorted(names - known) for name, names in found.items()},
        gunzip=unzipped - start,
        trim=trimmed - unzipped,
        parse=analysed - trimmed,
    )


def fetch(answer: Mapping[str, Any], folder: Path) -> None:
    """Fetch one sdist from the configured package index."""
    import requests
    from pypi_simple import PyPISimple

    with PyPISimple() as index:
        for package in index.get_project_page(answer["name"]).packages:
            if package.filename == answer["sdist"]:
                (folder / answer["sdist"]).write_bytes(requests.get(package.url, timeout=300).content)


def report(rows: list[Row], absent: list[str], *, verbose: bool) -> None:
    """Print what was found: the sdists with faults, then the figures."""
    for row in rows:
        faults = [f"missing {', '.join(row.missing['analyser'])}"] if row.missing["analyser"] else []
        faults += [f"spurious {', '.join(row.spurious['analyser'])}"] if row.spurious["analyser"] else []
        if faults or verbose:
            times = f"gunzip {row.gunzip:.3f} s, trim {row.trim:.3f} s, parse {row.parse:.3f} s"
            print(f"{row.sdist}: {'; '.join(faults) or 'right'} ({times})")
    for name in METHODS:
        complete = sum(not row.missing[name] for row in rows)
        spurious = sum(bool(row.spurious[name]) for row in rows)
        print(f"{name:18} complete {complete} of {len(rows)}, something spurious in {spurious}")
    allowed = sum(1.5 * row.gunzip + 0.05 for row in rows)
    spent = sum(row.trim + row.parse for row in rows)
    print(f"time {spent:.2f} s, of {allowed:.2f} s allowed (1.5 x gunzip + 50 ms each)")
    slow = [row for row in rows if row.trim + row.parse > 1.5 * row.gunzip + 0.05]
    print(f"{len(slow)} above their own allowance: {', '.join(row.sdist for row in slow) or 'none'}")
    if absent:
        print(f"not there: {', '.join(absent)}")


def main(arguments: list[str]) -> int:
    """Measure; the exit status says whether the targets of 97 and 2 of 100 are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fetch", action="store_true", help="fetch sdists that are not in the folder")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="take the least time of N runs")
    parser.add_argument("--verbose", action="store_true", help="a line for every sdist")
    options = parser.parse_args(arguments)
    rules = load_rules(RULES.read_text(encoding="utf-8"))
    rows, absent = [], []
    for answer in json.loads(options.answers.read_text(encoding="utf-8")):
        path = options.folder / answer["sdist"]
        if options.fetch and not path.exists():
            fetch(answer, options.folder)
        if path.exists():
            rows.append(measure(answer, path.read_bytes(), rules, options.repeat))
        else:
            absent.append(answer["sdist"])
    report(rows, absent, verbose=options.verbose)
    complete = sum(not row.missing["analyser"] for row in rows)
    spurious = sum(bool(row.spurious["analyser"]) for row in rows)
    return 0 if rows and complete >= 0.97 * len(rows) and spurious <= 0.02 * len(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
