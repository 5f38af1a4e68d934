"""One loaded Piper voice: phonemes by Piper, sound by its model cut in four."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nexy_tts.align import is_sound
from nexy_tts.decoder import Decoder, Samples, Stretch
from nexy_tts.files import base_language
from nexy_tts.graph import NotCuttable, cut
from nexy_tts.options import Style
from nexy_tts.sessions import Array, Pair, Stop, SynthesisFailed, open_pair, runtime_errors

_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000
_MAX_MODEL_BYTES = 1024**3
_WARM_TEXTS = ("Yes!", "Ready when you are, ask me anything.")
_CALM = Style(rate=1.0, volume=1.0, noise_scale=0.0, noise_w=0.0)
_CONTEXT_FRAMES = (12, 24, 48)  # Piper's medium voices need 12, larger ones more: found out at load
_SAME = 1e-4
_MAX_WORDS = 4096


class VoiceBroken(Exception):
    """A voice's files cannot be used; the text says what is wrong, without the folder."""


@attrs.frozen(eq=False)
class Voice:
    """A loaded voice. ``decoder`` is ``None`` for a model that could not be cut: ``front`` is then all of it.

    ``peak`` is its usual loudest sample, ``speed`` how many seconds of sound a second of one core's time makes.
    """

    name: str
    language: str
    sample_rate_hz: int
    size_bytes: int
    fingerprint: str
    piper: Any
    front: Pair
    decoder: Decoder | None
    samples_per_frame: int = 256
    context_frames: int = 0
    peak: float = 1.0
    speed: float = 0.0
    _sounds: dict[str, int] = attrs.field(factory=dict, repr=False)

    def phonemes(self, text: str) -> list[list[str]]:
        """The phonemes of each sentence in ``text``. Under a millisecond for a sentence; holds the GIL."""
        return [sentence for sentence in self.piper.phonemize(text) if sentence]

    @property
    def aligns(self) -> bool:
        """Whether it says how long each phoneme lasts."""
        return self.decoder is not None

    @property
    def ids(self) -> Mapping[str, Sequence[int]]:
        """What each phoneme is to the model."""
        ids: Mapping[str, Sequence[int]] = self.piper.config.phoneme_id_map
        return ids

    def sounds(self, word: str) -> int:
        """How many sounds ``word`` has alone. Remembered: asking takes a fifth of a millisecond."""
        if word not in self._sounds:
            if len(self._sounds) >= _MAX_WORDS:
                self._sounds.clear()
            self._sounds[word] = sum(is_sound(phoneme) for part in self.phonemes(word) for phoneme in part)
        return self._sounds[word]

    def start(self, phonemes: list[str], style: Style, stop: Stop, *, wide: bool = False) -> Stretch:
        """What sound is made of: less than a quarter of the work. Raises ``Stopped`` or ``SynthesisFailed``."""
        outputs = self.front.run(self._feed(self.piper.phonemes_to_ids(phonemes), style), stop, wide=wide)
        if self.decoder is None:
            sound = outputs[0].reshape(-1)
            return Stretch(-(-len(sound) // self.samples_per_frame), sound, sound)
        return self.decoder.begin(outputs[0], outputs[1].reshape(-1) if len(outputs) > 1 else None)

    def decode(
        self, stretch: Stretch, start: int, end: int, stop: Stop, *, wide: bool = False, hurry: bool = False
    ) -> Samples:
        """The sound of the frames ``start`` to ``end``: ``[samples] float32`` at ``sample_rate_hz``, in -1..1.

        The same whatever the window is. ``hurry``: do nothing for what comes behind it. Raises ``Stopped`` or
        ``SynthesisFailed``.
        """
        if self.decoder is None:
            return np.asarray(stretch.latent[start * self.samples_per_frame : end * self.samples_per_frame], np.float32)
        first, last = max(0, start - self.context_frames), min(end + self.context_frames, stretch.frames)
        self.decoder.reveal(stretch, last if hurry else stretch.frames, stop, wide=wide)
        near = self.decoder.near(self.context_frames)
        kept = max(0, start - near)
        keep = slice(kept - first, min(end + near, stretch.frames) - first)
        sound = self.decoder.sound(stretch.latent[:, :, first:last], keep, self.speaker(), stop, wide=wide)
        return sound[(start - kept) * self.samples_per_frame : (end - kept) * self.samples_per_frame]

    def _feed(self, ids: list[int], style: Style) -> dict[str, Array]:
        config = self.piper.config
        noise = config.noise_scale if style.noise_scale < 0 else style.noise_scale
        noise_w = config.noise_w_scale if style.noise_w < 0 else style.noise_w
        feed: dict[str, Array] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise, config.length_scale / style.rate, noise_w], np.float32),
        }
        return feed | self.speaker()

    def speaker(self) -> dict[str, Array]:
        """What a model of several speakers is fed besides."""
        config = self.piper.config
        return {"sid": np.array([config.default_speaker_id], np.int64)} if config.num_speakers > 1 else {}


def load_voice(name: str, model: Path, threads: int) -> Voice:
    """Load and warm a voice from ``model`` and the ``.onnx.json`` beside it: about a second. Raises ``VoiceBroken``."""
    from piper import PiperVoice

    config, language = read_config(model)
    data, stamp = _model(model)
    try:
        front, decoder = _open(data, threads)
    except runtime_errors() as error:
        raise VoiceBroken(f"its model cannot be loaded ({type(error).__name__})") from error
    voice = Voice(
        name=name,
        language=language,
        sample_rate_hz=config.sample_rate,
        size_bytes=len(data) * (2 if threads > 1 else 1),
        fingerprint=f"{name}:{len(data)}:{stamp}",
        piper=PiperVoice(session=None, config=config),
        front=front,
        decoder=decoder,
        samples_per_frame=config.hop_length,
    )
    try:
        return _calibrated(voice) or _calibrated(_whole(voice, data, threads)) or voice
    except (SynthesisFailed, ValueError, LookupError, ImportError, OSError) as error:
        raise VoiceBroken(f"it cannot speak ({error})") from error


def _open(data: bytes, threads: int) -> tuple[Pair, Decoder | None]:
    try:
        parts = cut(data)
    except NotCuttable:
        return open_pair(data, threads), None
    return open_pair(parts.front, threads), Decoder.load(parts, threads)


def _whole(voice: Voice, data: bytes, threads: int) -> Voice:
    return attrs.evolve(voice, front=open_pair(data, threads), decoder=None)


def _calibrated(voice: Voice) -> Voice | None:
    """The voice, warm, with its usual peak and speed, and how far its decoder looks; ``None`` if that is unknown."""
    stretch, peak = _warm(voice, _WARM_TEXTS[-1], wide=True)
    if voice.decoder is not None:
        found = _with_context(voice, voice.decoder, stretch)
        if found is None:
            return None
        voice = found
    for text in _WARM_TEXTS:
        started = time.thread_time()  # one thread does it all: others that are busy meanwhile do not count
        stretch, loudest = _warm(voice, text, wide=False)
        seconds = stretch.frames * voice.samples_per_frame / voice.sample_rate_hz
        speed, peak = seconds / (time.thread_time() - started), max(peak, loudest)
    return attrs.evolve(voice, peak=peak or 1.0, speed=speed)


def _warm(voice: Voice, text: str, *, wide: bool) -> tuple[Stretch, float]:
    phonemes = [phoneme for sentence in voice.phonemes(text) for phoneme in sentence]
    stretch = voice.start(phonemes, _CALM, Stop(), wide=wide)
    sound = voice.decode(stretch, 0, stretch.frames, Stop(), wide=wide)
    return stretch, float(np.abs(sound).max(initial=0.0))


def _with_context(voice: Voice, decoder: Decoder, stretch: Stretch) -> Voice | None:
    whole = decoder.sound(stretch.latent, slice(0, stretch.frames), voice.speaker(), Stop(), wide=True)
    if len(whole) % stretch.frames:
        return None
    middle, size = stretch.frames // 2, len(whole) // stretch.frames
    for context in _CONTEXT_FRAMES:
        trial = attrs.evolve(voice, context_frames=context, samples_per_frame=size)
        fresh = decoder.begin(stretch.prior, None)
        parts = [
            trial.decode(fresh, 0, middle, Stop(), hurry=True),
            trial.decode(fresh, middle, stretch.frames, Stop()),
        ]
        if np.abs(np.concatenate(parts) - whole).max() < _SAME:
            return trial
    return None


def _model(path: Path) -> tuple[bytes, int]:
    try:
        stat = path.stat()
        if stat.st_size > _MAX_MODEL_BYTES:
            raise VoiceBroken(f"its model is larger than {_MAX_MODEL_BYTES} bytes")
        return path.read_bytes(), stat.st_mtime_ns
    except OSError as error:
        raise VoiceBroken(f"its model cannot be read ({type(error).__name__})") from error


def read_config(model: Path) -> tuple[Any, str]:
    """Piper's configuration object of ``model`` and the voice's language (``en``). Raises ``VoiceBroken``."""
    from piper.config import PiperConfig

    try:
        raw = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
        config = PiperConfig.from_dict(raw)
        language = raw.get("language", {}).get("family") or str(config.espeak_voice)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VoiceBroken(f"its .onnx.json cannot be read ({type(error).__name__})") from error
    if not isinstance(config.sample_rate, int) or not _MIN_RATE_HZ <= config.sample_rate <= _MAX_RATE_HZ:
        raise VoiceBroken(f"its sample rate {config.sample_rate!r} is out of range")
    return config, base_language(language)
