"""The options of `envcompose lock`."""

from __future__ import annotations

import argparse
from typing import Any

_ABOUT = """\
Solve all that a pixi manifest asks for, both layers of every environment and platform together, and write pixi.lock.
The manifest itself is not changed. pixi takes the lock as its own, also where it could not have made it: sources whose
metadata need torch, requirements that follow the installed torch, conda packages that PyPI's packages do not agree with.

Versions of a pixi.lock that is there are kept where they still fit, as pixi keeps them; --fresh forgets them.
What moved against it is told, also with --dry-run.
"""
_EXAMPLES = """\
examples:
  envcompose lock
  envcompose lock path/to/pixi.toml --dry-run
  envcompose lock --check            # is pixi.lock what pixi.toml asks for? nothing is written or solved

Channels, indexes and logins are those of the manifest and of pixi's own configuration.

exit status: 0 fine, 1 the manifest cannot be fulfilled, or with --check: pixi would solve again, or the lock is wrong
although pixi takes it, 2 the manifest cannot be used, 3 a channel, an index or another source is unreachable or broken.
"""


def add_lock(commands: Any, run: Any) -> None:
    """Add the command; `run` takes the parsed options."""
    lock = commands.add_parser(
        "lock",
        help="write pixi.lock for an existing manifest, also where pixi cannot",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lock.set_defaults(run=run)
    lock.add_argument(
        "manifest",
        nargs="?",
        default=".",
        metavar="MANIFEST",
        help="a pixi.toml, a pyproject.toml with [tool.pixi], or a folder with one of them (default: this folder)",
    )
    lock.add_argument("--check", action="store_true", help="judge the lock that is there; write and solve nothing")
    lock.add_argument("--fresh", action="store_true", help="solve as if there were no lock: the newest that fits")
    lock.add_argument("--offline", action="store_true", help="make no connection; what is not cached is an error")
    lock.add_argument(
        "--refresh", action="store_true", help="ask channels and indexes again, however fresh the cache is"
    )
    lock.add_argument("--dry-run", action="store_true", help="write nothing")
    lock.add_argument("--json", action="store_true", help="print one JSON document to stdout and nothing else")
    lock.add_argument("-v", "--verbose", action="store_true", help="tell more, on stderr")
