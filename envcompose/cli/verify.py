"""`envcompose verify`: judge an installed environment with the verifier that this envcompose ships."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from pathlib import Path

from envcompose.cli.terminal import emit, one_line
from envcompose.errors import NoEnvironment, NoExpectations
from envcompose.read.again import init_again
from envcompose.verify import FORM, command
from envcompose.world.files import verifier_texts
from envcompose.write.bundle import EXPECTATIONS, MANIFEST, VERIFIER

_DEFAULT = Path(".pixi", "envs", "default")
_FORM = re.compile(r'^FORM = "(\d+)"$', re.MULTILINE)


def run_verify(options: argparse.Namespace) -> int:
    """Run the command; gives the verifier's exit status. Raises NoEnvironment and NoExpectations (exit 2).

    The verifier runs in this process and imports nothing of the environment: what is imported, the environment's own
    interpreter imports.
    """
    prefix = _environment(options.prefix)
    expect = _expectations(options.expect, prefix)
    for line in _lines_about_copy(expect.absolute().parent.parent):
        emit(one_line(line), sys.stderr)
    arguments = [str(prefix), "--expect", str(expect), "--level", options.level, f"--time-limit={options.time_limit}"]
    for name in ("json", "require_gpu", "verbose"):
        if getattr(options, name):
            arguments.append(f"--{name.replace('_', '-')}")
    return command.main(arguments)


def _environment(given: str | None) -> Path:
    """The prefix: the one that is named, a project's default one, else the one this Python runs in."""
    folder = Path(given) if given is not None else Path()
    for prefix in (folder, folder / _DEFAULT):
        if _has_python(prefix):
            return prefix
    own = Path(sys.prefix)
    if given is None and ((own / "conda-meta").is_dir() or not Path(EXPECTATIONS).is_file()) and _is_composed(own):
        return own
    raise NoEnvironment(path=str(folder / _DEFAULT if given is None else folder), composed=_is_composed(folder))


def _has_python(prefix: Path) -> bool:
    return (prefix / "bin" / "python").exists()


def _is_composed(folder: Path) -> bool:
    return any((above / EXPECTATIONS).is_file() for above in (folder.absolute(), *folder.absolute().parents))


def _expectations(given: str | None, prefix: Path) -> Path:
    """The file that says what to expect: the one that is named, else the nearest above the prefix or this folder."""
    if given is not None:
        if not Path(given).is_file():
            raise NoExpectations(looked=given, named=True)
        return Path(given)
    for start in (prefix.absolute(), Path.cwd()):
        for folder in (start, *start.parents):
            if (folder / EXPECTATIONS).is_file():
                return folder / EXPECTATIONS
    raise NoExpectations(looked=os.path.relpath(prefix), named=False)


def _lines_about_copy(root: Path) -> tuple[str, ...]:
    """What to say where the copy that travels with the manifest is not the verifier that this envcompose ships."""
    copy, shipped = root / VERIFIER, verifier_texts()
    if not copy.is_dir() or all(_text(copy / name) == text for name, text in shipped.items()):
        return ()
    found = _FORM.search(_text(copy / "__init__.py"))
    form = int(found.group(1)) if found else 0
    if form > int(FORM):
        how = f"newer than this envcompose's ({form}, here {FORM})"
        return (f"note: {VERIFIER} is {how}: the newer one judges with 'pixi run verify'",)
    how = "older than this envcompose's" if form < int(FORM) else "not as this envcompose ships it"
    again = init_again(_text(root / MANIFEST))
    here = os.path.relpath(root)
    move = "" if here == "." else f"cd {shlex.quote(here)} && "
    hint = (f"  hint: {move}{again}",) if again else ()
    return (f"note: {VERIFIER} is {how}, which judges now; composing again replaces it", *hint)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
