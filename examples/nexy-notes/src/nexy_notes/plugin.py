"""The plugin's hooks and its memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from nexy_core import (
    Exchange,
    Fact,
    Forget,
    Forgotten,
    LiveSettings,
    Memory,
    Recall,
    Remember,
    Setting,
    Unavailable,
    hookimpl,
)
from nexy_notes.notebook import Notebook, wanted_note

MAX_NOTE_CHARS = 500
NAME_CHARS = 32


class Notes(Memory):
    """Facts from a file. One lock keeps changes in order; reads need none, for files are replaced whole."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._changing = asyncio.Lock()

    async def process(self, request: Recall | Remember | Forget) -> AsyncIterator[Fact | Exchange | Forgotten]:
        """Answer ``Recall`` with facts, write what ``Remember`` asks for, answer ``Forget`` with a count."""
        try:
            if isinstance(request, Recall):
                for note in await asyncio.to_thread(self._book(request).find, request.text, self._number("facts")):
                    yield Fact(note, kind="note")
            elif isinstance(request, Remember):
                await self._remember(request)
            else:
                async with self._changing:
                    yield Forgotten(await asyncio.to_thread(self._book(request).forget, request.text))
        except OSError as error:
            raise Unavailable("The notes cannot be read or written.", reason="notes_file") from error

    async def _remember(self, request: Remember) -> None:
        note = wanted_note(request.prompt)[:MAX_NOTE_CHARS]
        if note:
            async with self._changing:
                await asyncio.to_thread(self._book(request).add, note, self._number("max_notes"))

    def _book(self, request: Recall | Remember | Forget) -> Notebook:
        device = hashlib.sha256(request.hardware_id.encode(errors="replace")).hexdigest()[:NAME_CHARS]
        return Notebook(Path(self._settings.get("storage.data_dir", str)) / "notes" / f"{device}.txt")

    def _number(self, name: str) -> int:
        return self._settings.get(f"notes.{name}", int)


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    """Two bounds."""
    return [
        Setting("notes.max_notes", int, 500, "Notes kept for a device; the oldest go first.", minimum=1, live=True),
        Setting("notes.facts", int, 3, "Notes handed to the model for a question.", minimum=1, maximum=20, live=True),
    ]


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[Memory]:
    """The memory."""
    return [Notes(settings)]
