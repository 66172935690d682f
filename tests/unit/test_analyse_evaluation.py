"""The evaluator follows Python where it can, keeps both branches where it cannot, and always ends."""

from __future__ import annotations

import time
from textwrap import dedent
from typing import Any

import pytest

from envcompose.analyse import trim_checkout
from envcompose.analyse.machine import World
from envcompose.analyse.program import Outcome, run_setup
from envcompose.analyse.values import Choice, Unknown


def run(source: str, *, torch: str | None = None, **files: str) -> Outcome:
    members = {"setup.py": dedent(source).encode()} | {name: text.encode() for name, text in files.items()}
    texts = trim_checkout({name.replace("__", "/"): body for name, body in members.items()}, "demo")
    return run_setup(texts, World(torch=torch, declared=frozenset({"setuptools"}), lenient=False))


def value(source: str, name: str = "x", **files: str) -> Any:
    outcome = run(source, **files)
    assert outcome.stopped == ()
    return outcome.names[name]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 'a' + 'b' * 3", "abbb"),
        ("x = f'{1 + 1}-{\"v\"!r}-{3.5:.2f}'", "2-'v'-3.50"),
        ("x = '%s==%s' % ('a', 1)", "a==1"),
        ("x = '{}=={v}'.format('a', v=2)", "a==2"),
        ("x = [i * 2 for i in range(5) if i % 2]", [2, 6]),
        ("x = {k: v for k, v in zip('ab', (1, 2))}", {"a": 1, "b": 2}),
        ("x = sorted({'b', 'a'})", ["a", "b"]),
        ("x = list({'b', 'a', 'c'})", ["a", "b", "c"]),
        ("x = ', '.join({'b', 'a'})", "a, b"),
        ("a, *b = [1, 2, 3]\nx = b", [2, 3]),
        ("x = []\nfor i in range(9):\n  if i == 2: continue\n  if i == 4: break\n  x.append(i)", [0, 1, 3]),
        ("x = 0\nwhile x < 5:\n  x += 1\nelse:\n  x = -x", -5),
        ("def f(a, b=2, *c, d=4, **e):\n  return (a, b, c, d, e)\nx = f(1, 5, 6, d=7, z=8)", (1, 5, (6,), 7, {"z": 8})),
        ("def f():\n  yield 1\n  yield from [2, 3]\nx = list(f())", [1, 2, 3]),
        ("def f(n):\n  return 1 if n == 0 else n * f(n - 1)\nx = f(5)", 120),
        ("x = (lambda v, w=1: v + w)(2)", 3),
        (
            "class A:\n  k = 3\n  def __init__(s, v): s.v = v\n  def m(s): return s.v + s.k\nx = A(4).m()",
            7,
        ),
        ("class A:\n  @property\n  def p(self): return 'p'\nclass B(A): pass\nx = B().p", "p"),
        ("try:\n  {}['k']\nexcept KeyError:\n  x = 'caught'", "caught"),
        ("try:\n  raise ValueError('no')\nexcept (TypeError, ValueError) as e:\n  x = 1\nfinally:\n  y = 2", 1),
        ("import os\nx = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'a')", "/sdist/a"),
        ("from pathlib import Path\nx = (Path(__file__).parent / 'a.txt').name", "a.txt"),
        ("import re\nx = re.search(r'v = \"(.*)\"', 'v = \"1.2\"').group(1)", "1.2"),
        ("import ast\nx = ast.literal_eval('[1, (2, None)]')", [1, (2, None)]),
        ("from packaging.version import parse\nx = parse('2.10') > parse('2.9')", True),
        ("import sys\nx = (sys.version_info >= (3, 8), sys.platform, sys.version_info.minor)", (True, "linux", 12)),
        ("import os\nx = os.environ.get('SWITCH', 'default')", "default"),
        ("import os\nos.environ['A'] = 'b'\nx = os.getenv('A')", "b"),
        ("ns = {}\nexec('v = 3', ns)\nx = ns['v']", 3),
        ("def f():\n  exec('v = 4')\n  return locals()['v']\nx = f()", 4),
        ("from itertools import chain\nx = list(chain([1], (2,)))", [1, 2]),
        ("x = None is None and not [] or 'no'", True),
        ("n = 1\ndef f():\n  global n\n  n = 2\nf()\nx = n", 2),
    ],
)
def test_an_expression_has_the_value_that_python_gives_it(source: str, expected: object) -> None:
    assert value(source) == expected


def test_members_of_the_archive_are_read_and_others_do_not_exist() -> None:
    source = """
        import os
        here = os.path.abspath(os.path.dirname(__file__))
        with open(os.path.join(here, "requirements.txt")) as lines:
            x = [line.strip() for line in lines if not line.startswith("#")]
        y = (os.path.exists("requirements.txt"), os.path.isdir(".git"))
        try:
            open("missing.txt")
        except FileNotFoundError:
            z = "missing"
        out = open("/etc/passwd").read()
    """
    outcome = run(source, **{"requirements.txt": "# no\nnumpy\n\ntorch\n"})
    names = outcome.names
    assert (names["x"], names["y"], names["z"]) == (["numpy", "", "torch"], (True, False), "missing")
    assert isinstance(names["out"], Unknown)


def test_both_branches_of_an_undecided_condition_are_kept_with_the_condition() -> None:
    x = value("import site\nif site.here():\n  x = 'a'\nelse:\n  x = 'b'\n")
    assert isinstance(x, Choice)
    assert x.options == (("site.here()", "a"), ("not site.here()", "b"))


def test_what_both_branches_do_alike_is_certain() -> None:
    source = """
        import site
        x = ["always"]
        if site.here():
            x.append("both")
            x.append("one")
        else:
            x.append("both")
    """
    x = value(source)
    assert x[:2] == ["always", "both"]
    assert isinstance(x[2], Choice)
    assert len(x) == 3


def test_a_function_that_may_return_early_gives_both_results() -> None:
    source = """
        import site
        def f():
            if site.here():
                return ["early"]
            return ["late"]
        x = f()
    """
    x = value(source)
    assert [option for _, option in x.options] == [["early"], ["late"]]


def test_a_branch_that_refuses_is_not_taken() -> None:
    assert value("import site\nx = 1\nif site.bad():\n  raise RuntimeError('no')\nelse:\n  x = 2\n") == 2


def test_a_failing_statement_does_not_hide_the_next() -> None:
    outcome = run("from setuptools import setup\n{}['gone']\nsetup(name='demo')\n")
    assert outcome.keywords == {"name": "demo"}
    assert outcome.stopped == ("setup.py:2: raises KeyError ('gone')",)


def test_torch_is_what_the_world_says() -> None:
    source = "import torch\nx = torch.__version__.split('.')[0]\n"
    assert run(source, torch="2.6.0").names["x"] == "2"
    assert run(source).stopped[0] == "setup.py:1: raises ModuleNotFoundError (No module named 'torch')"


BOMBS = {
    "an endless loop": "while True: pass",
    "an endless recursion": "def f(): return f()\nf()",
    "a huge power": "x = 9 ** 9 ** 9",
    "a huge shift": "x = 1 << 10 ** 10",
    "a huge text": "x = 'a' * 10 ** 10",
    "a doubling text": "x = 'a'\nfor i in range(99): x = x + x",
    "a doubling replace": "x = 'aaaa'\nfor i in range(99): x = x.replace('a', x)",
    "a doubling list": "x = [1]\nfor i in range(99): x += x",
    "a list of itself": "x = []\nx.append(x)\ny = str(x) == x\nz = x == x",
    "shared parts printed": "x = 'a'\nfor i in range(60): x = [x, x]\ny = str(x)",
    "shared parts hashed": "x = 'a'\nfor i in range(60): x = (x, x)\ny = {x: 1}",
    "a wide format": "x = f'{1:999999999}' + '%999999999d' % 1 + '{:999999999}'.format(1) + 'a'.ljust(10 ** 10)",
    "a huge range": "x = sum(range(10 ** 11))\ny = list(range(10 ** 11))",
    "a pattern that backtracks": "import re\nt='a'*60+'b'\nx = re.match(r'(a+)+$', t)\ny = re.match(r'(a|a)*$', t)",
    "a long pattern": "import re\nx = re.search('.*' * 30 + 'x', 'a' * 5000)",
    "a back reference": "import re\nx = re.match(r'(.*)(.*)(.*)\\\\1\\\\2\\\\3z', 'a' * 3000)",
    "nested brackets": "x = " + "[" * 5000 + "]" * 5000,
    "a deep sum": "x = " + " + ".join(["1"] * 5000),
    "a deep call": "x = " + "f(" * 150 + ")" * 150,
    "a deep attribute": "x = a" + ".b" * 5000,
    "many branches": "import site\nx = 0\n" + "if site.a(): x += 1\nelse: x += 2\n" * 300,
    "nested branches": "".join("  " * 0 + " " * i + f"if site.a{i}():\n" for i in range(80)) + " " * 80 + "x = 1",
    "a loop over loops": "x = 0\nfor a in range(999):\n for b in range(999):\n  for c in range(999): x += 1",
    "a null byte": "x = 1\0",
    "python two": "print 'hello'\nexec 'x' in d\n",
    "an endless import": "import setup",
    "a comprehension bomb": "x = [[[i for i in range(999)] for j in range(999)] for k in range(999)]",
    "a huge integer": "x = 1\nfor i in range(999): x = x * 99999999999999999999\ny = str(x)",
    "an escaping format": "x = '{0.__class__.__mro__}'.format(1)",
    "a dunder walk": "x = ().__class__.__bases__[0].__subclasses__()",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_program_ends_soon_and_gives_an_answer(name: str) -> None:
    start = time.monotonic()
    outcome = run("from setuptools import setup\nsetup(name='demo')\n" + BOMBS[name])
    assert time.monotonic() - start < 60
    assert outcome.keywords == {"name": "demo"} or outcome.stopped


@pytest.mark.parametrize(
    "source",
    [
        "x = dict.fromkeys([[1]])",
        "x = dict.fromkeys()",
        "import re\nx = re.sub('a')",
        "import os\nx = os.path.dirname('a', 'b', 'c')",
        "x = [1]\ndel x['a']",
        "from setuptools import Extension\nx = Extension([1], [{}], kind=[])",
        "exec(open('gone').read() if x else y)\nx = globals()[{}]",
        "yield 1",
    ],
)
def test_what_python_would_refuse_ends_the_statement_and_not_the_analyser(source: str) -> None:
    outcome = run(f"from setuptools import setup\nsetup(name='demo')\n{source}\n")
    assert outcome.keywords == {"name": "demo"}


def test_a_generator_under_an_undecided_condition_gives_what_it_may_yield() -> None:
    source = """
        import site
        def f():
            if site.here():
                yield "a"
            yield "b"
        x = list(f())
        y = list(i for i in f() if i == "b")
    """
    x = value(source)
    assert next(option for _, option in x[0].options) == "a"
    assert x[1] == "b"


def test_a_generator_that_yields_nothing_is_empty() -> None:
    assert value("def f():\n  if False:\n    yield 1\nx = list(f())") == []


def test_a_set_is_not_printed_for_its_order_is_another_in_every_process() -> None:
    assert isinstance(value("x = str({'a', 'b'})"), Unknown)
    assert isinstance(value("x = f\"{set('ab')}\""), Unknown)
    assert value("x = f\"{set('a')}\"") == "{'a'}"
    assert value("x = {'a', 'b'} == set('ba')") is True


def test_an_error_tells_no_address_of_an_object() -> None:
    outcome = run("import ast\nast.literal_eval('[a for a in b]')")
    assert outcome.stopped[0].startswith("setup.py:2: raises ValueError (malformed node or string")
    assert "0x" not in outcome.stopped[0]


def test_a_module_that_was_looked_into_first_is_evaluated_again_where_it_is_surely_imported() -> None:
    texts = trim_checkout(
        {"setup.py": b"import site\nif site.here():\n    import own\nimport own\n", "own.py": b"import numpy\n"}, "demo"
    )
    outcome = run_setup(texts, World(torch="?", declared=frozenset(), lenient=True))
    assert [seen.soft for seen in outcome.seen if seen.subject == "numpy"] == [True, False]
