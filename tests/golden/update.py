"""Renew the expected outputs of the golden cases from the recorded index, and show what changed.

python -m tests.golden.update            # all cases
python -m tests.golden.update NAME ...   # these
python -m tests.golden.update --check    # only show; exit status 1 where something would change
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from envcompose.model.intent import Intent
from tests.replay.cases import Case, all_cases
from tests.replay.channel import SmallCondaForge
from tests.replay.driver import Recipes, run_command
from tests.replay.record import urls_of
from tests.replay.recording import Analyser, RecordedIndex, Recording, load_recording


class Replay:
    """The recorded index, loaded once, with the analyses of its sdists shared by all cases."""

    def __init__(self) -> None:
        self.recipes = Recipes()
        self.recording: Recording = load_recording()
        self._analyser = Analyser(self.recipes.rules)
        self._channel: SmallCondaForge | None = None

    def index(self, intent: Intent) -> RecordedIndex:
        """The recorded index as an intent's commands see it."""
        return RecordedIndex(self.recording, self._analyser, urls=urls_of(intent), as_of=intent.wishes.as_of)

    def outputs(self, case: Case, folder: Path) -> dict[str, str]:
        """Run a case in an empty folder; gives its texts by file name, the exit status among them."""
        case.lay_out(folder)
        if case.has_channel and self._channel is None:
            self._channel = SmallCondaForge(self.recipes.facts)
        channel = self._channel if case.has_channel else None
        outputs = run_command(case.command, folder, self.index, self.recipes, channel)
        return {"status.txt": f"{outputs.status}\n", **outputs.texts}


def difference(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """What changed, as a unified diff over all files."""
    lines: list[str] = []
    for name in sorted({*expected, *found}):
        old, new = expected.get(name, ""), found.get(name, "")
        lines += difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=1)
    return lines


def main(arguments: Sequence[str]) -> int:
    """Run the cases, show the differences, and write them unless only asked to check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--lines", type=int, default=60, help="how many lines of each case's difference to show")
    options = parser.parse_args(arguments)
    replay, changed = Replay(), 0
    for case in all_cases(tuple(options.names)):
        with tempfile.TemporaryDirectory() as folder:
            found = replay.outputs(case, Path(folder))
        expected = case.expected()
        lines = difference(expected, found)
        changed += bool(lines)
        print(f"{case.name}: {f'{len(lines)} lines of difference' if lines else 'unchanged'}", flush=True)
        print("".join(f"  {line}\n" for line in lines[: options.lines]), end="")
        if not options.check:
            _write(case, expected, found)
    return 1 if options.check and changed else 0


def _write(case: Case, expected: dict[str, str], found: dict[str, str]) -> None:
    for name in expected.keys() - found.keys():
        (case.folder / name).unlink()
    for name, text in found.items():
        (case.folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
