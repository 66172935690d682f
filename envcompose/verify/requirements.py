"""PEP 508 requirements and their markers, evaluated for the environment that is judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .versions import SpecifierSet, Version, normalise

_HEAD = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<quoted>'[^']*'|"[^"]*")
    |(?P<operator>===|==|~=|!=|<=|>=|<|>|not\s+in\b|in\b)|(?P<joint>and\b|or\b)|(?P<variable>[A-Za-z_][A-Za-z0-9_.]*))""",
    re.VERBOSE,
)
_ALIASES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_VERSIONS = ("implementation_version", "platform_release", "python_full_version", "python_version")


@dataclass(frozen=True)
class Requirement:
    """One requirement: the normalised name, what it asks for, and the marker's text ("" for none)."""

    name: str
    extras: tuple[str, ...]
    specifiers: SpecifierSet
    url: str | None
    marker: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """The requirement that `text` spells; ValueError where PEP 508 does not know it (its marker is read later)."""
        match = _HEAD.fullmatch(text)
        if match is None:
            raise ValueError(f"not a requirement: {text}")
        name, extras, rest = match.groups()
        url = None
        if rest.startswith("@"):
            rest, _, marker = re.sub(r"\s;", "\n", rest[1:].strip(), count=1).partition("\n")
            url, rest = rest.strip(), ""
        else:
            rest, _, marker = rest.partition(";")
        rest = rest.strip()
        if rest.startswith("(") and rest.endswith(")"):
            rest = rest[1:-1]
        wanted = tuple(sorted({normalise(extra.strip()) for extra in (extras or "").split(",") if extra.strip()}))
        return cls(normalise(name), wanted, SpecifierSet.parse(rest), url, marker.strip(), text.strip())

    def applies(self, variables: Mapping[str, str], extras: frozenset[str] = frozenset()) -> bool:
        """Whether the marker holds, with no extra or with one of `extras`; ValueError for a bad marker."""
        if not self.marker:
            return True
        tokens = _tokens(self.marker)
        return any(_Marker(tokens, {**variables, "extra": extra}).value() for extra in ("", *sorted(extras)))


def _tokens(marker: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    position = 0
    while marker[position:].strip():
        match = _TOKEN.match(marker, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"not a marker: {marker}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tuple(found)


class _Marker:
    """A marker's tokens, read once from left to right; `and` binds closer than `or`."""

    def __init__(self, tokens: tuple[tuple[str, str], ...], variables: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._variables = variables
        self._position = 0

    def value(self) -> bool:
        answer = self._any()
        if self._position != len(self._tokens):
            raise ValueError("a marker goes on after its end")
        return answer

    def _next(self, *kinds: str) -> tuple[str, str]:
        if self._position >= len(self._tokens) or self._tokens[self._position][0] not in kinds:
            raise ValueError("a marker does not parse")
        self._position += 1
        return self._tokens[self._position - 1]

    def _follows(self, kind: str, text: str | None = None) -> bool:
        if self._position >= len(self._tokens):
            return False
        found = self._tokens[self._position]
        return found[0] == kind and text in (None, found[1])

    def _any(self) -> bool:
        answer = self._all()
        while self._follows("joint", "or"):
            self._position += 1
            answer = self._all() or answer
        return answer

    def _all(self) -> bool:
        answer = self._one()
        while self._follows("joint", "and"):
            self._position += 1
            answer = self._one() and answer
        return answer

    def _one(self) -> bool:
        if self._follows("open"):
            self._position += 1
            answer = self._any()
            self._next("close")
            return answer
        left_name, left = self._operand()
        operator = re.sub(r"\s+", " ", self._next("operator")[1])
        right_name, right = self._operand()
        return _compare(left_name or right_name, left, operator, right)

    def _operand(self) -> tuple[str, str]:
        """The variable's name ("" for a literal) and its value."""
        kind, text = self._next("quoted", "variable")
        if kind == "quoted":
            return "", text[1:-1]
        name = _ALIASES.get(text, text)
        if name not in self._variables:
            raise ValueError(f"no such marker variable: {text}")
        return name, self._variables[name]


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except ValueError:
        return False
    return True


def _compare(variable: str, left: str, operator: str, right: str) -> bool:
    if variable == "extra":
        left, right = normalise(left), normalise(right)
    elif variable in _VERSIONS and operator not in ("in", "not in"):
        try:
            specifiers = SpecifierSet.parse(operator + right)
        except ValueError:
            specifiers = None
        if specifiers is not None:
            return _is_version(left) and specifiers.admits(left)
    answers = {
        "in": left in right,
        "not in": left not in right,
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    if operator not in answers:
        raise ValueError(f"{operator} compares versions only")
    return answers[operator]
