"""The drift report, over a fake index."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Evidence, TorchBuild, TorchRelease
from envcompose.world.drift import table_drift

EVIDENCE = Evidence(text="so", source="a page", as_of="2026-11-20")
HEADERS = """Metadata-Version: 2.1
Name: torch
Requires-Dist: triton (==3.2.0) ; platform_system == "Linux" and platform_machine == "x86_64"
Requires-Dist: nvidia-cuda-runtime-cu12==12.4.127; platform_system == "Linux"
Requires-Dist: nvidia-cudnn-cu12==9.1.0.70; platform_system == "Linux"
Requires-Dist: nvidia-nccl-cu12==2.21.5; platform_system == "Linux"
Requires-Dist: triton==9.9 ; platform_system == "Windows"
"""
TOOLKIT = "Requires-Dist: cuda-toolkit[cublas,cudart]==13.2.2; platform_system == 'Linux'\n"


class FakeIndex:
    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def project(self, name: str) -> tuple[PackageFile, ...]:
        assert name == "torch"
        return tuple(
            PackageFile(
                name=name,
                version=Version(filename.split("-")[1].removesuffix(".tar.gz")),
                filename=filename,
                url=f"https://index.example/{filename}",
                sha256=None,
                yanked="yanked" in headers,
            )
            for filename, headers in self.files.items()
        )

    def metadata(self, file: PackageFile) -> str:
        return self.files[file.filename]


def release(version: str = "2.6.0", **changes: object) -> TorchRelease:
    values: dict[str, object] = {
        "version": Version(version),
        "date": "2025-01-29",
        "pythons": ("3.12", "3.13"),
        "builds": (
            TorchBuild(
                cuda="12.4", cxx11_abi=False, index=None, local=None, archs=("9.0",), ptx=None, evidence=EVIDENCE
            ),
        ),
        "triton": "==3.2.0",
        "torchvision": ("0.21.0",),
        "torchaudio": ("2.6.0",),
        "glibc": "2.28",
        "cxx_standard": 17,
        "setuptools": SpecifierSet(),
        "cudnn": "9.1.0.70",
        "nccl": "2.21.5",
        "evidence": EVIDENCE,
    }
    return TorchRelease(**{**values, **changes})  # type: ignore[arg-type]


def wheels(
    *pythons: str, version: str = "2.6.0", platform: str = "manylinux_2_28", headers: str = HEADERS
) -> dict[str, str]:
    return {f"torch-{version}-{python.removesuffix('t')}-{python}-{platform}_x86_64.whl": headers for python in pythons}


def test_a_table_that_says_what_the_index_says_has_no_drift() -> None:
    files = wheels("cp312", "cp313", "cp313t")
    files["torch-2.6.0-cp314-none-macosx_11_0_arm64.whl"] = ""
    files["torch-2.7.0rc1-cp312-cp312-manylinux_2_28_x86_64.whl"] = ""
    files["torch-2.5.9-cp312-cp312-manylinux_2_28_x86_64.whl"] = ""
    files["torch-2.6.1-cp312-cp312-manylinux_2_28_x86_64.whl"] = "yanked"
    assert table_drift(FakeIndex(files), (release(),)) == ()


def test_a_release_that_only_one_of_them_knows_is_told() -> None:
    files = wheels("cp312", "cp313") | wheels("cp312", version="2.7.0")
    assert table_drift(FakeIndex(files), (release(), release("2.6.5"))) == (
        "torch 2.6.5: in the table, and no Linux wheel of it is on the index",
        "torch 2.7.0: on the index, and not in the table",
    )


def test_every_difference_of_a_release_has_a_line() -> None:
    files = wheels("cp313", "cp314", platform="manylinux1", headers=TOOLKIT)
    assert table_drift(FakeIndex(files), (release(),)) == (
        "torch 2.6.0: Pythons: the table says 3.12 3.13, the index 3.13 3.14",
        "torch 2.6.0: glibc: the table says 2.28, the index 2.17",
        "torch 2.6.0: triton: the table says ==3.2.0, the index nothing",
        "torch 2.6.0: CUDA of the default build: the table says 12.4, the index 13.2",
        "torch 2.6.0: cuDNN: the table says 9.1.0.70, the index nothing",
        "torch 2.6.0: NCCL: the table says 2.21.5, the index nothing",
    )


def test_an_index_that_names_no_cuda_is_taken_for_silent() -> None:
    bare = release(triton=None, cudnn=None, nccl=None)
    assert table_drift(FakeIndex(wheels("cp312", "cp313", headers="Name: torch\n")), (bare,)) == ()


def test_an_empty_table_is_drift() -> None:
    assert table_drift(FakeIndex({}), ()) == ("the torch table is empty",)
