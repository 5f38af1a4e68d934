"""Which language a sentence is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.language import detect


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [
        ("Hello there.", "en", "en"),
        ("Hello there.", "ru", "en"),
        ("Bonjour tout le monde.", "fr", "fr"),
        ("Привет!", "en", "ru"),
        ("Привет!", "bg", "bg"),
        ("Привіт, як справи? Її немає.", "en", "uk"),
        ("你好，世界。", "en", "zh"),
        ("東京", "ja", "ja"),
        ("東京に行きます。", "en", "ja"),
        ("안녕하세요.", "en", "ko"),
        ("مرحبا", "en", "ar"),
        ("שלום", "en", "he"),
        ("Γειά σου", "en", "el"),
        ("नमस्ते", "en", "hi"),
        ("สวัสดี", "en", "th"),
        # names, addresses and code of another script do not decide
        ("Скачай Visual Studio Code.", "en", "ru"),
        ("Смотри https://example.com/very/long/path и me@example.com.", "en", "ru"),
        ("Запусти `git commit --amend --no-edit` сейчас.", "en", "ru"),
        ("打开 WeChat 看看。", "en", "zh"),
        ("The word привет means hello.", "ru", "en"),
        # nothing to go by
        ("", "ru", "ru"),
        ("123, 45!", "zh", "zh"),
        ("😀", "fr", "fr"),
        ("https://example.com", "en", "en"),
        ("`code`", "ru", "en"),
        # as many words of each: the default's script
        ("да yes", "en", "en"),
        ("yes да", "ru", "ru"),
    ],
)
def test_the_script_tells(text: str, default: str, language: str) -> None:
    assert detect(text, default) == language


@given(st.text(), st.sampled_from(["en", "ru", "zh", "fr", "xx"]))
def test_any_text_has_a_language(text: str, default: str) -> None:
    assert detect(text, default)
