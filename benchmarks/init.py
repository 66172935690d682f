"""How long `envcompose init` takes, as ratios measured in one run: print a table of what issue 3 limits.

    python benchmarks/init.py                 # medians of 20 processes, the flagship command
    python benchmarks/init.py -n 5 --no-online --command 'torch --cuda 13.0'

One online run fills a cache of its own first (minutes); everything measured after that, but for the lines that say
online, is offline. Times are never asserted anywhere: this only prints them.
"""

from __future__ import annotations

import argparse
import hashlib
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

FLAGSHIP = "axolotl --cuda 12.4"


def main(arguments: Sequence[str]) -> int:
    """Measure and print; exit status 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20, help="processes per median (default: 20)")
    parser.add_argument("--command", default=FLAGSHIP, help="the words after `envcompose init`")
    parser.add_argument("--no-online", action="store_true", help="leave out the comparison with plain uv online")
    parser.add_argument("--no-scaling", action="store_true", help="leave out the 1,000 and 2,000 lines")
    parser.add_argument("--cache", type=Path, help="a cache folder that an online run filled already")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="envcompose-bench-") as name:
        work = Path(name)
        bench = Bench(work=work, cache=options.cache or work / "cache", words=shlex.split(options.command), n=options.n)
        print(f"envcompose init {options.command}; medians of {options.n} processes")
        lines = shown(bench.offline())
        lines += [] if options.no_online else shown(bench.online())
        lines += [] if options.no_scaling else shown(bench.scaling())
    return 1 if any(line.holds is False for line in lines) else 0


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
        offline = ["init", *self.words, "--offline"]
        loaded = self._init("loaded", offline[1:])["modules"]
        imports_alone = importing([name for name in loaded if not name.startswith("envcompose")])
        with served(offline, self.work / "served", self.cache, self.n) as asked:
            commands = asked["warm"]
            inits, imports, solving, preparing, peaks = [], [], [], [], []
            for number in range(self.n):
                progress(f"offline {number + 1}/{self.n}")
                started = time.perf_counter()
                run = self._init(f"o{number}", offline[1:])
                inits.append(time.perf_counter() - started)
                peaks.append(float(run["peak_kib"]) / 1024)
                imports.append(timed(imports_alone))
                solving.append(uv_alone(commands))
                preparing.append(uv_alone(asked["fresh"][number]))
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
        environment = {**clean(), "UV_CACHE_DIR": str(self.work / "uv-cache"), "UV_NO_CONFIG": "1"}
        timed(uv, environment)
        times = max(3, min(self.n, 10))
        inits, plain = [], []
        for number in range(times):
            progress(f"online {number + 1}/{times}")
            # The first of each pair brings the pages up to date where their freshness time has passed.
            self._init(f"w{number}", [*self.words])
            started = time.perf_counter()
            self._init(f"n{number}", [*self.words])
            inits.append(time.perf_counter() - started)
            plain.append(timed(uv, environment))
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
                progress(f"{count} lines {number + 1}/{times}")
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
        return run_command(["init", *words], self.work / name, cache or self.cache)

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
            env={**clean(), "ENVCOMPOSE_CACHE_DIR": str(self.cache), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def _uv() -> str:
    import uv

    return uv.find_uv_bin()


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
