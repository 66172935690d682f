"""PEP 440 versions and specifiers, for an environment whose own `packaging` may be what is broken.

Agrees with `packaging` on every valid version and specifier (a property test compares them); pre-releases always count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import total_ordering
from typing import Any

_VERSION = re.compile(
    r"""\s*v?
    (?:(?P<epoch>[0-9]+)!)?
    (?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre_word>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_number>[0-9]+)?)?
    (?P<post>-(?P<post_implicit>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]+)?)?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]+)?)?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PRE_WORDS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A PEP 440 version; equal and ordered as PEP 440 says, whatever the spelling."""

    epoch: int
    release: tuple[int, ...]
    pre: tuple[str, int] | None = None
    post: int | None = None
    dev: int | None = None
    local: tuple[int | str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version that `text` spells; ValueError where PEP 440 does not know it."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"not a PEP 440 version: {text}")
        part = match.groupdict()
        word = (part["pre_word"] or "").lower()
        local = re.split(r"[-_.]", part["local"].lower()) if part["local"] else []
        return cls(
            epoch=int(part["epoch"] or 0),
            release=tuple(int(number) for number in part["release"].split(".")),
            pre=(_PRE_WORDS.get(word, word), int(part["pre_number"] or 0)) if word else None,
            post=int(part["post_implicit"] or part["post_number"] or 0) if part["post"] else None,
            dev=int(part["dev_number"] or 0) if part["dev"] else None,
            local=tuple(int(piece) if piece.isdigit() else piece for piece in local),
        )

    @property
    def public(self) -> Version:
        """The version without its local part."""
        return Version(self.epoch, self.release, self.pre, self.post, self.dev)

    @property
    def base(self) -> Version:
        """Epoch and release only."""
        return Version(self.epoch, self.release)

    @property
    def is_prerelease(self) -> bool:
        """Whether it comes before its release."""
        return self.pre is not None or self.dev is not None

    @property
    def key(self) -> tuple[Any, ...]:
        """Sorts as PEP 440 says: dev before pre before the release before post; no local before any local."""
        release = self.release
        while len(release) > 1 and release[-1] == 0:
            release = release[:-1]
        if self.pre is not None:
            pre: tuple[Any, ...] = (1, *self.pre)
        else:
            pre = (0,) if self.post is None and self.dev is not None else (2,)
        post = -1 if self.post is None else self.post
        dev = (1, 0) if self.dev is None else (0, self.dev)
        local = tuple((1, piece, "") if isinstance(piece, int) else (0, 0, piece) for piece in self.local)
        return (self.epoch, release, pre, post, dev, local)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.key == other.key

    def __lt__(self, other: Version) -> bool:
        return bool(self.key < other.key)

    def __hash__(self) -> int:
        return hash(self.key)


_CLAUSE = re.compile(r"\s*(===|==|!=|<=|>=|~=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Specifier:
    """One clause of a specifier set, such as `>=2.1`."""

    operator: str
    text: str

    @classmethod
    def parse(cls, clause: str) -> Specifier:
        """The clause; ValueError where PEP 440 does not allow it."""
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ValueError(f"not a PEP 440 specifier: {clause}")
        operator, text = match.groups()
        if operator == "===":
            return cls(operator, text)
        starred = text.endswith(".*")
        version = Version.parse(text[:-2] if starred else text)
        if starred and (operator not in ("==", "!=") or version != version.base):
            raise ValueError(f"not a PEP 440 specifier: {clause}")
        if version.local and operator not in ("==", "!="):
            raise ValueError(f"a local version fits only == and !=: {clause}")
        if operator == "~=" and len(version.release) < 2:
            raise ValueError(f"~= needs two release numbers: {clause}")
        return cls(operator, text)

    def admits(self, candidate: Version, text: str) -> bool:
        """Whether the candidate, spelled `text`, fulfils this clause."""
        if self.operator == "===":
            return text.strip().lower() == self.text.lower()
        if self.operator in ("==", "!="):
            return self._equals(candidate) == (self.operator == "==")
        wanted = Version.parse(self.text)
        if self.operator == "~=":
            return candidate.public >= wanted and _has_prefix(candidate, wanted.epoch, wanted.release[:-1])
        if self.operator == ">=":
            return candidate.public >= wanted
        if self.operator == "<=":
            return candidate.public <= wanted
        return _is_below(candidate, wanted) if self.operator == "<" else _is_above(candidate, wanted)

    def _equals(self, candidate: Version) -> bool:
        if self.text.endswith(".*"):
            wanted = Version.parse(self.text[:-2])
            return _has_prefix(candidate, wanted.epoch, wanted.release)
        wanted = Version.parse(self.text)
        return candidate == wanted if wanted.local else candidate.public == wanted


def _has_prefix(candidate: Version, epoch: int, release: tuple[int, ...]) -> bool:
    padded = candidate.release + (0,) * (len(release) - len(candidate.release))
    return candidate.epoch == epoch and padded[: len(release)] == release


def _is_below(candidate: Version, wanted: Version) -> bool:
    """`<V` leaves out V's own pre-releases, unless V is one."""
    return candidate < (wanted if wanted.is_prerelease else replace(wanted, dev=0, local=()))


def _is_above(candidate: Version, wanted: Version) -> bool:
    """`>V` leaves out V's local versions and post-releases; where V is a post or dev release, the next one counts."""
    if wanted.dev is not None:
        return candidate >= replace(wanted, dev=wanted.dev + 1)
    if wanted.post is not None:
        return candidate >= replace(wanted, post=wanted.post + 1, dev=0)
    return candidate > wanted and replace(candidate, post=None, dev=None, local=()) != wanted


@dataclass(frozen=True)
class SpecifierSet:
    """A comma-separated list of clauses; the empty list admits everything."""

    clauses: tuple[Specifier, ...]

    @classmethod
    def parse(cls, text: str) -> SpecifierSet:
        """The set that `text` spells; ValueError where a clause is not PEP 440."""
        return cls(tuple(Specifier.parse(clause) for clause in text.split(",") if clause.strip()))

    def admits(self, text: str) -> bool:
        """Whether the version spelled `text` fulfils every clause; ValueError where it is no version."""
        exact = [clause for clause in self.clauses if clause.operator == "==="]
        if exact and len(exact) == len(self.clauses):
            return all(text.strip().lower() == clause.text.lower() for clause in exact)
        candidate = Version.parse(text)
        return all(clause.admits(candidate, text) for clause in self.clauses)


def equals_pin(installed: str, pin: str) -> bool:
    """Whether an installed version is the pinned one by `==` of PEP 440, or by text where one is no version."""
    try:
        return SpecifierSet((Specifier.parse(f"=={pin}"),)).admits(installed)
    except ValueError:
        return installed.strip().lower() == pin.strip().lower()


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
