"""Short-term memory: the last exchanges of each conversation, in process memory, bounded in number, size and age."""

from collections import OrderedDict
from collections.abc import Iterable

import attrs

from nexy_core import Exchange
from nexy_memory.confidential import redact

EXCHANGE_CHARS_MAX = 8_000
_SECRET_CHARS_MAX = 500
_BYTES_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens a model sees in ``text``: a Cyrillic letter weighs twice a Latin one."""
    return len(text.encode(errors="replace")) // _BYTES_PER_TOKEN + 1


@attrs.frozen
class Remembered:
    """An exchange and where it stands."""

    exchange: Exchange
    session_id: str
    turn_id: str
    generation: int
    at: float


@attrs.define
class _Conversation:
    turns: list[Remembered] = attrs.field(factory=list)
    last_at: float = 0.0
    summary: str = ""
    summarised: set[str] = attrs.field(factory=set)


@attrs.define
class Recent:
    """Conversations by key; the one unused longest makes room for a new one."""

    conversations_max: int
    turns_max: int
    ttl_seconds: float
    epoch: int = 0
    """Grows when something is forgotten: what was read before may hold it."""
    _by_key: OrderedDict[str, _Conversation] = attrs.field(factory=OrderedDict, init=False)

    def add(self, key: str, turn: Remembered) -> None:
        """Keep ``turn``, in the order of generations within its session; the same turn twice counts once."""
        self.expire(turn.at)
        conversation = self._by_key.setdefault(key, _Conversation())
        if turn.turn_id in [known.turn_id for known in conversation.turns]:
            return
        conversation.turns.insert(_place(conversation.turns, turn), turn)
        del conversation.turns[: -self.turns_max]
        conversation.last_at = max(conversation.last_at, turn.at)
        self._by_key.move_to_end(key)
        self._shrink()

    def _shrink(self) -> None:
        while len(self._by_key) > self.conversations_max:
            self._by_key.popitem(last=False)

    def turns(self, key: str, *, now: float) -> list[Remembered]:
        """The conversation so far, oldest first; empty when it has expired."""
        conversation = self._by_key.get(key)
        if conversation is None or conversation.last_at + self.ttl_seconds < now:
            self._by_key.pop(key, None)
            return []
        return list(conversation.turns)

    def knows(self, key: str) -> bool:
        """Whether anything is kept for ``key``."""
        return key in self._by_key

    def visit(self, key: str, now: float) -> None:
        """Note that ``key`` has been looked up, whether or not anything is known of it."""
        self._by_key.setdefault(key, _Conversation(last_at=now))
        self._shrink()

    def keep(self, key: str, turn_ids: Iterable[str]) -> int:
        """Drop every turn of ``key`` that is not among ``turn_ids``; returns how many went."""
        self.epoch += 1
        conversation = self._by_key.get(key)
        if conversation is None:
            return 0
        wanted = set(turn_ids)
        before = len(conversation.turns)
        conversation.turns = [turn for turn in conversation.turns if turn.turn_id in wanted]
        conversation.summary = ""  # it may say what is to go
        conversation.summarised.clear()
        if not conversation.turns:
            del self._by_key[key]
        return before - len(conversation.turns)

    def summary(self, key: str) -> str:
        """What a model made of the turns that no longer fit; "" for nothing."""
        conversation = self._by_key.get(key)
        return conversation.summary if conversation else ""

    def summarise(self, key: str, summary: str, turn_ids: set[str]) -> None:
        """Keep a summary of ``turn_ids``, unless one of them was forgotten while it was made."""
        conversation = self._by_key.get(key)
        if conversation is not None and turn_ids <= {turn.turn_id for turn in conversation.turns}:
            conversation.summary = summary
            conversation.summarised = turn_ids

    def unsummarised(self, key: str, *, tokens_max: int) -> list[Remembered]:
        """The turns that no longer fit into ``tokens_max`` and are in no summary yet, oldest first."""
        conversation = self._by_key.get(key)
        if conversation is None:
            return []
        fitting = len(within_budget(conversation.turns, turns_max=len(conversation.turns), tokens_max=tokens_max))
        older = conversation.turns[: len(conversation.turns) - fitting]
        return older if any(turn.turn_id not in conversation.summarised for turn in older) else []

    def forget(self, key: str) -> int:
        """Drop the conversation; returns how many turns went."""
        self.epoch += 1
        conversation = self._by_key.pop(key, None)
        return len(conversation.turns) if conversation else 0

    def expire(self, now: float) -> None:
        """Drop what is past its time. Least recently used first, so it stops at the first live one."""
        while self._by_key:
            key, conversation = next(iter(self._by_key.items()))
            if conversation.last_at + self.ttl_seconds >= now:
                return
            del self._by_key[key]

    def __len__(self) -> int:
        return len(self._by_key)


def _place(turns: list[Remembered], turn: Remembered) -> int:
    """Where ``turn`` belongs: before the later generations of its own session, else last."""
    place = len(turns)
    for index in range(len(turns) - 1, -1, -1):
        known = turns[index]
        if known.session_id == turn.session_id:
            if known.generation <= turn.generation:
                break  # those before it are of earlier generations still
            place = index
    return place


def within_budget(turns: Iterable[Remembered], *, turns_max: int, tokens_max: int) -> list[Exchange]:
    """The newest exchanges that fit, oldest first. Of the very last one at least the beginning: "go on" needs it."""
    chosen: list[Exchange] = []
    left = tokens_max
    for turn in list(turns)[::-1][:turns_max]:
        cost = estimate_tokens(turn.exchange.prompt) + estimate_tokens(turn.exchange.answer)
        if cost > left and not chosen:
            return [part] if (part := _beginning(turn.exchange, left)) else []
        left -= cost
        if left < 0:
            break
        chosen.append(turn.exchange)
    return chosen[::-1]


def _beginning(exchange: Exchange, tokens_max: int) -> Exchange | None:
    """Half of the room for the question at most, the rest for the answer; ``None`` where that is nothing."""
    prompt = _cut(exchange.prompt, tokens_max // 2)
    answer = _cut(exchange.answer, tokens_max - estimate_tokens(prompt))
    return attrs.evolve(exchange, prompt=prompt, answer=answer) if prompt and answer else None


def _cut(text: str, tokens_max: int) -> str:
    tokens = estimate_tokens(text)
    if tokens <= tokens_max:
        return text
    kept = text[: max(0, len(text) * (tokens_max - 1) // tokens)]
    return f"{kept}…" if kept else ""


def kept(text: str) -> str:
    """What may be kept of ``text``: its first ``EXCHANGE_CHARS_MAX`` characters without secrets.

    Looked at a little further than is kept, or half of a secret at the cut would pass.
    """
    return redact(storable(text[: EXCHANGE_CHARS_MAX + _SECRET_CHARS_MAX]))[:EXCHANGE_CHARS_MAX]


def storable(text: str) -> str:
    """``text`` without what a database refuses: PostgreSQL takes no NUL, and neither takes half a surrogate pair."""
    if text.isprintable():
        return text
    return text.replace("\0", " ").encode(errors="replace").decode()
