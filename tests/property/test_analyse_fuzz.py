"""Laws of the analyser: it answers anything, the same every time, and agrees with Python where it claims to know."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcompose.analyse import ArchiveRefused, BuildRules, analyse_sdist, load_rules, trim_checkout, trim_sdist
from envcompose.analyse.machine import World
from envcompose.analyse.program import run_setup
from envcompose.analyse.values import Unknown
from envcompose.model.analysis import SdistTexts
from envcompose.schema import analysis_schema
from envcompose.world.analysis_json import analysis_from_json, analysis_to_json
from envcompose.world.files import recipe_texts
from envcompose.write.analysis_document import analysis_document

RULES = load_rules(recipe_texts()["tables/build_rules.toml"])
SOURCE = {"kind": "folder", "file": "demo", "url": None, "sha256": None}
EXAMPLES = int(os.environ.get("ANALYSER_EXAMPLES", "60"))
"""A few in the default suite. For a long run by hand there is a faster command: `python -m tests.fuzz.analyser`."""
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def example_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, body in {
            "demo-1/setup.py": b"import torch\n",
            "demo-1/" + "n" * 120: b"x",
            "demo-1/a.cu": b"#x",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


TAR = example_tar()


@FUZZ
@given(st.binary(max_size=600), st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"PK\x05\x06"]))
def test_any_bytes_are_an_sdist_or_refused(body: bytes, magic: bytes) -> None:
    for data in (magic + body, gzip.compress(body, 1), gzip.compress(TAR + body, 1)):
        try:
            texts = trim_sdist(data, "x.tar.gz")
        except ArchiveRefused:
            continue
        assert SdistTexts.from_json(texts.to_json()) == texts


@FUZZ
@given(st.lists(st.tuples(st.integers(0, len(TAR) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_tar_with_changed_bytes_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(TAR)
    for at, byte in changes:
        data[at] = byte
    try:
        trim_sdist(gzip.compress(bytes(data), 1), "x.tar.gz")
    except ArchiveRefused:
        return


NAMES = st.sampled_from(["a", "b", "os", "torch", "setup", "sys", "f", "C", "self"])
ATOMS = st.one_of(
    NAMES,
    st.integers(-3, 300).map(str),
    st.text("ab{}%.*\\n'\"", max_size=6).map(repr),
    st.sampled_from(
        [
            "None",
            "True",
            "[]",
            "{}",
            "()",
            "__file__",
            "os.environ.get('X', '1')",
            "torch.__version__",
            "open('setup.py').read()",
            "f()",
            "C()",
            "lambda *x, **y: x",
            "[*range(3)]",
            "f'a-{a}-cp312-{torch.__version__}.whl'",
            "f'https://x/{a}/{b}'",
            "'https://x/{a}/{b}'.format(a=b, b=a)",
            "torch.cuda.is_available()",
            "torch.cuda.get_device_capability()",
            "CUDAExtension('a', [a, 'b.cu'], include_dirs=[b], extra_compile_args=['-std=c++17'])",
        ]
    ),
)
EXPRESSIONS: Any = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<<", "|", "&", "==", "<", "in", "and", "or", "is"]),
            inner,
        ).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(
            inner,
            st.sampled_from(
                ["append", "pop", "split", "strip", "get", "items", "format", "join", "replace", "keys", "x"]
            ),
            inner,
        ).map(lambda t: f"({t[0]}).{t[1]}({t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]} for a in {t[1]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        inner.map(lambda t: f"f'{{{t}}}'" if "'" not in t and "\\" not in t else f"str({t})"),
        st.tuples(
            st.sampled_from(
                ["len", "list", "set", "dict", "sorted", "sum", "str", "int", "max", "setup", "getattr", "exec"]
            ),
            inner,
        ).map(lambda t: f"{t[0]}({t[1]})"),
    ),
    max_leaves=8,
)


def indented(body: str) -> str:
    return "".join(f"  {line}\n" for line in body.splitlines())


SIMPLE = st.one_of(
    st.tuples(NAMES, EXPRESSIONS).map(lambda t: f"{t[0]} = {t[1]}\n"),
    st.tuples(NAMES, EXPRESSIONS).map(lambda t: f"{t[0]} += {t[1]}\n"),
    EXPRESSIONS.map(lambda t: f"{t}\n"),
    st.sampled_from(
        ["import torch\n", "import os\n", "from a import b\n", "raise ValueError(a)\n", "assert a\n", "del a\n"]
    ),
)
STATEMENTS: Any = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(EXPRESSIONS, inner, inner).map(lambda t: f"if {t[0]}:\n{indented(t[1])}else:\n{indented(t[2])}"),
        st.tuples(EXPRESSIONS, inner).map(lambda t: f"for a in {t[0]}:\n{indented(t[1])}"),
        st.tuples(EXPRESSIONS, inner).map(lambda t: f"while {t[0]}:\n{indented(t[1])}"),
        st.tuples(inner, inner).map(lambda t: f"try:\n{indented(t[0])}except ImportError:\n{indented(t[1])}"),
        inner.map(lambda t: f"def f(a=1, *b, **c):\n{indented(t)}"),
        inner.map(lambda t: f"class C(object):\n  def __init__(self):\n{indented(indented(t))}"),
    ),
    max_leaves=8,
)


@FUZZ
@given(st.lists(STATEMENTS, max_size=6).map("".join))
def test_any_program_is_analysed_and_equally_every_time(source: str) -> None:
    body = f"from setuptools import setup\nfrom torch.utils.cpp_extension import CUDAExtension\n{source}setup(install_requires=a, cmdclass={{'build_ext': C}})\n"
    texts = trim_checkout({"setup.py": body.encode(), "b.cu": b'#include "b.cu"\n'}, "demo-1.0.tar.gz")
    first = analyse_sdist(texts, rules=BuildRules(), torches=(None, "2.6.0"))
    assert first == analyse_sdist(texts, rules=BuildRules(), torches=(None, "2.6.0"))
    assert [reading.torch for reading in first.readings] == [None, "2.6.0"]


@FUZZ
@given(st.text(max_size=300))
def test_any_text_is_metadata_of_some_kind(text: str) -> None:
    files = {
        name: text.encode() for name in ("PKG-INFO", "pyproject.toml", "setup.cfg", "setup.py", "requirements.txt")
    }
    analyse_sdist(trim_checkout(files, "demo"), rules=BuildRules())


LINES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            [
                '#include "a/b.h"',
                "#include <cublas_v2.h>",
                '#include "../b.cu"',
                "[tool.uv]",
                "extra-build-dependencies = {a = ['torch']}",
                "no-build-isolation-package = ['b']",
                "add_subdirectory(x)",
                "find_package(Torch)",
                "FetchContent_Declare(",
                "set(CMAKE_CXX_STANDARD 17)",
                '[submodule "a"]',
                "path = a",
                "path = ..",
                "[build-system]",
                "requires = ['torch==2', 1]",
                "build-backend = 'scikit_build_core.build'",
            ]
        ),
    ),
    max_size=12,
).map("\n".join)


@FUZZ
@given(LINES, LINES)
def test_any_sources_and_tables_are_analysed_and_kept(one: str, other: str) -> None:
    names = ("a/b.h", "b.cu", "test/c.cu", "pyproject.toml", "CMakeLists.txt", ".gitmodules", "setup.cfg")
    files = {name: (one if number % 2 else other).encode() for number, name in enumerate(names)}
    files["setup.py"] = b"from torch.utils.cpp_extension import CUDAExtension\nCUDAExtension('a', ['b.cu'], ['a'])\n"
    texts = trim_checkout(files, "demo-1.0")
    analysis = analyse_sdist(SdistTexts.from_json(texts.to_json()), rules=RULES)
    assert analysis_from_json(analysis_to_json(analysis)) == analysis
    document = analysis_document(analysis, source=SOURCE, envcompose="1")
    jsonschema.Draft202012Validator(analysis_schema()).validate(document)


LITERALS = st.recursive(
    st.one_of(st.integers(-99, 99), st.text("abc ", max_size=4), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(st.text("ab"), inner)
    ),
    max_leaves=6,
).map(repr)
OPERATIONS = st.tuples(LITERALS, st.sampled_from(["+", "*", "-", "%", "==", "!=", "<", "and", "or", "in"]), LITERALS)


@FUZZ
@given(OPERATIONS)
def test_what_is_claimed_to_be_known_is_what_python_computes(operation: tuple[str, str, str]) -> None:
    source = " ".join(operation)
    outcome = run_setup(
        trim_checkout({"setup.py": f"x = {source}\n".encode()}, "demo"),
        World(torch=None, declared=frozenset(), lenient=False),
    )
    try:
        expected = eval(source)
    except Exception as error:
        raised = outcome.stopped and outcome.stopped[0].startswith(f"setup.py:1: raises {type(error).__name__}")
        assert raised or isinstance(outcome.names["x"], Unknown)
        return
    found = outcome.names["x"]
    assert isinstance(found, Unknown) or (found == expected and type(found) is type(expected))
