import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_memory.commands import Ask, Command, parse

SAID = [
    ("Remember that my cat is called Bob.", Ask.REMEMBER, "my cat is called Bob"),
    ("please remember: I'm vegetarian", Ask.REMEMBER, "I'm vegetarian"),
    ("Hey, don't forget that the bins go out on Tuesday!", Ask.REMEMBER, "the bins go out on Tuesday"),
    ("remember my birthday is in May", Ask.REMEMBER, "my birthday is in May"),
    ("Запомни, что мою кошку зовут Муся", Ask.REMEMBER, "мою кошку зовут Муся"),
    ("запомни: я не ем мясо", Ask.REMEMBER, "я не ем мясо"),
    ("Не забудь, что по вторникам у меня бассейн", Ask.REMEMBER, "по вторникам у меня бассейн"),
    ("forget that", Ask.FORGET_LAST, ""),
    ("Forget what I just said.", Ask.FORGET_LAST, ""),
    ("Забудь это", Ask.FORGET_LAST, ""),
    ("забудь, что я только что сказал", Ask.FORGET_LAST, ""),
    ("Forget everything!", Ask.FORGET_ALL, ""),
    ("please forget everything about me", Ask.FORGET_ALL, ""),
    ("forget everything I’ve told you", Ask.FORGET_ALL, ""),
    ("Delete all my data, please", Ask.FORGET_ALL, ""),
    ("Забудь всё!", Ask.FORGET_ALL, ""),
    ("забудь все, что ты обо мне знаешь", Ask.FORGET_ALL, ""),
    ("Пожалуйста, удали все мои данные", Ask.FORGET_ALL, ""),
    ("Forget everything about Riga", Ask.FORGET_TEXT, "Riga"),
    ("forget that I live in Riga", Ask.FORGET_TEXT, "I live in Riga"),
    ("forget where I live", Ask.FORGET_TEXT, "where I live"),
    ("Забудь, что я живу в Риге", Ask.FORGET_TEXT, "я живу в Риге"),
    ("забудь про мою кошку", Ask.FORGET_TEXT, "мою кошку"),
    ("You may remember me.", Ask.CONSENT, ""),
    ("можешь меня запомнить", Ask.CONSENT, ""),
    ("Don't remember anything about me", Ask.REFUSE, ""),
    ("Stop remembering me", Ask.REFUSE, ""),
    ("Больше не запоминай ничего обо мне", Ask.REFUSE, ""),
    ("What do you know about me?", Ask.OVERVIEW, ""),
    ("Что ты обо мне помнишь?", Ask.OVERVIEW, ""),
]
NOTHING = [
    "Do you remember that film?",
    "Remember that time we went to Rome?",
    "forget it",
    "never mind",
    "Should I forget everything?",
    "How do I make Python forget everything it has imported?",
    "tell me a story about a man who would forget everything",
    "I can't remember my childhood",
    "Ты помнишь, что я люблю?",
    "забудь",
    "everything",
    "",
    "forget that, what is the weather like",
]


@pytest.mark.parametrize(("prompt", "ask", "text"), SAID)
def test_a_request_is_understood(prompt, ask, text):
    assert parse(prompt) == Command(ask, text)


@pytest.mark.parametrize("prompt", NOTHING)
def test_other_talk_asks_for_nothing(prompt):
    assert parse(prompt).ask is Ask.NOTHING


@given(st.text(max_size=200))
def test_any_text_is_parsed(prompt):
    parse(prompt)


@given(st.sampled_from(["remember that ", "forget about ", "запомни, что ", "hey, " * 300]), st.integers(1, 4_000))
def test_long_prompts_take_no_time(start, count):
    parse(start + "a " * count)
