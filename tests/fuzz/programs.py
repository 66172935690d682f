"""Python programs: grown from a grammar, and real-looking ones with parts exchanged. All of them parse, or nearly.

The names that the grammar uses come from the tables of the analyser itself: whatever it models is called with
whatever arguments, also after the tables grew.
"""

from __future__ import annotations

import ast
from random import Random

from envcompose.analyse import library, natives, program

NAMES = ("a", "b", "c", "f", "g", "C", "self", "torch", "os", "sys")
CALLED = tuple(sorted({path.removeprefix("builtins.") for path in library.CALLS} - {"setuptools.setup"}))
READ = tuple(sorted({path.removeprefix("builtins.") for path in library.ATTRIBUTES}))
METHODS = tuple(
    sorted(
        {name for names in natives.PURE.values() for name in names}
        | {name for names in natives.ATTRIBUTES.values() for name in names}
        | {name for _, name in natives._CHANGERS}
        | {name for _, name in library.METHODS}
        | {"read", "readlines", "readline", "glob", "rglob", "iterdir", "exists", "read_text", "open", "resolve"}
        | {"keys", "values", "items", "copy", "is_available", "run", "x", "__init__", "__dict__", "__class__"}
    )
)
MODULES = tuple(sorted({path.split(".")[0] for path in (*CALLED, *READ) if "." in path} - {"dict"}))
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "<<", ">>", "|", "&", "^", "@")
COMPARED = ("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not")
TEXTS = (
    "", "x", "1.2.3", "2.6.0+cu124", "%s-%d", "{}", "{a!r:>5}", "{0.x[1]}", "torch>=2; python_version<'4'", "/sdist/a",
    "../..", "setup.py", "*.cu", "**/*", "a\0b", "\ud800", "\u0660", "²", "cmake -G Ninja", "https://x/{a}/{b}.whl",
    "(a+)+$", r"^__version__ = (.*)$", "(?P<a>x)(?=y)", "[", "a" * 300, "1" * 400, "import torch\nx = 1", "9" * 12,
)  # fmt: skip
NUMBERS = (
    "0", "1", "-1", "2", "3.5", "1e308", "-0.0", "10**9", "1 << 40", "2**63", "1j", "5000", "0x7fffffff", "1e400", "64"
)  # fmt: skip
PLAIN = (
    "None", "True", "False", "...", "[]", "{}", "()", "__file__", "__name__", "os.environ", "sys.argv", "sys.path",
    "b'x'", "b'\\xff'", "{1, 'a'}", "{'a', 'b', 'c'}", "set('xyz')", "frozenset(['p', 'q'])", "range(3)", "slice(1)", "globals()", "locals()", "open('setup.py')",
    "Path(__file__).parent", "Version('2.6.0')", "re.compile('a+')", "re.match('(a)', 'a')", "f", "C", "C()", "lambda: 0",
    "torch.__version__", "defaultdict(list)", "os.environ.get('X', '1')", "ValueError('x')", "object()", "type('T', (), {})",
    "Extension('e', ['e.c'])", "CUDAExtension('e', ['e.cu'])", "BuildExtension", "sys.modules", "os.popen('nvcc --version')",
    "importlib.util.spec_from_file_location('x', 'setup.py')", "importlib.util.find_spec('ninja')", "json.loads('[1]')",
    "subprocess.run(['nvcc'], capture_output=True)", "argparse.ArgumentParser()", "Path('/sdist/setup.py').open()",
)  # fmt: skip
FIELDS = (
    "x", "x", "kind", "name", "sources", "include_dirs", "define_macros", "libraries", "extra_compile_args", "depends",
    "pattern", "flags", "text", "module", "loader", "origin", "extensions", "distribution", "cmdclass", "path",
    "stdout", "environ", "version", "__version__", "args", "__name__", "__class__", "__getattr__", "kinds", "names",
)  # fmt: skip
"""What programs set on objects; the analyser's own records have some of these, too."""

HEAD = (
    "import " + ", ".join(MODULES) + "\n"
    "from pathlib import Path\nfrom packaging.version import Version\nfrom collections import defaultdict\n"
    "from setuptools import setup, find_packages, Extension\n"
    "from torch.utils.cpp_extension import CUDAExtension, BuildExtension\n"
)
TAILS = (
    "setup(name='demo', install_requires=a, ext_modules=b, cmdclass={'build_ext': C, 'bdist_wheel': c})\n",
    "setup(name=a, install_requires=[str(a), f'{b}', '%s' % (c,)], extras_require={'x': c, 'y': [repr(b)]})\n",
    "setup(**a, ext_modules=[CUDAExtension(str(b), sources=c, include_dirs=a, extra_compile_args=b)])\n",
)


class Grammar:
    """Grows programs; the deeper, the plainer."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def program(self) -> str:
        """Give a whole setup.py."""
        body = "".join(self.statement(self._random.randrange(4)) for _ in range(self._random.randint(1, 8)))
        return HEAD + body + self._random.choice(TAILS)

    def expression(self, depth: int) -> str:
        """Give an expression."""
        if depth <= 0:
            return self._atom()
        return self._random.choice(self.EXPRESSIONS)(self, depth - 1)

    def statement(self, depth: int) -> str:
        """Give a statement, with its newline."""
        if depth <= 0:
            return self._simple()
        return self._random.choice(self.STATEMENTS)(self, depth - 1)

    def _atom(self) -> str:
        choose = self._random.choice
        kind = self._random.randrange(6)
        if kind < 2:
            return choose(NAMES)
        return (repr(choose(TEXTS)), f"({choose(NUMBERS)})", choose(PLAIN), choose(READ))[kind - 2]

    def _arguments(self, depth: int) -> str:
        parts = [self.expression(depth) for _ in range(self._random.choice((0, 1, 1, 2, 2, 3, 4)))]
        if self._random.random() < 0.15:
            word = self._random.choice(
                ("key", "default", "reverse", "flags", "start", "mode", "where", "sources", "kind", "name", "a")
            )
            parts.append(f"{word}={self.expression(depth)}")
        if self._random.random() < 0.1:
            parts.append(f"*{self.expression(depth)}" if "=" not in "".join(parts[-1:]) else f"**{self._atom()}")
        return ", ".join(parts)

    def _call(self, depth: int) -> str:
        return f"{self._random.choice(CALLED)}({self._arguments(depth)})"

    def _method(self, depth: int) -> str:
        tail = f"({self._arguments(depth)})" if self._random.random() < 0.9 else ""
        return f"({self.expression(depth)}).{self._random.choice(METHODS)}{tail}"

    def _own_call(self, depth: int) -> str:
        return f"({self.expression(depth)})({self._arguments(depth)})"

    def _operation(self, depth: int) -> str:
        left, right = self.expression(depth), self.expression(depth)
        return f"(({left}) {self._random.choice((*OPERATORS, *COMPARED, 'and', 'or'))} ({right}))"

    def _unary(self, depth: int) -> str:
        return f"({self._random.choice(('not', '-', '+', '~'))} ({self.expression(depth)}))"

    def _item(self, depth: int) -> str:
        key = self.expression(depth)
        if self._random.random() < 0.3:
            key = ":".join((f"({key})", f"({self.expression(depth - 1)})", "")[: self._random.randint(2, 3)])
        return f"({self.expression(depth)})[{key}]"

    def _display(self, depth: int) -> str:
        parts = [self.expression(depth) for _ in range(self._random.randrange(4))]
        kind = self._random.randrange(4)
        if kind == 3:
            return "{" + ", ".join(f"{part}: {self._atom()}" for part in parts) + "}"
        star = ["*" if self._random.random() < 0.1 else "" for _ in parts]
        inner = "".join(f"{s}({p}), " for s, p in zip(star, parts, strict=True))
        return (f"[{inner}]", f"({inner})", "{" + (inner or "1") + "}")[kind]

    def _comprehension(self, depth: int) -> str:
        tests = f" if {self.expression(depth)}" if self._random.random() < 0.4 else ""
        second = f" for b in ({self.expression(depth)})" if self._random.random() < 0.2 else ""
        body = f"for a in ({self.expression(depth)}){second}{tests}"
        element = self.expression(depth)
        return self._random.choice(
            (f"[{element} {body}]", f"{{{element} {body}}}", f"(({element}) {body})", f"{{({element}): 1 {body}}}")
        )

    def _conditional(self, depth: int) -> str:
        return f"(({self.expression(depth)}) if ({self.expression(depth)}) else ({self.expression(depth)}))"

    def _formatted(self, depth: int) -> str:
        inner = self.expression(min(depth, 1))
        if any(character in inner for character in "'\"\\{}\n\0") or not inner.isprintable():
            return f"str({inner})"
        spec = self._random.choice(("", "!r", ":>5", ":{a}", ":9999d", ":.2f", "="))
        return f'f"a-{{({inner}){spec}}}-b"'

    def _lambda(self, depth: int) -> str:
        return f"(lambda {self._random.choice(('', 'a', 'a, b=1', '*a', '**a', 'a, /, b, *, c=2'))}: {self.expression(depth)})"

    def _named(self, depth: int) -> str:
        return f"({self._random.choice(NAMES)} := {self.expression(depth)})"

    EXPRESSIONS = (
        _call, _call, _call, _method, _method, _own_call, _operation, _operation, _unary, _item, _display, _comprehension,
        _conditional, _formatted, _lambda, _named,
    )  # fmt: skip

    def _simple(self) -> str:
        name, value = self._random.choice(NAMES), self.expression(self._random.randrange(4))
        return self._random.choice(
            (
                f"{name} = {value}\n", f"{name} = {value}\n", f"{name} {self._random.choice(OPERATORS)}= {value}\n",
                f"{value}\n", f"{name}[{self._atom()}] = {value}\n", f"{self._field()} = {value}\n", f"a, *b = {value}\n",
                f"[a, (b, c)] = {value}\n", f"del {name}[{value}]\n", f"del {name}\n", f"del {self._field()}\n", f"raise {value}\n",
                f"assert {value}, {self._atom()}\n", f"return {value}\n", "break\n", "continue\n", f"global {name}\n",
                "pass\n", f"import {name}.{name}\n", f"from {name} import {name} as g\n", "from . import x\n",
                f"yield {value}\n", f"{name}: int = {value}\n", f"exec({value})\n", "import torch\n", f"os.environ['X'] = {value}\n",
            )
        )  # fmt: skip

    def _field(self) -> str:
        owner = self._random.choice((*NAMES, self._random.choice(PLAIN)))
        return f"({owner}).{self._random.choice(FIELDS)}"

    def _block(self, depth: int) -> str:
        body = "".join(self.statement(depth) for _ in range(self._random.randint(1, 3)))
        return "".join(f"  {line}\n" for line in body.splitlines())

    def _if(self, depth: int) -> str:
        other = f"else:\n{self._block(depth)}" if self._random.random() < 0.5 else ""
        return f"if {self.expression(2)}:\n{self._block(depth)}{other}"

    def _loop(self, depth: int) -> str:
        head = self._random.choice(("for a in {}", "for a, b in {}", "while {}")).format(self.expression(2))
        other = f"else:\n{self._block(0)}" if self._random.random() < 0.1 else ""
        return f"{head}:\n{self._block(depth)}{other}"

    def _try(self, depth: int) -> str:
        kind = self._random.choice(("ImportError", "Exception as a", "(OSError, KeyError)", "ValueError as self"))
        last = self._random.choice(("", f"else:\n{self._block(0)}", f"finally:\n{self._block(0)}"))
        return f"try:\n{self._block(depth)}except {kind}:\n{self._block(depth)}{last}"

    def _with(self, depth: int) -> str:
        return f"with {self.expression(2)} as {self._random.choice(NAMES)}:\n{self._block(depth)}"

    def _function(self, depth: int) -> str:
        head = self._random.choice(("", "@property\n", "@functools.lru_cache\n", "@a\n", "async "))
        parameters = self._random.choice(("", "a", "a=1, *b, **c", "self, *a", "a, /, *, b=2", "self"))
        return f"{head}def {self._random.choice('fg')}({parameters}):\n{self._block(depth)}"

    def _class(self, depth: int) -> str:
        base = self._random.choice(("", "(object)", "(BuildExtension)", "(C)", "(Exception)", "(Extension)"))
        body = self._random.choice((self._block, self._method_block))(depth)
        return f"class C{base}:\n{body}"

    def _method_block(self, depth: int) -> str:
        name = self._random.choice(("__init__", "run", "__iter__", "__enter__", "__getattr__", "finalize_options"))
        inner = "".join(f"  {line}\n" for line in self._block(depth).splitlines())
        return f"  def {name}(self, *a):\n{inner}"

    def _match(self, depth: int) -> str:
        return f"match {self.expression(1)}:\n  case [a, *b]:\n  {self._block(0).replace(chr(10), chr(10) + '  ')}\n"

    STATEMENTS = (_if, _if, _loop, _try, _with, _function, _class, _match)


class Splicer:
    """Exchanges expressions and statements among real-looking programs; what comes out parses again, or nearly."""

    def __init__(self, sources: list[str]) -> None:
        self._expressions: dict[str, list[tuple[int, int]]] = {}
        self._statements: dict[str, list[tuple[int, int]]] = {}
        self._pool: list[str] = []
        self._lines: list[str] = []
        for source in sources:
            self._read(source)

    def _read(self, source: str) -> None:
        starts = [0]
        for line in source.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        expressions, statements = [], []
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.stmt):
                statements.append((starts[node.lineno - 1], starts[node.end_lineno or node.lineno]))
                self._lines.append(ast.get_source_segment(source, node) or "pass")
            elif isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
                start = starts[node.lineno - 1] + node.col_offset
                end = starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
                if not source[start:end].startswith(("{!", "f'")):
                    expressions.append((start, end))
                    self._pool.append(source[start:end])
        self._expressions[source], self._statements[source] = expressions, statements

    def spliced(self, source: str, random: Random, grammar: Grammar) -> str:
        """Exchange one to four expressions or statements of one of the known sources."""
        text, spans = source, []
        for _ in range(random.randint(1, 4)):
            known = self._expressions if random.random() < 0.7 else self._statements
            spans.append((random.choice(known[source] or self._statements[source]), known is self._expressions))
        last = len(source)
        for (start, end), is_expression in sorted(spans, reverse=True):
            if end > last:
                continue
            last = start
            if is_expression:
                part = random.choice(self._pool) if random.random() < 0.5 else grammar.expression(random.randrange(3))
                text = f"{text[:start]}({part}){text[end:]}"
            else:
                text = text[:start] + self._statement(text[start:end], random, grammar) + text[end:]
        return text

    def _statement(self, old: str, random: Random, grammar: Grammar) -> str:
        indent = old[: len(old) - len(old.lstrip())]
        new = (
            random.choice(self._lines) if random.random() < 0.6 else grammar.statement(random.randrange(2)).rstrip("\n")
        )
        moved = "".join(f"{indent}{line}\n" for line in new.split("\n"))
        return random.choice(("", moved, moved + old, old + moved, old + old))


__all__ = ["Grammar", "Splicer", "program"]
