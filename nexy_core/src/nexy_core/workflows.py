"""The workflows behind the transport: streaming turns, memory, interrupts, greetings, usage (C5)."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs

from nexy_core.capability import Capability, InterruptPolicy, Memory, RequestT, SpeechSynthesizer, Store
from nexy_core.decisions import Decision
from nexy_core.errors import Degraded, NexyError, Unavailable
from nexy_core.events import (
    BYTES_PER_FRAME,
    SAMPLE_RATE_HZ,
    Interrupt,
    LiveTurn,
    QueryUsage,
    Recall,
    Remember,
    Sentence,
    StoreUsage,
    UsageTotals,
)
from nexy_core.language import detect
from nexy_core.ports import Commit, Greeting, Recording, TurnOutput
from nexy_core.sessions import StopReason
from nexy_core.streams import closing
from nexy_core.trace import TraceRing, TurnTrace
from nexy_core.turn import Stage, Turn

_EXPECTING_MAX = 64


@attrs.define(eq=False)
class Workflows:
    """The orchestrator: implements ``ports.Orchestrator`` over the host's capabilities."""

    stage: Stage
    traces: TraceRing
    finished: Callable[[TurnTrace], None] = lambda _: None
    _background: dict[asyncio.Task[None], str] = attrs.field(factory=dict)
    _expecting: dict[str, asyncio.Task[None]] = attrs.field(factory=dict)
    _usage: UsageTotals = attrs.field(factory=lambda: UsageTotals(0, 0, 0))

    def ready(self) -> bool:
        """Whether every required plugin serves."""
        return self.stage.host.ready()

    def speech_backlog_seconds(self) -> float:
        """How long the speech already owed takes to make at the measured speed; 0.0 where the voice does not say."""
        return self._voice_figure("owed_seconds") * self.real_time_factor()

    def real_time_factor(self) -> float:
        """Seconds it takes to make a second of speech; 0.0 where the voice does not say."""
        speed = self._voice_figure("speed")
        return 1 / speed if speed > 0 else 0.0

    def speech_waiting(self) -> float:
        """Pieces that wait for a voice; 0.0 where it does not say."""
        return self._voice_figure("waiting")

    def memories_waiting(self) -> int:
        """Turns and counts on their way to memory and the store."""
        return len(self._background)

    def _voice_figure(self, name: str) -> float:
        voice = self.stage.host.get(SpeechSynthesizer)
        return float(voice.status().figures.get(name, 0.0)) if voice else 0.0

    # --- turns ----------------------------------------------------------------------------------

    def expect(self, hardware_id: str, session_id: str, text: str) -> None:
        """One look ahead a device at a time, few in all; the turn does not wait for it."""
        memory = self.stage.host.get(Memory, hardware_id)
        if memory is None or hardware_id in self._expecting or len(self._expecting) >= _EXPECTING_MAX:
            return
        ahead = Recall(hardware_id, session_id, text, ahead=True)
        task = asyncio.create_task(self._hand_over(memory, ahead, Memory.role, limit="turn.recall_timeout_seconds"))
        self._expecting[hardware_id] = task
        task.add_done_callback(lambda _: self._expecting.pop(hardware_id))

    async def turn(self, commit: Commit, output: TurnOutput) -> None:
        """Run one turn; what was delivered is remembered whatever happens."""
        mask = self.stage.log.mask_id
        trace = TurnTrace(commit.turn_id, mask(commit.session_id), mask(commit.hardware_id), asked=commit.asked)
        trace.mark("admission")
        self.traces.add(trace)
        with self.stage.host.hold(commit.hardware_id) as parts:
            await self._run(Turn(self.stage, parts, commit, output, trace), trace)

    def refused(self, hardware_id: str, session_id: str, error: NexyError) -> None:
        """Keep why a turn was not let in."""
        mask = self.stage.log.mask_id
        trace = TurnTrace(uuid.uuid4().hex, mask(session_id), mask(hardware_id))
        self.traces.refuse(trace, error.error_type.value, error.reason)

    async def _run(self, turn: Turn, trace: TurnTrace) -> None:
        whole = False
        try:
            await self._remembered(turn.commit.hardware_id)
            await turn.run()
            whole = True
        except NexyError as error:
            trace.end(error.error_type.value, error.reason)
            raise
        except asyncio.CancelledError as stopped:
            trace.end("cut", next((reason for reason in StopReason if reason in stopped.args), ""))
            raise
        finally:
            trace.end("complete" if whole else "cut")
            self.finished(trace)
            self._after(turn, cut=not whole)

    def _after(self, turn: Turn, *, cut: bool) -> None:
        commit, usage = turn.commit, turn.usage
        remember = Remember(  # also without an answer: the prompt may ask to forget
            hardware_id=commit.hardware_id,
            session_id=commit.session_id,
            turn_id=commit.turn_id,
            generation=commit.generation,
            prompt=commit.prompt,
            answer=turn.delivered.text(),
            cut=cut,
            language=turn.language,
        )
        self._later(self._hand_over(turn.parts.get(Memory), remember, Memory.role, turn.trace), turn)
        if usage is not None:
            stored = StoreUsage(
                hardware_id=commit.hardware_id,
                session_id=commit.session_id,
                source="server",
                model=usage.model,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
            )
            self._later(self._store(stored, turn.parts.get(Store)), turn)

    def _later(self, work: Coroutine[None, None, None], turn: Turn) -> None:
        """After the turn's end, with its parts: a plugin switched off meanwhile still keeps what was said."""
        release = turn.parts.keep()
        task = asyncio.create_task(work)
        self._background[task] = turn.commit.hardware_id
        task.add_done_callback(self._background.pop)
        task.add_done_callback(lambda _: release())

    async def _remembered(self, hardware_id: str) -> None:
        """Let this device's last turn be remembered before the next one recalls, within the recall's own limit."""
        pending = [task for task, device in self._background.items() if device == hardware_id]
        if pending:
            await asyncio.wait(pending, timeout=self.stage.settings.get("turn.recall_timeout_seconds", float))

    async def _hand_over(
        self,
        part: Capability[RequestT, Any] | None,
        request: RequestT,
        role: str,
        trace: TurnTrace | None = None,
        limit: str = "turn.remember_timeout_seconds",
    ) -> None:
        """Have memory or the store work in the background: what fails is said and holds nobody up."""
        if part is None:
            return
        try:
            async with asyncio.timeout(self.stage.settings.get(limit, float)):
                async with closing(part.process(request)) as events:
                    async for _ in events:
                        pass
        except TimeoutError:
            self._degrade("late", role, trace)
        except NexyError as error:
            self._degrade(error.reason, role, trace)

    # --- interrupts -----------------------------------------------------------------------------

    async def interrupt(self, hardware_id: str, live: Sequence[LiveTurn]) -> Sequence[str]:
        """What the policy says; silence never depends on it: without a working one all are stopped."""
        policy = self.stage.host.get(InterruptPolicy, hardware_id)
        everything = [turn.turn_id for turn in live]
        if policy is None or not live:
            return everything
        limit = self.stage.settings.get("turn.interrupt_timeout_seconds", float)
        try:
            async with asyncio.timeout(limit):
                async with closing(policy.process(Interrupt(hardware_id, tuple(live)))) as cancels:
                    return [cancel.turn_id async for cancel in cancels]
        except TimeoutError:
            self._degrade("interrupt_policy_late", "interrupt")
        except NexyError as error:
            self._degrade(error.reason, "interrupt")
        return everything

    # --- greetings ------------------------------------------------------------------------------

    async def greet(self, greeting: Greeting) -> Recording:
        """Speak a text as a whole. Raises ``Unavailable`` without a voice for it."""
        voice = self.stage.host.get(SpeechSynthesizer)
        if voice is None:
            raise Unavailable("The server has no voice right now.", reason="no_speech")
        sentence = self._greeting(greeting)
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self.stage.settings.get("turn.greeting_timeout_seconds", float)):
                async with closing(voice.process(sentence)) as audio:
                    chunks = [chunk.data async for chunk in audio if chunk.data]
        except TimeoutError:
            raise Unavailable("The voice did not answer in time.", reason="speech_late") from None
        except Degraded as error:
            raise Unavailable("The server has no voice for this language.", reason=error.reason) from None
        frames = sum(len(chunk) for chunk in chunks) // BYTES_PER_FRAME
        if not frames:
            raise Unavailable("The voice made no sound.", reason="no_sound")
        return Recording(tuple(chunks), frames / SAMPLE_RATE_HZ, "server")

    def _greeting(self, greeting: Greeting) -> Sentence:
        settings = self.stage.settings
        default = settings.get("turn.language", str)
        phrases = settings.get("turn.phrases.greeting", dict)
        language = greeting.language.split("-")[0].lower()
        text = greeting.text.strip() or str(phrases.get(language or default) or phrases["en"])
        return Sentence("greeting", 0, text, text, language or detect(text, default), greeting.voice)

    # --- usage ----------------------------------------------------------------------------------

    async def report_usage(self, usage: StoreUsage) -> None:
        """Keep a client's counts: in the store, and summed here."""
        await self._store(usage, self.stage.host.get(Store))

    async def _store(self, usage: StoreUsage, store: Store | None) -> None:
        self._usage = UsageTotals(
            self._usage.reports + 1,
            self._usage.input_tokens + usage.input_tokens,
            self._usage.output_tokens + usage.output_tokens,
        )
        await self._hand_over(store, usage, Store.role)

    async def usage_totals(self) -> UsageTotals:
        """From the store, or what this process has counted."""
        store = self.stage.host.get(Store)
        if store is not None:
            try:
                async with asyncio.timeout(self.stage.settings.get("turn.recall_timeout_seconds", float)):
                    async with closing(store.process(QueryUsage())) as events:
                        async for event in events:
                            if isinstance(event, UsageTotals):
                                return event
            except TimeoutError:
                self._degrade("late", "store")
            except NexyError as error:
                self._degrade(error.reason, "store")
        return self._usage

    # --- the end --------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Wait until everything has been remembered and stored."""
        while tasks := (*self._background, *self._expecting.values()):
            await asyncio.wait(tasks)

    def _degrade(self, reason: str, part: str, trace: TurnTrace | None = None) -> None:
        ctx: dict[str, object] = {"part": part, "reason": reason}
        if trace is not None:
            trace.note(f"degrade: {reason} ({part})")
            ctx["turn"] = trace.turn_id
        self.stage.log.write(Decision.DEGRADE, scope="turn", ctx=ctx)
