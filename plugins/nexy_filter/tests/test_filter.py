"""The role as the core sees it."""

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexy_core import ConfigError, Health


@pytest.mark.parametrize("text", ["Hello.", "It’s 21 °C, don't worry: C# is fine…", "5\u00a0км", "**Bold**\n", "😀"])
async def test_what_is_shown_is_not_touched(started, filtered, text: str) -> None:
    result = await filtered(await started(), text)
    assert result.shown == text


async def test_code_is_shown_and_not_spoken(started, filtered) -> None:
    code = "```python\nprint(1)\n```\n"
    capability = await started()
    for spoken in (code, ""):
        result = await filtered(capability, code, spoken=spoken)
        assert (result.shown, result.spoken) == (code, "")


async def test_a_sentence_that_is_not_to_be_spoken_stays_silent(started, filtered) -> None:
    assert (await filtered(await started(), "Secretly.", spoken="")).spoken == ""


@pytest.mark.parametrize(
    ("action", "shown", "spoken"),
    [
        ("mask", "Well, f*** this. ", "Well, this."),
        ("drop", "Well, this. ", "Well, this."),
        ("pass", "Well, fuck this. ", "Well, fuck this."),
    ],
)
async def test_profanity_is_masked_dropped_or_passed(started, filtered, action, shown, spoken) -> None:
    result = await filtered(await started(profanity=action), "Well, fuck this. ")
    assert (result.shown, result.spoken) == (shown, spoken)


async def test_a_masked_word_is_logged_with_its_reason_and_without_text(started, filtered, caplog) -> None:
    with caplog.at_level(logging.INFO):
        await filtered(await started(), "Oh shit, my card is 4111 1111 1111 1111.")
    (record,) = [record for record in caplog.records if record.name.startswith("nexy_filter")]
    assert record.decision == "withhold"
    assert record.ctx["reason"] == "profanity+secret"
    assert "shit" not in str(record.__dict__)
    assert "4111" not in str(record.__dict__)


async def test_settings_apply_without_a_restart(started, filtered) -> None:
    capability = await started(profanity="mask")
    live = capability._settings
    live.current.values["filter.profanity"] = "pass"
    assert (await filtered(capability, "Shit.")).shown == "Shit."


async def test_operator_patterns_and_words_are_withheld(started, filtered, tmp_path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# ours\nfoobar\nquux*\n!quuxly\n", encoding="utf-8")
    capability = await started(words_file=str(words), patterns=[r"(?i)project\s+x\d+"])
    result = await filtered(capability, "foobar, quuxes, quuxly and Project X12.")
    assert result.shown == "f*****, q*****, quuxly and •••."


async def test_a_hostile_pattern_takes_linear_time(started, filtered) -> None:
    result = await filtered(await started(patterns=["(a+)+$"]), "a" * 5000 + "!")
    assert result.shown.endswith("!")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad"])
async def test_an_unreadable_words_file_says_so(started, tmp_path, content) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"filter\.words_file"):
        await started(words_file=str(path))


async def test_status_and_cleanup(started) -> None:
    capability = await started()
    assert capability.status().health is Health.READY
    await capability.cleanup()
    await capability.cleanup()
    assert capability.status().health is Health.STOPPED


def test_a_bad_pattern_is_refused_by_name() -> None:
    from nexy_filter.plugin import nexy_settings

    (setting,) = [setting for setting in nexy_settings() if setting.key == "filter.patterns"]
    assert "(?=x)" in setting.check(["fine", "(?=x)"])
    assert setting.check(["fine"]) == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.text(max_size=80) | st.text(alphabet="ab1 .,*_`#|[]()<>$%°-\n😀é5Яю", max_size=80),
    st.sampled_from(["en", "ru", "zh"]),
)
async def test_any_text_is_shown_whole_and_spoken_somehow(started, filtered, text: str, language: str) -> None:
    capability = await started(profanity="pass", secrets="pass")
    result = await filtered(capability, text, language)
    assert result.shown == text
    assert not any(mark in result.spoken for mark in ("**", "```", "\n"))
