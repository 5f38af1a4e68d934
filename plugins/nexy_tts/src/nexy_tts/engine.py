"""One loaded Piper voice: phonemes by Piper, inference by sessions of our own that can be stopped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from nexy_tts.options import Style

Samples = npt.NDArray[np.float32]

_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000
_QUIET = 4  # only fatal errors: the rest arrives as exceptions, with a reason of ours
_WARM_TEXT = "Ready when you are, ask me anything."


class VoiceBroken(Exception):
    """A voice's files cannot be used; the text says what is wrong, without the folder."""


class SynthesisFailed(Exception):
    """The inference failed or made nonsense."""


class Stop:
    """Stops one inference, from any thread, before or while it runs."""

    def __init__(self) -> None:
        import onnxruntime

        self.run_options = onnxruntime.RunOptions()

    def set(self) -> None:
        self.run_options.terminate = True

    def is_set(self) -> bool:
        return bool(self.run_options.terminate)


def _runtime_errors() -> tuple[type[Exception], ...]:
    """ONNX Runtime's exceptions: they share no base but ``Exception``."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = (value for value in vars(state).values() if isinstance(value, type))
    return (RuntimeError, OSError, *(kind for kind in found if issubclass(kind, Exception)))


def _session(model: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # As fast as all optimisations, loaded in half the time.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Threads that spin between operators burn a tenth more CPU to be hardly sooner.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


@attrs.frozen(eq=False)
class Voice:
    """A loaded voice. ``narrow`` runs on one thread, ``wide`` on all of them: sooner when nobody else waits."""

    name: str
    language: str
    sample_rate_hz: int
    size_bytes: int
    fingerprint: str
    piper: Any
    narrow: Any
    wide: Any
    errors: tuple[type[Exception], ...]

    def phonemes(self, text: str) -> list[list[str]]:
        """The phonemes of each sentence in ``text``. Under a millisecond for a sentence; holds the GIL."""
        return [sentence for sentence in self.piper.phonemize(text) if sentence]

    def run(self, phonemes: list[str], style: Style, stop: Stop, *, wide: bool = False) -> Samples:
        """Speak ``phonemes``: ``[samples] float32`` at ``sample_rate_hz``, in -1..1; empty when stopped.

        Raises ``SynthesisFailed``.
        """
        feed = self._feed(self.piper.phonemes_to_ids(phonemes), style)
        try:
            result = (self.wide if wide else self.narrow).run(None, feed, stop.run_options)
        except self.errors as error:
            if stop.is_set():
                return np.zeros(0, np.float32)
            raise SynthesisFailed(type(error).__name__) from error
        samples: Samples = np.asarray(result[0], np.float32).reshape(-1)
        if not np.isfinite(samples).all():
            raise SynthesisFailed("the voice made sound that is not a number")
        return samples

    def _feed(self, ids: list[int], style: Style) -> dict[str, npt.NDArray[Any]]:
        config = self.piper.config
        noise = config.noise_scale if style.noise_scale < 0 else style.noise_scale
        noise_w = config.noise_w_scale if style.noise_w < 0 else style.noise_w
        feed: dict[str, npt.NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise, config.length_scale / style.rate, noise_w], np.float32),
        }
        if config.num_speakers > 1:
            feed["sid"] = np.array([config.default_speaker_id], np.int64)
        return feed

    def warm_up(self) -> None:
        """Run each session once: the first run of a session is a third slower."""
        calm = Style(rate=1.0, volume=1.0, noise_scale=0.0, noise_w=0.0)
        for wide in (False, True):
            for sentence in self.phonemes(_WARM_TEXT):
                self.run(sentence, calm, Stop(), wide=wide)


def _config(path: Path) -> tuple[Any, str]:
    """Piper's configuration object and the voice's language (``en``)."""
    from piper.config import PiperConfig

    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        config = PiperConfig.from_dict(raw)
        language = raw.get("language", {}).get("family") or str(config.espeak_voice)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VoiceBroken(f"its .onnx.json cannot be read ({type(error).__name__})") from error
    if not isinstance(config.sample_rate, int) or not _MIN_RATE_HZ <= config.sample_rate <= _MAX_RATE_HZ:
        raise VoiceBroken(f"its sample rate {config.sample_rate!r} is out of range")
    return config, base_language(language)


def base_language(tag: str) -> str:
    """``en`` of ``en-US``, ``en_US`` and ``EN``."""
    return tag.replace("_", "-").partition("-")[0].lower()


def load_voice(name: str, model: Path, threads: int) -> Voice:
    """Load and warm a voice from ``model`` and the ``.onnx.json`` beside it: about 0.7 s. Raises ``VoiceBroken``."""
    from piper import PiperVoice

    config, language = _config(model.with_name(model.name + ".json"))
    errors = _runtime_errors()

    def loaded(build: Callable[[], Any]) -> Any:
        try:
            return build()
        except errors as error:
            raise VoiceBroken(f"its model cannot be loaded ({type(error).__name__})") from error

    stat = loaded(model.stat)
    narrow = loaded(lambda: _session(model, 1))
    wide = loaded(lambda: _session(model, threads)) if threads > 1 else narrow
    voice = Voice(
        name=name,
        language=language,
        sample_rate_hz=config.sample_rate,
        size_bytes=stat.st_size * (1 if wide is narrow else 2),
        fingerprint=f"{name}:{stat.st_size}:{stat.st_mtime_ns}",
        piper=PiperVoice(session=narrow, config=config),
        narrow=narrow,
        wide=wide,
        errors=errors,
    )
    try:
        voice.warm_up()
    except (SynthesisFailed, ValueError, KeyError) as error:
        raise VoiceBroken(f"it cannot speak ({error})") from error
    return voice
