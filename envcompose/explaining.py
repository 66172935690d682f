"""Explaining a composition with the real world wired in: why a package is where it is, and why not otherwise.

    from envcompose.api import Inputs, Wishes
    from envcompose.explaining import explain_package

    found = explain_package("flash-attn", Inputs(words=("axolotl",)), Wishes(cuda="12.4"), question="2.8.3")
    print(found.explanation.package.artifact.why, found.answer.verdict)

Composes again from the inputs, once for the explanation and once or twice more for a question. Nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from envcompose.api import Inputs, load_recipes, read_intent, world_of
from envcompose.compose import World, compose
from envcompose.errors import NotInComposition
from envcompose.model.composition import Composition
from envcompose.model.distribution import PackageFile
from envcompose.model.explanation import Answer, Difference, Explanation, Question
from envcompose.model.intent import Intent, Wishes
from envcompose.model.values import dataclass
from envcompose.read.question import read_question
from envcompose.read.suggest import nearest
from envcompose.review.absent import absence_words, absences_of, input_words
from envcompose.review.answer import Circumstance, answer_of
from envcompose.review.explain import distribution_named, explain, known_names
from envcompose.write.command import command_of
from envcompose.write.written import Written, differences_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An explanation, the composition that it is about, and the answer where something was asked.

    `command` is the `init` command of the intent. `differences` are the lines that a manifest on disk has otherwise;
    None where there is none.
    """

    explanation: Explanation
    composition: Composition
    command: str
    answer: Answer | None
    differences: tuple[Difference, ...] | None


def explain_package(
    name: str,
    inputs: Inputs,
    wishes: Wishes,
    *,
    question: str | None = None,
    written: Written | None = None,
    refresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    trace: Callable[[str], None] = lambda line: None,
    heard: Callable[[Intent], None] = lambda intent: None,
) -> Explained:
    """Compose, and explain one package of the result: a distribution or a conda package, by name.

    `question` is a version, a bound on versions or a source ("why not that?"); `written` is what is on disk, to be
    compared. Raises NotInComposition and UnknownValue (exit 2), and what composing raises; an infeasible question
    is an answer and raises nothing.
    """
    facts, _ = load_recipes()
    asked = read_question(question) if question is not None else None
    # Seen from where the inputs are read, so that paths in the answer are what the user typed.
    intent, _ = read_intent(inputs, wishes, facts, folder=inputs.base)
    heard(intent)
    with world_of(intent, refresh=refresh, tell=tell, trace=trace) as world:
        return explain_intent(intent, world, name, question=asked, written=written)


def explain_intent(
    intent: Intent, world: World, name: str, *, question: Question | None = None, written: Written | None = None
) -> Explained:
    """The same for an intent that is read, over a world that is given. Raises NotInComposition, and what composing raises."""
    composition = compose(intent, world)
    files = _files(composition, world, name)
    explanation = explain(composition, world.facts, name, files=files)
    if explanation is None:
        raise _absent(composition, world, intent, name)
    answer = None if question is None else answer_of(question, _circumstance(composition, explanation, files, world))
    return Explained(
        explanation=explanation,
        composition=composition,
        command=command_of(intent),
        answer=answer,
        differences=None if written is None else differences_of(written, composition),
    )


def _circumstance(
    composition: Composition, explanation: Explanation, files: Sequence[PackageFile], world: World
) -> Circumstance:
    return Circumstance(
        composition=composition,
        explanation=explanation,
        files=files,
        facts=world.facts,
        index=world.index,
        compose=lambda intent: compose(intent, world),
    )


def _files(composition: Composition, world: World, name: str) -> Sequence[PackageFile]:
    """The index's files of a distribution; none of what comes from a source of its own."""
    package = distribution_named(composition, world.facts, name)
    if package is None or package.artifact.rule == "as-given":
        return ()
    return world.index.project(package.name) or ()


def _absent(composition: Composition, world: World, intent: Intent, name: str) -> NotInComposition:
    """Why it is not there, in words, with what may have been meant."""
    told = [
        *input_words(composition, name),
        *(absence_words(absence) for absence in absences_of(composition, world.index, name)),
    ]
    near = None if told else _near(canonicalize_name(name), known_names(composition))
    more = replace(intent, request=replace(intent.request, words=(*intent.request.words, name)))
    there = world.index.project(canonicalize_name(name)) is not None
    return NotInComposition(name=name, reasons=told, near=near, command=command_of(more) if there else None)


def _near(name: str, known: Sequence[str]) -> str | None:
    """A known name that looks alike, or that has this one as a part (`gxx` in `gxx_linux-64`)."""
    parts = (other for other in known if name in re.split("[-_]", other))
    return next(parts, None) or nearest(name, known)
