"""The turn: recall, model, reply, sentences, filter and speech, piece by piece (design 6)."""

import asyncio
import json
from collections.abc import AsyncGenerator

import attrs

from nexy_core.answer import AnswerReader, Piece
from nexy_core.capability import LanguageModel, Memory, SpeechSynthesizer, TextFilter
from nexy_core.decisions import Decision, DecisionLog
from nexy_core.delivered import Delivered
from nexy_core.errors import NexyError, Unavailable
from nexy_core.events import AudioChunk, Exchange, Fact, ModelUsage, Prompt, Recall, Sentence
from nexy_core.flags import Flags
from nexy_core.host import Host, Parts
from nexy_core.language import detect
from nexy_core.ports import ActionOut, Commit, TurnOutput
from nexy_core.reply import ActionReply, ReplyParser, with_built_in
from nexy_core.sentences import SentenceSplitter
from nexy_core.settings import LiveSettings
from nexy_core.streams import closing, lookahead
from nexy_core.trace import TurnTrace

FORWARD_ACTIONS = "forward_assistant_actions"


@attrs.frozen
class Stage:
    """What every turn shares."""

    settings: LiveSettings
    host: Host
    flags: Flags
    log: DecisionLog


@attrs.define(eq=False)
class Turn:
    """One question and its answer. ``run`` is one task; cancelling it stops everything it started."""

    stage: Stage
    parts: Parts
    commit: Commit
    output: TurnOutput
    trace: TurnTrace
    language: str = ""
    delivered: Delivered = attrs.field(factory=Delivered)
    usage: ModelUsage | None = None
    _action: ActionReply | None = None
    _degraded: set[str] = attrs.field(factory=set)

    async def run(self) -> None:
        """Answer. Raises ``NexyError``; an answer with neither text nor action is one."""
        self.language = detect(self.commit.prompt, self._text("turn.language"))
        prompt = await self._prompt()
        ahead = self.stage.settings.get("turn.lookahead_pieces", int)
        async with closing(lookahead(self._sentences(prompt), ahead)) as sentences:
            async for sentence in sentences:
                await self._deliver(sentence)
        await self._act()
        if not self.delivered.pieces and self._action is None:
            raise NexyError("No answer came. Please try again.", reason="empty_answer")

    # --- in front of the model ------------------------------------------------------------------

    async def _prompt(self) -> Prompt:
        known = await self._recall()
        return Prompt(
            turn_id=self.commit.turn_id,
            session_id=self.commit.session_id,
            text=self.commit.prompt,
            language=self.language,
            screenshot=self.commit.screenshot,
            facts=tuple(event for event in known if isinstance(event, Fact)),
            history=tuple(event for event in known if isinstance(event, Exchange)),
            actions=with_built_in(self.stage.host.actions()) if self._forwarding() else (),
        )

    async def _recall(self) -> list[Fact | Exchange]:
        memory = self.parts.get(Memory)
        if memory is None:
            return []
        known: list[Fact | Exchange] = []
        request = Recall(self.commit.hardware_id, self.commit.session_id, self.commit.prompt, self.language)
        try:
            async with asyncio.timeout(self._seconds("turn.recall_timeout_seconds")):
                async with closing(memory.process(request)) as events:
                    async for event in events:
                        if isinstance(event, Fact | Exchange):
                            known.append(event)  # noqa: PERF401  # what came in time is kept
        except TimeoutError:
            self._degrade("recall_late")
        except NexyError as error:
            self._degrade(error.reason)
        self.trace.mark("recall")
        return known

    # --- from the model to sentences ------------------------------------------------------------

    def _model(self) -> LanguageModel:
        model = self.parts.get(LanguageModel)
        if model is None:
            raise Unavailable("The assistant has no language model right now.", reason="no_llm")
        return model

    def _reader(self) -> AnswerReader:
        actions = with_built_in(self.stage.host.actions())
        longest = self.stage.settings.get("turn.max_sentence_chars", int)
        return AnswerReader(
            ReplyParser(session_id=self.commit.session_id, actions=actions),
            SentenceSplitter(max_chars=longest, note=lambda why: self.trace.note(f"split: {why}")),
            lambda said: self._note(Decision.NOTE, said.reason, said.level),
        )

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        reader, room = self._reader(), self.stage.settings.get("turn.max_answer_chars", int)
        async with closing(self._model().process(prompt)) as events:
            async for event in events:
                if isinstance(event, ModelUsage):
                    self.usage = event
                elif event.text:
                    self.trace.mark("first_token")
                    for piece in reader.feed(event.text[:room]):
                        yield piece
                    room -= len(event.text)
                    if room <= 0:
                        self._degrade("answer_too_long")
                        break
        last = reader.close(lambda: self._excuse(reader))
        self._action = reader.action
        for piece in last:
            yield piece

    def _excuse(self, reader: AnswerReader) -> str:
        """What is said for a reply without words that cannot be carried out."""
        cannot = reader.noted if reader.action is None else not self._forwarding()
        return self._phrase("turn.phrases.cannot_do") if cannot else ""

    async def _sentences(self, prompt: Prompt) -> AsyncGenerator[Sentence]:
        index = 0
        async with closing(self._pieces(prompt)) as pieces:
            async for piece, is_code in pieces:
                self.trace.mark("first_sentence")
                language = detect(piece, self.language)
                sentence = await self._filtered(Sentence(self.commit.turn_id, index, piece, piece, language))
                yield attrs.evolve(sentence, spoken="") if is_code else sentence
                index += 1

    async def _filtered(self, sentence: Sentence) -> Sentence:
        text_filter = self.parts.get(TextFilter)
        if text_filter is None:
            return sentence
        filtered: Sentence | None = None
        try:
            async with asyncio.timeout(self._seconds("turn.filter_timeout_seconds")):
                async for result in text_filter.process(sentence):
                    filtered = filtered or result  # to its end: only then it counts as served
        except TimeoutError:
            self._degrade("filter_late")
        except NexyError as error:
            self._degrade(error.reason)
        return filtered or sentence

    # --- to the client --------------------------------------------------------------------------

    async def _deliver(self, sentence: Sentence) -> None:
        if not sentence.shown:
            return
        shown = await self.output.text(sentence.shown)
        self.trace.mark("first_text")
        self.trace.pieces += 1
        if sentence.spoken.strip():
            await self._speak(sentence, shown)
        self.delivered.whole(shown)

    async def _speak(self, sentence: Sentence, shown: str) -> None:
        voice = self.parts.get(SpeechSynthesizer)
        if voice is None:
            self._degrade("no_speech")
            return
        patience = self._seconds("turn.speech_timeout_seconds")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience) as limit:
                async with closing(voice.process(sentence)) as chunks:
                    async for chunk in chunks:
                        limit.reschedule(None)  # a slow client is not a slow voice
                        await self._send(chunk)
                        self.delivered.heard(shown, chunk.spoken_chars, len(sentence.spoken))
                        limit.reschedule(loop.time() + patience)
        except TimeoutError:
            self._degrade("speech_late")
        except NexyError as error:
            self._degrade(error.reason)

    async def _send(self, chunk: AudioChunk) -> None:
        size = self.stage.settings.get("turn.audio_chunk_bytes", int)
        data = chunk.data
        if not data or len(data) % 2:
            self._degrade("bad_audio")
            return
        for start in range(0, len(data), size):
            await self.output.audio(data[start : start + size])
        self.trace.mark("first_audio")
        self.trace.audio_bytes += len(data)

    async def _act(self) -> None:
        action = self._action
        if action is None:
            return
        if not self._forwarding():
            self._note(Decision.WITHHOLD, "action_not_forwarded")
            return
        args_json = json.dumps(dict(action.args), ensure_ascii=False)
        await self.output.action(ActionOut(action.session_id, action.command, args_json))
        self.stage.log.write(Decision.ACTION, scope="turn", turn=self.commit.turn_id, command=action.command)

    # --- helpers --------------------------------------------------------------------------------

    def _forwarding(self) -> bool:
        return self.stage.flags.enabled(FORWARD_ACTIONS, self.commit.hardware_id)

    def _text(self, key: str) -> str:
        return self.stage.settings.get(key, str)

    def _seconds(self, key: str) -> float:
        return self.stage.settings.get(key, float)

    def _phrase(self, key: str) -> str:
        phrases = self.stage.settings.get(key, dict)
        return str(phrases.get(self.language) or phrases["en"])

    def _degrade(self, reason: str) -> None:
        """Say once a turn that a part is missing or late."""
        if reason not in self._degraded:
            self._degraded.add(reason)
            self.trace.note(f"degrade: {reason}")
            self.stage.log.write(Decision.DEGRADE, scope="turn", turn=self.commit.turn_id, reason=reason)

    def _note(self, decision: Decision, reason: str, level: str = "INFO") -> None:
        self.trace.note(f"{decision}: {reason}")
        self.stage.log.write(decision, level=level, scope="turn", turn=self.commit.turn_id, reason=reason)
