"""conda match specs as environment files write them (conda, "Package match specifications"; CEP 29)."""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envcompose.model.values import dataclass

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_CLAUSE = r"(?:(?:==|!=|~=|>=|<=|>|<|=)?\s*[0-9A-Za-z*][0-9A-Za-z.!+_*-]*|\*)"
_VERSION = re.compile(rf"{_CLAUSE}(?:\s*[,|]\s*{_CLAUSE})*")
_BUILD = re.compile(r"[A-Za-z0-9_.+*^$-]+")
_VERSION_AND_BUILD = re.compile(rf"({_CLAUSE}(?:[,|]{_CLAUSE})*)(?:(?:=|\s+)({_BUILD.pattern}))?")
_AROUND_COMMA = re.compile(r"\s*([,|])\s*")
_AFTER_OPERATOR = re.compile(r"([<>=!~]=|[<>=])\s+")
_BRACKET = re.compile(r"""\s*([a-z0-9_]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^,\]"']+))\s*(?:,|$)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSpec:
    """A match spec in its parts; `version` is as pixi writes it (`1.2.*`, `==1.2`, `>=1,<2`, `*`)."""

    name: str
    version: str
    build: str | None = None
    channel: str | None = None

    @property
    def spec(self) -> str:
        """Version and build, as pixi takes them in one text."""
        return self.version if self.build is None else f"{self.version} {self.build}"


def parse_conda_spec(text: str) -> CondaSpec | str:
    """Give the parts of a match spec, or one line that says what is odd about it.

    `name=1.2` is fuzzy (1.2.*), `name=1.2=build`, `name==1.2` and `name 1.2` are exact, as in conda.
    """
    rest = text.strip()
    channel: str | None = None
    if "::" in rest:
        channel, _, rest = rest.rpartition("::")
        channel = channel.strip() or None
    rest, bracket, inside = rest.partition("[")
    keys: dict[str, str] = {}
    if bracket:
        found = _bracket(inside)
        if isinstance(found, str):
            return found
        keys = found
    match = _NAME.match(rest.strip())
    if match is None:
        return "it does not begin with the name of a package"
    parts = _version_and_build(rest.strip()[match.end() :])
    if isinstance(parts, str):
        return parts
    version, build = parts
    if "version" in keys:
        given = _version(keys["version"].strip())
        if given is None:
            return "its version is odd"
        version = given
    build = keys.get("build", build)
    if build is not None and not _BUILD.fullmatch(build):
        return "its build is odd"
    return CondaSpec(name=match.group().lower(), version=version, build=build, channel=keys.get("channel", channel))


def python_specifier(spec: CondaSpec) -> SpecifierSet | None:
    """Give the PEP 440 form of a spec for Python; None where it has none (`3.10|3.11`)."""
    clauses: list[str] = []
    for clause in spec.version.split(","):
        version = clause.strip()
        if version != "*":
            clauses.append(f"=={version}" if version[:1].isdigit() else version)
    try:
        return SpecifierSet(",".join(clauses))
    except InvalidSpecifier:
        return None


def _version_and_build(text: str) -> tuple[str, str | None] | str:
    """Read what follows the name: `=1.2=build`, `==1.2`, ` 1.2 build`, `>=1,<2`, or nothing."""
    if not text.strip():
        return "*", None
    if text[0] not in " \t=<>!~":
        return "an odd letter follows the name"
    joined = _AFTER_OPERATOR.sub(r"\1", _AROUND_COMMA.sub(r"\1", text.strip()))
    match = _VERSION_AND_BUILD.fullmatch(joined)
    version = _version(match[1]) if match else None
    if match is None or version is None:
        return "its version is odd"
    if match[2] and re.fullmatch(r"=[^=].*", match[1]):
        # With a build beside it, a single equals sign is exact in conda.
        version = _version(match[1][1:]) or version
    return version, match[2]


def _version(text: str) -> str | None:
    """Give a version expression as pixi writes it: `=1.2` as `1.2.*`, a bare `1.2` as `==1.2`."""
    if not _VERSION.fullmatch(text):
        return None
    pieces = re.split(r"\s*([,|])\s*", text)
    return "".join(piece if piece in (",", "|") else _clause(re.sub(r"\s", "", piece)) for piece in pieces)


def _clause(text: str) -> str:
    if text == "*" or text[:2] in ("==", "!=", "~=", ">=", "<=") or text[:1] in ("<", ">"):
        return text
    if text.startswith("="):
        bare = text[1:]
        return bare if bare.endswith("*") else f"{bare}.*"
    return text if text.endswith("*") else f"=={text}"


def _bracket(text: str) -> dict[str, str] | str:
    inside, closing, after = text.rpartition("]")
    if not closing or after.strip():
        return "its bracket does not close at the end"
    keys: dict[str, str] = {}
    position = 0
    while position < len(inside):
        match = _BRACKET.match(inside, position)
        if match is None:
            return "its bracket is odd"
        keys[match[1]] = next(value for value in match.groups()[1:] if value is not None).strip()
        position = match.end()
    unknown = sorted(set(keys) - {"version", "build", "channel"})
    return f"its bracket says {', '.join(unknown)}, which is not read" if unknown else keys
