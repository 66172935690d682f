"""None"""

from dataclasses import replace

from core_fakes import WHY, FakeIndex, asked, facts_of, prebuilt
from packaging.specifiers import SpecifierSet

from envcompose.compose import compose
from envcompose.manifest.blocks import BEGIN, END
from envcompose.model.explanation import Difference, PinKind, Verdict
from envcompose.model.facts import KnownBad
from envcompose.model.intent import (
    ArtifactKind,
    ProjectFolder,
    Wishes,
)
from envcompose.model.record import CondaRecord
from envcompose.review.absent import absence_words, absences_of
from envcompose.review.asking import with_artifact, with_stack_pinned
from envcompose.review.chains import way_between
from envcompose.review.compare import changes_between, cost_between
from envcompose.review.explain import explain
from envcompose.write.bundle import bundle_of
from envcompose.write.written import Written, differences_of
from tests.unit.explain_parts import (
    EXT,
    explained,
    in_file,
    intent_of,
    plain_index,
    stack_intent,
    torch_facts,
    torch_index,
    world_of,
)


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


def test_extras_whose_marker_does_not_hold_bring_nothing_and_what_was_asked_for_comes_first():
    index = FakeIndex()
    index.add("app-1.0-py3-none-any.whl", "aid", "speed; extra == 'fast' and python_version < '3'")
    index.add("aid-1.0-py3-none-any.whl", "speed; extra == 'fast'")
    world = world_of(index)
    composition = compose(intent_of(asked("app")), world)
    found = absences_of(composition, world.index, "speed")
    assert [(absence.requirer, absence.extras) for absence in found] == [("app", ()), ("aid", ("fast",))]
