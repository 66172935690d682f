"""How long the verifier takes, and how much memory: `python benchmarks/verifier.py [PREFIX] [--expect FILE]`.

Without PREFIX it makes an environment of 300 distributions with the shared objects of this machine spread over them,
and libraries in torch's place with as many symbols as torch's (100,000 in the largest). With a PREFIX it judges that.
Bounds of issue 5: quick under 5 s, full under 60 s, memory under 300 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VERIFIER = Path(__file__).parents[1] / "envcompose" / "verify"
DISTRIBUTIONS, FILES, MODULES = 300, 100, 4
NOTHING: dict[str, object] = {
    "schema": "envcompose.expectations/1", "version": "0", "digest": None, "files": {}, "platform": "linux-64",
    "python": None, "glibc": None, "cuda": None, "driver": None, "gpus": ["8.0", "9.0"], "cxx11_abi": None,
    "torch": None, "pins": {}, "bounds": {}, "locked": None, "conda": {}, "imports": [], "extensions": [],
    "scripts": [], "nvcc": None, "built": [], "build_needs": {}, "env": {}, "probes": [],
}  # fmt: skip


def main() -> int:
    """Print a line per level: median and worst wall time, memory of the verifier's own process, exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("prefix", nargs="?")
    parser.add_argument("--expect")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(options.prefix).resolve() if options.prefix else make(Path(folder))
        expect = Path(options.expect).resolve() if options.expect else Path(folder, "expect.json")
        if not options.expect:
            imports = [{"distribution": f"part-{n}", "module": f"part_{n}"} for n in range(0 if options.prefix else 20)]
            expect.write_text(json.dumps({**NOTHING, "imports": imports}))
        for level in ("quick", "full"):
            times, memory, status = measure(prefix, expect, level, options.runs)
            median, worst = statistics.median(times), max(times)
            print(f"{level:5}  median {median:5.2f} s  worst {worst:5.2f} s  own memory {memory} MB  status {status}")
    return 0


def measure(prefix: Path, expect: Path, level: str, runs: int) -> tuple[list[float], int, int]:
    """Wall times, the peak of the verifier's own process (its children left out), and the exit status."""
    times, memory, status = [], 0, 0
    code = (
        "import resource, runpy, sys, atexit\n"
        "atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr))\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    command = [str(prefix / "bin" / "python"), "-c", code, str(VERIFIER), "--level", level, "--expect", str(expect)]
    env = {**os.environ, "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"}
    for _ in range(runs):
        start = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        times.append(time.perf_counter() - start)
        memory, status = max(memory, int(ended.stderr.split()[-1])), ended.returncode
    return times, memory, status


def make(folder: Path) -> Path:
    """An environment of 300 distributions, each with modules, a RECORD, requirements, and shared objects."""
    prefix = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    site = next((prefix / "lib").glob("python*/site-packages"))
    objects = [path for path in sorted(Path(sys.base_prefix).rglob("*.so")) if not path.is_symlink()]
    for n in range(DISTRIBUTIONS):
        package = site / f"part_{n}"
        package.mkdir()
        rows = []
        for m in range(FILES):
            (package / f"module_{m}.py").write_text("")
            rows.append(f"part_{n}/module_{m}.py,,")
        (package / "__init__.py").write_text("")
        for m in range(MODULES if objects else 0):
            source = objects[(n * MODULES + m) % len(objects)]
            shutil.copy(source, package / source.name)
            rows.append(f"part_{n}/{source.name},,")
        info = site / f"part_{n}-1.0.dist-info"
        info.mkdir()
        others = [(n + k) % DISTRIBUTIONS for k in range(1, 13)]
        needs = "".join(f"Requires-Dist: part-{k}>=0.5,<2; python_version >= '3.8'\n" for k in others)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: part-{n}\nVersion: 1.0\n{needs}\n")
        (info / "RECORD").write_text("\n".join(rows))
    make_torch(site)
    return prefix


def make_torch(site: Path) -> None:
    """Libraries in torch's place, and ten extensions that are linked to them."""
    lib = site / "torch" / "lib"
    lib.mkdir(parents=True)
    (site / "torch" / "__init__.py").write_text("")
    (site / "torch" / "version.py").write_text("__version__ = '2.6.0'\ncuda = '12.4'\n")
    if shutil.which("gcc") is None:
        print("there is no gcc: the environment has no torch", file=sys.stderr)
        return
    long = "_ZN2at6native" + "x" * 90
    compile(lib / "libc10.so", [f"int {long}_c{n};" for n in range(5_000)])
    compile(lib / "libtorch_cpu.so", [f"int {long}_{n};" for n in range(100_000)], lib / "libc10.so")
    compile(lib / "libtorch_python.so", [f"int {long}_p{n};" for n in range(20_000)], lib / "libtorch_cpu.so")
    for n in range(10):
        calls = [f"extern int {long}_{k * 90 + n}; int* use{k} = &{long}_{k * 90 + n};" for k in range(1_000)]
        compile(site / f"part_{n}" / "kernel.abi3.so", calls, lib / "libtorch_cpu.so")


def compile(target: Path, lines: list[str], *needs: Path) -> None:
    """A shared object of these lines of C that needs other ones."""
    source = target.with_suffix(".c")
    source.write_text("\n".join(lines))
    command = ["gcc", "-shared", "-fPIC", "-O0", f"-Wl,-soname,{target.name}", "-Wl,-rpath,$ORIGIN", str(source)]
    subprocess.run([*command, "-o", str(target), "-Wl,--no-as-needed", *map(str, needs)], check=True)
    source.unlink()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
