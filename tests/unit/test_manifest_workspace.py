"""pixi manifests as typed values: what is read, what is refused and where, and what holds for one environment and platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from envcompose.errors import ManifestInvalid
from envcompose.manifest.match_spec import parse_match_spec
from envcompose.manifest.workspace import (
    Channel,
    ChannelPriority,
    CondaWish,
    Cutoff,
    Environment,
    IndexStrategy,
    NameMapping,
    Platform,
    PrereleaseMode,
    PypiOptions,
    PypiOrigin,
    PypiWish,
    SolveStrategy,
)
from envcompose.manifest.workspace_reading import read_workspace
from envcompose.manifest.workspace_views import View, cutoffs_of, environments_of
from envcompose.model.record import VirtualPackage
from tests.unit.manifest_parts import read, refusal, specs
from tests.unit.read_fakes import FakeTextFiles

HEAD = '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'


FORGE = "https://conda.anaconda.org/conda-forge/"


def view(text: str, environment: str = "default", platform: str | None = None) -> View:
    views = [one for one in environments_of(read(text)) if one.environment == environment]
    return next(one for one in views if platform in (None, one.platform.name))


def test_a_workspace_is_read_with_everything_that_it_says() -> None:
    text = """
[workspace]
name = "all"
channels = ["conda-forge", { channel = "https://example.org/own", priority = 5, exclude-newer = "2026-01-02" }, "./local"]
platforms = ["linux-64"]
channel-priority = "flexible"
solve-strategy = "lowest-direct"
exclude-newer = "2026-10-01T12:00:00Z"
requires-pixi = ">=0.70.2"
preview = ["pixi-build"]
conda-pypi-map = { conda-forge = { location = "map.json", mapping-mode = "replace" } }
pypi-options = { index-url = "https://index.example/simple" }

[exclude-newer]
NumPy = "7d"

[pypi-exclude-newer]
Torch_Vision = "2026-03-01"
"""
    found = read(text)
    assert found.name == "all"
    day = Cutoff(text="2026-01-02", at=datetime(2026, 1, 3, tzinfo=UTC))
    assert found.channels == (
        Channel(text="conda-forge", url=FORGE),
        Channel(text="https://example.org/own", url="https://example.org/own/", priority=5, exclude_newer=day),
        Channel(text="./local", url="./local/"),
    )
    assert found.features["default"].channel_priority is ChannelPriority.FLEXIBLE
    assert found.features["default"].solve_strategy is SolveStrategy.LOWEST_DIRECT
    assert found.exclude_newer == Cutoff(text="2026-10-01T12:00:00Z", at=datetime(2026, 10, 1, 12, tzinfo=UTC))
    assert found.requires_pixi == ">=0.70.2"
    assert found.preview == ("pixi-build",)
    assert found.conda_pypi_map == (NameMapping(channel="conda-forge", location="map.json", replace=True),)
    assert found.pypi_options == PypiOptions(index_url="https://index.example/simple")
    assert found.package_cutoffs == {"numpy": Cutoff(text="7d", before=timedelta(days=7))}
    assert found.pypi_cutoffs["torch-vision"].at == datetime(2026, 3, 2, tzinfo=UTC)


def test_conda_wishes_are_specs_with_their_lines() -> None:
    text = (
        HEAD
        + """
[dependencies]
Python = "3.11.*"
pytorch = { version = ">=2.6", build = "cuda*", build-number = ">=1", channel = "conda-forge" }
zlib = { url = "https://example.org/linux-64/zlib-1.3.1-h0_0.conda" }
[constraints]
openssl = "<4"
"""
    )
    found = view(text)
    python, torch, zlib = found.dependencies
    assert python == CondaWish(name="python", spec=parse_match_spec("python 3.11.*"), line=6)
    assert (torch.name, str(torch.spec.version), torch.line) == ("pytorch", ">=2.6", 7)
    assert torch.spec == parse_match_spec('conda-forge::pytorch[version=">=2.6", build="cuda*", build_number=">=1"]')
    assert zlib.spec.url == "https://example.org/linux-64/zlib-1.3.1-h0_0.conda"
    assert specs(found.constraints) == ["openssl <4"]


def test_pypi_wishes_have_an_origin() -> None:
    text = (
        HEAD
        + """
[pypi-dependencies]
Flash_Attn = { version = "==2.7.4", extras = ["Test"], index = "https://index.example/cu126", env-markers = "os_name == 'posix'" }
by-url = { url = "https://example.org/a-1-py3-none-any.whl" }
by-git = { git = "https://example.org/a.git", tag = "v1", subdirectory = "python" }
here = { path = ".", editable = true }
any = "*"
"""
    )
    index, by_url, by_git, here, star = view(text).pypi
    assert index == PypiWish(
        name="flash-attn",
        version=SpecifierSet("==2.7.4"),
        extras=("test",),
        marker=Marker("os_name == 'posix'"),
        index="https://index.example/cu126",
        line=6,
    )
    assert (by_url.origin, by_url.location) == (PypiOrigin.URL, "https://example.org/a-1-py3-none-any.whl")
    assert (by_git.origin, by_git.reference, by_git.subdirectory) == (PypiOrigin.GIT, ("tag", "v1"), "python")
    assert (here.origin, here.location, here.editable) == (PypiOrigin.PATH, ".", True)
    assert star.version is None
    assert [str(wish) for wish in (index, by_git)] == [
        'flash-attn[test]==2.7.4 ; os_name == "posix"',
        "by-git @ git+https://example.org/a.git@v1#subdirectory=python",
    ]


def test_the_newer_toml_of_pixi_is_read_with_its_lines() -> None:
    text = (
        HEAD
        + """[pypi-dependencies]
torch = {
  version = ">=2.6",   # a comment
  index = "https://index.example/cu126",
}
numpy = ">=1.26.0.0,"
"""
    )
    assert refusal(text)[0] == 9
    wish = view(text.replace(".0.0,", "")).pypi[0]
    assert (wish.name, wish.index, wish.line) == ("torch", "https://index.example/cu126", 5)


def test_rich_platforms_have_their_own_virtual_packages_and_the_default_ones() -> None:
    text = HEAD.replace(
        '"linux-64"', '{ name = "gpu", platform = "linux-64", cuda = "12.4", glibc = "2.34" }, "osx-arm64"'
    )
    gpu, mac = read(text).platforms
    assert (gpu.name, gpu.subdir, gpu.is_bare) == ("gpu", "linux-64", False)
    assert [f"{one.name}={one.version}={one.build}" for one in gpu.virtual] == [
        "__cuda=12.4=",
        "__glibc=2.34=",
        "__unix=0=0",
        "__linux=4.18=",
        "__archspec=0=x86_64",
    ]
    assert mac == Platform(
        name="osx-arm64",
        subdir="osx-arm64",
        virtual=(
            VirtualPackage(name="__unix", version="0", build="0"),
            VirtualPackage(name="__osx", version="13.0", build=""),
            VirtualPackage(name="__archspec", version="0", build="m1"),
        ),
    )


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ('cuda = "12.4"', "linux-64-cuda-12-4"),
        ('glibc = "2.34", cuda = "12"', "linux-64-cuda-12-glibc-2-34"),
        ('archspec = "x86_64_v3"', "linux-64-archspec-x86-64-v3"),
        ('__custom = "1=b"', "linux-64-custom-1-b"),
    ],
)
def test_a_platform_without_a_name_gets_the_one_that_pixi_gives_it(keys: str, name: str) -> None:
    text = HEAD.replace('"linux-64"', f'{{ platform = "linux-64", {keys} }}')
    assert [platform.name for platform in read(text).platforms] == [name]


def test_system_requirements_become_platforms_of_their_own() -> None:
    text = (
        HEAD.replace('"linux-64"', '"linux-64", "osx-arm64"')
        + """
[system-requirements]
cuda = "12"
libc = { family = "glibc", version = "2.31" }
[feature.old.system-requirements]
linux = "5.10"
[feature.mac]
platforms = ["osx-arm64"]
[environments]
old = ["old"]
mac = ["mac"]
"""
    )
    found = {(one.environment, one.platform.subdir): one.platform.virtual for one in environments_of(read(text))}
    assert sorted(found) == [
        ("default", "linux-64"),
        ("default", "osx-arm64"),
        ("mac", "osx-arm64"),
        ("old", "linux-64"),
        ("old", "osx-arm64"),
    ]
    said = {f"{one.name}={one.version}" for one in found["old", "linux-64"]}
    assert {"__cuda=12", "__glibc=2.31", "__linux=5.10"} <= said
    assert "__cuda=12" not in {f"{one.name}={one.version}" for one in found["old", "osx-arm64"]}


def test_an_environment_has_the_wishes_of_all_its_features() -> None:
    text = (
        HEAD
        + """
[dependencies]
python = "3.11.*"
numpy = ">=1"
[target.linux.dependencies]
numpy = "<2"
[target.win.dependencies]
numpy = "==9"
[feature.test.dependencies]
numpy = ">=1.20"
pytest = "*"
[feature.test.target.linux-64.pypi-dependencies]
rich = "*"
[environments]
test = { features = ["test"], solve-group = "one" }
default = { solve-group = "one" }
bare = { features = ["test"], no-default-feature = true }
inline = { dependencies = { zlib = "*" } }
"""
    )
    assert [one.name for one in read(text).environments] == ["test", "default", "bare", "inline"]
    assert specs(view(text, "test").dependencies) == ["numpy >=1.20", "numpy <2", "pytest *", "python 3.11.*"]
    assert [wish.name for wish in view(text, "test").pypi] == ["rich"]
    assert specs(view(text).dependencies) == ["python 3.11.*", "numpy <2"]
    assert specs(view(text, "bare").dependencies) == ["numpy >=1.20", "pytest *"]
    assert specs(view(text, "inline").dependencies) == ["zlib *", "python 3.11.*", "numpy <2"]
    assert view(text, "test").solve_group == "one"
    assert view(text, "inline").features == ("inline", "default")


def test_the_options_of_a_lock_are_those_of_the_whole_solve_group() -> None:
    text = (
        HEAD
        + """
[pypi-options]
index-url = "https://index.example/simple"
no-build-isolation = ["torch-ext", "flash-attn"]
[feature.a]
channels = ["bioconda", { channel = "nvidia", priority = 1 }]
[feature.a.pypi-options]
extra-index-urls = ["https://index.example/cu126"]
prerelease-mode = "allow"
index-strategy = "unsafe-best-match"
no-build = ["numpy"]
[environments]
default = { solve-group = "g" }
a = { features = ["a"], solve-group = "g" }
alone = []
"""
    )
    found = view(text)
    assert found.pypi_options == PypiOptions(
        index_url="https://index.example/simple",
        extra_index_urls=("https://index.example/cu126",),
        no_build_isolation=("torch-ext", "flash-attn"),
        no_build=("numpy",),
        index_strategy=IndexStrategy.UNSAFE_BEST_MATCH,
        prerelease_mode=PrereleaseMode.ALLOW,
    )
    assert found.own_pypi_options.extra_index_urls == ()
    assert found.prerelease_mode is PrereleaseMode.ALLOW
    assert [channel.text for channel in found.group_channels] == ["nvidia", "conda-forge", "bioconda"]
    assert [channel.text for channel in found.channels] == ["conda-forge"]
    assert view(text, "alone").prerelease_mode is PrereleaseMode.IF_NECESSARY_OR_EXPLICIT


def test_features_that_contradict_each_other_are_refused_with_the_environment() -> None:
    text = (
        HEAD
        + """[feature.a.pypi-options]
index-url = "https://a.example/simple"
[feature.b.pypi-options]
index-url = "https://b.example/simple"
[environments]
both = ["a", "b"]
"""
    )
    line, reason, _ = refusal(text)
    assert line == 9
    assert reason == (
        "the environment both: index-url is https://a.example/simple and https://b.example/simple "
        "in features of one environment"
    )


def test_dates_hold_for_packages_channels_and_all_others() -> None:
    text = HEAD.replace('"conda-forge"', '{ channel = "conda-forge", exclude-newer = "2026-05-01" }') + (
        'exclude-newer = "2d"\n[exclude-newer]\nzlib = "2026-06-01"\n'
    )
    workspace = read(text)
    now = datetime(2026, 11, 21, tzinfo=UTC)
    found = cutoffs_of(workspace, workspace.channels, now)
    assert found.of("zlib", FORGE) == datetime(2026, 6, 2, tzinfo=UTC)
    assert found.of("numpy", FORGE) == datetime(2026, 5, 2, tzinfo=UTC)
    assert found.of("numpy", None) == now - timedelta(days=2)
    assert cutoffs_of(workspace, workspace.channels, None).of("numpy", None) is None


@pytest.mark.parametrize(
    ("text", "line", "reason", "hint"),
    [
        ("", 1, "there is no [workspace] table", "add [workspace] with channels and platforms"),
        ("[workspace\n", 1, None, None),
        (HEAD.replace("channels", "channel"), 2, "'channel' is not a key of [workspace]", "did you mean channels?"),
        ('[workspace]\nname = "x"\nplatforms = []\n', 1, "[workspace] has no channels", 'add channels = ["conda-forge"]'),
        (HEAD + '[dependencies]\na = "1.*\nb = "*"\n', 5, "a text in quotes is not closed before the end of its line (TOML)", None),
        (HEAD + "[dependencies]\na = '1.*\n", 5, "a text in quotes is not closed before the end of its line (TOML)", None),
        (HEAD + "chanels = []\n", 4, "'chanels' is not a key of [workspace]", "did you mean channels?"),
        (HEAD + "[dependancies]\n", 4, "'dependancies' is not a key of the manifest", "did you mean dependencies?"),
        (HEAD.replace('["conda-forge"]', '"conda-forge"'), 2, "channels must be a list, not a text", None),
        (HEAD.replace("linux-64", "linux-46"), 3, "workspace.platforms.0: 'linux-46' is no platform that conda knows, such as linux-64 or osx-arm64", None),
        (HEAD + "[dependencies]\nx = 1\n", 5, "x must be a version or a table, not an integer", None),
        (HEAD + '[dependencies]\nx = ">=1 foo"\n', 5, None, None),
        (HEAD + '[dependencies]\nx = { verison = "1" }\n', 5, "'verison' is not a key of [dependencies.x]", "did you mean version?"),
        (HEAD + '[pypi-dependencies]\nx = "1.0"\n', 5, "pypi-dependencies.x: '1.0' has no operator: write \"==1.0\"", None),
        (HEAD + '[pypi-dependencies]\nx = "./x"\n', 5, "pypi-dependencies.x: './x' is a path: write it as { path = \"./x\" }", None),
        (HEAD + '[pypi-dependencies]\nx = { path = ".", version = "*" }\n', 5, "version cannot be used with path", None),
        (HEAD + '[environments]\na = ["b"]\n', 5, "the feature b is not defined", "define it with a table [feature.NAME]"),
        (HEAD + 'channel-priority = "stict"\n', 4, "channel-priority cannot be 'stict'", "known here: strict, flexible, disabled"),
        (HEAD + '[pypi-options]\nindex-url = "http://1.2.3.4.5/"\n', 5, None, None),
        (HEAD.replace('"linux-64"', '{ name = "a", platform = "linux-64", archspec = "zen_4" }'), 3, "'zen_4' is no processor that archspec names", "did you mean zen4?"),
        (HEAD + "[tool]\nday = 2026-01-02\n", 5, "pixi reads no dates and times, as in 2026-01-02", "put it in quotes"),
        (HEAD + "[tool]\nbig = [1, 9223372036854775808]\n", 5, "pixi reads no integer as large as 9223372036854775808", None),
        ("\ufeff" + HEAD, 1, None, None),
        (HEAD + "[dev]\nx = 1\n", 5, "dev.x must be a table, not an integer", None),
        (HEAD + "[dev]\nx = {}\n", 5, "x has no path, git or url", None),
    ],
)  # fmt: skip
def test_what_pixi_refuses_is_refused_with_its_line_and_a_way_out(
    text: str, line: int, reason: str | None, hint: str | None
) -> None:
    found = refusal(text)
    assert found[0] == line
    assert reason in (None, found[1])
    assert hint is None or found[2] == (hint,)


def test_a_manifest_for_another_pixi_is_refused_only_where_the_pixi_is_known() -> None:
    text = HEAD + 'requires-pixi = ">=0.99"\n'
    assert read(text).requires_pixi == ">=0.99"
    with pytest.raises(ManifestInvalid) as caught:
        read_workspace(text, "pixi.toml", pixi="0.77.0")
    assert caught.value.line == 4


def test_files_that_the_manifest_names_must_be_there_where_files_are_given() -> None:
    text = HEAD + 'readme = "README.md"\n'
    with pytest.raises(ManifestInvalid):
        read_workspace(text, "here/pixi.toml", files=FakeTextFiles({"here/pixi.toml": text}))
    read_workspace(text, "here/pixi.toml", files=FakeTextFiles({"here/README.md": ""}))
    read_workspace(text, "pixi.toml", files=FakeTextFiles({"there/README.md": ""}), root="there")


def test_environments_keep_the_order_of_the_manifest_after_the_default_one() -> None:
    found = read(HEAD + "[feature.a]\n[environments]\nz = ['a']\nb = []\n").environments
    assert found == (Environment(name="default"), Environment(name="z", features=("a",)), Environment(name="b"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("false", ()),
        ('{ c = "map.json" }', (NameMapping(channel="c", location="map.json"),)),
        ("{ c = false }", (NameMapping(channel="c", disabled=True),)),
        (
            '{ c = { mapping = { a = "b", d = ["e", "f"], g = false }, same-name-heuristic = false } }',
            (NameMapping(channel="c", mapping={"a": ("b",), "d": ("e", "f"), "g": ()}, same_name=False),),
        ),
        ('{ c = { location = "https://example.org/m.json", mapping-mode = "overlay" } }', (NameMapping(channel="c", location="https://example.org/m.json"),)),
    ],
)  # fmt: skip
def test_the_map_of_names_is_read_in_each_of_its_forms(value: str, expected: tuple[NameMapping, ...]) -> None:
    assert read(HEAD + f"conda-pypi-map = {value}\n").conda_pypi_map == expected


@pytest.mark.parametrize("value", ["true", '"x"', "{ c = true }", "{ c = {} }", "{ c = { mapping = { a = 1 } } }"])
def test_a_map_of_names_of_another_form_is_refused(value: str) -> None:
    assert refusal(HEAD + f"conda-pypi-map = {value}\n")[0] == 4


def test_a_wish_can_come_from_the_pool_of_the_workspace() -> None:
    text = HEAD + '[workspace.dependencies]\nnumpy = ">=2"\nzlib = { version = "*", build = "h*" }\n'
    found = view(text + "[dependencies]\nnumpy = { workspace = true }\nzlib = { workspace = true, channel = 'x' }\n")
    numpy, zlib = found.dependencies
    assert str(numpy.spec.version) == ">=2"
    assert zlib.spec == parse_match_spec('x::zlib[version="*", build="h*"]')
    assert refusal(text + "[dependencies]\npandas = { workspace = true }\n")[0] == 8
    assert refusal(text + '[dependencies]\nnumpy = { workspace = true, version = "1" }\n')[0] == 8
