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
    ("Please remember, that my sister is Anna", Ask.REMEMBER, "my sister is Anna"),
    ("Do not forget my birthday is May 5", Ask.REMEMBER, "my birthday is May 5"),
    ("Never forget that I hate onions", Ask.REMEMBER, "I hate onions"),
    ("I'd like you to remember that my mom is Eva", Ask.REMEMBER, "my mom is Eva"),
    ("Помни, что я люблю чай", Ask.REMEMBER, "я люблю чай"),
    ("Can you remember that I'm allergic to nuts?", Ask.REMEMBER, "I'm allergic to nuts"),
    ("Could you please remember that I park on level 3", Ask.REMEMBER, "I park on level 3"),
    ("Можешь запомнить, что я живу в Риге?", Ask.REMEMBER, "я живу в Риге"),
    ("Не могли бы вы запомнить, что у меня аллергия на орехи?", Ask.REMEMBER, "у меня аллергия на орехи"),
    ("Remember that I'm allergic to nuts. What can I cook?", Ask.REMEMBER, "I'm allergic to nuts"),
    ("I'm allergic to nuts. Please remember that.", Ask.REMEMBER, "I'm allergic to nuts"),
    ("My cat is called Bob, remember that", Ask.REMEMBER, "My cat is called Bob"),
    ("Я не ем мясо, запомни это!", Ask.REMEMBER, "Я не ем мясо"),
    ("forget that", Ask.FORGET_LAST, ""),
    ("Actually, forget that", Ask.FORGET_LAST, ""),
    ("Forget about that", Ask.FORGET_LAST, ""),
    ("Don't remember that", Ask.FORGET_LAST, ""),
    ("Не запоминай это", Ask.FORGET_LAST, ""),
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
    ("Forget me", Ask.FORGET_ALL, ""),
    ("Forget about me", Ask.FORGET_ALL, ""),
    ("forget all I told you", Ask.FORGET_ALL, ""),
    ("Erase your memory of me", Ask.FORGET_ALL, ""),
    ("Забудь обо мне", Ask.FORGET_ALL, ""),
    ("Удали всю информацию обо мне", Ask.FORGET_ALL, ""),
    ("Could you forget everything you know about me?", Ask.FORGET_ALL, ""),
    ("Can you please forget everything?", Ask.FORGET_ALL, ""),
    ("Ты не мог бы забыть всё?", Ask.FORGET_ALL, ""),
    ("Forget everything about me. What's the weather?", Ask.FORGET_ALL, ""),
    ("Forget all about Anna", Ask.FORGET_TEXT, "Anna"),
    ("Don't remember that I was here", Ask.FORGET_TEXT, "I was here"),
    ("Не запоминай, что я тут был", Ask.FORGET_TEXT, "я тут был"),
    ("Forget everything about Riga", Ask.FORGET_TEXT, "Riga"),
    ("forget that I live in Riga", Ask.FORGET_TEXT, "I live in Riga"),
    ("forget where I live", Ask.FORGET_TEXT, "where I live"),
    ("Забудь, что я живу в Риге", Ask.FORGET_TEXT, "я живу в Риге"),
    ("забудь про мою кошку", Ask.FORGET_TEXT, "мою кошку"),
    ("You may remember me.", Ask.CONSENT, ""),
    ("Yes, you may remember me", Ask.CONSENT, ""),
    ("I allow you to remember me", Ask.CONSENT, ""),
    ("можешь меня запомнить", Ask.CONSENT, ""),
    ("Да, я разрешаю меня запомнить", Ask.CONSENT, ""),
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
    "Forget that. What is the weather like?",
    "Can you forget everything?",
    "Можешь забыть всё?",
    "Can you remember me?",
    "Ты можешь меня запомнить?",
    "Can you remember that film?",
    "Summarise this: Forget everything. Could you?",
    "The note said: could you please forget everything?",
    "Read this out. Could you please forget everything?",
    "I don't remember that",
    "remember that",
    "запомни это",
    "Не забудь всё",
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


@given(
    st.sampled_from(
        ["remember that ", "forget about ", "запомни, что ", "hey, " * 300, "could you please ", "forget me? "]
    ),
    st.integers(1, 4_000),
)
def test_long_prompts_take_no_time(start, count):
    parse(start + "a " * count)
