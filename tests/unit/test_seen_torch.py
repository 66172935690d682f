"""Releases of torch that are newer than the tables."""

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envcompose.model.distribution import PackageFile
from envcompose.model.facts import Evidence, TorchBuild, TorchRelease
from envcompose.resolve.seen_torch import releases_beyond

WHY = Evidence(text="a test", source="a test")
HEADERS = (
    "Metadata-Version: 2.1\nName: torch\nVersion: 9.1.0\n"
    "Requires-Dist: triton==9.0.0; platform_system == 'Linux'\n"
    "Requires-Dist: setuptools<99\n"
    "Requires-Dist: nvidia-cudnn-cu14==10.1.2.3; platform_system == 'Linux'\n"
    "Requires-Dist: cuda-toolkit[cublas]==14.2.1; platform_system == 'Linux'\n"
)


def wheel(version: str, python: str, system: str = "manylinux_2_34_x86_64") -> PackageFile:
    name = f"torch-{version}-cp{python}-cp{python}-{system}.whl"
    return PackageFile(name="torch", version=Version(version), filename=name, url=f"https://x/{name}", sha256=None)


class Pages:
    def __init__(self, files: tuple[PackageFile, ...], headers: str = HEADERS) -> None:
        self.files, self.headers, self.read = files, headers, []

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        return self.files if name == "torch" else None

    def metadata(self, file: PackageFile) -> str:
        self.read.append(file.filename)
        return self.headers


def known(version: str = "9.0.0") -> TorchRelease:
    build = TorchBuild(cuda="13.9", cxx11_abi=True, index=None, local=None, archs=("8.0",), ptx=None, evidence=WHY)
    return TorchRelease(
        version=Version(version),
        date="2030-01-01",
        pythons=("3.20",),
        builds=(build,),
        triton="==8.0.0",
        torchvision=(),
        torchaudio=(),
        glibc="2.28",
        cxx_standard=23,
        setuptools=SpecifierSet(),
        cudnn=None,
        nccl=None,
        evidence=WHY,
    )


def test_a_release_beyond_the_table_is_taken_as_its_wheels_show_it():
    pages = Pages((wheel("9.0.0", "320"), wheel("9.1.0", "320"), wheel("9.1.0", "321"), wheel("9.2.0rc1", "321")))
    (release,) = releases_beyond(pages, [known()])
    assert (str(release.version), release.pythons, release.glibc) == ("9.1.0", ("3.20", "3.21"), "2.34")
    assert (release.triton, release.cudnn, str(release.setuptools)) == ("==9.0.0", "10.1.2.3", "<99")
    assert [(build.cuda, build.cxx11_abi, build.index) for build in release.builds] == [("14.2", True, None)]
    assert release.cxx_standard == 23
    assert pages.read == ["torch-9.1.0-cp321-cp321-manylinux_2_34_x86_64.whl"]


def test_a_release_that_names_no_cuda_line_is_left_out():
    pages = Pages((wheel("9.1.0", "320"),), headers="Metadata-Version: 2.1\nName: torch\nVersion: 9.1.0\n")
    assert releases_beyond(pages, [known()]) == ()


def test_nothing_is_read_where_the_table_is_up_to_date():
    pages = Pages((wheel("9.0.0", "320"), wheel("8.0.0", "320")))
    assert releases_beyond(pages, [known()]) == ()
    assert pages.read == []
