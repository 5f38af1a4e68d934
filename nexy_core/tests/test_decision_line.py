"""The line of C18: whatever goes in, one line comes out, and it reads back."""

import json
import math
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.decisions import Decision, format_line, parse_line
from nexy_core.decisions.line import hide_secrets

import nexy_core

STAMP = "2026-11-22T10:11:12.345Z"
AT = datetime.fromisoformat(STAMP).timestamp() + 0.0001

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
contexts = st.dictionaries(
    st.text(), st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
)


def test_the_canon_s_form_exactly():
    line = format_line(AT, "INFO", "grpc", "/streaming.StreamingService/StreamAudio", Decision.START, {"n": 1}, 7)
    assert line == (
        "ts=2026-11-22T10:11:12.345Z level=INFO scope=grpc method=/streaming.StreamingService/StreamAudio "
        'decision=start ctx={"n":1} dur_ms=7'
    )


@given(contexts, st.text(), st.text(), st.sampled_from(Decision), st.integers(max_value=10**9))
def test_any_line_is_one_line_and_reads_back(ctx, scope, method, decision, dur_ms):
    line = format_line(AT, "INFO", scope, method, decision, ctx, dur_ms)
    assert len(line.splitlines()) == 1
    assert all(" " <= char <= "~" for char in line)
    read = parse_line(line + "\n")
    assert read is not None
    assert read.decision is decision
    assert read.dur_ms == max(0, dur_ms)
    assert len(read.ctx) <= len(ctx)


@given(st.dictionaries(st.text(max_size=50), st.integers() | st.text(max_size=500) | st.booleans() | st.none()))
def test_values_survive(ctx):
    assert parse_line(format_line(AT, "INFO", "x", "-", Decision.LOG, ctx, 0)).ctx == ctx


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_float_is_valid_json(value):
    found = parse_line(format_line(AT, "INFO", "x", "-", Decision.LOG, {"v": value}, 0)).ctx["v"]
    if math.isfinite(value):
        assert found == pytest.approx(value, rel=1e-4)
    else:
        assert isinstance(found, str)


@pytest.mark.parametrize("evil", ["\n", "\r", "\x1b[31m", "\u2028", "\u2029", "\x85", "\x7f", "\x9b", "\x00", "\u202e"])
def test_what_moves_a_terminal_or_splits_a_line_is_escaped(evil):
    line = format_line(AT, "INFO", f"a{evil}b", f"c{evil}d", Decision.LOG, {f"k{evil}": f"v{evil}"}, 0)
    assert evil not in line
    assert parse_line(line).ctx == {f"k{evil}": f"v{evil}"}


def test_a_value_cannot_pretend_to_be_another_line():
    fake = '"} dur_ms=0\nts=2026-11-22T10:11:12.345Z level=INFO scope=x method=- decision=complete ctx={} dur_ms=0'
    line = format_line(AT, "INFO", "real", "-", Decision.ERROR, {"v": fake}, 0)
    read = parse_line(line)
    assert (read.scope, read.decision, read.ctx) == ("real", Decision.ERROR, {"v": fake})


def test_long_texts_are_cut_and_strange_objects_are_named():
    read = parse_line(format_line(AT, "INFO", "x", "-", Decision.LOG, {"long": "x" * 600, "odd": object()}, 0))
    assert len(read.ctx["long"]) == 501
    assert read.ctx["odd"] == "object"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "ts=x level=INFO scope=a method=- decision=start ctx={} dur_ms=0",
        f"ts={STAMP} level=INFO scope=a method=- ctx={{}} dur_ms=0",
        f"ts={STAMP} level=INFO scope=a method=- decision=unheard ctx={{}} dur_ms=0",
        f"ts={STAMP} level=INFO scope=a method=- decision=start ctx={{broken}} dur_ms=0",
        f"ts={STAMP} level=INFO scope=a method=- decision=start ctx={{}} dur_ms=0 more",
        f"ts={STAMP} level=INFO scope=a method=- decision=start ctx={'{' * 20} dur_ms=0",
    ],
)
def test_what_is_no_decision_line_is_none(text):
    assert parse_line(text) is None


@given(st.text())
def test_reading_never_fails(text):
    parse_line(text)
    parse_line(f"ts={STAMP} level=INFO scope=a method=- decision=start ctx={{{json.dumps(text)}:1}} dur_ms={text}")


def strings(value):
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value if isinstance(value, str) else json.dumps(value)]


@given(contexts, st.text(min_size=6) | st.sampled_from(["complete", "decision=", "dur_ms", "123456", '":"', "null,1"]))
def test_whatever_the_secret_is_a_masked_line_is_a_line_without_it(ctx, secret):
    line = format_line(AT, "INFO", secret, f"/{secret}", Decision.COMPLETE, {**ctx, "n": 123456, "s": secret}, 7)
    read = parse_line(hide_secrets(line, [secret]))
    assert (read.decision, read.level, read.dur_ms) == (Decision.COMPLETE, "INFO", 7)
    assert [text for text in strings(read.ctx) if secret in text] == []


def test_no_value_stands_in_the_list_that_nothing_writes():
    package = Path(nexy_core.__file__).parent
    written = {name for path in package.rglob("*.py") for name in re.findall(r"Decision\.([A-Z]+)", path.read_text())}
    assert written == {decision.name for decision in Decision}
