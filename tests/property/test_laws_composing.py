"""The laws of design.md on composing, over the recorded index."""

from __future__ import annotations

import json
import re
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcompose.errors import FileBroken, IndexBroken, IndexUnreachable
from envcompose.model.analysis import Analysis
from envcompose.model.distribution import PackageFile, WheelContents
from envcompose.schema import composition_schema, explanation_schema
from tests.golden.update import Replay
from tests.replay.cases import all_cases
from tests.replay.driver import Outputs, run_command
from tests.replay.recording import RecordedIndex

COMMAND = "envcompose init torch --cuda 13.0"
FAILURES = (
    IndexUnreachable(index="the default index", reason="no connection"),
    IndexBroken(index="the default index", reason="HTTP status 403", wanted="/simple/x/"),
    FileBroken(file="x.whl", reason="its sha256 is another one"),
)


@pytest.fixture(scope="module")
def replay() -> Replay:
    return Replay()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class FailingIndex:
    """An index that answers `calls` questions and then fails for good."""

    def __init__(self, inner: RecordedIndex, calls: int, error: Exception) -> None:
        self._inner = inner
        self.left = calls
        self._error = error

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise self._error

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        self._count()
        return self._inner.project(name)

    def metadata(self, file: PackageFile) -> str:
        self._count()
        return self._inner.metadata(file)

    def contents(self, file: PackageFile) -> WheelContents | None:
        self._count()
        return self._inner.contents(file)

    def known_size(self, file: PackageFile) -> int | None:
        return self._inner.known_size(file)

    def analysis(self, file: PackageFile, *, torches: Sequence[str | None], python: str) -> Analysis:
        self._count()
        return self._inner.analysis(file, torches=torches, python=python)

    def partner_index(self, url: str, name: str) -> tuple[PackageFile, ...] | None:
        return None


@settings(max_examples=12)
@given(calls=st.integers(min_value=0, max_value=90), error=st.sampled_from(FAILURES))
def test_whenever_the_index_fails_the_exit_status_is_3_and_nothing_is_written(
    replay: Replay, calls: int, error: Exception
) -> None:
    indexes = []

    def failing(intent: object) -> FailingIndex:
        indexes.append(FailingIndex(replay.index(intent), calls, error))  # type: ignore[arg-type]
        return indexes[-1]

    with tempfile.TemporaryDirectory() as folder:
        outputs = run_command(COMMAND, Path(folder), failing, replay.recipes)
        if indexes[0].left >= 0:
            assert outputs.status == 0
        else:
            assert outputs.status == 3
            assert tree(Path(folder)) == {}


class ShuffledIndex(RecordedIndex):
    """The recorded index with the files of each release in another order, which means nothing."""

    swaps: int = 0

    def project(self, name: str) -> tuple[PackageFile, ...] | None:
        files = super().project(name)
        if files is None:
            return None
        return tuple(
            sorted(files, key=lambda file: (file.version, zlib.crc32(f"{self.swaps} {file.filename}".encode())))
        )


@settings(max_examples=4)
@given(swaps=st.integers(min_value=1))
def test_the_order_of_a_releases_files_means_nothing(replay: Replay, swaps: int) -> None:
    def shuffled(intent: object) -> ShuffledIndex:
        plain = replay.index(intent)  # type: ignore[arg-type]
        plain.__class__ = ShuffledIndex
        assert isinstance(plain, ShuffledIndex)
        plain.swaps = swaps
        return plain

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        expected = run_command(COMMAND, Path(one), replay.index, replay.recipes)
        found = run_command(COMMAND, Path(two), shuffled, replay.recipes)
    assert found.texts == expected.texts


def test_composing_twice_in_one_process_gives_equal_bytes(replay: Replay, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        outputs = run_command(COMMAND, folder, replay.index, replay.recipes)
        found.append((outputs.texts, tree(folder)))
    assert found[0] == found[1]


# Secrets

_WORDS = st.text("abcdefghijkmnpqrstuvwxyz23456789", min_size=8, max_size=20).map(lambda word: f"zq{word}")
_ODD = st.text("abcXYZ019!$()*+,;=~._-", min_size=8, max_size=20).map(lambda word: f"zq7{word}")


@st.composite
def secret_urls(draw: st.DrawFn, host: str = "index.example", path: str = "/simple") -> tuple[str, str]:
    """An URL that holds a secret, and the secret."""
    secret = draw(st.one_of(_WORDS, _ODD))
    form = draw(st.integers(min_value=0, max_value=3))
    if form == 0:
        return f"https://reader:{secret}@{host}{path}", secret
    if form == 1:
        return f"https://{secret}@{host}{path}", secret
    if form == 2:
        return f"https://{secret}:@{host}{path}", secret
    token = draw(_WORDS)
    return f"https://{host}{path}?token={token}", token


def shown(outputs: Outputs, folder: Path) -> str:
    """Everything that anybody can see of a run, without the input files."""
    written = [text.decode() for name, text in tree(folder).items() if not name.startswith("input")]
    return "\n".join([*outputs.texts.values(), *written])


@settings(max_examples=12)
@given(url=secret_urls())
def test_a_secret_of_an_index_is_shown_nowhere(replay: Replay, url: tuple[str, str]) -> None:
    address, secret = url
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input.txt").write_text(f"--index-url {address}\neinops\n")
        outputs = run_command("envcompose init -r input.txt", folder, replay.index, replay.recipes)
        assert secret not in shown(outputs, folder)
        assert outputs.status == 0, outputs.texts["summary.txt"]


LINES = (
    "--extra-index-url {url}",
    "--find-links {url}",
    "-i {url} --no-such-option",
    "private @ {file}",
    "private @ git+{repository}",
    "-e git+{repository}#egg=private",
    "-r {url}",
    "{file}",
)


@settings(max_examples=30)
@given(url=secret_urls(host="unreachable.example"), line=st.sampled_from(LINES))
def test_a_secret_of_any_line_is_shown_nowhere_on_failure_either(
    replay: Replay, url: tuple[str, str], line: str
) -> None:
    address, secret = url
    file = address.replace("/simple", "/private-1.0-py3-none-any.whl")
    repository = address.replace("/simple", "/private.git")
    text = line.format(url=address, file=file, repository=repository)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input.txt").write_text(f"einops\n{text}\n")
        outputs = run_command("envcompose init -r input.txt", folder, replay.index, replay.recipes)
        assert secret not in shown(outputs, folder), text


@pytest.mark.parametrize(
    "line", ["private==https://reader:zq12345678@h.example/simple", "./https://zq12345678@x.example/y"]
)
def test_a_secret_in_what_is_taken_for_a_path_is_shown_nowhere(replay: Replay, tmp_path: Path, line: str) -> None:
    (tmp_path / "input.txt").write_text(f"{line}\n")
    outputs = run_command("envcompose init -r input.txt", tmp_path, replay.index, replay.recipes)
    assert "zq12345678" not in shown(outputs, tmp_path)


def test_every_document_of_the_golden_cases_fits_the_shipped_schema() -> None:
    schemas = {schema["title"]: schema for schema in (composition_schema(), explanation_schema())}
    validators = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}
    for case in all_cases():
        # The expected outputs name the digests of our own files instead of holding them.
        document = json.loads(
            re.sub(r'"sha256": "\{[^}]*\}"', f'"sha256": "{"0" * 64}"', case.expected()["document.json"])
        )
        found = validators[document["schema"]].iter_errors(document)
        errors = [f"{case.name}: {error.json_path}: {error.message}" for error in found]
        assert errors == []
