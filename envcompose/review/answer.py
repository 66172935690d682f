"""Answering "why not that version, or that source?": compose again with it, and compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from envcompose.errors import Infeasible, NoPythonLeft, ProjectUnknown
from envcompose.model.composition import Composition, Package
from envcompose.model.decision import Rejection
from envcompose.model.distribution import PackageFile
from envcompose.model.explanation import Against, Answer, Explanation, Question, Verdict
from envcompose.model.facts import Facts
from envcompose.model.intent import ArtifactKind, Intent, TorchFrom
from envcompose.model.target import Layer, admits_python
from envcompose.model.values import dataclass
from envcompose.ports import PackageIndex
from envcompose.resolve.partners import TORCH
from envcompose.review import asking
from envcompose.review.asking import Altered
from envcompose.review.compare import CHOSEN, artifact_order, cost_between, known_bad, more_compiles, told_changes
from envcompose.review.pins import PYTHON, follows_line, held_by
from envcompose.review.sources import never_there, not_isolated, provided_by_conda
from envcompose.search.choices import target_choices

MOST_NEAR = 3
"""How many releases on either side of one that does not exist are named."""

_RANGE = re.compile(r"(\S+) to (\S+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstance:
    """What a question is asked about: a composition, one of its packages with its explanation, and how to compose.

    `files` are the index's files of the package, none for a conda package. `compose` raises what composing raises.
    """

    composition: Composition
    explanation: Explanation
    files: Sequence[PackageFile]
    facts: Facts
    index: PackageIndex
    compose: Callable[[Intent], Composition]

    @property
    def name(self) -> str:
        """The package's name."""
        return self.explanation.name


def answer_of(question: Question, case: Circumstance) -> Answer:
    """The answer to one question; an infeasible one is an answer too. Raises what the index raises."""
    explanation = case.explanation
    package = explanation.package
    if package is None and explanation.dependency is None and explanation.record is None:
        why = "it is the project itself, which comes from its folder at the version that the folder says"
        return _refused(question, Rejection(what=case.name, why=why, rule="as-given"))
    if package is None:
        return _of_conda(question, case)
    if question.versions is not None:
        return _of_versions(question, question.versions, package, case)
    return _of_source(question, package, case)


def _of_versions(question: Question, versions: SpecifierSet, package: Package, case: Circumstance) -> Answer:
    there = sorted({file.version for file in case.files})
    versions, releases = _releases(versions, there)
    chosen = _version(package.version)
    if chosen is not None and versions.contains(chosen, prereleases=True):
        return Answer(question=question, verdict=Verdict.CHOSEN, artifact=package.artifact.kind)
    if not releases:
        return Answer(question=question, verdict=Verdict.NO_SUCH_RELEASE, nearest=_nearest(versions, there))
    held = (*held_by(case.composition, package, releases), *_yanked(case.files, releases))
    altered = asking.with_version(case.composition.intent, case.facts, package.name, versions, releases)
    return replace(_composed(question, altered, case), held_by=held)


def _of_source(question: Question, package: Package, case: Circumstance) -> Answer:
    held = tuple(f"{entry.what}: {entry.why}" for entry in package.artifact.lost)
    kind = question.artifact
    if kind is package.artifact.kind or question.layer is package.layer:
        return Answer(question=question, verdict=Verdict.CHOSEN, artifact=package.artifact.kind)
    from_island = package.links_torch or package.name == TORCH
    if package.layer is Layer.SYSTEM and not from_island:
        return _refused(question, provided_by_conda(package))
    if kind is None or (package.layer is Layer.SYSTEM and package.name == TORCH):
        altered = asking.with_torch_from(_pinned(case), TorchFrom.PYPI)
        return replace(_composed(question, altered, case), held_by=held)
    never = never_there(package, kind, case.files, case.facts)
    if never is not None:
        return _refused(question, never)
    if kind is ArtifactKind.SDIST and (why := _why_not_isolated(package, case)) is not None:
        # Who asks for the source gets the way in which it can be built.
        found = _of_kind(question, package, ArtifactKind.NO_ISOLATION, case)
        return replace(found, held_by=held, reasons=(why, *found.reasons))
    return replace(_of_kind(question, package, kind, case), held_by=held)


def _of_kind(question: Question, package: Package, kind: ArtifactKind, case: Circumstance) -> Answer:
    """With the stack's release held first, since the question is about the source alone; then with all free."""
    intents = dict.fromkeys((_pinned(case), case.composition.intent))
    answers = []
    for intent in intents:
        answer = _composed(question, asking.with_artifact(intent, package, kind), case, kind)
        if answer.verdict is Verdict.FEASIBLE:
            return answer
        answers.append(answer)
    return answers[-1]


def _pinned(case: Circumstance) -> Intent:
    return asking.with_stack_pinned(case.composition.intent, case.facts, case.composition)


def _why_not_isolated(package: Package, case: Circumstance) -> Rejection | None:
    version = _version(package.version)
    sdist = next((file for file in case.files if file.version == version and not file.is_wheel), None)
    if sdist is None:
        return None
    analysis = case.index.analysis(sdist, torches=(None,), python=case.composition.target.python)
    return not_isolated(case.composition, package, analysis)


def _of_conda(question: Question, case: Circumstance) -> Answer:
    """Another version of a conda package: of Python and of the CUDA line by their wishes, of the rest by a bound."""
    dependency, record = case.explanation.dependency, case.explanation.record
    if question.versions is None:
        if question.artifact is ArtifactKind.CONDA:
            return Answer(question=question, verdict=Verdict.CHOSEN, artifact=ArtifactKind.CONDA)
        why = dependency.why if dependency is not None else "another conda package depends on it"
        rule = dependency.rule if dependency is not None else "conda-depends"
        return _refused(
            question, Rejection(what=f"{case.name} from PyPI", why=f"it is a conda package: {why}", rule=rule)
        )
    if case.name == PYTHON:
        known = tuple(line.version for line in case.facts.pythons)
        return _of_line(question, case, known, case.composition.target.python, asking.with_python)
    if dependency is not None and follows_line(case.composition, dependency):
        known = tuple(line.version for line in case.facts.cuda)
        return _of_line(question, case, known, case.composition.target.cuda or "", asking.with_line)
    solved = _version(record.version) if record is not None else None
    if solved is not None and question.versions.contains(solved, prereleases=True):
        return Answer(question=question, verdict=Verdict.CHOSEN, artifact=ArtifactKind.CONDA)
    return _composed(question, asking.with_conda(_pinned(case), case.name, question.versions), case)


def _of_line(
    question: Question,
    case: Circumstance,
    known: Sequence[str],
    chosen: str,
    with_line: Callable[[Intent, str], Altered],
) -> Answer:
    """A `major.minor` line that a wish fixes: the newest of those that the question admits."""
    assert question.versions is not None
    if _admits(question.versions, chosen):
        return Answer(question=question, verdict=Verdict.CHOSEN, artifact=ArtifactKind.CONDA)
    lines = sorted((line for line in known if _admits(question.versions, line)), key=Version)
    if not lines:
        return Answer(
            question=question,
            verdict=Verdict.NO_SUCH_RELEASE,
            nearest=_nearest(question.versions, sorted(map(Version, known))),
        )
    held = tuple(f"{d.name} {d.value}: {d.why}" for d in case.explanation.defaults if d.value == chosen)
    return replace(_composed(question, with_line(case.composition.intent, lines[-1]), case), held_by=held)


def _admits(versions: SpecifierSet, line: str) -> bool:
    """Does a question admit a line? `3.13`, `3.13.2`, `>=3.13` and `3.13.*` all mean the line 3.13."""
    exact = _exact(versions)
    if exact is not None:
        return line == f"{exact.major}.{exact.minor}"
    return admits_python(versions, line)


def _own_hints(hints: Sequence[str], intent: Intent, case: Circumstance) -> tuple[str, ...]:
    """The hints without those about an option that only the question gave."""
    asked = target_choices(intent, case.facts).hints
    own = target_choices(case.composition.intent, case.facts).hints
    return tuple(hint for hint in hints if hint in own or hint not in asked)


def _composed(question: Question, altered: Altered, case: Circumstance, kind: ArtifactKind | None = None) -> Answer:
    """Compose with it: feasible with what changes, or infeasible with the reasons."""
    intent = replace(altered.intent, wishes=replace(altered.intent.wishes, require_proof=False))
    try:
        other = case.compose(intent)
    except Infeasible as error:
        return Answer(
            question=question,
            verdict=Verdict.INFEASIBLE,
            reasons=_nearest_first((_in_words(entry, intent) for entry in error.rejected), case.composition),
            edits=altered.edits,
            intent=altered.intent,
            typed=altered.typed,
            hints=_own_hints(error.hints, intent, case),
            complete=error.complete,
        )
    except (NoPythonLeft, ProjectUnknown) as error:
        reason = Rejection(what=error.sentence, why="; ".join(error.facts), rule=error.code)
        return _refused(question, reason, altered.edits)
    found = other.package(case.name)
    if kind is not None and (found is None or found.artifact.kind is not kind):
        why = f"it comes as {found.artifact.kind.value}: {found.artifact.why}" if found else "nothing needs it then"
        return _refused(question, Rejection(what=f"{case.name} as {kind.value}", why=why, rule="artifact-exists"))
    return _feasible(question, altered, other, case)


def _feasible(question: Question, altered: Altered, other: Composition, case: Circumstance) -> Answer:
    before = case.composition
    found = other.package(case.name)
    changes, more = told_changes(before, other, case.name)
    against = _asked_otherwise(altered) or cost_between(before, other) or artifact_order(before, other, case.name)
    return Answer(
        question=question,
        verdict=Verdict.FEASIBLE,
        artifact=found.artifact.kind if found is not None else ArtifactKind.CONDA,
        changes=changes,
        more_changes=more,
        against=against,
        compiles=tuple(more_compiles(before, other)),
        known_bad=tuple(text for text in known_bad(other) if text not in known_bad(before)),
        edits=altered.edits,
        intent=altered.intent,
        typed=altered.typed,
    )


def _refused(question: Question, reason: Rejection, edits: tuple[str, ...] = ()) -> Answer:
    return Answer(question=question, verdict=Verdict.INFEASIBLE, reasons=(reason,), edits=edits)


def _asked_otherwise(altered: Altered) -> Against | None:
    """What the user fixed is fixed: no order comes before it."""
    if not altered.edits:
        return None
    return Against(rule="asked-for", why=f"you ask otherwise: {'; '.join(altered.edits)}", favours=CHOSEN)


def _in_words(entry: Rejection, intent: Intent) -> Rejection:
    """What is asked about is not what the user requires, though the resolver takes it for that."""
    why = entry.why
    for user in intent.reading.requirements:
        if user.origin == asking.QUESTION:
            why = why.replace(f"you require {user.text}", f"the question is about {user.text}")
    return replace(entry, why=why)


def _nearest_first(rejected: Iterable[Rejection], composition: Composition) -> tuple[Rejection, ...]:
    """What is told of the question itself, then of the stack's chosen release; the rest keeps its order."""
    chosen, entries = _stack_release(composition), list(rejected)
    near = [entry for entry in entries if f"({asking.QUESTION})" in entry.what]
    near += [entry for entry in entries if chosen is not None and _is_about(entry, chosen)]
    return tuple(dict.fromkeys((*near, *entries)))


def _stack_release(composition: Composition) -> Version | None:
    return _version((composition.stack or "").partition("==")[2])


def _is_about(entry: Rejection, release: Version) -> bool:
    """Is a rejection about this release, alone or among neighbours (`axolotl 0.5.2 to 0.12.2`)?"""
    if entry.release is None:
        return False
    oldest = _RANGE.search(entry.what)
    lowest = _version(oldest[1]) if oldest else entry.release
    return lowest is not None and lowest <= release <= entry.release


def _releases(versions: SpecifierSet, there: Sequence[Version]) -> tuple[SpecifierSet, tuple[Version, ...]]:
    """The releases that a question means: `2.8` means the releases of 2.8 where none is called just so."""
    found = tuple(version for version in there if versions.contains(version, prereleases=True))
    exact = _exact(versions)
    if found or exact is None:
        return versions, found
    wider = SpecifierSet(f"=={exact.public}.*") if not exact.is_prerelease else versions
    return wider, tuple(version for version in there if wider.contains(version, prereleases=True))


def _exact(versions: SpecifierSet) -> Version | None:
    specifiers = list(versions)
    if len(specifiers) != 1 or specifiers[0].operator != "==":
        return None
    return _version(specifiers[0].version)


def _nearest(versions: SpecifierSet, there: Sequence[Version]) -> tuple[str, ...]:
    """The releases on either side of one that does not exist; the newest where a bound admits none."""
    exact = _exact(versions)
    if exact is None:
        bare = str(versions).removeprefix("==").removesuffix(".*")
        exact = _version(bare)
    if exact is None:
        return tuple(str(version) for version in there[-2 * MOST_NEAR :])
    below = [version for version in there if version < exact][-MOST_NEAR:]
    above = [version for version in there if version > exact][:MOST_NEAR]
    return tuple(str(version) for version in (*below, *above))


def _yanked(files: Sequence[PackageFile], releases: Sequence[Version]) -> tuple[str, ...]:
    own = [file for file in files if file.version in releases]
    if not own or not all(file.yanked for file in own):
        return ()
    return (f"{', '.join(map(str, releases[:MOST_NEAR]))} is yanked: its authors took it back",)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
