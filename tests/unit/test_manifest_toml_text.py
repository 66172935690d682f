"""TOML text: what is written is read back by Python's own reader, whatever is in it."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from envcompose.manifest.blocks import BEGIN, END
from envcompose.manifest.pixi_toml import Line, Manifest, Table, render_manifest
from envcompose.manifest.toml_text import Value, toml_comment, toml_key, toml_value

# Text that cannot be encoded never gets here: files are read as UTF-8.
texts = st.text(st.characters(codec="utf-8"), max_size=12)
scalars = texts | st.booleans() | st.integers(min_value=-(2**63), max_value=2**63 - 1)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(key=texts, value=values)
def test_every_value_comes_back_on_one_line(key: str, value: Value):
    text = f"{toml_key(key)} = {toml_value(value)}"
    assert "\n" not in text
    assert tomllib.loads(text) == {key: value}


@given(comment=texts)
def test_nothing_breaks_out_of_a_comment(comment: str):
    assert tomllib.loads(f"a = 1 {toml_comment(comment)}\nb = 2\n") == {"a": 1, "b": 2}


@given(lines=st.dictionaries(texts, st.tuples(values, texts), min_size=1, max_size=4))
def test_a_manifest_holds_its_lines_and_marks_them(lines: dict[str, tuple[Value, str]]):
    table = Table(name="table", lines=tuple(Line(key=key, value=value, why=why) for key, (value, why) in lines.items()))
    text = render_manifest(Manifest(schema=":schema x", head=("head",), tables=(table, Table(name="none", lines=()))))
    assert tomllib.loads(text) == {"table": {key: value for key, (value, _) in lines.items()}}
    assert (text.count(f"\n{BEGIN}\n"), text.count(f"\n{END}\n")) == (2, 2)


def test_a_long_array_has_an_item_a_line():
    table = Table(name="a.b c", lines=(Line(key="names", value=[f"package-{n:03}" for n in range(9)], why="why"),))
    text = render_manifest(Manifest(schema=":schema x", head=("head", ""), tables=(table,)))
    assert text.startswith(
        "#:schema x\n# >>> envcompose\n# head\n#\n# <<< envcompose\n\n"
        '# >>> envcompose\n[a."b c"]\nnames = [\n    "package-000",\n    "package-001",\n'
    )
    assert text.endswith('    "package-008",\n]  # why\n# <<< envcompose\n')
