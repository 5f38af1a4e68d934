from hypothesis import given
from hypothesis import strategies as st
from nexy_tts.cutting import slices, stretches

PHONEMES = st.lists(st.sampled_from(["a", "b", "ˈ", " ", ",", "."]), max_size=300)


@given(st.text(max_size=3000), st.integers(20, 600))
def test_slices_are_the_text(text, limit) -> None:
    parts = list(slices(text, limit))
    assert "".join(parts) == text
    assert all(0 < len(part) <= limit for part in parts)


def test_text_is_cut_after_a_sentence_then_a_clause_then_a_word() -> None:
    assert list(slices("One two. Three four, five six", 20)) == ["One two. ", "Three four, five six"]
    assert list(slices("One two, three four five", 20)) == ["One two, ", "three four five"]
    assert list(slices("One two three four five", 20)) == ["One two three four ", "five"]
    assert list(slices("x" * 45, 20)) == ["x" * 20, "x" * 20, "x" * 5]


@given(PHONEMES, st.integers(4, 100))
def test_stretches_are_the_phonemes(phonemes, limit) -> None:
    parts = list(stretches(phonemes, limit))
    assert [phoneme for part in parts for phoneme in part] == phonemes
    assert all(0 < len(part) <= limit for part in parts)


def test_phonemes_are_cut_at_a_pause_before_a_word() -> None:
    assert ["".join(part) for part in stretches(list("abcd, efg hi jkl"), 8)] == ["abcd, ", "efg hi ", "jkl"]
    assert ["".join(part) for part in stretches(list("abc efgh ijkl"), 10)] == ["abc efgh ", "ijkl"]
