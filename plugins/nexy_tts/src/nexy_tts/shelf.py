"""The loaded voices: by name or language, within a memory cap."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import attrs

from nexy_core import Degraded, LiveSettings
from nexy_tts import files, options
from nexy_tts.engine import Voice, VoiceBroken, load_voice
from nexy_tts.files import base_language
from nexy_tts.scheduler import Scheduler, Work

logger = logging.getLogger(__name__)

_MAX_PROBLEMS = 64
_UNUSABLE = "The voice for this language cannot be used."


@attrs.frozen
class _Problem:
    since: float
    reason: str
    text: str


class Shelf:
    """Loads voices when they are first needed and drops the least used when memory is short."""

    def __init__(
        self, settings: LiveSettings, scheduler: Scheduler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._scheduler = scheduler
        self._clock = clock
        self._folder = options.voices_dir(settings)
        self._cap_bytes = settings.get("tts.memory_bytes", int)
        self._voices: OrderedDict[str, Voice] = OrderedDict()
        self._lock = asyncio.Lock()
        self._loading: dict[str, asyncio.Task[Voice]] = {}
        self._failed: OrderedDict[str, _Problem] = OrderedDict()

    @property
    def names(self) -> tuple[str, ...]:
        """The loaded voices, the least used first."""
        return tuple(self._voices)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with voices that were asked for, and what to do about it."""
        return tuple(problem.text for problem in self._failed.values())

    @property
    def used_bytes(self) -> int:
        return sum(voice.size_bytes for voice in self._voices.values())

    def configured(self) -> dict[str, str]:
        """Voice names by base language or full tag, in lower case with hyphens."""
        voices: dict[str, str] = self._settings.get("tts.voices", dict)
        return {language.lower().replace("_", "-"): name for language, name in voices.items()}

    async def get(self, language: str, name: str = "") -> Voice:
        """The voice ``name`` if it is there and speaks ``language``, else the one configured for the language.

        Raises ``Degraded`` (``no_voice``, ``voice_broken``): one language is never read by another's voice.
        """
        if name and files.is_voice_name(name) and (voice := await self._named(name, language)):
            return voice
        configured = self.configured()
        tag = language.lower().replace("_", "-") or "en"
        chosen = configured.get(tag) or configured.get(base_language(tag))
        if not chosen:
            raise Degraded("There is no voice for this language.", reason="no_voice")
        return await self.load(chosen)

    async def _named(self, name: str, language: str) -> Voice | None:
        if name not in self._voices and files.find_voice(name, self._folder) is None:
            return None
        voice = await self.load(name)
        return voice if voice.language == base_language(language) else None

    async def load(self, name: str) -> Voice:
        """The voice ``name``, loaded now if need be. Raises ``Degraded``."""
        if name in self._voices:
            self._voices.move_to_end(name)
            return self._voices[name]
        # A task of its own: a turn that is cancelled meanwhile must not waste the load for the next one.
        task = self._loading.get(name)
        if task is None:
            task = self._loading[name] = asyncio.create_task(self._load_alone(name), name=f"load voice {name}")
            task.add_done_callback(lambda done: self._loaded(name, done))
        return await asyncio.shield(task)

    def _loaded(self, name: str, task: asyncio.Task[Voice]) -> None:
        self._loading.pop(name, None)
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more

    async def _load_alone(self, name: str) -> Voice:
        async with self._lock:
            return await self._load(name)

    async def _load(self, name: str) -> Voice:
        known = self._failed.get(name)
        if known and self._clock() - known.since < self._settings.get("tts.retry_seconds", float):
            raise Degraded(_UNUSABLE, reason=known.reason)
        path = files.find_voice(name, self._folder)
        if path is None:
            raise self._problem(name, "no_voice", "it is not installed")
        self._make_room(name, path)
        patience = self._settings.get("tts.load_timeout_seconds", float)
        try:
            voice = await self._scheduler.run(self._work(name, path), patience)
        except VoiceBroken as error:
            raise self._problem(name, "voice_broken", str(error)) from error
        self._failed.pop(name, None)
        self._voices[name] = voice
        self._scheduler.expect(voice.speed)
        return voice

    def _work(self, name: str, path: Path) -> Work[Voice]:
        threads = self._scheduler.workers
        return Work("", 0, 0.0, lambda _wide: load_voice(name, path, threads), lambda: None, lambda _voice: (0.0, 0.0))

    def _make_room(self, name: str, path: Path) -> None:
        sessions = 1 if self._scheduler.workers == 1 else 2
        needed = path.stat().st_size * sessions
        if needed > self._cap_bytes:
            raise self._problem(name, "voice_broken", f"it needs {needed} bytes; raise tts.memory_bytes")
        while self.used_bytes + needed > self._cap_bytes:
            dropped, _ = self._voices.popitem(last=False)
            logger.info("voice %s made room for another", dropped)

    def _problem(self, name: str, reason: str, what: str) -> Degraded:
        remedy = f"Get it with `nexy voices get {name}`, or choose another in tts.voices."
        self._failed[name] = _Problem(self._clock(), reason, f"voice {name!r}: {what}. {remedy}")
        while len(self._failed) > _MAX_PROBLEMS:
            self._failed.popitem(last=False)
        logger.warning(
            "voice %s cannot be used: %s", name, what, extra={"decision": "degrade", "ctx": {"reason": reason}}
        )
        return Degraded(_UNUSABLE, reason=reason)

    async def close(self) -> None:
        """Drop every voice and stop loading."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._voices.clear()
