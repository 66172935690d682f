import pytest
from packaging.version import Version

from envcompose.errors import UnknownValue
from envcompose.model.facts import CudaLine, DriverBranch, Evidence, Facts, Gpu, PythonLine
from envcompose.model.intent import ArtifactKind
from envcompose.read.targets import (
    cuda_of_driver,
    read_artifact,
    read_as_of,
    read_build_memory,
    read_cuda,
    read_driver,
    read_glibc,
    read_gpus,
    read_platform,
    read_python,
)

WHY = Evidence(text="a fact", source="a test")


def cuda(version, *archs):
    return CudaLine(version=version, nvcc=(), gcc_below=None, driver_floor="525.60", archs=archs, evidence=WHY)


FACTS = Facts(
    torch=(),
    cuda=(cuda("11.8", "7.5", "8.0"), cuda("12.4", "8.0", "9.0"), cuda("12.10", "9.0", "10.0", "12.0")),
    gpus=(
        Gpu(name="a100", arch="8.0", evidence=WHY),
        Gpu(name="h100", arch="9.0", evidence=WHY),
        Gpu(name="rtx4090", arch="8.9", evidence=WHY),
    ),
    gpu_floors=(),
    drivers=(DriverBranch(branch=535, cuda="12.2", evidence=WHY), DriverBranch(branch=550, cuda="12.4", evidence=WHY)),
    pythons=(PythonLine(version="3.9", evidence=WHY), PythonLine(version="3.12", evidence=WHY)),
    names=(),
    tools=(),
    twins=(),
    mistaken=(),
    torch_packages=(),
    cuda_packages=(),
    replaced_channels=(),
    packages={},
    stacks={},
    as_of="2026-01-01",
    digest="",
)


def refusal(read, text, *facts):
    with pytest.raises(UnknownValue) as caught:
        read(text, *facts)
    return caught.value


def test_known_values_are_given_as_the_tables_write_them():
    assert read_cuda(" 12.4 ", FACTS) == "12.4"
    assert read_python("3.12", FACTS) == "3.12"
    assert read_driver("550.54.15", FACTS) == "550.54.15"
    assert read_driver("12.2", FACTS) == "12.2"
    assert read_glibc("2.28") == "2.28"
    assert read_platform("linux-64") == "linux-64"
    assert read_as_of("2026-01-31") == "2026-01-31"


def test_a_driver_tells_its_cuda_version_by_its_branch():
    assert [cuda_of_driver(text, FACTS) for text in ("535", "550.54", "12.4")] == ["12.2", "12.4", "12.4"]


def test_gpus_are_cards_or_architectures_and_come_out_sorted():
    assert read_gpus("sm_120,RTX 4090, NVIDIA H100,a100,9.0", FACTS) == ("8.0", "8.9", "9.0", "12.0")


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("12.4.1", "12.4"),
        ("cu124", "12.4"),
        ("12", "12.10"),
        ("12.9", "12.4"),
        ("99", "12.10"),
        ("9.0", "11.8"),
        ("twelve", "12.10"),
    ],
)
def test_an_unknown_cuda_line_suggests_the_nearest(text, suggestion):
    error = refusal(read_cuda, text, FACTS)
    assert (error.facts, error.hints) == (("known: 11.8, 12.4, 12.10",), (f"did you mean --cuda {suggestion}?",))


@pytest.mark.parametrize(
    ("read", "text", "sentence", "hints"),
    [
        (
            read_gpus,
            "a10O",
            "--gpu a10O cannot be used: the tables know neither such a card nor such an architecture",
            ("did you mean --gpu a100?",),
        ),
        (
            read_driver,
            "545.1",
            "--driver 545.1 cannot be used: the tables do not know the driver branch 545",
            ("did you mean --driver 535?",),
        ),
        (
            read_driver,
            "12.99",
            "--driver 12.99 cannot be used: it is neither a driver release such as 550.54 nor a CUDA version that"
            " nvidia-smi shows",
            ("did you mean --driver 12.10?",),
        ),
        (
            read_python,
            "3.12.4",
            "--python 3.12.4 cannot be used: the tables have no such Python line",
            ("did you mean --python 3.12?",),
        ),
    ],
)
def test_unknown_values_are_errors_with_a_suggestion(read, text, sentence, hints):
    error = refusal(read, text, FACTS)
    assert (error.sentence, error.hints, error.exit_status) == (sentence, hints, 2)


def test_artifacts_are_a_name_and_a_kind():
    assert read_artifact("Flash_Attn=no-isolation") == ("flash-attn", ArtifactKind.NO_ISOLATION)
    assert refusal(read_artifact, "flash-attn=weel").hints == ("did you mean --artifact flash-attn=wheel?",)
    assert refusal(read_artifact, "flash-attn").hints == ("did you mean --artifact flash-attn=wheel?",)


@pytest.mark.parametrize(
    ("text", "size"), [("64", 64.0), ("64G", 64.0), ("64 GiB", 64.0), ("512M", 0.5), ("1.5t", 1536.0)]
)
def test_build_memory_counts_in_gib(text, size):
    assert read_build_memory(text) == size


@pytest.mark.parametrize("text", ["0", "-1", "much", "1e9", "", "²"])
def test_odd_sizes_are_refused(text):
    assert refusal(read_build_memory, text).hints == ("did you mean --build-memory 64?",)


@pytest.mark.parametrize("text", ["2026-02-30", "20260101", "yesterday", "2026-1-1", "\u0662026-01-01"])
def test_odd_days_are_refused(text):
    refusal(read_as_of, text)


@pytest.mark.parametrize("text", ["2.4", "3.0", "2", "2.x", "2.999"])
def test_odd_glibcs_are_refused(text):
    refusal(read_glibc, text)


def test_another_platform_is_a_clear_refusal():
    error = refusal(read_platform, "osx-arm64")
    assert error.sentence == "--platform osx-arm64 cannot be used: only linux-64 can be composed for now"
    assert error.hints == ("envcompose init --help tells what it takes",)
    assert refusal(read_platform, "linux").hints == ("did you mean --platform linux-64?",)


def test_versions_sort_by_number_and_not_by_letter():
    assert Version(read_cuda("12.10", FACTS)) > Version("12.4")
