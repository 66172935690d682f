"""Questions with --not: what they mean, and what answers them."""

from dataclasses import replace

import pytest
from core_fakes import FakeIndex, FakeResolver, asked, facts_of, torch_release
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.errors import UnknownValue
from envcompose.explaining import explain_intent
from envcompose.model.explanation import Verdict
from envcompose.model.intent import (
    ArtifactKind,
    Prefer,
    Wishes,
)
from envcompose.read.question import read_question
from envcompose.review.asking import with_version
from envcompose.write.command import command_of
from tests.unit.explain_parts import (
    EXT,
    STACK,
    explained,
    in_file,
    intent_of,
    plain_index,
    stack_intent,
    torch_facts,
    torch_index,
    world_of,
)


@pytest.mark.parametrize(
    ("text", "versions", "artifact"),
    [
        ("2.8.3", "==2.8.3", None),
        (" >=2.8,<3 ", "<3,>=2.8", None),
        ("2.8.*", "==2.8.*", None),
        ("sdist", None, ArtifactKind.SDIST),
        ("No-Isolation", None, ArtifactKind.NO_ISOLATION),
    ],
)
def test_a_question_is_a_version_a_bound_or_a_source(text: str, versions: str | None, artifact: ArtifactKind | None):
    question = read_question(text)
    assert (str(question.versions) if question.versions else None, question.artifact) == (versions, artifact)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("weel", "did you mean --not wheel?"), ("lib==2.8.3", "did you mean --not 2.8.3?"), ("", "explain --help")],
)
def test_a_question_that_is_none_is_refused_with_what_is_meant(text: str, hint: str):
    with pytest.raises(UnknownValue) as refused:
        read_question(text)
    assert hint in refused.value.hints[0]


def test_the_version_that_is_chosen_is_no_question():
    assert explained(intent_of(asked("app")), "lib", not_="1.5").answer.verdict is Verdict.CHOSEN
    assert explained(intent_of(asked("app")), "lib", not_="<1.6").answer.verdict is Verdict.CHOSEN
    assert explained(intent_of(asked("app")), "lib", not_="wheel").answer.verdict is Verdict.CHOSEN


def test_a_version_that_does_not_exist_is_told_with_those_around_it():
    answer = explained(intent_of(asked("app")), "lib", not_="1.7").answer
    assert (answer.verdict, answer.nearest) == (Verdict.NO_SUCH_RELEASE, ("1.0", "1.5", "2.0"))


def test_a_short_version_means_its_releases():
    answer = explained(intent_of(asked("app")), "lib", not_="2").answer
    assert answer.verdict is Verdict.INFEASIBLE
    index = plain_index()
    index.add("lib-1.7.2-py3-none-any.whl")
    assert explained(intent_of(asked("app")), "lib", index=index, not_="1.7").answer.verdict is Verdict.CHOSEN


def test_an_infeasible_version_is_answered_by_what_excludes_it():
    answer = explained(intent_of(asked("app")), "lib", not_="2.0").answer
    assert answer.verdict is Verdict.INFEASIBLE
    assert answer.held_by == ("app 1.0 requires lib<2",)
    assert answer.reasons
    assert command_of(answer.intent) == "envcompose init app lib==2.0 --python 3.12"


def test_a_feasible_version_is_answered_by_what_changes_and_the_command():
    answer = explained(intent_of(asked("app")), "lib", not_="1.0").answer
    assert answer.verdict is Verdict.FEASIBLE
    assert [(c.name, c.before, c.after) for c in answer.changes] == [("lib", "1.5", "1.0")]
    assert answer.against is None
    assert command_of(answer.intent) == "envcompose init app lib==1.0 --python 3.12"


def test_the_users_own_line_is_left_out_and_told():
    intent = intent_of(asked("app"), in_file("lib>=1.2", 4))
    answer = explained(intent, "lib", not_="1.0").answer
    assert answer.verdict is Verdict.FEASIBLE
    assert answer.edits == ("lib>=1.2 (requirements.txt:4)",)
    assert answer.held_by == ("your requirement lib>=1.2 (requirements.txt:4) excludes it",)
    assert answer.against.rule == "asked-for"
    assert not answer.typed


def test_a_word_of_the_command_line_is_replaced_in_the_command():
    intent = intent_of(asked("app"), asked("lib>=1.2"))
    answer = explained(intent, "lib", not_="1.0").answer
    assert (answer.edits, answer.typed) == (("lib>=1.2 (command line)",), True)
    assert command_of(answer.intent) == "envcompose init app lib==1.0 --python 3.12"


def test_a_bound_is_asked_together_with_the_words_that_it_fits():
    altered = with_version(intent_of(asked("lib[x]>=1.2")), facts_of(), "lib", SpecifierSet("<2"), [])
    assert altered.intent.request.words == ("lib<2",)
    kept = with_version(
        intent_of(asked("lib[x]>=1.2")),
        facts_of(),
        "lib",
        SpecifierSet("<2"),
        [Version("1.5")],
    )
    assert kept.intent.request.words == ("lib[x]<2,>=1.2",)
    assert kept.edits == ()


def test_an_older_release_of_the_stack_loses_by_its_age_and_a_newer_one_by_its_compile():
    older = explained(stack_intent(), "frame", index=torch_index(), facts=torch_facts(), not_="2.0").answer
    assert (older.verdict, older.against.rule, older.against.favours) == (Verdict.FEASIBLE, "no-long-compile", "chosen")
    assert [package.name for package in older.compiles] == ["ext"]
    assert command_of(older.intent) == "envcompose init frame==2.0"
    newest = Wishes(prefer=Prefer.NEWEST)
    chosen = explained(stack_intent(wishes=newest), "frame", index=torch_index(), facts=torch_facts(), not_="1.0")
    assert chosen.composition.stack == "frame==2.0"
    assert chosen.answer.against.rule == "newest-release"


def test_another_source_is_asked_with_the_release_of_the_stack_held():
    answer = explained(stack_intent(), "ext", index=torch_index(), facts=torch_facts(), not_="no-isolation").answer
    assert (answer.verdict, answer.artifact) == (Verdict.FEASIBLE, ArtifactKind.NO_ISOLATION)
    assert command_of(answer.intent) == "envcompose init frame==1.0 --artifact ext=no-isolation"


def test_who_asks_for_the_source_of_what_links_torch_gets_the_build_without_isolation():
    answer = explained(stack_intent(), "ext", index=torch_index(), facts=torch_facts(), not_="sdist").answer
    assert (answer.verdict, answer.artifact) == (Verdict.FEASIBLE, ArtifactKind.NO_ISOLATION)
    assert [entry.rule for entry in answer.reasons] == ["no-sdist"]
    assert "an isolated build would not see" in answer.reasons[0].why


@pytest.mark.parametrize(
    ("name", "asked_for", "why"),
    [
        ("ext", "wheel", "the package index has no wheel of it, of any release"),
        ("lib", "sdist", "the package index has no source distribution of it, of any release"),
        ("lib", "prebuilt", "no release wheels of its project are known to the recipes"),
        ("lib", "conda", "every other distribution stays in the PyPI layer"),
    ],
)
def test_what_no_release_has_is_answered_without_a_search(name: str, asked_for: str, why: str):
    intent, world = intent_of(asked("app")), world_of(plain_index())
    if name == "ext":
        intent, world = stack_intent(), world_of(torch_index(), torch_facts())
    calls: list[object] = []
    explain_intent(intent, replace(world, resolver=_Counting(calls)), name)
    alone = len(calls)
    question = read_question(asked_for)
    answer = explain_intent(intent, replace(world, resolver=_Counting(calls)), name, question=question).answer
    assert answer.verdict is Verdict.INFEASIBLE
    assert why in answer.reasons[0].why
    assert len(calls) == 2 * alone


class _Counting:
    def __init__(self, calls: list) -> None:
        self._calls = calls

    def resolve(self, question, universe):
        self._calls.append(question)
        return FakeResolver().resolve(question, universe)


def test_another_python_is_a_question_about_the_wish():
    answer = explained(intent_of(asked("app")), "python", not_="3.13").answer
    assert (answer.verdict, answer.edits) == (Verdict.FEASIBLE, ("--python 3.12",))
    assert command_of(answer.intent) == "envcompose init app --python 3.13"
    assert explained(intent_of(asked("app")), "python", not_="3.12.4").answer.verdict is Verdict.CHOSEN
    unknown = explained(intent_of(asked("app")), "python", not_="3.99").answer
    assert (unknown.verdict, unknown.nearest) == (Verdict.NO_SUCH_RELEASE, ("3.12", "3.13"))


def test_a_conda_package_is_no_distribution_that_could_come_from_elsewhere():
    answer = explained(intent_of(asked("app")), "python", not_="sdist").answer
    assert (answer.verdict, answer.reasons[0].rule) == (Verdict.INFEASIBLE, "target-python")


def far_index() -> FakeIndex:
    """As torch_index, with a newest release that needs a torch which does not exist, and an ext that nothing wants."""
    index = torch_index()
    index.add("frame-3.0-py3-none-any.whl", "torch==9.0")
    index.add("ext-3.0.tar.gz", "torch")
    return index


def test_reasons_begin_with_the_release_that_is_chosen():
    answer = explained(stack_intent(), "ext", index=far_index(), facts=torch_facts(), not_="3.0").answer
    assert answer.verdict is Verdict.INFEASIBLE
    assert [entry.what for entry in answer.reasons] == ["frame 1.0 to 2.0", "frame 3.0"]


def test_a_reason_about_the_question_itself_comes_before_all_others():
    index = far_index()
    index.add("torch-2.7.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    torches = [torch_release("2.6.0", ["3.12"]), torch_release("2.7.0", ["3.12"], cuda="12.6")]
    facts = facts_of(torches=torches, packages=(EXT,), stacks=(STACK,))
    answer = explained(stack_intent(wishes=Wishes(cuda="12.4")), "torch", index=index, facts=facts, not_="2.7.0").answer
    assert answer.reasons[0].what == "torch==2.7.0 (the question)"
    assert answer.reasons[0].why == "torch 2.7.0 has wheels for CUDA 12.6, and CUDA 12.4 is asked for"


def test_what_a_file_says_too_cannot_be_asked_on_a_command_line():
    intent = intent_of(asked("app"), asked("lib>=1.2"), in_file("lib>=1.1", 4))
    answer = explained(intent, "lib", not_="1.0").answer
    assert answer.edits == ("lib>=1.2 (command line)", "lib>=1.1 (requirements.txt:4)")
    assert not answer.typed


def test_a_bound_on_the_stack_that_excludes_the_question_is_left_out_and_told():
    answer = explained(stack_intent("frame<2"), "frame", index=torch_index(), facts=torch_facts(), not_="2.0").answer
    assert (answer.verdict, answer.edits) == (Verdict.FEASIBLE, ("frame<2 (command line)",))
    assert command_of(answer.intent) == "envcompose init frame==2.0"
