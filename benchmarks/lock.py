"""How long solving both layers and writing the lock take, against uv and py-rattler alone: print what issue 6 limits.

    python benchmarks/lock.py                              # the sample of conda-forge beside the checkout, three commands
    python benchmarks/lock.py -n 5 --command 'vllm==0.10.2'
    python benchmarks/lock.py --channel conda-forge        # any channel by name or address

One online run of each command fills a cache of its own first (a minute); everything measured is offline, and each
round of measuring runs every side once. What is compared: our whole process, from start to exit with its files
written, and of it the part that solves and locks (from the intent that was read to the files that are written, with the
loading of py-rattler and of what writes), against as many `uv pip compile --no-build` over the same loopback index as it made, each a process of its own,
and one process that imports py-rattler and solves what it asked, over the same cache. How many there were is taken from
the run itself. Times are never asserted anywhere: this only prints them.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import ROOT, Line, clean, importing, progress, run_command, shown, timed
from serving import served, uv_alone

SAMPLE = ROOT.parent / "shared" / "data" / "conda-forge-sample"
LIMITED = "axolotl --cuda 12.4"
"""The one that the issue limits."""
COMMANDS = (
    LIMITED,
    "axolotl --cuda 12.4 --artifact flash-attn=no-isolation",
    "vllm==0.10.2 --cuda 12.8",
)
RATIO = 1.3
MOST_MEMORY = 1000
"""Megabytes."""

PIXI = (
    ("the manifest of axolotl 0.10.0, torch 2.6.0, 12.4 (form 7d)", "45 s"),
    ("the manifest of vllm 0.10.2, Python 3.12, 12.8", "16-18 s"),
    ("torch 2.8.0 + deepspeed 0.18.2 without isolation", "5 s"),
)
"""What `pixi lock` 0.77 took with warm caches on two shared cores (facts: pixi.md §10); given, not measured here."""

_ALONE = """
import asyncio, json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from rattler import Channel, ChannelPriority, Gateway, GenericVirtualPackage, PackageName, SourceConfig, Version, solve
from rattler.package import BuildString

questions, folder, action = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), sys.argv[3]

async def main():
    gateway = Gateway(cache_dir=folder, default_config=SourceConfig(cache_action=action))
    for question in questions:
        virtual = [
            GenericVirtualPackage(PackageName(one["name"]), Version(one["version"]), BuildString(one["build"]))
            for one in question["virtual"]
        ]
        try:
            await solve(
                [Channel(channel) for channel in question["channels"]],
                question["specs"],
                gateway=gateway,
                platforms=[question["subdir"], "noarch"],
                virtual_packages=virtual,
                channel_priority=ChannelPriority.Strict,
                constraints=question["constraints"],
                timestamp_policy="allow-missing",
            )
        except Exception as error:
            if "Cannot solve" not in str(error):
                raise

asyncio.run(main())
sys.stdout.flush()
# The engine may crash an interpreter that is taken down after a solve.
os._exit(0)
"""

_ALL_RECORDS = """
import asyncio, re, sys
from rattler import Channel, Gateway
from envcompose.world.conda_record import RecordReader

async def main():
    gateway, channels = Gateway(), [Channel(sys.argv[1])]
    names = await gateway.names(channels, ["linux-64", "noarch"])
    return await gateway.query(channels, ["linux-64", "noarch"], [name.normalized for name in names], recursive=False)

found = asyncio.run(main())
records = [record for of_source in found for record in of_source]
ours = RecordReader().read(records)
print(len(ours), int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]), flush=True)
import os
os._exit(0)
"""


def main(arguments: Sequence[str]) -> int:
    """Measure and print; exit status 1 where a limit does not hold, 2 where there is no channel to ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=10, help="rounds per median (default: 10)")
    parser.add_argument("--command", action="append", help="the words after `envcompose init`; may be given again")
    parser.add_argument("--channel", help="a name or an address (default: ../shared/data/conda-forge-sample)")
    parser.add_argument("--cache", type=Path, help="a cache folder that online runs of the commands filled already")
    options = parser.parse_args(arguments)
    channel = options.channel or (SAMPLE.resolve().as_uri() if SAMPLE.is_dir() else None)
    if channel is None:
        print("there is no sample of conda-forge beside the checkout: name a channel with --channel", file=sys.stderr)
        return 2
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="envcompose-bench-") as name:
        work = Path(name)
        for number, command in enumerate(options.command or COMMANDS):
            print(f"envcompose init {command}; medians of {options.n} rounds")
            words = [*shlex.split(command), "--channel", channel]
            place = work / str(number)
            place.mkdir()
            limit = RATIO if command == LIMITED else None
            bench = Bench(work=place, cache=options.cache or work / "cache", words=words, n=options.n, limit=limit)
            lines += shown(bench.lines())
        lines += shown(records(channel))
    print("pixi lock, for comparison (given in facts/pixi.md §10, not measured here)")
    for what, seconds in PIXI:
        print(f"{what:<58}  {seconds:>9}")
    return 1 if any(line.holds is False for line in lines) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The measurements of one command."""

    work: Path
    cache: Path
    words: list[str]
    n: int
    limit: float | None

    def lines(self) -> list[Line]:
        """One online run, then rounds of all sides; medians."""
        progress("one online run to fill the cache")
        first = run_command(["init", *self.words], self.work / "first", self.cache, quiet=True)
        if first["status"] not in (0, 1):
            raise SystemExit("the online run failed")
        offline = [*self.words, "--offline"]
        loaded = run_command(["init", *offline], self.work / "loaded", self.cache)["modules"]
        imports = importing([name for name in loaded if not name.startswith("envcompose")])
        times: dict[str, list[float]] = {
            name: [] for name in ("ours", "composing", "imports", "warm", "fresh", "conda")
        }
        peaks: list[float] = []
        with served(["init", *offline], self.work / "served", self.cache, self.n) as asked:
            questions = self.work / "questions.json"
            questions.write_text(json.dumps(asked["conda"]))
            alone = [sys.executable, "-c", _ALONE, str(questions), str(self.cache / "channels"), "force-cache-only"]
            for number in range(self.n):
                progress(f"round {number + 1}/{self.n}")
                started = time.perf_counter()
                run = run_command(["init", *offline], self.work / f"o{number}", self.cache)
                times["ours"].append(time.perf_counter() - started)
                times["composing"].append(run["composing_seconds"])
                peaks.append(run["peak_kib"] / 1024)
                times["fresh"].append(uv_alone(asked["fresh"][number]))
                times["conda"].append(timed(alone))
                times["warm"].append(uv_alone(asked["warm"]))
                times["imports"].append(timed(imports))
        locked = (self.work / "o0" / "pixi.lock").is_file()
        medians = {name: statistics.median(found) for name, found in times.items()}
        return _table(medians, asked, peaks, locked=locked, limit=self.limit)


def _table(
    medians: dict[str, float], asked: dict[str, Any], peaks: Sequence[float], *, locked: bool, limit: float | None
) -> list[Line]:
    ours, composing, fresh, warm, conda = (medians[name] for name in ("ours", "composing", "fresh", "warm", "conda"))
    rounds = f"{len(asked['warm'])} resolve{'s' * (len(asked['warm']) != 1)}"
    solves = f"{len(asked['conda'])} solve{'s' * (len(asked['conda']) != 1)}"
    peak = max(peaks)
    return [
        Line(what="pixi.lock written", value="yes" if locked else "no", holds=locked),
        Line(what="init --offline, the whole process", value=f"{ours:.2f} s"),
        Line(what="of it: solve and lock", value=f"{composing:.2f} s"),
        Line(what=f"uv alone, {rounds}, the same loopback index", value=f"{fresh:.2f} s"),
        Line(what=f"uv alone, {rounds}, all pages in memory", value=f"{warm:.2f} s"),
        Line(what=f"py-rattler alone, {solves}, one process", value=f"{conda:.2f} s"),
        Line(what="bare import of all libraries that init loads", value=f"{medians['imports']:.2f} s"),
        _ratio("solve and lock / (uv + py-rattler)", composing / (fresh + conda), limit),
        _ratio("whole process / (uv + py-rattler)", ours / (fresh + conda)),
        _ratio("whole process / (uv over pages in memory + py-rattler)", ours / (warm + conda)),
        Line(
            what="peak memory of our own process (VmHWM, the highest)",
            value=f"{peak:.0f} MB",
            limit=f"{MOST_MEMORY} MB",
            holds=peak < MOST_MEMORY,
        ),
    ]


def _ratio(what: str, ratio: float, limit: float | None = None) -> Line:
    if limit is None:
        return Line(what=what, value=f"{ratio:.2f}")
    return Line(what=what, value=f"{ratio:.2f}", limit=f"{limit:.2f}", holds=ratio <= limit)


def records(channel: str) -> list[Line]:
    """The peak memory with every record of the channel loaded and turned into ours, which no command does."""
    progress("every record")
    done = subprocess.run(
        [sys.executable, "-c", _ALL_RECORDS, channel],
        env={**clean(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    count, peak = (int(word) for word in done.stdout.split())
    return [
        Line(
            what=f"peak memory with all {count:,} records of the channel loaded",
            value=f"{peak / 1024:.0f} MB",
            limit=f"{MOST_MEMORY} MB",
            holds=peak / 1024 < MOST_MEMORY,
        )
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
