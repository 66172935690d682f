"""The golden cases: a folder each, with the command, its input files, and what it must give."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; `command` is one line as a user would type it, run beside the files of `inputs/`.

    A case named `locked-…` has the small conda-forge of `tests/replay/channel.py`; the others reach no channel.
    """

    name: str
    folder: Path
    command: str

    @property
    def has_channel(self) -> bool:
        """Can it solve the conda layer?"""
        return self.name.startswith("locked-")

    def lay_out(self, folder: Path) -> None:
        """Copy the input files to where the command runs."""
        if (self.folder / "inputs").is_dir():
            shutil.copytree(self.folder / "inputs", folder, dirs_exist_ok=True)

    def expected(self) -> dict[str, str]:
        """What must come out, by file name; `status.txt` holds the exit status."""
        own = [path for path in sorted(self.folder.iterdir()) if path.is_file() and path.name != "command.txt"]
        return {path.name: path.read_text(encoding="utf-8") for path in own}


def all_cases(names: tuple[str, ...] = ()) -> list[Case]:
    """The cases, sorted by name; only these names where any are given."""
    folders = [path.parent for path in sorted(FOLDER.glob("*/command.txt"))]
    return [
        Case(name=folder.name, folder=folder, command=(folder / "command.txt").read_text(encoding="utf-8").strip())
        for folder in folders
        if not names or folder.name in names
    ]
