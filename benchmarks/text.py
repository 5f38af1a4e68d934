"""What the text path costs a token, and how much earlier than its sentence the first piece leaves.

The baseline splits on a bare regular expression and looks at the whole unfinished tail on each token: the usual way,
and the least that any splitter does while sentences are short.
"""

import random
import re
import time
from collections.abc import Callable, Iterator

from nexy_core.guard import neutralise
from nexy_core.language import detect
from nexy_core.reply import ReplyParser, SpokenText
from nexy_core.sentences import SentenceSplitter

from benchmarks.harness import Comparison, Measure

US = 1_000_000
SHORT, LONG = 1000, 8000
SPLIT_US, GROWTH, PATH_US, EARLY = 5.0, 1.3, 25.0, 0.45
WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "was",
    "for",
    "on",
    "are",
    "with",
    "as",
    "his",
    "they",
    "at",
    "be",
    "this",
    "from",
    "have",
    "by",
    "one",
    "had",
    "not",
    "but",
    "what",
]
STOP = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
OPENER = (
    "the old man walked slowly down to the river with a small boat and a very long wooden oar because he wanted to "
    "catch some fish for the people of the village who had nothing left at home"
)


def tokens(count: int, *, stops: bool) -> list[str]:
    """Words with a blank before each, as models give them; with ``stops``, sentences of twelve words."""
    chosen = random.Random(0)
    made = [f" {chosen.choice(WORDS)}" for _ in range(count)]
    if stops:
        for at in range(11, count, 12):
            made[at] += "."
            made[at - 11] = made[at - 11].title()
    return made


def per_token_us(work: Callable[[list[str]], object], count: int, *, stops: bool) -> Measure:
    given = tokens(count, stops=stops)

    def run() -> float:
        start = time.process_time()
        work(given)
        return US * (time.process_time() - start) / count

    return run


def split(given: list[str]) -> list[str]:
    splitter = SentenceSplitter(max_chars=300)
    return [piece for token in given for piece in splitter.feed(token)] + splitter.close()


def split_naively(given: list[str]) -> list[str]:
    tail, pieces = "", []
    for token in given:
        tail += token
        *whole, tail = STOP.split(tail)
        pieces += whole
    return [*pieces, tail]


def whole_path(given: list[str]) -> list[str]:
    """From the model's token to the checked chunk: parser, splitter, language, guard."""
    parser, splitter = ReplyParser(session_id="s", actions=()), SentenceSplitter(max_chars=300)
    chunks = []
    for token in given:
        for event in parser.feed(token):
            if isinstance(event, SpokenText):
                for piece in splitter.feed(event.text):
                    detect(piece, "en")
                    chunks.append(neutralise(piece))
    return chunks


def tokens_to_first_piece(*, eager: bool) -> Measure:
    """How many tokens of a 40-word opening come before its first piece; at a steady rate that is its time."""

    def run() -> float:
        splitter = SentenceSplitter(max_chars=300, eager_first=eager)
        given = [*(f" {word}" for word in OPENER.split()), ".", " Then"]
        return next(count for count, token in enumerate(given, 1) if splitter.feed(token))

    return run


def comparisons() -> Iterator[Comparison]:
    for stops, kind in ((True, "sentences"), (False, "no full stop")):
        ours, naive = per_token_us(split, SHORT, stops=stops), per_token_us(split_naively, SHORT, stops=stops)
        yield Comparison(f"split, {kind}", "CPU us/token", ours, naive, "regex on the tail", at_most=SPLIT_US)
        yield Comparison(
            f"split {LONG} tokens, {kind}",
            "CPU us/token",
            per_token_us(split, LONG, stops=stops),
            ours,
            f"{SHORT} tokens",
            at_most=SPLIT_US,
            ratio_at_most=GROWTH,
        )
    path, alone = per_token_us(whole_path, LONG, stops=True), per_token_us(split, LONG, stops=True)
    yield Comparison("parse, split, detect, guard", "CPU us/token", path, alone, "split alone", at_most=PATH_US)
    early, whole = tokens_to_first_piece(eager=True), tokens_to_first_piece(eager=False)
    yield Comparison(
        "first piece of a 40-word opening", "tokens", early, whole, "its sentence", rounds=1, ratio_at_most=EARLY
    )
