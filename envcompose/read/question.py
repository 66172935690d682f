"""The text of `--not` -> a question: another version, another way to come, or the other layer."""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from envcompose.errors import UnknownValue
from envcompose.model.explanation import Question
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer
from envcompose.read.suggest import nearest

_PYPI = "pypi"
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*(===?|[<>!~]=|[<>])")


def read_question(text: str) -> Question:
    """Give the question of `2.8.3`, `>=2.8,<3`, `sdist` or `pypi`. Raises UnknownValue with what is meant instead."""
    word = text.strip()
    kinds = {kind.value: kind for kind in ArtifactKind}
    if word.lower() in kinds:
        return Question(text=word, artifact=kinds[word.lower()])
    if word.lower() == _PYPI:
        return Question(text=word, layer=Layer.PYPI)
    versions = _versions(word)
    if versions is not None:
        return Question(text=word, versions=versions)
    reason = "it is neither a version, nor a bound on versions, nor a source"
    suggestion = nearest(word, [*kinds, _PYPI])
    named = _NAMED.match(word)
    if named is not None:
        reason = "the package is named already, and its version stands alone"
        suggestion = word[named.end() - len(named[2]) :].removeprefix("==").strip()
    raise UnknownValue(
        option="--not", value=text, reason=reason, known=[*kinds, _PYPI], suggestion=suggestion, command="explain"
    )


def _versions(word: str) -> SpecifierSet | None:
    """A bare version means that very one; a wildcard means its releases."""
    try:
        return SpecifierSet(f"=={Version(word)}")
    except InvalidVersion:
        pass
    try:
        return SpecifierSet(f"=={word}" if word.endswith(".*") and word[:1].isdigit() else word) if word else None
    except InvalidSpecifier:
        return None
