"""Binary fit, by reading ELF files: what the dynamic loader would refuse, before anything is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from . import elf
from .binaries import DRIVER_LIBRARIES, Binaries, Extension
from .case import Case, Check
from .libraries import expand
from .versions import normalise
from .words import ERROR, NOTE, WARNING, Finding, Result

_TORCH_SYMBOL = re.compile(rb"_ZNK?S?t?\d*(3c10|2at|5torch|5caffe2)|N3c10|N2at|N5torch|^THP|aoti_torch")
_DRIVER_SYMBOL = re.compile(rb"^(cu[A-Z]|nvml|cuvid|NvEnc)")
# Libraries of torch and NVIDIA, and libraries that a wheel brought itself (auditwheel adds eight digits to them).
_FAMILY = re.compile(r"lib(torch|c10|cu[dbfrs]|nv|nccl)|lib.*-[0-9a-f]{8}\.")
_GLIBC = re.compile(r"GLIBC_(\d+(?:\.\d+)*)$")


def _subjects(case: Case) -> tuple[Extension, ...]:
    """The full level looks at every extension module, the quick one at what is linked to torch."""
    return case.binaries.modules if case.full else case.binaries.linked_to_torch


def _each(case: Case, judge: Callable[[Case, Extension], Iterable[Finding]]) -> Result:
    subjects = _subjects(case)
    return Result(len(subjects), tuple(finding for subject in subjects for finding in judge(case, subject)))


def _name(case: Case, path: str) -> str:
    """A file under its site folder."""
    for site in case.environment.sites:
        if path.startswith(site + os.sep):
            return path[len(site) + 1 :]
    return case.environment.short(path)


def judge_readable(case: Case) -> Result:
    """No shared object is damaged: cut off, empty, or with tables that contradict each other."""
    findings = []
    for path in case.binaries.files:
        if case.binaries.libraries.image(path) is not None:
            continue
        try:
            elf.read(path)
        except OSError as error:
            story = error.strerror or "unreadable"
        except elf.ElfMalformed as error:
            with open(path, "rb") as file:
                head = file.read(4)
            if head not in (b"", b"\x7fELF"):
                continue
            story = str(error)
        owner = case.binaries.owner(path)
        findings.append(Finding(ERROR, owner, f"{_name(case, path)} is whole", story, f"pixi reinstall {owner}"))
    return Result(len(case.binaries.files), tuple(findings))


def judge_machine(case: Case) -> Result:
    """Every extension is made for this machine and this Python."""
    wanted = case.environment.markers["platform_machine"]
    ours = case.environment.suffix.lstrip(".").split(".")[0]
    siblings = {extension.path for extension in _subjects(case)}

    def judge(case: Case, extension: Extension) -> Iterable[Finding]:
        image = case.binaries.libraries.image(extension.path)
        name, fix = _name(case, extension.path), f"pixi reinstall {extension.distribution}"
        if image is not None and image.machine != wanted:
            yield Finding(ERROR, extension.distribution, f"{name} for {wanted}", f"it is for {image.machine}", fix)
        elif extension.tag is not None and extension.tag != "abi3" and not ours.startswith(extension.tag):
            stem = extension.path[: extension.path.rindex("." + extension.tag)]
            fitting = {stem + end for end in (case.environment.suffix, ".abi3.so", ".so")}
            if not fitting & siblings:
                expected = f"{name} for {ours.rsplit('-', 3)[0]}"
                yield Finding(ERROR, extension.distribution, expected, f"it is for {extension.tag}", fix)

    return _each(case, judge)


def judge_libraries(case: Case) -> Result:
    """Every library that an extension needs is found, by the loader's own search order.

    Packages carry optional parts for libraries that most machines lack. So a foreign library is an error only where
    the composition expects the module; torch's, NVIDIA's and a package's own libraries always are.
    """
    expected, findings = _expected(case), []
    optional: dict[str, set[str]] = {}
    for extension in _subjects(case):
        for name, needed_by in case.binaries.load(extension).missing if _is_ours(case, extension) else ():
            if name in DRIVER_LIBRARIES or _is_torchs(case.binaries, needed_by):
                continue
            if extension.path in expected or _FAMILY.match(name):
                wanted = f"{name}, which {_name(case, needed_by)} needs"
                fix = _library_fix(name, extension)
                findings.append(Finding(ERROR, extension.distribution, wanted, "nothing provides it", fix))
            else:
                optional.setdefault(extension.distribution, set()).add(name)
    for owner, names in sorted(optional.items()):
        wanted = f"{', '.join(sorted(names))} for a part of {owner}"
        fix = "nothing, unless you use that part: then install the library"
        findings.append(Finding(NOTE, owner, wanted, "nothing provides it", fix))
    return Result(len(_subjects(case)), tuple(dict.fromkeys(findings)))


def _expected(case: Case) -> frozenset[str]:
    """The files of the modules that the composition names, and of what was built from source."""
    modules = {named.name.replace(".", os.sep) for named in case.expect.extensions}
    built = {normalise(name) for name in case.expect.built}
    found = set()
    for extension in _subjects(case):
        stem = _name(case, extension.path).split(".", 1)[0]
        if stem in modules or extension.distribution in built:
            found.add(extension.path)
    return frozenset(found)


def _library_fix(name: str, extension: Extension) -> str:
    if re.match(r"lib(torch|c10)", name):
        return f"it was built for another torch: pixi reinstall {extension.distribution}"
    if re.match(r"lib(cu|nv|nccl)", name):
        return "it was built for another CUDA line: pixi reinstall " + extension.distribution
    return f"install the library, or pixi reinstall {extension.distribution}"


def _is_ours(case: Case, extension: Extension) -> bool:
    """Whether this interpreter would ever load it: another Python's or machine's file is judged elsewhere."""
    image = case.binaries.libraries.image(extension.path)
    if image is None or image.machine != case.environment.markers["platform_machine"]:
        return False
    ours = case.environment.suffix.lstrip(".")
    return extension.tag in (None, "abi3") or ours.startswith(extension.tag or "")


def _is_torchs(binaries: Binaries, path: str) -> bool:
    """Whether the object comes with torch: then the fault is torch's, not the extension's."""
    return path in binaries.after_torch.values()


def judge_symbols(case: Case) -> Result:
    """Every symbol that an extension needs is defined by what is loaded with it: C++ ABI and torch fit."""

    def judge(case: Case, extension: Extension) -> Iterable[Finding]:
        load = case.binaries.load(extension)
        if not _is_ours(case, extension) or any(name not in DRIVER_LIBRARIES for name, _ in load.missing):
            return
        for path, symbols in case.binaries.unresolved(load).items():
            if _is_torchs(case.binaries, path):
                continue
            wanting = [s for s in symbols if not (load.missing and _DRIVER_SYMBOL.match(s))]
            if wanting:
                yield _symbol_finding(case, extension, path, wanting)

    return _each(case, judge)


def _symbol_finding(case: Case, extension: Extension, path: str, symbols: list[bytes]) -> Finding:
    shown = symbols[0].decode("utf-8", "replace")[:200] + (f" and {len(symbols) - 1} more" if symbols[1:] else "")
    fix = f"pixi reinstall {extension.distribution}"
    if any(_TORCH_SYMBOL.search(symbol) for symbol in symbols):
        old = any(b"__cxx11" not in symbol and b"Ss" in symbol for symbol in symbols)
        new = any(b"__cxx11" in symbol for symbol in symbols)
        reason = "for the other C++ ABI or another torch" if old or new else "for another torch"
        fix = f"it was built {reason}: pixi reinstall {extension.distribution}"
    expected = f"every symbol that {_name(case, path)} needs"
    return Finding(ERROR, extension.distribution, expected, f"undefined: {shown}", fix)


def judge_versions(case: Case) -> Result:
    """The GLIBC, GLIBCXX and CXXABI versions that an extension needs are there."""

    def judge(case: Case, extension: Extension) -> Iterable[Finding]:
        if not _is_ours(case, extension):
            return
        load = case.binaries.load(extension)
        for path in load.objects:
            image = case.binaries.libraries.image(path)
            if image is None or (path != extension.path and case.binaries.owner(path) != extension.distribution):
                continue
            lacking = sorted(_lacking(case.binaries, image, load.providers))
            if lacking:
                library, version = lacking[-1]
                expected = f"{version} of {library}, which {_name(case, path)} needs"
                found = _newest(case.binaries, load.providers[library], version)
                fix = f"take a build of {extension.distribution} for an older system, or build it here"
                yield Finding(ERROR, extension.distribution, expected, found, fix)

    return _each(case, judge)


def _lacking(binaries: Binaries, image: elf.Image, providers: object) -> Iterable[tuple[str, str]]:
    for library, version in image.versions_needed:
        provider = providers.get(library)  # type: ignore[attr-defined]
        offered = binaries.libraries.image(provider) if provider is not None else None
        if offered is not None and offered.versions_defined and version not in offered.versions_defined:
            yield library, version


def _newest(binaries: Binaries, provider: str, version: str) -> str:
    image, family = binaries.libraries.image(provider), version.split("_", maxsplit=1)[0] + "_"
    offered = [name for name in (image.versions_defined if image is not None else ()) if name.startswith(family)]
    numbered = [name for name in offered if re.search(r"_\d+(\.\d+)*$", name)]
    newest = max(numbered, key=_numbers, default="no version")
    return f"{os.path.basename(provider)} has up to {newest}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.split("_", 1)[-1]))


def judge_floor(case: Case) -> Result:
    """No extension needs a newer glibc than the manifest promises to run on."""
    floor = case.expect.glibc
    if floor is None:
        return Result(skipped="no glibc is promised")

    def judge(case: Case, extension: Extension) -> Iterable[Finding]:
        image = case.binaries.libraries.image(extension.path)
        needed = [v for _, v in (image.versions_needed if image is not None else ()) if _GLIBC.match(v)]
        newest = max(needed, key=_numbers, default="GLIBC_0")
        if _numbers(newest) > _numbers(floor):
            fix = f"raise the manifest's glibc, or take an older build of {extension.distribution}"
            name = _name(case, extension.path)
            yield Finding(WARNING, extension.distribution, f"glibc {floor}", f"{name} needs {newest}", fix)

    return _each(case, judge)


def judge_duplicates(case: Case) -> Result:
    """No library would be taken from another place than torch takes it from, if the extension came first."""
    torchs = {name: path for name, path in case.binaries.after_torch.items() if case.binaries.torch}

    def judge(case: Case, extension: Extension) -> Iterable[Finding]:
        if not extension.links_torch:
            return
        alone = case.binaries.libraries.load(extension.path)
        for name, path in sorted(alone.providers.items()):
            other = torchs.get(name)
            if other is None or not path.startswith(case.environment.prefix + os.sep):
                continue
            if os.path.realpath(path) == os.path.realpath(other) or _equal(path, other):
                continue
            found = f"{_name(case, path)}, where torch has {_name(case, other)}"
            fix = "keep one of them: take the library from one layer"
            yield Finding(WARNING, extension.distribution, f"one {name}", found, fix)

    return _each(case, judge)


def _equal(left: str, right: str) -> bool:
    try:
        return os.path.getsize(left) == os.path.getsize(right)
    except OSError:
        return False


def judge_rpath(case: Case) -> Result:
    """No extension looks for libraries in a folder outside of the environment."""
    inside = tuple(os.path.realpath(folder) + os.sep for folder in (case.environment.prefix, "/usr/lib", "/lib"))

    def judge(case: Case, extension: Extension) -> Iterable[Finding]:
        image = case.binaries.libraries.image(extension.path)
        if image is None:
            return
        for folder in expand(image.runpath or image.rpath, extension.path):
            if os.path.isdir(folder) and not (os.path.realpath(folder) + os.sep).startswith(inside):
                found = f"{_name(case, extension.path)} looks in {case.environment.short(folder)}"
                fix = f"pixi reinstall {extension.distribution}, with nothing of the host's in LDFLAGS and LIBRARY_PATH"
                yield Finding(WARNING, extension.distribution, "libraries of the environment", found, fix)

    return _each(case, judge)


def judge_torch_libraries(case: Case) -> Result:
    """torch's own libraries find cuDNN, NCCL and the rest where torch will load them, with every symbol."""
    binaries, findings = case.binaries, {}
    if not binaries.torch_roots:
        return Result(skipped="torch has no libraries here" if case.expect.torch else "no torch is expected")
    loaded = dict(binaries.libraries.by_soname(binaries.interpreter))
    for root in binaries.torch_roots:
        load = binaries.libraries.load(root, loaded)
        for name, needed_by in load.missing:
            if name not in DRIVER_LIBRARIES:
                expected = f"{name}, which {_name(case, needed_by)} needs"
                findings[name] = Finding(ERROR, "torch", expected, "nothing provides it", "pixi reinstall torch")
        if load.missing:
            continue
        for path, symbols in binaries.unresolved(load).items():
            found = f"undefined: {symbols[0].decode('utf-8', 'replace')[:200]}"
            expected = f"every symbol that {_name(case, path)} needs"
            fix = "a library beside torch is of another version than torch pins: pixi install"
            findings[path] = Finding(ERROR, "torch", expected, found, fix)
    return Result(len(binaries.after_torch), tuple(findings[key] for key in sorted(findings)))


CHECKS = (
    Check("binary.readable", "Shared objects are whole", judge_readable),
    Check("binary.torch", "Libraries of torch", judge_torch_libraries),
    Check("binary.machine", "Made for this machine", judge_machine),
    Check("binary.libraries", "Needed libraries", judge_libraries),
    Check("binary.symbols", "Symbols", judge_symbols),
    Check("binary.versions", "Versions of system libraries", judge_versions),
    Check("binary.glibc", "Promised glibc", judge_floor),
    Check("binary.duplicates", "One library of a name", judge_duplicates),
    Check("binary.rpath", "Library folders", judge_rpath),
)
