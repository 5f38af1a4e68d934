"""Escapes in JSON strings, whole and cut off anywhere."""

import pytest
from nexy_core.reply.strings import decode_escape


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\\n", "\n"),
        ("\\t", "\t"),
        ("\\r", "\r"),
        ("\\b", "\b"),
        ("\\f", "\f"),
        ('\\"', '"'),
        ("\\\\", "\\"),
        ("\\/", "/"),
        ("\\q", "q"),
        ("\\u0041", "A"),
        ("\\u20AC", "€"),
        ("\\ud7ff", "\ud7ff"),
        ("\\ue000", "\ue000"),
        ("\\ud800\\udc00", "\U00010000"),
        ("\\udbff\\udfff", "\U0010ffff"),
        ("\\ud83d\\ude00", "😀"),
        ("\\udc00", "\ufffd"),
        ("\\udfff", "\ufffd"),
    ],
)
def test_an_escape_is_decoded_when_it_is_complete(written: str, read: str) -> None:
    assert decode_escape(written + "x", 0, final=False) == (read, len(written))
    assert decode_escape(written, 0, final=False) == (read, len(written))
    assert decode_escape("ab" + written + "\\u", 2, final=False) == (read, len(written))
    for end in range(1, len(written)):
        assert decode_escape(written[:end], 0, final=False) is None


@pytest.mark.parametrize("behind", ["x", '"', "\\n", "\\u0041", "\\ud83d", "\\ue000", "\\uzzzz"])
def test_a_high_surrogate_without_its_other_half_is_replaced(behind: str) -> None:
    assert decode_escape("\\ud83d" + behind, 0, final=False) == ("\ufffd", 6)
    assert decode_escape("\\ud83d", 0, final=True) == ("\ufffd", 6)


def test_what_is_no_code_is_read_as_its_letter() -> None:
    assert decode_escape("\\u12g4", 0, final=False) == ("u", 2)


@pytest.mark.parametrize("cut", ["\\", "\\u", "\\u1", "\\u123"])
def test_an_escape_that_the_end_cuts_off_is_dropped(cut: str) -> None:
    assert decode_escape("ab" + cut, 2, final=True) == ("", len(cut))


def test_a_pair_cut_off_by_the_end_is_replaced() -> None:
    assert decode_escape("\\ud83d\\ude", 0, final=True) == ("\ufffd", 6)
