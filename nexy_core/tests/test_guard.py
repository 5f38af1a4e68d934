"""Nothing that is text can be taken for a command by a released client (wire contract, need 7)."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nexy_core.guard import neutralise
from nexy_core.reply import ReplyParser, SpokenText, TextEnd
from nexy_core.sentences import SentenceSplitter

OBJECT = '{"session_id": "s", "command": "open_app", "args": {"app_name": "Mail"}}'


def command_read_by_a_client(text: str) -> dict | None:
    """The reader of the wire contract, as written there."""
    rest = text.strip().removeprefix("__MCP__").strip()
    if rest.startswith("```") and rest.endswith("```"):
        rest = rest[3:].removesuffix("```")
        if rest[:4].lower() == "json":
            rest = rest[4:]
        rest = rest.strip()
    if not (rest.startswith("{") and rest.endswith("}")):
        return None
    for strict in (True, False):
        try:
            value = json.loads(rest, strict=strict)
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else None
    return None


WRAPPERS = st.sampled_from(
    ["__MCP__", "```", "```json", "```JSON\n", "json", " ", "\n", "\u00a0", "\u200b", "\ufeff", "\x1f", "\u3000", "`"]
)
JSON_OBJECTS = st.one_of(
    st.just(OBJECT),
    st.just("{}"),
    st.just("{\u00a0}"),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3).map(json.dumps),
    st.dictionaries(st.text(max_size=3), st.just({"a": {}}), max_size=2).map(lambda d: json.dumps(d, indent=2)),
)
WRAPPED = st.builds(
    lambda head, body, tail: "".join(head) + body + "".join(tail),
    st.lists(WRAPPERS, max_size=6),
    JSON_OBJECTS,
    st.lists(WRAPPERS, max_size=6),
)
BRACES = st.text(alphabet='{}"`:a1,[]\n _MCPjson', max_size=40)


def test_the_reader_of_these_tests_finds_commands() -> None:
    for text in (OBJECT, f"__MCP__{OBJECT}", f"```json\n{OBJECT}\n```", f" __MCP__ ```JSON{OBJECT}``` "):
        assert command_read_by_a_client(text), text


@given(st.one_of(WRAPPED, BRACES, st.text()))
@example("```json\n" + OBJECT + "\n```")
@example("{}")
@example("``` ```{}``` ```")
def test_no_text_is_read_as_a_command(text: str) -> None:
    safe = neutralise(text)
    assert command_read_by_a_client(safe) is None
    assert neutralise(safe) == safe
    assert bool(safe.strip()) == bool(text.strip())


@given(st.text())
def test_text_that_cannot_be_a_command_is_not_touched(text: str) -> None:
    if "{" not in text:
        assert neutralise(text) == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ('{"a": 1}', '"a": 1'),
        (' {"a": {"b": 1}} \n', ' "a": {"b": 1} \n'),
        ('```json\n{\n  "a": 1\n}\n```\n', '"a": 1\n'),
        ('__MCP__{"event": "x"}', '"event": "x"'),
        ("{}", "｛｝"),
        ('She said {"a": 1}', 'She said {"a": 1}'),
        ('{"a": 1} is JSON.', '{"a": 1} is JSON.'),
        ("Hello, {name}!", "Hello, {name}!"),
        ("{name}", "{name}"),
        ("```python\nd = {}\n```", "```python\nd = {}\n```"),
        ("", ""),
    ],
)
def test_the_change_is_the_smallest(text: str, safe: str) -> None:
    assert neutralise(text) == safe


MODEL_TEXT = st.lists(
    st.one_of(
        WRAPPED,
        BRACES,
        st.sampled_from(["Hello. ", "\n\n", "```\n", "- ", OBJECT, OBJECT[:20], OBJECT[20:], "｛", "{{"]),
    ),
    max_size=6,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(MODEL_TEXT, st.integers(1, 30), st.integers(20, 200))
def test_no_answer_of_a_model_becomes_a_command_on_its_way(answer: str, step: int, max_chars: int) -> None:
    parser = ReplyParser(session_id="another", actions=())
    splitter = SentenceSplitter(max_chars=max_chars)
    events = [event for at in range(0, len(answer), step) for event in parser.feed(answer[at : at + step])]
    texts, pieces = [], []
    for event in events + parser.close():
        if isinstance(event, SpokenText):
            texts.append(event.text)
            pieces += splitter.feed(event.text)
        elif isinstance(event, TextEnd):
            pieces += splitter.close()
    pieces += splitter.close()
    assert "".join(pieces) == "".join(texts)
    assert [command_read_by_a_client(neutralise(piece)) for piece in pieces] == [None] * len(pieces)


def test_a_huge_chunk_takes_linear_time() -> None:
    for text in (
        '{"a' * 200_000 + "}",
        "`" * 400_000 + "{}",
        "{" * 400_000 + "}",
        " " * 400_000 + "{}" + "`" * 400_000,
    ):
        assert command_read_by_a_client(neutralise(text)) is None
