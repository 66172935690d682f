"""The blocks of a manifest: are they as envcompose wrote them? And the user's lines around them stay."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcompose.manifest.blocks import (
    BEGIN,
    END,
    OPEN_SEAL,
    SCHEMA_COMMENT,
    SEAL,
    Clash,
    is_untouched,
    own_text,
    sealed,
    with_own_lines,
)
from envcompose.manifest.pixi_toml import Line, Manifest, Table, render_manifest


def manifest(tables: Mapping[str, Mapping[str, str]], head: str = "head") -> str:
    """A manifest of ours with these tables."""
    rows = {**tables, "tool.envcompose": {SEAL: OPEN_SEAL}}
    made = tuple(
        Table(name=name, lines=tuple(Line(key=key, value=value) for key, value in lines.items()), why="why")
        for name, lines in rows.items()
    )
    return sealed(render_manifest(Manifest(schema=SCHEMA_COMMENT, head=(head,), tables=made)))


PLAIN = manifest({"workspace": {"name": "x"}, "dependencies": {"python": "3.12.*"}, "tasks.verify": {"cmd": "v"}})
INSIDE = [
    at
    for begin, end in zip(PLAIN.split(BEGIN)[1:], PLAIN.split(BEGIN)[1:], strict=True)
    for at in range(PLAIN.index(begin), PLAIN.index(begin) + end.index(f"\n{END}"))
]


def test_what_was_written_is_untouched():
    assert is_untouched(PLAIN) is True
    assert is_untouched(PLAIN.replace("\n", "\r\n")) is True


@given(at=st.sampled_from(INSIDE), more=st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1))
def test_a_block_that_something_was_put_into_is_not_untouched(at: int, more: str):
    assert not is_untouched(PLAIN[:at] + more + PLAIN[at:])


@given(at=st.sampled_from(INSIDE))
def test_a_block_that_lost_a_character_is_not_untouched(at: int):
    assert not is_untouched(PLAIN[:at] + PLAIN[at + 1 :])


@pytest.mark.parametrize("mark", [BEGIN, END])
def test_a_block_that_lost_a_mark_is_not_untouched(mark: str):
    for count in range(1, PLAIN.count(f"{mark}\n")):
        at = len(mark.join(PLAIN.split(mark)[:count]))
        assert not is_untouched(PLAIN[:at] + PLAIN[at + len(mark) + 1 :])


@given(text=st.text(st.characters(codec="utf-8")))
def test_a_text_without_a_seal_was_never_ours(text: str):
    assert is_untouched(text) is None


# The lines around the blocks

MINE = f"""\
{PLAIN.split(BEGIN)[0]}# mine, in front
{BEGIN}{PLAIN.split(BEGIN)[1]}{BEGIN}{PLAIN.split(BEGIN)[2]}{BEGIN}{PLAIN.split(BEGIN)[3].rstrip()}
# jupyter, for me
jupyterlab = "*"
text = '''
[no.header]
'''

# my own tasks
[tasks.mine]
cmd = "echo mine"

{BEGIN}{PLAIN.split(BEGIN)[4]}{BEGIN}{PLAIN.split(BEGIN)[5]}
[feature.test.dependencies]
pytest = "*"
"""


def test_lines_around_the_blocks_are_no_edit():
    assert MINE != PLAIN
    assert is_untouched(MINE) is True
    assert own_text(PLAIN) == ""


def test_the_same_blocks_leave_every_line_where_it_is():
    assert with_own_lines(MINE, PLAIN) == MINE


def test_what_pixi_adds_at_the_end_of_a_block_is_the_users_and_moves_behind_it():
    """`pixi add` and `pixi task add` write behind the last line of a table, in front of the mark."""
    line = 'python = "3.12.*"\n'
    added = PLAIN.replace(line, f'{line}zlib = ">=1.3.2,<2"\n\n[tasks]\nhello = "echo hi"\n')
    assert added != PLAIN
    assert is_untouched(added) is True
    text = with_own_lines(added, PLAIN)
    assert text == PLAIN.replace(f"{line}{END}\n", f'{line}{END}\nzlib = ">=1.3.2,<2"\n\n[tasks]\nhello = "echo hi"\n')
    assert with_own_lines(text, PLAIN) == text
    assert not is_untouched(PLAIN.replace(line, f'zlib = "*"\n{line}'))


def test_own_lines_stay_in_their_tables_when_the_blocks_change():
    new = manifest({"workspace": {"name": "x"}, "dependencies": {"python": "3.13.*"}, "constraints": {"a": "1"}}, "new")
    text = with_own_lines(MINE, new)
    assert isinstance(text, str)
    assert is_untouched(text) is True
    lines = text.splitlines()
    assert lines[1:4] == ["# mine, in front", BEGIN, "# new"]
    at = lines.index('python = "3.13.*"')
    assert lines[at + 1 : at + 4] == [END, "# jupyter, for me", 'jupyterlab = "*"']
    assert lines[lines.index("[tasks.mine]") - 1] == "# my own tasks"
    found = tomllib.loads(text)
    assert found["dependencies"] == {"python": "3.13.*", "jupyterlab": "*", "text": "[no.header]\n"}
    assert found["constraints"] == {"a": "1"}
    assert found["tasks"] == {"mine": {"cmd": "echo mine"}}
    assert found["feature"] == {"test": {"dependencies": {"pytest": "*"}}}


def test_a_table_that_is_no_longer_composed_stays_with_the_users_lines():
    text = with_own_lines(MINE, manifest({"workspace": {"name": "x"}}))
    assert isinstance(text, str)
    assert tomllib.loads(text)["dependencies"] == {"jupyterlab": "*", "text": "[no.header]\n"}


def test_a_table_of_the_users_that_is_composed_now_has_both():
    old = PLAIN + '\n[constraints]\nmine = "1"  # held\n'
    new = manifest({"workspace": {"name": "x"}, "constraints": {"a": "1"}})
    text = with_own_lines(old, new)
    assert isinstance(text, str)
    assert tomllib.loads(text)["constraints"] == {"a": "1", "mine": "1"}
    assert 'mine = "1"  # held' in text.splitlines()


def test_a_line_that_is_composed_too_is_a_clash_with_its_line():
    old = PLAIN.replace(END, f'{END}\npython = "3.11.*"', 1) + '\n[constraints]\na = "2"\n'
    new = manifest({"constraints": {"a": "1"}})
    number = old.splitlines().index('a = "2"') + 1
    clash = with_own_lines(old, new)
    assert clash == Clash(path=("constraints", "a"), line=number)
    assert clash.words == "a of [constraints]"


def test_what_is_no_toml_is_a_clash_and_not_lost():
    clash = with_own_lines(PLAIN + "\nmine = = 1\n", PLAIN)
    assert isinstance(clash, Clash)
    assert clash.reason


@pytest.mark.parametrize(
    ("own", "table"),
    [
        pytest.param('constraints.mine = "1"', "[constraints]", id="a dotted key"),
        pytest.param('constraints = { mine = "1" }', "[constraints]", id="an inline table"),
        pytest.param('tasks = { mine = "1" }', "[tasks]", id="an inline table around one"),
        pytest.param('tasks.verify.mine = "1"', "[tasks.verify]", id="a dotted key of a table below"),
    ],
)
def test_a_table_that_is_there_in_another_form_is_a_clash_with_the_line_of_the_user(own: str, table: str):
    old = manifest({"workspace": {"name": "x"}}).replace(END, f"{END}\n# mine\n{own}", 1)
    clash = with_own_lines(old, manifest({"constraints": {"a": "1"}, "tasks.verify": {"cmd": "v"}}))
    assert isinstance(clash, Clash)
    assert (clash.line, clash.words, clash.reason) == (old.splitlines().index(own) + 1, table, "")


def test_a_header_of_the_users_for_what_is_an_inline_table_now_is_a_clash_with_its_line():
    old = PLAIN + '\n[pypi-dependencies.app]\nmine = "1"\n'
    new = PLAIN.replace('python = "3.12.*"', 'python = "3.12.*"\n[pypi-dependencies]\napp = { version = "*" }')
    number = old.splitlines().index("[pypi-dependencies.app]") + 1
    assert with_own_lines(old, new) == Clash(path=("pypi-dependencies", "app"), line=number)


@pytest.mark.parametrize(
    "header", ["[constraints] # MINE", '[ "constraints" ]\t# MINE "]"', "['constraints']# MINE # too"]
)
def test_a_comment_on_the_header_of_a_users_table_stays_when_the_table_is_composed(header: str):
    old = f'{PLAIN}\n# above\n{header}\nfoo = "1"\n'
    text = with_own_lines(old, manifest({"constraints": {"a": "1"}}))
    assert isinstance(text, str)
    lines = text.splitlines()
    at = lines.index('a = "1"')
    assert lines[at + 1 : at + 4] == [END, header[header.index("#") :], 'foo = "1"']
    assert "# above" in lines
    again = with_own_lines(text, PLAIN)
    assert isinstance(again, str)
    assert again.splitlines().count(header[header.index("#") :]) == 1


OUR_SCHEMA = PLAIN.splitlines()[0]
OWN_SCHEMA = "#:schema https://pixi.sh/v0.99.0/schema/manifest/schema.json"


def test_the_line_for_editors_that_is_written_is_no_line_of_the_users():
    assert f"#{SCHEMA_COMMENT}" == OUR_SCHEMA
    assert own_text(PLAIN) == ""
    assert with_own_lines(PLAIN.split("\n", 1)[1], PLAIN) == PLAIN


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(OWN_SCHEMA, id="changed"),
        pytest.param("#:schema ./mine.json", id="changed to a file"),
        pytest.param(f"{OUR_SCHEMA}\n{OWN_SCHEMA}", id="a second"),
        pytest.param(f"{OWN_SCHEMA}\n{OUR_SCHEMA}", id="one in front"),
    ],
)
def test_a_line_for_editors_of_the_users_stays_where_it_is(front: str):
    old = PLAIN.replace(OUR_SCHEMA, front, 1)
    new = manifest({"workspace": {"name": "x"}}, "new")
    assert with_own_lines(old, PLAIN) == old
    text = with_own_lines(old, new)
    assert text == new.replace(OUR_SCHEMA, front, 1)
    assert with_own_lines(text, new) == text


NAMES = ("workspace", "dependencies", "constraints", "tasks.verify", "tasks.mine", "feature.x.dependencies")
OURS = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(st.sampled_from(["a", "b"]), st.just("*"), min_size=1), max_size=5
)
LINES = ('mine = "1"', '"other" = 2', "# a word", "", 'deep = """\n[constraints]\n"""', "many = [\n  [1],\n]")
HEADERS = ("[own]", "[own.more]", "[[own_list]]", "[constraints]  # said", "[tasks.mine]", "[feature.x.dependencies]")
OWN = st.lists(st.sampled_from([*LINES, *HEADERS]), max_size=6)


@given(before=OURS, after=OURS, own=OWN, data=st.data())
def test_own_lines_survive_every_change_of_the_blocks(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]], own: list[str], data: st.DataObject
):
    old, new = manifest(before), manifest(after, "new")
    pieces = old.split(f"{END}\n")
    for line in own:
        at = data.draw(st.integers(min_value=1, max_value=len(pieces) - 1))
        pieces[at] = f"{line}\n{pieces[at]}"
    old = f"{END}\n".join(pieces)
    try:
        held = tomllib.loads(own_text(old))
        tomllib.loads(old)
    except tomllib.TOMLDecodeError:
        # tomlkit takes some texts that are none; what matters is that nothing else is raised.
        with_own_lines(old, new)
        return
    text = with_own_lines(old, new)
    if isinstance(text, Clash):
        return
    assert is_untouched(text) is True
    assert tomllib.loads(text) == _both(tomllib.loads(new), held)
    assert _lines(text) == _lines(old)
    assert with_own_lines(text, new) == text


def _lines(text: str) -> list[str]:
    """The user's lines, and of the headers, which they may share with a block now, what is said on them."""
    lines = (line.partition("#")[2] if line.startswith("[") else line for line in own_text(text).splitlines())
    return sorted(line.removeprefix("#") for line in lines if line.removeprefix("#"))


def _both(one: object, other: object) -> object:
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    return {
        key: _both(one[key], other[key]) if key in one and key in other else one.get(key, other.get(key))
        for key in {**one, **other}
    }
