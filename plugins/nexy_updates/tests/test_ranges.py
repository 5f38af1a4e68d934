"""Range headers, in any form."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nexy_updates.ranges import Span, Unsatisfiable, matches, matches_strongly, span_of

ETAG = '"abc"'
SIZES = st.integers(1, 10_000)


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9,\- ]{0,20}", fullmatch=True), SIZES)
def test_no_header_leads_outside_the_file(header, size):
    try:
        span = span_of(header, None, ETAG, size)
    except Unsatisfiable:
        return
    assert span.start >= 0
    assert 1 <= span.length <= size - span.start
    assert span.partial or span == Span(0, size, partial=False)


@given(st.integers(0, 20_000), st.integers(0, 20_000), SIZES)
def test_a_range_is_what_slicing_gives(first, last, size):
    assume(first <= last and first < size)
    content = bytes(index % 251 for index in range(size))
    span = span_of(f"bytes={first}-{last}", None, ETAG, size)
    assert content[span.start : span.start + span.length] == content[first : last + 1]
    assert span.partial


@given(st.integers(1, 20_000), SIZES)
def test_a_suffix_is_what_slicing_gives(length, size):
    content = bytes(index % 251 for index in range(size))
    span = span_of(f"bytes=-{length}", None, ETAG, size)
    assert content[span.start : span.start + span.length] == content[-length:]


@pytest.mark.parametrize(
    ("header", "weakly", "strongly"),
    [
        ('"abc"', True, True),
        ('W/"abc"', True, False),
        ('"x", "abc"', True, True),
        ("*", True, True),
        ('"abcd"', False, False),
        ("abc", False, False),
        ("", False, False),
        ('"' * 9000, False, False),
    ],
)
def test_entity_tags(header, weakly, strongly):
    assert (matches(header, ETAG), matches_strongly(header, ETAG)) == (weakly, strongly)
