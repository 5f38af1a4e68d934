"""eSpeak NG through ctypes. The library has one global state: every call is made in the same thread."""

import ctypes
from collections.abc import Callable

SYNCHRONOUS = 2
DO_NOT_EXIT = 0x8000
BUFFER_MS = 100
UTF8 = 1
RATE = 1
POSITION_CHARACTER = 1
OK = 0
STOP = 1
SAMPLE_BYTES = 2

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class EspeakError(Exception):
    """What eSpeak NG answered when it did not do as asked."""


class Engine:
    """The loaded library. Not for several threads."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate_hz: int = self._library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, DO_NOT_EXIT)
        if self.sample_rate_hz <= 0:
            raise EspeakError("eSpeak NG did not start: is its data folder complete?")
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]

    def select(self, voice: str, words_per_minute: int) -> bool:
        """Choose voice and pace; false for a voice it does not have."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != OK:
            return False
        self._library.espeak_SetParameter(RATE, words_per_minute, 0)
        return True

    def speak(self, text: str, take: Callable[[bytes], bool]) -> None:
        """Hand ``[frames] int16`` mono PCM to ``take`` until the text is spoken or ``take`` returns false."""

        def received(samples: int | None, count: int, _events: int | None) -> int:
            if not samples or not count:
                return OK
            return OK if take(ctypes.string_at(samples, count * SAMPLE_BYTES)) else STOP

        callback = _Callback(received)
        self._library.espeak_SetSynthCallback(callback)
        encoded = text.encode(errors="replace").replace(b"\0", b" ") + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, POSITION_CHARACTER, 0, UTF8, None, None)

    def close(self) -> None:
        """Release the library's memory."""
        self._library.espeak_Terminate()
