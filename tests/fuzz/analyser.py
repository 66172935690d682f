"""Gives the analyser inputs that nobody would write, and tells which of them it does not answer as it promises.

    python -m tests.fuzz.analyser --inputs 1000000 --seed 1 [--from N] [--save FOLDER]
    python -m tests.fuzz.analyser --seed 1 --only 4711           # one input again, with its traceback

An escape is: an exception other than ArchiveRefused; more than the allowed processor time or memory; another answer to
the same input; a document that cannot be written or breaks its schema, or an analysis that its JSON does not give back.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from envcompose.analyse import ArchiveRefused, analyse_sdist, load_rules, trim_checkout, trim_sdist
from envcompose.model.analysis import Analysis, SdistTexts
from envcompose.schema import analysis_schema
from envcompose.world.analysis_json import analysis_from_json, analysis_to_json
from envcompose.world.files import recipe_texts
from envcompose.write.analysis_document import analysis_document
from tests.fuzz.cases import Case, case

RULES = load_rules(recipe_texts()["tables/build_rules.toml"])
SOURCE = {"kind": "archive", "file": "demo", "url": None, "sha256": None}
SECONDS = 10.0
"""Processor time that one input may take."""
MEBIBYTES = 150
"""By how much one input may raise the process's peak memory."""
OFTEN = 16
"""One input in so many is analysed twice, and its document is validated."""


class TooLong(BaseException):
    """An input used up its time. No handler of the analyser may catch it."""


class Broken(Exception):
    """An answer is not what it promises to be."""


@dataclass(slots=True)
class Tally:
    """What a run has seen so far."""

    answers: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_number: int = -1
    peak: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    """Of all documents in their order: it is the same in every process."""
    by_kind: dict[str, float] = field(default_factory=dict)


def fuzz(seed: int, numbers: range, tally: Tally, save: Path | None = None, *, seconds: float = SECONDS) -> None:
    """Judge a range of inputs; every escape is told in `tally`, and saved with its input where a folder is given."""
    tally.peak = tally.peak or _peak()
    for number in numbers:
        made = case(seed, number)
        start = time.process_time()
        try:
            with _limited(seconds):
                answer, document = judge(made)
                tally.digest.update(document.encode("ascii"))
        except (Exception, TooLong) as error:
            answer = "escaped"
            _escape(tally, made, seed, error, save)
        spent = time.process_time() - start
        tally.answers[f"{made.kind}: {answer}"] += 1
        tally.by_kind[made.kind] = tally.by_kind.get(made.kind, 0.0) + spent
        if spent > tally.slowest:
            tally.slowest, tally.slowest_number = spent, number
        peak = _peak()
        if peak > tally.peak + (MEBIBYTES << 20):
            _escape(tally, made, seed, Broken(f"memory rose by {(peak - tally.peak) >> 20} MiB"), save)
        tally.peak = max(tally.peak, peak)


def judge(made: Case) -> tuple[str, str]:
    """Say how an input was answered, and give the document ('' for a refusal). Raises whatever the analyser lets through, and Broken for a wrong answer."""
    try:
        texts = _texts(made)
    except ArchiveRefused:
        return "refused", ""
    thorough = made.number % OFTEN == 0
    analysis = _analysed(texts, made)
    if [reading.torch for reading in analysis.readings] != list(made.torches):
        raise Broken("the readings are not those that were asked for")
    document = json.dumps(analysis_document(analysis, source=SOURCE, envcompose="1"))
    if thorough:
        _check(made, texts, analysis, json.loads(document))
    return "incomplete" if analysis.incomplete else "answered", document


def _texts(made: Case) -> SdistTexts:
    if made.archive is not None:
        return trim_sdist(made.archive, made.filename)
    return trim_checkout(made.files or {}, made.filename)


def _analysed(texts: SdistTexts, made: Case) -> Analysis:
    return analyse_sdist(texts, rules=RULES, torches=made.torches, python=made.python)


def _check(made: Case, texts: SdistTexts, analysis: Analysis, document: Any) -> None:
    if SdistTexts.from_json(texts.to_json()) != texts:
        raise Broken("the texts do not come back from their JSON")
    if _analysed(_texts(made), made) != analysis:
        raise Broken("the same input gives two answers")
    if analysis_from_json(analysis_to_json(analysis)) != analysis:
        raise Broken("the analysis does not come back from its JSON")
    VALIDATOR.validate(document)


VALIDATOR = jsonschema.Draft202012Validator(analysis_schema())


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise TooLong(f"more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _peak() -> int:
    """Give the process's own highest resident size in bytes; a fork's mark in ru_maxrss would be its parent's."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) << 10
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _escape(tally: Tally, made: Case, seed: int, error: BaseException, save: Path | None) -> None:
    trace = "".join(traceback.format_exception(error))
    tally.escapes.append(f"seed {seed}, input {made.number} ({made.kind}): {type(error).__name__}: {str(error)[:200]}")
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        stem = f"escape-{seed}-{made.number}"
        (save / f"{stem}.tar").write_bytes(made.saved())
        (save / f"{stem}.txt").write_text(
            f"{tally.escapes[-1]}\n{made.torches} {made.python}\n{trace}", encoding="utf-8"
        )


def report(tally: Tally, spent: float) -> str:
    """Say how many inputs were judged, how fast, how they were answered, and every escape."""
    count = sum(tally.answers.values())
    lines = [
        f"{count} inputs in {spent:.0f} s of processor time ({1000 * spent / max(count, 1):.2f} ms each); "
        f"the slowest took {tally.slowest:.2f} s (input {tally.slowest_number}); peak {tally.peak >> 20} MiB",
        *(f"  {kind}: {number}" for kind, number in sorted(tally.answers.items())),
        f"digest of the answers: {tally.digest.hexdigest()[:16]}",
        f"{len(tally.escapes)} escapes",
        *(f"  {line}" for line in tally.escapes),
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run; the exit status is 1 where anything escaped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="N", help="the first input's number")
    parser.add_argument("--only", type=int, metavar="N", help="judge one input and show its traceback")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S", help="processor time of one input")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="where escapes are kept with their inputs")
    options = parser.parse_args(arguments)
    if options.only is not None:
        print(*judge(case(options.seed, options.only)), sep="\n")
        return 0
    tally, last = Tally(), options.first + options.inputs
    for start in range(options.first, last, 10_000):
        fuzz(options.seed, range(start, min(start + 10_000, last)), tally, options.save, seconds=options.seconds)
        told = f"{sum(tally.answers.values())} of {options.inputs}: {len(tally.escapes)} escapes"
        print(f"{told}, {time.process_time():.0f} s", file=sys.stderr, flush=True)
    print(report(tally, time.process_time()))
    return 1 if tally.escapes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
