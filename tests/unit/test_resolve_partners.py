"""The torch island from indexes and tables: whose NVIDIA pins hold, and what stands by tables."""

from __future__ import annotations

from dataclasses import replace

from packaging.version import Version

from envcompose.model.facts import CondaBuild, PackageRecipe, TorchBuild, TorchRelease
from envcompose.model.target import Layer, TorchChoice
from envcompose.resolve.metadata import header_values
from envcompose.resolve.partners import island_releases, with_nvidia_pins
from tests.unit.core_fakes import WHY, FakeIndex, facts_of, torch_choice, torch_release

CU124 = "https://wheels.example/cu124"
PYTHON = "3.12"
OWN = (
    "nvidia-cublas-cu12==12.6.4.1; platform_system == 'Linux'",
    "nvidia-cudnn-cu12==9.5.1.17; platform_system == 'Linux'",
    "nvidia-nccl-cu12==2.26.2; platform_system == 'Linux'",
    "triton==3.3.0; platform_system == 'Linux'",
    "filelock",
)
SIBLING = (
    "nvidia-cublas-cu12==12.4.5.8; platform_system == 'Linux'",
    "nvidia-cudnn-cu12==9.1.0.70; platform_system == 'Linux'",
    "nvidia-nccl-cu12==2.21.5; platform_system == 'Linux'",
)


def headers(*requires: str) -> str:
    return "Name: torch\n" + "".join(f"Requires-Dist: {text}\n" for text in requires)


def test_the_toolkit_follows_the_line_and_cudnn_and_nccl_follow_the_torch_release():
    told = list(header_values(with_nvidia_pins(headers(*OWN), headers(*SIBLING)), "Requires-Dist"))
    assert told == [
        "triton==3.3.0; platform_system == 'Linux'",
        "filelock",
        "nvidia-cublas-cu12==12.4.5.8; platform_system == 'Linux'",
        'nvidia-cudnn-cu12==9.5.1.17 ; platform_system == "Linux"',
        'nvidia-nccl-cu12==2.26.2 ; platform_system == "Linux"',
    ]


def test_a_library_that_follows_the_release_takes_the_name_of_the_line():
    told = with_nvidia_pins(headers("nvidia-cudnn-cu13==9.9.0"), headers("nvidia-cudnn-cu12==9.1.0.70"))
    assert told == "Name: torch\nRequires-Dist: nvidia-cudnn-cu12==9.9.0\n"


def test_without_a_release_of_the_line_the_nvidia_pins_are_left_to_the_index():
    assert list(header_values(with_nvidia_pins(headers(*OWN), None), "Requires-Dist")) == [
        "triton==3.3.0; platform_system == 'Linux'",
        "filelock",
    ]


def with_variant(version: str) -> TorchRelease:
    """A release whose default wheel is for CUDA 12.6, with a CUDA 12.4 build on an index of its own."""
    release = torch_release(version, [PYTHON], cuda="12.6")
    build = TorchBuild(cuda="12.4", cxx11_abi=True, index=CU124, local="cu124", archs=("9.0",), ptx=None, evidence=WHY)
    return replace(release, builds=(*release.builds, build), torchvision=("0.22.0",))


def variant(release: TorchRelease) -> TorchChoice:
    return TorchChoice(release=release, layer=Layer.PYPI, line="12.4", build=release.builds[1])


def default_index() -> FakeIndex:
    index = FakeIndex()
    index.add("torch-2.7.0-cp312-cp312-manylinux_2_28_x86_64.whl", *OWN)
    index.add("torch-2.6.0-cp312-cp312-manylinux_2_28_x86_64.whl", *SIBLING)
    index.add("torchvision-0.22.0-cp312-cp312-manylinux_2_28_x86_64.whl", "torch==2.7.0")
    index.add("torchvision-0.21.0-cp312-cp312-manylinux_2_28_x86_64.whl", "torch==2.6.0")
    return index


def test_the_default_index_needs_nothing_in_its_place():
    release = torch_release("2.6.0", [PYTHON])
    assert island_releases(facts_of(torches=[release]), FakeIndex(), [torch_choice(release)], PYTHON, "2.28") == (
        {},
        (),
    )


def test_an_index_that_cannot_be_asked_is_replaced_by_tables_and_named():
    release = with_variant("2.7.0")
    facts = facts_of(torches=[torch_release("2.6.0", [PYTHON]), release])
    replaced, by_tables = island_releases(facts, default_index(), [variant(release)], PYTHON, "2.28")
    assert by_tables == ("torch", "torchaudio", "torchvision")
    (torch,) = replaced["torch"]
    assert (str(torch.version), torch.file.index if torch.file else None) == ("2.7.0+cu124", CU124)
    assert torch.rewrite is not None
    assert "nvidia-cublas-cu12==12.4.5.8" in torch.rewrite(headers(*OWN))
    assert [str(vision.version) for vision in replaced["torchvision"]] == ["0.22.0+cu124"]


def test_an_index_that_answers_is_believed():
    release, index = with_variant("2.7.0"), default_index()
    aside = FakeIndex()
    own = aside.add("torch-2.7.0+cu124-cp312-cp312-manylinux_2_28_x86_64.whl")
    vision = aside.add("torchvision-0.22.0+cu124-cp312-cp312-linux_x86_64.whl")
    other = aside.add("torchvision-0.21.0+cu124-cp312-cp312-linux_x86_64.whl")
    index.partners = {
        (CU124, "torch"): (own,),
        (CU124, "torchvision"): (other, vision),
        (CU124, "torchaudio"): (),
    }
    replaced, by_tables = island_releases(facts_of(torches=[release]), index, [variant(release)], PYTHON, "2.28")
    assert by_tables == ()
    assert {name: [release.file for release in found] for name, found in replaced.items()} == {
        "torch": [own],
        "torchvision": [vision],
    }


def test_what_conda_provides_is_a_stub_without_requirements():
    build = CondaBuild(
        version=Version("2.6.0"), conda_version="2.6.0", torch=None, cuda=("12.4",), pythons=(), evidence=WHY
    )
    vision = replace(build, version=Version("0.21.0"), conda_version="0.21.0", torch="2.6")
    old = replace(vision, version=Version("0.20.0"), conda_version="0.20.0", torch="2.5")
    packages = [
        PackageRecipe(name="torch", links_torch=True, conda=(build,)),
        PackageRecipe(name="torchvision", links_torch=True, conda=(old, vision)),
    ]
    torch = TorchChoice(
        release=torch_release("2.6.0", [PYTHON]), layer=Layer.SYSTEM, line="12.4", conda=packages[0].conda[0]
    )
    replaced, by_tables = island_releases(facts_of(packages=packages), FakeIndex(), [torch], PYTHON, "2.28")
    assert by_tables == ()
    assert {name: [(str(one.version), one.stub) for one in found] for name, found in replaced.items()} == {
        "torch": [("2.6.0", True)],
        "torchvision": [("0.21.0", True)],
    }
