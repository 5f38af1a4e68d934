"""The table of settings: every default fits it, every mistake is named."""

import pytest
from nexy_llm.plugin import nexy_settings

BY_KEY = {setting.key: setting for setting in nexy_settings()}


@pytest.mark.parametrize("setting", BY_KEY.values(), ids=lambda setting: setting.key)
def test_each_is_documented_and_its_default_is_within_bounds(setting):
    assert setting.key.startswith("llm.")
    assert setting.text.endswith(".") or setting.text.endswith(")") or "`" in setting.text
    assert setting.minimum is None or setting.minimum <= setting.default <= setting.maximum
    assert setting.check is None or setting.check(setting.default) == ""


def test_keys_are_secret():
    assert {key for key, setting in BY_KEY.items() if setting.secret} == {"llm.api_key", "llm.fallback_api_keys"}


@pytest.mark.parametrize(
    ("key", "bad"), [("llm.model", " "), ("llm.api_base", "127.0.0.1:8000"), ("llm.api_base", "ftp://x")]
)
def test_a_mistake_is_told(key, bad):
    assert BY_KEY[key].check(bad)
