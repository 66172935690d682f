"""Which artifact: the order of the rules, and what each of them asks for (design.md, "Which artifact")."""

from __future__ import annotations

from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.decide.artifacts import Case, decide_artifact, refusal
from envcompose.decide.known import Prebuilt
from envcompose.decide.ways import Circumstances, Ways
from envcompose.model.analysis import BuildNeed
from envcompose.model.decision import Artifact
from envcompose.model.distribution import PackageFile
from envcompose.model.facts import CondaBuild, KnownBad, PackageRecipe
from envcompose.model.intent import ArtifactKind
from envcompose.model.target import Layer, TorchChoice
from envcompose.resolve.closure import Member
from envcompose.resolve.universe import stub
from tests.unit.core_fakes import WHY, analysis_of, torch_choice, torch_release

TORCH = torch_choice(torch_release("2.6.0", ["3.12"]))
BUILD = CondaBuild(version=Version("1.0"), conda_version="1.0", torch="2.6", cuda=("12.4",), pythons=(), evidence=WHY)
CONDA_TORCH = TorchChoice(release=TORCH.release, layer=Layer.SYSTEM, line="12.4", conda=BUILD)
WHEEL = PackageFile(
    name="ext",
    version=Version("1.0"),
    filename="ext-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    url="https://index.example/ext.whl",
    sha256="a" * 64,
)
SDIST = replace(WHEEL, filename="ext-1.0.tar.gz", url="https://index.example/ext.tar.gz")
PREBUILT = Prebuilt(url="https://releases.example/ext.whl", glibc="2.28", evidence=WHY, nightly=False)
LINKS = analysis_of("ext", links_torch=True)
STATELESS = analysis_of("ext")
NO_WAYS = Ways(conda=None, wheel=None, prebuilt=None, sdist=None, lost=())
ALL_WAYS = Ways(conda=BUILD, wheel=WHEEL, prebuilt=PREBUILT, sdist=SDIST, lost=())


def case(**changes: object) -> Case:
    """A package with every way, whose build needs torch; `changes` are fields of Case, Ways or Circumstances."""
    member = Member(
        name="ext",
        version=Version("1.0"),
        release=stub("ext", Version("1.0")),
        extras=(),
        requires=(),
        required_by=(),
    )
    made = Case(
        member=member,
        ways=ALL_WAYS,
        around=Circumstances(torch=TORCH, python="3.12", glibc="2.28"),
        recipe=None,
        analysis=LINKS,
        island=frozenset({"torch", "ext"}),
        forced=None,
        hint=None,
        given_url=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def decided(**changes: object) -> str:
    """The rule that decides."""
    found = decide_artifact(case(**changes))
    return "none" if found is None else found.rule


def test_the_rules_answer_in_the_order_of_the_design():
    found = []
    ways = ALL_WAYS
    for gone in ("conda", "wheel", "prebuilt", "sdist"):
        found.append(decided(ways=ways))
        ways = replace(ways, **{gone: None})
    assert [*found, decided(ways=ways)] == [
        "island-from-conda",
        "index-wheel",
        "prebuilt-wheel",
        "no-isolation-sdist",
        "none",
    ]


def test_a_source_that_the_user_named_comes_before_all():
    assert decided(given_url="https://files.example/ext-1.0-py3-none-any.whl") == "as-given"


def test_an_sdist_that_needs_nothing_of_the_island_is_built_isolated():
    assert decided(ways=replace(NO_WAYS, sdist=SDIST), analysis=STATELESS) == "isolated-sdist"


def test_an_sdist_whose_build_imports_the_island_is_not_built_isolated():
    need = BuildNeed(distribution="torch", required=True, condition=None, place=None, why="setup.py imports it")
    needing = replace(STATELESS, build_needs=(need,))
    assert decided(ways=replace(NO_WAYS, sdist=SDIST), analysis=needing) == "no-isolation-sdist"


def test_what_pixi_cannot_lock_becomes_a_task():
    unlockable = replace(LINKS, static_for_uv=False)
    assert decided(ways=replace(NO_WAYS, sdist=SDIST), analysis=unlockable) == "task"


def test_a_torch_from_conda_lets_pixi_lock_it():
    around = Circumstances(torch=CONDA_TORCH, python="3.12", glibc="2.28")
    unlockable = replace(LINKS, static_for_uv=False)
    assert decided(ways=replace(NO_WAYS, sdist=SDIST), analysis=unlockable, around=around) == "no-isolation-sdist"


def test_an_index_wheel_is_not_taken_for_a_torch_from_conda():
    around = Circumstances(torch=CONDA_TORCH, python="3.12", glibc="2.28")
    assert decided(ways=replace(ALL_WAYS, conda=None, prebuilt=None), around=around) == "no-isolation-sdist"


def test_what_loses_to_the_first_answer_is_told_as_alternatives():
    found = decide_artifact(case(ways=replace(ALL_WAYS, conda=None)))
    assert found is not None
    assert [other.artifact for other in found.alternatives] == [
        ArtifactKind.PREBUILT,
        ArtifactKind.NO_ISOLATION,
        ArtifactKind.TASK,
    ]


def forced(kind: ArtifactKind, **changes: object) -> Artifact | None:
    return decide_artifact(case(forced=kind, **changes))


def test_the_user_overrules_the_order():
    for kind in (ArtifactKind.WHEEL, ArtifactKind.PREBUILT, ArtifactKind.NO_ISOLATION, ArtifactKind.TASK):
        found = forced(kind)
        assert found is not None
        assert (found.kind, found.rule) == (kind, "forced")


def test_what_the_user_forces_and_cannot_be_had_is_refused_with_the_reason():
    wanted = case(forced=ArtifactKind.PREBUILT, ways=replace(NO_WAYS, sdist=SDIST))
    assert decide_artifact(wanted) is None
    assert refusal(wanted).why == "ext 1.0 cannot be had: --artifact asks for prebuilt, which is not to be had"


def test_a_build_that_facts_know_to_fail_is_no_way():
    fact = KnownBad(
        specifier=SpecifierSet("<2"),
        artifact="no-isolation",
        torch=None,
        cuda=None,
        cxx11_abi=None,
        why="its sources want an older torch",
        evidence=WHY,
    )
    bad = case(ways=replace(NO_WAYS, sdist=SDIST), recipe=PackageRecipe(name="ext", known_bad=(fact,)))
    assert decide_artifact(bad) is None
    assert refusal(bad).why == "ext 1.0 cannot be had: its sources want an older torch"
