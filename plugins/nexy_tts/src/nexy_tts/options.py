"""The plugin's settings."""

import os
from pathlib import Path

import attrs

from nexy_core import LiveSettings, Setting, Value

DEFAULT_VOICES_URL = "https://huggingface.co/rhasspy/piper-voices/resolve/main"
_MIB = 1024 * 1024
_SAMPLE_BYTES = 2
_MAX_CHUNK_BYTES = 32 * 1024


def _even(value: Value) -> str:
    return "" if isinstance(value, int) and value % _SAMPLE_BYTES == 0 else "must be even: a sample has two bytes"


def _http(value: Value) -> str:
    return "" if str(value).startswith(("https://", "http://")) else "must start with https:// or http://"


SETTINGS = (
    Setting("tts.voices", dict, {"en": "joe"}, "The voice of each language: a name from `nexy voices list`."),
    Setting("tts.voices_dir", str, "", "Folder with Piper voices; empty: `voices` in storage.data_dir."),
    Setting("tts.voices_url", str, DEFAULT_VOICES_URL, "Where `nexy voices get` downloads from.", check=_http),
    Setting("tts.workers", int, 0, "Syntheses that run at once; 0: one a core.", minimum=0, maximum=256),
    Setting("tts.load_timeout_seconds", float, 60.0, "How long loading a voice may take.", minimum=1, maximum=600),
    Setting("tts.retry_seconds", float, 30.0, "Pause before a voice that failed is tried again.", minimum=0, live=True),
    Setting("tts.download_timeout_seconds", float, 30.0, "Longest silence of a download.", minimum=0.1, maximum=600),
    Setting("tts.queue_size", int, 256, "Pieces that may wait for a worker.", minimum=1),
    Setting(
        "tts.timeout_seconds",
        float,
        15.0,
        "How long one piece may wait and be made.",
        minimum=0.1,
        maximum=300,
        live=True,
    ),
    Setting("tts.rate", float, 1.0, "Speaking rate: 2 is twice as fast.", minimum=0.25, maximum=4.0, live=True),
    Setting("tts.volume", float, 1.0, "Loudness, as a share of full scale.", minimum=0.0, maximum=1.0, live=True),
    Setting(
        "tts.noise_scale",
        float,
        -1.0,
        "Variation of the sound; 0: always the same; below 0: what the voice asks for.",
        minimum=-1.0,
        maximum=2.0,
        live=True,
    ),
    Setting(
        "tts.noise_w",
        float,
        -1.0,
        "Variation of the rhythm; 0: always the same; below 0: what the voice asks for.",
        minimum=-1.0,
        maximum=2.0,
        live=True,
    ),
    Setting(
        "tts.chunk_bytes",
        int,
        4096,
        "Bytes in one audio chunk (4096 are 42.7 ms).",
        minimum=2,
        maximum=_MAX_CHUNK_BYTES,
        check=_even,
        live=True,
    ),
    Setting("tts.max_phonemes", int, 360, "Longest stretch made in one go; longer is cut at a pause.", minimum=20),
    Setting(
        "tts.level_seconds",
        float,
        0.0,
        "How much of a sentence is made before its loudest sound sets its level; 0: none, the voice's usual level.",
        minimum=0.0,
        maximum=60.0,
        live=True,
    ),
    Setting("tts.cache_bytes", int, 16 * _MIB, "Finished phrases kept in memory; 0: none.", minimum=0),
    Setting(
        "tts.memory_bytes", int, 1024 * _MIB, "Memory for loaded voices; the least used one makes room.", minimum=0
    ),
)


@attrs.frozen
class Style:
    """How to speak. Part of a phrase's identity in the cache."""

    rate: float
    volume: float
    noise_scale: float
    noise_w: float
    level_seconds: float = 0.0


def style(settings: LiveSettings) -> Style:
    """The style of the newest settings."""
    return Style(
        rate=settings.get("tts.rate", float),
        volume=settings.get("tts.volume", float),
        noise_scale=settings.get("tts.noise_scale", float),
        noise_w=settings.get("tts.noise_w", float),
        level_seconds=settings.get("tts.level_seconds", float),
    )


def workers(settings: LiveSettings) -> int:
    """How many syntheses run at once."""
    return settings.get("tts.workers", int) or os.cpu_count() or 1


def voices_dir(settings: LiveSettings) -> Path:
    """The folder with downloaded voices; it need not exist."""
    folder = settings.get("tts.voices_dir", str)
    return Path(folder) if folder else Path(settings.get("storage.data_dir", str)) / "voices"
