"""The build order of what is built without isolation."""

from hypothesis import given
from hypothesis import strategies as st

from envcompose.decide.order import build_order

names = st.sampled_from("abcdef")
graphs = st.dictionaries(names, st.frozensets(names))


def reached(name: str, needs: dict[str, frozenset[str]]) -> set[str]:
    """What is built too and that a name needs, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in needs[waiting.pop()]:
            if other in needs and other not in found:
                found.add(other)
                waiting.append(other)
    return found


@given(needs=graphs)
def test_every_name_stands_once_and_behind_what_it_needs_unless_that_needs_it_too(needs: dict[str, frozenset[str]]):
    order = build_order(needs)
    assert sorted(order) == sorted(needs)
    for name in needs:
        for other in reached(name, needs):
            assert order.index(other) < order.index(name) or name in reached(other, needs) or other == name


@given(needs=graphs, shuffled=st.randoms())
def test_the_order_does_not_follow_how_the_names_came(needs: dict[str, frozenset[str]], shuffled):
    entries = list(needs.items())
    shuffled.shuffle(entries)
    assert build_order(dict(entries)) == build_order(needs)


def test_ties_go_by_name():
    assert build_order({"c": frozenset(), "a": frozenset(), "b": frozenset({"c"})}) == ("a", "c", "b")


def test_a_cycle_is_cut_at_its_first_name_and_what_only_needs_it_comes_after():
    needs = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("b")}
    assert build_order(needs) == ("b", "c", "a")
