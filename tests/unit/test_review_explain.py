from __future__ import annotations

from dataclasses import replace

import pytest
from core_fakes import WHY, FakeIndex, FakeResolver, asked, facts_of, prebuilt, torch_release
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.compose import World, compose
from envcompose.errors import UnknownValue
from envcompose.explaining import explain_intent
from envcompose.manifest.blocks import BEGIN, END
from envcompose.model.explanation import Difference, PinKind, Verdict
from envcompose.model.facts import CompileCost, Facts, KnownBad, PackageRecipe, RunNeed, StackRecipe
from envcompose.model.intent import (
    ArtifactKind,
    InputReading,
    Intent,
    Prefer,
    ProjectFolder,
    Request,
    StackRequest,
    Wishes,
)
from envcompose.model.record import CondaRecord
from envcompose.model.requirement import Origin, OriginKind, UserRequirement
from envcompose.read.question import read_question
from envcompose.review.absent import absence_words, absences_of
from envcompose.review.asking import with_artifact, with_stack_pinned, with_version
from envcompose.review.chains import way_between
from envcompose.review.compare import changes_between, cost_between
from envcompose.review.explain import explain
from envcompose.write.bundle import bundle_of
from envcompose.write.command import command_of
from envcompose.write.written import Written, differences_of

EXT = PackageRecipe(
    name="ext",
    links_torch=True,
    prebuilt=(prebuilt("1.0", "2.6", ["3.12"]),),
    compile_cost=CompileCost(class_="long", text="ext takes an hour", memory_gib_per_job=None, evidence=WHY),
    run_needs=(
        RunNeed(
            conda=("cuda-nvcc",), env=(("EXT_HOME", "x"),), when=SpecifierSet(""), why="it probes nvcc", evidence=WHY
        ),
    ),
)
STACK = StackRecipe(
    name="frame", distribution="frame", summary="s", default_extras=(), extras_why=None, imports=(), evidence=(WHY,)
)


def in_file(text: str, line: int, file: str = "requirements.txt") -> UserRequirement:
    return UserRequirement(
        text=text, requirement=Requirement(text), origin=Origin(kind=OriginKind.FILE, file=file, line=line)
    )


def intent_of(
    *requirements: UserRequirement, constraints: tuple[UserRequirement, ...] = (), wishes: Wishes | None = None
) -> Intent:
    words = tuple(user.text for user in requirements if user.origin.kind is OriginKind.COMMAND_LINE)
    return Intent(
        stacks=(),
        reading=InputReading(requirements=requirements, constraints=constraints),
        wishes=wishes or Wishes(python="3.12"),
        request=Request(words=words),
    )


def stack_intent(text: str = "frame", wishes: Wishes | None = None) -> Intent:
    request = StackRequest(
        name="frame",
        specifier=Requirement(text).specifier,
        extras=None,
        origin=Origin(kind=OriginKind.COMMAND_LINE),
        text=text,
    )
    return Intent(stacks=(request,), reading=InputReading(), wishes=wishes or Wishes(), request=Request(words=(text,)))


def plain_index() -> FakeIndex:
    """app needs lib <2 and mid; mid needs lib >=1; lib has 1.0, 1.5 and 2.0."""
    index = FakeIndex()
    index.add("app-1.0-py3-none-any.whl", "lib<2", "mid==3.0", "tail; python_version < '3.0'")
    index.add("mid-3.0-py3-none-any.whl", "lib>=1", "speed; extra == 'fast'")
    for version in ("1.0", "1.5", "2.0"):
        index.add(f"lib-{version}-py3-none-any.whl")
    return index


def torch_index() -> FakeIndex:
    """Two releases of a stack: the newer one needs an ext that has no wheel, the older one an ext that has one."""
    index = FakeIndex()
    index.add("frame-2.0-py3-none-any.whl", "torch==2.6.0", "ext==2.0")
    index.add("frame-1.0-py3-none-any.whl", "torch==2.6.0", "ext==1.0")
    index.add("ext-1.0.tar.gz", "torch")
    index.add("ext-2.0.tar.gz", "torch")
    index.add("torch-2.6.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    index.add("torch-2.5.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    return index


def torch_facts(*packages: PackageRecipe) -> Facts:
    torches = [torch_release("2.6.0", ["3.12"]), torch_release("2.5.0", ["3.12"])]
    return facts_of(torches=torches, packages=packages or (EXT,), stacks=(STACK,))


def any_python() -> Facts:
    return facts_of(torches=[torch_release("2.6.0", ["3.12", "3.13"])], stacks=(STACK,))


def world_of(index: FakeIndex, facts: Facts | None = None) -> World:
    return World(facts=facts or any_python(), index=index, resolver=FakeResolver())


def explained(intent: Intent, name: str, *, index: FakeIndex | None = None, facts: Facts | None = None, not_=None):
    world = world_of(index or plain_index(), facts)
    return explain_intent(intent, world, name, question=read_question(not_) if not_ else None)


def links(chain) -> list[str]:
    return [f"{link.name}{link.specifier}" for link in chain.links]


def test_each_requirer_has_its_shortest_chain_from_what_the_user_asked_for():
    explanation = explained(intent_of(in_file("app", 3)), "lib").explanation
    assert [links(chain) for chain in explanation.chains] == [["app", "lib<2"], ["app", "mid==3.0", "lib>=1"]]
    assert {(chain.asked, str(chain.origin)) for chain in explanation.chains} == {("app", "requirements.txt:3")}


def test_what_the_user_asks_for_directly_has_a_chain_of_its_own_first():
    explanation = explained(intent_of(asked("app"), in_file("lib>=1.2", 7)), "lib").explanation
    assert links(explanation.chains[0]) == ["lib>=1.2"]
    assert (explanation.chains[0].asked, str(explanation.chains[0].origin)) == ("lib>=1.2", "requirements.txt:7")
    assert explanation.chains[0].requirer is None


def test_a_name_may_be_spelled_as_people_do():
    assert explained(intent_of(asked("app")), "Lib").explanation.name == "lib"


def test_the_newest_release_is_named_with_what_excludes_it():
    newest = explained(intent_of(asked("app")), "lib").explanation.newest
    assert (newest.version, newest.is_chosen, newest.held_by) == ("2.0", False, ("app 1.0 requires lib<2",))
    own = explained(intent_of(asked("app")), "mid").explanation.newest
    assert (own.version, own.is_chosen, own.held_by) == ("3.0", True, ())


def test_pins_name_the_user_the_constraint_and_the_exact_requirer():
    intent = intent_of(asked("app"), in_file("lib>=1", 2), constraints=(in_file("lib<1.4", 1, "limits.txt"),))
    pins = explained(intent, "lib").explanation.pins
    assert [(pin.kind, pin.why) for pin in pins] == [
        (PinKind.USER, "your requirement lib>=1 (requirements.txt:2)"),
        (PinKind.CONSTRAINT, "your constraint lib<1.4 (limits.txt:1)"),
        (PinKind.MANIFEST, "the manifest names it (==1.0): asked for; a wheel of the index"),
    ]
    mid = explained(intent, "mid").explanation.pins
    assert [pin.why for pin in mid if pin.kind is PinKind.REQUIRER] == ["app 1.0 requires mid==3.0"]


def test_a_package_that_links_torch_names_the_torch_that_it_is_built_for():
    found = explained(stack_intent(), "ext", index=torch_index(), facts=torch_facts())
    why = {pin.kind: pin.why for pin in found.explanation.pins}
    assert why[PinKind.ISLAND] == "it links torch: its build must be one for torch 2.6.0 (CUDA 12.4, C++ ABI 1)"
    assert found.explanation.package.artifact.kind is ArtifactKind.PREBUILT
    others = [other.artifact for other in found.explanation.package.alternatives]
    assert others == [ArtifactKind.NO_ISOLATION, ArtifactKind.TASK]
    assert [entry.what for entry in found.explanation.rejected] == ["frame 2.0"]


def test_a_stack_is_held_by_the_search_and_torch_too():
    found = explained(stack_intent(), "frame", index=torch_index(), facts=torch_facts())
    assert found.explanation.pins[0].why == (
        "the search took the newest release that stands for this target without a long compile"
    )
    torch = explained(stack_intent(), "torch", index=torch_index(), facts=torch_facts()).explanation
    assert [pin.kind for pin in torch.pins] == [PinKind.REQUIRER, PinKind.SEARCH, PinKind.MANIFEST]


def test_a_conda_package_is_explained_by_the_distribution_that_needs_it():
    found = explained(stack_intent(wishes=Wishes(cuda="12.4")), "cuda-nvcc", index=torch_index(), facts=torch_facts())
    explanation = found.explanation
    assert explanation.package is None
    assert (explanation.dependency.spec, explanation.dependency.rule) == ("12.4.*", "run-need")
    assert explanation.needed_by == ("ext",)
    assert [links(chain) for chain in explanation.chains] == [["frame", "ext==1.0", "cuda-nvcc12.4.*"]]
    assert [pin.why for pin in explanation.pins] == ["you ask for --cuda 12.4"]


def test_python_is_explained_by_the_wish_or_by_the_default():
    wished = explained(intent_of(asked("app")), "python").explanation
    assert [pin.why for pin in wished.pins] == ["you ask for --python 3.12"]
    free = explained(intent_of(asked("app"), wishes=Wishes()), "python").explanation
    assert [default.name for default in free.defaults] == ["python"]


def test_variables_of_a_package_are_those_that_it_wants():
    found = explained(stack_intent(), "ext", index=torch_index(), facts=torch_facts())
    assert [variable.name for variable in found.explanation.env] == ["EXT_HOME"]
    assert explained(stack_intent(), "frame", index=torch_index(), facts=torch_facts()).explanation.env == ()


def test_the_way_to_a_conda_record_starts_at_a_line_of_the_manifest():
    def record(name: str, *depends: str) -> CondaRecord:
        return CondaRecord(
            name=name,
            version="1.0",
            build="0",
            build_number=0,
            subdir="linux-64",
            url=f"https://channel.example/{name}.conda",
            channel="https://channel.example/",
            file_name=f"{name}.conda",
            depends=depends,
        )

    records = (
        record("python", "libffi >=3", "zlib"),
        record("libffi", "zlib >=1.2,<2"),
        record("zlib"),
        record("lone"),
    )
    assert [(k.name, k.specifier) for k in way_between(["python"], records, "zlib")] == [("python", ""), ("zlib", "")]
    assert [(k.name, k.specifier) for k in way_between(["libffi"], records, "zlib")] == [
        ("libffi", ""),
        ("zlib", ">=1.2,<2"),
    ]
    assert [k.name for k in way_between(["python"], records, "lone")] == ["lone"]


def test_what_is_absent_is_told_with_the_extra_or_the_marker_that_would_bring_it():
    world = world_of(plain_index())
    composition = compose(intent_of(asked("app")), world)
    words = [absence_words(absence) for absence in absences_of(composition, world.index, "Speed")]
    assert words == ['mid 3.0 has it in its extra fast, not asked for: speed; extra == "fast"']
    tail = [absence_words(absence) for absence in absences_of(composition, world.index, "tail")]
    assert tail == ['app 1.0 names it, but the marker does not hold here: tail; python_version < "3.0"']
    assert absences_of(composition, world.index, "elsewhere") == ()


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


def test_known_bad_pairs_speak_against_a_composition():
    bad = KnownBad(
        specifier=SpecifierSet("==2.0"),
        artifact=None,
        torch=None,
        cuda=None,
        cxx11_abi=None,
        why="it crashes",
        evidence=WHY,
    )
    recipe = replace(EXT, known_bad=(bad,), prebuilt=(*EXT.prebuilt, prebuilt("2.0", "2.6", ["3.12"])))
    world = world_of(torch_index(), torch_facts(recipe))
    first, second = (compose(stack_intent(f"frame=={version}"), world) for version in ("1.0", "2.0"))
    assert cost_between(second, first).rule == "newest-release"
    same = replace(first, stack=second.stack)
    assert cost_between(same, second) is not None
    assert cost_between(same, second).why == "known to be bad: ext 2.0: it crashes"
    assert cost_between(first, first) is None


def test_a_composition_differs_from_itself_in_nothing():
    composition = compose(intent_of(asked("app")), world_of(plain_index()))
    assert changes_between(composition, composition) == ()


def test_the_stack_is_pinned_with_its_extras_whatever_the_word_was():
    composition = compose(stack_intent("frame>=1"), world_of(torch_index(), torch_facts()))
    pinned = with_stack_pinned(composition.intent, torch_facts(), composition)
    assert pinned.request.words == ("frame==1.0",)
    assert str(pinned.stacks[0].specifier) == "==1.0"


def test_an_artifact_that_was_forced_otherwise_is_an_edit():
    wishes = Wishes(python="3.12", artifacts=(("lib", ArtifactKind.WHEEL),))
    composition = compose(intent_of(asked("app"), wishes=wishes), world_of(plain_index()))
    altered = with_artifact(composition.intent, composition.package("lib"), ArtifactKind.SDIST)
    assert altered.edits == ("--artifact lib=wheel",)
    assert altered.intent.wishes.artifacts == (("lib", ArtifactKind.SDIST),)


def test_a_manifest_that_says_otherwise_is_told_line_by_line():
    composition = compose(intent_of(asked("app")), world_of(plain_index()))
    same = '[dependencies]\npython = "3.12.*"\n[pypi-dependencies]\napp = "==1.0"\n'
    assert differences_of(Written(manifest=same, lock=None), composition) == ()
    other = '[dependencies]\npython = "3.12.*"\nmine = "*"\n[pypi-dependencies]\napp = { version = "==0.9", extras = ["x"] }\n'
    assert differences_of(Written(manifest=other, lock=None), composition) == (
        Difference(table="dependencies", name="mine", written='"*"', composed=None),
        Difference(
            table="pypi-dependencies",
            name="app",
            written='{ extras = ["x"], version = "==0.9" }',
            composed='"==1.0"',
        ),
    )
    broken = Written(manifest="[dependencies", lock="not: a lock")
    assert [difference.written for difference in differences_of(broken, composition)] == [None, None]


def test_lines_around_the_blocks_are_no_difference_and_lines_in_them_are():
    composition = compose(intent_of(asked("app")), world_of(plain_index()))
    text = bundle_of(composition, version="1", verifier={}).text("pixi.toml")
    assert text is not None
    line = 'python = "3.12.*"'
    mine = text.replace(f"{END}\n\n{BEGIN}\n# The PyPI", f'{END}\nmine = "*"\n\n{BEGIN}\n# The PyPI')
    assert mine != text
    assert differences_of(Written(manifest=mine, lock=None), composition) == ()
    inside = text.replace(line, f'mine = "*"\n{line}')
    assert [one.name for one in differences_of(Written(manifest=inside, lock=None), composition)] == ["mine"]


def test_the_project_itself_is_explained_by_its_line_and_has_no_other_version():
    intent = intent_of(in_file("app", 3, "pyproject.toml"))
    project = replace(intent, reading=replace(intent.reading, project=ProjectFolder(path=".", name="Mine")))
    found = explained(project, "mine", not_="2.0")
    assert (found.explanation.package, found.explanation.line.why) == (None, "the project itself, editable")
    assert (found.answer.verdict, found.answer.reasons[0].rule) == (Verdict.INFEASIBLE, "as-given")


def test_explaining_what_is_not_there_gives_nothing():
    composition = compose(intent_of(asked("app")), world_of(plain_index()))
    assert explain(composition, facts_of(), "elsewhere") is None


def test_who_requires_a_package_only_because_of_it_is_no_way_to_it():
    index = FakeIndex()
    index.add("app-1.0-py3-none-any.whl", "lib")
    index.add("lib-1.0-py3-none-any.whl", "plugin")
    index.add("plugin-1.0-py3-none-any.whl", "lib>=1")
    explanation = explained(intent_of(asked("app")), "lib", index=index).explanation
    assert [links(chain) for chain in explanation.chains] == [["app", "lib"]]


def test_a_circle_of_conda_packages_ends():
    def record(name: str, *depends: str) -> CondaRecord:
        url = f"https://channel.example/{name}.conda"
        return CondaRecord(
            name=name,
            version="1",
            build="0",
            build_number=0,
            subdir="noarch",
            url=url,
            channel="c",
            file_name=name,
            depends=depends,
        )

    records = (record("a", "b"), record("b", "a", "c"), record("c", "a"))
    assert [link.name for link in way_between(["a"], records, "c")] == ["a", "b", "c"]


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


def test_extras_whose_marker_does_not_hold_bring_nothing_and_what_was_asked_for_comes_first():
    index = FakeIndex()
    index.add("app-1.0-py3-none-any.whl", "aid", "speed; extra == 'fast' and python_version < '3'")
    index.add("aid-1.0-py3-none-any.whl", "speed; extra == 'fast'")
    world = world_of(index)
    composition = compose(intent_of(asked("app")), world)
    found = absences_of(composition, world.index, "speed")
    assert [(absence.requirer, absence.extras) for absence in found] == [("app", ()), ("aid", ("fast",))]
