"""Replies: text that flows, actions that are checked, and nothing of JSON read aloud."""

import json

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nexy_core.reply import ActionReply, ReplyNote, ReplyParser, SpokenText, TextEnd, with_built_in
from nexy_core.reply.reader import MAX_DEPTH, MAX_OBJECT_CHARS

from nexy_core import Action, Argument

SESSION = "0b6f1f0e-6f0a-4f55-9d5e-4b8f4d9f0a11"
ACTIONS = (
    Action("open_app", (Argument("app_name", str),)),
    Action("close_app", (Argument("app_name", str),)),
    Action(
        "set_volume",
        (Argument("level", int), Argument("gain", float, required=False), Argument("mute", bool, required=False)),
    ),
)


@attrs.frozen
class Heard:
    text: str
    actions: list[ActionReply]
    notes: list[str]


def hear(answer: str, *, step: int = 0, actions: tuple[Action, ...] = ACTIONS) -> Heard:
    parser = ReplyParser(session_id=SESSION, actions=actions)
    events = []
    for at in range(0, len(answer), step or max(len(answer), 1)):
        events += parser.feed(answer[at : at + (step or len(answer))])
    events += parser.close()
    assert None not in events
    return Heard(
        "".join(event.text for event in events if isinstance(event, SpokenText)),
        [event for event in events if isinstance(event, ActionReply)],
        [event.reason for event in events if isinstance(event, ReplyNote)],
    )


def reply(**changes: object) -> str:
    """A good reply with some of its fields changed; ``...`` takes a field out."""
    fields = {
        "session_id": SESSION,
        "command": "open_app",
        "args": {"app_name": "Telegram"},
        "text": "Opening Telegram…",
    }
    fields |= changes
    return json.dumps({key: value for key, value in fields.items() if value is not ...}, ensure_ascii=False)


# --- plain text ---


@pytest.mark.parametrize(
    "answer",
    [
        "Hello there.",
        "",
        "  \n",
        "a {name} b",
        "{name}, hello!",
        "{ 1, 2 } is a set",
        "{x : x > 0} too",
        "Use `a` and ``b``.",
        "```python\nd = {'text': 'x', \"command\": 1}\n```\nDone.",
        "```\n{ not: json\n```",
        'Use `{"a": 1}` here.',
        "a ` b",
        "{",
        "It is {",
        "```",
        "{{mustache}}",
        "print({'a'})",
        "x = {}",
        "]{[",
        '{"a\nb": 1}',
        "```py\nx `",
        "{'a\nb': 1, text: \"x\"}",
        '{"a\\": 1} and "b',
        "f(x) = {0 if x < 0, 1 else}",
    ],
)
def test_text_that_is_no_reply_flows_unchanged(answer: str) -> None:
    for step in (0, 1, 3):
        assert hear(answer, step=step) == Heard(answer, [], [])


def test_plain_text_is_not_held_back() -> None:
    parser = ReplyParser(session_id=SESSION, actions=ACTIONS)
    assert parser.feed("He") == [SpokenText("He")]
    assert parser.feed("llo, {na") == [SpokenText("llo, ")]
    assert parser.feed("me}!") == [SpokenText("{name}!")]


def test_a_code_block_flows_as_it_arrives() -> None:
    parser = ReplyParser(session_id=SESSION, actions=ACTIONS)
    parser.feed("```py\n")
    parser.feed("x = 1\n")
    assert parser.feed("y = 2\n") == [SpokenText("y = 2\n")]


# --- actions ---


WRAPPINGS = [
    *(f"```{info}\n{{}}\n```" for info in ("tool_code", "json5", "ld+json", "x-json", "reply.json")),
    "{}",
    "```json\n\n  {}\n```",
    "```json\n{}\n``",
    "```json\n{}\n```",
    "```\n{}\n```\n",
    "```JSON {}```",
    "`{}`",
    "\n\n {} \n",
    "\ufeff{}",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_an_action_is_recognised_however_it_is_wrapped_and_cut(wrapping: str) -> None:
    answer = wrapping.replace("{}", reply())
    for step in (0, 1, 2, 7):
        heard = hear(answer, step=step)
        assert heard.text.strip("\n \ufeff") == "Opening Telegram…"
        assert heard.actions == [ActionReply("open_app", {"app_name": "Telegram"}, SESSION, "Opening Telegram…")]
        assert heard.notes == []


@pytest.mark.parametrize("prose", ["Sure! {} Done.", "Sure!\n```json\n{}\n```\nDone.", "Sure!{}Done."])
def test_prose_around_an_action_is_spoken_and_does_not_stick_to_it(prose: str) -> None:
    for step in (0, 1, 5):
        heard = hear(prose.replace("{}", reply()), step=step)
        assert heard.text.split() == ["Sure!", "Opening", "Telegram…", "Done."]
        assert len(heard.actions) == 1


def test_what_is_spoken_is_parted_by_one_blank() -> None:
    for text in ("Hi", " Hi"):
        assert hear(f"Sure!{reply(text=text)} Bye.").text == "Sure! Hi Bye."


@pytest.mark.parametrize("opening", ['{"text": "', '```json\n{"text": "', 'Sure! {"command": "x", "text": "'])
def test_a_text_in_any_wrapping_is_spoken_as_it_arrives(opening: str) -> None:
    parser = ReplyParser(session_id=SESSION, actions=ACTIONS)
    assert parser.feed(opening + "Hi")[-1].text.endswith("Hi")
    assert parser.feed(" you") == [SpokenText(" you")]


def test_the_text_is_spoken_while_the_rest_is_still_arriving() -> None:
    parser = ReplyParser(session_id=SESSION, actions=ACTIONS)
    assert parser.feed('{"text": "Opening') == [SpokenText("Opening")]
    assert parser.feed(" Tele") == [SpokenText(" Tele")]
    assert parser.feed('gram", "command": "open_app", "args": {"app_name"') == [SpokenText("gram"), TextEnd()]
    assert parser.feed(f': "Telegram"}}, "session_id": "{SESSION}"') == []
    (action,) = parser.feed("}")
    assert action.command == "open_app"


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (reply(), 1),
        (f"Well. {reply()} And {reply()}", 2),
        (reply(text=""), 0),
        (reply(text=...), 0),
        ('{"text": "Hi", "text": "Hi again", "args": {"text": "no"}}', 1),
        ('{"text": "Hi', 0),
        ('Use {"text": "x", "y": 1} here.', 0),
        ("Hello.", 0),
    ],
)
@pytest.mark.parametrize("step", [0, 1, 5])
def test_the_end_of_a_replys_text_is_told_once_right_behind_it(answer: str, ends: int, step: int) -> None:
    parser = ReplyParser(session_id=SESSION, actions=ACTIONS)
    size = step or len(answer)
    events = [event for at in range(0, len(answer), size) for event in parser.feed(answer[at : at + size])]
    events += parser.close()
    told = [at for at, event in enumerate(events) if isinstance(event, TextEnd)]
    assert len(told) == ends
    assert all(isinstance(events[at - 1], SpokenText) for at in told)


@pytest.mark.parametrize(
    "value",
    [
        "https://a.example//b?c=d,e:f",
        'quote " and \\ backslash',
        "line\nbreak\ttab",
        "Привет — 你好 😀",
        '{}[],:"',
        "a" * 5000,
        "a\u2028b",
    ],
)
def test_strings_stay_exact(value: str) -> None:
    for ensure_ascii in (True, False):
        fields = {"session_id": SESSION, "command": "open_app", "args": {"app_name": value}, "text": value}
        answer = json.dumps(fields, ensure_ascii=ensure_ascii)
        for step in (0, 1, 5):
            heard = hear(answer, step=step)
            assert heard.text == value
            assert heard.actions[0].args == {"app_name": value}


def test_the_payload_keeps_its_values() -> None:
    args = {"app_name": "X", "n": 12345678901234567890123, "f": 1.5, "b": True, "z": None, "l": [1, {"a": []}]}
    assert hear(reply(args=args)).actions[0].args == args


def test_raw_line_breaks_in_strings_are_tolerated() -> None:
    answer = f'{{"session_id": "{SESSION}", "command": "open_app", "args": {{"app_name": "A"}}, "text": "One\nTwo"}}'
    heard = hear(answer)
    assert (heard.text, len(heard.actions)) == ("One\nTwo", 1)


def test_only_the_first_action_counts() -> None:
    heard = hear(reply() + reply(command="close_app"))
    assert [action.command for action in heard.actions] == ["open_app"]
    assert heard.notes == ["extra_command"]
    assert hear(reply() + reply(command=...)).notes == []
    heard = hear(reply() + reply(command=...) + reply(command="close_app"))
    assert (len(heard.actions), heard.notes) == (1, ["extra_command"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"command": "format_disk"}, "unknown_command"),
        ({"command": 5}, "unknown_command"),
        ({"command": ["open_app"]}, "unknown_command"),
        ({"session_id": ...}, "missing_session_id"),
        ({"session_id": " "}, "missing_session_id"),
        ({"session_id": 7}, "missing_session_id"),
        ({"session_id": SESSION.replace("0", "1")}, "foreign_session_id"),
        ({"args": ...}, "missing_argument"),
        ({"args": {}}, "missing_argument"),
        ({"args": {"app_name": ""}}, "missing_argument"),
        ({"args": {"app_name": None}}, "missing_argument"),
        ({"args": {"app_name": 5}}, "wrong_argument"),
        ({"args": "Telegram"}, "wrong_arguments"),
        ({"args": None}, "wrong_arguments"),
        ({"command": "set_volume", "args": {"level": True}}, "wrong_argument"),
        ({"command": "set_volume", "args": {"level": 1.5}}, "wrong_argument"),
        ({"command": "set_volume", "args": {"level": 1, "gain": "x"}}, "wrong_argument"),
        ({"command": "set_volume", "args": {"level": 1, "mute": 1}}, "wrong_argument"),
    ],
)
def test_a_bad_action_is_spoken_noted_and_not_carried_out(changes: dict, reason: str) -> None:
    assert hear(reply(**changes)) == Heard("Opening Telegram…", [], [reason])
    assert ReplyNote(reason).level == "ERROR"


def test_what_is_no_bad_action_is_a_warning() -> None:
    for reason in ("no_text", "malformed_json", "truncated_json", "too_deep", "too_large", "extra_command"):
        assert ReplyNote(reason).level == "WARNING"


def test_opening_and_closing_a_program_are_built_in_and_stay_what_they_are() -> None:
    own = Action("set_volume", (Argument("level", int),))
    known = with_built_in((Action("open_app"), own))
    assert [action.name for action in known] == ["open_app", "close_app", "set_volume"]
    for command in ("open_app", "close_app"):
        heard = hear(reply(command=command), actions=with_built_in(()))
        assert [(action.command, action.args) for action in heard.actions] == [(command, {"app_name": "Telegram"})]
        assert hear(reply(command=command, args={}), actions=known).notes == ["missing_argument"]


def test_optional_arguments_and_integers_for_floats_are_fine() -> None:
    for args in ({"level": 1}, {"level": 1, "gain": 2}, {"level": 1, "gain": 2.5, "mute": False}):
        assert hear(reply(command="set_volume", args=args)).actions[0].args == args


@pytest.mark.parametrize("command", [..., None, ""])
def test_without_a_command_it_is_plain_text(command: object) -> None:
    assert hear(reply(command=command)) == Heard("Opening Telegram…", [], [])


@pytest.mark.parametrize("text", [..., None, "", 5, {"a": "b"}, ["x"]])
def test_an_action_without_text_speaks_nothing_and_is_carried_out(text: object) -> None:
    heard = hear(reply(text=text))
    assert (heard.text, len(heard.actions), heard.notes) == ("", 1, ["no_text"])


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "{ \n }",
        '{"a": 1}',
        '{"a": {"text": "inner"}}',
        ' {"answer": "x"} ',
        '{\n    "a"  : 1\n}',
        '{"\\u0442\\"": 1}',
        '```json\n{"command": ""}\n```',
        '```json\n{"text": ""}\n```',
        '```json\n{"session_id": ""}\n```',
        '```json\n{"args": {}}\n```',
    ],
)
def test_json_without_text_speaks_nothing(answer: str) -> None:
    for step in (0, 1, 3):
        heard = hear(answer, step=step)
        assert (heard.text.strip(), heard.actions, heard.notes) == ("", [], ["no_text"])


@pytest.mark.parametrize("blank", "\t\r\n\ufeff\u200b\u2060 ")
def test_blanks_around_json_change_nothing(blank: str) -> None:
    assert hear(f'{blank}{{"a": 1}}{blank}{{"b": 1}}') == Heard(blank, [], ["no_text", "no_text"])
    for fenced in (f'```json{blank}{{"text": "Hi"}}{blank}```', f'```{blank}{{"text": "Hi"}}{blank}```{blank}Bye.'):
        assert hear(fenced).text in {"Hi", "Hi Bye."}


def test_without_a_registry_no_command_is_known() -> None:
    assert hear(reply(), actions=()).notes == ["unknown_command"]


# --- broken JSON ---


def test_a_reply_cut_off_says_what_came_and_does_nothing() -> None:
    answer = (
        '{"text": "Opening \\u0442 now", "command": "open_app", "args": {"app_name": "X"}, "session_id": "'
        + SESSION
        + '"'
    )
    for end in range(15, len(answer)):
        heard = hear(answer[:end])
        assert "Opening т now".startswith(heard.text)
        assert heard.actions == []
        assert "truncated_json" in heard.notes


@pytest.mark.parametrize(
    "answer",
    [
        "{'text': 'Hi', 'command': 'open_app'}",
        '{text: "Hi", command: "open_app"}',
        '{"text": "Hi", "command": "open_app",}',
        '{"text": "Hi" "command": "open_app"}',
        '{Name: "x", text: "Hi"}',
        "{'\\u0442': 1, 'text': 'Hi'}",
        '{_id: 1, text: "Hi"}',
        '{$id: 1, text: "Hi"}',
        '{"text": "Hi", "command": open_app}',
        '{"text": "Hi", "args": {"a": NaN}}',
        '{"text": "Hi", "args": {"a": 1e999}}',
        '{"text": "Hi", "command": "open_app", "args": {"app_name": "\\ud800"}}',
    ],
)
def test_malformed_replies_speak_their_text_only(answer: str) -> None:
    for step in (0, 1):
        assert hear(answer, step=step) == Heard("Hi", [], ["malformed_json"])


@pytest.mark.parametrize(
    "answer", ['{"text": nope "x"}', '{"text":, "x": 1}', '{"text": _("x")}', '{"text": -"x"}', '{"": "text": "x"}']
)
def test_what_is_no_string_is_not_spoken(answer: str) -> None:
    assert hear(answer) == Heard("", [], ["malformed_json", "no_text"])


def test_a_lone_surrogate_in_the_text_is_replaced() -> None:
    assert hear('{"text": "a\\ud83db\\ude00c\\ud83d\\ude00"}').text == "a\ufffdb\ufffdc😀"


def test_too_deep_and_too_large_objects_are_refused_and_passed_over() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert hear(f'{{"text": "Hi", "x": {deep}}} Bye.') == Heard("Hi Bye.", [], ["too_deep"])
    shallow = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert hear(f'{{"text": "Hi", "x": {shallow}}} Bye.') == Heard("Hi Bye.", [], [])
    large = json.dumps({"text": "Hi", "x": "y" * MAX_OBJECT_CHARS})
    assert hear(large + " Bye.", step=1000) == Heard("Hi Bye.", [], ["too_large"])
    assert hear(f"Like {json.dumps({'a': 'y' * MAX_OBJECT_CHARS})} this.").text == "Like this."
    assert hear('{"a": ' * 100_000).text == ""


@pytest.mark.parametrize(
    "answer",
    [
        "Use `{text: 'x'}` here.",
        'Use `{"text": "x"}` here.',
        """Run `curl -d '{"text": "x"}'` now.""",
        """Run `curl -d '{"a": 1}'` and ``b `{"text": "x"}` ``.""",
        """`curl -d '{"text": "x"}'`""",
        '```json\n{"a": 1}\n```\nDone.',
        'Use `{"a": 1} and {"text": "x"}` here.',
        'For example:\n```json\n{"a": 1}\n{"text": "x"}\n```\nDone.',
        'For example:\n```json\n{"text": "x", "args": 1}\n```\nDone.',
        "Write f() { return {text: 'x'} } here.",
    ],
)
def test_code_about_objects_is_left_as_it_is(answer: str) -> None:
    for step in (0, 1, 3):
        assert hear(answer, step=step) == Heard(answer, [], [])


def test_amid_prose_text_is_spoken_once_it_is_sure_to_be_a_reply() -> None:
    parser = ReplyParser(session_id=SESSION, actions=ACTIONS)
    parser.feed("Well. ")
    assert parser.feed('{"text": "Hi"') == []
    assert parser.feed(', "command": "x"') == [SpokenText("Hi"), TextEnd()]
    for amid in (
        '{"text": "Hi"}',
        '{"text": "Hi", "args": {}}',
        '{"text": "Hi", "y": 1, "session_id": "x"}',
        '{"text": "Hi", "args": {"a": 1, "b": 2}}',
    ):
        assert hear(f"Well. {amid} Bye.", step=1).text == "Well. Hi Bye."


@pytest.mark.parametrize(
    "before", ["Use `a`. ", "Use `a` ", "Use ``a ` b``. ", "A ` alone.\n", "A `` alone.\n", "```\na ` b\n```\n"]
)
def test_behind_code_a_reply_is_still_one(before: str) -> None:
    for step in (0, 1, 3):
        assert hear(before + '{"text": "Hi"} Bye.', step=step) == Heard(before + "Hi Bye.", [], [])


def test_an_object_in_prose_that_is_no_reply_is_shown_as_code() -> None:
    assert hear('Like {"a": 1} this.', step=1).text == 'Like \n```\n{"a": 1}\n```\n this.'


# --- any answer at all ---


FRAGMENTS = st.sampled_from(
    [
        reply(),
        reply(text=...),
        '{"text": "',
        '"}',
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        "\\",
        "\\u00",
        "\\ud83d",
        "'",
        "`",
        "```",
        "```json\n",
        "text",
        "command",
        '"command": "open_app"',
        '"args": {"app_name": "X"}',
        f'"session_id": "{SESSION}"',
        "Hello. ",
        "\n",
        " ",
        "😀",
        "1e5",
    ]
)
ANSWERS = st.one_of(
    st.text(max_size=60),
    st.lists(FRAGMENTS, max_size=12).map("".join),
    st.tuples(
        FRAGMENTS,
        st.recursive(
            st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=7), inner, max_size=3),
        ).map(json.dumps),
    ).map("".join),
)


@settings(max_examples=500, deadline=None)
@given(ANSWERS, st.sampled_from([1, 2, 3, 7]))
@example("```\n```{", 1)
@example("```" + " " * 300 + reply(), 1)
@example("`" * 300 + reply(), 1)
@example("```" + "x" * 300 + reply(), 1)
@example('{"}', 1)
@example('{"a:', 1)
def test_any_answer_is_heard_the_same_however_it_is_cut(answer: str, step: int) -> None:
    whole = hear(answer)
    assert hear(answer, step=step) == whole
    for action in whole.actions:
        assert (action.command, action.session_id) == ("open_app", SESSION)


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_characters="{`", exclude_categories=["Cs"]), max_size=80), st.integers(1, 9)
)
def test_text_without_braces_and_backticks_arrives_whole(answer: str, step: int) -> None:
    assert hear(answer, step=step).text == answer


@pytest.mark.long
@settings(max_examples=6000, deadline=None)
@given(ANSWERS, st.integers(1, 9))
def test_many_more_answers_do_not_depend_on_how_they_are_cut(answer: str, step: int) -> None:
    assert hear(answer, step=step) == hear(answer)
