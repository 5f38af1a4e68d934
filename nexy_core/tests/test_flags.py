"""Flags: who gets a feature, and how it is taken back."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.config import Config
from nexy_core.core_settings import core_settings
from nexy_core.flags import CANARY_STEPS, FLAGS, Flags, chosen, expired

NAME = "forward_assistant_actions"


def flags(**environ):
    return Flags(Config.load(environ={f"NEXY_{name}": value for name, value in environ.items()}).live)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@given(st.text(), st.floats(min_value=0, max_value=100), st.floats(min_value=0, max_value=100))
def test_a_larger_share_keeps_the_devices_of_a_smaller_one(device, one, other):
    small, large = sorted((one, other))
    assert not chosen(NAME, device, small) or chosen(NAME, device, large)
    assert chosen(NAME, device, 100)
    assert not chosen(NAME, device, 0)


@pytest.mark.parametrize("percent", CANARY_STEPS)
def test_a_share_is_about_that_share_of_the_devices(percent):
    hits = sum(chosen(NAME, f"device-{n}", percent) for n in range(20_000))
    assert hits / 200 == pytest.approx(percent, abs=1.2)


def test_two_flags_choose_different_devices():
    devices = [f"device-{n}" for n in range(2000)]
    one, other = ({device for device in devices if chosen(name, device, 10)} for name in ("one", "other"))
    assert len(one & other) < len(one) / 2


def test_every_flag_can_be_asked_for():
    assert {name: flags().enabled(name, "device") for name in FLAGS} == {NAME: False, "use_module_coordinator": True}


@pytest.mark.parametrize(("written", "on"), [("true", True), ("false", False), ("100", True), ("0", False)])
def test_on_and_off(written, on):
    assert flags(FEATURES__FORWARD_ASSISTANT_ACTIONS=written).enabled(NAME, "device") is on


def test_off_by_default():
    assert not flags().enabled(NAME, "device")


def test_the_kill_switch_wins():
    killed = flags(FEATURES__FORWARD_ASSISTANT_ACTIONS="true", KS_DISABLE_FORWARD_ASSISTANT_ACTIONS="true")
    assert not killed.enabled(NAME, "device")


def test_a_kill_switch_works_at_once(tmp_path):
    (tmp_path / "settings").mkdir()
    file = tmp_path / "settings" / "settings.toml"
    file.write_text("[default.features]\nforward_assistant_actions = true\n")
    config = Config.load(environ={})
    asked = Flags(config.live)
    assert asked.enabled(NAME, "device")
    file.write_text(file.read_text() + "[default.kill_switches]\ndisable_forward_assistant_actions = true\n")
    config.reload()
    assert not asked.enabled(NAME, "device")


def test_a_flag_outside_the_registry_is_a_bug():
    with pytest.raises(KeyError):
        flags().enabled("unheard_of", "device")


def test_registry_and_settings_agree():
    table = {setting.key: setting for setting in core_settings()}
    for flag in FLAGS.values():
        assert table[flag.key].default == flag.default
        assert table[flag.key].live
        assert table[flag.kill_switch].live
    features = {key for key in table if key.startswith("features.")}
    assert features == {flag.key for flag in FLAGS.values()}


def test_each_flag_s_percent_is_a_step_of_the_rollout_and_what_its_default_gives():
    for flag in FLAGS.values():
        assert flag.rollout_percent in {0, *CANARY_STEPS}
        assert {True: 100, False: 0}.get(flag.default, flag.default) == flag.rollout_percent
        assert flag.owner.startswith("@")
        assert flag.text


def test_no_flag_has_outlived_its_date():
    assert expired(date.today()) == ()  # noqa: DTZ011  # a day's precision is enough
    assert expired(date.max) == tuple(FLAGS.values())
