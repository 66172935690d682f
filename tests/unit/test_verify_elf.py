"""Reading ELF files and fat binaries: agreement with binutils and cuobjdump, and hostile files."""

from __future__ import annotations

import contextlib
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcompose.verify import elf, fatbin, libraries

FOLDERS = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib64"), Path(sys.base_prefix), Path(sys.prefix)]
needs_binutils = pytest.mark.skipif(
    not (shutil.which("readelf") and shutil.which("nm")), reason="there are no binutils here"
)


def shared_objects(most: int) -> list[Path]:
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.so*")) if folder.is_dir() else ():
            if path.is_file() and not path.is_symlink() and re.search(r"\.so(\.\d+)*$", path.name):
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        found.setdefault(path.name, path)
    paths = list(found.values())
    return paths[:: max(1, len(paths) // most)][:most]


def by_readelf(path: Path) -> tuple[set[str], str | None, set[str], set[tuple[str, str]], set[str]]:
    """(needed, soname, rpath and runpath, version needs, version definitions) as readelf prints them."""
    text = subprocess.run(["readelf", "-dVW", str(path)], capture_output=True, text=True, check=False).stdout
    needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", text))
    soname = re.search(r"\(SONAME\)\s+Library soname: \[(.*)\]", text)
    folders = {
        f for found in re.findall(r"\(RU?N?PATH\)\s+Library r\w+: \[(.*)\]", text) for f in found.split(":") if f
    }
    versions, library, defined, part = set(), "", set(), ""
    for line in text.splitlines():
        part = line if line.startswith("Version ") else part
        file = re.search(r"File: (\S+)", line)
        library = file.group(1) if file else library
        name = re.search(r"Name: (\S+)\s+Flags: (.*?)\s+(?:Version|Index|Cnt|Rev)", line)
        if name and part.startswith("Version needs") and "WEAK" not in name.group(2):
            versions.add((library, name.group(1)))
        entry = re.search(r"Flags: (.*?)\s+Index: .*Name: (\S+)", line)
        if entry and part.startswith("Version definition") and "BASE" not in entry.group(1):
            defined.add(entry.group(2))
    return needed, soname.group(1) if soname else None, folders, versions, defined


def by_nm(path: Path) -> tuple[set[str], set[str]]:
    """(defined, undefined) dynamic symbols as nm prints them."""
    text = subprocess.run(["nm", "-D", "--no-demangle", str(path)], capture_output=True, text=True, check=False).stdout
    defined, undefined = set(), set()
    for line in text.splitlines():
        match = re.match(r"(?:[0-9a-f]+)?\s+(\w) (\S+)$", line)
        if match:
            kind, name = match.group(1), match.group(2).split("@")[0]
            (undefined if kind == "U" else defined if kind not in "wv" else set()).add(name)
    return defined, undefined


def agree(path: Path) -> None:
    image, symbols = elf.read(str(path)), elf.read_symbols(str(path))
    needed, soname, folders, versions, offered = by_readelf(path)
    assert (set(image.needed), image.soname) == (needed, soname), path
    assert set(image.runpath) | set(image.rpath) == folders, path
    assert image.versions_needed == versions, path
    assert image.versions_defined == offered, path
    defined, undefined = by_nm(path)
    assert {name.decode() for name in symbols.undefined} == undefined, path
    ours = {name.decode() for name in symbols.defined}
    # nm lists what is hidden too, and weak definitions; versions are symbols for it.
    assert ours <= defined | {n.decode() for n in symbols.undefined} | _weak(path), path
    assert len(defined - ours - offered) <= len(_hidden(path)), path


def _weak(path: Path) -> set[str]:
    text = subprocess.run(["nm", "-D", "--no-demangle", str(path)], capture_output=True, text=True, check=False).stdout
    return {name.split("@")[0] for name in re.findall(r"^[0-9a-f]+ [wv] (\S+)$", text, re.MULTILINE)}


def _hidden(path: Path) -> set[str]:
    text = subprocess.run(
        ["readelf", "--dyn-syms", "-W", str(path)], capture_output=True, text=True, check=False
    ).stdout
    return {line.split()[-1] for line in text.splitlines() if " HIDDEN " in line or " INTERNAL " in line}


@needs_binutils
def test_reading_agrees_with_readelf_and_nm() -> None:
    for path in shared_objects(25):
        agree(path)


@needs_binutils
@pytest.mark.slow
def test_reading_agrees_with_readelf_and_nm_on_every_shared_object_of_this_machine() -> None:
    paths = shared_objects(100_000)
    assert len(paths) >= 200
    for path in paths:
        agree(path)


def _sample() -> bytes:
    small = [path for path in shared_objects(200) if path.stat().st_size < 60_000]
    return max(small, key=lambda path: len(elf.read(str(path)).needed)).read_bytes()


@pytest.fixture(scope="module")
def sample() -> bytes:
    return _sample()


def read_all(path: Path) -> None:
    """Whatever a file holds, reading ends soon, with an answer or with ElfMalformed."""
    start = time.monotonic()
    for read in (elf.read, elf.read_symbols):
        with contextlib.suppress(elf.ElfMalformed):
            read(str(path))
    fatbin.read(str(path))
    assert time.monotonic() - start < 60


_edits = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 800), st.integers(0, 60_000)),
        st.sampled_from([b"\0", b"\xff", b"\xff" * 8, b"\0" * 8, b"\x01", b"\x80", b"\x7f\xff\xff\xff"]),
    ),
    min_size=1,
    max_size=12,
)
_patient = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_patient
@given(_edits, st.integers(0, 60_000))
def test_damaged_files_neither_crash_nor_hang_it(
    sample: bytes, tmp_path: Path, edits: list[tuple[int, bytes]], keep: int
) -> None:
    data = bytearray(sample)
    for position, content in edits:
        data[position % len(data) : position % len(data) + len(content)] = content
    path = tmp_path / "damaged.so"
    path.write_bytes(bytes(data[: max(keep, 64)]))
    read_all(path)


@pytest.mark.slow
@settings(_patient, max_examples=5000)
@given(_edits, st.integers(0, 60_000))
def test_many_damaged_files_neither_crash_nor_hang_it(
    sample: bytes, tmp_path: Path, edits: list[tuple[int, bytes]], keep: int
) -> None:
    data = bytearray(sample)
    for position, content in edits:
        data[position % len(data) : position % len(data) + len(content)] = content
    path = tmp_path / "damaged.so"
    path.write_bytes(bytes(data[: max(keep, 64)]))
    read_all(path)


@_patient
@given(st.binary(max_size=4096))
def test_noise_neither_crashes_nor_hangs_it(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "noise.so"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + noise)
    read_all(path)


def test_a_symbol_table_that_repeats_one_long_name_does_not_fill_memory(tmp_path: Path) -> None:
    """A million entries that all name a string of 40 kB: 40 GB if nothing bounds it."""
    count, long = 400_000, 40_000
    header, phdr = 64, 56
    dynamic = header + 2 * phdr
    table = dynamic + 6 * 16
    strings = table + count * 24
    hashes = strings + long + 2
    size = hashes + 8
    dyn = [(5, strings), (6, table), (10, long + 2), (4, hashes), (11, 24), (0, 0)]
    data = bytearray(
        struct.pack("<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    data += struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096)
    data += struct.pack("<IIQQQQQQ", 2, 6, dynamic, dynamic, dynamic, 96, 96, 8)
    data += b"".join(struct.pack("<QQ", *entry) for entry in dyn)
    data += struct.pack("<IBBHQQ", 1, 0x12, 0, 7, 0, 0) * count
    data += b"\0" + b"x" * long + b"\0" + struct.pack("<II", 1, count)
    path = tmp_path / "bomb.so"
    path.write_bytes(bytes(data))
    with pytest.raises(elf.ElfMalformed):
        elf.read_symbols(str(path))


def test_a_library_of_a_gigabyte_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.so"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
    with path.open("r+b") as file:
        file.truncate(400 * 1024**2)
    code = (
        "import sys\nfrom envcompose.verify import fatbin\nassert not fatbin.read(sys.argv[1])\n"
        # The kernel's own mark, which an exec resets: ru_maxrss keeps the size of the process that forked.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(ended.stdout) < 150 * 1024


def entry(kind: int, architecture: int, flags: int, payload: bytes = b"") -> bytes:
    head = struct.pack("<HHIQIIHHIIIQQQ", kind, 257, 64, len(payload), 0, 0, 8, 1, architecture, 0, 0, flags, 0, 0)
    return head + payload


def test_fat_binaries_are_read_one_after_the_other() -> None:
    first = entry(2, 80, 0x11, b"x" * 24) + entry(1, 90, 0x8011, b"y" * 8)
    second = entry(2, 90, 0x100011) + entry(2, 100, 0x1200011)
    data = b"".join(struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(part)) + part for part in (first, second))
    assert [code.name for code in fatbin.codes(data, 0, len(data))] == ["sm_80", "compute_90", "sm_90a", "sm_100f"]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
@pytest.mark.parametrize(
    ("sections", "names"),
    [
        ({".nv_fatbin": 80, "__nv_relfatbin": 90}, {"sm_80"}),
        ({"__nv_relfatbin": 90}, {"sm_90"}),
        ({".nv_fatbin": 80, ".nvFatBin": 90, ".other": 100}, {"sm_80", "sm_90"}),
    ],
)
def test_parts_for_the_device_linker_count_only_where_nothing_is_linked(
    tmp_path: Path, sections: dict[str, int], names: set[str]
) -> None:
    """As cuobjdump lists them, and as libnccl has them: PTX in `__nv_relfatbin` that `.nv_fatbin` lacks."""
    lines = []
    for section, architecture in sections.items():
        part = entry(2, architecture, 0x11, b"x" * 8)
        content = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(part)) + part
        lines.append(f'.section {section}, "a"\n.align 8\n.byte {",".join(map(str, content))}\n')
    (tmp_path / "part.s").write_text("".join(lines))
    path = tmp_path / "part.so"
    subprocess.run(["gcc", "-shared", "-nostdlib", str(tmp_path / "part.s"), "-o", str(path)], check=True)
    assert {code.name for code in fatbin.read(str(path))} == names


@pytest.mark.parametrize(
    ("code", "gpu", "serves"),
    [
        (fatbin.Code(False, 8, 0), "8.0", "machine code"),
        (fatbin.Code(False, 8, 0), "8.9", "machine code"),
        (fatbin.Code(False, 8, 6), "8.0", None),
        (fatbin.Code(False, 8, 0), "9.0", None),
        (fatbin.Code(True, 8, 0), "9.0", "PTX"),
        (fatbin.Code(True, 9, 0), "8.0", None),
        (fatbin.Code(False, 9, 0, "a"), "9.0", "machine code"),
        (fatbin.Code(False, 10, 0, "a"), "10.3", None),
        (fatbin.Code(False, 10, 0, "f"), "10.3", "machine code"),
        (fatbin.Code(True, 9, 0, "a"), "10.0", None),
    ],
)
def test_which_gpu_is_served_by_which_code(code: fatbin.Code, gpu: str, serves: str | None) -> None:
    assert fatbin.serving([code], gpu) == serves


def test_the_loaders_cache_is_read_as_ldconfig_prints_it() -> None:
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    if not Path(ldconfig).exists() or not Path("/etc/ld.so.cache").exists():
        pytest.skip("there is no ldconfig here")
    text = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout
    wanted = set(re.findall(r"^\t(\S+) \(libc6,x86-64[^)]*\) => (\S+)$", text, re.MULTILINE))
    ours = {
        (name, path)
        for (name, machine), path in libraries._read_cache("/etc/ld.so.cache").items()
        if machine == "x86_64"
    }
    assert ours <= wanted
    assert {name for name, _ in ours} == {name for name, _ in wanted}


@needs_binutils
@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
def test_a_version_that_only_weak_symbols_need_is_not_needed(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("V_1 { global: strong; }; V_2 { global: feeble; };\n")
    (tmp_path / "lib.c").write_text("int strong(void) { return 1; } int feeble(void) { return 2; }\n")
    (tmp_path / "user.c").write_text(
        "int strong(void); int feeble(void) __attribute__((weak));\n"
        "int use(void) { return strong() + (feeble ? feeble() : 0); }\n"
    )
    command = ["gcc", "-shared", "-fPIC", "-nostdlib"]
    script = f"-Wl,--version-script={tmp_path / 'script'}"
    library, user = tmp_path / "libver.so", tmp_path / "user.so"
    subprocess.run([*command, str(tmp_path / "lib.c"), script, "-Wl,-soname,libver.so", "-o", str(library)], check=True)
    subprocess.run([*command, str(tmp_path / "user.c"), str(library), "-o", str(user)], check=True)
    # Few linkers mark such needs as weak, so the mark is put in here: the hash of V_2 (gABI), then the flags.
    need = struct.pack("<I", 0x5C22)
    content = user.read_bytes()
    assert content.count(need + b"\0\0") == 1
    user.write_bytes(content.replace(need + b"\0\0", need + b"\2\0"))
    assert elf.read(str(user)).versions_needed == {("libver.so", "V_1")}
    assert elf.read(str(library)).versions_defined == {"V_1", "V_2"}
    assert elf.read_symbols(str(user)).undefined == {b"strong"}
    agree(user)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
@pytest.mark.parametrize("tag", ["--disable-new-dtags", "--enable-new-dtags"])
def test_the_rpath_of_a_loader_counts_only_for_what_has_no_runpath(tmp_path: Path, tag: str) -> None:
    """outer (RPATH: one) needs middle (RPATH or RUNPATH: two), which needs inner, which is in `one` only."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    source = tmp_path / "part.c"
    source.write_text("int part;\n")
    command = ["gcc", "-shared", "-fPIC", "-Wl,--no-as-needed", str(source)]
    inner, middle, outer = one / "libinner.so", one / "libmiddle.so", tmp_path / "outer.so"
    subprocess.run([*command, "-Wl,-soname,libinner.so", "-o", str(inner)], check=True)
    flags = [f"-Wl,{tag},-rpath,{two}", "-Wl,-soname,libmiddle.so", str(inner)]
    subprocess.run([*command, *flags, "-o", str(middle)], check=True)
    flags = [f"-Wl,--disable-new-dtags,-rpath,{one}", str(middle), f"-Wl,-rpath-link,{one}"]
    subprocess.run([*command, *flags, "-o", str(outer)], check=True)
    load = libraries.Libraries(sys.executable).load(str(outer))
    loads = subprocess.run(
        [sys.executable, "-c", f"import ctypes; ctypes.CDLL({str(outer)!r})"], capture_output=True, check=False
    )
    assert (load.missing == ()) == (loads.returncode == 0) == (tag == "--disable-new-dtags")
