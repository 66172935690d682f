"""Version specs of conda: `>=1.2,<2`, `1.2.*`, `=1.2`, `~=1.4`, `!=1.3.*`, alternatives with `|`, groups in parentheses.

Strict reading is what a pixi manifest is read with; lenient reading is what `depends` of channel records is read with
(CEP 29 leaves room here; facts: pixi 0.77 on manifests and locks).
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from envcompose.manifest.conda_version import CondaVersion, VersionInvalid, read_version
from envcompose.model.values import dataclass


class SpecInvalid(ValueError):
    """A text that is no version spec or match spec; `ambiguous` where only an operator is missing (`1.2.3`)."""

    def __init__(self, message: str, *, ambiguous: bool = False) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous


class Operator(StrEnum):
    """What one version constraint asks of a version."""

    ANY = "*"
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS_EQUAL = "<="
    GREATER_EQUAL = ">="
    LESS = "<"
    GREATER = ">"
    STARTS = "="
    NOT_STARTS = "!=startswith"
    COMPATIBLE = "~="


@dataclass(frozen=True, slots=True)
class Term:
    """One constraint, such as `>=1.2`; the version is None for `*` only."""

    operator: Operator
    version: CondaVersion | None = None

    def admits(self, version: CondaVersion) -> bool:
        """Whether a version fulfils this constraint."""
        limit = self.version
        if limit is None:
            return True
        match self.operator:
            case Operator.EQUAL:
                return version == limit
            case Operator.NOT_EQUAL:
                return version != limit
            case Operator.LESS_EQUAL:
                return version <= limit
            case Operator.GREATER_EQUAL:
                return version >= limit
            case Operator.LESS:
                return version < limit
            case Operator.GREATER:
                return version > limit
            case Operator.STARTS:
                return version.starts_with(limit)
            case Operator.NOT_STARTS:
                return not version.starts_with(limit)
            case _:
                return version.compatible_with(limit)

    def __str__(self) -> str:
        match self.operator:
            case Operator.ANY:
                return "*"
            case Operator.STARTS:
                return f"{self.version}.*"
            case Operator.NOT_STARTS:
                return f"!={self.version}.*"
            case operator:
                return f"{operator}{self.version}"


@dataclass(frozen=True, slots=True)
class Group:
    """Several specs of which all (`,`) or any (`|`) must admit a version."""

    every: bool
    parts: tuple[Term | Group, ...]

    def admits(self, version: CondaVersion) -> bool:
        """Whether a version fulfils this group."""
        answers = (part.admits(version) for part in self.parts)
        return all(answers) if self.every else any(answers)

    def __str__(self) -> str:
        texts = [
            f"({part})" if self.every and isinstance(part, Group) and not part.every else str(part)
            for part in self.parts
        ]
        return ("," if self.every else "|").join(texts)


VersionSpec = Term | Group

_OPERATORS = {operator.value: operator for operator in Operator if operator not in (Operator.ANY, Operator.NOT_STARTS)}
_SIGNS = re.compile(r"[=!<>~]+")
_VERSION = re.compile(r"[\w!.*+-]+")
_SPACE = re.compile(r"[ \t\r\n]*")
_ANY = re.compile(r"\*(?:\.\*)?")
_STARS = re.compile(r"\*|(?:\.\*)*")
_DOT_STARS = re.compile(r"(?:\.\*)+\.?")
_DEEPEST = 50


@lru_cache(maxsize=8192)
def parse_version_spec(text: str, *, strict: bool = False) -> VersionSpec:
    """Read a whole text as a version spec. Raises SpecInvalid.

    Strict reading refuses what pixi refuses in a manifest: a version without operator, a star behind an operator.
    """
    reader = _Reader(text, strict)
    spec = reader.alternatives()
    if reader.rest:
        raise SpecInvalid(f"nothing is expected at '{reader.rest}'")
    return spec


class _Reader:
    def __init__(self, text: str, strict: bool) -> None:
        self.rest = text
        self.strict = strict
        self.depth = 0

    def alternatives(self) -> VersionSpec:
        return self._list("|", every=False)

    def _list(self, sign: str, *, every: bool) -> VersionSpec:
        read = self._term if every else lambda: self._list(",", every=True)
        parts = [read()]
        while self._take(rf"[ \t\r\n]*{re.escape(sign)}[ \t\r\n]*"):
            parts.append(read())
        if len(parts) == 1:
            return parts[0]
        flat: list[VersionSpec] = []
        for part in parts:
            flat += part.parts if isinstance(part, Group) and part.every == every else (part,)
        return Group(every, tuple(flat))

    def _term(self) -> VersionSpec:
        if self._take(r"\([ \t\r\n]*"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise SpecInvalid("it is nested too deeply")
            inner = self.alternatives()
            if not self._take(r"[ \t\r\n]*\)"):
                raise SpecInvalid(f"a closing parenthesis is missing at '{self.rest}'")
            self.depth -= 1
            return inner
        if self._take(r"\*(?:\.\*)?"):
            return Term(Operator.ANY)
        if self.rest.startswith("^") or "$" in self.rest:
            raise SpecInvalid("regular expressions are not supported")
        return self._constraint()

    def _constraint(self) -> Term:
        signs = self._take(_SIGNS.pattern)
        operator = _OPERATORS.get(signs) if signs else None
        if signs and operator is None:
            raise SpecInvalid(f"'{signs}' is no operator")
        text = self._take(_VERSION.pattern)
        if not text:
            raise SpecInvalid(f"a version is expected at '{self.rest}'" if self.rest else "a version is missing")
        if text == "*":
            return self._starred(operator)
        try:
            version, tail = read_version(text)
        except VersionInvalid as error:
            raise SpecInvalid(str(error)) from error
        return Term(self._operator(operator, tail, text), version)

    def _starred(self, operator: Operator | None) -> Term:
        loose = {Operator.GREATER_EQUAL, Operator.LESS_EQUAL, Operator.COMPATIBLE, Operator.STARTS, Operator.EQUAL}
        if self.strict or operator not in loose:
            raise SpecInvalid(f"'*' does not go with the operator '{operator}'")
        return Term(Operator.ANY)

    def _operator(self, operator: Operator | None, tail: str, text: str) -> Operator:
        """What the operator means together with the stars behind the version."""
        if not tail:
            if operator is None and self.strict:
                raise SpecInvalid(f"an operator is missing before '{text}': '=={text}' or '{text}.*'", ambiguous=True)
            return operator or Operator.EQUAL
        starred = tail == "*" or _STARS.fullmatch(tail) is not None
        if operator is None:
            if tail in {"*", ".*"} or (not self.strict and _DOT_STARS.fullmatch(tail)):
                return Operator.STARTS
        elif operator is Operator.NOT_EQUAL and tail in {"*", ".*"}:
            return Operator.NOT_STARTS
        elif starred and not self.strict:
            return Operator.GREATER_EQUAL if operator is Operator.GREATER else operator
        elif tail in {"*", ".*"}:
            raise SpecInvalid(f"'*' does not go with the operator '{operator}'")
        if "*" in text:
            raise SpecInvalid(f"a star can only stand at the end of '{text}'")
        raise SpecInvalid(f"'{text}' is no version")

    def _take(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.rest)
        if found is None:
            return ""
        self.rest = self.rest[found.end() :]
        return found[0]
