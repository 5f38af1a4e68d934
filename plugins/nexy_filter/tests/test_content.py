"""What must not be shown, and what only looks like it."""

import pytest
from nexy_filter.content.profanity import WordList
from nexy_filter.content.secrets import find_secrets

BAD_WORDS = [
    "fuck", "FUCKING", "sh1t", "fuuuck", "a$$hole", "bullshit", "motherfucker", "хуй", "Пиздец", "ёбаный",
    "заебал", "бля", "блядь", "xуй", "пидоры", "мудак", "нахуй", "сука", "выебать",
]  # fmt: skip
GOOD_WORDS = [
    "Scunthorpe", "assessment", "classic", "Dickens", "cocktail", "shiitake", "Massachusetts", "hello",
    "потребление", "употреблять", "страхуй", "хлебать", "мандарин", "команда", "себя", "небо", "сукно",
    "рубля", "корабля", "оскорблять", "художник", "похудеть", "психует", "сучок", "мудрость", "тебе",
    "учебник", "лебедь", "гребля", "подстрахуй", "стебель", "ребёнок", "выделял", "дебаты", "мебель",
    "требовать", "дубляж", "влюбляться",
]  # fmt: skip
SECRETS = [
    "4111 1111 1111 1111", "5500000000000004", "378282246310005", "sk-abcdefghijklmnop1234",
    "AKIAIOSFODNN7EXAMPLE", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "xoxb-123456789012-abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
]  # fmt: skip
NO_SECRETS = [
    "4111 1111 1111 1112", "0000 0000 0000 0000", "+7 495 123 45 67 89", "1234567890", "sk-short",
    "3.1415926535897932", "The password is wrong.", "Your password: please choose one.",
]  # fmt: skip


@pytest.fixture(scope="module")
def words() -> WordList:
    return WordList.load()


@pytest.mark.parametrize("word", BAD_WORDS)
def test_profanity_is_found_disguised_or_not(words: WordList, word: str) -> None:
    text = f"Well, {word}, you see."
    assert [text[start:end] for start, end in words.find(text)] == [word]


@pytest.mark.parametrize("word", GOOD_WORDS)
def test_innocent_words_are_left_alone(words: WordList, word: str) -> None:
    assert not list(words.find(f"Well, {word}."))


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_found_whole(secret: str) -> None:
    text = f"It is {secret}, keep it."
    assert text[slice(*next(iter(find_secrets(text))))] == secret


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_only_looks_like_a_secret_is_left_alone(text: str) -> None:
    assert not list(find_secrets(f"It is {text}, yes."))


@pytest.mark.parametrize("text", ["password: hunter2", "Пароль — qwerty123", "API key is `a1b2c3d4`", "**PIN:** 4821"])
def test_a_named_password_is_found(text: str) -> None:
    assert list(find_secrets(text))
