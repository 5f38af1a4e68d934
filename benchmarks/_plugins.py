"""Models and a voice that cost nothing: what is left is the server. For `plugins.modules` of a server process.

The prompt "PIECES CHUNKS" asks for so many sentences, and so many audio chunks for each; `script` answers "RATE TEXT"
with the text, so many words a second (0: at once).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

from nexy_core import (
    AudioChunk,
    Capability,
    LanguageModel,
    LiveSettings,
    Prompt,
    Sentence,
    SpeechSynthesizer,
    TextDelta,
)
from nexy_core import hookimpl as hook

SENTENCE = "This sentence has sixty-four characters, all of them are shown. "
CHUNK = AudioChunk(b"\1" * 8192)


class Model(LanguageModel):
    """Gives each sentence as one delta. What it needs of the prompt for the voice goes into the sentence's text."""

    async def process(self, request: Prompt) -> AsyncIterator[TextDelta]:
        pieces, chunks = request.text.split()
        Voice.chunks = int(chunks)
        for _ in range(int(pieces)):
            yield TextDelta(SENTENCE)


class Script(LanguageModel):
    """Writes the prompt's text word by word, at its own pace however busy the server is."""

    async def process(self, request: Prompt) -> AsyncIterator[TextDelta]:
        rate, _, text = request.text.partition(" ")
        pause_seconds = 1 / float(rate) if float(rate) else 0.0
        clock = asyncio.get_running_loop().time
        started = clock()
        for number, word in enumerate(re.findall(r"\S+\s*", text), 1):
            await asyncio.sleep(max(0.0, started + number * pause_seconds - clock()))
            yield TextDelta(word)


class Voice(SpeechSynthesizer):
    """Gives ready-made chunks."""

    chunks = 1

    async def process(self, request: Sentence) -> AsyncIterator[AudioChunk]:  # noqa: ARG002
        for _ in range(self.chunks):
            yield CHUNK


class Plugin:
    """One capability."""

    def __init__(self, capability: type[Capability[Any, Any]]) -> None:
        self._capability = capability

    @hook
    def nexy_capabilities(self, settings: LiveSettings) -> Iterable[Capability[Any, Any]]:  # noqa: ARG002
        return [self._capability()]


llm = Plugin(Model)
script = Plugin(Script)
tts = Plugin(Voice)
