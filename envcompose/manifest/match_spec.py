"""Match specs of conda (CEP 29): what `depends`, `constrains` and manifests ask of a record, judged without a solver.

`numpy >=1.26,<2`, `zlib 1.3.* h2*_1`, `pytorch=2.6=cuda126*`, `conda-forge::zlib`, `name[version='>=1',build=py_0]`.
As in pixi, a spec's channel and subdir say where a solver looks; a record is not refused for another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from functools import lru_cache
from typing import Any

from envcompose.manifest.conda_version import VersionInvalid, parse_version
from envcompose.manifest.lock import LockedConda
from envcompose.manifest.version_spec import SpecInvalid, VersionSpec, parse_version_spec
from envcompose.model.record import CondaRecord
from envcompose.model.values import dataclass

Record = LockedConda | CondaRecord
"""What a match spec looks at."""


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A text to match without regard to case: as it is, with `*`, `?` and `[…]`, or `^…$` as a regular expression."""

    text: str

    def matches(self, other: str) -> bool:
        """Whether the whole of another text fits."""
        return _pattern(self.text)(other)


@dataclass(frozen=True, slots=True)
class BuildNumber:
    """A condition on a build number: an operator and a number."""

    operator: str
    number: int

    def matches(self, other: int) -> bool:
        """Whether a build number fulfils it."""
        answers = {
            "==": other == self.number,
            "!=": other != self.number,
            "<=": other <= self.number,
            ">=": other >= self.number,
            "<": other < self.number,
            ">": other > self.number,
        }
        return answers[self.operator]

    def __str__(self) -> str:
        return f"{self.operator}{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A `when` of a spec: one spec that something installed must match, or all or any of several conditions."""

    spec: MatchSpec | None = None
    every: bool = True
    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSpec:
    """One match spec. What is None is not asked. `name` is lower case, and None only in specs of a manifest's tables."""

    name: str | None = None
    version: VersionSpec | None = None
    build: TextPattern | None = None
    build_number: BuildNumber | None = None
    channel: str | None = None
    subdir: str | None = None
    md5: str | None = None
    sha256: str | None = None
    file_name: str | None = None
    url: str | None = None
    license: str | None = None
    license_family: str | None = None
    track_features: tuple[str, ...] = ()
    flags: tuple[TextPattern, ...] = ()
    extras: tuple[str, ...] = ()
    when: Condition | None = None
    text: str = field(default="", compare=False)

    def matches(self, record: Record) -> bool:
        """Whether a record fulfils this spec; channel, subdir, file name and `when` are not looked at."""
        if self.name is not None and not _pattern(self.name)(record.name):
            return False
        if not self.admits(record.version, record.build):
            return False
        if self.build_number is not None and not self.build_number.matches(record.build_number):
            return False
        exact = (
            (self.md5, record.md5),
            (self.sha256, record.sha256),
            (self.license, record.license),
            (self.license_family, record.license_family),
            (_place(self.url), _place(record.url)),
        )
        if any(wanted is not None and wanted != found for wanted, found in exact):
            return False
        if not set(self.track_features) <= set(record.track_features):
            return False
        return all(any(flag.matches(one) for one in record.flags) for flag in self.flags)

    def admits(self, version: str, build: str) -> bool:
        """Whether a version and a build string fulfil this spec (all that a virtual package has)."""
        if self.version is not None:
            try:
                parsed = parse_version(version)
            except VersionInvalid:
                return False
            if not self.version.admits(parsed):
                return False
        return self.build is None or self.build.matches(build)

    def __str__(self) -> str:
        return self.text or render_match_spec(self)


def _place(url: str | None) -> str | None:
    """An address to compare: a lock tells archives on disk by their paths, a manifest by `file://`."""
    return None if url is None else url.removeprefix("file://")


def render_match_spec(spec: MatchSpec) -> str:
    """The canonical text of a spec in bracket form, which every conda solver reads."""
    keys: list[tuple[str, str | None]] = [
        ("version", None if spec.version is None else str(spec.version)),
        ("build", None if spec.build is None else spec.build.text),
        ("build_number", None if spec.build_number is None else str(spec.build_number)),
        ("channel", spec.channel),
        ("subdir", spec.subdir),
        ("md5", spec.md5),
        ("sha256", spec.sha256),
        ("fn", spec.file_name),
        ("url", spec.url),
        ("license", spec.license),
        ("track_features", " ".join(spec.track_features) or None),
    ]
    given = [f'{key}="{value}"' for key, value in keys if value is not None]
    given += [f"flags=[{', '.join(flag.text for flag in spec.flags)}]"] if spec.flags else []
    given += [f"extras=[{', '.join(spec.extras)}]"] if spec.extras else []
    if spec.when is not None:
        condition = _render_condition(spec.when)
        quote = "'" if '"' in condition else '"'
        given.append(f"when={quote}{condition}{quote}")
    return f"{spec.name or '*'}[{','.join(given)}]" if given else spec.name or "*"


def _render_condition(condition: Condition) -> str:
    if condition.spec is not None:
        return str(condition.spec)
    parts = (_render_condition(part) if part.spec else f"({_render_condition(part)})" for part in condition.parts)
    return (" and " if condition.every else " or ").join(parts)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Callable[[str], bool]:
    if text.startswith("^") and text.endswith("$"):
        try:
            compiled = re.compile(text, re.IGNORECASE)
        except re.error:
            return lambda other: False
        return lambda other: compiled.search(other) is not None
    if "*" in text:
        compiled = re.compile(_glob(text), re.IGNORECASE | re.DOTALL)
        return lambda other: compiled.fullmatch(other) is not None
    lowered = text.lower()
    return lambda other: other.lower() == lowered


def _glob(text: str) -> str:
    import fnmatch  # Only specs with a star need it.

    return fnmatch.translate(text)


def parse_build_number(text: str) -> BuildNumber:
    """Read `>=2` or `0`. Raises SpecInvalid."""
    found = re.fullmatch(r"(==|!=|<=|>=|<|>)?([0-9]{1,18})", text)
    if found is None:
        raise SpecInvalid(f"'{text}' is no condition on a build number")
    return BuildNumber(found[1] or "==", int(found[2]))


@lru_cache(maxsize=16384)
def parse_match_spec(text: str) -> MatchSpec:
    """Read a spec as it stands in `depends` of a record (lenient). Raises SpecInvalid."""
    body = text.partition("#")[0].strip()
    if ";" in body:
        raise SpecInvalid("conditions behind a semicolon are not supported")
    body, keys = _brackets(body)
    if (url := _url(body)) is not None:
        return MatchSpec(name=_name_of_archive(url), url=url, text=text)
    spec = _with_keys(MatchSpec(), keys)
    *before, body = body.rsplit(":", 2)
    if len(before) == 2:
        channel, subdir = _channel(before[0])
        spec = replace(spec, channel=spec.channel or channel, subdir=spec.subdir or subdir)
    found = re.match(r"[^\s<>=!~]+", body.strip())
    if found is None:
        raise SpecInvalid(f"'{text}' names no package")
    name, rest = found[0], body.strip()[found.end() :].strip()
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise SpecInvalid(f"'{name}' is no package name")
    version, build = _version_and_build(rest) if rest else (None, None)
    return replace(
        spec,
        name=name.lower(),
        version=spec.version or version,
        build=spec.build or build,
        text=text,
    )


def _url(text: str) -> str | None:
    if "::" in text:
        return None
    return text if re.match(r"[A-Za-z][A-Za-z0-9]{0,10}://", text) or text.startswith("/") else None


def _name_of_archive(url: str) -> str:
    stem = re.sub(r"\.(?:conda|tar\.bz2)$", "", url.rsplit("/", 1)[-1])
    parts = stem.rsplit("-", 2)
    if len(parts) < 3 or stem == url.rsplit("/", 1)[-1]:
        raise SpecInvalid(f"'{url}' is no conda archive")
    return parts[0].lower()


def _channel(text: str) -> tuple[str, str | None]:
    channel, slash, last = text.rpartition("/")
    if slash and re.fullmatch(r"noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-[a-z0-9]+", last):
        return channel, last
    return text, None


_COMPONENTS = r"(?>(?:[A-Za-z]++|[0-9]++|\*)(?:[._-]*+(?:[A-Za-z]++|[0-9]++|\*))*+)[_-]*+"
_STARRED = rf"(?>(?:[0-9]+!)?{_COMPONENTS}(?:\+{_COMPONENTS})?)"
_CONSTRAINT = re.compile(
    rf"=(?:{_STARRED}(?:\.?\*)?|\*)"
    r"|\*(?:\.\*)?"
    rf"|(?:\s*(?:==|!=|=|>=|>|<=|<|~=)\s*)?{_STARRED}[.*]*+"
)
_SEPARATOR = re.compile(r"[ \t\r\n]*[,|][ \t\r\n]*")


def _version_and_build(text: str) -> tuple[VersionSpec, TextPattern | None]:
    if "[" in text:
        raise SpecInvalid("two sections in brackets")
    end = _group_end(text, 0, 0)
    if end is None:
        raise SpecInvalid(f"'{text}' is no version spec")
    version = re.sub(r"\s", "", text[:end])
    rest = text[end + 1 :] if text[end : end + 1] in {" ", "="} else text[end:]
    build = rest.strip() or None
    return parse_version_spec(_without_equals(version, build)), None if build is None else TextPattern(build)


def _group_end(text: str, position: int, depth: int) -> int | None:
    """Where constraints joined by `,` and `|` end; None where none begins."""
    end = _constraint_end(text, position, depth)
    while end is not None and (found := _SEPARATOR.match(text, end)):
        following = _constraint_end(text, found.end(), depth)
        if following is None:
            return end
        end = following
    return end


def _constraint_end(text: str, position: int, depth: int) -> int | None:
    if text[position : position + 1] == "(" and depth < 50:
        inner = _group_end(text, position + 1, depth + 1)
        return inner + 1 if inner is not None and text[inner : inner + 1] == ")" else None
    found = _CONSTRAINT.match(text, position)
    return found.end() if found else None


def _without_equals(version: str, build: str | None) -> str:
    """`=1.2` alone means `1.2.*`, `==1.2.*` alone means `1.2.*`, and with a build string both mean `1.2`."""
    if not version.startswith("="):
        return version
    bare = version[1:]
    if build is None and bare.startswith("="):
        return bare[1:]
    if any(sign in bare for sign in "=,|"):
        return version
    return bare if build is not None or bare.endswith("*") else f"{bare}*"


def _brackets(text: str) -> tuple[str, list[tuple[str, str]]]:
    if not text.endswith("]"):
        return text, []
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += {"]": 1, "[": -1}.get(text[position], 0)
        if depth == 0:
            return text[:position], _key_values(text[position + 1 : -1])
    return text, []


_KEY_VALUE = re.compile(
    r"""\s*([\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\[([^\]]*)\]|([^,\]'"]+))\s*(?:,|$)"""
)


def _key_values(text: str) -> list[tuple[str, str]]:
    pairs = []
    position = 0
    while position < len(text):
        found = _KEY_VALUE.match(text, position)
        if found is None:
            raise SpecInvalid(f"'[{text}]' cannot be read")
        value = next(part for part in found.groups()[1:] if part is not None)
        pairs.append((found[1], value))
        position = found.end()
    return pairs


def _with_keys(spec: MatchSpec, keys: Iterable[tuple[str, str]]) -> MatchSpec:
    changes: dict[str, Any] = {}
    for key, value in keys:
        reader = _KEYS.get(key)
        if reader is None:
            raise SpecInvalid(f"'{key}' is no key of a match spec")
        attribute, read = reader
        if attribute:
            changes[attribute] = read(value)
    return replace(spec, **changes)


def _digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{64}", value):
        raise SpecInvalid(f"'{value}' is no hash")
    return value.lower()


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip().strip("\"'") for name in value.split(",") if name.strip())


def _condition(value: str) -> Condition:
    from envcompose.manifest.match_condition import parse_condition  # It reads match specs in turn.

    return parse_condition(re.sub(r"\\([\"'\\])", r"\1", value))


_KEYS: dict[str, tuple[str, Callable[[str], object]]] = {
    "version": ("version", parse_version_spec),
    "build": ("build", TextPattern),
    "build_number": ("build_number", parse_build_number),
    "extras": ("extras", _names),
    "flags": ("flags", lambda value: tuple(TextPattern(name) for name in _names(value))),
    "sha256": ("sha256", _digest),
    "md5": ("md5", _digest),
    "fn": ("file_name", str),
    "url": ("url", str),
    "subdir": ("subdir", str),
    "channel": ("channel", str),
    "license": ("license", str),
    "license_family": ("license_family", str),
    "track_features": ("track_features", lambda value: tuple(value.replace(",", " ").split())),
    "when": ("when", _condition),
    "namespace": ("", str),
}
