"""Values of target options -> what the model holds; what the tables do not know is an error with a suggestion.

CUDA lines, Pythons and GPU architectures are `major.minor` texts from here on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

from packaging.utils import canonicalize_name

from envcompose.errors import UnknownValue
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind
from envcompose.read.project_name import is_name
from envcompose.read.secrets import mask_secrets
from envcompose.read.suggest import nearest

_PLATFORM = "linux-64"
_OTHER_PLATFORMS = ("linux-aarch64", "linux-ppc64le", "osx-64", "osx-arm64", "win-64", "win-arm64")
# Below 2.5 there is no manylinux tag; the upper end leaves room for decades of releases.
_GLIBC_MINORS = range(5, 100)
# No CUDA line has a major as high as the oldest driver branch that any table knows.
_FIRST_DRIVER_BRANCH = 100
_CHANNEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*")
_MEMORY = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(?:(g|gb|gib)|(m|mb|mib)|(t|tb|tib))?", re.IGNORECASE)
_GPU_NOISE = re.compile(r"nvidia|geforce|tesla|quadro|[\s_-]")
_ARCH = re.compile(r"(?:sm_?|compute_?)?(\d{1,2})\.?(\d)a?", re.IGNORECASE)


def read_cuda(text: str, facts: Facts) -> str:
    """Give the CUDA line of `--cuda`, as it stands in the tables."""
    known = _sorted_versions(line.version for line in facts.cuda)
    word = text.strip()
    if word in known:
        return word
    raise UnknownValue(
        option="--cuda",
        value=word,
        reason="the tables have no such CUDA line",
        known=known,
        suggestion=_version_suggestion(word.removeprefix("cu"), known),
    )


def read_driver(text: str, facts: Facts) -> str:
    """Give the driver of `--driver`: a release such as `550.54`, or the CUDA version that nvidia-smi shows."""
    cuda_of_driver(text, facts)
    return text.strip()


def cuda_of_driver(text: str, facts: Facts) -> str:
    """Give the CUDA version that a driver runs: by its branch, or itself where it is a CUDA version already."""
    word = text.strip()
    shown = _sorted_versions({one.cuda for one in facts.drivers} | {one.version for one in facts.cuda})
    if re.fullmatch(r"\d{1,2}\.\d{1,2}", word) and word in shown:
        return word
    branches = {one.branch: one.cuda for one in facts.drivers}
    if re.fullmatch(r"\d{3,4}(?:\.\d{1,4}){0,2}", word):
        branch = int(word.partition(".")[0])
        if branch in branches:
            return branches[branch]
        if branch >= _FIRST_DRIVER_BRANCH:
            below = [known for known in sorted(branches) if known < branch]
            raise UnknownValue(
                option="--driver",
                value=word,
                reason=f"the tables do not know the driver branch {branch}",
                known=[str(known) for known in sorted(branches)],
                suggestion=str(below[-1]) if below else None,
            )
    raise UnknownValue(
        option="--driver",
        value=word,
        reason="it is neither a driver release such as 550.54 nor a CUDA version that nvidia-smi shows",
        known=shown,
        suggestion=_version_suggestion(word, shown),
    )


def read_gpus(text: str, facts: Facts) -> tuple[str, ...]:
    """Give the GPU architectures of `--gpu a100,sm_90,8.9` as `major.minor`, ascending, each once."""
    names = {_plain_gpu(gpu.name): gpu.arch for gpu in facts.gpus}
    archs = {gpu.arch for gpu in facts.gpus} | {arch for line in facts.cuda for arch in line.archs}
    found: set[str] = set()
    for word in text.split(","):
        plain = _plain_gpu(word)
        match = _ARCH.fullmatch(word.strip())
        arch = f"{match[1]}.{match[2]}" if match else None
        if plain in names:
            found.add(names[plain])
        elif arch in archs:
            found.add(str(arch))
        else:
            raise _unknown_gpu(word.strip(), plain, facts, archs)
    return tuple(_sorted_versions(found))


def _unknown_gpu(word: str, plain: str, facts: Facts, archs: set[str]) -> UnknownValue:
    by_plain = {_plain_gpu(gpu.name): gpu.name for gpu in facts.gpus}
    near = nearest(plain, by_plain)
    known_archs = [f"sm_{arch.replace('.', '')}" for arch in _sorted_versions(archs)]
    return UnknownValue(
        option="--gpu",
        value=word,
        reason="the tables know neither such a card nor such an architecture",
        known=[*sorted(gpu.name for gpu in facts.gpus), *known_archs],
        suggestion=by_plain[near] if near else None,
    )


def read_python(text: str, facts: Facts) -> str:
    """Give the Python line of `--python`, such as `3.12`."""
    known = _sorted_versions(line.version for line in facts.pythons)
    word = text.strip()
    if word in known:
        return word
    raise UnknownValue(
        option="--python",
        value=word,
        reason="the tables have no such Python line",
        known=known,
        suggestion=_version_suggestion(word, known),
    )


def read_glibc(text: str) -> str:
    """Give the glibc of `--glibc`, such as `2.28`."""
    word = text.strip()
    match = re.fullmatch(r"2\.(\d{1,2})", word)
    if match and int(match[1]) in _GLIBC_MINORS:
        return f"2.{int(match[1])}"
    raise UnknownValue(option="--glibc", value=word, reason="a glibc version is 2.5 or later", suggestion="2.28")


def read_platform(text: str) -> str:
    """Give `linux-64`; everything else is refused for now."""
    word = text.strip()
    if word == _PLATFORM:
        return word
    reason = "only linux-64 can be composed for now"
    suggestion = None if word in _OTHER_PLATFORMS else _PLATFORM
    raise UnknownValue(option="--platform", value=word, reason=reason, known=(_PLATFORM,), suggestion=suggestion)


def read_artifact(text: str) -> tuple[str, ArtifactKind]:
    """Give the normalised name and the kind of `--artifact PACKAGE=KIND`."""
    name, equals, kind = (part.strip() for part in text.partition("="))
    kinds = [one.value for one in ArtifactKind]
    if not equals or not is_name(name):
        reason = "it is written PACKAGE=KIND"
        raise UnknownValue(option="--artifact", value=text, reason=reason, known=kinds, suggestion="flash-attn=wheel")
    if kind not in kinds:
        near = nearest(kind, kinds)
        suggestion = f"{name}={near}" if near else None
        reason = "there is no such kind of artifact"
        raise UnknownValue(option="--artifact", value=text, reason=reason, known=kinds, suggestion=suggestion)
    return canonicalize_name(name), ArtifactKind(kind)


def read_channel(text: str) -> str:
    """Give a conda channel as `--channel` takes it: a name (`conda-forge`, `nvidia/label/cuda-11.8.0`), http(s) or file://."""
    word = text.strip().rstrip("/")
    scheme, sep, rest = word.partition("://")
    sound = bool(rest) and scheme in ("http", "https", "file") if sep else _CHANNEL_NAME.fullmatch(word) is not None
    if not sound or not word.isprintable():
        reason = "it is neither a channel's name nor an http, https or file address"
        folder = word.startswith((".", "/", "~"))
        raise UnknownValue(
            option="--channel",
            value=mask_secrets(text),
            reason=reason,
            suggestion=f"file://{word}" if folder and word.startswith("/") else "conda-forge",
        )
    return word


def read_build_memory(text: str) -> float:
    """Give the GiB of `--build-memory`: a bare number counts GiB; `64G`, `64GiB`, `512M` and `1T` are binary units."""
    match = _MEMORY.fullmatch(text.strip())
    size = float(match[1]) if match else 0.0
    if match is None or size <= 0:
        reason = "it is a size above zero, in GiB"
        raise UnknownValue(option="--build-memory", value=text, reason=reason, suggestion="64")
    if match[3]:
        return size / 1024
    return size * 1024 if match[4] else size


def read_as_of(text: str) -> str:
    """Give the ISO date of `--as-of`."""
    word = text.strip()
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", word, re.ASCII):
            raise ValueError(word)
        return date.fromisoformat(word).isoformat()
    except ValueError as error:
        reason = "it is a day of the calendar, written YEAR-MONTH-DAY"
        raise UnknownValue(option="--as-of", value=word, reason=reason, suggestion="2026-01-31") from error


def _plain_gpu(name: str) -> str:
    return _GPU_NOISE.sub("", name.strip().lower())


def _sorted_versions(versions: Iterable[str]) -> list[str]:
    return sorted(versions, key=lambda version: [int(part) for part in re.findall(r"\d+", version)])


def _version_suggestion(word: str, known: Sequence[str]) -> str | None:
    """Give the known line that a fuller, shorter or dotless writing means, else the nearest below, else the newest."""
    parts = [int(part) for part in re.findall(r"\d{1,9}", word)]
    if not parts:
        return known[-1] if known else None
    if len(parts) == 1 and parts[0] > 9 and (dotless := f"{word[:-1]}.{word[-1]}") in known:
        return dotless
    if ".".join(str(part) for part in parts[:2]) in known:
        return ".".join(str(part) for part in parts[:2])
    same_major = [one for one in known if one.partition(".")[0] == str(parts[0])]
    if len(parts) == 1 and same_major:
        return same_major[-1]
    below = [one for one in known if [int(part) for part in one.split(".")] <= parts]
    return below[-1] if below else (known[0] if known else None)
