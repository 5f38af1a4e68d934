"""Piper as it comes, and the usual ways to serve several speakers with it: the baselines of `speech`."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from nexy_tts.files import find_voice
from piper import PiperVoice, SynthesisConfig

MS = 1000
CALM = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
WORKERS = 2


def model_path() -> Path:
    path = find_voice("joe", Path())
    assert path is not None
    return path


def load_piper() -> PiperVoice:
    """With the session that Piper makes itself."""
    return PiperVoice.load(model_path())


def bare_session(threads: int) -> Any:
    """Piper's model with the options that cost the least CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])


def piper_ms(voice: PiperVoice, text: str) -> float:
    """How long Piper takes for ``text``."""
    started = time.perf_counter()
    for _ in voice.synthesize(text, CALM):
        pass
    return (time.perf_counter() - started) * MS


def feeds(voice: PiperVoice, texts: Sequence[str]) -> list[dict[str, Any]]:
    """What `session.run` is given for each sentence."""
    ids = [voice.phonemes_to_ids(sentence) for text in texts for sentence in voice.phonemize(text)]
    scales = np.array([0.0, 1.0, 0.0], np.float32)
    return [
        {"input": np.array([line], np.int64), "input_lengths": np.array([len(line)], np.int64), "scales": scales}
        for line in ids
    ]


def thread_per_turn_ms(voice: PiperVoice, turns: Sequence[Sequence[str]]) -> list[float]:
    """When each turn's first sound is there, with a thread for every turn."""
    started = time.perf_counter()

    def speak(turn: Sequence[str]) -> float:
        moments = [time.perf_counter() for text in turn for _ in voice.synthesize(text, CALM)]
        return (moments[0] - started) * MS

    with ThreadPoolExecutor(len(turns)) as pool:
        return list(pool.map(speak, turns))


def round_robin_ms(voice: PiperVoice, turns: Sequence[Sequence[str]]) -> list[float]:
    """The same with as many workers as cores that take one sentence of every turn in its turn."""
    jobs = deque((number, turn[row]) for row in range(max(map(len, turns))) for number, turn in enumerate(turns))
    first: dict[int, float] = {}
    started = time.perf_counter()

    def work() -> None:
        while jobs:
            number, text = jobs.popleft()
            for _ in voice.synthesize(text, CALM):
                first.setdefault(number, (time.perf_counter() - started) * MS)

    _join([threading.Thread(target=work) for _ in range(WORKERS)])
    return list(first.values())


def burnt_after_cancel_ms(voice: PiperVoice, text: str, after_seconds: float) -> float:
    """CPU time that is still spent on ``text`` after the waiting for it was given up ``after_seconds`` into it."""
    thread = threading.Thread(target=piper_ms, args=(voice, text))
    thread.start()
    time.sleep(after_seconds)
    return _cpu_ms_of(thread.join)


def _cpu_ms_of(call: Callable[[], None]) -> float:
    before = time.process_time()
    call()
    return (time.process_time() - before) * MS


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
