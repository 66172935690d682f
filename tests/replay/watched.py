"""Run envcompose and write down every connection that it opens and every process that it starts.

    python -m tests.replay.watched EVENTS.json init torch --offline

An audit hook (PEP 578) cannot be taken back, so this runs in a process of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NETWORK = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request")
PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")


def main(events_file: Path, arguments: list[str]) -> int:
    """Run the program; gives its exit status."""
    events: list[list[object]] = []

    def hook(event: str, details: tuple[object, ...]) -> None:
        if event in NETWORK:
            events.append([event, *(repr(part) for part in details[1:])])
        elif event in PROCESSES:
            words = details[1] if event == "subprocess.Popen" else details
            events.append([event, *(str(word) for word in words)] if isinstance(words, (list, tuple)) else [event])

    sys.addaudithook(hook)
    from envcompose.cli.main import main as program

    status = program(arguments)
    sys.stdout.flush()
    events_file.write_text(json.dumps(events), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
