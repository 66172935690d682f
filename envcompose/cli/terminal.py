"""What goes to a terminal: progress, colour where it is wanted, and text from which no escape code can break out."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
import threading
import time
from collections.abc import Mapping
from typing import TextIO

from envcompose.errors import EnvcomposeError, NotWritable
from envcompose.read.secrets import mask_secrets

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
QUIET_SECONDS = 0.5
_MOST_FACTS = 16
_WIDTH, _NARROWEST = 100, 20
_DEEPEST = 2
"""How far a line of an error is indented; what stands deeper shows a text as it is."""
_COMMANDS = ("envcompose ", "pixi ", "cd ")


def plain(text: str) -> str:
    """Text without control characters and without secrets: foreign texts must not steer a terminal."""
    return _CONTROL.sub("?", mask_secrets(text))


def one_line(text: str) -> str:
    """Plain text whose line breaks are gone too, so that a foreign text cannot look like a line of ours."""
    return re.sub(r"[\n\t]", " ", plain(text))


def line_width(stream: TextIO) -> int:
    """How many columns a line may have: those of a narrow terminal, and as many as are read well everywhere else."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        columns = 0
    return min(_WIDTH, max(columns, _NARROWEST)) if columns else _WIDTH


def wrapped(text: str, stream: TextIO | None = None) -> str:
    """A line of a section: indented and folded where a terminal would break it; words stay whole, so that they can be copied.

    Blanks in front of the text indent all of it further. `stream` is where it goes, stdout unless it is given.
    """
    inner = " " * (len(text) - len(text.lstrip(" ")))
    return _filled(one_line(text.lstrip()), line_width(stream or sys.stdout), "  " + inner)


def folded(line: str, stream: TextIO) -> str:
    """A line with its indent, folded where a terminal would break it; anywhere else it stays one line.

    Commands stay whole, so that they can be copied, and so does what a caret stands below.
    """
    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    is_whole = len(indent) > _DEEPEST or text.removeprefix("hint: ").startswith(_COMMANDS)
    if not stream.isatty() or is_whole:
        return line
    return _filled(text, line_width(stream), indent)


def _filled(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def emit(text: str, stream: TextIO | None = None) -> None:
    """Print to stdout, or to `stream`, and flush.

    A reader that has gone is no failure of ours: what it does not read goes nowhere, and the command keeps its exit
    status. Raises NotWritable where the output cannot be written for another reason.
    """
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as error:
        # What is still buffered would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise NotWritable(path="the output", reason=error.strerror or str(error), hint="check where it goes") from error


def print_document(document: Mapping[str, object]) -> None:
    """A JSON document on stdout, in ASCII, so that every terminal and pipe carries it unharmed."""
    emit(json.dumps(document, indent=2))


def wants_colour(stream: TextIO) -> bool:
    """Colour only on a terminal, and never against NO_COLOR (no-color.org) or TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str, stream: TextIO) -> str:
    """Bold where colour is wanted."""
    return f"\x1b[1m{text}\x1b[0m" if wants_colour(stream) else text


def print_error(error: EnvcomposeError) -> None:
    """One sentence, the facts one a line, then the hints; to stderr."""
    lines = [f"error: {one_line(error.sentence)}"]
    lines += [f"  {one_line(fact)}" for fact in error.facts[:_MOST_FACTS]]
    if len(error.facts) > _MOST_FACTS:
        lines.append(f"  and {len(error.facts) - _MOST_FACTS} more, which --json tells")
    lines += [f"  hint: {one_line(hint)}" for hint in error.hints]
    text = "\n".join(folded(line, sys.stderr) for line in lines)
    emit(bold("error:", sys.stderr) + text.removeprefix("error:"), sys.stderr)


class Progress:
    """A line on stderr for whatever takes over half a second; silent where stderr is no terminal.

    A context manager; `tell` may be called from any thread.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = False
        self._text = ""
        self._since = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Progress:
        if self._shown:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._shown:
            self._thread.join()
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def tell(self, text: str) -> None:
        """What is being done now."""
        if self._verbose and not self._shown:
            print(plain(text), file=sys.stderr)
        if text != self._text:
            self._text, self._since = text, time.monotonic()

    def say(self, text: str) -> None:
        """Print lines to stderr that stay, above the line that tells of progress."""
        emit(f"\r\x1b[K{text}" if self._drawn else text, sys.stderr)

    def _draw(self) -> None:
        while not self._done.wait(0.2):
            seconds = time.monotonic() - self._since
            if seconds >= QUIET_SECONDS:
                self._drawn = True
                # A line that the terminal breaks could not be erased again.
                text = plain(self._text or "reading")[: line_width(sys.stderr) - len(f" … {seconds:.0f} s") - 1]
                print(f"\r\x1b[K{text} … {seconds:.0f} s", end="", file=sys.stderr, flush=True)
