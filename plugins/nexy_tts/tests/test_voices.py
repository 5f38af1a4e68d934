"""Which voice speaks, and what happens when it cannot."""

import json
import shutil

import numpy as np
import pytest
from nexy_tts.files import find_voice, installed_voices, is_voice_name

from nexy_core import Degraded, Health, Sentence


async def speak(synthesizer, language: str = "en", voice: str = "") -> bytes:
    piece = Sentence("t", 0, "Yes.", "Yes.", language, voice)
    return b"".join([chunk.data async for chunk in synthesizer.process(piece)])


def install(folder, name: str, *, family: str = "en", model: bytes | None = None, **changes: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    source = find_voice("joe", folder)
    target = folder / f"{name}.onnx"
    if model is None:
        shutil.copyfile(source, target)
    else:
        target.write_bytes(model)
    config = json.loads(source.with_name(source.name + ".json").read_text()) | changes
    config["language"]["family"] = family
    target.with_name(target.name + ".json").write_text(json.dumps(config))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "voices"


async def test_a_region_falls_back_to_its_language(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    assert await speak(synthesizer, "en-GB") == await speak(synthesizer, "EN_us") == await speak(synthesizer)


async def test_a_region_of_its_own_wins(make_synthesizer, folder) -> None:
    install(folder, "british")
    synthesizer = await make_synthesizer(voices={"en": "joe", "en-GB": "british"})
    await speak(synthesizer, "en-GB")
    assert synthesizer.status().figures["voices"] == "joe, british"


async def test_a_named_voice_is_honoured_if_it_speaks_the_language(make_synthesizer, folder) -> None:
    install(folder, "other", family="ru")
    synthesizer = await make_synthesizer(voices={"en": "joe"})
    await speak(synthesizer, "ru", "other")
    await speak(synthesizer, "en", "other")  # an English text is not read by a Russian voice
    assert synthesizer.status().figures["voices"] == "other, joe"


@pytest.mark.parametrize("name", ["nobody", "../joe", "/etc/passwd", "", ".", "a" * 300])
async def test_an_unknown_or_evil_name_means_the_usual_voice(make_synthesizer, name) -> None:
    synthesizer = await make_synthesizer()
    assert await speak(synthesizer, "en", name)
    assert synthesizer.status().health is Health.READY


async def test_a_missing_voice_degrades_and_says_what_to_do(make_synthesizer) -> None:
    synthesizer = await make_synthesizer(voices={"en": "nobody"})
    with pytest.raises(Degraded) as raised:
        await speak(synthesizer)
    assert raised.value.reason == "no_voice"
    status = synthesizer.status()
    assert status.health is Health.DEGRADED
    assert "nexy voices get nobody" in status.reason


BAD = {
    "empty": {"model": b""},
    "garbage": {"model": b"<html>404</html>"},
    "truncated": {"model": "half"},
    "no_rate": {"audio": {}},
    "absurd_rate": {"audio": {"sample_rate": 1}},
    "unknown_phonemes": {"phoneme_id_map": {"^": [1], "_": [0], "$": [9999]}},
    "strange_type": {"phoneme_type": "klingon"},
    "list": {"inference": []},
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_corrupt_voice_degrades(make_synthesizer, folder, kind) -> None:
    changes = dict(BAD[kind])
    if changes.get("model") == "half":
        whole = find_voice("joe", folder).read_bytes()
        changes["model"] = whole[: len(whole) // 2]
    install(folder, "bad", **changes)
    synthesizer = await make_synthesizer(voices={"en": "bad"})
    with pytest.raises(Degraded) as raised:
        await speak(synthesizer)
    assert raised.value.reason == "voice_broken"
    assert "voice 'bad'" in synthesizer.status().reason
    assert str(folder) not in synthesizer.status().reason


async def test_a_voice_without_its_configuration_degrades(make_synthesizer, folder) -> None:
    install(folder, "bare")
    (folder / "bare.onnx.json").unlink()
    synthesizer = await make_synthesizer(voices={"en": "bare"})
    with pytest.raises(Degraded):
        await speak(synthesizer)
    assert ".onnx.json cannot be read" in synthesizer.status().reason


async def test_a_voice_that_arrives_later_is_used(make_synthesizer, folder) -> None:
    synthesizer = await make_synthesizer(voices={"en": "late"}, retry_seconds=0.0)
    install(folder, "late")
    assert await speak(synthesizer)
    assert synthesizer.status().health is Health.READY


async def test_the_least_used_voice_makes_room(make_synthesizer, folder) -> None:
    for name in ("a", "b", "c"):
        install(folder, name)
    size = (folder / "a.onnx").stat().st_size
    synthesizer = await make_synthesizer(voices={"en": "a"}, workers=1, memory_bytes=2 * size)
    for name in ("b", "a", "c"):
        assert await speak(synthesizer, "en", name)
    assert synthesizer.status().figures["voices"] == "a, c"


async def test_a_voice_larger_than_the_memory_allowed_is_refused(make_synthesizer) -> None:
    synthesizer = await make_synthesizer(memory_bytes=1_000_000)
    with pytest.raises(Degraded):
        await speak(synthesizer)
    assert "raise tts.memory_bytes" in synthesizer.status().reason


def test_the_packaged_voice_is_found_without_importing_it(tmp_path) -> None:
    assert find_voice("joe", tmp_path).suffix == ".onnx"
    assert set(installed_voices(tmp_path / "none")) == {"joe", "en_US-joe-medium"}
    assert find_voice("joe2", tmp_path) is None


@pytest.mark.parametrize("name", ["en_US-joe-medium", "joe", "mls_7432", "a.b"])
def test_names(name) -> None:
    assert is_voice_name(name)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\\b", ".hidden", "-rf", "a\n", "a b", "a" * 101])
def test_no_names(name) -> None:
    assert not is_voice_name(name)


async def test_rate_and_volume(make_synthesizer) -> None:
    normal = await speak(await make_synthesizer())
    fast = await speak(await make_synthesizer(rate=2.0))
    soft = await speak(await make_synthesizer(volume=0.25))
    assert len(fast) < 0.7 * len(normal)
    assert len(soft) == len(normal)
    loudest = [np.abs(np.frombuffer(pcm, "<i2").astype(int)).max() for pcm in (normal, soft)]
    assert loudest[1] == pytest.approx(loudest[0] / 4, rel=0.02)
