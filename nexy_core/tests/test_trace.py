"""What is kept of turns and refusals, and for how long."""

from nexy_core.testing.harness import TurnHarness
from nexy_core.trace import TraceRing, TurnTrace

LONG_SENTENCE = "This goes on " + "and on " * 40


def trace(turn_id, started_at=0.0):
    return TurnTrace(turn_id, "session-mask", "device-mask", started_at)


def test_the_newest_are_kept_and_found_by_the_beginning_of_their_id():
    ring = TraceRing(size=2)
    for number, turn_id in enumerate(("a1", "b2", "c3")):
        ring.add(trace(turn_id, number))
    assert [kept.turn_id for kept in ring.recent()] == ["c3", "b2"]
    assert ring.find("b").turn_id == "b2"
    assert ring.find("a") is None


def test_a_refusal_says_why_and_a_flood_of_them_pushes_no_turn_out():
    ring = TraceRing(size=3)
    ring.add(trace("turn", 1.0))
    for number in range(50):
        ring.refuse(trace(f"refused{number}", 2.0 + number), "stream_limit_exceeded", "speech_owed")
    newest = ring.recent()[0]
    assert (newest.turn_id, newest.outcome, newest.reason) == ("refused49", "stream_limit_exceeded", "speech_owed")
    assert "end" in newest.marks_ms
    assert [kept.turn_id for kept in ring.recent()] == ["refused49", "refused48", "refused47", "turn"]


async def test_what_split_a_sentence_is_noted():
    async with TurnHarness(values={"turn.max_sentence_chars": "60"}) as harness:
        assert (await harness.ask("say Well yes of course, that is what I meant to say.")).notes == ["split: clause"]
        assert "split: too_long" in (await harness.ask(f"say {LONG_SENTENCE}")).notes
        assert (await harness.ask("say Yes.")).notes == []
