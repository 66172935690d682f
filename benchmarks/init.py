"""How long `envcompose init` takes, as ratios measured in one run: print a table of what issue 3 limits.

    python benchmarks/init.py                 # medians of 20 processes, the flagship command
    python benchmarks/init.py -n 5 --no-online --command 'torch --cuda 13.0'

One online run fills a cache of its own first (minutes); everything measured after that, but for the lines that say
online, is offline. Times are never asserted anywhere: this only prints them.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FLAGSHIP = "axolotl --cuda 12.4"

_INIT = """
import json, resource, sys, time
from envcompose.cli.main import main
status = main(sys.argv[2:])
own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump(
    {"status": status, "peak_kib": own.ru_maxrss, "own_seconds": own.ru_utime + own.ru_stime,
     "children_seconds": children.ru_utime + children.ru_stime,
     "modules": sorted(name for name, module in sys.modules.items()
                       if "site-packages" in (getattr(module, "__file__", None) or "") and "__mypyc" not in name)},
    open(sys.argv[1], "w"))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table; `limit` is None where nothing was promised."""

    what: str
    value: str
    limit: str | None = None
    holds: bool | None = None


def main(arguments: Sequence[str]) -> int:
    """Measure and print; exit status 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20, help="processes per median (default: 20)")
    parser.add_argument("--command", default=FLAGSHIP, help="the words after `envcompose init`")
    parser.add_argument("--no-online", action="store_true", help="leave out the comparison with plain uv online")
    parser.add_argument("--no-scaling", action="store_true", help="leave out the 1,000 and 2,000 lines")
    parser.add_argument("--cache", type=Path, help="a cache folder that an online run filled already")
    if arguments[:1] == ["--serve"]:
        return _serve(shlex.split(arguments[1]), Path(arguments[2]), int(arguments[3]))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="envcompose-bench-") as name:
        work = Path(name)
        bench = Bench(work=work, cache=options.cache or work / "cache", words=shlex.split(options.command), n=options.n)
        print(f"envcompose init {options.command}; medians of {options.n} processes")
        lines = _shown(bench.offline())
        lines += [] if options.no_online else _shown(bench.online())
        lines += [] if options.no_scaling else _shown(bench.scaling())
    return 1 if any(line.holds is False for line in lines) else 0


def _shown(lines: list[Line]) -> list[Line]:
    print("\r", end="")
    for line in lines:
        verdict = "" if line.holds is None else ("  holds" if line.holds else "  DOES NOT HOLD")
        limit = f"  (limit {line.limit})" if line.limit else ""
        print(f"{line.what:<52}  {line.value:>9}{limit}{verdict}", flush=True)
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The measurements of one command."""

    work: Path
    cache: Path
    words: list[str]
    n: int

    def offline(self) -> list[Line]:
        """init --offline against bare imports and uv alone, the resolves, the peak memory."""
        print("one online run to fill the cache", flush=True)
        first = self._init("first", [*self.words])
        if first["status"] not in (0, 1):
            raise SystemExit("the online run failed")
        modules = [name for name in first["modules"] if not name.startswith("envcompose")]
        importing = [
            sys.executable,
            "-c",
            "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)",
        ]
        with self._loopback() as served:
            commands = served["warm"]
            inits, imports, solving, preparing, peaks = [], [], [], [], []
            for number in range(self.n):
                print(f"\roffline {number + 1}/{self.n}", end="", flush=True)
                started = time.perf_counter()
                run = self._init(f"o{number}", [*self.words, "--offline"])
                inits.append(time.perf_counter() - started)
                peaks.append(float(run["peak_kib"]) / 1024)
                imports.append(_timed([*importing, *_top_level(modules)]))
                solving.append(sum(self._uv_alone(f"w{number}", command) for command in commands))
                preparing.append(sum(self._uv_alone(f"f{number}", command) for command in served["fresh"][number]))
        init, bare, alone, fresh = (statistics.median(times) for times in (inits, imports, solving, preparing))
        ratio, against_fresh = init / (bare + 1.5 * alone), init / (bare + 1.5 * fresh)
        peak = statistics.median(peaks)
        return [
            Line(what="init --offline", value=f"{init:.2f} s"),
            Line(what="bare import of its libraries", value=f"{bare:.2f} s"),
            Line(what=f"uv alone, {len(commands)} resolves, same loopback index", value=f"{alone:.2f} s"),
            Line(what="uv alone, index fresh in each run, as inside of init", value=f"{fresh:.2f} s"),
            Line(
                what="init / (import + 1.5 x uv), fresh index",
                value=f"{against_fresh:.2f}",
                limit="1.00",
                holds=against_fresh <= 1,
            ),
            Line(
                what="init / (import + 1.5 x uv), index in memory", value=f"{ratio:.2f}", limit="1.00", holds=ratio <= 1
            ),
            Line(what="resolves", value=str(len(commands)), limit="4", holds=len(commands) <= 4),
            Line(what="peak memory of our own process", value=f"{peak:.0f} MB", limit="200 MB", holds=peak < 200),
        ]

    def online(self) -> list[Line]:
        """init with warm caches against what plain uv takes online for the same closure with its cache warm."""
        closure = self._closure()
        lines = self.work / "closure.txt"
        lines.write_text("".join(f"{line}\n" for line in closure))
        uv = [_uv(), "pip", "compile", "--no-build", "--no-deps", "--quiet", "--no-header", "--python-platform"]
        uv += [
            "x86_64-manylinux_2_40",
            "--python-version",
            self._python(),
            "-o",
            str(self.work / "out.txt"),
            str(lines),
        ]
        environment = {**_clean(), "UV_CACHE_DIR": str(self.work / "uv-cache"), "UV_NO_CONFIG": "1"}
        _timed(uv, environment)
        times = max(3, min(self.n, 10))
        inits, plain = [], []
        for number in range(times):
            print(f"\ronline {number + 1}/{times}  ", end="", flush=True)
            # The first of each pair brings the pages up to date where their freshness time has passed.
            self._init(f"w{number}", [*self.words])
            started = time.perf_counter()
            self._init(f"n{number}", [*self.words])
            inits.append(time.perf_counter() - started)
            plain.append(_timed(uv, environment))
        init, other = statistics.median(inits), statistics.median(plain)
        return [
            Line(what="init online, caches warm", value=f"{init:.2f} s"),
            Line(what=f"plain uv online, cache warm, {len(closure)} pins", value=f"{other:.2f} s"),
            Line(what="init / uv online", value=f"{init / other:.2f}", limit="0.50", holds=init <= other / 2),
        ]

    def scaling(self) -> list[Line]:
        """Our own processor time for 2,000 pinned lines against 1,000, over a made-up index in the cache."""
        cache = self.work / "made-up"
        _fill_made_up(cache, 2000)
        medians = {}
        times = max(3, min(self.n, 7))
        for count in (1000, 2000):
            lines = self.work / f"pins-{count}.txt"
            lines.write_text("".join(f"made-up-{number:04}==1.{number % 7}\n" for number in range(count)))
            runs = []
            for number in range(times):
                print(f"\r{count} lines {number + 1}/{times}  ", end="", flush=True)
                runs.append(self._init(f"s{count}-{number}", ["-r", str(lines), "--offline"], cache=cache))
            if any(run["status"] for run in runs):
                raise SystemExit(f"init failed for {count} lines")
            medians[count] = statistics.median(float(run["own_seconds"]) for run in runs)
        ratio = medians[2000] / medians[1000]
        return [
            Line(what="1,000 pinned lines, our own processor time", value=f"{medians[1000]:.2f} s"),
            Line(what="2,000 pinned lines, our own processor time", value=f"{medians[2000]:.2f} s"),
            Line(what="2,000 / 1,000", value=f"{ratio:.2f}", limit="2.20", holds=ratio <= 2.2),
        ]

    def _init(self, name: str, words: list[str], *, cache: Path | None = None) -> dict[str, Any]:
        folder = self.work / name
        folder.mkdir()
        numbers = self.work / f"{name}.json"
        subprocess.run(
            [sys.executable, "-c", _INIT, str(numbers), "init", *words],
            cwd=folder,
            env={**_clean(), "ENVCOMPOSE_CACHE_DIR": str(cache or self.cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if name != "first" else None,
            check=True,
        )
        found: dict[str, Any] = json.loads(numbers.read_text())
        return found

    @contextlib.contextmanager
    def _loopback(self) -> Iterator[dict[str, Any]]:
        """The loopback index of this command in a process of its own; gives the uv commands of its resolves.

        `warm` asks an index that has all pages in memory, `fresh` holds the same commands once for each run, over
        indexes that must read and prepare their pages as the one inside of init does.
        """
        folder = self.work / "served"
        folder.mkdir()
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", shlex.join([*self.words, "--offline"]), str(folder), str(self.n)],
            env={**_clean(), "ENVCOMPOSE_CACHE_DIR": str(self.cache), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None and server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.stdin.close()
            server.wait()

    def _uv_alone(self, number: str, command: list[str]) -> float:
        # Each resolve of one init shares uv's cache; across processes it starts empty, as init's does.
        from envcompose.world.uv import _environment

        scratch = self.work / f"uv-{number}"
        return _timed(command, _environment(str(scratch)))

    def _closure(self) -> list[str]:
        """The wheels of the closure as pins: what plain uv can ask for without building anything."""
        return [
            f"{package['name']}=={str(package['version']).partition('+')[0]}"
            for package in self._document()["packages"]
            if package["artifact"] == "wheel" and package["layer"] == "pypi"
        ]

    def _python(self) -> str:
        return str(self._document()["target"]["python"])

    def _document(self) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "envcompose", "init", *self.words, "--offline", "--dry-run", "--json"],
            cwd=self.work,
            env={**_clean(), "ENVCOMPOSE_CACHE_DIR": str(self.cache), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def _timed(command: list[str], environment: dict[str, str] | None = None) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, env=environment or _clean(), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{shlex.join(command[:4])} failed: {done.stderr}")
    return seconds


def _top_level(modules: Sequence[str]) -> list[str]:
    """All modules that init loads of other projects, parents first; a bare import loads exactly these."""
    return sorted(modules)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "CONDA_"))}


def _uv() -> str:
    import uv

    return uv.find_uv_bin()


# The loopback index, in a process of its own


def _serve(words: list[str], folder: Path, copies: int) -> int:
    """Compose once, then serve what uv was shown until stdin closes; prints the commands that ask the same."""
    from copy import copy

    from envcompose.compose import World, compose
    from envcompose.errors import Infeasible
    from envcompose.ports import Answer, Question, Universe
    from envcompose.world.loopback import Loopback
    from envcompose.world.uv import UvResolver

    asked: list[tuple[Question, Universe]] = []

    class Noting(UvResolver):
        def resolve(self, question: Question, universe: Universe) -> Answer:
            asked.append((question, universe))
            return super().resolve(question, universe)

    with Noting() as resolver, contextlib.suppress(Infeasible):
        facts, index, intent = _asked_of(words)
        compose(intent, World(facts=facts, index=index, resolver=resolver))
    with Loopback() as loopback:

        def command(question: Question, universe: Universe, name: str) -> list[str]:
            own = folder / name
            own.mkdir()
            return UvResolver()._command(question, loopback.show(universe), own)

        def forgetful(universe: Universe) -> Universe:
            twin = copy(universe)
            twin._shown, twin._by_version, twin._index = {}, {}, _asked_of(words)[1]  # type: ignore[attr-defined]
            return twin

        warm = [command(question, universe, f"w{i}") for i, (question, universe) in enumerate(asked)]
        fresh = [
            [command(question, forgetful(universe), f"f{run}-{i}") for i, (question, universe) in enumerate(asked)]
            for run in range(copies)
        ]
        print(json.dumps({"warm": warm, "fresh": fresh}), flush=True)
        sys.stdin.read()
    return 0


def _asked_of(words: list[str]) -> tuple:  # type: ignore[type-arg]
    from envcompose.api import Inputs, load_recipes, read_intent
    from envcompose.cli.init import read_wishes
    from envcompose.cli.main import build_parser
    from envcompose.world.cache import Cache, cache_folder
    from envcompose.world.http import Http
    from envcompose.world.index import HttpIndex, IndexPolicy

    facts, rules = load_recipes()
    options = build_parser().parse_args(["init", *words])
    inputs = Inputs(words=tuple(options.words), requirement_files=tuple(options.requirement))
    intent, _ = read_intent(inputs, read_wishes(options, facts), facts)
    index = HttpIndex(IndexPolicy(offline=True), Cache(cache_folder()), rules, time.time, Http())
    return facts, index, intent


# A made-up index


def _fill_made_up(folder: Path, count: int) -> None:
    """A cache with the pages of so many projects, seven releases each, every one with a wheel and two requirements."""
    from envcompose.world.cache import Cache

    cache = Cache(folder)
    # The torch table is held against the index before anything is asked; this index has none.
    cache.put("page", "default torch", "null", 0.0)
    for number in range(count):
        name = f"made-up-{number:04}"
        rows = []
        for minor in range(7):
            filename = f"made_up_{number:04}-1.{minor}-py3-none-any.whl"
            digest = hashlib.sha256(filename.encode()).hexdigest()
            rows.append(
                [f"1.{minor}", filename, f"https://index.example/{filename}", digest, ">=3.8", 0, 1000, None, 1]
            )
            others = [(number * 7 + 1) % count, (number * 11 + 3) % count]
            needs = "".join(f"Requires-Dist: made-up-{other % 1000:04}>=1.0\n" for other in others)
            headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.{minor}\n{needs}"
            contents = [1000, [f"made_up_{number:04}"], [], []]
            cache.put("wheel", digest, json.dumps([headers, contents]), 0.0)
        cache.put("page", f"default {name}", json.dumps(rows), 0.0)
    cache.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
