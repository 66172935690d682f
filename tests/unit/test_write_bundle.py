"""The seal of a manifest: is it as envcompose wrote it?"""

from hypothesis import given
from hypothesis import strategies as st

from envcompose.write.bundle import is_untouched, sealed

texts = st.text(st.characters(codec="utf-8"))


@given(text=texts)
def test_a_sealed_text_is_untouched(text: str):
    assert is_untouched(sealed(text)) is True


@given(text=texts, place=st.integers(min_value=0), more=st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_text_that_something_was_put_into_is_not_untouched(text: str, place: int, more: str):
    whole = sealed(text)
    at = place % (len(whole) + 1)
    assert not is_untouched(whole[:at] + more + whole[at:])


@given(text=texts, place=st.integers(min_value=0))
def test_a_text_that_lost_a_character_is_not_untouched(text: str, place: int):
    whole = sealed(text)
    at = place % len(whole)
    assert not is_untouched(whole[:at] + whole[at + 1 :])


@given(text=texts)
def test_a_text_without_a_seal_was_never_ours(text: str):
    assert is_untouched(text) is None
