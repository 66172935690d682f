"""The program as a user runs it: arguments in, exit status and both streams out."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from envcompose.cli.main import main
from envcompose.schema import composition_schema

# Variables of whoever runs the tests that would steer a composition.
_STEERING = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "NO_COLOR")
_VALIDATOR = jsonschema.Draft202012Validator(composition_schema())


@dataclass(frozen=True)
class Outcome:
    """What a run gave."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Stdout as one valid document, with nothing before or after it."""
        found: dict[str, Any] = json.loads(self.out)
        _VALIDATOR.validate(found)
        return found


@dataclass(frozen=True)
class Program:
    """A program that works in `folder`, with a cache of its own."""

    folder: Path
    cache: Path

    def run(self, *arguments: str, **variables: str) -> Outcome:
        """Run it in this process."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            _environment({"ENVCOMPOSE_CACHE_DIR": str(self.cache), **variables}),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = main(arguments)
        return Outcome(status, out.getvalue(), err.getvalue())

    def fails(self, *arguments: str) -> tuple[int, list[str]]:
        """Run it where it must fail: no traceback, nothing on stdout, nothing written, and --json says the same.

        Gives the exit status and the lines of the error.
        """
        before = self.tree()
        outcome, told = self.run(*arguments), self.run(*arguments, "--json")
        assert outcome.out == ""
        assert "Traceback" not in outcome.err + told.err
        assert outcome.err.startswith("error: ")
        # What to do is told: in hints, or in repairs that were solved.
        assert "  hint: " in outcome.err or "repairs, nearest first; each was solved:" in outcome.err
        assert self.tree() == before
        assert told.status == outcome.status
        assert told.err == ""
        assert told.document["verdict"] == ("infeasible" if outcome.status == 1 else "error")
        first = told.document["messages"][0]
        assert first["level"] == "error"
        assert first["text"].splitlines()[0] in outcome.err
        assert told.document["files"] == []
        return outcome.status, outcome.err.splitlines()

    def tree(self) -> dict[str, bytes | None]:
        """Everything under the folder: paths and contents."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.folder.rglob("*"))
        }

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment for a run in a process of its own."""
        kept = {name: value for name, value in os.environ.items() if name not in _STEERING}
        return {**kept, "ENVCOMPOSE_CACHE_DIR": str(self.cache), **variables}


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    saved = dict(os.environ)
    try:
        for name in _STEERING:
            os.environ.pop(name, None)
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)
