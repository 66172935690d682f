"""Our verdict on lock files beside the one of a real pixi.

    python benchmarks/lock_verdicts.py VERDICTS.json [--disagreements] [--verbose]

The file holds `bases` (named sets of files that pixi accepts) and `cases`: a base with one edit, and what pixi said
(`check`: up-to-date, stale or error); `default_index` is the address of PyPI in it. Each case is one line of the table;
the last line counts. The exit status is 1 where one verdict disagrees, and 2 where the file is none of this form.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from envcompose.check.acceptance import judge
from envcompose.check.verdict import Standing
from envcompose.errors import EnvcomposeError, FileMissing, ManifestInvalid
from envcompose.manifest.workspace_reading import read_workspace

FOLDER = "/workspace"
"""Where the files of a case are said to be; `<dir>` in them stands for it."""

MANIFESTS = ("pixi.toml", "pyproject.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One lock file with its manifest and what lies beside them, and pixi's verdict."""

    id: str
    what: str
    files: Mapping[str, str]
    pixi: str
    message: Sequence[str]


class CaseFiles:
    """The files of a case as a port."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {f"{FOLDER}/{name}": text for name, text in files.items()}

    def read_bytes(self, path: str) -> bytes:
        if path not in self._files:
            raise FileMissing(path=path)
        return self._files[path].encode()

    def exists(self, path: str) -> bool:
        return path in self._files or bool(self.listing(path))

    def listing(self, path: str) -> tuple[str, ...]:
        start = path.rstrip("/") + "/"
        return tuple(sorted({name[len(start) :].split("/")[0] for name in self._files if name.startswith(start)}))


def read_cases(document: Mapping[str, Any]) -> list[Case]:
    """All cases of a document, each with the files that its edit leaves."""
    return [
        Case(
            id=case["id"],
            what=case["what"],
            files={
                name: text.replace("<dir>", FOLDER)
                for name, text in _edited(document["bases"][case["base"]], case["edit"]).items()
            },
            pixi=case["check"],
            message=case.get("message") or (),
        )
        for case in document["cases"]
    ]


def index_of(document: Mapping[str, Any]) -> str:
    """The index that pixi takes where a manifest names none."""
    return str(document.get("default_index", PYPI_SIMPLE_ENDPOINT.rstrip("/")))


def _edited(base: Mapping[str, str], edit: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    files = dict(base)
    edits = [edit] if isinstance(edit, Mapping) else edit or ()
    for one in edits:
        text = one["text"] if "text" in one else files[one["file"]]
        for change in one.get("replacements") or ():
            text = text.replace(change["find"], change["replace"])
        files[one["file"]] = text
    return files


def our_verdict(case: Case, default_index: str) -> tuple[str, str]:
    """Our verdict on a case, and why. A manifest that cannot be read is an error, as for pixi."""
    files = CaseFiles(case.files)
    try:
        manifest = next(name for name in MANIFESTS if name in case.files and _has_workspace(name, case.files[name]))
        workspace = read_workspace(case.files[manifest], f"{FOLDER}/{manifest}", files=files)
        verdict = judge(workspace, case.files["pixi.lock"], files, default_index=default_index)
    except ManifestInvalid as error:
        return Standing.ERROR.value, str(error)
    except EnvcomposeError as error:
        return "unknown", str(error)
    except Exception as error:  # A bug of ours is one line of the table, and not the end of it.
        return "crash", repr(error)
    return verdict.standing.value, "; ".join(f"[{reason.code}] {reason}" for reason in verdict.reasons)


def _has_workspace(name: str, text: str) -> bool:
    return name == "pixi.toml" or "[tool.pixi" in text


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Our verdicts on lock files beside those of a real pixi.")
    parser.add_argument("verdicts", type=Path)
    parser.add_argument("--disagreements", action="store_true", help="print only the cases that disagree")
    parser.add_argument("--verbose", action="store_true", help="print the reasons of both")
    options = parser.parse_args(arguments)
    try:
        document = json.loads(options.verdicts.read_text())
        cases = read_cases(document)
        index = index_of(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"{options.verdicts} is no file of verdicts: {error!r}", file=sys.stderr)
        return 2
    agreed, seconds = 0, 0.0
    width = max([len(case.what) for case in cases], default=0)
    for case in cases:
        start = time.perf_counter()
        ours, why = our_verdict(case, index)
        seconds += time.perf_counter() - start
        agrees = ours == case.pixi
        agreed += agrees
        if options.disagreements and agrees:
            continue
        print(
            f"{case.id:6} {case.what:{min(width, 90)}} {case.pixi:10} {ours:10} {'agrees' if agrees else 'DISAGREES'}"
        )
        if options.verbose or not agrees:
            print(f"       pixi: {(case.message or ['-'])[0]}\n       ours: {why or '-'}")
    total = len(cases)
    print(
        f"{agreed} of {total} verdicts agree with pixi {document.get('pixi', '')}; {1000 * seconds / max(total, 1):.1f} ms a lock"
    )
    return 0 if agreed == total else 1


if __name__ == "__main__":
    sys.exit(main())
